"""The Wasserstein-2 distance of two sets of features, each taken for a Gaussian."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from .style import Loss, MovingAverage, Samples, gram, mixed, summed_product

RANK = 64  # directions in which two sets of features are compared one by one
LIFT = 1e-4  # of the mean variance: what the diagonal is lifted by for its eigenvectors
LEFT = 1e-4  # of the style's mean square: the least that features are taken to vary in all the rest
FLAT = 1e-6  # of the style's squared covariance: directions with less vary too little to be carried over
SCALE = 8.0  # brings the distance, which is small even for features far apart, to the other losses' size


def gaussian_loss(layers: list[Samples]) -> Loss:
    """Wasserstein-2 distance of Gaussians with the features' means and covariances, relative to the style's.

    |m − m*|² + tr(S + S* − 2 (S*^½ S S*^½)^½), the Bures metric, times SCALE, which it is for features
    that are all zero. The root is exact in the RANK directions along which the style varies most; of the
    rest its variance alone counts, as if it were the same in all of them: the eigenvectors of hundreds of
    channels would take as long as the network. Most of it is done for all layers at once, filled up with
    zeros to the same number of channels C and directions K.
    """
    statistics = [_statistics(style) for style in layers]
    means = _stacked([one.mean for one in statistics])  # (L, C)
    bases = _stacked([one.axes for one in statistics])  # (L, C, K)
    kept = _stacked([one.kept for one in statistics], 1.0)  # (L, K)
    size, total, rest, least = (
        torch.stack([getattr(one, name) for one in statistics]) for name in ("size", "total", "rest", "least")
    )
    spare = torch.tensor([kept.shape[1] - len(one.kept) for one in statistics], device=kept.device)
    none = spare * least.sqrt()  # what directions that only fill up add to the trace of the root
    axes = [one.axes.to(style[0][0].dtype) for one, style in zip(statistics, layers, strict=True)]
    average = MovingAverage()

    def compare(found: Tensor, shown: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        square, mean, product = average(found, shown[:, None]).tensor_split([1, 1 + means.shape[1]], 1)
        square, product = square[:, 0], product.view(*kept.shape, -1)
        along = (mean[:, None] @ bases)[:, 0]
        inner = product - along[:, :, None] * along[:, None]
        inverse, trace = _inverse_root(inner, least)
        variance = square - mean.square().sum(1)
        left = (variance - (inner.diagonal(0, 1, 2) / kept).sum(1)).clamp_min(LEFT * size)
        # tr(M^½) is the least of (tr(B M) + tr(B⁻¹)) / 2, at B = M^-½: with B held, its slope is exact.
        twice = (inverse * inner).sum((1, 2)) + trace - none + 2 * (left * rest).sqrt()
        scale = SCALE * shown / size
        value = scale @ ((mean - means).square().sum(1) + variance + total - twice)
        pull = (rest / left).sqrt()
        by_product = torch.diag_embed(pull[:, None] / kept) - inverse
        back = (bases @ (by_product @ along[:, :, None]))[:, :, 0]
        by_mean = 2 * (pull[:, None] * mean - means - back)
        pulls = torch.cat([by_mean[:, None], 2 * by_product @ bases.mT], 1)
        return value, scale[:, None, None] * pulls, 2 * scale * (1 - pull)

    def loss(features: list[Tensor], weights: list[Tensor]) -> Tensor:
        value: Tensor = _OfSums.apply(compare, axes, weights, *features)  # type: ignore[no-untyped-call]
        return value

    return loss


# L layers' weighted means (L, 1 + C + K · K), of features' squared length, of features, and of their products
# along the axes; and which layers show anything (L,). → The distance (), pulls (L, 1 + K, C), stretches (L,):
# a feature f of weight w, at a along the axes, has the gradient w · ((1, a) @ pulls + stretch · f).
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
        value, pulls, stretches = compare(sums * shares[:, None], (weight > 0).float())
        ctx.save_for_backward(pulls * shares[:, None, None], stretches * shares)
        ctx.layers = [(one.flat, one.heavy, f.shape) for one, f in zip(found, features, strict=True)]
        return value

    @staticmethod
    def backward(ctx: Any, *outputs: Tensor) -> tuple[Tensor | None, ...]:
        kind = ctx.layers[0][0].dtype
        pulls, stretches = ((outputs[0] * saved).to(kind) for saved in ctx.saved_tensors)
        gradients = []
        for (flat, heavy, shape), pull, stretch in zip(ctx.layers, pulls, stretches, strict=True):
            found = heavy @ pull[: heavy.shape[1], : flat.shape[1]]
            found.addcmul_(flat, heavy[:, :1] * stretch)
            gradients.append(found.view(shape[0], *shape[2:], -1).permute(0, 3, 1, 2))
        return None, None, None, *gradients


@dataclass(frozen=True)
class _Sums:
    """Of a layer's N features: they, weighted, and their weighted sums."""

    flat: Tensor  # (N, C)
    heavy: Tensor  # (N, 1 + K): their weights, and their places along the axes, weighted
    weight: Tensor  # (): the sum of weights
    square: Tensor  # (): of squared lengths
    mean: Tensor  # (C,): of features
    product: Tensor  # (K, K): of outer products along the axes


def _sums(features: Tensor, weights: Tensor, axes: Tensor) -> _Sums:
    """Of `features` (B, C, H, W), weighted by (B, H, W), along `axes` (C, K)."""
    flat = features.permute(0, 2, 3, 1).flatten(0, 2)
    light = weights.to(flat.dtype).reshape(-1, 1)
    along = flat @ axes.to(flat.dtype)
    heavy = torch.cat([light, light * along], 1)
    square = torch.linalg.vector_norm(flat, dim=1).float().square() @ light[:, 0].float()
    weight, mean = light.sum(dtype=torch.float32), summed_product(light, flat)[0]
    return _Sums(flat, heavy, weight, square, mean, summed_product(along, heavy[:, 1:]))


@dataclass(frozen=True)
class _Statistics:
    """Statistics of a layer of the style; all but the first three are ()."""

    mean: Tensor  # (C,)
    axes: Tensor  # (C, K): along them a product of features is S*^½ S S*^½
    kept: Tensor  # (K,): the style's variance along each
    size: Tensor  # its mean square
    total: Tensor  # its variance
    rest: Tensor  # what of that no axis holds
    least: Tensor  # that an eigenvalue counts as


def _statistics(style: Samples) -> _Statistics:
    mean = mixed([(features.float().mean((0, 2, 3)), share) for features, share in style])
    covariance = mixed([(gram(features), share) for features, share in style]) - torch.outer(mean, mean)
    values, vectors = _eigen(covariance)
    values = values.clamp_min(0)
    size = (mean.square().sum() + values.sum()).clamp_min(1e-12)
    kept = values[-RANK:].clamp_min(1e-12 * size)
    least = (FLAT * kept.square().sum()).clamp_min(1e-30)
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
    """(L, …): all filled up to the size of the largest."""
    shape = [max(sides) for sides in zip(*(value.shape for value in values), strict=True)]

    def filled(value: Tensor) -> Tensor:
        gaps = [(0, most - side) for side, most in zip(value.shape, shape, strict=True)]
        return F.pad(value, [n for gap in reversed(gaps) for n in gap], value=filling)

    return torch.stack([value if list(value.shape) == shape else filled(value) for value in values])


def _inverse_root(matrices: Tensor, least: Tensor) -> tuple[Tensor, Tensor]:
    """M^-½ of symmetric `matrices` M (L, K, K), and the traces (L,) of M^½.

    Their eigenvalues count as `least` (L,) at least.
    """
    # The loss itself will tell of what is no number.
    values, vectors = _eigen(matrices.nan_to_num(0.0, 0.0, 0.0))
    roots = values.clamp_min(least[:, None]).sqrt()
    return (vectors / roots[:, None]) @ vectors.mT, roots.sum(1)


def _eigen(matrices: Tensor) -> tuple[Tensor, Tensor]:
    """Eigenvalues and -vectors, on one thread: more gain nothing, and wait for ever on a busy machine.

    The diagonal is lifted meanwhile: LAPACK may fail where many channels are dead, and it changes nothing.
    """
    lift = (LIFT * matrices.diagonal(0, -2, -1).abs().mean(-1, keepdim=True)).clamp_min(1e-20)
    lifted = matrices.clone()
    lifted.diagonal(0, -2, -1).add_(lift)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        values, vectors = torch.linalg.eigh(lifted)
    finally:
        torch.set_num_threads(threads)
    return values - lift, vectors
