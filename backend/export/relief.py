"""A height map pressed into the surface: real geometry that a printer can make."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import trimesh

from ..errors import PatinaError
from ..models.arrays import Floats
from ..models.looks import sample
from .model import Model, read_image, uv_areas
from .subdivide import to_edge_length

MAX_FACES = 2_000_000
_FINEST_MM = 0.1  # no printer of today shows more


def read_height(path: Path) -> Floats:
    """Read a grey picture of 8 or 16 bits: (H, W, 1) in 0..1, black the surface, white the full relief."""
    image = read_image(path)
    if image.mode.startswith("I") or image.mode == "F":
        pixels = np.asarray(image, np.float32)
        return np.asarray(np.clip(pixels[..., None] / (1.0 if image.mode == "F" else 65535.0), 0, 1))
    return np.asarray(image.convert("L"), np.float32)[..., None] / 255


def raise_relief(model: Model, height: Floats, relief_mm: float) -> Model:
    """Subdivide `model`, in millimetres, to the map's texels, and move it outwards by them.

    `height` (H, W, 1) times `relief_mm` is the way along the vertex normals: never inwards, so no wall gets
    thinner. Where UV islands meet, the corners' heights are averaged, so that a closed mesh stays closed.
    """
    if not relief_mm > 0:
        raise PatinaError(
            f"The relief is {relief_mm:g} mm.", "Use a positive number of millimetres.", "relief_mm"
        )
    uv_area = uv_areas(model).sum()
    if not uv_area > 0:
        raise PatinaError(
            f"{model.name} has no UVs, so a height map cannot be laid on it.", "Unwrap it.", "model"
        )
    texel = float(np.sqrt(model.mesh.area / (uv_area * height.shape[0] * height.shape[1])))
    model = to_edge_length(model, max(texel, _FINEST_MM), MAX_FACES)
    corner_heights = sample(height, model.uvs)[..., 0].reshape(-1)
    corners = model.faces.reshape(-1)
    total = np.bincount(corners, corner_heights, len(model.vertices))
    mean = total / np.maximum(np.bincount(corners, minlength=len(model.vertices)), 1)
    mesh = model.mesh
    normals = trimesh.geometry.weighted_vertex_normals(
        len(mesh.vertices), mesh.faces, mesh.face_normals, mesh.face_angles
    )
    return replace(model, vertices=model.vertices + normals * (mean * relief_mm)[:, None])
