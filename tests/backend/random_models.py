"""Small model files of any triangles, and what is to be read from them. Written without our own code.

A soup is places (V, 3), UVs (V, 2), v up, colours of 8 bits (V, 3), and faces (F, 3) of different corners.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from world_models import Writer

Soup = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def write_gltf(path: Path, soup: Soup) -> None:
    """Write a GLB of places, UVs and colours."""
    places, uvs, colors, faces = soup
    writer = Writer()
    colors = np.column_stack((colors, np.full(len(colors), 255)))
    attributes = {
        "POSITION": writer.numbers(places, "VEC3"),
        "TEXCOORD_0": writer.numbers(uvs * (1, -1) + (0, 1), "VEC2"),
        "COLOR_0": writer.numbers(colors, "VEC4", 5121, normalized=True),
    }
    indices = writer.numbers(faces.reshape(-1, 1), "SCALAR", 5123)
    record = {"attributes": attributes, "indices": indices, "material": writer.material()}
    writer.node(writer.mesh(record))
    path.write_bytes(writer.glb())


def write_obj(path: Path, soup: Soup, relative: bool = False, colored: bool = True) -> None:
    """Write an OBJ. relative: faces count vertices from the last; colored: with colours behind the places."""
    places, uvs, colors, faces = soup
    lines = [
        " ".join(["v", *map(repr, map(float, place)), *(map(str, color / 255) if colored else ())])
        for place, color in zip(places, colors, strict=True)
    ]
    lines += [f"vt {float(u)!r} {float(v)!r}" for u, v in uvs]
    for face in faces:
        numbers = face - len(places) if relative else face + 1
        lines.append("f " + " ".join(f"{n}/{n}" for n in numbers))
    path.write_text("\n".join(lines) + "\n")


def write_ply(path: Path, soup: Soup, mapped: bool = True) -> None:
    """Write a PLY, as text. mapped: with UVs."""
    places, uvs, colors, faces = soup
    head = ["ply", "format ascii 1.0", f"element vertex {len(places)}"]
    head += [f"property double {name}" for name in (*"xyz", *("st" if mapped else ""))]
    head += [f"property uchar {name}" for name in ("red", "green", "blue")]
    head += [f"element face {len(faces)}", "property list uchar int vertex_indices", "end_header"]
    numbers = np.column_stack((places, uvs)) if mapped else places
    rows = [
        " ".join([*(repr(float(x)) for x in row), *map(str, color)])
        for row, color in zip(numbers, colors, strict=True)
    ]
    rows += ["3 " + " ".join(map(str, face)) for face in faces]
    path.write_text("\n".join([*head, *rows]) + "\n")


def rows_of(corners: np.ndarray, uvs: np.ndarray | None, colors: np.ndarray | None) -> np.ndarray:
    """(F, 24), sorted: places (F, 3, 3), UVs (F, 3, 2), colours (F, 3, 3) of triangles; what is None is 0."""
    found = [corners]
    for values, width in ((uvs, 2), (colors, 3)):
        found.append(np.zeros((len(corners), 3, width)) if values is None else values[..., :width])
    rows = np.round(np.concatenate(found, -1).reshape(-1, 24), 3) + 0.0
    return rows[np.lexsort(rows.T)]
