"""Which triangle each pixel of a view sees, and where on it: chosen by name."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...errors import PatinaError
from ..camera import Camera
from ..mesh import Mesh


class Rasterizer(Protocol):
    """Holds one mesh, ready to be looked at."""

    def __call__(self, camera: Camera) -> tuple[Tensor, Tensor]:
        """Face (H*W,) int64, -1 where nothing is hit, and barycentric (H*W, 2) of corners 1 and 2."""

    def free_distance(self, origin: NDArray[np.floating], direction: NDArray[np.floating]) -> float:
        """Measure how far one ray (3,) gets before it hits something; infinite if it never does."""


class Part:
    """The rasterizer of some of a mesh's faces, which calls them by their places in the whole mesh."""

    def __init__(self, name: str, mesh: Mesh, faces: NDArray[np.intp]) -> None:
        """faces: indices into those of `mesh`."""
        self._rasterize = create(name, mesh.only(faces))
        self._faces = torch.from_numpy(faces)
        self.free_distance = self._rasterize.free_distance

    def __call__(self, camera: Camera) -> tuple[Tensor, Tensor]:
        found, barycentric = self._rasterize(camera)
        faces = self._faces.to(found.device)
        return torch.where(found < 0, found, faces[found]), barycentric


def create(name: str, mesh: Mesh) -> Rasterizer:
    """Make the rasterizer called `name`, ready for `mesh`. Raises PatinaError where it cannot be had."""
    if name == "embree":
        from .embree import Embree

        return Embree(mesh)
    if name == "nvdiffrast":
        from .nvdiffrast import Nvdiffrast

        return Nvdiffrast(mesh)
    raise PatinaError(f"There is no rasterizer called {name}.", "Use embree.", "rasterizer")
