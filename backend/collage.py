"""A start made of the painting: pieces of it laid on the surface, side by side.

A patchwork in the manner of "Lapped Textures" (Praun, Finkelstein and Hoppe 2000): each piece is laid flat
from its middle outwards, so that it is hardly stretched. It has the painting's strokes, motifs and
colours before the first step; the optimisation makes one painting of the pieces.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from .finish import fill_gutters
from .rendering.camera import UP, look_at, upwards
from .rendering.mesh import Mesh
from .rendering.texels import Texels, interpolate

REACH = 0.3  # of a piece from its middle, in what the painting's shorter side spans
BEND = 1.0  # of the unit normal, the length of its change within a piece
BLEND = 0.3  # of a piece's reach: how broadly it runs into the next
MOST = 400  # pieces
SOME = 4000  # texels, among which their middles are chosen
ROWS = 1 << 17  # texels at a time
STEP = np.array([0.7548776662, 0.5698402910])  # evenly all over the painting: the R2 sequence (Roberts 2018)

Floats = NDArray[np.float32]


def collage(
    mesh: Mesh,
    texels: Texels,
    styles: list[tuple[Tensor, float]],
    span: float,
    grain: float,
    random: np.random.Generator,
) -> Tensor:
    """(3, tiles · S, S): the textures when pieces of the styles cover the surface.

    styles: images (3, H, W), no finer than the texels, with shares that sum to 1; the shorter side of each
    spans `span` (the mesh's units). They stand upright, or, where the mesh has directions, have those at
    the angle `grain`.
    """
    places = _places(mesh, texels, REACH * span)
    one_of_each = np.unique(mesh.objects[texels.faces], return_index=True)[1]
    middles = _apart(places, np.concatenate([one_of_each, random.integers(len(places), size=SOME)]))
    axes = np.stack([_axes(mesh, texels, middle, grain) for middle in middles])
    which = random.choice(len(styles), len(middles), p=[share for _, share in styles])
    shifts = (random.random(2) + np.arange(len(middles))[:, None] * STEP) % 1
    colors = torch.zeros(3, len(places))
    for nearest, weights in _nearest(places, places[middles]):
        for k, (image, _) in enumerate(styles):
            here = np.flatnonzero((which[nearest] == k) & (weights > 0))
            piece = nearest[here]
            flat = _flattened(texels.points[here] - texels.points[middles][piece], axes[piece]) / span
            share = torch.from_numpy(weights[here])
            colors[:, torch.from_numpy(here)] += share * _read(image, flat, shifts[piece])
    found = torch.zeros(3, *texels.used.shape)
    found[:, torch.from_numpy(texels.used)] = colors
    return fill_gutters(found, texels.used)


def _places(mesh: Mesh, texels: Texels, reach: float) -> Floats:
    """(U, 7): where each texel is, such that those which are less than 1 apart may be of one piece."""
    corners = np.zeros_like(mesh.vertices, np.float64)
    for corner in mesh.faces.T:
        np.add.at(corners, corner, mesh.cross)
    normals = interpolate(corners[mesh.faces[texels.faces]], texels.barycentric)
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    parts = texels.points / reach, normals / BEND, 2 * mesh.objects[texels.faces, None]
    return np.concatenate(parts, 1, dtype=np.float32)


def _apart(places: Floats, some: NDArray[np.intp]) -> NDArray[np.intp]:
    """(M,): of `some`, indices of `places` (U, 7), as many as lie within 1 of none that was taken before.

    Each is the farthest from those before it (Gonzalez 1985).
    """
    found = [0]
    distance = np.full(len(some), np.inf, np.float32)
    while len(found) < MOST:
        distance = np.minimum(distance, np.square(places[some] - places[some[found[-1]]]).sum(1))
        if distance.max() <= 1:
            break
        found.append(int(distance.argmax()))
    return some[found]


def _axes(mesh: Mesh, texels: Texels, middle: int, grain: float) -> NDArray[np.float64]:
    """(2, 3): which way is right and which is down in the piece around a texel."""
    face = texels.faces[middle]
    normal, up = mesh.face_normals[face].astype(np.float64), UP
    if mesh.directions is not None:
        direction = interpolate(mesh.directions[[face]], texels.barycentric[[middle]])[0]
        up = upwards(direction.astype(np.float64), normal, grain)
    right, up, _ = look_at(np.zeros(3), normal, 1.0, 1, up).axes
    return np.stack([right, -up])


def _nearest(places: Floats, middles: Floats) -> list[tuple[NDArray[np.int64], Floats]]:
    """For each of `places` (U, 7) the nearest of `middles` (M, 7), then the second, with what each counts.

    Both (U,). The second counts only where it is hardly farther.
    """
    ends = torch.from_numpy(middles)
    half = ends.square().sum(1) / 2
    near, first = [], []
    for some in torch.split(torch.from_numpy(places), ROWS):
        away, index = (half - some @ ends.T).topk(min(2, len(ends)), largest=False)
        near.append(index[:, [0, -1]])
        first.append(((away[:, -1] - away[:, 0]) / BLEND + 0.5).clamp(max=1))
    (nearest, second), weight = torch.cat(near).T.numpy(), torch.cat(first).numpy()
    return [(nearest, weight), (second, 1 - weight)]


def _flattened(offset: Floats, axes: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N, 2): `offset` (N, 3) from the middle along `axes` (N, 2, 3), made as long as it is itself."""
    flat = np.einsum("nk,nak->na", offset, axes)
    length = np.linalg.norm(flat, axis=1)
    stretch = np.linalg.norm(offset, axis=1) / np.maximum(length, 1e-9)
    return np.asarray(flat * np.minimum(stretch, 2)[:, None])


def _read(image: Tensor, flat: NDArray[np.float64], shifts: NDArray[np.float64]) -> Tensor:
    """(3, N): of `image` (3, H, W), what lies `flat` (N, 2) of its shorter sides from its pieces' middles.

    Those lie at `shifts` (N, 2) of the way through what is far enough inside for REACH; beyond its edges
    the image is mirrored.
    """
    sides = np.array(image.shape[:0:-1]) / min(image.shape[1:])
    margin = np.minimum(REACH, sides / 2)
    where = (margin + shifts * (sides - 2 * margin) + flat) / sides * 2 - 1
    grid = torch.from_numpy(where.astype(np.float32))[None, None]
    return F.grid_sample(image[None], grid, padding_mode="reflection", align_corners=False)[0, :, 0]
