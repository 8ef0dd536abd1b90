"""Ray casting on the CPU with Intel's Embree."""

from __future__ import annotations

import numpy as np
import torch
from embreex.mesh_construction import TriangleMesh
from embreex.rtcore_scene import EmbreeScene
from numpy.typing import NDArray
from torch import Tensor

from ..camera import Camera
from ..mesh import Mesh


class Embree:
    """Holds the acceleration structure of one mesh."""

    def __init__(self, mesh: Mesh) -> None:
        self._scene = EmbreeScene()
        self._triangles = TriangleMesh(self._scene, mesh.vertices, mesh.faces)
        self.free_distance(np.zeros(3), np.ones(3))  # the first ray builds it, which no two at once may do

    def __call__(self, camera: Camera) -> tuple[Tensor, Tensor]:
        rays = camera.directions
        hits = self._scene.run(
            (camera.position + camera.near * rays).astype(np.float32), rays.astype(np.float32), output=True
        )
        barycentric = np.stack([hits["u"], hits["v"]], 1)
        return torch.from_numpy(hits["primID"]).long(), torch.from_numpy(barycentric)

    def free_distance(self, origin: NDArray[np.floating], direction: NDArray[np.floating]) -> float:
        """Measure how far one ray (3,) gets before it hits something; infinite if it never does."""
        hits = self._scene.run(
            np.ascontiguousarray(origin[None], np.float32),
            np.ascontiguousarray(direction[None], np.float32),
            output=True,
        )
        return float(hits["tfar"][0]) if hits["primID"][0] >= 0 else float("inf")
