"""Yardstick 5: one scale and no stretching, by a style of equal circles (StyleMesh, Höllein et al. 2022).

Dark blobs on held-out views of a painted mesh are taken as ellipses: the second moments of their pixels'
points on the surface, in the plane that fits them best, each pixel weighted by the surface it covers.
That undoes the perspective exactly, since a view's G-buffer knows every pixel's point.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation, label
from torch import Tensor

from backend.painting.optimize import STYLE_WIDTH
from backend.pictures.images import write_image
from backend.rendering.gbuffer import GBuffer
from backend.rendering.mesh import Mesh
from backend.rendering.sampling import Levels, gather, mipmaps, taps
from backend.rendering.texels import locate
from backend.rendering.views import ViewMaker

from . import jobs
from .pictures import STAND, STANDS, portrait, sheet
from .results import record
from .subjects import SCRATCH, Subject, subject, viewing_of

SIDE, ACROSS, SHARE = 512, 10, 0.62  # pixels of the style; circles along it; diameter over their distance
INK, PAPER = (0.10, 0.16, 0.35), (0.93, 0.86, 0.66)
VIEWS, VIEW, SEED = 24, 320, 71
LEAST = 40  # pixels of a blob
FILLED = 0.82  # of its ellipse; less is no ellipse but a blot
FLAT = 0.12  # thickness over width of what counts as lying in a plane


@dataclass(frozen=True)
class Ellipse:
    """What a blob is on the surface: two axes, as diameters."""

    long: float
    short: float

    @property
    def diameter(self) -> float:
        """Of the circle of the same area."""
        return math.sqrt(self.long * self.short)


def style() -> Path:
    """A picture of equal circles in hexagonal order, made once."""
    path = SCRATCH / "circles.png"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        fine = 2 * SIDE
        y, x = (np.mgrid[:fine, :fine] + 0.5) / fine * ACROSS
        row = np.round(y / (math.sqrt(3) / 2))
        nearest = np.full((fine, fine), np.inf)
        for step in (-1, 0, 1):
            shifted = (row + step) % 2 / 2
            dx = x - shifted - np.round(x - shifted)
            dy = y - (row + step) * math.sqrt(3) / 2
            nearest = np.minimum(nearest, np.hypot(dx, dy))
        write_image(_ink(torch.from_numpy(nearest < SHARE / 2), 2), path)
    return path


def _ink(dots: Tensor, shrink: int) -> Tensor:
    share = torch.nn.functional.avg_pool2d(dots[None, None].float(), shrink)[0]
    ink, paper = (torch.tensor(color)[:, None, None] for color in (INK, PAPER))
    return ink * share + paper * (1 - share)


def true_circles(who: Subject, size: int, diameter: float) -> Tensor:
    """(3, size, size): a texture whose dots are circles on the surface: all points near some centres.

    Centres keep a distance, as the style's do; the control that the measure itself is right.
    """
    texels = locate(who.mesh, size)
    random = np.random.default_rng(SEED)
    centres: list[NDArray[np.float32]] = []
    for point in texels.points[random.permutation(len(texels.points))[:4000]]:
        if all(np.linalg.norm(point - other) > diameter / SHARE for other in centres):
            centres.append(point)
    near = np.zeros(len(texels.points), bool)
    for centre in centres:
        near |= np.linalg.norm(texels.points - centre, axis=1) < diameter / 2
    dots = np.zeros((size, size), bool)
    dots[texels.used] = near
    return _ink(torch.from_numpy(dots), 1)


def ellipses(mesh: Mesh, texture: Tensor, window: float) -> list[Ellipse]:
    """The ellipses on VIEWS held-out views of `texture` (3, S, S), each `window` wide."""
    make = ViewMaker(mesh, "embree", np.random.default_rng(SEED))
    levels = Levels(texture.shape[-1])
    rows = mipmaps(texture, levels)
    found: list[Ellipse] = []
    for _ in range(VIEWS):
        view = make(window, VIEW)
        colors = gather(rows, taps(view.uv, view.footprint, levels, laplacian=False))
        found += _in_view(view, colors)
    return found


def _in_view(view: GBuffer, colors: Tensor) -> list[Ellipse]:
    """Blobs of ink that lie whole in the view, away from silhouettes."""
    ink, paper = torch.tensor(INK), torch.tensor(PAPER)
    along = ((colors - ink) @ (paper - ink)) / (paper - ink).square().sum()
    dark = np.zeros(view.height * view.width, bool)
    dark[view.pixels.numpy()] = (along < 0.5).numpy()
    outside = ~view.mask.numpy()
    border = binary_dilation(np.pad(outside, 1, constant_values=True), iterations=2)[1:-1, 1:-1]
    blobs, count = label(dark.reshape(view.height, view.width))
    at = blobs.ravel()[view.pixels.numpy()]
    cut = set(np.unique(blobs[border]))
    area = 1 / view.facing.numpy().clip(0.05)
    found = []
    for k in range(1, count + 1):
        inside = at == k
        if k in cut or inside.sum() < LEAST:
            continue
        if (ellipse := fit(view.points[torch.from_numpy(inside)].numpy(), area[inside])) is not None:
            found.append(ellipse)
    return found


def fit(points: NDArray[np.float32], weights: NDArray[np.float64]) -> Ellipse | None:
    """The ellipse with the second moments of `points` (N, 3), weighted by the surface that each stands for.

    None where they are bent too much, or fill their ellipse too badly. A disc has moments of r² / 4.
    """
    weights = weights / weights.sum()
    centred = points - weights @ points
    spread = np.sort(np.linalg.eigvalsh((centred * weights[:, None]).T @ centred))[::-1].clip(1e-12)
    if math.sqrt(spread[2] / spread[0]) > FLAT:
        return None
    flat = centred @ np.linalg.eigh((centred * weights[:, None]).T @ centred)[1][:, 1:]
    inverse = np.linalg.inv((flat * weights[:, None]).T @ flat)
    within = np.einsum("ni,ij,nj->n", flat, inverse, flat) <= 4.3  # 4 is the ellipse's own edge
    if weights[within].sum() < FILLED + 0.1:
        return None
    return Ellipse(4 * math.sqrt(spread[0]), 4 * math.sqrt(spread[1]))


def measure() -> None:
    """The control on the sphere, then every mesh painted in circles."""
    ball = subject("sphere")
    diameter = STYLE_WIDTH * float(np.sqrt(ball.mesh.areas.sum())) * SHARE / ACROSS
    control = ellipses(ball.mesh, true_circles(ball, 2048, diameter), 6 * diameter / SHARE)
    record("circles", {"control: sphere with true circles": summary(control, diameter)})
    tiles = []
    for name in ("sphere", "fox", "suzanne"):
        who = subject(name)
        span = viewing_of(who, style()).style_width
        diameter = span * SHARE / ACROSS
        jobs.paint(who, style(), strength=1.0)
        texture = jobs.texture(who, style(), strength=1.0)
        found = ellipses(who.mesh, texture, 6 * diameter / SHARE)
        record("circles", {name: summary(found, diameter)})
        tiles.append((name, portrait(who.mesh, texture, 320, STANDS.get(name, STAND))))
    sheet("circles", tiles, 3)


def summary(found: list[Ellipse], diameter: float) -> dict[str, float]:
    """Of the ellipses: how many, their size over the style's circles', and their axis ratio."""
    sizes = np.array([e.diameter for e in found]) / diameter
    ratios = np.array([e.long / e.short for e in found])
    return {
        "ellipses": len(found),
        "size": round(float(np.median(sizes)), 3),
        "size_within_15_percent": round(float(np.mean(np.abs(sizes / np.median(sizes) - 1) <= 0.15)), 3),
        "axis_ratio": round(float(np.median(ratios)), 3),
        "axis_ratio_90_percent": round(float(np.quantile(ratios, 0.9)), 3),
    }
