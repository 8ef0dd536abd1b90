"""Where the texture is cut: edges that two triangles share on the surface but not in UV space."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .mesh import Mesh

UV_TOLERANCE = 1e-5


@dataclass(frozen=True)
class Edges:
    """E edges shared by two triangles: faces (E, 2); corners (E, 2, 2), the edge's ends in either face."""

    faces: NDArray[np.int64]
    corners: NDArray[np.int64]


def shared_edges(mesh: Mesh) -> tuple[Edges, Edges]:
    """Find the edges between two painted triangles: (seams, others), whose UVs differ there, and agree.

    Vertices of one object at one place, in every pose, count as one, however the model was split. Where two
    tiles meet, the texture is cut too.
    """
    part = np.zeros(len(mesh.vertices), np.float32)
    part[mesh.faces] = mesh.objects[:, None]
    poses = () if mesh.poses is None else mesh.poses
    places = np.column_stack([part, *(np.round(vertices, 6) for vertices in (mesh.vertices, *poses))])
    _, weld = np.unique(places, axis=0, return_inverse=True)
    faces = np.flatnonzero(mesh.mapped)
    vertices = weld.reshape(-1)[mesh.faces[faces]]
    ends = np.stack([vertices, np.roll(vertices, -1, 1)], 2).reshape(-1, 2)
    corner = np.stack([np.arange(3), (np.arange(3) + 1) % 3], 1)
    corners = np.tile(corner, (len(faces), 1))
    owner = np.repeat(faces, 3)
    swap = ends[:, 0] > ends[:, 1]
    ends[swap], corners[swap] = ends[swap][:, ::-1], corners[swap][:, ::-1]
    order = np.lexsort((ends[:, 1], ends[:, 0]))
    same = np.all(ends[order][1:] == ends[order][:-1], axis=1)
    first = np.flatnonzero(same)
    pair = np.stack([order[first], order[first + 1]], 1)
    found = Edges(owner[pair], corners[pair])
    uv = mesh.uvs[found.faces[:, :, None], found.corners]  # (E, 2 faces, 2 ends, 2)
    cut = np.abs(uv[:, 0] - uv[:, 1]).max((1, 2)) > UV_TOLERANCE
    cut |= np.diff(mesh.tiles[found.faces], axis=1)[:, 0] != 0
    return Edges(found.faces[cut], found.corners[cut]), Edges(found.faces[~cut], found.corners[~cut])


@dataclass(frozen=True)
class Places:
    """N places in the textures: uv (N, 2) and tiles (N,)."""

    uv: NDArray[np.float64]
    tiles: NDArray[np.int32]


def lengths(mesh: Mesh, edges: Edges) -> NDArray[np.float64]:
    """(E,): the edges' lengths on the surface."""
    ends = mesh.vertices[mesh.faces[edges.faces[:, 0, None], edges.corners[:, 0]]].astype(np.float64)
    return np.asarray(np.linalg.norm(ends[:, 1] - ends[:, 0], axis=1))


def points_along(mesh: Mesh, edges: Edges, spacing: float) -> tuple[Places, Places]:
    """Place points on `edges`, `spacing` apart in UV units, in the first and the second triangle."""
    uv = mesh.uvs[edges.faces[:, :, None], edges.corners].astype(np.float64)  # (E, 2 faces, 2 ends, 2)
    span = np.linalg.norm(uv[:, :, 1] - uv[:, :, 0], axis=2).max(1)
    count = np.maximum(1, np.ceil(span / spacing)).astype(int)
    edge = np.repeat(np.arange(len(count)), count)
    index = np.arange(len(edge)) - np.repeat(np.cumsum(count) - count, count)
    along = ((index + 0.5) / count[edge])[:, None]
    first, second = (
        Places(
            uv[edge, side, 0] * (1 - along) + uv[edge, side, 1] * along, mesh.tiles[edges.faces[edge, side]]
        )
        for side in (0, 1)
    )
    return first, second


def points_beside(
    mesh: Mesh, edges: Edges, count: int, distance: float, random: np.random.Generator
) -> tuple[Places, Places]:
    """Draw `count` random points beside `edges`, a `distance` into the first and the second triangle.

    Points are spread by length; in a triangle too thin for `distance` they stop half-way to its far corner.
    """
    length = lengths(mesh, edges)
    chosen = random.choice(len(length), count, p=length / length.sum())
    along = random.uniform(0.02, 0.98, (count, 1))
    sides = []
    for side in (0, 1):
        face, (a, b) = edges.faces[chosen, side], edges.corners[chosen, side].T
        far = 3 - a - b
        uv = mesh.uvs[face].astype(np.float64)
        n = np.arange(count)
        height = 2 * mesh.areas[face] / np.maximum(length[chosen], 1e-12)
        inward = np.minimum(distance / np.maximum(height, 1e-12), 0.5)[:, None]
        on_edge = uv[n, a] * (1 - along) + uv[n, b] * along
        sides.append(Places(on_edge * (1 - inward) + uv[n, far] * inward, mesh.tiles[face]))
    return sides[0], sides[1]
