"""Keeping the original's landmarks."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from .style import layer_mask


@dataclass(frozen=True)
class Content:
    """Features to keep, so weighted that the sum of squared differences to them is the error."""

    features: Tensor  # (B, C, H, W)
    weights: Tensor  # (B, 1, H, W)


def content_of(reference: Tensor, mask: Tensor) -> Content:
    """Note what is to be kept of `reference` (B, C, H, W) where `mask` is, (B, H, W) or larger."""
    reference, mask = reference.float(), layer_mask(mask, (reference.shape[2], reference.shape[3]), 0)
    whole = (torch.linalg.vector_norm(reference, dim=1).square() * mask).sum()
    weights = (mask / whole.clamp_min(1e-6)).sqrt()[:, None]
    return Content(reference * weights, weights)


def content_error(features: Tensor, content: Content) -> Tensor:
    """Compute the relative squared error () of `features` (B, C, H, W) to those to be kept.

    Gatys, Ecker, Bethge 2016, section 2.1, scaled so that it compares between layers.
    """
    return F.mse_loss(features * content.weights, content.features, reduction="sum")
