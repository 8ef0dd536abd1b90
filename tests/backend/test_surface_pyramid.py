"""Textures whose coarse scales are grids in space: what they hold, and that they know no seams."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import torch
from meshes import sphere

from backend.parameterizations.shared import AlignedOnSurface
from backend.parameterizations.surface_pyramid import CELLS, SurfacePyramid
from backend.rendering.texels import Texels, locate
from backend.result.report import seam_ratio

SIZE = 128
TEXEL = sphere().texel / SIZE


@cache
def texels() -> Texels:
    return locate(sphere(), SIZE)


def still(channels: int = 1, batch: int = 1) -> SurfacePyramid:
    made = SurfacePyramid(batch, channels, texels(), TEXEL)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.zero_()
    return made


@pytest.mark.parametrize("level", range(len(CELLS)))
def test_a_grid_is_read_at_the_surface_point(level):
    """Linear functions of the place are what trilinear grids hold exactly."""
    made = still()
    ends = torch.linspace(-1, 1, CELLS[level] + 1)
    z, y, x = torch.meshgrid(ends, ends, ends, indexing="ij")
    with torch.no_grad():
        made.grids[level].copy_(x + 2 * y - 3 * z)
    used = torch.from_numpy(texels().used)
    expected = torch.from_numpy(texels().points @ np.array([1, 2, -3], np.float32)) * made.gains[level]
    assert torch.allclose(made.raw()[0, 0][used], expected, atol=1e-4)


def test_what_the_grids_hold_has_no_seams():
    torch.manual_seed(0)
    made = still(3)
    with torch.no_grad():
        for grid in made.grids:
            grid.normal_(0, 2)
    assert seam_ratio(sphere(), made()[0].detach()) == pytest.approx(1, abs=0.3)


def test_levels_take_over_where_cells_end():
    made = still()
    widths = [2 / cells for cells in CELLS] + [TEXEL * SIZE / level.shape[-1] for level in made.levels]
    assert widths == sorted(widths, reverse=True)
    assert made.levels[-1].shape[-1] == SIZE
    assert widths[len(CELLS)] < 2 * widths[len(CELLS) - 1]
    assert made.gains == sorted(made.gains, reverse=True)


def test_a_start_is_what_one_sees_first():
    start = 0.1 + 0.8 * torch.rand(1, 3, SIZE, SIZE)
    made = SurfacePyramid(1, 3, texels(), TEXEL, start)
    assert torch.allclose(made(), start, atol=0.02)  # but for the noise that gives flat regions a gradient


@pytest.mark.parametrize("channels", [1, 3])
def test_every_level_moves(channels):
    made = SurfacePyramid(2, channels, texels(), TEXEL)
    assert made().shape == (2, channels, SIZE, SIZE)
    (made() * torch.randn(2, channels, SIZE, SIZE)).sum().backward()
    assert all(parameter.grad.abs().max() > 0 for parameter in made.parameters())


def test_what_frames_share_moves_them_all():
    torch.manual_seed(0)
    frames = AlignedOnSurface(3, texels(), TEXEL)
    before = frames().detach()
    with torch.no_grad():
        frames.shared.grids[0].add_(1)
    assert ((frames() - before).abs()[:, :, torch.from_numpy(texels().used)].amax((1, 2)) > 0.1).all()
    with torch.no_grad():
        frames.shared.grids[0].sub_(1)
        frames.unique.levels[0][1] += 1
    change = (frames() - before).abs().amax((1, 2, 3))
    assert change[1] > 0.1
    assert change[[0, 2]].max() < 1e-5
