"""Four ways to say that two sets of features look alike, behind one interface.

A maker is given one layer of the style images, [(features (1, C, H, W), share), …]; what it gives back
scores a batch of views: (features (B, C, h, w), weights (B, h, w)) → a loss without dimension, 0 where
the statistics agree. Each takes the past views into account where its statistics can be averaged.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from .style import MovingAverage, gram, relative_error

Samples = list[tuple[Tensor, float]]
Loss = Callable[[Tensor, Tensor], Tensor]

DIRECTIONS = 64  # of a sliced distance
PIXELS = 2048  # that stand for a layer where all would be too many
EPSILON = 1e-4  # of the mean variance, added to each: roots need it
GRID = 56  # places along a view that are enough for the moments of its features
FLAT = 1e-6  # of the style's squared covariance: directions with less vary too little to be carried over
GAUSSIAN = 8.0  # brings that distance, which is small even for looks far apart, to the others' size


def make(kind: str, style: Samples) -> Loss:
    """The loss called `kind` (one of protocol.STYLE_LOSSES) for one layer."""
    return MAKERS[kind](style)


def gram_loss(style: Samples) -> Loss:
    """Relative squared error of Gram matrices (Gatys et al. 2015)."""
    target = _mix([(gram(features), share) for features, share in style])
    average = MovingAverage()

    def loss(features: Tensor, weights: Tensor) -> Tensor:
        features, weights = _thinned(features, weights)
        shown = weights.any().float()
        return relative_error(average(gram(features, weights), shown), target) * shown

    return loss


def gaussian_loss(style: Samples) -> Loss:
    """Wasserstein-2 distance of Gaussians with the features' means and covariances, relative to the style's.

    |m − m*|² + tr(S + S* − 2 (S*^½ S S*^½)^½), the Bures metric, times GAUSSIAN, which it is for features
    that are all zero. The root is the least of (tr(A S) + tr(A⁻¹ S*)) / 2, where A is the map that carries
    one Gaussian to the other: with A held, its gradient is exact.
    """
    target = _mix([(_moments(features, None), share) for features, share in style])
    mean, covariance = _split(target)
    root = _root(covariance)
    size = (mean.square().sum() + torch.trace(covariance)).clamp_min(1e-12)
    average = MovingAverage()

    def loss(features: Tensor, weights: Tensor) -> Tensor:
        features, weights = _thinned(features, weights)
        shown = weights.any().float()
        found_mean, found = _split(average(_moments(features, weights), shown))
        carry, least = _transport(found.detach(), root)
        spread = torch.trace(found) + torch.trace(covariance) - (carry * found).sum() - least
        return GAUSSIAN * shown * ((found_mean - mean).square().sum() + spread) / size

    return loss


def sliced_loss(style: Samples) -> Loss:
    """Sliced Wasserstein-2 distance of equally many features of either (Heitz et al. 2021), relative.

    PIXELS of the view, drawn by weight, against PIXELS of the style, along DIRECTIONS random lines.
    """
    pools = [_columns(features) for features, _ in style]
    shares = [share for _, share in style]
    size = _mix([(pool.square().sum(0).mean(), share) for pool, share in zip(pools, shares, strict=True)])

    def loss(features: Tensor, weights: Tensor) -> Tensor:
        seen = _drawn(features, weights)
        counts = [round(len(seen) * share) for share in shares[1:]]
        counts.insert(0, len(seen) - sum(counts))
        wanted = torch.cat([_some(pool, n) for pool, n in zip(pools, counts, strict=True)], 1)
        lines = torch.randn(DIRECTIONS, seen.shape[1], device=seen.device)
        lines = lines / lines.norm(dim=1, keepdim=True)
        with torch.autocast(seen.device.type, enabled=False):
            found, goal = (lines @ seen.T).sort(1).values, (lines @ wanted).sort(1).values
        distance: Tensor = (found - goal).square().mean() * seen.shape[1] / size.clamp_min(1e-12)
        return distance * weights.any()

    return loss


def nearest_loss(style: Samples) -> Loss:
    """Mean cosine distance of features to the style's nearest (Kolkin et al. 2022), both centred there."""
    pools = [_columns(features) for features, _ in style]
    center = _mix([(pool.mean(1), share) for pool, (_, share) in zip(pools, style, strict=True)])
    counts = [max(1, round(PIXELS * share)) for _, share in style]
    kept = torch.cat([_some(pool, n) for pool, n in zip(pools, counts, strict=True)], 1)
    wanted = torch.nn.functional.normalize((kept - center[:, None]), dim=0)

    def loss(features: Tensor, weights: Tensor) -> Tensor:
        seen = torch.nn.functional.normalize(_drawn(features, weights) - center, dim=1)
        with torch.autocast(seen.device.type, enabled=False):
            with torch.no_grad():
                match = (seen @ wanted).argmax(1)
            distance: Tensor = 1 - (seen * wanted.T[match]).sum(1).mean()
            return distance * weights.any()

    return loss


MAKERS: dict[str, Callable[[Samples], Loss]] = {
    "gram": gram_loss,
    "gaussian": gaussian_loss,
    "sliced": sliced_loss,
    "nearest": nearest_loss,
}


def _thinned(features: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Every second, third, … place, from a random one on: fine layers have far more than moments need."""
    step = max(1, round(max(features.shape[2:]) / GRID))
    if step == 1:
        return features, weights
    y, x = torch.randint(step, (2,)).tolist()
    thin: Tensor = _Thin.apply(features, y, x, step)  # type: ignore[no-untyped-call]
    return thin, weights[:, y::step, x::step]


class _Thin(torch.autograd.Function):
    """features[:, :, y::step, x::step], whose gradient lies in memory as convolutions have theirs."""

    @staticmethod
    def forward(ctx: Any, features: Tensor, y: int, x: int, step: int) -> Tensor:
        ctx.shape, ctx.at = features.shape, (..., slice(y, None, step), slice(x, None, step))
        return features[ctx.at]

    @staticmethod
    def backward(ctx: Any, *outputs: Tensor) -> tuple[Tensor, None, None, None]:
        (thin,) = outputs
        whole = thin.new_empty(ctx.shape).to(memory_format=torch.channels_last).zero_()
        whole[ctx.at] = thin
        return whole, None, None, None


def _mix(values: list[tuple[Tensor, float]]) -> Tensor:
    return torch.stack([value * share for value, share in values]).sum(0)


def _moments(features: Tensor, weights: Tensor | None) -> Tensor:
    """(C, C + 1): the mean outer product, and the mean in the last column; both can be averaged."""
    flat = features.float().permute(0, 2, 3, 1).flatten(0, 2)
    if weights is None:
        weights = torch.ones_like(features[:, 0], dtype=torch.float32)
    mean = weights.flatten() @ flat / weights.sum().clamp_min(1e-6)
    return torch.cat([gram(features, weights), mean[:, None]], 1)


def _split(moments: Tensor) -> tuple[Tensor, Tensor]:
    """Mean (C,) and covariance (C, C)."""
    mean = moments[:, -1]
    covariance = moments[:, :-1] - torch.outer(mean, mean)
    floor = EPSILON * torch.trace(covariance).detach() / len(mean)
    return mean, covariance + floor * torch.eye(len(mean), device=mean.device)


def _root(matrix: Tensor) -> Tensor:
    values, vectors = _eigen(matrix)
    root: Tensor = (vectors * values.clamp_min(0).sqrt()) @ vectors.T
    return root


def _eigen(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """Eigenvalues and -vectors, on one thread: more gain nothing, and wait for ever on a busy machine."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        values, vectors = torch.linalg.eigh(matrix)
    finally:
        torch.set_num_threads(threads)
    return values, vectors


def _transport(covariance: Tensor, root: Tensor) -> tuple[Tensor, Tensor]:
    """The map A (C, C) from a Gaussian of `covariance` to that of `root`², and tr(A⁻¹ root²)."""
    inner = (root @ covariance @ root).nan_to_num()  # the loss itself will tell of what is no number
    values, vectors = _eigen((inner + inner.T) / 2)
    floor = FLAT * (root @ root).square().sum()
    roots = values.clamp_min(floor.clamp_min(1e-30)).sqrt()
    half = root @ vectors
    return (half / roots) @ half.T, roots.sum()


def _columns(features: Tensor) -> Tensor:
    """(C, N) float32."""
    return features.float().flatten(2)[0]


def _some(pool: Tensor, count: int) -> Tensor:
    """(C, count) of the columns of `pool` (C, N)."""
    some: Tensor = pool[:, torch.randint(pool.shape[1], (count,), device=pool.device)]
    return some


def _drawn(features: Tensor, weights: Tensor) -> Tensor:
    """(N, C) float32: units of `features` drawn by weight, N at most PIXELS and no more than there are."""
    flat = features.permute(0, 2, 3, 1).flatten(0, 2)
    chances = weights.flatten() + 1e-9  # so that there is something to draw where nothing counts
    chosen = torch.multinomial(chances, min(PIXELS, len(flat)), replacement=True)
    drawn: Tensor = flat[chosen].float()
    return drawn
