"""Where the object is looked at from."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

FOV_Y = math.radians(10)  # Distill 2018, section "3D": nearly orthographic
MAX_TILT = math.radians(55)  # between a surface view's axis and the normal it aims at
ARTICLE_SPAN = 2.2  # what the article's views span, on average, of a mesh with a diagonal of 2
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

    @cached_property
    def directions(self) -> NDArray[np.float64]:
        """(size * size, 3): rays through the pixels' centres, row by row from the top, of axial length 1."""
        x = (np.arange(self.size) + 0.5 - self.size / 2) * self.pixel
        right, up, backward = self.axes
        rays = x[None, :, None] * right - x[:, None, None] * up - backward
        return np.asarray(rays.reshape(-1, 3))


def look_at(
    target: NDArray[np.float64],
    backward: NDArray[np.float64],
    window: float,
    size: int,
    up: NDArray[np.float64] = UP,
) -> Camera:
    """Place a camera that sees `target` in its middle and `window` units of the plane there across.

    `target` (3,); `backward` (3,), of any length, points from the target to the camera; `size` pixels a
    side; `up` (3,) shows upwards.
    """
    backward = backward / np.linalg.norm(backward)
    right = np.cross(up, backward)
    if np.linalg.norm(right) < 1e-6:
        right = np.array([1.0, 0.0, 0.0])
    right /= np.linalg.norm(right)
    distance = window / (2 * math.tan(FOV_Y / 2))
    return Camera(target + distance * backward, np.stack([right, np.cross(backward, right), backward]), size)


def around(size: int, random: np.random.Generator) -> Camera:
    """Place the article's camera: it looks at the box's centre from anywhere, at a distance of U(10, 12)."""
    return look_at(np.zeros(3), random.normal(size=3), ARTICLE_SPAN * random.uniform(10, 12) / 11, size)


def all_around(count: int) -> NDArray[np.float64]:
    """Spread unit directions evenly over the sphere (a Fibonacci lattice): (count, 3)."""
    step = np.arange(count) + 0.5
    height = 1 - 2 * step / count
    turn = math.pi * (1 + 5**0.5) * step
    flat = np.sqrt(1 - height**2)
    return np.stack([np.cos(turn) * flat, np.sin(turn) * flat, height], 1)


def surface_point(
    weights: NDArray[np.float64], random: np.random.Generator
) -> tuple[int, NDArray[np.float64]]:
    """Draw a random face by `weights` (F,), and a random point on it: its barycentric coordinates (3,)."""
    face = int(random.choice(len(weights), p=weights / weights.sum()))
    a, b = np.sqrt(random.uniform()), random.uniform()
    return face, np.array([1 - a, a * (1 - b), a * b])


def upwards(
    direction: NDArray[np.float64], backward: NDArray[np.float64], stroke_angle: float
) -> NDArray[np.float64]:
    """Find the up vector (3,) with which `direction` (3,) lies at the angle `stroke_angle` in the view.

    `backward` (3,) points to the camera, at a length of 1; angles are counterclockwise from the right.
    Where `direction` points at the camera, or is zero, UP.
    """
    flat = direction - backward * (direction @ backward)
    length = float(np.linalg.norm(flat))
    if length < 1e-3 * max(float(np.linalg.norm(direction)), 1e-12):
        return UP
    turn = math.pi / 2 - stroke_angle
    flat = flat / length
    return np.asarray(math.cos(turn) * flat + math.sin(turn) * np.cross(backward, flat))


def tilted(normal: NDArray[np.float64], random: np.random.Generator) -> NDArray[np.float64]:
    """Draw a direction within MAX_TILT of `normal`, uniform on that cap of the sphere."""
    cosine = random.uniform(math.cos(MAX_TILT), 1)
    turn = random.uniform(0, 2 * math.pi)
    tangent = np.cross(normal, [1.0, 0, 0] if abs(normal[0]) < 0.8 else [0, 1.0, 0])
    tangent /= np.linalg.norm(tangent)
    bitangent = np.cross(normal, tangent)
    sine = math.sqrt(1 - cosine**2)
    return np.asarray(cosine * normal + sine * (math.cos(turn) * tangent + math.sin(turn) * bitangent))
