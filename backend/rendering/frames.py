"""How the surface lies at a view's pixels: normals, tangents, the way to the eye, and how heights tilt it.

Tangents follow the UVs as MikkTSpace's do (Mikkelsen 2008, "Simulation of Wrinkled Surfaces Revisited"),
which is what bakers and renderers expect of normal maps. Heights tilt the normal by their slope between
neighbouring pixels (Mikkelsen 2010, "Bump Mapping Unparametrized Surfaces on the GPU"): they show no seam.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from .camera import Camera
from .gbuffer import GBuffer
from .mesh import Mesh

STEEPEST = 0.9  # of the way to a neighbouring pixel, what may lie across the surface: more is an edge


@dataclass(frozen=True)
class Corners:
    """What is known of the corners of F triangles: places and normals (F, 3, 3).

    tangents (F, 3, 4): along u, and 1 or -1: on which side of it v goes up.
    """

    places: Tensor
    normals: Tensor
    tangents: Tensor


@dataclass(frozen=True)
class Frame:
    """How the surface lies at P pixels: normals, tangents, bitangents and to_eye (P, 3), all of length 1.

    beside (2, P) int64: the pixels to the right and below, by their place among the P; tilt (2, P, 3): what a
    difference of heights to them is multiplied by to give the slope along the surface; 0 where it ends.
    """

    normals: Tensor
    tangents: Tensor
    bitangents: Tensor
    to_eye: Tensor
    beside: Tensor
    tilt: Tensor


def corners_of(mesh: Mesh, device: torch.device | str = "cpu") -> Corners:
    """Collect what is known of the corners of `mesh`."""
    normals = corner_normals(mesh)
    tangents = corner_tangents(mesh, normals)
    return Corners(*(torch.from_numpy(a).to(device) for a in (mesh.spread, normals, tangents)))


def carried(corners: Corners, there: Tensor) -> Corners:
    """Take `corners` along to where their triangles are `there` (F, 3, 3), turned and stretched.

    Tangents go along with the surface, normals stay as square to it as they were: what bones do to both.
    """
    (edges, across), (edges_there, across_there) = _basis(corners.places), _basis(there)
    tangents = corners.tangents[..., :3] @ across.mT @ edges_there
    normals = corners.normals @ edges.mT @ across_there
    tangents = torch.cat([F.normalize(tangents, dim=2), corners.tangents[..., 3:]], 2)
    return Corners(there, F.normalize(normals, dim=2), tangents)


def _basis(places: Tensor) -> tuple[Tensor, Tensor]:
    """Two edges of triangles `places` (F, 3, 3) and their normals, (F, 3, 3), and the basis dual to these.

    A normal is as long as the triangle is wide: what grows evenly keeps its shape.
    """
    a, b = places[:, 1] - places[:, 0], places[:, 2] - places[:, 0]
    cross = torch.linalg.cross(a, b)
    area = cross.norm(dim=1, keepdim=True).clamp_min(1e-20)
    normal = cross / area.sqrt()
    dual = torch.stack([torch.linalg.cross(b, normal), torch.linalg.cross(normal, a), cross], 1)
    return torch.stack([a, b, normal], 1), dual / (area * area.sqrt())[:, None]


def corner_normals(mesh: Mesh) -> NDArray[np.float32]:
    """Make the corners' normals, (F, 3, 3), of length 1; the face's own where there are none.

    Where a face has no area as the mesh stands, those that there are say nothing.
    """
    length = np.linalg.norm(mesh.normals, axis=2, keepdims=True) * mesh.mapped[:, None, None]
    flat = np.broadcast_to(mesh.face_normals[:, None], mesh.normals.shape)
    return np.where(length > 1e-6, mesh.normals / np.maximum(length, 1e-6), flat).astype(np.float32)


def corner_tangents(mesh: Mesh, normals: NDArray[np.float32]) -> NDArray[np.float32]:
    """Compute the corners' tangents, (F, 3, 4) (see `Corners`), from UVs and their `normals` (F, 3, 3).

    Corners with the same vertex, normal and UV share one, the mean by their angles; not those of faces whose
    UVs are mirrored with those whose UVs are not.
    """
    along, side = face_tangents(mesh)
    flat = along[:, None] - normals * (normals * along[:, None]).sum(2, keepdims=True)
    flat /= np.maximum(np.linalg.norm(flat, axis=2, keepdims=True), 1e-12)
    keys = np.concatenate(
        [
            mesh.faces[..., None].astype(np.float64),
            np.round(normals, 4) + 0.0,
            np.round(mesh.uvs, 6) + 0.0,
            np.broadcast_to(side[:, None, None], (*mesh.faces.shape, 1)),
        ],
        2,
    )
    _, group = np.unique(keys.reshape(-1, 7).view("V56")[:, 0], return_inverse=True)
    weighted = (flat * _angles(mesh)[..., None] * mesh.mapped[:, None, None]).reshape(-1, 3)
    total = np.stack([np.bincount(group, part) for part in weighted.T], 1)[group].reshape(flat.shape)
    length = np.linalg.norm(total, axis=2, keepdims=True)
    shared = np.where(length > 1e-9, total / np.maximum(length, 1e-9), flat)
    signs = np.broadcast_to(side[:, None, None], (*mesh.faces.shape, 1))
    return np.concatenate([shared, signs], 2).astype(np.float32)


def face_tangents(mesh: Mesh) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Compute each face's tangent along u, (F, 3), of length 1, and its side (F,), 1 or -1."""
    jacobians = mesh.uv_jacobians.astype(np.float64)
    across = jacobians[:, 1]  # along which v grows: where it does not, u runs
    along = np.cross(across, mesh.face_normals)
    along /= np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-12)
    forward = (along * jacobians[:, 0]).sum(1, keepdims=True) >= 0
    along = np.where(forward, along, -along)
    up = np.cross(mesh.face_normals, along)
    return along, np.where((up * across).sum(1) >= 0, 1.0, -1.0)


def _angles(mesh: Mesh) -> NDArray[np.float64]:
    """(F, 3): the angles at the corners."""
    corners = mesh.corners.astype(np.float64)
    ahead, back = np.roll(corners, -1, 1) - corners, np.roll(corners, 1, 1) - corners
    cosine = (ahead * back).sum(2) / np.maximum(
        np.linalg.norm(ahead, axis=2) * np.linalg.norm(back, axis=2), 1e-30
    )
    return np.asarray(np.arccos(cosine.clip(-1, 1)))


def frame_of(view: GBuffer, camera: Camera, corners: Corners, there: Tensor | None = None) -> Frame:
    """Find how the surface lies at the pixels of `view`, as `camera` sees it.

    there (F, 3, 3): where the corners are in the view, if the surface has moved.
    """
    faces, place = torch.unique(view.faces, return_inverse=True)
    seen = Corners(
        *(part.index_select(0, faces) for part in (corners.places, corners.normals, corners.tangents))
    )
    if there is not None:
        seen = carried(seen, there.index_select(0, faces))
    places, normals, tangents = (
        part.index_select(0, place) for part in (seen.places, seen.normals, seen.tangents)
    )
    weights = _barycentric(places, view.points)[:, None]
    smooth = F.normalize((weights @ normals)[:, 0], dim=1)
    tangent = (weights @ tangents[..., :3])[:, 0]
    tangent = F.normalize(tangent - smooth * (smooth * tangent).sum(1, keepdim=True), dim=1)
    bitangent = torch.linalg.cross(smooth, tangent) * tangents[:, 0, 3:]
    eye = torch.from_numpy(camera.position).to(view.points) - view.points
    return Frame(smooth, tangent, bitangent, F.normalize(eye, dim=1), *_tilt(view, smooth))


def _barycentric(corners: Tensor, points: Tensor) -> Tensor:
    """(P, 3): the weights of `corners` (P, 3, 3) that give `points` (P, 3)."""
    a, b, at = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0], points - corners[:, 0]
    aa, ab, bb = (a * a).sum(1), (a * b).sum(1), (b * b).sum(1)
    pa, pb = (at * a).sum(1), (at * b).sum(1)
    area = (aa * bb - ab * ab).clamp_min(1e-30)
    first, second = (bb * pa - ab * pb) / area, (aa * pb - ab * pa) / area
    return torch.stack([1 - first - second, first, second], 1)


def _tilt(view: GBuffer, normals: Tensor) -> tuple[Tensor, Tensor]:
    """The neighbours of each pixel, (2, P), and what turns differences of heights into a slope, (2, P, 3)."""
    width, count = view.width, len(view.pixels)
    place = torch.full(((view.height + 1) * width + 1,), -1, dtype=torch.long, device=view.pixels.device)
    place[view.pixels] = torch.arange(count, device=place.device)
    right, below = place[view.pixels + 1], place[view.pixels + width]
    right = torch.where((view.pixels + 1) % width == 0, -1, right)
    whole = (right >= 0) & (below >= 0)
    beside = torch.stack([right, below]).clamp_min(0)
    steps = view.points[beside] - view.points  # (2, P, 3)
    across = (steps * normals).sum(2).abs() / steps.norm(dim=2).clamp_min(1e-12)
    whole &= (across < STEEPEST).all(0)
    tilt = torch.stack([torch.linalg.cross(steps[1], normals), torch.linalg.cross(normals, steps[0])])
    area = (steps[0] * tilt[0]).sum(1)
    whole &= area.abs() > 1e-12
    return beside, torch.where(whole[:, None], tilt / torch.where(whole, area, 1.0)[:, None], 0.0)


def slope(heights: Tensor, frame: Frame) -> Tensor:
    """Compute how `heights` (P,) rise along the surface, (P, 3): differentiable in them."""
    right, below = heights.index_select(0, frame.beside.flatten()).view(2, -1) - heights
    rise: Tensor = right[:, None] * frame.tilt[0] + below[:, None] * frame.tilt[1]
    return rise


def tilted(normals: Tensor, rise: Tensor) -> Tensor:
    """Tilt `normals` (P, 3) against the `rise` (P, 3) of the surface: (P, 3), of length 1."""
    return F.normalize(normals - rise, dim=1)
