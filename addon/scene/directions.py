"""Which way strokes run: a vector in world space for each corner of an object's triangles."""

from __future__ import annotations

import bpy
import numpy as np
from mathutils.bvhtree import BVHTree

from ...backend.errors import PatinaError
from ..scope import PatinaScope
from . import image
from .mesh import get
from .stage import temporary_scene

UPWARDS = np.array([0.2, 0.3, 1.0])
ANISOTROPY = 0.05  # of curvature; what bends alike in all directions has none


def read(
    arrays: dict[str, np.ndarray], scope: PatinaScope, depsgraph: bpy.types.Depsgraph
) -> np.ndarray | None:
    """Find the directions of the triangles of `arrays` (see `mesh.read`).

    (T, 3, 3) float32, zero where there is none.
    None where none is asked for. Raises PatinaError for a map or curves that are missing.
    """
    if scope.direction == "NONE":
        return None
    corners = arrays["vertices"][arrays["faces"]].astype(np.float64)
    if scope.direction == "CURVATURE":
        found = curvature(corners, arrays["normals"], arrays["faces"])
    elif scope.direction == "CURVES":
        found = along_curves(arrays["vertices"], scope.direction_curves, depsgraph)[arrays["faces"]]
    else:
        along = np.broadcast_to([1.0, 0.0] if scope.direction == "U" else [0.0, 1.0], (*corners.shape[:2], 2))
        if scope.direction == "IMAGE":
            along = painted(arrays["uvs"], scope.direction_image)
        found = np.einsum("tij,tkj->tki", tangents(corners, arrays["uvs"]), along)
    return np.nan_to_num(found).astype(np.float32)


def tangents(corners: np.ndarray, uvs: np.ndarray) -> np.ndarray:
    """Compute d position / d uv of triangles (T, 3, 3) with UVs (T, 3, 2).

    (T, 3, 2), each column of length 1.
    """
    edges = np.stack([corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]], 2)
    steps = np.stack([uvs[:, 1] - uvs[:, 0], uvs[:, 2] - uvs[:, 0]], 2).astype(np.float64)
    area = steps[:, 0, 0] * steps[:, 1, 1] - steps[:, 0, 1] * steps[:, 1, 0]
    adjugate = np.stack([steps[:, 1, 1], -steps[:, 0, 1], -steps[:, 1, 0], steps[:, 0, 0]], 1)
    found = edges @ adjugate.reshape(-1, 2, 2) * np.sign(area)[:, None, None]
    return found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-300)


def painted(uvs: np.ndarray, picture: bpy.types.Image | None) -> np.ndarray:
    """Read the direction map's vectors in UV space at `uvs` (T, 3, 2), of the nearest pixels: (T, 3, 2)."""
    if picture is None:
        raise PatinaError(
            "No direction map is chosen.", "Choose an image, or let strokes run anyhow.", "direction"
        )
    pixels = image.read_pixels(picture)
    if pixels.shape[2] < 2:
        raise PatinaError(
            f"The direction map {picture.name} has one channel.", "Use red and green.", "direction"
        )
    height, width = pixels.shape[:2]
    place = np.floor(np.mod(uvs, 1) * (width, height)).astype(int)
    found = 2 * pixels[place[..., 1] % height, place[..., 0] % width, :2] - 1
    return np.where(np.abs(found).max(-1, keepdims=True) < 0.02, 0, found)  # 8 bits have no exact half


def curvature(corners: np.ndarray, normals: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Find the principal direction along which the surface bends most, at the corners: (T, 3, 3).

    After Rusinkiewicz 2004, "Estimating Curvatures and Their Derivatives on Triangle Meshes": in each
    triangle the form that turns its edges into its normals' differences, averaged at the vertices.
    """
    edges = np.roll(corners, -1, 1) - corners
    turns = np.roll(normals, -1, 1).astype(np.float64) - normals
    area = np.linalg.norm(np.cross(edges[:, 0], edges[:, 1]), axis=1)
    x = edges[:, 0] / np.maximum(np.linalg.norm(edges[:, 0], axis=1, keepdims=True), 1e-300)
    z = np.cross(edges[:, 0], edges[:, 1]) / np.maximum(area, 1e-300)[:, None]
    frame = np.stack([x, np.cross(z, x)], 1)  # (T, 2, 3)
    u, v = np.moveaxis(edges @ frame.transpose(0, 2, 1), 2, 0)  # (T, 3) each
    s, t = np.moveaxis(turns @ frame.transpose(0, 2, 1), 2, 0)
    zero = np.zeros_like(u)
    rows = np.concatenate([np.stack([u, v, zero], 2), np.stack([zero, u, v], 2)], 1)  # of (e, f, g)
    form = np.einsum("tij,tj->ti", np.linalg.pinv(rows), np.concatenate([s, t], 1))
    square = form[:, [0, 1, 1, 2]].reshape(-1, 2, 2)
    tensor = frame.transpose(0, 2, 1) @ square @ frame * area[:, None, None]
    total = np.zeros((faces.max() + 1, 3, 3))
    for corner in range(3):
        np.add.at(total, faces[:, corner], tensor)
    values, vectors = np.linalg.eigh(total)
    order = np.abs(values).argsort(1)
    index = np.arange(len(total))
    most, next_ = (np.abs(values[index, order[:, k]]) for k in (2, 1))
    found = vectors[index, :, order[:, 2]]
    found[most - next_ <= ANISOTROPY * most] = 0
    # A line has no sign; what is interpolated needs one.
    found = found[faces] * np.where(found[faces] @ UPWARDS < 0, -1, 1)[..., None]
    agree = np.einsum("tki,ti->tk", found, found[:, 0])
    return found * np.where(agree < 0, -1, 1)[..., None]


def along_curves(
    vertices: np.ndarray, curves: bpy.types.Object | None, depsgraph: bpy.types.Depsgraph
) -> np.ndarray:
    """Find the direction of the nearest piece of the guide curves: (V, 3). Raises PatinaError."""
    if curves is None:
        raise PatinaError("No guide curves are chosen.", "Choose a curve object.", "direction")
    points, ends = _wire(curves, np.array(curves.evaluated_get(depsgraph).matrix_world))
    if not len(ends):
        raise PatinaError(f"The guide curves {curves.name} have no length.", "Draw some.", "direction")
    segments = BVHTree.FromPolygons(points.tolist(), [(first, last, last) for first, last in ends.tolist()])
    nearest = [segments.find_nearest(vertex)[2] for vertex in vertices.tolist()]
    ways = points[ends[:, 1]] - points[ends[:, 0]]
    ways /= np.maximum(np.linalg.norm(ways, axis=1, keepdims=True), 1e-300)
    return ways[nearest]


def _wire(curves: bpy.types.Object, world: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The points (N, 3) of `curves`, whose place is `world` (4, 4), and the ends (M, 2) of its segments.

    A bevel, an extrusion or a fill, which is there to be seen, is left out.
    """
    bare = curves.copy()
    bare.data = data = curves.data.copy()
    data.dimensions = "3D"  # has no fill
    data.bevel_mode, data.bevel_object, data.bevel_depth, data.extrude = "ROUND", None, 0.0, 0.0
    try:
        with temporary_scene([bare]):
            wire = bare.evaluated_get(bpy.context.evaluated_depsgraph_get()).to_mesh()
            if wire.polygons:  # of a modifier
                bare.modifiers.clear()
                wire = bare.evaluated_get(bpy.context.evaluated_depsgraph_get()).to_mesh()
            points = get(wire.vertices, "co", np.float32, (len(wire.vertices), 3))
            ends = get(wire.edges, "vertices", np.int32, (len(wire.edges), 2))
    finally:
        bpy.data.objects.remove(bare)
        bpy.data.curves.remove(data)
    return points @ world[:3, :3].T + world[:3, 3], ends
