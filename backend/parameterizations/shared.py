"""Aligned frames: what they share keeps their landmarks in one place.

Mordvintsev et al. 2018, "Differentiable Image Parameterizations", section "Aligned Feature
Visualization Interpolation": every frame is a spectrum of its own plus low-resolution images that
all frames, or neighbouring ones, have in common.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..pictures.color_space import recolor
from ..rendering.texels import Texels
from .fourier import Fourier
from .laplacian import FALLOFF
from .surface_pyramid import SurfacePyramid

# (frames, share of the side) of the common images; two frames are blended along the sequence.
_SHARED = ((1, 2), (1, 4), (1, 8), (2, 8), (1, 16), (2, 16))
DEVIATION = 0.01


class Aligned(nn.Module):
    """N colour images or textures: sigmoid of unique plus shared parameters."""

    def __init__(self, frames: int, height: int, width: int, loop: bool = False) -> None:
        """loop: the first frame follows the last."""
        super().__init__()
        self.loop = loop
        self.unique = Fourier(frames, 3, height, width)
        self.shared = nn.ParameterList(
            torch.randn(count, 3, height // part, width // part) * DEVIATION for count, part in _SHARED
        )

    def forward(self) -> Tensor:
        """(N, 3, H, W) in 0..1."""
        unique = self.unique.raw()
        frames, _, height, width = unique.shape
        common = sum(spread(tensor, frames, height, width, self.loop) for tensor in self.shared)
        return recolor(unique + common).sigmoid()


class AlignedOnSurface(nn.Module):
    """N textures of one surface: each a pyramid of its own, plus two in common, blended along the frames."""

    def __init__(
        self, frames: int, texels: Texels, texel: float, falloff: float = FALLOFF, loop: bool = False
    ) -> None:
        """As SurfacePyramid's. loop: the first frame follows the last."""
        super().__init__()
        self.loop = loop
        self.unique = SurfacePyramid(frames, 3, texels, texel, falloff=falloff)
        self.shared = SurfacePyramid(2, 3, texels, texel, falloff=falloff)

    def forward(self) -> Tensor:
        """(N, 3, S, S) in 0..1."""
        unique = self.unique.raw()
        frames, _, height, width = unique.shape
        common = spread(self.shared.raw(), frames, height, width, self.loop)
        return recolor(unique + common).sigmoid()


def spread(tensor: Tensor, frames: int, height: int, width: int, loop: bool = False) -> Tensor:
    """Resize (n, C, h, w) linearly over frames and space: (frames, C, H, W).

    loop: after the last of the n comes the first again.
    """
    if loop:
        place = torch.arange(frames, device=tensor.device) * (len(tensor) / frames)
        before = place.long()
        share = (place - before)[:, None, None, None]
        tensor = tensor[before].lerp(tensor[(before + 1) % len(tensor)], share)
    volume = tensor.transpose(0, 1)[None]
    grown = F.interpolate(volume, (frames, height, width), mode="trilinear", align_corners=False)
    return grown[0].transpose(0, 1)
