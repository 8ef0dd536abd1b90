"""Opacity only where it helps the objective.

Mordvintsev et al. 2018, "Differentiable Image Parameterizations", section "Generating
Semi-Transparent Patterns". Over a background that changes every step, what is opaque without
exciting the objective is a loss.
"""

from __future__ import annotations

from torch import Tensor


def transparent(losses: Tensor, seen: Tensor, whole: Tensor) -> Tensor:
    """Compute L·(1 − ᾱ_seen) + ½·L·(1 − ᾱ_whole): losses L, mean opacities of view and whole, all (B,)."""
    return losses * (1 - seen) + 0.5 * losses * (1 - whole)
