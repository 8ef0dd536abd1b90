"""PLY with a colour at every vertex: the surface is made as fine as the picture needs."""

from __future__ import annotations

from typing import cast

import numpy as np
import trimesh

from ..models.arrays import Floats
from .color import delta_e
from .model import Model, sample_model
from .subdivide import edges_of, split

TARGET_DELTA_E = 2.0  # mean colour error over the surface that is aimed at: about just noticeable
MAX_FACES = 4_000_000
# Where inside a triangle the error is measured: the middle, the sides' middles, and between them.
_INSIDE = np.array([[1, 1, 1], [0, 1, 1], [1, 0, 1], [1, 1, 0], [4, 1, 1], [1, 4, 1], [1, 1, 4]], float)
_INSIDE /= _INSIDE.sum(axis=1, keepdims=True)


def ply(
    model: Model, target: float = TARGET_DELTA_E, max_faces: int = MAX_FACES
) -> tuple[bytes, Model, float]:
    """Encode `model` as a binary PLY with vertex colours.

    Gives it, the mesh it holds, and the mean colour error reached.
    Edges are halved in the faces whose mean CIE 1976 error is above `target`, until the mean over the surface
    is under it or the next round would pass `max_faces`. No triangle is made smaller than a texel.
    """
    while True:
        colors = _vertex_colors(model)
        errors = _face_errors(model, colors)
        areas = model.mesh.area_faces
        reached = float(np.average(errors, weights=areas))
        if reached <= target:
            break
        edges, edge_of_side = edges_of(model.faces)
        marked = np.zeros(len(edges), bool)
        coarse = _longest_side_in_texels(model) > 1
        marked[edge_of_side[(errors > target) & coarse]] = True
        if not marked.any() or len(model.faces) + marked[edge_of_side].sum() > max_faces:
            break
        model = split(model, edges, edge_of_side, marked)
    mesh = trimesh.Trimesh(
        model.vertices, model.faces, vertex_colors=np.round(colors * 255).astype(np.uint8), process=False
    )
    return cast(bytes, mesh.export(file_type="ply", vertex_normal=False)), model, reached


def _vertex_colors(model: Model) -> Floats:
    """(V, 3) the mean of what the corners at a vertex show: at a UV seam there are two or more."""
    corners = model.faces.reshape(-1)
    colors = sample_model(model, model.texture_of, model.uvs).reshape(-1, 3)
    counts = np.maximum(np.bincount(corners, minlength=len(model.vertices)), 1)
    sums = [np.bincount(corners, colors[:, c], len(model.vertices)) for c in range(3)]
    return np.stack(sums, -1) / counts[:, None]


def _face_errors(model: Model, colors: Floats) -> Floats:
    """(F,) mean colour difference between the picture and the blend of the corners' colours."""
    errors = np.empty(len(model.faces))
    for start in range(0, len(errors), 200_000):
        part = slice(start, start + 200_000)
        uvs = np.einsum("sk,fkd->fsd", _INSIDE, model.uvs[part])
        blend = np.einsum("sk,fkd->fsd", _INSIDE, colors[model.faces[part]])
        errors[part] = delta_e(sample_model(model, model.texture_of[part], uvs), blend).mean(axis=1)
    return errors


def _longest_side_in_texels(model: Model) -> Floats:
    sizes = np.array([texture.size for texture in model.textures])[model.texture_of]
    sides = (model.uvs - np.roll(model.uvs, 1, axis=1)) * sizes[:, None]
    return np.asarray(np.linalg.norm(sides, axis=-1).max(axis=1))
