"""The Wasserstein-2 distance of two sets of features, each taken for a Gaussian."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from .style import Loss, MovingAverage, Samples, gram, mixed, summed_product

RANK = 64  # axes along which two sets of features are compared one by one
DIAGONAL_LIFT = 1e-4  # added to the diagonal while eigenvectors are computed, relative to its mean
MIN_REST_VARIANCE = 1e-4  # of what varies outside those axes, relative to the style's mean square
MIN_EIGENVALUE = 1e-6  # of S*^½ S S*^½, relative to ‖S*‖²
DISTANCE_SCALE = 8.0  # brings the distance, small even for features far apart, to the other losses' size


def gaussian_loss(layers: list[Samples], decay: float, weights: Sequence[float]) -> Loss:
    """Make the Wasserstein-2 distance of Gaussians with the features' means and covariances.

    |m − m*|² + tr(S + S* − 2 (S*^½ S S*^½)^½), the Bures metric, relative to the style's mean square and
    scaled so that features that are all zero have DISTANCE_SCALE. The root is exact along the RANK axes on
    which the style varies most; of the rest the variance alone counts, as if it were the same along all of
    them: the eigenvectors of hundreds of channels would take as long as the network. Most of it is done for
    all layers at once, filled up with zeros to the same number of channels C and axes K.
    """
    statistics = [_statistics(style) for style in layers]
    means = _stacked([one.mean for one in statistics])  # (L, C)
    bases = _stacked([one.axes for one in statistics])  # (L, C, K)
    kept = _stacked([one.kept for one in statistics], 1.0)  # (L, K)
    size, total, rest, least = (
        torch.stack([getattr(one, name) for one in statistics]) for name in ("size", "total", "rest", "least")
    )
    shares = torch.tensor(weights, device=kept.device)
    spare = torch.tensor([kept.shape[1] - len(one.kept) for one in statistics], device=kept.device)
    none = spare * least.sqrt()  # what directions that only fill up add to the trace of the root
    axes = [one.axes.to(style[0][0].dtype) for one, style in zip(statistics, layers, strict=True)]
    average = MovingAverage(decay)

    def compare(found: Tensor, shown: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        square, mean, product = average(found, shown[:, None]).tensor_split([1, 1 + means.shape[1]], 1)
        square, product = square[:, 0], product.view(*kept.shape, -1)
        along = (mean[:, None] @ bases)[:, 0]
        inner = product - along[:, :, None] * along[:, None]
        inverse, trace = _inverse_root(inner, least)
        variance = square - mean.square().sum(1)
        left = (variance - (inner.diagonal(0, 1, 2) / kept).sum(1)).clamp_min(MIN_REST_VARIANCE * size)
        # tr(M^½) is the least of (tr(B M) + tr(B⁻¹)) / 2, at B = M^-½: with B held, its slope is exact.
        twice = (inverse * inner).sum((1, 2)) + trace - none + 2 * (left * rest).sqrt()
        scale = DISTANCE_SCALE * shares * shown / size
        value = scale @ ((mean - means).square().sum(1) + variance + total - twice)
        ratio = (rest / left).sqrt()
        by_product = torch.diag_embed(ratio[:, None] / kept) - inverse
        back = (bases @ (by_product @ along[:, :, None]))[:, :, 0]
        by_mean = 2 * (ratio[:, None] * mean - means - back)
        by_sums = torch.cat([by_mean[:, None], 2 * by_product @ bases.mT], 1)
        return value, scale[:, None, None] * by_sums, 2 * scale * (1 - ratio)

    def loss(features: list[Tensor], weights: list[Tensor]) -> Tensor:
        value: Tensor = _OfSums.apply(compare, axes, weights, *features)  # type: ignore[no-untyped-call]
        return value

    return loss


# L layers' weighted means (L, 1 + C + K · K), of features' squared length, of features, and of their products
# along the axes; and which layers show anything (L,). → The distance (), and its gradients by those means: by
# features and products (L, 1 + K, C), by squared lengths (L,). A feature f of weight w, with the coordinates
# a along the axes, so has the gradient w · ((1, a) @ by_sums + by_square · f).
Compare = Callable[[Tensor, Tensor], tuple[Tensor, Tensor, Tensor]]


class _OfSums(torch.autograd.Function):
    """What `compare` makes of features' weighted means; autograd's way back is hundreds of small steps."""

    @staticmethod
    def forward(
        ctx: Any, compare: Compare, axes: list[Tensor], weights: list[Tensor], *features: Tensor
    ) -> Tensor:
        found = [_sums(*layer) for layer in zip(features, weights, axes, strict=True)]
        squares = torch.stack([one.square for one in found])[:, None]
        means, products = (_stacked([getattr(one, name) for one in found]) for name in ("mean", "product"))
        weight = torch.stack([one.weight for one in found])
        shares = 1 / weight.clamp_min(1e-6)
        sums = torch.cat([squares, means, products.flatten(1)], 1)
        value, by_sums, by_squares = compare(sums * shares[:, None], (weight > 0).float())
        ctx.save_for_backward(by_sums * shares[:, None, None], by_squares * shares)
        ctx.layers = [(one.flat, one.weighted, f.shape) for one, f in zip(found, features, strict=True)]
        return value

    @staticmethod
    def backward(ctx: Any, *outputs: Tensor) -> tuple[Tensor | None, ...]:
        kind = ctx.layers[0][0].dtype
        by_sums, by_squares = ((outputs[0] * saved).to(kind) for saved in ctx.saved_tensors)
        gradients = []
        for (flat, weighted, shape), by_sum, by_square in zip(ctx.layers, by_sums, by_squares, strict=True):
            found = weighted @ by_sum[: weighted.shape[1], : flat.shape[1]]
            found.addcmul_(flat, weighted[:, :1] * by_square)
            gradients.append(found.view(shape[0], *shape[2:], -1).permute(0, 3, 1, 2))
        return None, None, None, *gradients


@dataclass(frozen=True)
class _Sums:
    """N features of a layer, and their weighted sums."""

    flat: Tensor  # (N, C)
    weighted: Tensor  # (N, 1 + K): their weights, and their coordinates along the axes times these
    weight: Tensor  # (): the sum of weights
    square: Tensor  # (): of squared lengths
    mean: Tensor  # (C,): of features
    product: Tensor  # (K, K): of outer products along the axes


def _sums(features: Tensor, weights: Tensor, axes: Tensor) -> _Sums:
    """Sum `features` (B, C, H, W) by `weights` (B, H, W), and their products along `axes` (C, K)."""
    flat = features.permute(0, 2, 3, 1).flatten(0, 2)
    column = weights.to(flat.dtype).reshape(-1, 1)
    along = flat @ axes.to(flat.dtype)
    weighted = torch.cat([column, column * along], 1)
    square = torch.linalg.vector_norm(flat, dim=1).float().square() @ column[:, 0].float()
    weight, mean = column.sum(dtype=torch.float32), summed_product(column, flat)[0]
    return _Sums(flat, weighted, weight, square, mean, summed_product(along, weighted[:, 1:]))


@dataclass(frozen=True)
class _Statistics:
    """Statistics of a layer of the style; shapes are () but for the first three."""

    mean: Tensor  # (C,)
    axes: Tensor  # (C, K): along them a product of features is S*^½ S S*^½
    kept: Tensor  # (K,): the style's variance along each
    size: Tensor  # its mean square
    total: Tensor  # its variance
    rest: Tensor  # the part of that which no axis holds
    least: Tensor  # the lower bound of eigenvalues (MIN_EIGENVALUE)


def _statistics(style: Samples) -> _Statistics:
    mean = mixed([(features.float().mean((0, 2, 3)), share) for features, share in style])
    covariance = mixed([(gram(features), share) for features, share in style]) - torch.outer(mean, mean)
    values, vectors = _eigen(covariance)
    values = values.clamp_min(0)
    size = (mean.square().sum() + values.sum()).clamp_min(1e-12)
    kept = values[-RANK:].clamp_min(1e-12 * size)
    least = (MIN_EIGENVALUE * kept.square().sum()).clamp_min(1e-30)
    return _Statistics(
        mean,
        vectors[:, -RANK:] * kept.sqrt(),
        kept,
        size,
        values.sum(),
        values[:-RANK].sum(),
        least,
    )


def _stacked(values: list[Tensor], filling: float = 0.0) -> Tensor:
    """Stack `values`, filled up with `filling` to the size of the largest: (L, …)."""
    shape = [max(sides) for sides in zip(*(value.shape for value in values), strict=True)]

    def filled(value: Tensor) -> Tensor:
        gaps = [(0, most - side) for side, most in zip(value.shape, shape, strict=True)]
        return F.pad(value, [n for gap in reversed(gaps) for n in gap], value=filling)

    return torch.stack([value if list(value.shape) == shape else filled(value) for value in values])


def _inverse_root(matrices: Tensor, least: Tensor) -> tuple[Tensor, Tensor]:
    """Compute M^-½ of symmetric `matrices` M (L, K, K), and the traces (L,) of M^½.

    `least` (L,) is a lower bound of their eigenvalues.
    """
    # The loss itself will tell of what is no number.
    values, vectors = _eigen(matrices.nan_to_num(0.0, 0.0, 0.0))
    roots = values.clamp_min(least[:, None]).sqrt()
    return (vectors / roots[:, None]) @ vectors.mT, roots.sum(1)


def _eigen(matrices: Tensor) -> tuple[Tensor, Tensor]:
    """Compute eigenvalues and -vectors of symmetric `matrices` (…, K, K).

    On one thread: more gain nothing, and wait for ever on a busy machine. The diagonal is lifted meanwhile,
    which changes no eigenvector, since LAPACK may fail where many channels are dead.
    """
    lift = (DIAGONAL_LIFT * matrices.diagonal(0, -2, -1).abs().mean(-1, keepdim=True)).clamp_min(1e-20)
    lifted = matrices.clone()
    lifted.diagonal(0, -2, -1).add_(lift)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        values, vectors = torch.linalg.eigh(lifted)
    finally:
        torch.set_num_threads(threads)
    return values - lift, vectors
