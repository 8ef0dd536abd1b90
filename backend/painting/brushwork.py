"""Strokes on the objects of a scene: the detail of the painting's pieces, laid on colours that are kept.

Beside others an object is known by its colours, so pieces of the painting are chosen by these ("texture
transfer": Efros and Freeman 2001, "Image Quilting", section 3), and what they differ by from their means
is laid on the object's own, with half of what these means are away. Where there are landmarks all stays
as it is.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..pictures.images import blurred_within
from ..rendering.mesh import Mesh
from ..rendering.texels import Texels
from ..rendering.views import Viewing, framed
from .collage import collage

RADIUS = 0.055  # of a piece, in a view of the object, where the painting's shorter side is 1
LEAST, MOST = 0.05, 0.12  # radii: on small things pieces follow colours, on a wall they are none to be seen
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
    span, angle = viewing.style_width, viewing.stroke_angle
    faces, count = np.unique(texels.faces, return_counts=True)
    _, width = framed(mesh.spread[faces])
    radius = min(max(RADIUS * width / span, LEAST), MOST)
    detail = collage(mesh, texels, styles, span, angle, random, radius, colors)
    texel = float(np.sqrt(mesh.spread_areas[faces].sum() / count.sum()))
    reach = max(1, min(colors.shape[2] // 4, round(radius * span / texel)))
    used = torch.from_numpy(texels.used).float()
    busy = (colors - blurred_within(colors, used, reach)).abs().mean(0, keepdim=True)
    return (1 - blurred_within(busy, used, reach) / LANDMARK).clamp(min=0) * used * detail
