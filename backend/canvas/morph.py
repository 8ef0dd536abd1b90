"""Frames between two CPPNs, of a picture or on a mesh, one after the other; nothing is optimised.

They may be large, so a frame is made a part at a time, and kept with 8 bits a channel: at 8192² a picture in
floating point is 0.8 GB, and so is each step on the way to it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import distance_transform_edt
from torch import Tensor

from ..errors import PatinaError
from ..parameterizations import cppn
from ..parameterizations.cppn import CPPN
from ..pictures.images import save
from ..protocol.files import IMAGE_FILE, PREVIEW_FILE, TEXTURE_FILE, numbered
from ..protocol.job import Job
from ..rendering.mesh import read_mesh
from ..rendering.texels import check_texels, locate
from ..result import report
from ..result.textures import PREVIEW_SIDE, write_preview
from ..session import JobSession, Progress
from .build import solid

PART = 1 << 18  # places, or pixels, at a time


@dataclass(frozen=True)
class Ground:
    """What a formula is laid on: U places (U, D), as its network wants them, and a picture of them.

    size: its height and width. index: each pixel's place, (height · width,) int32; None: as they come.
    """

    places: Tensor
    size: tuple[int, int]
    index: NDArray[np.int32] | None = None


def run(session: JobSession) -> None:
    """Write the frames between two CPPNs, ends included. Raises PatinaError, Cancelled."""
    job, folder = session.job, session.folder
    flat = job.mesh is None
    first, second = (cppn.read(folder / path) for path in job.cppns)
    kinds = {2: "a flat picture", 3: "a surface"}
    for end, path in zip((first, second), job.cppns, strict=True):
        wanted = 2 if flat else 3
        if end.dimensions != wanted:
            raise PatinaError(
                f"{Path(path).name} paints {kinds[end.dimensions]}, not {kinds[wanted]}.",
                f"Name a CPPN of {kinds[wanted]}.",
                "cppns",
            )
    ground = _flat(job.image_size) if flat else _surface(session, job, first)
    network = session.network() if flat else None  # a texture says little of what is seen
    file = IMAGE_FILE if flat else TEXTURE_FILE
    names = [numbered(file, frame, job.frames) for frame in range(job.frames)]
    before: Tensor | None = None
    distances: list[float] = []
    began = session.now()
    for frame, name in enumerate(names):
        picture = Image.fromarray(painted(cppn.morph(first, second, frame / (job.frames - 1)), ground))
        session.write_result(partial(save, picture, folder / name))
        small = _small(picture)
        if job.plays:
            preview = job.frame_files(frame, PREVIEW_FILE)[0]
            session.preview(partial(_preview, small, folder, preview), now=True)
        if network is not None and before is not None:
            measure = partial(report.frame_distances, network, torch.stack([before, small]))
            distances += session.without_fail("The frames could not be measured", measure) or []
        before, done = small, (frame + 1) / job.frames
        left = (session.now() - began) * (1 / done - 1)
        session.progress(Progress("frames", frame + 1, job.frames, done, left, 0.0))
    measured = {"frame_distance": [round(d, 4) for d in distances]} if network else {}
    session.finish(names[0], {"frames": job.frames} | measured)


def _flat(size: int) -> Ground:
    return Ground(cppn.grid(size, size).flatten(0, 1), (size, size))


def _surface(session: JobSession, job: Job, network: CPPN) -> Ground:
    """Lay CPPNs on the job's mesh. Raises PatinaError where it cannot be painted."""
    assert job.mesh is not None
    mesh = read_mesh(session.folder / job.mesh, job.name)
    texels = locate(mesh, job.texture_size)
    check_texels(texels, [job.name], job.texture_size, session.message)
    places = torch.from_numpy(texels.points).mul_(solid(network, texels).scale)
    return Ground(places, texels.used.shape, nearest(texels.used))


def nearest(used: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Find for each texel (S, S) the nearest that is `used`, as its number among these: (S · S,)."""
    number = np.cumsum(used, dtype=np.int32) - np.int32(1)
    if used.all():
        return number
    places = distance_transform_edt(~used, return_distances=False, return_indices=True)
    rows = places[0].ravel()
    rows *= used.shape[1]
    rows += places[1].ravel()
    return _take(number, rows)


@torch.no_grad()
def painted(network: CPPN, ground: Ground) -> NDArray[np.uint8]:
    """Evaluate `network` on `ground`, a part at a time: (H, W, 3 or 4)."""
    values = np.empty((len(ground.places), network.channels), np.uint8)
    for first in range(0, len(values), PART):
        found = network(ground.places[first : first + PART])
        values[first : first + PART] = (found * 255).round().byte().numpy()
    picture = values if ground.index is None else _take(values, ground.index)
    return picture.reshape(*ground.size, network.channels)


def _take(values: NDArray[Any], index: NDArray[np.int32]) -> NDArray[Any]:
    """Take the rows `index` of `values`: an index is held in 64 bits for a part of them alone."""
    found = np.empty((len(index), *values.shape[1:]), values.dtype)
    for first in range(0, len(index), PART):
        found[first : first + PART] = values[index[first : first + PART]]
    return found


def _small(picture: Image.Image) -> Tensor:
    """Shrink `picture` to what a preview shows: (3, H, W), in 0..1."""
    side = min(PREVIEW_SIDE, *picture.size)
    shrunk = picture.convert("RGB").resize((side, side), Image.Resampling.BOX)
    return torch.from_numpy(np.array(shrunk)).permute(2, 0, 1).float() / 255


def _preview(small: Tensor, folder: Path, name: str) -> str:
    write_preview(small, folder / name)
    return name
