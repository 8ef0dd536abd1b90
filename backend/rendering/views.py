"""Views that between them see all of a surface: from where, at what scale, and what is seen there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from . import camera, rasterizer
from .camera import Camera
from .gbuffer import GBuffer, render
from .mesh import Mesh
from .rasterizer import Rasterizer

DIRECTIONS_TRIED = 8  # directions from which a point that others hide may yet be seen

# A point on the surface: its face, and barycentric (3,) there.
Aim = tuple[int, NDArray[np.float64]]
# What is looked at, and from where.
Pose = tuple[Rasterizer, Camera]


@dataclass(frozen=True)
class Viewing:
    """How a surface is looked at, and at what scale.

    pixel: the width on the surface of the finest view's pixel; style_width: what the shorter side of style
    images spans there, both in the mesh's units. rasterizer: its name; framing: one of protocol.FRAMINGS;
    stroke_angle: that at which views show the mesh's directions.
    """

    pixel: float
    style_width: float
    device: torch.device
    rasterizer: str = "embree"
    framing: str = "surface"
    stroke_angle: float = 0.0


class ViewMaker:
    """Makes views of `mesh` that between them see all of it, at one scale.

    `window` is what a view's side spans on the surface, in the mesh's units. Framed on the surface, a
    view aims at a point drawn from what earlier views saw least, but at every object once at first;
    whatever hides that point is cut away. Where objects are not isolated, a view is made from where the point
    can be seen, if there is such a place. `stroke_angle`: that at
    which a view shows the mesh's directions.
    """

    def __init__(
        self,
        mesh: Mesh,
        rasterizer_name: str,
        random: np.random.Generator,
        framing: str = "surface",
        device: torch.device | str = "cpu",
        stroke_angle: float = 0.0,
    ) -> None:
        self.mesh, self.random, self.framing, self.device = mesh, random, framing, device
        self.stroke_angle, self._name = stroke_angle, rasterizer_name
        self._rasterizers: dict[int, Rasterizer] = {}
        self._area = np.where(mesh.mapped, mesh.areas, 0) * mesh.aims
        self._seen = np.zeros(len(mesh.faces))
        by_object = np.bincount(mesh.objects, self._area)
        self._waiting = [k for k in np.argsort(by_object) if by_object[k] > 0]  # the largest comes first

    def __call__(self, window: float, size: int, aim: Aim | None = None) -> GBuffer:
        """A new view of `size` pixels a side, of `aim` if there is one."""
        view = self.render(self.pose(window, size, aim))
        self.count(view, window / size)
        return view

    def pose(self, window: float, size: int, aim: Aim | None = None) -> Pose:
        """Choose from where to look next."""
        if self.framing == "bounding_box":
            part = self._waiting[self.random.integers(len(self._waiting))]
            return self.rasterizer_of(part), camera.around(size, self.random)
        part, eye = self._surface_camera(window, size, aim)
        return self.rasterizer_of(part), eye

    def render(self, pose: Pose) -> GBuffer:
        """Render the view from `pose`; changes nothing, so that several can be rendered at once."""
        return render(self.mesh, *pose, self.device)

    def count(self, view: GBuffer, pixel: float) -> None:
        """Record the area that `view` covers, so that later views prefer faces seen less.

        pixel: a pixel's width, in the mesh's units.
        """
        pixels = np.bincount(view.faces.cpu().numpy(), minlength=len(self._seen))
        self._seen += pixels * pixel**2 / np.maximum(self._area, 1e-12)

    def rasterizer_of(self, part: int) -> Rasterizer:
        """Find what sees the object `part`: it alone where objects are isolated, else all of them."""
        part = part if self.mesh.isolated else 0
        if part not in self._rasterizers:
            faces = np.flatnonzero(self.mesh.objects == part) if self.mesh.isolated else np.arange(0)
            if 0 < len(faces) < len(self.mesh.faces):
                self._rasterizers[part] = rasterizer.Part(self._name, self.mesh, faces)
            else:
                self._rasterizers[part] = rasterizer.create(self._name, self.mesh)
        return self._rasterizers[part]

    def _least_seen(self) -> Aim:
        weights: NDArray[np.float64] = self._area / (1 + self._seen)
        if self._waiting:
            weights = np.where(self.mesh.objects == self._waiting.pop(), weights, 0)
        return camera.surface_point(weights, self.random)

    def _surface_camera(self, window: float, size: int, aim: Aim | None) -> tuple[int, Camera]:
        face, barycentric = aim or self._least_seen()
        target = barycentric @ self.mesh.corners[face].astype(np.float64)
        part, normal = int(self.mesh.objects[face]), self.mesh.face_normals[face].astype(np.float64)
        rasterize = self.rasterizer_of(part)
        for _ in range(1 if self.mesh.isolated else DIRECTIONS_TRIED):
            backward = camera.tilted(normal, self.random)
            free = rasterize.free_distance(target + 1e-4 * backward, backward)
            if free == np.inf:
                break
        up = camera.UP
        if self.mesh.directions is not None:
            up = camera.upwards(barycentric @ self.mesh.directions[face], backward, self.stroke_angle)
        view = camera.look_at(target, backward, window, size, up)
        distance = float(np.linalg.norm(view.position - target))
        if free >= distance:
            return part, view
        if not self.mesh.isolated:
            self._seen[face] += 1  # nobody sees it well; others come first
            return part, view
        return part, Camera(view.position, view.axes, size, max(distance - 0.95 * free, 0.0))
