"""Colour spaces: decorrelated, as networks' pictures are optimised in; linear, as light adds."""

from __future__ import annotations

import torch
from torch import Tensor

# Colour directions of natural images with their spread (Lucid's color_correlation_svd_sqrt, scaled to
# unit norm): equal steps in these coordinates change luminance most, as painters do.
DECORRELATED = torch.tensor([[0.26, 0.09, 0.02], [0.27, 0.00, -0.05], [0.27, -0.09, 0.03]]) / 0.46195


def recolor(image: Tensor) -> Tensor:
    """Turn decorrelated coordinates (B, 3, H, W) into correlated RGB, before the sigmoid."""
    return torch.einsum("ij,bjhw->bihw", DECORRELATED.to(image), image)


def decolor(image: Tensor) -> Tensor:
    """Turn RGB before the sigmoid into decorrelated coordinates: the inverse of `recolor`."""
    return torch.einsum("ij,bjhw->bihw", torch.linalg.inv(DECORRELATED).to(image), image)


def to_linear(srgb: Tensor) -> Tensor:
    """Turn sRGB in 0..1 into linear light (IEC 61966-2-1)."""
    return torch.where(srgb <= 0.04045, srgb / 12.92, ((srgb.clamp_min(0.04045) + 0.055) / 1.055) ** 2.4)


def to_srgb(linear: Tensor) -> Tensor:
    """Turn linear light in 0..1 into sRGB."""
    return torch.where(
        linear <= 0.0031308, linear * 12.92, 1.055 * linear.clamp_min(0.0031308) ** (1 / 2.4) - 0.055
    )


def over(color: Tensor, alpha: Tensor, background: Tensor) -> Tensor:
    """Lay `color` with opacity `alpha` over `background`: sRGB (…), but alpha, which may have one channel."""
    return to_srgb(to_linear(color) * alpha + to_linear(background) * (1 - alpha))
