"""Rasterisation on NVIDIA cards with nvdiffrast (Laine et al. 2020, "Modular Primitives").

Optional: its licence allows research and evaluation only, so it is never installed by Patina. It serves
CUDA builds of torch, not those for AMD, which call their device `cuda` too.
"""

from __future__ import annotations

import importlib

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...errors import PatinaError
from ..camera import Camera
from ..mesh import Mesh
from .embree import Embree

MULTIPLE = 8  # its CUDA rasterizer wants sides that are multiples of this
NEAREST = 1e-3  # of the near plane, where nothing is cut away


class Nvdiffrast:
    """Holds one mesh on the GPU. Single rays are Embree's: one is no work, and needs no depth buffer."""

    def __init__(self, mesh: Mesh) -> None:
        if not torch.cuda.is_available() or torch.version.hip:
            raise PatinaError(
                "nvdiffrast needs an NVIDIA card and a CUDA build of torch.", "Use embree.", "rasterizer"
            )
        try:
            self._dr = importlib.import_module("nvdiffrast.torch")
        except ImportError as error:
            raise PatinaError(
                f"nvdiffrast cannot be imported ({error}).",
                "Install it into the backend's environment (its licence: research and evaluation only), "
                "or use embree.",
                "rasterizer",
            ) from None
        self._context = self._dr.RasterizeCudaContext(device="cuda")
        ones = np.ones((len(mesh.vertices), 1), np.float32)
        self._vertices = torch.from_numpy(np.concatenate([mesh.vertices, ones], 1)).cuda()
        self._faces = torch.from_numpy(mesh.faces).cuda()
        self._radius = float(np.linalg.norm(mesh.vertices, axis=1).max())
        self.free_distance = Embree(mesh).free_distance

    def __call__(self, camera: Camera) -> tuple[Tensor, Tensor]:
        side = -(-camera.size // MULTIPLE) * MULTIPLE
        distance = float(np.linalg.norm(camera.position))
        near = max(camera.near, 0.9 * (distance - self._radius), NEAREST)
        matrix = projection(camera, side, near, distance + 1.1 * self._radius)
        clip = self._vertices @ torch.from_numpy(matrix.T).to(self._vertices)
        found, _ = self._dr.rasterize(self._context, clip[None], self._faces, (side, side), grad_db=False)
        found = found[0].flip(0)[: camera.size, : camera.size].reshape(-1, 4)  # its rows go bottom up
        u, v = found[:, 0], found[:, 1]  # of corners 0 and 1
        return found[:, 3].long() - 1, torch.stack([v, 1 - u - v], 1)


def projection(camera: Camera, side: int, near: float, far: float) -> NDArray[np.float64]:
    """Map the mesh's space, as columns, to OpenGL's clip space of a raster of `side` pixels a side: (4, 4).

    The camera's pixels are the raster's top left `camera.size`². `near` and `far` are depths on the axis.
    """
    shift = camera.size / side - 1
    scale = 2 / (side * camera.pixel)
    lens = np.array(
        [
            [scale, 0, -shift, 0],
            [0, scale, shift, 0],
            [0, 0, -(far + near) / (far - near), -2 * far * near / (far - near)],
            [0, 0, -1, 0],
        ]
    )
    look = np.eye(4)
    look[:3, :3] = camera.axes
    look[:3, 3] = -camera.axes @ camera.position
    return np.asarray(lens @ look)
