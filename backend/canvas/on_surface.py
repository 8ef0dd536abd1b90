"""Parameterizations on a surface: what a view's pixels read, and what a step moves.

Every texture gives one row of values a pixel, B pictures of C channels side by side: (P, B·C).
"""

from __future__ import annotations

from typing import Any, Protocol

import torch
from torch import Tensor, nn

from ..parameterizations.cppn import CPPN
from ..rendering.camera import Camera
from ..rendering.gbuffer import GBuffer
from ..rendering.sampling import Levels, Taps, gather, mipmaps, taps
from .adam import Adam


class SurfaceTexture(Protocol):
    """What `prepare` gives is worth keeping when a view is used again, as `camera` saw it.

    `sample` is differentiable until the next `step`.
    """

    pictures: int
    channels: int
    adam: Adam

    def prepare(self, view: GBuffer, camera: Camera) -> Any: ...

    def sample(self, prepared: Any) -> Tensor: ...

    def step(self, rate: float) -> bool: ...

    def forget(self) -> None: ...


class UVTexture:
    """A square texture, or B of them, from a parameterization of flat pictures; read through mipmaps."""

    def __init__(self, textures: nn.Module) -> None:
        """textures: () → (B, C, S, S) in 0..1, S a power of two."""
        self.textures, self.adam, self._rows = textures, Adam(textures), None
        with torch.no_grad():
            self.pictures, self.channels, side, _ = textures().shape
        self.levels = Levels(side)

    _rows: Tensor | None

    def prepare(self, view: GBuffer, camera: Camera) -> Taps:
        return taps(view.uv, view.footprint, self.levels, laplacian=False)

    def sample(self, prepared: Taps) -> Tensor:
        if self._rows is None:  # all views of a step share one texture
            self._rows = mipmaps(self.textures().flatten(0, 1), self.levels)
        return gather(self._rows, prepared)

    def step(self, rate: float) -> bool:
        self._rows = None
        return self.adam(rate)

    def forget(self) -> None:
        self._rows = None
        self.adam.forget()

    @torch.no_grad()
    def current(self) -> Tensor:
        """(B, C, S, S)."""
        found: Tensor = self.textures()
        return found.detach()


class SolidTexture:
    """A CPPN of the surface point: no seams, no resolution, one picture."""

    pictures = 1

    def __init__(self, network: CPPN, scale: float = 1.0) -> None:
        """scale: from the mesh's units to the network's, in which coordinates should have unit variance."""
        self.network, self.adam, self.channels = network, Adam(network), network.channels
        self.scale = scale

    def prepare(self, view: GBuffer, camera: Camera) -> Tensor:
        return view.points * self.scale

    def sample(self, prepared: Tensor) -> Tensor:
        values: Tensor = self.network(prepared)
        return values

    def step(self, rate: float) -> bool:
        return self.adam(rate)

    def forget(self) -> None:
        self.adam.forget()

    @torch.no_grad()
    def values(self, points: Tensor) -> Tensor:
        """Evaluate it at surface points (N, 3), a part at a time: (N, C)."""
        return torch.cat([self.network(part) for part in torch.split(points * self.scale, 1 << 18)])
