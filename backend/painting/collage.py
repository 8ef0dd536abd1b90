"""Pieces of the painting laid on the surface, side by side, each chosen by the colours that are there.

In the manner of "Lapped Textures" (Praun, Finkelstein and Hoppe 2000): each piece is laid flat from its
middle outwards, so that it is hardly stretched.
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

NORMAL_RADIUS = 1.0  # how far the unit normal may turn within a piece: the length of its change
BLEND_WIDTH = 0.4  # in a piece's radius: how broadly it runs into the next
MAX_PIECES = 400
SAMPLE_COUNT = 4000  # texels: pieces' middles are chosen among so many
OWN_SHARE = 0.5  # of how far their means are from the colours wanted, that is left to pieces
MATCHES, MATCHED_TEXELS = 192, 48  # places in the styles that are tried for a piece; texels of it compared
TAKEN_RADIUS, TAKEN_COST = 0.03, 5e-4  # how near a place is to one that was taken; what each of these costs
CHUNK = 1 << 17  # texels at a time

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
    radius: float,
    wanted: Tensor,
) -> Tensor:
    """Cover the surface with pieces of the styles, and find what they add to colours: (3, tiles · S, S).

    styles: images (3, H, W), no finer than the texels, with shares that sum to 1; the shorter side of each
    spans `span` (the mesh's units). They stand upright, or, where the mesh has directions, have those at
    the angle `stroke_angle`. radius: of a piece, in what the shorter side spans; wanted (3, tiles · S, S):
    colours that pieces are chosen by. To these they add what they differ by from their means, and half of
    what these are away.
    """
    embedded = embedding(mesh, texels, radius * span)
    one_of_each = np.unique(mesh.objects[texels.faces], return_index=True)[1]
    sampled = random.integers(len(embedded), size=SAMPLE_COUNT)
    middles = farthest_points(embedded, np.concatenate([one_of_each, sampled]))
    axes = np.stack([_axes(mesh, texels, middle, stroke_angle) for middle in middles])
    which = random.choice(len(styles), len(middles), p=[share for _, share in styles])
    centers = texels.points[middles]

    def show(here: Indices, piece: Indices, shift: NDArray[np.float64]) -> Tensor:
        flat = flattened(texels.points[here] - centers[piece], axes[piece]) / span
        colors = torch.empty(3, len(here))
        for k, (image, _) in enumerate(styles):
            some = np.flatnonzero(which[piece] == k)
            colors[:, torch.from_numpy(some)] = _sample(image, flat[some], shift[some], radius)
        return colors

    nearest, second, rest = _two_nearest(embedded, embedded[middles])
    border = np.flatnonzero(rest)
    shifts = random.random((len(middles), 2))
    wanted = wanted[:, torch.from_numpy(texels.used)]
    means = _match(shifts, sampled, nearest[sampled], wanted, show, random)
    colors = torch.empty(3, len(embedded))
    for rows in chunks(len(embedded)):
        pieces = nearest[rows]
        colors[:, rows] = show(np.arange(rows.start, rows.stop), pieces, shifts[pieces]) - means[:, pieces]
    for rows in chunks(len(border)):
        here = border[rows]
        pieces, at = second[here], torch.from_numpy(here)
        other = show(here, pieces, shifts[pieces]) - means[:, pieces]
        colors[:, at] = colors[:, at].lerp(other, torch.from_numpy(rest[here]))
    found = torch.zeros(3, *texels.used.shape)
    found[:, torch.from_numpy(texels.used)] = colors
    return fill_gutters(found, texels.used)


def embedding(mesh: Mesh, texels: Texels, radius: float) -> Floats:
    """Embed the U texels by position, normal and object: (U, 7), where a piece's radius is 1.

    radius: of a piece, in the mesh's units.
    """
    corners = np.zeros_like(mesh.vertices, np.float64)
    for corner in mesh.faces.T:
        np.add.at(corners, corner, mesh.cross)
    embedded = np.empty((len(texels.faces), 7), np.float32)
    for rows in chunks(len(embedded)):
        faces = texels.faces[rows]
        normals = interpolate(corners[mesh.faces[faces]], texels.barycentric[rows])
        normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
        embedded[rows, :3] = texels.points[rows] / radius
        embedded[rows, 3:6] = normals / NORMAL_RADIUS
        embedded[rows, 6] = 2 * mesh.objects[faces]
    return embedded


def chunks(count: int) -> Iterator[slice]:
    """Split `count` texels into slices of CHUNK, so that many take no more memory than few."""
    return (slice(start, min(start + CHUNK, count)) for start in range(0, count, CHUNK))


def farthest_points(embedded: Floats, some: Indices, most: int = MAX_PIECES) -> Indices:
    """Choose points more than 1 apart, by greedy farthest-point sampling (Gonzalez 1985).

    some: indices of `embedded` (U, 7) to choose from. Gives the chosen ones, (M,), `most` of them at most.
    """
    found, chosen = [0], embedded[some]
    distance = np.full(len(some), np.inf, np.float32)
    while len(found) < most:
        distance = np.minimum(distance, np.square(chosen - chosen[found[-1]]).sum(1))
        if distance.max() <= 1:
            break
        found.append(int(distance.argmax()))
    return some[found]


def _axes(mesh: Mesh, texels: Texels, middle: int, stroke_angle: float) -> NDArray[np.float64]:
    """Orient the piece around the texel `middle`: (2, 3), which way is right in it and which is down."""
    face = texels.faces[middle]
    normal, up = mesh.face_normals[face].astype(np.float64), UP
    if mesh.directions is not None:
        direction = interpolate(mesh.directions[[face]], texels.barycentric[[middle]])[0]
        up = upwards(direction.astype(np.float64), normal, stroke_angle)
    right, up, _ = look_at(np.zeros(3), normal, 1.0, 1, up).axes
    return np.stack([right, -up])


def _two_nearest(embedded: Floats, middles: Floats) -> tuple[Indices, Indices, Floats]:
    """Find for each of `embedded` (U, 7) the nearest two of `middles` (M, 7), and the second one's share.

    All (U,). The share is 0.5 where both are as near, and goes down to 0 within half of BLEND_WIDTH.
    """
    ends = torch.from_numpy(middles)
    half = ends.square().sum(1) / 2
    near, share = np.empty((2, len(embedded)), np.int64), np.empty(len(embedded), np.float32)
    for rows in chunks(len(embedded)):
        some = torch.from_numpy(embedded[rows])
        away, index = (half - some @ ends.T).topk(min(2, len(ends)), largest=False)
        near[:, rows] = index[:, [0, -1]].T
        share[rows] = (0.5 - (away[:, -1] - away[:, 0]) / BLEND_WIDTH).clamp(min=0)
    return near[0], near[1], share


def _match(
    shifts: NDArray[np.float64],
    here: Indices,
    nearest: Indices,
    wanted: Tensor,
    show: Show,
    random: np.random.Generator,
) -> Tensor:
    """Choose each piece's `shifts` (M, 2) so that it has the colours `wanted` (3, U).

    In the mean, and in place at `here` (B,), texels of the pieces `nearest` (B,). Places that were taken are
    taken less. Gives what of the pieces' mean colours they do without, (3, M).
    """
    means = torch.zeros(3, len(shifts))
    for piece in range(len(shifts)):
        texels = here[nearest == piece][:MATCHED_TEXELS]
        if not len(texels):
            continue
        tries = random.random((MATCHES, 2))
        each = np.repeat(tries, len(texels), 0)
        found = show(np.tile(texels, MATCHES), np.full(len(each), piece), each).view(3, MATCHES, -1)
        away = found - wanted[:, torch.from_numpy(texels)][:, None]
        error = away.mean(2).square().mean(0) + away.square().mean((0, 2))
        near = np.square(tries[:, None] - shifts[None, :piece]).sum(2) < TAKEN_RADIUS**2
        best = int((error + TAKEN_COST * torch.from_numpy(near.sum(1))).argmin())
        shifts[piece], means[:, piece] = tries[best], (found - OWN_SHARE * away)[:, best].mean(1)
    return means


def flattened(offset: NDArray[np.floating], axes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Lay `offset` (N, 3) from the middles flat along `axes` (N, 2, 3): (N, 2), as long as it was."""
    flat = np.einsum("nk,nak->na", offset, axes)
    length = np.linalg.norm(flat, axis=1)
    stretch = np.linalg.norm(offset, axis=1) / np.maximum(length, 1e-9)
    return np.asarray(flat * np.minimum(stretch, 2)[:, None])


def _sample(image: Tensor, flat: NDArray[np.float64], shifts: NDArray[np.float64], radius: float) -> Tensor:
    """Sample `image` (3, H, W) at `flat` (N, 2), in its shorter sides from pieces' middles: (3, N).

    shifts (N, 2), 0..1: where a piece's middle lies, between what is a `radius` inside the image's edges.
    Beyond its edges the image is mirrored.
    """
    sides = np.array(image.shape[:0:-1]) / min(image.shape[1:])
    margin = np.minimum(radius, sides / 2)
    where = (margin + shifts * (sides - 2 * margin) + flat) / sides * 2 - 1
    grid = torch.from_numpy(where.astype(np.float32))[None, None]
    return F.grid_sample(image[None], grid, padding_mode="reflection", align_corners=False)[0, :, 0]
