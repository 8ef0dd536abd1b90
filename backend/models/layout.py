"""How UV maps lie, and a new one for surfaces that have none to paint on."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context

import numpy as np

from ..errors import PatinaError
from ..rendering.mesh import build_mesh
from ..rendering.texels import locate
from .arrays import Floats
from .charts import unwrapped

STARVED_RATIO = 1 / 16  # of the length in the map that an even layout would give
MAX_STARVED = 0.25  # of a surface: with more, the map is none to paint on
GRID = 512  # texels along a side at which overlaps are looked for
MAX_OVERLAP = 0.05  # of the map: more is no layout for colours that differ
MIN_ROOM = 1 / 16  # of an equal share of the map: what the smallest part gets


def areas(corners: Floats) -> Floats:
    """Compute the areas of triangles with `corners` (F, 3, 2 or 3): (F,)."""
    a, b = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    square = (a * a).sum(1) * (b * b).sum(1) - (a * b).sum(1) ** 2
    return np.asarray(np.sqrt(np.maximum(square, 0)) / 2)


def starved(corners: Floats, uvs: Floats) -> float:
    """Measure the share of the surface `corners` (F, 3, 3) with hardly a place in the map `uvs` (F, 3, 2).

    There the map is, one way or the other, STARVED_RATIO of what an even layout would make of it: so it is
    where a palette's colours are picked by points.
    """
    area = areas(corners)
    a, b = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    length = np.maximum(np.linalg.norm(a, axis=1), 1e-30)[:, None]
    along = (a * b).sum(1, keepdims=True) / length
    across = np.maximum(2 * area[:, None] / length, 1e-30)
    first = (uvs[:, 1] - uvs[:, 0]) / length
    second = (uvs[:, 2] - uvs[:, 0] - first * along) / across
    square = (first**2).sum(1) + (second**2).sum(1)
    product = np.abs(first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0])
    longest = np.sqrt(np.maximum(square + np.sqrt(np.maximum(square**2 - 4 * product**2, 0)), 1e-60) / 2)
    narrow = product / longest < STARVED_RATIO * np.sqrt(0.5 / max(float(area.sum()), 1e-30))
    return float(area[narrow].sum() / max(float(area.sum()), 1e-30))


def overlap(corners: Floats, uvs: Floats) -> float:
    """Measure the share of `uvs` (F, 3, 2), by area, that lies on others of them; UVs wrap at 1."""
    faces = np.arange(3 * len(uvs)).reshape(-1, 3)
    used = locate(build_mesh(corners.reshape(-1, 3), faces, uvs), GRID).used
    total = float(areas(uvs).sum())
    return max(0.0, 1 - float(used.mean()) / total)


def folded(uvs: Floats, wraps: tuple[str, str]) -> Floats | None:
    """Move `uvs` (F, 3, 2) to where a repeating texture shows what one that `wraps` so does; None: nowhere.

    A triangle within one mirrored copy is turned back; one that crosses into the next has no such place.
    """
    found = uvs.astype(np.float64)
    slack = 1e-4
    for axis, wrap in enumerate(wraps):
        values = found[..., axis]
        if wrap == "repeat":
            continue
        cell = np.floor(values.mean(1, keepdims=True))
        inside = values - cell
        if inside.min() < -slack or inside.max() > 1 + slack or (wrap == "clamp" and cell.any()):
            return None
        inside = inside.clip(0, 1)
        found[..., axis] = np.where(cell % 2 == 1, 1 - inside, inside) if wrap == "mirror" else inside
    return found


def roomy(parts: Sequence[Floats]) -> Floats:
    """Enlarge those of `parts` (F, 3, 3) that would get next to nothing of a map, and give all in one.

    A button on a house has a colour, too.
    """
    shares = np.array([areas(corners).sum() for corners in parts])
    least = MIN_ROOM * shares.mean()
    scales = np.sqrt(np.maximum(least / np.maximum(shares, 1e-12 * least), 1)) if least > 0 else shares + 1
    return np.concatenate([corners * scale for corners, scale in zip(parts, scales, strict=True)])


def unwrap(corners: Floats, size: int) -> Floats:
    """Lay out triangles `corners` (F, 3, 3) without overlaps, in one texture of `size`²: UVs (F, 3, 2).

    Raises PatinaError where that cannot be done.
    """
    places, index = np.unique(corners.reshape(-1, 3).astype(np.float32), axis=0, return_inverse=True)
    faces = index.reshape(-1, 3)
    # The library works in a process of its own: a mesh that it crashes on must not take this one with it.
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        try:
            uvs = pool.submit(unwrapped, places, faces, size).result()
        except BrokenProcessPool:
            uvs = None
    if uvs is None or not np.isfinite(uvs).all():
        raise PatinaError(
            "The model could not be unwrapped.",
            "Unwrap it by hand (Blender: UV > Smart UV Project) and export it with its UVs.",
            "model",
        )
    return uvs
