"""What a bare surface's form looks like: hollows dark by ambient occlusion, under a soft light from above."""

from __future__ import annotations

import numpy as np
import torch
from embreex.mesh_construction import TriangleMesh
from embreex.rtcore_scene import EmbreeScene
from numpy.typing import NDArray
from torch import Tensor

from .camera import UP
from .mesh import Mesh
from .sampling import enlarge
from .texels import Texels, interpolate, locate

RAYS = 96  # from each point
OCCLUSION_RADIUS = 0.35  # how far off a surface still darkens, where the bounding box has a diagonal of 2
RAY_OFFSET = 1e-3  # rays start this far off their own face
SHADOW = 0.35  # what is left of the light where a surface looks straight down
MAX_SIDE = 512  # texels along a side that are looked out from; finer ones are read between them
MAX_TEXELS = 1 << 19  # texels of all textures that are looked out from
MIN_SIDE = 64
_POINTS = 1 << 15  # at a time

Floats = NDArray[np.float32]


def shading(mesh: Mesh, texels: Texels) -> Tensor:
    """Compute how light each texel is, 0..1: (tiles · S, S); 0 where the texture shows no surface.

    A function of where a point lies and how it is turned: both sides of a seam agree, and nothing is drawn
    at random. Each object is by itself where the mesh keeps them `isolated`.
    """
    height, size = texels.used.shape
    tiles, side = height // size, min(size, MAX_SIDE)
    while side > MIN_SIDE and tiles * side**2 > MAX_TEXELS:
        side //= 2
    corners = mesh.smooth_normals
    coarse = texels if side == size else locate(mesh, side, tiles)
    found, known = (torch.zeros(1, *coarse.used.shape) for _ in range(2))
    here = torch.from_numpy(coarse.used)
    found[:, here], known[:, here] = torch.from_numpy(lightness(mesh, coarse, corners)), 1
    if side < size:
        weight = enlarge(known, size)
        found = enlarge(found, size) / weight.clamp_min(1e-6)
        lost = texels.used & ~(weight[0] > 0).numpy()  # on islands that lie between the coarse texels
        which = lost[texels.used]
        arrays = (getattr(texels, name)[which] for name in ("faces", "points", "barycentric"))
        found[0, torch.from_numpy(lost)] = torch.from_numpy(lightness(mesh, Texels(lost, *arrays), corners))
    return found[0] * torch.from_numpy(texels.used)


def lightness(mesh: Mesh, texels: Texels, corners: Floats) -> Floats:
    """Compute how light the surface is at each of the texels, (U,); corners (F, 3, 3): its smooth normals."""
    normals = interpolate(corners[texels.faces], texels.barycentric)
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-6)
    occluded = occlusion(mesh, texels.faces, texels.points, normals)
    return np.asarray(from_above(normals) * (1 - occluded), np.float32)


def from_above(normals: Floats) -> Floats:
    """Compute the light, (N,), on surfaces with `normals` (N, 3) that nothing hides from a soft one above."""
    return np.asarray(SHADOW + (1 - SHADOW) * (1 + normals @ UP.astype(np.float32)) / 2, np.float32)


def occlusion(
    mesh: Mesh, faces: NDArray[np.integer], points: Floats, normals: Floats, radius: float = OCCLUSION_RADIUS
) -> Floats:
    """Measure how much of the light from all round is kept from `points` (N, 3) of `faces` (N,), 0..1.

    Rays about `normals` (N, 3, unit), by the cosine, each weighted by 1 - (distance / radius)² where it hits
    ("An Ambient Light Illumination Model", Zhukov, Iones and Kronin 1998).
    """
    found = np.zeros(len(faces), np.float32)
    owners = mesh.objects[faces] if mesh.isolated else np.zeros(len(faces), np.int32)
    for owner in np.unique(owners):
        part = mesh.only(np.flatnonzero(mesh.objects == owner)) if mesh.isolated else mesh
        scene = EmbreeScene()
        keep_alive = TriangleMesh(scene, part.vertices, part.faces)
        mine = np.flatnonzero(owners == owner)
        for start in range(0, len(mine), _POINTS):
            some = mine[start : start + _POINTS]
            found[some] = _hidden(scene, points[some], normals[some], mesh.face_normals[faces[some]], radius)
        del keep_alive
    return found


def _hidden(scene: EmbreeScene, points: Floats, normals: Floats, flat: Floats, radius: float) -> Floats:
    """(N,): `occlusion` of some points. A ray that would start into its own face, `flat`, is left out."""
    origins = points + RAY_OFFSET * flat
    hidden, asked = np.zeros((2, len(points)), np.float32)
    for ball in _ball(RAYS):
        rays = normals + ball  # a point of the unit ball's surface that stands on the plane: by the cosine
        rays /= np.maximum(np.linalg.norm(rays, axis=1, keepdims=True), 1e-6)
        leaves = np.einsum("nk,nk->n", rays, flat) > 0
        distance = scene.run(origins, rays, query="DISTANCE")
        hidden += leaves * (1 - np.minimum(distance / radius, 1) ** 2)
        asked += leaves
    return np.asarray(hidden / np.maximum(asked, 1), np.float32)


def _ball(count: int) -> Floats:
    """Spread points evenly on the unit sphere, along a Fibonacci spiral: (count, 3)."""
    index = np.arange(count) + 0.5
    height, turn = 1 - 2 * index / count, index * np.pi * (3 - np.sqrt(5))
    radius = np.sqrt(1 - height**2)
    return np.stack([radius * np.cos(turn), radius * np.sin(turn), height], 1).astype(np.float32)
