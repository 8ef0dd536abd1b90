"""What can be mended in a mesh without changing its shape or its picture, on a copy."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import trimesh

from ..models.arrays import Ints
from .model import Model

_LARGEST_HOLE = 0.02  # of the whole surface; a larger opening may be meant


def repair(model: Model) -> Model:
    """Remove doubled faces, close small holes, turn faces outwards."""
    return _outwards(_closed(_single(model)))


def _take(model: Model, faces: Ints) -> Model:
    return replace(model, faces=model.faces[faces], uvs=model.uvs[faces], texture_of=model.texture_of[faces])


def _single(model: Model) -> Model:
    _, first = np.unique(np.sort(model.faces, axis=1), axis=0, return_index=True)
    return _take(model, np.sort(first))


def _outwards(model: Model) -> Model:
    mesh = model.mesh
    # A consistent mesh that encloses a volume is left alone: its inside-out parts are cavities.
    if mesh.is_winding_consistent and mesh.volume >= 0:
        return model
    trimesh.repair.fix_normals(mesh, multibody=True)
    turned = (mesh.faces != model.faces).any(axis=1)
    faces, uvs = model.faces.copy(), model.uvs.copy()
    faces[turned], uvs[turned] = faces[turned][:, ::-1], uvs[turned][:, ::-1]
    return replace(model, faces=faces, uvs=uvs)


def _closed(model: Model) -> Model:
    """Small holes closed by a fan around their middle; a fan's triangle takes the colour beside it."""
    faces, uvs, textures, vertices = [], [], [], [model.vertices]
    count = len(model.vertices)
    for loop, sides in _holes(model.faces):
        rim = model.vertices[loop]
        middle = rim.mean(axis=0)
        area = np.linalg.norm(np.cross(rim - middle, np.roll(rim, -1, axis=0) - middle), axis=1).sum() / 2
        if area > _LARGEST_HOLE * model.mesh.area:
            continue
        vertices.append(middle[None])
        # The hole's side is seen from the other face, so it runs the other way.
        faces.append(np.stack((np.roll(loop, -1), loop, np.full(len(loop), count)), -1))
        face, corner = np.divmod(sides, 3)
        uvs.append(model.uvs[face, corner][:, None].repeat(3, axis=1))
        textures.append(model.texture_of[face])
        count += 1
    if not faces:
        return model
    return replace(
        model,
        vertices=np.concatenate(vertices),
        faces=np.concatenate((model.faces, *faces)),
        uvs=np.concatenate((model.uvs, *uvs)),
        texture_of=np.concatenate((model.texture_of, *textures)),
    )


def _holes(faces: Ints) -> list[tuple[Ints, Ints]]:
    """The simple loops of open edges: their vertices in order, and each edge's side: 3 * face + corner."""
    start, end = faces.reshape(-1), np.roll(faces, -1, axis=1).reshape(-1)
    key = np.sort(np.stack((start, end), -1), axis=1)
    _, index, counts = np.unique(key, axis=0, return_inverse=True, return_counts=True)
    open_sides = np.flatnonzero(counts[index.reshape(-1)] == 1)
    leaving: dict[int, int] = {}
    forked: set[int] = set()
    for side in open_sides.tolist():
        vertex = int(start[side])
        if vertex in leaving:
            forked.add(vertex)
        leaving[vertex] = side
    holes = []
    while leaving:
        vertex, side = leaving.popitem()
        loop, sides = [vertex], [side]
        vertex = int(end[side])
        while vertex != loop[0] and vertex in leaving:
            side = leaving.pop(vertex)
            loop.append(vertex)
            sides.append(side)
            vertex = int(end[side])
        if vertex == loop[0] and len(loop) >= 3 and forked.isdisjoint(loop):
            holes.append((np.array(loop), np.array(sides)))
    return holes
