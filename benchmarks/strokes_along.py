"""Strokes along a field: a square painted anyhow, and with its strokes asked to run round its middle.

    python -m benchmarks.strokes_along [--out out/strokes_along] [--style summertime] …

Leaves strokes_along.jpg (anyhow, along the field) in --out, and says how far strokes are off the field:
45 degrees is chance. Angles are those of the structure tensor, weighted by how much direction it shows.
"""

from __future__ import annotations

import argparse
import math
import shutil
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter

from backend.painting.job import run
from backend.pictures.images import read_image
from backend.pictures.orientation import structure_tensor
from backend.protocol.job import Job
from backend.protocol.parts import Style
from backend.session import JobSession

ROOT = Path(__file__).parents[1]
CELLS = 24  # of the square, along a side
SIGMA = 6.0  # texels over which a direction is averaged


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=ROOT / "out" / "strokes_along")
    parser.add_argument("--style", default="summertime", help="a shipped painting")
    parser.add_argument("--texture-size", type=int, default=512)
    parser.add_argument("--quality", default="standard")
    parser.add_argument("--steps", type=int)
    parser.add_argument("--style-size", type=float, default=1.0, help="of the square's 2 units")
    arguments = parser.parse_args()
    painted = []
    for name, along in (("anyhow", False), ("along", True)):
        folder = arguments.out / name
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / "addon" / "styles" / f"{arguments.style}.jpg", folder / "style.jpg")
        np.savez(folder / "mesh.npz", **square(along))
        job = Job(
            name=name,
            mesh="mesh.npz",
            styles=(Style("style.jpg"),),
            texture_size=arguments.texture_size,
            quality=arguments.quality,
            steps=arguments.steps,
            style_size=arguments.style_size,
            strength=1.0,
        )
        run(JobSession(job, folder, lambda event: None, lambda: False))
        painted.append(read_image(folder / "texture.png", "texture", "out"))
        print(f"{name}: strokes are {error(painted[-1]):.0f} degrees off the field")
    pixels = (torch.cat(painted, 2).permute(1, 2, 0).numpy() * 255).round().astype(np.uint8)
    Image.fromarray(pixels).save(arguments.out / "strokes_along.jpg", quality=85)


def square(along: bool) -> dict[str, NDArray[np.generic]]:
    """The arrays of mesh.npz for a square of 2 units, its directions round the middle if `along`."""
    axis = np.linspace(-1, 1, CELLS + 1, dtype=np.float32)
    x, y = (a.ravel() for a in np.meshgrid(axis, axis))
    vertices = np.stack([x, y, np.zeros_like(x)], 1)
    first = (np.arange(CELLS)[:, None] * (CELLS + 1) + np.arange(CELLS)).ravel()
    corner = np.stack([first, first + 1, first + CELLS + 2, first + CELLS + 1], 1)
    faces = np.concatenate([corner[:, [0, 1, 2]], corner[:, [0, 2, 3]]]).astype(np.int32)
    points = vertices[faces]
    found: dict[str, NDArray[np.generic]] = {
        "vertices": vertices,
        "faces": faces,
        "uvs": points[..., :2] / 2 + 0.5,
        "normals": np.broadcast_to(np.float32([0, 0, 1]), points.shape),
    }
    if along:
        found["directions"] = np.stack([-points[..., 1], points[..., 0], points[..., 2]], -1)
    return found


def error(texture: torch.Tensor) -> float:
    """The mean angle in degrees between strokes and the field round the middle."""
    tensor = gaussian_filter(structure_tensor(texture), (SIGMA, SIGMA, 0, 0))
    double = np.arctan2(2 * tensor[..., 0, 1], tensor[..., 0, 0] - tensor[..., 1, 1])
    strokes = double / 2 + math.pi / 2
    size = texture.shape[-1]
    place = (np.arange(size) + 0.5) / size * 2 - 1
    field = np.arctan2(place[::-1, None], place[None, :]) + math.pi / 2  # across the radius
    off = np.abs((strokes - field + math.pi / 2) % math.pi - math.pi / 2)
    weight = np.hypot(2 * tensor[..., 0, 1], tensor[..., 0, 0] - tensor[..., 1, 1])
    return math.degrees(float((off * weight).sum() / weight.sum()))


if __name__ == "__main__":
    main()
