"""Painted objects beside the paintings whose styles they wear, as on the front page.

    python -m benchmarks.beside docs/pictures/surfaces.jpg JOB PAINTING [JOB PAINTING …]

JOB is the folder of a finished job, or of `stylize --out`: its mesh.npz in its texture.png, from two sides,
as large as fits. JOB@DEGREES is looked at from so far round.
"""

from __future__ import annotations

import math
import sys
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageOps

from backend.pictures.images import read_image, to_pillow
from backend.rendering import camera
from backend.rendering.mesh import read_mesh

from . import pictures
from .sheet import LARGEST

PAINTING, VIEW, GAP = 176, 304, 12  # pixels
Direction = tuple[float, float, float]
SIDES: tuple[Direction, Direction] = ((0.6, -1.0, 0.3), (-0.6, -1.0, 0.3))  # towards the camera
GROUND = (240, 240, 240)  # that of portraits


def pair(job: Path, painting: Path, degrees: float = 0.0) -> Image.Image:
    """The painting, and the object from two sides, from so many `degrees` round."""
    mesh = read_mesh(job / "mesh.npz", job.name)
    texture = read_image(job / "texture.png", "texture", "content")
    sides = [turned(away, math.radians(degrees)) for away in SIDES]
    views = [pictures.portrait(mesh, texture, VIEW, (away, window(mesh.vertices, away))) for away in sides]
    style = ImageOps.contain(to_pillow(read_image(painting, "painting", "styles")), (PAINTING, PAINTING))
    page = Image.new("RGB", (PAINTING + GAP + len(views) * VIEW, VIEW), GROUND)
    page.paste(style, ((PAINTING - style.width) // 2, (VIEW - style.height) // 2))
    page.paste(to_pillow(torch.cat(views, 2)), (PAINTING + GAP, 0))
    return page


def turned(away: Direction, angle: float) -> Direction:
    """`away`, so many radians round the vertical."""
    (x, y, z), cosine, sine = away, math.cos(angle), math.sin(angle)
    return cosine * x - sine * y, sine * x + cosine * y, z


def window(vertices: NDArray[np.float64], away: Direction) -> float:
    """What a picture around the origin must span to hold `vertices` (V, 3) with ground around them."""
    right, up, nearer = camera.look_at(np.zeros(3), np.array(away), 1.0, 1).axes @ vertices.T
    across = np.maximum(np.abs(right), np.abs(up)) + math.tan(camera.FOV_Y / 2) * nearer  # in perspective
    return 2.06 * float(across.max())


def wall(pairs: list[Image.Image]) -> Image.Image:
    """Two `pairs` a row, without most of the ground above and below them."""
    rows = []
    for first in range(0, len(pairs), 2):
        row = Image.new("RGB", (2 * pairs[0].width + 4 * GAP, VIEW), GROUND)
        for column, one in enumerate(pairs[first : first + 2]):
            row.paste(one, (GAP + column * (one.width + 2 * GAP), 0))
        full = (np.abs(np.asarray(row).astype(int) - GROUND) > 4).any((1, 2)).nonzero()[0]
        rows.append(row.crop((0, full[0], row.width, full[-1] + 1)))
    page = Image.new("RGB", (rows[0].width, sum(row.height + 2 * GAP for row in rows)), GROUND)
    top = GAP
    for row in rows:
        page.paste(row, (0, top))
        top += row.height + 2 * GAP
    return page


def main(words: list[str]) -> None:
    """Do what the module's text says."""
    out, *rest = words
    pairs = []
    for job, painting in zip(rest[::2], rest[1::2], strict=True):
        folder, _, degrees = job.partition("@")
        pairs.append(pair(Path(folder), Path(painting), float(degrees or 0)))
    page = wall(pairs)
    for quality in range(92, 40, -2):
        page.save(out, quality=quality)
        if Path(out).stat().st_size < LARGEST:
            break


if __name__ == "__main__":
    main(sys.argv[1:])
