"""A surface, or a picture, covered with pieces of exemplars: where they lie, and which way up."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..rendering.camera import UP, upwards
from ..rendering.mesh import Mesh
from ..rendering.texels import Texels, fill_gutters, interpolate
from .collage import embedding
from .patchwork import ACROSS, RADIUS, Beneath, Ground, Tell, patchwork

RARE = 3.0  # how much worse a place without its like is taken for: a painting's strokes, not its figures
SMALL_RADIUS, SMALL_ACROSS = 0.14, 12  # of pieces that look like what they lie on: see `patchwork`
STEEP = (
    0.1,
    0.3,
)  # sine of the angle from upright, below which up is what it is beside; above which it is up


def sew(
    exemplars: list[tuple[Tensor, float, Tensor]],
    height: int,
    width: int,
    wraps: bool,
    random: np.random.Generator,
    tell: Tell,
) -> Tensor:
    """Sew a picture (3, `height`, `width`) from pieces of exemplars; one that wraps around if asked.

    exemplars: images (3, h, w) with shares that sum to 1, each piece is of one of them, pixel by pixel; and
    each one's periods (2, 2), which pieces keep all over the picture (see `periods`). tell: hears how many
    of how many pieces are laid.
    """
    spans = [float(min(image.shape[1:])) for image, *_ in exemplars]
    radius = max(RADIUS * min(spans), 2.0)
    rows, columns = np.divmod(np.arange(height * width), width)
    points = np.stack([columns + 0.5, rows + 0.5, np.zeros(height * width)], 1).astype(np.float32)
    stride = max(1, round(radius / ACROSS))
    chosen = np.flatnonzero((rows % stride == 0) & (columns % stride == 0))
    period = np.array([width, height, np.inf]) if wraps else np.full(3, np.inf)
    boxes = period[:2] / radius if wraps else np.zeros(2)
    embedded = points[:, :2] / np.float32(radius)
    if wraps:
        embedded = np.minimum(embedded, np.nextafter(boxes, 0, dtype=np.float32))
    along = np.array([[1.0, 0, 0], [0, 1, 0]])
    steps = [step.numpy().astype(float) for *_, step in exemplars]
    ground = Ground(points, embedded, lambda point, beside: along, spans, radius, period, boxes, steps)
    images = [(image, share) for image, share, _ in exemplars]
    return patchwork(ground, chosen, images, random, tell).view(3, height, width)


def cover(
    mesh: Mesh,
    texels: Texels,
    exemplars: list[tuple[Tensor, float]],
    span: float,
    stroke_angle: float,
    random: np.random.Generator,
    tell: Tell,
    beneath: tuple[Tensor, Tensor] | None = None,
) -> Tensor:
    """Cover the surface with pieces of the exemplars: the textures (3, tiles · S, S).

    exemplars: images (3, H, W), no finer than the texels, with shares that sum to 1; the shorter side of each
    spans `span` (the mesh's units). They stand upright, or, where the mesh has directions, have those at
    the angle `stroke_angle`. tell: hears how many of how many pieces are laid. beneath: textures that are
    painted over by small pieces that look like them, few of them figures; and others, where whose contrast is
    all stays.
    """
    share, across, rare = (RADIUS, ACROSS, 0.0) if beneath is None else (SMALL_RADIUS, SMALL_ACROSS, RARE)
    radius = share * span
    embedded = embedding(mesh, texels, radius)
    cells = np.concatenate([np.floor(embedded[:, :3] * across), np.round(embedded[:, 3:])], 1)
    keys = cells.astype(np.int64) @ random.integers(1 << 62, size=7)  # one number for each cell, by hashing
    order = random.permutation(len(keys))
    chosen = order[np.unique(keys[order], return_index=True)[1]]

    def axes(point: int, beside: NDArray[np.float64]) -> NDArray[np.float64]:
        normal, direction = embedded[point, 3:6].astype(np.float64), None
        if mesh.directions is not None:
            corners = mesh.directions[texels.faces[[point]]]
            direction = interpolate(corners, texels.barycentric[[point]])[0].astype(np.float64)
        return axes_at(normal, direction, stroke_angle, beside)

    never = np.full(3, np.inf)
    spans = [span] * len(exemplars)
    ground = Ground(
        texels.points, embedded, axes, spans, radius, never, np.zeros(7), None, share, across, rare
    )
    used = torch.from_numpy(texels.used)
    under = None if beneath is None else Beneath(*(part[:, used].T.numpy() for part in beneath))
    result = torch.zeros(3, *texels.used.shape)
    result[:, used] = patchwork(ground, chosen, exemplars, random, tell, under)
    return fill_gutters(result, texels.used)


def axes_at(
    normal: NDArray[np.float64],
    direction: NDArray[np.float64] | None,
    stroke_angle: float,
    beside: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Orient a piece: (2, 3), which way is right in it and which is down.

    Upright, or along a direction (3,); where the surface lies so flat that nothing is upright, as what is
    beside it, where down is `beside` (3,).
    """
    if direction is not None:
        up = upwards(direction, normal, stroke_angle)
    else:
        up = UP - normal * (normal @ UP)
        steep = float(np.linalg.norm(up))
        beside = normal * (normal @ beside) - beside
        length = float(np.linalg.norm(beside))
        if steep < STEEP[1] and length > 1e-6:
            share = np.clip((steep - STEEP[0]) / (STEEP[1] - STEEP[0]), 0, 1)
            up = share * up / max(steep, 1e-9) + (1 - share) * beside / length
    up = up - normal * (normal @ up)
    if np.linalg.norm(up) < 1e-6:
        up = np.cross([1.0, 0, 0] if abs(normal[0]) < 0.8 else [0, 1.0, 0], normal)
    up = up / np.linalg.norm(up)
    return np.stack([np.cross(up, normal), -up])
