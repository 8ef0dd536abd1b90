"""The state of an optimisation on disk, so that a later job can go on where it ended.

A checkpoint.npz holds `rows` (R, C) float16, the pyramid's; `seen` (R / 8,) uint8, a bit for each row that
a view moved; `surface`, a checksum of the faces and their UVs; `steps`, those taken so far; `stages` (K, 2),
the steps planned and done of each of the quality's stages, so that an interrupted job does what it lacks.
Adam's moments are not kept: they are twice as large as the rows, and a few steps bring them back.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from .. import npz
from ..errors import PatinaError
from ..pictures.images import cannot_write
from ..rendering.mesh import Mesh
from ..writing import replacing
from .pyramid import Pyramid

MAX_STEPS = 10_000_000
CURE = "Stylize the object from the start."


@dataclass(frozen=True)
class Kept:
    """How far a job was."""

    steps: int  # in all, with those of the jobs before it
    stages: tuple[tuple[int, int], ...] = ()  # of each of its quality's stages: steps planned, and done


def write(path: Path, texture: Pyramid, mesh: Mesh, kept: Kept) -> None:
    """Write `path`, whole or not at all. Raises PatinaError if that cannot be done."""
    try:
        with replacing(path) as stream:
            np.savez(
                stream,
                rows=texture.rows.detach().half().cpu().numpy(),
                seen=np.packbits(texture.moved().cpu().numpy()),
                surface=np.uint32(_surface(mesh)),
                steps=np.int64(kept.steps),
                stages=np.array(kept.stages, np.int64).reshape(-1, 2),
            )
    except OSError as error:
        raise cannot_write(path, error) from None


def read(path: Path, texture: Pyramid, mesh: Mesh) -> Kept:
    """Bring `texture` to the state in `path`; gives how far that was.

    Raises PatinaError where there is none, or where it is of another surface or size; then `texture` is
    as it was.
    """
    if not path.is_file():
        raise PatinaError(f"There is no checkpoint {path.name} to go on from.", CURE, "resume")
    try:
        arrays = npz.read(path, ("rows", "seen", "surface", "steps", "stages"))
        rows, seen = arrays["rows"], arrays["seen"]
        surface, steps, stages = int(arrays["surface"]), int(arrays["steps"]), arrays["stages"]
        if stages.ndim != 2 or stages.shape[1] != 2 or len(stages) > 100 or stages.dtype != np.int64:
            raise ValueError("its parts do not fit together")
        if (
            not 0 <= steps < MAX_STEPS
            or not ((stages >= 0) & (stages < MAX_STEPS)).all()
            or seen.dtype != np.uint8
            or seen.shape != (-(-len(rows) // 8),)
        ):
            raise ValueError("its parts do not fit together")
        if rows.dtype != np.float16 or not np.isfinite(rows).all():
            raise ValueError("it holds what is no number")
    except (OSError, ValueError, TypeError, OverflowError) as error:
        raise PatinaError(f"The checkpoint {path.name} cannot be read ({error}).", CURE, "resume") from None
    if surface != _surface(mesh):
        raise PatinaError(
            "The checkpoint is of another mesh, or its UV map has changed since.", CURE, "resume"
        )
    if rows.ndim == 2 and len(rows) == len(texture.rows) and rows.shape[1] != texture.rows.shape[1]:
        raise PatinaError(
            "The checkpoint is of a whole material, or of its colour alone, and this job is not.",
            "Paint what it was made with, or stylize from the start.",
            "resume",
        )
    if rows.shape != tuple(texture.rows.shape):
        raise PatinaError(
            "The checkpoint's texture has another size.",
            "Choose the texture size it was made with, or stylize from the start.",
            "resume",
        )
    moved = np.unpackbits(seen, count=len(rows)).astype(bool)
    texture.restore(torch.from_numpy(rows.astype(np.float32)), torch.from_numpy(moved))
    return Kept(steps, tuple((int(planned), int(done)) for planned, done in stages))


def _surface(mesh: Mesh) -> int:
    return zlib.crc32(np.ascontiguousarray(mesh.uvs, np.float32).tobytes())
