"""Making the two sides of every UV seam agree, as the texture is read there.

After Liu, Ferguson, Jacobson and Gingold 2017, "Seamless: Seam Erasure and Seam-Aware Decoupling of
Shape from Mesh Resolution", section 3: least squares over the texels beside seams. Rendering across
seams brings the sides near each other; bilinear reads still differ by what lies in between.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation, generate_binary_structure
from scipy.sparse import csr_array, diags_array
from scipy.sparse.linalg import cg
from torch import Tensor

from ..rendering.mesh import Mesh
from ..rendering.sampling import Levels, levels_of, taps
from ..rendering.seams import Places, points_along, shared_edges
from ..rendering.texels import each_tile

MARGIN = 6  # texels from a seam that may move
SPACING = 0.5  # texels between the points at which the sides must agree
# Weights, over that of a texel's difference from its neighbours staying as it was:
AGREEMENT_WEIGHT = 4.0  # of both sides agreeing
VALUE_WEIGHT = 0.02  # of a texel's own value staying as it was
CROSS = generate_binary_structure(2, 1)[None]  # neighbours in a tile, none across tiles
LANDMARK_CONTRAST = 0.12  # a difference of colour (of √3 at most) that is meant


def erase_seams(texture: Tensor, start: Tensor, mesh: Mesh, used: NDArray[np.bool_]) -> Tensor:
    """Move texels of `texture` (C, tiles · S, S) near seams so that both sides agree; its gutters are filled.

    The correction is smooth within each island (gradients are kept) and fades out over MARGIN texels.
    Where `start` (C', tiles · S, S) changes colour at a seam, that is a landmark, not a fault, and is left
    alone. `used` (tiles · S, S): the texels of islands.
    """
    seams, _ = shared_edges(mesh)
    if not len(seams.faces):
        return texture
    size = texture.shape[-1]
    used = each_tile(used)
    sides = [_reads(places, levels_of(texture, size)) for places in points_along(mesh, seams, SPACING / size)]
    differences = sides[0] - sides[1]  # (N points, texels)
    jumps = np.linalg.norm([differences @ values for values in start.flatten(1).numpy()], axis=0)
    differences = differences[np.flatnonzero(jumps < LANDMARK_CONTRAST)]
    if not differences.nnz:
        return texture
    near = np.zeros(used.size, bool)
    near[differences.indices] = True
    region = binary_dilation(near.reshape(used.shape), CROSS, iterations=MARGIN)
    region &= used | near.reshape(used.shape)
    unknown = np.flatnonzero(region)
    place = np.full(used.size, -1)
    place[unknown] = np.arange(len(unknown))

    smooth = _smoothness(region, used, place)
    constraints = differences[:, unknown]
    system = (
        AGREEMENT_WEIGHT * constraints.T @ constraints
        + smooth
        + VALUE_WEIGHT * diags_array(np.ones(len(unknown)))
    ).tocsr()
    precondition = diags_array(1 / system.diagonal())
    result = texture.clone(memory_format=torch.contiguous_format)
    for values in result.flatten(1).numpy():  # a channel at a time: of large textures, copies are large
        target = -AGREEMENT_WEIGHT * (constraints.T @ (differences @ values))
        correction, _ = cg(system, target, rtol=1e-3, maxiter=200, M=precondition)
        values[unknown] += correction.astype(np.float32)
    return result.clamp_(0, 1)


def _reads(places: Places, levels: Levels) -> csr_array:
    """(N, texels): the bilinear reads of the textures at N places, as a matrix."""
    uv, tiles = torch.from_numpy(places.uv), torch.from_numpy(places.tiles).long()
    found = taps(uv, torch.zeros(len(uv)), levels, False, tiles)
    rows = np.repeat(np.arange(len(uv)), found.rows.shape[1])
    return csr_array(
        (found.weights.numpy().ravel(), (rows, found.rows.numpy().ravel())), shape=(len(uv), levels.rows)
    )


def _smoothness(region: NDArray[np.bool_], used: NDArray[np.bool_], place: NDArray[np.int64]) -> csr_array:
    """Laplacian of the correction over neighbouring texels of one island; it is zero outside `region`.

    All arrays are (tiles, S, S).
    """
    count = int(region.sum())
    total = csr_array((count, count))
    index = place.reshape(region.shape)
    for axis in (1, 2):
        neighbour, inside = np.roll(index, -1, axis), np.roll(used, -1, axis)
        pair = (index >= 0) & (neighbour >= 0)
        a, b = index[pair], neighbour[pair]
        ones = np.ones(len(a))
        total += csr_array(
            (np.concatenate([ones, ones, -ones, -ones]), (np.r_[a, b, a, b], np.r_[a, b, b, a])),
            shape=(count, count),
        )
        edge = np.concatenate(
            [index[(index >= 0) & (neighbour < 0) & inside], neighbour[(index < 0) & (neighbour >= 0) & used]]
        )
        total += csr_array((np.ones(len(edge)), (edge, edge)), shape=(count, count))
    return total
