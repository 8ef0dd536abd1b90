"""The way back from the texture to the surface: which point each texel shows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import torch
from embreex.mesh_construction import TriangleMesh
from embreex.rtcore_scene import EmbreeScene
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt
from torch import Tensor

from ..errors import PatinaError
from . import triangles
from .mesh import Mesh

Kind = TypeVar("Kind", bound=np.generic)
_CHUNK = 1 << 20  # rays at a time
CHARTS = "charts"  # the UV map, kept with a mesh: it is looked up in at one size after another


@dataclass(frozen=True)
class Texels:
    """The textures' used texels, those whose centre lies in a triangle: U of them.

    used (tiles · H, W) bool, one texture above the other; faces (U,), points (U, 3) and barycentric
    (U, 2) of corners 1 and 2, in the order of np.flatnonzero(used), row 0 at v = 1. Points of triangles that
    have no area as the mesh stands are where they have (see `Mesh.spread`).
    """

    used: NDArray[np.bool_]
    faces: NDArray[np.int32]
    points: NDArray[np.float32]
    barycentric: NDArray[np.float32]

    def of(self, some: NDArray[np.bool_], rows: slice = slice(None)) -> Texels:
        """Take `some` (U,) of them alone, all of which lie in these `rows` of the textures."""
        used = np.zeros_like(self.used)
        used[self.used] = some
        return Texels(used[rows], self.faces[some], self.points[some], self.barycentric[some])


def each_tile(mask: NDArray[Kind]) -> NDArray[Kind]:
    """Split a mask, or other values, (tiles · S, S) by tile: (tiles, S, S)."""
    return mask.reshape(-1, mask.shape[1], mask.shape[1])


def locate(mesh: Mesh, size: int, tiles: int = 1) -> Texels:
    """Find the place on the surface of every texel of all textures of `size`²; see `locate_in`."""
    each = [locate_in(mesh, size, size, tile) for tile in range(tiles)]
    if tiles == 1:
        return each[0]
    arrays = ([getattr(found, name) for found in each] for name in ("used", "faces", "points", "barycentric"))
    return Texels(*map(np.concatenate, arrays))


def locate_in(mesh: Mesh, height: int, width: int, tile: int = 0) -> Texels:
    """Find the place on the surface of every texel of one tile; where islands overlap, one is taken.

    UVs outside 0..1 wrap round, as the texture does.
    """
    count = height * width
    faces, scene, _ = mesh.once((CHARTS, tile), lambda: _charts(mesh, tile))
    if scene is None:
        return Texels(
            np.zeros((height, width), bool),
            np.zeros(0, np.int32),
            np.zeros((0, 3), np.float32),
            np.zeros((0, 2), np.float32),
        )
    used = np.zeros(count, bool)
    parts: list[tuple[NDArray[Any], ...]] = []  # what is not kept of a texture is held for a part of it alone
    for start in range(0, count, _CHUNK):
        index = np.arange(start, min(start + _CHUNK, count))
        origins = np.stack(
            [(index % width + 0.5) / width, 1 - (index // width + 0.5) / height, np.ones(len(index))], 1
        )
        down = np.broadcast_to(np.array([0, 0, -1], np.float32), origins.shape)
        hits = scene.run(origins.astype(np.float32), np.ascontiguousarray(down), output=True)
        hit = hits["primID"] >= 0
        used[index] = hit
        triangle = faces[hits["primID"][hit]]
        barycentric = np.stack([hits["u"], hits["v"]], 1)[hit].astype(np.float32)
        parts.append(
            (triangle.astype(np.int32), interpolate(mesh.spread[triangle], barycentric), barycentric)
        )
    found, points, barycentrics = map(np.concatenate, zip(*parts, strict=True))
    return Texels(used.reshape(height, width), found, points, barycentrics)


def _charts(mesh: Mesh, tile: int) -> tuple[NDArray[np.int64], EmbreeScene | None, object]:
    """Lay the tile's painted faces out in its UV map, ready for rays from above.

    Gives these faces (N,), the scene or None where there are none, and what must live as long as it does.
    """
    faces, uvs = _wrapped(mesh, tile)
    if not len(faces):
        return faces, None, None
    index, points = _joined(mesh.faces[faces], uvs, len(mesh.vertices))
    scene = EmbreeScene()
    return faces, scene, TriangleMesh(scene, np.pad(points, ((0, 0), (0, 1))), index)


def _joined(
    corners: NDArray[np.int32], uvs: NDArray[np.float32], count: int
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Let triangles, whose corners are those of `count` vertices (N, 3), share points where their `uvs`
    (N, 3, 2) are the same there: the indices (N, 3) of the points (K, 2). Embree takes each one in by itself,
    which is most of what it takes to look a UV map up.
    """
    pairs = np.ascontiguousarray(uvs).view(np.complex64)[..., 0]  # both coordinates as one number
    points = np.zeros(count, np.complex64)
    points[corners] = pairs
    parts = points[corners] != pairs  # at a seam
    index = corners.astype(np.int32)
    index[parts] = np.arange(count, count + np.count_nonzero(parts))
    return index, np.concatenate([points, pairs[parts]]).view(np.float32).reshape(-1, 2)


def interpolate(corners: NDArray[np.floating], barycentric: NDArray[np.floating]) -> NDArray[np.float32]:
    """Interpolate `values` at corners (N, 3, C), by `barycentric` (N, 2) of corners 1, 2: (N, C) float32."""
    b1, b2 = barycentric.T
    weights = np.stack([1 - b1 - b2, b1, b2], 1)
    return np.asarray(np.einsum("nk,nkc->nc", weights, corners), np.float32)


def _wrapped(mesh: Mesh, tile: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The tile's painted faces (N,) with UVs (N, 3, 2) moved into 0..1; those across a border come twice."""
    faces = np.flatnonzero(mesh.paintable & (mesh.tiles == tile))
    least, most = triangles.bounds(mesh.uvs)
    shifts = np.floor(least)
    uvs, beyond = (mesh.uvs - shifts[:, None])[faces], (most - shifts > 1)[faces]
    all_faces, all_uvs = [faces], [uvs]
    for shift in ((1, 0), (0, 1), (1, 1)):
        crosses = np.all(beyond | (np.array(shift) == 0), axis=1)
        all_faces.append(faces[crosses])
        all_uvs.append(uvs[crosses] - np.array(shift, np.float32))
    return np.concatenate(all_faces), np.concatenate(all_uvs)


def check_texels(texels: Texels, names: Sequence[str], size: int, tell: Callable[[str], None]) -> None:
    """Tell of textures, called `names`, that have no texel on the surface.

    `size`: of a side. Raises PatinaError if none has one.
    """
    bare = [name for name, used in zip(names, each_tile(texels.used), strict=True) if not used.any()]
    for name in bare:
        message = f"{name or 'The mesh'}: its UV islands are smaller than a texel of {size}²."
        if len(bare) == len(names):
            raise PatinaError(message, "Use a larger texture, or unwrap it again.", "mesh")
        tell(f"{message} It is not painted.")


def fill_gutters(texture: Tensor, painted: NDArray[np.bool_]) -> Tensor:
    """Fill every texel of `texture` (C, tiles · S, S) outside `painted` with the nearest inside.

    `painted` (tiles · S, S). Each tile by itself; one of which nothing is painted stays as it is.
    """
    if painted.all():
        return texture
    size = painted.shape[1]
    filled = texture.clone()
    for start, inside in zip(range(0, len(painted), size), each_tile(painted), strict=True):
        if inside.any():
            rows, columns = distance_transform_edt(~inside, return_distances=False, return_indices=True)
            tile = texture[:, start : start + size]
            filled[:, start : start + size] = tile[
                :, torch.from_numpy(rows).long(), torch.from_numpy(columns).long()
            ]
    return filled
