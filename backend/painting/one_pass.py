"""Painting every object in one pass: views from all around it, painted by a network and laid on its textures.

Ghiasi et al. 2017's network paints each view at once (`networks.feedforward`). A texel takes what the views
made of it, each weighted by how squarely and how far from the silhouette it saw the texel's point. Views do
not agree, so what is coarse is mixed of all that see a texel, and what is fine is that of the best of them:
no border shows where views meet, and nothing doubly (Burt and Adelson 1983, "A multiresolution spline").
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..networks import feedforward
from ..objectives.landmarks import contrast_of
from ..pictures.images import blurred_within
from ..pictures.styles import Styles
from ..rendering import camera
from ..rendering.camera import Camera
from ..rendering.gbuffer import GBuffer
from ..rendering.mesh import Mesh
from ..rendering.sampling import Levels, gather, levels_of, mipmaps, taps
from ..rendering.texels import Texels, interpolate
from ..rendering.views import Viewing, ViewMaker, corners_of, framed
from .laying import seen_by
from .subject import Subject

VIEW_SIZE = 384  # pixels a side: as large as the network was made for, so that strokes are as it learnt them
MIN_VIEW_SIZE = 96  # where the texture is too small to show so much
VIEWS = 14  # of each object, where there are few
MIN_VIEWS = 6
MAX_VIEWS = 56  # of all objects together, unless each has only MIN_VIEWS
GLANCE_COUNT, GLANCE_SIZE = 6, 192  # views of each object, and their pixels, to see whether it is plain
PLAIN_CONTRAST = 0.12  # mean contrast of an object without landmarks; a sphere's form has .07, a monkey's .23
COARSE_WIDTH = 1 / 16  # of a view, that its colours are averaged over twice to be coarse
FACING_POWERS = (2, 8)  # of the cosine that a texel is seen at, for what is coarse and what is fine

# Makes the textures so far, (3, tiles · side, side), of a side that is given: of the texels every so many-th.
# Tells, too, which of them some view saw.
SoFar = Callable[[int], tuple[Tensor, NDArray[np.bool_]]]
Watch = Callable[[SoFar], None]


def plain_objects(subject: Subject, content: Tensor, viewing: Viewing) -> NDArray[np.integer]:
    """Find the objects of `subject` whose views in `content` (3, tiles · S, S) show next to no landmarks.

    (P,).
    """
    mesh, device, size = subject.mesh, viewing.device, min(GLANCE_SIZE, view_size(content))
    maker = ViewMaker(mesh, viewing.rasterizer, np.random.default_rng(0), device=device)
    levels = levels_of(content)
    rows = mipmaps(content.to(device), levels)
    background = torch.zeros(3, size, size, device=device)
    found = []
    for part in np.unique(mesh.objects[mesh.mapped]):
        contrast = covered = 0.0
        eyes, window = _around(corners_of(mesh, part), GLANCE_COUNT, size)
        for eye in eyes:
            gbuffer = maker.render(maker.shot_of(int(part), eye))
            mask = gbuffer.mask.float()[None]
            width = viewing.style_width / window * size
            image = gbuffer.image(_colors(gbuffer, rows, levels), background)
            contrast += float(contrast_of(image[None], mask, width).sum())
            covered += float(mask.sum())
        if contrast < PLAIN_CONTRAST * covered:
            found.append(part)
    return np.array(found, mesh.objects.dtype)


def paint_in_one_pass(
    subject: Subject,
    content: Tensor,
    texels: Texels,
    styles: Styles,
    viewing: Viewing,
    left_out: NDArray[np.integer],
    watch: Watch | None = None,
) -> tuple[Tensor, NDArray[np.bool_]]:
    """Paint views of `subject` wearing `content` (3, tiles · S, S) and lay them on the texels.

    left_out (P,): objects that are not painted. watch: is given after each view how to make what this gives,
    as far as it is; may raise to end it. Gives the textures (3, tiles · S, S), the content where
    nothing was seen, and the texels that some view saw (tiles · S, S). Raises PatinaError where the network
    is not there (`feedforward.available`).
    """
    mesh = subject.mesh
    parts = np.setdiff1d(mesh.objects[mesh.mapped], left_out)
    count = min(VIEWS, max(MIN_VIEWS, MAX_VIEWS // max(1, len(parts))))
    size = view_size(content)
    looks = [(int(part), eye) for part in parts for eye in _around(corners_of(mesh, part), count, size)[0]]
    return paint_views(mesh, content, texels, styles, viewing, looks, watch)


def paint_views(
    mesh: Mesh,
    content: Tensor,
    texels: Texels,
    styles: Styles,
    viewing: Viewing,
    looks: Sequence[tuple[int, Camera]],
    watch: Watch | None = None,
    seen: Callable[[], None] = lambda: None,
) -> tuple[Tensor, NDArray[np.bool_]]:
    """Paint views of objects of `mesh`, given as (object, from where), as `paint_in_one_pass` does.

    seen: is called at each view once its G-buffer is there.
    """
    device, size = viewing.device, view_size(content)
    network = feedforward.at_hand(device)
    vectors = [feedforward.style_vector(network, image.to(device)) for image in styles.images]
    vector = feedforward.blend(vectors, styles.shares)
    maker = ViewMaker(mesh, viewing.rasterizer, np.random.default_rng(0), device=device)
    levels = levels_of(content)
    rows = mipmaps(content.to(device), levels)
    background = styles.mean_color.to(device)[:, None, None].expand(3, size, size)
    points = torch.from_numpy(texels.points)
    normals = torch.from_numpy(interpolate(mesh.smooth_normals[texels.faces], texels.barycentric))
    total, weight = torch.zeros(2, len(points), 3), torch.zeros(2, len(points))
    of_part = {part: _texels_of(part, mesh, texels) for part in {part for part, _ in looks}}

    sparse: dict[int, Tensor] = {}  # by side: those of the points that it shows

    def so_far(side: int) -> tuple[Tensor, NDArray[np.bool_]]:
        every = content.shape[2] // side
        if side not in sparse:
            taken = np.zeros_like(texels.used)
            taken[::every, ::every] = True
            sparse[side] = torch.from_numpy(np.flatnonzero(taken[texels.used]))
        some = sparse[side]
        is_known = weight[1, some] > 1e-6
        known = some[is_known]
        texture, covered = content[:, ::every, ::every].clone(), texels.used[::every, ::every].copy()
        covered[covered] = is_known.numpy()
        texture[:, torch.from_numpy(covered)] = (total[:, known] / weight[:, known, None]).sum(0).T
        return texture, covered

    for part, eye in looks:
        here = of_part[part]
        gbuffer = maker.render(maker.shot_of(part, eye))
        seen()
        image = gbuffer.image(_colors(gbuffer, rows, levels), background)
        painted = feedforward.paint(network, image[None], vector)[0].cpu()
        coarse = blurred_within(painted, gbuffer.mask.cpu().float(), round(COARSE_WIDTH * size / 2))
        bands = torch.cat([coarse, painted - coarse])
        which, found, open_, facing = seen_by(eye, gbuffer, bands, points[here], normals[here])
        here = here[which]
        for band, power in enumerate(FACING_POWERS):
            share = open_ * facing**power
            total[band].index_add_(0, here, found[:, 3 * band : 3 * band + 3] * share[:, None])
            weight[band].index_add_(0, here, share)
        if watch is not None:
            watch(so_far)
    return so_far(content.shape[2])


def _texels_of(part: int, mesh: Mesh, texels: Texels) -> Tensor:
    return torch.from_numpy(np.flatnonzero(mesh.objects[texels.faces] == part))


def view_size(content: Tensor) -> int:
    """The pixels a side of a view of `content` (3, tiles · S, S)."""
    return min(VIEW_SIZE, max(MIN_VIEW_SIZE, 2 * content.shape[2]))


def _around(corners: NDArray[np.floating], count: int, size: int) -> tuple[list[Camera], float]:
    """Cameras evenly all around the triangles `corners` (F, 3, 3), each seeing them whole, and how wide
    that is."""
    middle, window = framed(corners)
    return [camera.look_at(middle, toward, window, size) for toward in camera.all_around(count)], window


def _colors(gbuffer: GBuffer, rows: Tensor, levels: Levels) -> Tensor:
    return gather(rows, taps(gbuffer.uv, gbuffer.footprint, levels, False, gbuffer.tiles))
