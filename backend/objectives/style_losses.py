"""Four ways to say that two sets of features look alike, behind one interface.

A maker is given layers of the style images, for each [(features (1, C, H, W), share), …]; what it gives
back scores a batch of views: for each layer, features (B, C, h, w) and weights (B, h, w) → the sum of
losses without dimension, 0 where the statistics agree. Each takes the past views into account where its
statistics can be averaged.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from .style import MovingAverage, gram, moments, relative_error

Samples = list[tuple[Tensor, float]]
Loss = Callable[[list[Tensor], list[Tensor]], Tensor]
LayerLoss = Callable[[Tensor, Tensor], Tensor]

DIRECTIONS = 64  # of a sliced distance
PIXELS = 2048  # that stand for a layer where all would be too many
LIFT = 1e-4  # of the mean variance: what the diagonal is lifted by for its eigenvectors
RANK = 64  # directions in which two looks are compared one by one
LEFT = 1e-4  # of the style's mean square: the least that features are taken to vary in all the rest
FLAT = 1e-6  # of the style's squared covariance: directions with less vary too little to be carried over
GAUSSIAN = 8.0  # brings that distance, which is small even for looks far apart, to the others' size


def make(kind: str, layers: list[Samples]) -> Loss:
    """The loss called `kind` (one of protocol.STYLE_LOSSES)."""
    return MAKERS[kind](layers)


def gram_loss(style: Samples) -> LayerLoss:
    """Relative squared error of Gram matrices (Gatys et al. 2015)."""
    target = _mix([(gram(features), share) for features, share in style])
    average = MovingAverage()

    def loss(features: Tensor, weights: Tensor) -> Tensor:
        shown = weights.any().float()
        found = moments(features, weights).product
        return relative_error(average(found, shown), target) * shown

    return loss


def gaussian_loss(layers: list[Samples]) -> Loss:
    """Wasserstein-2 distance of Gaussians with the features' means and covariances, relative to the style's.

    |m − m*|² + tr(S + S* − 2 (S*^½ S S*^½)^½), the Bures metric, times GAUSSIAN, which it is for features
    that are all zero. The root is exact in the RANK directions along which the style varies most; of the
    rest its variance alone counts, as if it were the same in all of them: the eigenvectors of hundreds of
    channels would take as long as the network. All layers are computed at once, filled up with zeros to
    the same number of channels C and directions K.
    """
    looks = [_gaussian(style) for style in layers]
    means = _stacked([look.mean for look in looks])  # (L, C)
    bases = _stacked([look.axes for look in looks])  # (L, C, K)
    kept = _stacked([look.kept for look in looks], 1.0)  # (L, K)
    size, total, rest, least = (
        torch.stack([getattr(look, name) for look in looks]) for name in ("size", "total", "rest", "least")
    )
    axes = [look.axes.to(style[0][0].dtype) for look, style in zip(looks, layers, strict=True)]
    spare = torch.tensor([kept.shape[1] - len(look.kept) for look in looks], device=kept.device)
    none = spare * least.sqrt()  # what directions that only fill up add to the trace of the root
    average = MovingAverage()

    def loss(features: list[Tensor], weights: list[Tensor]) -> Tensor:
        found = [moments(f, w, along) for f, w, along in zip(features, weights, axes, strict=True)]
        products, seen = _stacked([f.product for f in found]), _stacked([f.mean for f in found])
        squares = torch.stack([f.square for f in found])
        with torch.no_grad():  # the gradient in closed form: autograd's would be a hundred tiny operations
            shown = torch.stack([w.any() for w in weights]).float()
            parts = [squares[:, None], seen, products.flatten(1)]
            flat = average(torch.cat(parts, 1), shown[:, None])
            square, mean, product = flat.tensor_split([1, 1 + means.shape[1]], 1)
            square, product = square[:, 0], product.view_as(products)
            along = (mean[:, None] @ bases)[:, 0]
            inner = product - along[:, :, None] * along[:, None]
            inverse, trace = _inverse_root(inner, least)
            variance = square - mean.square().sum(1)
            left = (variance - (inner.diagonal(0, 1, 2) / kept).sum(1)).clamp_min(LEFT * size)
            # tr(M^½) is the least of (tr(B M) + tr(B⁻¹)) / 2, at B = M^-½: with B held, its slope is exact.
            twice = (inverse * inner).sum((1, 2)) + trace - none + 2 * (left * rest).sqrt()
            pull = (rest / left).sqrt()
            by_product = torch.diag_embed(pull[:, None] / kept) - inverse
            back = (bases @ (by_product @ along[:, :, None]))[:, :, 0]
            by_mean = 2 * (pull[:, None] * mean - means - back)
            scale = GAUSSIAN * shown / size
            value: Tensor = scale @ ((mean - means).square().sum(1) + variance + total - twice)
        slope = (by_product * products).sum((1, 2)) + (by_mean * seen).sum(1) + (1 - pull) * squares
        slope = scale @ slope
        return value + (slope - slope.detach())

    return loss


@dataclass(frozen=True)
class _Gaussian:
    """What a layer of the style looks like; all but the first three are ()."""

    mean: Tensor  # (C,)
    axes: Tensor  # (C, K): along them a product of features is S*^½ S S*^½
    kept: Tensor  # (K,): the style's variance along each
    size: Tensor  # its mean square
    total: Tensor  # its variance
    rest: Tensor  # what of that no axis holds
    least: Tensor  # that an eigenvalue counts as


def _gaussian(style: Samples) -> _Gaussian:
    mean = _mix([(features.float().mean((0, 2, 3)), share) for features, share in style])
    covariance = _mix([(gram(features), share) for features, share in style]) - torch.outer(mean, mean)
    values, vectors = _eigen(covariance)
    values = values.clamp_min(0)
    size = (mean.square().sum() + values.sum()).clamp_min(1e-12)
    kept = values[-RANK:].clamp_min(1e-12 * size)
    least = (FLAT * kept.square().sum()).clamp_min(1e-30)
    return _Gaussian(
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

    return torch.stack([filled(value) for value in values])


def sliced_loss(style: Samples) -> LayerLoss:
    """Sliced Wasserstein-2 distance of equally many features of either (Heitz et al. 2021), relative.

    PIXELS of the view, drawn by weight, against PIXELS of the style, along DIRECTIONS random lines.
    """
    pools = [_columns(features) for features, _ in style]
    shares = [share for _, share in style]
    size = _mix([(pool.square().sum(0).mean(), share) for pool, share in zip(pools, shares, strict=True)])
    dice = _dice(size.device)

    def loss(features: Tensor, weights: Tensor) -> Tensor:
        seen = _drawn(features, weights, dice)
        counts = [round(len(seen) * share) for share in shares[1:]]
        counts.insert(0, len(seen) - sum(counts))
        wanted = torch.cat([_some(pool, n, dice) for pool, n in zip(pools, counts, strict=True)], 1)
        lines = torch.randn(DIRECTIONS, seen.shape[1], device=seen.device, generator=dice)
        lines = lines / lines.norm(dim=1, keepdim=True)
        with torch.autocast(seen.device.type, enabled=False):
            found, goal = (lines @ seen.T).sort(1).values, (lines @ wanted).sort(1).values
        distance: Tensor = (found - goal).square().mean() * seen.shape[1] / size.clamp_min(1e-12)
        return distance * weights.any()

    return loss


def nearest_loss(style: Samples) -> LayerLoss:
    """Mean cosine distance of features to the style's nearest (Kolkin et al. 2022), both centred there."""
    pools = [_columns(features) for features, _ in style]
    center = _mix([(pool.mean(1), share) for pool, (_, share) in zip(pools, style, strict=True)])
    counts = [max(1, round(PIXELS * share)) for _, share in style]
    dice = _dice(center.device)
    kept = torch.cat([_some(pool, n, dice) for pool, n in zip(pools, counts, strict=True)], 1)
    wanted = torch.nn.functional.normalize((kept - center[:, None]), dim=0)

    def loss(features: Tensor, weights: Tensor) -> Tensor:
        seen = torch.nn.functional.normalize(_drawn(features, weights, dice) - center, dim=1)
        with torch.autocast(seen.device.type, enabled=False):
            with torch.no_grad():
                match = (seen @ wanted).argmax(1)
            distance: Tensor = 1 - (seen * wanted.T[match]).sum(1).mean()
            return distance * weights.any()

    return loss


def _layer_by_layer(maker: Callable[[Samples], LayerLoss]) -> Callable[[list[Samples]], Loss]:
    def make(layers: list[Samples]) -> Loss:
        losses = [maker(style) for style in layers]

        def loss(features: list[Tensor], weights: list[Tensor]) -> Tensor:
            return torch.stack([one(f, w) for one, f, w in zip(losses, features, weights, strict=True)]).sum()

        return loss

    return make


MAKERS: dict[str, Callable[[list[Samples]], Loss]] = {
    "gram": _layer_by_layer(gram_loss),
    "gaussian": gaussian_loss,
    "sliced": _layer_by_layer(sliced_loss),
    "nearest": _layer_by_layer(nearest_loss),
}


def _mix(values: list[tuple[Tensor, float]]) -> Tensor:
    return torch.stack([value * share for value, share in values]).sum(0)


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
    lifted = matrices + lift[..., None] * torch.eye(matrices.shape[-1], device=matrices.device)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        values, vectors = torch.linalg.eigh(lifted)
    finally:
        torch.set_num_threads(threads)
    return values - lift, vectors


def _columns(features: Tensor) -> Tensor:
    """(C, N) float32."""
    return features.float().flatten(2)[0]


def _dice(device: torch.device) -> torch.Generator | None:
    """A loss's own on a processor, where losses are computed side by side: which is first must not matter."""
    return torch.Generator().manual_seed(int(torch.randint(2**62, ()))) if device.type == "cpu" else None


def _some(pool: Tensor, count: int, dice: torch.Generator | None) -> Tensor:
    """(C, count) of the columns of `pool` (C, N)."""
    some: Tensor = pool[:, torch.randint(pool.shape[1], (count,), device=pool.device, generator=dice)]
    return some


def _drawn(features: Tensor, weights: Tensor, dice: torch.Generator | None) -> Tensor:
    """(N, C) float32: units of `features` drawn by weight, N at most PIXELS and no more than there are."""
    flat = features.permute(0, 2, 3, 1).flatten(0, 2)
    chances = weights.flatten() + 1e-9  # so that there is something to draw where nothing counts
    chosen = torch.multinomial(chances, min(PIXELS, len(flat)), replacement=True, generator=dice)
    drawn: Tensor = flat[chosen].float()
    return drawn
