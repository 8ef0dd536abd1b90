"""What a view sees of the surface, pixel by pixel, before any colour: the G-buffer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from .camera import Camera
from .mesh import Mesh
from .rasterizer import Rasterizer


@dataclass(frozen=True)
class GBuffer:
    """The P pixels of a square view that see the painted front of the surface.

    pixels (P,) int64: their place in the view, row by row; faces (P,) int64;
    points (P, 3): positions on the surface; uv (P, 2), v up;
    footprint (P,): the longer axis of the pixel's ellipse in UV units (what mip-mapping goes by);
    facing (P,): cosine between the ray and the face's normal, 0..1.
    """

    size: int
    pixels: Tensor
    faces: Tensor
    points: Tensor
    uv: Tensor
    footprint: Tensor
    facing: Tensor

    @property
    def mask(self) -> Tensor:
        """(H, W) bool: the pixels that are seen."""
        mask = torch.zeros(self.size * self.size, dtype=torch.bool, device=self.pixels.device)
        mask[self.pixels] = True
        return mask.view(self.size, self.size)

    def image(self, values: Tensor, background: Tensor) -> Tensor:
        """Lay `values` (P, C) over `background` (C, H, W): (C, H, W), differentiable in both."""
        flat = background.reshape(background.shape[0], -1)
        return flat.T.index_copy(0, self.pixels, values).T.reshape(background.shape)


def render(mesh: Mesh, rasterize: Rasterizer, camera: Camera, device: torch.device | str = "cpu") -> GBuffer:
    """Look at `mesh` through `camera`. Back faces and triangles without UV area count as background."""
    faces, barycentric = rasterize(camera)
    rays = camera.directions()
    facing = -np.einsum("nc,nc->n", mesh.face_normals[faces], rays) / np.linalg.norm(rays, axis=1)
    pixels = np.flatnonzero((faces >= 0) & (facing > 1e-3) & mesh.painted[faces])
    faces, rays, facing = faces[pixels], rays[pixels], facing[pixels]
    b1, b2 = barycentric[pixels].T
    weights = np.stack([1 - b1 - b2, b1, b2], 1)
    points = np.einsum("nk,nkc->nc", weights, mesh.corners[faces])
    uv = np.einsum("nk,nkc->nc", weights, mesh.uvs[faces])
    return GBuffer(
        size=camera.size,
        pixels=torch.from_numpy(pixels).to(device),
        faces=torch.from_numpy(faces.astype(np.int64)).to(device),
        points=torch.from_numpy(points.astype(np.float32)).to(device),
        uv=torch.from_numpy(uv.astype(np.float32)).to(device),
        footprint=torch.from_numpy(_footprint(mesh, camera, faces, rays, points)).to(device),
        facing=torch.from_numpy(facing.astype(np.float32)).to(device),
    )


def _footprint(
    mesh: Mesh, camera: Camera, faces: np.ndarray, rays: np.ndarray, points: np.ndarray
) -> np.ndarray:
    """(P,): the major axis of a pixel's image in UV space, from ray differentials (Igehy 1999) on the plane.

    A step of one pixel moves the point by the camera's axis, slid along the ray back onto the plane.
    """
    normals = mesh.face_normals[faces].astype(np.float64)
    depth = (camera.position - points) @ camera.axes[2]
    jacobians = mesh.uv_jacobians[faces].astype(np.float64)
    cosine = np.einsum("nc,nc->n", normals, rays)
    steps = []
    for axis in camera.axes[:2]:
        slid = axis - rays * ((normals @ axis) / cosine)[:, None]
        steps.append(np.einsum("nij,nj->ni", jacobians, slid) * (depth * camera.pixel)[:, None])
    a = sum(step[:, 0] ** 2 for step in steps)
    b = sum(step[:, 0] * step[:, 1] for step in steps)
    c = sum(step[:, 1] ** 2 for step in steps)
    major = (a + c) / 2 + np.sqrt(((a - c) / 2) ** 2 + b**2)
    return np.asarray(np.sqrt(major), np.float32)
