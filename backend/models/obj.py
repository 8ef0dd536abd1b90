"""OBJ with its MTL, as it is written in the world."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import mapbox_earcut
import numpy as np

from ..reading import read_bytes
from . import gltf
from .arrays import Floats, Ints
from .build import Material, Piece, assembled
from .mtl import UDIM, Written, library, text
from .srgb import to_linear


def read(path: Path) -> gltf.Gltf:
    """Read the model at `path` as a glTF.

    Raises PatinaError, ValueError or IndexError for a file that is broken.
    Faces are smooth where smoothing groups say so and they have no normals of their own. Colours of vertices
    are sRGB, and count where there is no picture.
    """
    lines = _Lines()
    for words in _lines(read_bytes(path)):
        lines.take(words)
    maps, notes = library(path, lines.libraries)
    pieces: list[Piece] = []
    arrays = _Arrays.of(lines)
    for (name, mapped, upright, smooth), polygons in lines.faces.items():
        corners = _triangles(arrays.vertices, polygons)
        pieces += _pieces(
            path, arrays, corners, maps.get(name, Written(name) if name else None), (mapped, upright, smooth)
        )
    return assembled(path, pieces, notes)


def _lines(data: bytes) -> Iterator[list[str]]:
    """The words of each line; one that ends in a backslash goes on in the next."""
    for line in text(data).replace("\\\r\n", " ").replace("\\\n", " ").splitlines():
        words = line.split()
        if words and not words[0].startswith("#"):
            yield words


Corner = tuple[int, int, int]  # vertex, UV, normal, counted from 0; -1: none


@dataclass
class _Lines:
    """What the lines say, as they come. faces: polygons by (material, has UVs, has normals, is smooth)."""

    vertices: list[list[float]] = field(default_factory=list)
    uvs: list[list[float]] = field(default_factory=list)
    normals: list[list[float]] = field(default_factory=list)
    libraries: list[str] = field(default_factory=list)
    faces: dict[tuple[str, bool, bool, bool], list[list[Corner]]] = field(default_factory=dict)
    material: str = ""
    smooth: bool = False
    _known: dict[str, Corner] = field(default_factory=dict)

    def take(self, words: list[str]) -> None:
        match words[0]:
            case "v":
                self.vertices.append([float(word) for word in words[1:8]])
            case "vt":
                self.uvs.append([float(word) for word in (*words[1:3], "0")[:2]])
            case "vn":
                self.normals.append([float(word) for word in words[1:4]])
            case "f":
                known = self._known
                polygon = [known.get(word) or self._corner(word) for word in words[1:]]
                if len(polygon) < 3:
                    return
                mapped = all(corner[1] >= 0 for corner in polygon)
                upright = all(corner[2] >= 0 for corner in polygon)
                self.faces.setdefault((self.material, mapped, upright, self.smooth), []).append(polygon)
            case "usemtl":
                self.material = " ".join(words[1:])
            case "s":
                self.smooth = words[1:] not in (["off"], ["0"], [])
            case "mtllib":
                self.libraries.append(" ".join(words[1:]))

    def _corner(self, word: str) -> Corner:
        parts = (word.split("/") + ["", ""])[:3]
        known = len(self.vertices), len(self.uvs), len(self.normals)
        numbers = [int(part) if part else 0 for part in parts]
        a, b, c = (
            n - 1 if n > 0 else n + count if n < 0 else -1 for n, count in zip(numbers, known, strict=True)
        )
        if a < 0:
            raise ValueError(f"it has a face that names vertex {word}")
        if "-" not in word:  # counted from the file's beginning, so it always means the same
            self._known[word] = a, b, c
        return a, b, c


@dataclass(frozen=True)
class _Arrays:
    """vertices (V, 3), colors (V, 4) linear or None, uvs (U, 2), normals (N, 3)."""

    vertices: Floats
    colors: Floats | None
    uvs: Floats
    normals: Floats

    @classmethod
    def of(cls, lines: _Lines) -> _Arrays:
        widths = {len(row) for row in lines.vertices}
        if min(widths, default=3) < 3:
            raise ValueError("it has a vertex with less than three coordinates")
        vertices = np.array([row[:3] for row in lines.vertices], float).reshape(-1, 3)
        colors = None
        if widths and min(widths) >= 6:
            srgb = np.array([row[-3:] for row in lines.vertices], float)
            srgb = np.nan_to_num(srgb / (255 if srgb.max() > 1 else 1)).clip(0, 1)
            colors = np.column_stack((to_linear(srgb), np.ones(len(srgb))))
        return cls(
            vertices,
            colors,
            np.array(lines.uvs, float).reshape(-1, 2),
            np.array(lines.normals, float).reshape(-1, 3),
        )


def _triangles(vertices: Floats, polygons: Sequence[Sequence[Corner]]) -> Ints:
    """(F, 3, 3): the corners of triangles that make up the polygons, each as (vertex, UV, normal)."""
    found = []
    sizes = np.array([len(polygon) for polygon in polygons])
    for size in np.unique(sizes).tolist():
        corners = np.array([polygon for polygon in polygons if len(polygon) == size])  # (P, size, 3)
        if corners[..., 0].max() >= len(vertices):
            raise ValueError("it has faces that name vertices it has not")
        fan = np.stack([corners[:, [0, k, k + 1]] for k in range(1, size - 1)], 1)  # (P, size - 2, 3, 3)
        if size > 3:
            for index in np.flatnonzero(~_convex(vertices[corners[..., 0]])):
                order = _ears(vertices[corners[index, :, 0]])
                if len(order) == size - 2:  # else it crosses itself, and a fan is as good as any
                    fan[index] = corners[index][order]
        found.append(fan.reshape(-1, 3, 3))
    return np.concatenate(found)


def _newell(places: Floats) -> Floats:
    """(P, 3): the normals of polygons (P, N, 3), twice their area long."""
    return np.asarray(np.cross(places - places[:, :1], np.roll(places, -1, axis=1) - places[:, :1]).sum(1))


def _convex(places: Floats) -> np.ndarray:
    """(P,): whether polygons (P, N, 3) have no corner that points inwards."""
    ahead, back = np.roll(places, -1, axis=1) - places, np.roll(places, 1, axis=1) - places
    turns = np.einsum("pnk,pk->pn", np.cross(ahead, back), _newell(places))
    return np.asarray((turns >= -1e-9 * np.abs(turns).max(1, keepdims=True)).all(1))


def _ears(places: Floats) -> Ints:
    """(F, 3): triangles of one polygon (N, 3), wound as it is; by ear clipping in its plane."""
    normal = _newell(places[None])[0]
    axes = np.roll(np.arange(3), -1 - int(np.abs(normal).argmax()))[
        :2
    ]  # so that the plane is seen from + or -
    flat = places[:, axes] - places[:, axes].mean(0)
    order = mapbox_earcut.triangulate_float64(np.ascontiguousarray(flat), np.array([len(places)], np.uint32))
    found = np.asarray(order, np.int64).reshape(-1, 3)
    turned = np.einsum("fk,k->f", _newell(places[found]), normal) < 0
    found[turned] = found[turned, ::-1]
    return found


def _pieces(
    path: Path, arrays: _Arrays, corners: Ints, look: Written | None, has: tuple[bool, bool, bool]
) -> Iterator[Piece]:
    """Triangles (F, 3, 3) of one material, in one piece or one for each UDIM tile.

    has: whether they have UVs, and normals, and are smooth.
    """
    mapped, upright, smooth = has
    # Some programs number what they have not written.
    mapped, upright = mapped and bool(len(arrays.uvs)), upright and bool(len(arrays.normals))
    for values, column, there in ((arrays.uvs, 1, mapped), (arrays.normals, 2, upright)):
        if there and corners[..., column].max() >= len(values):
            raise ValueError("it has faces that name UVs or normals it has not")
    places = arrays.vertices[corners[..., 0]]
    uvs = arrays.uvs[corners[..., 1]] if mapped else None
    normals = None
    if upright:
        normals = np.nan_to_num(arrays.normals[corners[..., 2]])
        length = np.linalg.norm(normals, axis=-1, keepdims=True)
        normals = normals / np.where(length > 0, length, 1)
        if (length == 0).any():
            normals = None
    elif smooth:
        normals = _smooth(arrays.vertices, corners[..., 0])[corners[..., 0]]
    colors = None
    if arrays.colors is not None and (look is None or not look.base.file):
        colors = arrays.colors[corners[..., 0]]
    if look is None:
        yield Piece(places, uvs, normals, colors)
        return
    if colors is not None:
        yield Piece(places, uvs, normals, colors, Material(look.name))
        return
    if uvs is not None:
        uvs = uvs * look.base.scale + look.base.offset
    if uvs is None or UDIM not in look.base.file:
        yield Piece(places, uvs, normals, None, look.material(path))
        return
    cells = np.floor(uvs.mean(1)).astype(int)
    for cell in np.unique(cells, axis=0):
        here = (cells == cell).all(1)
        yield Piece(
            places[here],
            uvs[here] - cell,
            None if normals is None else normals[here],
            None,
            look.material(path, 1001 + int(cell[0]) + 10 * int(cell[1])),
        )


def _smooth(vertices: Floats, faces: Ints) -> Floats:
    """(V, 3): the normals of a smooth surface, means of the faces' by their areas."""
    corners = vertices[faces]
    across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    total = np.zeros_like(vertices)
    np.add.at(total, faces, across[:, None])
    return np.asarray(total / np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-30))
