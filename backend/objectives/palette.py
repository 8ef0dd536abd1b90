"""Colours as statistics: the mean and covariance of a view's pixels against a palette's."""

from __future__ import annotations

import torch
from torch import Tensor

from .style import DECAY, Loss, MovingAverage, relative_error


def moments(colors: Tensor, weights: Tensor | None = None) -> Tensor:
    """Compute the mean outer product of (1, r, g, b) over `colors` (N, 3), weighted by `weights` (N,).

    (4, 4).
    """
    extended = torch.cat([torch.ones_like(colors[:, :1]), colors], 1)
    if weights is None:
        return extended.T @ extended / len(colors)
    return (extended * weights[:, None]).T @ extended / weights.sum().clamp_min(1e-6)


def palette_error(found: Tensor, wanted: Tensor) -> Tensor:
    """Compare two `moments` (4, 4).

    Adds up the relative error of the covariances, and that of the means in units of the spread.
    """
    covariances = [m[1:, 1:] - torch.outer(m[0, 1:], m[0, 1:]) for m in (found, wanted)]
    shift = (found[0, 1:] - wanted[0, 1:]).square().sum()
    return relative_error(*covariances) + shift / torch.trace(covariances[1]).clamp_min(1e-4)


def palette_loss(styles: list[tuple[Tensor, float]], decay: float = DECAY) -> Loss:
    """Make the `palette_error` of views' colours so far, for images (3, H, W) with their shares.

    It takes colors (B, 3, h, w) and weights (B, h, w) as if they were the features of an only layer.
    """
    wanted = torch.stack([moments(image.flatten(1).T) * share for image, share in styles]).sum(0)
    average = MovingAverage(decay)

    def loss(colors: list[Tensor], weights: list[Tensor]) -> Tensor:
        found = moments(colors[0].permute(0, 2, 3, 1).flatten(0, 2), weights[0].flatten())
        return palette_error(average(found), wanted)

    return loss
