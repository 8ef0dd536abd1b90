"""Plain pixels: the parameterization that the others are measured against."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Pixel(nn.Module):
    """A batch of images, each value the sigmoid of a free parameter of its own."""

    def __init__(
        self, batch: int, channels: int, height: int, width: int, start: Tensor | None = None
    ) -> None:
        """start (B, C, H, W) in 0..1, or None for grey with faint noise (deviation .01)."""
        super().__init__()
        raw = torch.randn(batch, channels, height, width) * 0.01 if start is None else logit(start)
        self.raw = nn.Parameter(raw)

    def forward(self) -> Tensor:
        """(B, C, H, W) in 0..1."""
        return self.raw.sigmoid()


def logit(image: Tensor) -> Tensor:
    """Invert the sigmoid, for values kept 1/64 away from its flat ends."""
    return image.clamp(1 / 64, 1 - 1 / 64).logit()
