"""A texture as a sum of scales whose coarse ones are grids in space, so that they know no seams.

A texture's own coarse levels run across its islands, but what they add to the two sides of a seam has
nothing to do with each other. A value of the surface point agrees on both. Only what is finer than the
finest grid's cells is left to the texture.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from scipy.ndimage import distance_transform_edt
from torch import Tensor, nn

from ..pictures.color_space import recolor
from ..rendering.texels import Texels
from .laplacian import FALLOFF
from .pixel import logit

CELLS = (4, 8, 16, 32)  # along each side of the box from −1 to 1
GUTTER = 8  # texels around islands that coarse views of them mix in
NOISE = 0.01  # of the finest level at the start


class SurfacePyramid(nn.Module):
    """A batch of square textures: the sigmoid of a start, plus grids in space, plus levels in the texture."""

    points: Tensor
    place: Tensor
    start: Tensor

    def __init__(
        self,
        batch: int,
        channels: int,
        texels: Texels,
        texel: float,
        start: Tensor | None = None,
        falloff: float = FALLOFF,
    ) -> None:
        """texels: of a texture of side S, each `texel` wide on the surface, in the mesh's units.

        start (1, C, S, S) in 0..1, or None for grey. falloff: what a step does on a level, relative to
        one that is twice as coarse.
        """
        super().__init__()
        self.side, self.batch, self.channels = len(texels.used), batch, channels
        distance, nearest = distance_transform_edt(~texels.used, return_indices=True)
        shown = distance <= GUTTER
        index = torch.full((self.side, self.side), -1)
        index[torch.from_numpy(texels.used)] = torch.arange(len(texels.points))
        rows, columns = (torch.from_numpy(axis[shown]).long() for axis in nearest)
        points = torch.from_numpy(texels.points)[index[rows, columns]]
        self.register_buffer("points", points[None, None, None], persistent=False)
        self.register_buffer("place", torch.from_numpy(shown).flatten().nonzero()[:, 0], persistent=False)
        raw = torch.zeros(1, channels, 1, 1) if start is None else logit(start)
        self.register_buffer("start", raw, persistent=False)

        sides = [self.side]
        while texel * self.side / sides[-1] < 1 / CELLS[-1]:
            sides.append(sides[-1] // 2)
        widths = [2 / cells for cells in CELLS] + [texel * self.side / side for side in reversed(sides)]
        self.gains = [falloff ** math.log2(widths[0] / width) for width in widths]
        self.grids = nn.ParameterList(
            torch.zeros(1, batch * channels, cells + 1, cells + 1, cells + 1) for cells in CELLS
        )
        self.levels = nn.ParameterList(torch.zeros(batch, channels, side, side) for side in reversed(sides))
        with torch.no_grad():
            self.levels[-1].normal_(0, NOISE / self.gains[-1])

    def raw(self) -> Tensor:
        """Compute (B, C, S, S) before colours and sigmoid, without the start, on islands and around them."""
        size = (self.side, self.side)
        space = torch.zeros((), device=self.points.device)
        for grid, gain in zip(self.grids, self.gains, strict=False):
            finest = (CELLS[-1] + 1,) * 3
            space = space + F.interpolate(grid * gain, finest, mode="trilinear", align_corners=True)
        values = F.grid_sample(space, self.points, align_corners=True).flatten(2)[0]
        total = values.new_zeros(len(values), self.side**2).index_copy(1, self.place, values)
        total = total.reshape(self.batch, self.channels, *size)
        for level, gain in zip(self.levels, self.gains[len(CELLS) :], strict=True):
            total = total + F.interpolate(level * gain, size, mode="bilinear", align_corners=False)
        return total

    def forward(self) -> Tensor:
        """(B, C, S, S) in 0..1."""
        change = recolor(self.raw()) if self.channels == 3 else self.raw()
        return (self.start + change).sigmoid()
