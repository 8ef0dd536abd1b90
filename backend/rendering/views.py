"""Which views a step sees: a bank of them, made once and used again."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from . import camera, rasterizer
from .camera import Camera
from .gbuffer import GBuffer, render
from .mesh import Mesh


class ViewMaker:
    """Makes views of `mesh` that between them see all of it, at one scale.

    `window` is what a view's side spans on the surface, in the mesh's units. Framed on the surface, a
    view aims at a point drawn from what earlier views saw least; whatever hides that point is cut away.
    """

    def __init__(
        self,
        mesh: Mesh,
        rasterizer_name: str,
        random: np.random.Generator,
        framing: str = "surface",
        device: torch.device | str = "cpu",
    ) -> None:
        self.mesh, self.random, self.framing, self.device = mesh, random, framing, device
        self.rasterize = rasterizer.create(rasterizer_name, mesh)
        self._area = np.where(mesh.painted, mesh.areas, 0)
        self._seen = np.zeros(len(mesh.faces))

    def __call__(self, window: float, size: int) -> GBuffer:
        """A new view of `size` pixels a side."""
        if self.framing == "bounding_box":
            return render(self.mesh, self.rasterize, camera.around(size, self.random), self.device)
        view = render(self.mesh, self.rasterize, self._surface_camera(window, size), self.device)
        pixels = np.bincount(view.faces.cpu().numpy(), minlength=len(self._seen))
        self._seen += pixels * (window / size) ** 2 / np.maximum(self._area, 1e-12)
        return view

    def _surface_camera(self, window: float, size: int) -> Camera:
        weights: NDArray[np.float64] = self._area / (1 + self._seen)
        target, normal = camera.surface_point(self.mesh, weights, self.random)
        backward = camera.tilted(normal, self.random)
        view = camera.look_at(target, backward, window, size)
        distance = float(np.linalg.norm(view.position - target))
        start = target + 1e-4 * backward
        free = self.rasterize.free_distance(start, backward)
        near = distance - 0.95 * free if free < distance else 0.0
        return Camera(view.position, view.axes, size, max(near, 0.0))
