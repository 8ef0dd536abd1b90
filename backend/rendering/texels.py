"""The way back from the texture to the surface: which point each texel shows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from embreex.mesh_construction import TriangleMesh
from embreex.rtcore_scene import EmbreeScene
from numpy.typing import NDArray

from .mesh import Mesh

_ROWS = 1 << 20  # rays at a time


@dataclass(frozen=True)
class Texels:
    """The texture's used texels, those whose centre lies in a triangle: U of them.

    used (S, S) bool; faces (U,) and points (U, 3) in the order of np.flatnonzero(used), row 0 at v = 1.
    """

    used: NDArray[np.bool_]
    faces: NDArray[np.int32]
    points: NDArray[np.float32]


def locate(mesh: Mesh, size: int) -> Texels:
    """Find every texel's place on the surface; where islands overlap, one of them is taken.

    UVs outside 0..1 wrap round, as the texture does.
    """
    faces, uvs = _wrapped(mesh)
    flat = np.concatenate([uvs, np.zeros_like(uvs[..., :1])], 2).reshape(-1, 3)
    scene = EmbreeScene()
    keep_alive = TriangleMesh(
        scene, np.ascontiguousarray(flat, np.float32), np.arange(len(flat), dtype=np.int32).reshape(-1, 3)
    )
    found = np.full(size * size, -1, np.int32)
    barycentric = np.zeros((size * size, 2), np.float32)
    for start in range(0, size * size, _ROWS):
        index = np.arange(start, min(start + _ROWS, size * size))
        origins = np.stack(
            [(index % size + 0.5) / size, 1 - (index // size + 0.5) / size, np.ones(len(index))], 1
        )
        down = np.broadcast_to(np.array([0, 0, -1], np.float32), origins.shape)
        hits = scene.run(origins.astype(np.float32), np.ascontiguousarray(down), output=True)
        found[index] = hits["primID"]
        barycentric[index] = np.stack([hits["u"], hits["v"]], 1)
    del keep_alive
    used = found >= 0
    triangle = faces[found[used]]
    b1, b2 = barycentric[used].T
    points = np.einsum("nk,nkc->nc", np.stack([1 - b1 - b2, b1, b2], 1), mesh.corners[triangle])
    return Texels(used.reshape(size, size), triangle.astype(np.int32), points.astype(np.float32))


def _wrapped(mesh: Mesh) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Painted faces (N,) and their UVs (N, 3, 2), moved into 0..1; those across a border are there twice."""
    faces = np.flatnonzero(mesh.painted)
    uvs = mesh.uvs[faces] - np.floor(mesh.uvs[faces].min(1, keepdims=True))
    all_faces, all_uvs = [faces], [uvs]
    for shift in ((1, 0), (0, 1), (1, 1)):
        crosses = np.all((uvs.max(1) > 1) | (np.array(shift) == 0), axis=1)
        all_faces.append(faces[crosses])
        all_uvs.append(uvs[crosses] - np.array(shift, np.float32))
    return np.concatenate(all_faces), np.concatenate(all_uvs)
