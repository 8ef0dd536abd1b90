"""Views of painted meshes, sheets of them, and plots."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from backend.pictures.images import to_pillow
from backend.rendering import camera, rasterizer
from backend.rendering.frames import corners_of, frame_of
from backend.rendering.gbuffer import render
from backend.rendering.mesh import Mesh
from backend.rendering.sampling import Levels, gather, mipmaps, taps

from .sheet import write
from .subjects import FIGURES

Stand = tuple[tuple[float, float, float], float]  # towards the camera, and what the picture spans
STAND: Stand = ((0.6, -1.0, 0.4), 1.9)
STANDS: dict[str, Stand] = {
    "fox": ((0.95, 0.35, 0.3), 1.7),
    "suzanne": ((0.35, -1.0, 0.15), 1.75),
}  # show most


def portrait(mesh: Mesh, texture: Tensor, side: int = 384, stand: Stand = STAND) -> Tensor:
    """(3, side, side): `mesh` in `texture` (3, S, S), on a light ground, supersampled."""
    backward, window = stand
    eye = camera.look_at(np.zeros(3), np.array(backward), window, 2 * side)
    view = render(mesh, rasterizer.create("embree", mesh), eye)
    levels = Levels(texture.shape[-1])
    where = taps(view.uv, view.footprint, levels, laplacian=False)
    frame = frame_of(view, eye, corners_of(mesh))
    light = 0.75 + 0.25 * (frame.normals * frame.to_eye).sum(1, keepdim=True).clamp(0, 1)
    colors = gather(mipmaps(texture, levels), where) * light
    return nn.functional.avg_pool2d(view.image(colors, torch.full((3, 2 * side, 2 * side), 0.94)), 2)


def sheet(name: str, tiles: list[tuple[str, Tensor]], columns: int) -> Path:
    """Write docs/benchmarks/name.jpg: captioned tiles (3, H, W) of one size."""
    pictures = [(text, to_pillow(tile.clamp(0, 1))) for text, tile in tiles]
    return write(FIGURES / f"{name}.jpg", pictures, columns)
