"""Where the object is looked at from."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .mesh import Mesh

FOV_Y = math.radians(10)  # Distill 2018, section "3D": nearly orthographic
MAX_TILT = math.radians(55)  # between a surface view's axis and the normal it aims at
AROUND = 2.2  # what the article's views span, on average, of a mesh with a diagonal of 2
UP = np.array([0.0, 0.0, 1.0])


@dataclass(frozen=True)
class Camera:
    """A square pinhole camera. position (3,); axes (3, 3): rows right, up, backward; `size` pixels a side.

    Surfaces nearer than `near` (a distance along the axis) are cut away.
    """

    position: NDArray[np.float64]
    axes: NDArray[np.float64]
    size: int
    near: float = 0.0
    fov: float = FOV_Y

    @property
    def pixel(self) -> float:
        """A pixel's side at distance 1."""
        return 2 * math.tan(self.fov / 2) / self.size

    def directions(self) -> NDArray[np.float64]:
        """(size * size, 3): rays through the pixels' centres, row by row from the top, of axial length 1."""
        x = (np.arange(self.size) + 0.5 - self.size / 2) * self.pixel
        right, up, backward = self.axes
        rays = x[None, :, None] * right - x[:, None, None] * up - backward
        return np.asarray(rays.reshape(-1, 3))


def look_at(target: NDArray[np.float64], backward: NDArray[np.float64], window: float, size: int) -> Camera:
    """The camera that sees `target` in its middle and `window` units of the plane there across.

    `target` (3,); `backward` (3,), of any length, points from the target to the camera; `size` pixels a side.
    """
    backward = backward / np.linalg.norm(backward)
    right = np.cross(UP, backward)
    if np.linalg.norm(right) < 1e-6:
        right = np.array([1.0, 0.0, 0.0])
    right /= np.linalg.norm(right)
    distance = window / (2 * math.tan(FOV_Y / 2))
    return Camera(target + distance * backward, np.stack([right, np.cross(backward, right), backward]), size)


def around(size: int, random: np.random.Generator) -> Camera:
    """The article's camera: at the bounding box's centre, from a uniform direction, at U(10, 12) / 11."""
    return look_at(np.zeros(3), random.normal(size=3), AROUND * random.uniform(10, 12) / 11, size)


def surface_point(
    mesh: Mesh, weights: NDArray[np.float64], random: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """A point on the surface and the normal there, (3,) each; faces are drawn by `weights` (F,)."""
    face = random.choice(len(weights), p=weights / weights.sum())
    a, b = np.sqrt(random.uniform()), random.uniform()
    barycentric = np.array([1 - a, a * (1 - b), a * b])
    return barycentric @ mesh.corners[face].astype(np.float64), mesh.face_normals[face].astype(np.float64)


def tilted(normal: NDArray[np.float64], random: np.random.Generator) -> NDArray[np.float64]:
    """A direction within MAX_TILT of `normal`, uniform on that cap of the sphere."""
    cosine = random.uniform(math.cos(MAX_TILT), 1)
    turn = random.uniform(0, 2 * math.pi)
    tangent = np.cross(normal, [1.0, 0, 0] if abs(normal[0]) < 0.8 else [0, 1.0, 0])
    tangent /= np.linalg.norm(tangent)
    bitangent = np.cross(normal, tangent)
    sine = math.sqrt(1 - cosine**2)
    return np.asarray(cosine * normal + sine * (math.cos(turn) * tangent + math.sin(turn) * bitangent))
