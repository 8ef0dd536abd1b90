"""A start made of the painting: pieces of it laid on the surface, side by side.

A patchwork in the manner of "Lapped Textures" (Praun, Finkelstein and Hoppe 2000): each piece is laid flat
from its middle outwards, so that it is hardly stretched. It has the painting's strokes, motifs and
colours before the first step; the optimisation makes one painting of the pieces.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from ..rendering.camera import UP, look_at, upwards
from ..rendering.mesh import Mesh
from ..rendering.texels import Texels, fill_gutters, interpolate

REACH = 0.3  # of a piece from its middle, in what the painting's shorter side spans
BEND = 1.0  # of the unit normal, the length of its change within a piece
BLEND = 0.1  # of a piece's reach: how broadly it runs into the next
MOST = 400  # pieces
SOME = 4000  # texels, among which their middles are chosen, and by which neighbours are fitted
TRIES, ASIDE = 32, 0.15  # places in the painting that a piece may be from, and how far around the first
STEP = np.array([0.7548776662, 0.5698402910])  # evenly all over the painting: the R2 sequence (Roberts 2018)
ROWS = 1 << 17  # texels at a time

Floats = NDArray[np.float32]
Indices = NDArray[np.int64]
# Texels (N,), the piece (N,) that each is to show, and its shift (N, 2) → colours (3, N).
Show = Callable[[Indices, Indices, NDArray[np.float64]], Tensor]


def collage(
    mesh: Mesh,
    texels: Texels,
    styles: list[tuple[Tensor, float]],
    span: float,
    stroke_angle: float,
    random: np.random.Generator,
) -> Tensor:
    """(3, tiles · S, S): the textures when pieces of the styles cover the surface.

    styles: images (3, H, W), no finer than the texels, with shares that sum to 1; the shorter side of each
    spans `span` (the mesh's units). They stand upright, or, where the mesh has directions, have those at
    the angle `stroke_angle`.
    """
    places = _places(mesh, texels, REACH * span)
    one_of_each = np.unique(mesh.objects[texels.faces], return_index=True)[1]
    middles = _apart(places, np.concatenate([one_of_each, random.integers(len(places), size=SOME)]))
    axes = np.stack([_axes(mesh, texels, middle, stroke_angle) for middle in middles])
    which = random.choice(len(styles), len(middles), p=[share for _, share in styles])
    centers = texels.points[middles]

    def show(here: Indices, piece: Indices, shift: NDArray[np.float64]) -> Tensor:
        flat = _flattened(texels.points[here] - centers[piece], axes[piece]) / span
        colors = torch.empty(3, len(here))
        for k, (image, _) in enumerate(styles):
            some = np.flatnonzero(which[piece] == k)
            colors[:, torch.from_numpy(some)] = _read(image, flat[some], shift[some])
        return colors

    nearest, second, rest = _nearest(places, places[middles])
    border = np.flatnonzero(rest)
    some = random.permutation(border)[:SOME]
    shifts = (random.random(2) + np.arange(len(middles))[:, None] * STEP) % 1
    _fit(shifts, some, nearest[some], second[some], show, random)
    colors = torch.empty(3, len(places))
    for rows in _parts(len(places)):
        colors[:, rows] = show(np.arange(rows.start, rows.stop), nearest[rows], shifts[nearest[rows]])
    for rows in _parts(len(border)):
        here = border[rows]
        other, at = show(here, second[here], shifts[second[here]]), torch.from_numpy(here)
        colors[:, at] = colors[:, at].lerp(other, torch.from_numpy(rest[here]))
    found = torch.zeros(3, *texels.used.shape)
    found[:, torch.from_numpy(texels.used)] = colors
    return fill_gutters(found, texels.used)


def _places(mesh: Mesh, texels: Texels, reach: float) -> Floats:
    """(U, 7): where each texel is, such that those which are less than 1 apart may be of one piece."""
    corners = np.zeros_like(mesh.vertices, np.float64)
    for corner in mesh.faces.T:
        np.add.at(corners, corner, mesh.cross)
    places = np.empty((len(texels.faces), 7), np.float32)
    for rows in _parts(len(places)):
        faces = texels.faces[rows]
        normals = interpolate(corners[mesh.faces[faces]], texels.barycentric[rows])
        normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
        places[rows, :3] = texels.points[rows] / reach
        places[rows, 3:6] = normals / BEND
        places[rows, 6] = 2 * mesh.objects[faces]
    return places


def _parts(count: int) -> Iterator[slice]:
    """What `count` texels are gone through in, so that many take no more memory than few."""
    return (slice(start, min(start + ROWS, count)) for start in range(0, count, ROWS))


def _apart(places: Floats, some: Indices) -> Indices:
    """(M,): of `some`, indices of `places` (U, 7), as many as lie within 1 of none that was taken before.

    Each is the farthest from those before it (Gonzalez 1985).
    """
    found, chosen = [0], places[some]
    distance = np.full(len(some), np.inf, np.float32)
    while len(found) < MOST:
        distance = np.minimum(distance, np.square(chosen - chosen[found[-1]]).sum(1))
        if distance.max() <= 1:
            break
        found.append(int(distance.argmax()))
    return some[found]


def _axes(mesh: Mesh, texels: Texels, middle: int, stroke_angle: float) -> NDArray[np.float64]:
    """(2, 3): which way is right and which is down in the piece around a texel."""
    face = texels.faces[middle]
    normal, up = mesh.face_normals[face].astype(np.float64), UP
    if mesh.directions is not None:
        direction = interpolate(mesh.directions[[face]], texels.barycentric[[middle]])[0]
        up = upwards(direction.astype(np.float64), normal, stroke_angle)
    right, up, _ = look_at(np.zeros(3), normal, 1.0, 1, up).axes
    return np.stack([right, -up])


def _nearest(places: Floats, middles: Floats) -> tuple[Indices, Indices, Floats]:
    """For each of `places` (U, 7) the nearest of `middles` (M, 7), the second, and how far that counts.

    All (U,). From 0.5 where both are as near, it goes down to 0 within half of BLEND.
    """
    ends = torch.from_numpy(middles)
    half = ends.square().sum(1) / 2
    near, share = np.empty((2, len(places)), np.int64), np.empty(len(places), np.float32)
    for rows in _parts(len(places)):
        some = torch.from_numpy(places[rows])
        away, index = (half - some @ ends.T).topk(min(2, len(ends)), largest=False)
        near[:, rows] = index[:, [0, -1]].T
        share[rows] = (0.5 - (away[:, -1] - away[:, 0]) / BLEND).clamp(min=0)
    return near[0], near[1], share


def _fit(
    shifts: NDArray[np.float64],
    here: Indices,
    nearest: Indices,
    second: Indices,
    show: Show,
    random: np.random.Generator,
) -> None:
    """Move each piece's `shifts` (M, 2) a little, so that it goes on as the pieces before it end.

    Where two meet, at texels `here` (B,), both are shown, and the piece is taken from where they differ
    least ("Image Quilting", Efros and Freeman 2001, section 2.1).
    """
    for piece in range(1, len(shifts)):
        other = np.where(nearest == piece, second, nearest)
        meets = ((nearest == piece) | (second == piece)) & (other < piece)
        if not meets.any():
            continue
        texels, other = here[meets], other[meets]
        wanted = show(texels, other, shifts[other])
        tries = (shifts[piece] + random.uniform(-ASIDE, ASIDE, (TRIES, 2))).clip(0, 1)
        each = np.repeat(tries, len(texels), 0)
        found = show(np.tile(texels, TRIES), np.full(len(each), piece), each).view(3, TRIES, -1)
        shifts[piece] = tries[int((found - wanted[:, None]).square().mean((0, 2)).argmin())]


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
