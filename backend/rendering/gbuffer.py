"""What a view sees of the surface, pixel by pixel, before any colour: the G-buffer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from .camera import Camera
from .mesh import Faces, Mesh
from .rasterizer import Rasterizer


@dataclass(frozen=True)
class GBuffer:
    """The P pixels of a view, `height` by `width`, that see the painted front of the surface.

    pixels (P,) int64: their place in the view, row by row; faces and tiles (P,) int64;
    points (P, 3): positions on the surface; uv (P, 2), v up;
    footprint (P,): the longer axis of the pixel's ellipse in UV units (what mip-mapping goes by);
    facing (P,): cosine between the ray and the face's normal, 0..1.
    """

    height: int
    width: int
    pixels: Tensor
    faces: Tensor
    points: Tensor
    uv: Tensor
    footprint: Tensor
    facing: Tensor
    tiles: Tensor

    @property
    def mask(self) -> Tensor:
        """(H, W) bool: the pixels that are seen."""
        mask = torch.zeros(self.height * self.width, dtype=torch.bool, device=self.pixels.device)
        mask[self.pixels] = True
        return mask.view(self.height, self.width)

    def image(self, values: Tensor, background: Tensor) -> Tensor:
        """Lay `values` (P, C) over `background` (C, H, W): (C, H, W), differentiable in both."""
        flat = background.reshape(background.shape[0], -1)
        return flat.T.index_copy(0, self.pixels, values).T.reshape(background.shape)


def cropped(view: GBuffer, margin: int, multiple: int = 1) -> GBuffer:
    """Cut a view down to what it sees of the surface, and `margin` pixels around that.

    Sides become multiples of `multiple`, where the view is large enough. Points, faces and all else that is
    told of the pixels stays as it is.
    """
    rows, columns = view.pixels // view.width, view.pixels % view.width
    top, height = _span(rows, view.height, margin, multiple)
    left, width = _span(columns, view.width, margin, multiple)
    return replace(view, height=height, width=width, pixels=(rows - top) * width + columns - left)


def _span(places: Tensor, whole: int, margin: int, multiple: int) -> tuple[int, int]:
    """Find where `places`, of 0 to `whole`, begin with a margin, and how long that is; its middle if none."""
    first, last = (int(places.min()), int(places.max()) + 1) if len(places) else (whole // 2, whole // 2)
    first, last = max(0, first - margin), min(whole, last + margin)
    length = min(whole, -(-(last - first) // multiple) * multiple)
    return min(max(0, (first + last - length) // 2), whole - length), length


def side_by_side(views: Sequence[GBuffer], size: int) -> GBuffer:
    """Lay square `views` of one size, as many as are in a square, out in one of `size` pixels a side."""
    across = math.isqrt(len(views))
    pixels = [
        (index // across * view.height + view.pixels // view.width) * size
        + index % across * view.width
        + view.pixels % view.width
        for index, view in enumerate(views)
    ]
    rest = [torch.cat(found) for found in zip(*(_values(view) for view in views), strict=True)]
    return GBuffer(size, size, torch.cat(pixels), *rest)


def _values(view: GBuffer) -> tuple[Tensor, ...]:
    return view.faces, view.points, view.uv, view.footprint, view.facing, view.tiles


def render(mesh: Mesh, rasterize: Rasterizer, camera: Camera, device: torch.device | str = "cpu") -> GBuffer:
    """Look at `mesh` through `camera`. Back faces and triangles without UV area count as background."""
    faces, barycentric = (found.to(device) for found in rasterize(camera))
    surface = mesh.on(device)
    rays = torch.from_numpy(camera.directions).to(device, torch.float32)
    hit = (faces >= 0).nonzero()[:, 0]
    faces, rays = faces[hit], rays.index_select(0, hit)
    facing = -(surface.normals.index_select(0, faces) * rays).sum(1) / rays.norm(dim=1)
    seen = ((facing > 1e-3) & surface.mapped[faces]).nonzero()[:, 0]
    pixels, faces, rays, facing = (values.index_select(0, seen) for values in (hit, faces, rays, facing))
    b1, b2 = barycentric.index_select(0, pixels).T
    weights = torch.stack([1 - b1 - b2, b1, b2], 1)[:, None]
    points = (weights @ surface.corners.index_select(0, faces))[:, 0]
    uv = (weights @ surface.uvs.index_select(0, faces))[:, 0]
    footprint = _footprint(surface, camera, faces, rays, points)
    size, tiles = camera.size, surface.tiles[faces]
    return GBuffer(size, size, pixels, faces, points, uv, footprint, facing, tiles)


def _footprint(surface: Faces, camera: Camera, faces: Tensor, rays: Tensor, points: Tensor) -> Tensor:
    """Measure the major axis of each pixel's image in UV space, (P,), by ray differentials (Igehy 1999).

    A step of one pixel moves the point by the camera's axis, slid along the ray back onto the plane.
    """
    position, axes = (torch.from_numpy(a).to(points) for a in (camera.position, camera.axes))
    normals, jacobians = (of.index_select(0, faces) for of in (surface.normals, surface.jacobians))
    depth = (position - points) @ axes[2]
    cosine = (normals * rays).sum(1)
    slid = axes[:2, None] - rays * ((axes[:2] @ normals.T) / cosine)[..., None]  # (2, P, 3)
    steps = (jacobians @ slid[..., None])[..., 0] * (depth * camera.pixel)[:, None]
    a, c = steps.square().sum(0).T
    b = steps.prod(2).sum(0)
    major: Tensor = (a + c) / 2 + (((a - c) / 2).square() + b.square()).sqrt()
    return major.sqrt()
