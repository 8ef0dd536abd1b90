"""Strokes on the objects of a scene: the detail of the painting's pieces, laid on colours that are kept.

Beside others an object is known by its colours, so pieces of the painting are chosen by these ("texture
transfer": Efros and Freeman 2001, "Image Quilting", section 3), and only what is finer than a piece is taken
of them. Where the colours have landmarks they stay as they are.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d
from torch import Tensor

from ..rendering.mesh import Mesh
from ..rendering.texels import Texels
from ..rendering.views import Viewing
from .collage import MATCHED_RADIUS, collage

LANDMARK = 0.2  # mean difference of colours from those around them at which no stroke is laid on them


def brushwork(
    mesh: Mesh,
    texels: Texels,
    parts: NDArray[np.integer],
    styles: list[tuple[Tensor, float]],
    viewing: Viewing,
    colors: Tensor,
    random: np.random.Generator,
) -> Tensor:
    """Lay the strokes of pieces of `styles` on `colors` (3, tiles · S, S) of the objects `parts` (P,).

    texels: of all objects; styles: images (3, H, W), no finer than these, with shares that sum to 1.
    """
    side = colors.shape[2]
    found, of_part = colors.clone(), mesh.objects[texels.faces]
    tiles = mesh.tiles[texels.faces]
    for part in parts:
        own = of_part == part
        for tile in np.unique(tiles[own]):
            rows = slice(int(tile) * side, (int(tile) + 1) * side)
            here = texels.of(own & (tiles == tile), rows)
            found[:, rows] += _strokes(mesh, here, styles, viewing, colors[:, rows], random)
    return found


def _strokes(
    mesh: Mesh,
    texels: Texels,
    styles: list[tuple[Tensor, float]],
    viewing: Viewing,
    colors: Tensor,
    random: np.random.Generator,
) -> Tensor:
    """What strokes add to the `colors` (3, S, S) of an object's `texels`."""
    pieces = collage(mesh, texels, styles, viewing.style_width, viewing.stroke_angle, random, colors)
    faces, count = np.unique(texels.faces, return_counts=True)
    texel = float(np.sqrt(mesh.areas[faces].sum() / count.sum()))
    radius = max(1, min(colors.shape[2] // 4, round(MATCHED_RADIUS * viewing.style_width / texel)))
    used = torch.from_numpy(texels.used).float()
    busy = _blurred((colors - _blurred(colors, used, radius)).abs().mean(0, keepdim=True), used, radius)
    share = (1 - busy / LANDMARK).clamp(min=0) * used
    return share * (pieces - _blurred(pieces, used, radius))


def _blurred(image: Tensor, used: Tensor, radius: int) -> Tensor:
    """Blur `image` (C, H, W) where it is `used` (H, W), by a box of `radius`, twice."""
    found = torch.cat([image * used, used[None]]).numpy()
    for axis in (1, 2, 1, 2):
        found = uniform_filter1d(found, 2 * radius + 1, axis, mode="constant")
    blurred = torch.from_numpy(found)
    return blurred[:-1] / blurred[-1:].clamp_min(1e-6)
