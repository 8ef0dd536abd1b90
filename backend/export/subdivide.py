"""Finer triangles where they are asked for, without cracks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..models.arrays import Ints, Mask
from .model import Model

# Triangles of a face (corners 0 1 2, then the middles 3 of 0-1, 4 of 1-2, 5 of 2-0), by which sides are
# split, once turned so that the split sides come first.
_TRIANGLES = {
    0: [(0, 1, 2)],
    1: [(0, 3, 2), (3, 1, 2)],
    2: [(3, 1, 4), (0, 3, 4), (0, 4, 2)],
    3: [(0, 3, 5), (3, 1, 4), (5, 4, 2), (3, 4, 5)],
}


def edges_of(faces: Ints) -> tuple[Ints, Ints]:
    """List the edges (E, 2) of `faces` (F, 3), and for each face's sides 0-1, 1-2, 2-0 their edge (F, 3)."""
    start, end = faces.astype(np.int64), np.roll(faces, -1, axis=1).astype(np.int64)
    count = int(faces.max()) + 1
    # One number for two: sorting these is several times faster than sorting pairs.
    keys, index = np.unique(np.minimum(start, end) * count + np.maximum(start, end), return_inverse=True)
    return np.stack(np.divmod(keys, count), -1), index.reshape(-1, 3)


def split(model: Model, edges: Ints, edge_of_side: Ints, marked: Mask) -> Model:
    """Halve each edge that is `marked` (E,), and make of each face with halved sides 2 to 4.

    Both faces of an edge see the same mark, so a closed mesh stays closed. UVs are halved per corner.
    """
    middle = np.where(marked, len(model.vertices) + np.cumsum(marked) - 1, -1)
    vertices = np.concatenate((model.vertices, model.vertices[edges[marked]].mean(axis=1)))
    halved = marked[edge_of_side]
    count = halved.sum(axis=1)
    # Turn faces so that one split side is 0-1, two are 0-1 and 1-2.
    turn = np.select(
        [count == 1, count == 2], [halved.argmax(axis=1), (halved.argmin(axis=1) + 1) % 3], default=0
    )
    order = (np.arange(3) + turn[:, None]) % 3
    faces = np.take_along_axis(model.faces, order, 1)
    uvs = np.take_along_axis(model.uvs, order[..., None], 1)
    six = np.concatenate((faces, np.take_along_axis(middle[edge_of_side], order, 1)), 1)
    six_uvs = np.concatenate((uvs, (uvs + np.roll(uvs, -1, axis=1)) / 2), 1)
    parts = [
        (six[count == n][:, triangle], six_uvs[count == n][:, triangle], model.texture_of[count == n])
        for n, triangles in _TRIANGLES.items()
        for triangle in triangles
    ]
    new_faces, new_uvs, new_textures = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    return replace(model, vertices=vertices, faces=new_faces, uvs=new_uvs, texture_of=new_textures)


def to_edge_length(model: Model, longest: float, most_faces: int) -> Model:
    """Halve edges until none is longer than `longest`, or the next round would pass `most_faces`."""
    while True:
        edges, edge_of_side = edges_of(model.faces)
        marked = np.linalg.norm(np.diff(model.vertices[edges], axis=1)[:, 0], axis=1) > longest
        if not marked.any() or len(model.faces) + marked[edge_of_side].sum() > most_faces:
            return model
        model = split(model, edges, edge_of_side, marked)
