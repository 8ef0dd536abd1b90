"""Keeping the original's landmarks."""

from __future__ import annotations

from torch import Tensor


def content_error(features: Tensor, reference: Tensor, mask: Tensor) -> Tensor:
    """Relative squared error of `features` to `reference`, both (B, C, H, W), over `mask` (B, H, W).

    Gatys, Ecker, Bethge 2016, section 2.1, scaled so that it compares between layers.
    """
    weights = mask[:, None]
    reference = reference.float()
    error = ((features.float() - reference).square() * weights).sum()
    return error / (reference.square() * weights).sum().clamp_min(1e-6)
