"""From the optimised texels to a texture that can leave: unseen texels, gutters, seams."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation
from scipy.spatial import cKDTree
from torch import Tensor

from ..rendering.mesh import Mesh
from ..rendering.texels import Texels, each_tile, fill_gutters
from .seam_erasure import erase_seams

NEIGHBOURS = 4
SOURCES = 200_000  # seen texels to fill from; enough for any fill that stays small


def finish(texture: Tensor, start: Tensor, seen: NDArray[np.bool_], mesh: Mesh, texels: Texels) -> Tensor:
    """Finish `texture` (C, tiles · S, S): no unseen texel, no empty gutter, no seam.

    Where `start` (C', tiles · S, S), what the texture was before, changes at a seam, that is kept.
    `seen` (tiles · S, S): the texels that some view read.
    """
    result = fill_unseen(texture, seen, texels, mesh.objects[texels.faces])
    result = fill_gutters(result, painted_texels(texels, seen))
    result = erase_seams(result, start, mesh, texels.used)
    return fill_gutters(result, grown(texels.used))


def grown(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Grow `mask` (tiles · S, S) by the texels beside it, within each tile."""
    wider: NDArray[np.bool_] = binary_dilation(each_tile(mask), np.ones((1, 3, 3), bool))
    return wider.reshape(mask.shape)


def fill_unseen(
    texture: Tensor, seen: NDArray[np.bool_], texels: Texels, objects: NDArray[np.integer] | None = None
) -> Tensor:
    """Mix used texels of `texture` (3, tiles · S, S) that no view saw from the nearest that one did.

    `seen` (tiles · S, S) says which. Nearest on the surface, not in the texture: by position, weighted
    by inverse distance. Where `objects` (U,) says of which object each texel is, none is filled from
    another: of an object that no view saw, all stays.
    """
    known = seen[texels.used]
    if known.all() or not known.any():
        return texture
    pixels = texture.flatten(1).cpu().numpy().copy()
    place = np.flatnonzero(texels.used)
    objects = np.zeros(len(place), np.int32) if objects is None else objects
    for part in np.unique(objects[~known]):
        source = np.flatnonzero(known & (objects == part))
        if not len(source):
            continue
        source = source[:: max(1, len(source) // SOURCES)]
        empty = np.flatnonzero(~known & (objects == part))
        distance, index = cKDTree(texels.points[source]).query(
            texels.points[empty], k=min(NEIGHBOURS, len(source)), workers=-1
        )
        distance, index = distance.reshape(len(distance), -1), index.reshape(len(index), -1)
        weights = 1 / (distance + 1e-6)
        weights /= weights.sum(1, keepdims=True)
        pixels[:, place[empty]] = np.einsum("cnk,nk->cn", pixels[:, place[source][index]], weights)
    return torch.from_numpy(pixels).reshape(texture.shape)


def painted_texels(texels: Texels, seen: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Find the texels that show the surface, (tiles · S, S); thinner slivers count where a view read them."""
    return texels.used | (seen & ~grown(texels.used))


def mean_texel(mesh: Mesh, size: int) -> float:
    """Measure a texel's side on the surface, in scene units."""
    return mesh.texel * mesh.unit / size
