"""A picture as the sum of a pyramid of its scales, for canvases that are optimised as a whole.

`pyramid` is the same idea for meshes, where a step touches only what a view reads.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..pictures.color_space import decolor, recolor
from .pixel import logit

COARSEST = 8  # pixels
FALLOFF = 0.85  # what a step on a level does, relative to the next coarser one


class Laplacian(nn.Module):
    """A batch of images: the sigmoid of a sum of levels, each of half the size, all resized bilinearly."""

    def __init__(
        self, batch: int, channels: int, height: int, width: int, start: Tensor | None = None
    ) -> None:
        """start (B, C, H, W) in 0..1, or None for grey with faint noise."""
        super().__init__()
        self.size, self.colored = (height, width), channels == 3
        sizes = [self.size]
        while min(sizes[-1]) >= 2 * COARSEST:
            sizes.append(((sizes[-1][0] + 1) // 2, (sizes[-1][1] + 1) // 2))
        rest = torch.randn(batch, channels, height, width) * 0.01
        if start is not None:
            rest = decolor(logit(start)) if self.colored else logit(start)
        bands = []
        for level, size in reversed(list(enumerate(sizes))):
            band = F.interpolate(rest, size, mode="area") if level else rest
            rest = rest - self._enlarge(band)
            bands.append(band / self._gain(level, len(sizes)))
        self.bands = nn.ParameterList(bands)  # coarsest first

    @staticmethod
    def _gain(level: int, levels: int) -> float:
        return FALLOFF ** (levels - 1 - level)

    def _enlarge(self, band: Tensor) -> Tensor:
        return F.interpolate(band, self.size, mode="bilinear", align_corners=False)

    def forward(self) -> Tensor:
        """(B, C, H, W) in 0..1."""
        count = len(self.bands)
        total = torch.zeros((), device=self.bands[0].device)
        for level, band in zip(reversed(range(count)), self.bands, strict=True):
            total = total + self._enlarge(band) * self._gain(level, count)
        return (recolor(total) if self.colored else total).sigmoid()
