"""How a UV map lies: in which tiles, over itself, mirrored. NumPy only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]

GRID = 256  # points along a side of the map at which overlaps are looked for
MIN_GRID = 16
MAX_CANDIDATES = 8_000_000  # pairs of a triangle and a point at most; a coarser grid has fewer
BATCH = 1_000_000
PIECE = 1 << 14  # triangles
FEW = 10_000  # triangles that are looked at before the rest is
MIN_AREA = 1e-12  # below this a triangle has no place in the texture; as in `backend.rendering.mesh`
MAX_PALETTE_TRIANGLES = 100_000  # triangles; a model of more has a texture, and counting them takes long
MAX_PALETTE_AREA = 0.05  # of the map: what the colours of a palette that a model uses take up at most
MAX_REPEATS = 8  # times over
BORDER_TOLERANCE = 1e-4  # of the map: so far beyond its border is on it
MIN_SHARED_AREA = 0.01  # of the map: less is not worth a word
MAX_TABLE = 1 << 20  # rows of small numbers are looked up in a table of at most so many entries, not sorted


def signed_areas(uvs: Floats) -> Floats:
    """Compute the areas of triangles (F, 3, 2) in UV space, negative where mirrored: (F,) float64."""
    u, v, a, b, c, d = (uvs[:, k, axis].astype(np.float64) for k in range(3) for axis in range(2))
    for side, origin in ((a, u), (b, v), (c, u), (d, v)):  # in place: new memory costs more than the sums
        side -= origin
    a *= d
    b *= c
    a -= b
    a /= 2
    return a


def has_area(uvs: Floats) -> bool:
    """Whether any of the triangles (F, 3, 2) has an area, as nearly always the first ones do."""
    return any(signed_areas(uvs[start : start + FEW]).any() for start in range(0, len(uvs), FEW))


def cells(uvs: Floats) -> NDArray[np.int64]:
    """Find the whole-number square in which each triangle (F, 3, 2) has its centre: (F, 2)."""
    a, b, c = (uvs[:, k].astype(np.float64) for k in range(3))
    a += b
    a += c
    a /= 3
    return np.floor(a, out=a).astype(np.int64)


def bounds(uvs: Floats) -> tuple[Floats, Floats]:
    """Find the lower left and the upper right corner of the boxes around triangles (F, 3, 2): (F, 2) each."""
    # Corner by corner, and in columns: many times as fast as along short rows.
    a, b, c = np.ascontiguousarray(np.moveaxis(uvs, 0, 2)).transpose(0, 2, 1)
    return np.minimum(np.minimum(a, b), c), np.maximum(np.maximum(a, b), c)


def distinct(rows: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """List the different ones of `rows` (F, K), ascending: (S, K), and which of them each row is: (F,).

    To sort millions takes seconds, and they nearly always are a few small numbers.
    """
    low = rows.min(axis=0)
    span = rows.max(axis=0) - low + 1
    if not 0 < span.astype(np.float64).prod() <= MAX_TABLE:
        found, which = np.unique(rows, axis=0, return_inverse=True)
        return found, which.ravel()
    key = np.ravel_multi_index(tuple((rows - low).T), tuple(span))
    is_there = np.bincount(key, minlength=int(span.prod())) > 0
    found = np.stack(np.unravel_index(np.flatnonzero(is_there), tuple(span)), axis=1) + low
    return found, (is_there.cumsum() - 1)[key]


def touched(uvs: Floats) -> set[tuple[int, int]]:
    """List the whole-number squares that the bounding boxes of triangles (F, 3, 2) reach into."""
    least, most = bounds(uvs)
    first, last = (np.floor(edge(least, axis=0) + 1e-6) for edge in (np.min, np.max))
    if (first == last).all() and (np.ceil(most.max(axis=0) - 1e-6) - 1 <= first).all():
        return {(int(first[0]), int(first[1]))}  # all in one, as nearly always
    low = np.floor(least + 1e-6).astype(np.int64)
    high = np.maximum(np.ceil(most - 1e-6).astype(np.int64) - 1, low)
    boxes = distinct(np.concatenate((low, high), axis=1))[0].tolist()
    return {(u, v) for a, b, c, d in boxes for u in range(a, c + 1) for v in range(b, d + 1)}


def udim(cell: tuple[int, int]) -> int:
    """Compute the UDIM number of a square: 1001 for (0, 0), ten to a row; 0 for one that has no number."""
    u, v = cell
    number = 1001 + u + 10 * v
    return number if 0 <= u < 10 and v >= 0 and number <= 2000 else 0


def layers(uvs: Floats) -> NDArray[np.int64]:
    """Count how many of the triangles (F, 3, 2) cover each of evenly spaced points: (GRID, GRID).

    UVs wrap at 1.
    """
    least, most = bounds(uvs)
    size = GRID

    def points(some: slice | NDArray[np.int64]) -> tuple[Floats, Floats, Floats]:
        """By how much triangles are moved, as one across a border reaches beyond 1, and the first and the
        last point in the box around each: off the texels' grid, on which islands like to end."""
        low, high = least[some].astype(np.float64), most[some].astype(np.float64)
        shift = np.floor(low)
        return shift, np.ceil((low - shift) * size - 0.37), np.floor((high - shift) * size - 0.37)

    while True:
        some = []  # of millions of triangles few have a point: pieces of them stay in the processor's cache
        for start in range(0, len(uvs), PIECE):
            _, low, high = points(slice(start, start + PIECE))
            some.append(start + np.flatnonzero((low[:, 0] <= high[:, 0]) & (low[:, 1] <= high[:, 1])))
        order = np.concatenate([*some, np.zeros(0, np.int64)])
        order = order[np.abs(signed_areas(uvs[order])) > MIN_AREA]
        shift, low, high = points(order)
        low, count = low.astype(np.int64), (high - low).astype(np.int64) + 1
        pairs = count.prod(axis=1)
        if pairs.sum() <= MAX_CANDIDATES or size <= MIN_GRID:
            break
        size //= 2
    corners = (uvs[order].astype(np.float64) - shift[:, None]) * size - 0.37
    turn = np.sign(signed_areas(corners))
    found = np.zeros(size * size, np.int64)
    for part in np.split(np.arange(len(order)), np.flatnonzero(np.diff(pairs.cumsum() // BATCH)) + 1):
        face = np.repeat(part, pairs[part])
        index = np.arange(len(face)) - np.repeat(pairs[part].cumsum() - pairs[part], pairs[part])
        point = low[face] + np.stack((index % count[face, 0], index // count[face, 0]), axis=1)
        inside = np.ones(len(face), bool)
        for k in range(3):
            a, b = corners[face, k], corners[face, (k + 1) % 3]
            edge, way = b - a, point - a
            inside &= (edge[:, 0] * way[:, 1] - edge[:, 1] * way[:, 0]) * turn[face] > 0
        at = point[inside] % size
        found += np.bincount(at[:, 1] * size + at[:, 0], minlength=size * size)
    return found.reshape(size, size).repeat(GRID // size, axis=0).repeat(GRID // size, axis=1)


def have_room(uvs: Floats, areas: Floats) -> bool:
    """Whether a surface can be painted in the UVs (F, 3, 2) of its triangles, whose areas on it are (F,).

    Not where most of it is a point or a line there, nor where many parts lie on each other in a few spots.
    """
    if not np.isfinite(uvs).all():
        return False
    flat = np.abs(signed_areas(uvs))
    if areas[flat <= MIN_AREA].sum(dtype=np.float64) > areas.sum(dtype=np.float64) / 2:
        return False
    if len(uvs) > MAX_PALETTE_TRIANGLES:
        return True
    covered = float((layers(uvs) > 0).mean())
    return covered > MAX_PALETTE_AREA or flat.sum() <= MAX_REPEATS * covered


def surface_areas(corners: Floats) -> Floats:
    """Compute twice the areas of triangles (F, 3, 3) in space: (F,)."""
    a, b, c = np.moveaxis(corners, 1, 0)
    return np.asarray(np.linalg.norm(np.cross(b - a, c - a), axis=1))


def notes(
    arrays: Mapping[str, NDArray[Any]], tiles: NDArray[np.integer], name: str, uv_map: str
) -> list[str]:
    """List what the artist should know of the UV map of a mesh with `arrays`; see `mesh.read_mesh`.

    tiles (F,): the texture of each face.
    """
    said = []
    uvs, vertices, faces = (arrays[key] for key in ("uvs", "vertices", "faces"))
    flat = signed_areas(uvs)
    lost = 0
    if (is_lost := np.abs(flat) <= MIN_AREA).any():
        areas = surface_areas(vertices[faces])
        lost = int((is_lost & (areas > 1e-12 * areas.max(initial=0))).sum())
    if lost:
        said.append(
            f"{lost} of the {len(uvs)} triangles of {name} have no area in the UV map {uv_map}: "
            "they cannot be painted."
        )
    shared = covered = 0
    several = range(tiles.max(initial=0) + 1)
    for tile in several:
        count = layers(uvs[tiles == tile] if len(several) > 1 else uvs)
        shared, covered = shared + (count > 1).sum() / count.size, covered + (count > 0).sum() / count.size
    if shared > MIN_SHARED_AREA * covered:
        mirrored = min((flat > MIN_AREA).sum(), (flat < -MIN_AREA).sum()) > 0
        said.append(
            f"{shared / covered:.0%} of the UV map {uv_map} of {name} is used several times "
            f"({'mirrored or ' if mirrored else ''}repeated parts): those share their paint."
        )
    return said
