"""Surfaces with known points, UVs and islands, for the tests of rendering and painting."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import trimesh

from backend.rendering.mesh import Mesh, build_mesh

CELLS = np.array([(i % 3, i // 3) for i in range(6)])  # of the sphere's islands, in thirds and halves
RADIUS = 1 / np.sqrt(3)  # of a sphere whose bounding box has a diagonal of 2
REACH = 1.3  # gnomonic coordinates that an island has room for


def quad() -> Mesh:
    """A square of side √2 in the plane z = 0, whose UVs are the whole texture; u along x, v along y."""
    corners = np.array([[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]], np.float32)
    faces = np.array([[0, 1, 2], [0, 2, 3]], np.int32)
    return build_mesh(corners, faces, (corners[:, :2] / 2 + 0.5)[faces], name="quad")


def gnomonic(points: np.ndarray, side: np.ndarray) -> np.ndarray:
    """(..., 2): UVs of `points` (..., 3), projected from the centre on the cube's `side` (...), 0 to 5."""
    axis, sign = side % 3, np.where(side < 3, 1.0, -1.0)
    ahead, right, up = (np.take_along_axis(points, ((axis + k) % 3)[..., None], -1)[..., 0] for k in range(3))
    flat = np.stack([right / ahead, up / (sign * ahead)], -1)  # outward faces keep their winding
    return (CELLS[side] + 0.5 + flat / REACH * 0.45) / (3, 2)


def sphere(subdivisions: int = 4) -> Mesh:
    """A sphere in six islands, one for each side of a cube around it, with the UVs of `gnomonic`."""
    ball = trimesh.creation.icosphere(subdivisions)
    side = sides_of(ball.triangles_center)
    uvs = gnomonic(ball.triangles, np.repeat(side[:, None], 3, 1))
    return build_mesh(ball.vertices, ball.faces, uvs, name="sphere")


def sides_of(points: np.ndarray) -> np.ndarray:
    """(N,): the cube's side that `points` (N, 3) look at."""
    axis = np.abs(points).argmax(1)
    return axis + 3 * (np.take_along_axis(points, axis[:, None], 1)[:, 0] < 0)


def write_npz(mesh: Mesh, path: Path, **changed: np.ndarray) -> Path:
    """A job's mesh.npz, with some of its arrays changed."""
    arrays = {"vertices": mesh.vertices, "faces": mesh.faces, "uvs": mesh.uvs, "normals": mesh.normals}
    np.savez(path, **arrays | changed)
    return path
