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


def make(kind: str, style: Samples) -> Loss:
    """The loss called `kind` (one of protocol.STYLE_LOSSES) for one layer."""
    return MAKERS[kind](style)


def gram_loss(style: Samples) -> Loss:
    """Relative squared error of Gram matrices (Gatys et al. 2015)."""
    target = _mix([(gram(features), share) for features, share in style])
    average = MovingAverage()
    return lambda features, weights: relative_error(average(gram(features, weights)), target)


def gaussian_loss(style: Samples) -> Loss:
    """Wasserstein-2 distance of Gaussians with the features' means and covariances, relative to the style's.

    |m − m*|² + tr(S + S* − 2 (S*^½ S S*^½)^½), the Bures metric; 1 for features that are all zero.
    """
    target = _mix([(_moments(features, None), share) for features, share in style])
    mean, covariance = _split(target)
    root = _root(covariance)
    size = mean.square().sum() + torch.trace(covariance)
    average = MovingAverage()

    def loss(features: Tensor, weights: Tensor) -> Tensor:
        found_mean, found = _split(average(_moments(features, weights)))
        inner = root @ found @ root
        cross: Tensor = _TraceOfRoot.apply((inner + inner.T) / 2)  # type: ignore[no-untyped-call]
        spread = torch.trace(found) + torch.trace(covariance) - 2 * cross
        return ((found_mean - mean).square().sum() + spread) / size.clamp_min(1e-12)

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
    values, vectors = torch.linalg.eigh(matrix)
    root: Tensor = (vectors * values.clamp_min(0).sqrt()) @ vectors.T
    return root


class _TraceOfRoot(torch.autograd.Function):
    """tr(M^½) of a symmetric matrix, whose gradient is M^-½ / 2: no derivative of eigenvectors needed."""

    @staticmethod
    def forward(ctx: Any, matrix: Tensor) -> Tensor:
        values, vectors = torch.linalg.eigh(matrix)
        roots = values.clamp_min(1e-7 * values[-1].clamp_min(1e-30)).sqrt()
        ctx.save_for_backward(roots, vectors)
        total: Tensor = roots.sum()
        return total

    @staticmethod
    def backward(ctx: Any, *outputs: Tensor) -> Tensor:
        roots, vectors = ctx.saved_tensors
        gradient: Tensor = outputs[0] * ((vectors / (2 * roots)) @ vectors.T)
        return gradient


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
