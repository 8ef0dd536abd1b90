"""UV maps made by xatlas. No torch: it is imported by a process that does nothing else."""

from __future__ import annotations

import numpy as np

from .arrays import Floats, Ints

MARGIN = 4  # texels between the islands of a new map
MAX_PIECE_FACES = 4000  # that xatlas takes at once: its time grows with the square, and it may crash


def unwrapped(places: Floats, faces: Ints, size: int) -> Floats:
    """Lay `faces` (F, 3) into `places` (V, 3) out without overlaps, in a texture of `size`²: (F, 3, 2)."""
    import xatlas

    atlas = xatlas.Atlas()
    parts = pieces(places, faces)
    span = float(np.ptp(places, axis=0).max()) or 1.0
    for piece in parts:
        used, index = np.unique(faces[piece], return_inverse=True)
        points = np.ascontiguousarray(places[used] / span, np.float32)
        atlas.add_mesh(points, np.ascontiguousarray(index.reshape(-1, 3), np.uint32))
    options = xatlas.PackOptions()
    options.resolution, options.padding, options.bilinear = size, MARGIN, True
    atlas.generate(xatlas.ChartOptions(), options)
    uvs = np.zeros((len(faces), 3, 2))
    scale = max(atlas.width, atlas.height) / np.array((atlas.width, atlas.height))  # its map may be oblong
    for number, piece in enumerate(parts):
        _, index, places_of = atlas[number]
        uvs[piece] = (places_of / scale)[index]
    return uvs


def pieces(places: Floats, faces: Ints) -> list[Ints]:
    """Group the faces that are unwrapped together, by index.

    These are all, or such as look one way and are near each other.
    """
    if len(faces) <= MAX_PIECE_FACES:
        return [np.arange(len(faces))]
    corners = places[faces].astype(np.float64)
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    axis = np.abs(normals).argmax(1)
    way = 2 * axis + (np.take_along_axis(normals, axis[:, None], 1)[:, 0] > 0)
    centers = corners.mean(1)
    waiting = [np.flatnonzero(way == one) for one in np.unique(way)]
    found: list[Ints] = []
    while waiting:
        piece = waiting.pop()
        if len(piece) <= MAX_PIECE_FACES:
            found.append(piece)
            continue
        widest = np.ptp(centers[piece], axis=0).argmax()
        order = piece[centers[piece, widest].argsort(kind="stable")]
        waiting += [order[: len(order) // 2], order[len(order) // 2 :]]
    return found
