"""From the optimised texels to a texture that can leave: unseen texels, gutters, seams."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation, distance_transform_edt
from scipy.spatial import cKDTree
from torch import Tensor

from .rendering.mesh import Mesh
from .rendering.texels import Texels
from .seam_erasure import erase_seams

NEIGHBOURS = 4
SOURCES = 200_000  # seen texels to fill from; enough for any fill that stays small


def finish(texture: Tensor, start: Tensor, seen: NDArray[np.bool_], mesh: Mesh, texels: Texels) -> Tensor:
    """`texture` (C, S, S) ready to leave: no unseen texel, no empty gutter, no seam.

    Where `start` (C', S, S), what the texture was before, changes at a seam, that is kept. `seen` (S, S):
    the texels that some view read.
    """
    result = fill_gutters(fill_unseen(texture, seen, texels), painted_texels(texels, seen))
    result = erase_seams(result, start, mesh, texels.used)
    return fill_gutters(result, binary_dilation(texels.used, np.ones((3, 3), bool)))


def fill_unseen(texture: Tensor, seen: NDArray[np.bool_], texels: Texels) -> Tensor:
    """`texture` (C, S, S) with used texels that no view saw mixed from the nearest that one did.

    `seen` (S, S) says which. Nearest on the surface, not in the texture: by position, weighted by
    inverse distance.
    """
    known = seen[texels.used]
    if known.all() or not known.any():
        return texture
    source = np.flatnonzero(known)
    source = source[:: max(1, len(source) // SOURCES)]
    distance, index = cKDTree(texels.points[source]).query(
        texels.points[~known], k=min(NEIGHBOURS, len(source)), workers=-1
    )
    distance, index = distance.reshape(len(distance), -1), index.reshape(len(index), -1)
    weights = 1 / (distance + 1e-6)
    weights /= weights.sum(1, keepdims=True)
    pixels = texture.flatten(1).cpu().numpy().copy()
    place = np.flatnonzero(texels.used)
    pixels[:, place[~known]] = np.einsum("cnk,nk->cn", pixels[:, place[source][index]], weights)
    return torch.from_numpy(pixels).reshape(texture.shape)


def fill_gutters(texture: Tensor, painted: NDArray[np.bool_]) -> Tensor:
    """`texture` (C, S, S) with every texel outside `painted` (S, S) taken from the nearest inside."""
    if painted.all():
        return texture
    rows, columns = distance_transform_edt(~painted, return_distances=False, return_indices=True)
    return texture[:, torch.from_numpy(rows).long(), torch.from_numpy(columns).long()]


def painted_texels(texels: Texels, seen: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(S, S): the texels that show the surface; slivers thinner than a texel count where a view read them."""
    near: NDArray[np.bool_] = binary_dilation(texels.used, np.ones((3, 3), bool))
    return texels.used | (seen & ~near)


def mean_texel(mesh: Mesh, size: int) -> float:
    """A texel's side on the surface, in scene units."""
    return mesh.texel * mesh.unit / size
