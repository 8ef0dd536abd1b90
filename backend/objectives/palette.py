"""Colours as statistics: the mean and covariance of a view's pixels against a palette's."""

from __future__ import annotations

import torch
from torch import Tensor

from .style import relative_error


def moments(colors: Tensor, weights: Tensor | None = None) -> Tensor:
    """(4, 4): mean outer product of (1, r, g, b) over `colors` (N, 3), weighted by `weights` (N,)."""
    extended = torch.cat([torch.ones_like(colors[:, :1]), colors], 1)
    if weights is None:
        return extended.T @ extended / len(colors)
    return (extended * weights[:, None]).T @ extended / weights.sum().clamp_min(1e-6)


def palette_error(found: Tensor, wanted: Tensor) -> Tensor:
    """Of two `moments` (4, 4): relative error of the covariances, and of the means in units of the spread."""
    covariances = [m[1:, 1:] - torch.outer(m[0, 1:], m[0, 1:]) for m in (found, wanted)]
    shift = (found[0, 1:] - wanted[0, 1:]).square().sum()
    return relative_error(*covariances) + shift / torch.trace(covariances[1]).clamp_min(1e-4)
