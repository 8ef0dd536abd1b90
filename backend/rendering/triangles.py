"""What is computed of each of millions of triangles.

Column by column: NumPy is many times as slow along rows of two or three numbers. And some thousand triangles
at a time, so that what comes between stays in the processor's cache.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]
Doubles = NDArray[np.float64]

SLIVER_RATIO = 1e-6  # area, in squared edges, up to which a triangle is but a line
LEAST_ANGLE = 1e-8  # radians; a triangle with a lesser one has none
_PIECE = 1 << 14


def crosses(corners: Floats) -> Doubles:
    """Cross the edges of triangles (F, 3, 3): normals with twice the area as length, (F, 3)."""
    return np.ascontiguousarray(_each(lambda *columns: np.stack(_cross(*_edges(*columns))), corners).T)


def lengths(vectors: Doubles) -> Doubles:
    """Measure `vectors` (N, 3): (N,)."""
    x, y, z = vectors.T
    return np.asarray(np.sqrt(x * x + y * y + z * z))


def are_broad(corners: Floats, areas: Doubles) -> NDArray[np.bool_]:
    """Tell which triangles (F, 3, 3), of `areas` (F,), are more than a point or a line: (F,)."""

    def squares(*columns: Doubles) -> Doubles:
        a, b, c = columns[:3], columns[3:6], columns[6:]
        ca, ab, bc = _minus(a, c), _minus(b, a), _minus(c, b)
        return np.asarray(_dot(ca, ca) + _dot(ab, ab) + _dot(bc, bc))

    broad = areas > SLIVER_RATIO * _each(squares, corners)  # corners on a line leave others
    return np.asarray(broad & (areas > 1e-14))


def uv_areas(uvs: Floats) -> Doubles:
    """Measure triangles (F, 3, 2) in UV space, unsigned: (F,)."""

    def area(u0: Doubles, v0: Doubles, u1: Doubles, v1: Doubles, u2: Doubles, v2: Doubles) -> Doubles:
        return np.asarray(np.abs((u1 - u0) * (v2 - v0) - (v1 - v0) * (u2 - u0)) / 2)

    return _each(area, uvs)


def jacobians(corners: Floats, uvs: Floats) -> NDArray[np.float32]:
    """Find d uv / d position on the planes of triangles (F, 3, 3), zero across them: (F, 2, 3).

    Of triangles without an area they are no numbers.
    """

    def rows(*columns: Doubles) -> Doubles:
        u0, v0, u1, v1, u2, v2 = columns[9:]
        first, second = _edges(*columns[:9])
        across = _cross(first, second)
        along, between, beside = _dot(first, first), _dot(first, second), _dot(second, second)
        found = []
        for a, b in ((u1 - u0, u2 - u0), (v1 - v0, v2 - v0)):  # by the inverse of the edges' Gram matrix
            of_first, of_second = a * beside - b * between, b * along - a * between
            found += [of_first * p + of_second * q for p, q in zip(first, second, strict=True)]
        return np.stack(found) / _dot(across, across)

    with np.errstate(all="ignore"):
        return np.ascontiguousarray(_each(rows, corners, uvs).T, np.float32).reshape(-1, 2, 3)


def stretches(jacobians: Floats) -> Doubles:
    """Measure the UV length of a unit on the surface, where it is longest, by `jacobians` (F, 2, 3): (F,)."""

    def longest(*columns: Doubles) -> Doubles:
        u, v = columns[:3], columns[3:]
        uu, vv = _dot(u, u), _dot(v, v)
        return np.asarray(np.sqrt((uu + vv) / 2 + np.hypot((uu - vv) / 2, _dot(u, v))))

    return _each(longest, jacobians)


def angles(corners: Floats) -> Doubles:
    """Measure the angles of triangles (F, 3, 3) at their corners, in radians: (3, F); 0 of one with none."""

    def at(*columns: Doubles) -> Doubles:
        a, b, c = columns[:3], columns[3:6], columns[6:]
        sides = [(one, np.sqrt(_dot(one, one))) for one in (_minus(b, a), _minus(c, a), _minus(c, b))]
        (u, of_u), (v, of_v), (w, of_w) = sides
        first = np.arccos((_dot(u, v) / np.maximum(of_u * of_v, 1e-300)).clip(-1, 1))
        second = np.arccos((-_dot(u, w) / np.maximum(of_u * of_w, 1e-300)).clip(-1, 1))
        found = np.stack([first, second, np.pi - first - second])
        return np.asarray(found * (found.min(0) >= LEAST_ANGLE))

    return _each(at, corners)


def bounds(uvs: Floats) -> tuple[Floats, Floats]:
    """Find the least and the most UV of each triangle (F, 3, 2): (F, 2) each."""
    a, b, c = np.moveaxis(uvs, 1, 0)
    return np.minimum(np.minimum(a, b), c), np.maximum(np.maximum(a, b), c)


def _each(work: Callable[..., Doubles], *arrays: Floats) -> Doubles:
    """Give `work` the columns of `arrays` (F, …), each (n,) of a piece of them, and join what it gives."""
    flat = [array.reshape(len(array), -1) for array in arrays]
    pieces = [slice(start, start + _PIECE) for start in range(0, max(1, len(flat[0])), _PIECE)]
    found = [work(*np.concatenate([one[piece].T for one in flat]).astype(np.float64)) for piece in pieces]
    return np.concatenate(found, -1)


Vector = tuple[Doubles, ...]


def _minus(a: Vector, b: Vector) -> Vector:
    return tuple(p - q for p, q in zip(a, b, strict=True))


def _edges(*columns: Doubles) -> tuple[Vector, Vector]:
    return _minus(columns[3:6], columns[:3]), _minus(columns[6:], columns[:3])


def _cross(a: Vector, b: Vector) -> Vector:
    (x, y, z), (p, q, r) = a, b
    return y * r - z * q, z * p - x * r, x * q - y * p


def _dot(a: Vector, b: Vector) -> Doubles:
    (x, y, z), (p, q, r) = a, b
    return np.asarray(x * p + y * q + z * r)
