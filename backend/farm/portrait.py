"""Two small pictures of what a job has painted: before, and after, from the side that shows most."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from ..painting.tiles import read_contents, stacked
from ..pictures.images import read_image, save, to_pillow
from ..protocol.files import TEXTURE_FILE, numbered
from ..protocol.job_file import read_job
from ..rendering import camera, rasterizer
from ..rendering.frames import corners_of, frame_of
from ..rendering.gbuffer import render
from ..rendering.mesh import read_mesh
from ..rendering.sampling import gather, levels_of, mipmaps, taps
from .page import AFTER_FILE, BEFORE_FILE

SIDE = 192  # pixels
TEXELS = 512  # along a texture's side; more would not be seen
BACKWARD, SPAN = (0.6, -1.0, 0.4), 1.9  # towards the camera; what it sees across of a diagonal of 2
GREY, GROUND = 0.8, 0.94


def write_portraits(folder: Path, out: Path) -> None:
    """Write both pictures of the mesh that the job in `folder` has painted into `out`. Raises PatinaError."""
    job = read_job(folder)
    assert job.mesh is not None
    count = len(job.textures)
    mesh = read_mesh(folder / job.mesh, job.name, count, isolated=False)
    size = min(job.texture_size, TEXELS)
    painted: list[Tensor | None] = [
        read_image(folder / numbered(TEXTURE_FILE, index, count), "texture", "texture")
        for index in range(count)
    ]
    eye = camera.look_at(np.zeros(3), np.array(BACKWARD), SPAN, 2 * SIDE)
    view = render(mesh, rasterizer.create("embree", mesh), eye)
    frame = frame_of(view, eye, corners_of(mesh))
    light = 0.75 + 0.25 * (frame.normals * frame.to_eye).sum(1, keepdim=True).clamp(0, 1)
    ground = torch.full((3, 2 * SIDE, 2 * SIDE), GROUND)
    for pictures, name in ((read_contents(job, folder), BEFORE_FILE), (painted, AFTER_FILE)):
        texture = stacked(pictures, size, torch.full((3,), GREY))
        levels = levels_of(texture)
        where = taps(view.uv, view.footprint, levels, False, view.tiles)
        shown = view.image(gather(mipmaps(texture, levels), where) * light, ground)
        save(to_pillow(nn.functional.avg_pool2d(shown, 2)), out / name)
