"""Colour and height together: strokes that a light finds.

The last wish of Mordvintsev et al. 2018, section "Conclusion": to optimise other properties of the
material than its colour. Every view has a light of its own; where the height rises towards the
light, the surface is brighter (Blinn 1978, "Simulation of Wrinkled Surfaces"), so only what holds
in every light can be told by height, and what must be there in any light by colour.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from ..pictures.color_space import to_linear, to_srgb
from ..rendering.camera import Camera
from ..rendering.gbuffer import GBuffer
from ..rendering.mesh import Mesh
from ..rendering.sampling import Levels, Taps, gather, mipmaps, taps
from .adam import Adam

DEPTH = 0.06  # of heights from 0 to 1, in units of which the bounding box's diagonal is 2
DARKEST, BRIGHTEST = 0.2, 2.0  # what relief can do to the light
TILT = (0.5, 0.9)  # of the light's way that lies in the surface: from steep to grazing


@dataclass(frozen=True)
class LitTaps:
    """Where a view's pixels read colour, and height a little before and behind, seen from the light.

    slope (P,): what turns the difference of these heights into the slope towards the light.
    """

    color: Taps
    ahead: Taps
    behind: Taps
    slope: Tensor


class ReliefTexture:
    """One texture of colour and one of height, seen under a random light in every view: (P, 3)."""

    pictures, channels = 1, 3

    def __init__(
        self, colors: nn.Module, heights: nn.Module, mesh: Mesh, random: np.random.Generator
    ) -> None:
        """colors: () → (1, 3, S, S); heights: () → (1, 1, S, S); both in 0..1, S a power of two."""
        self.textures, self.mesh, self.random = nn.ModuleList([colors, heights]), mesh, random
        self.adam = Adam(self.textures)
        with torch.no_grad():
            self.levels = Levels(colors().shape[-1])
        self._rows: Tensor | None = None

    def prepare(self, view: GBuffer, camera: Camera) -> LitTaps:
        light = self.random.normal(size=3)
        light *= self.random.uniform(*TILT) / np.linalg.norm(light)
        faces = view.faces.cpu().numpy()
        normals = self.mesh.face_normals[faces]
        tangent = light - normals * (normals @ light)[:, None]
        # All lights graze: the tangent part is as long as the drawn tilt, wherever the normal points.
        tangent *= np.linalg.norm(light) / np.maximum(np.linalg.norm(tangent, axis=1, keepdims=True), 1e-6)
        way = torch.from_numpy(
            np.einsum("nij,nj->ni", self.mesh.uv_jacobians[faces], tangent).astype(np.float32)
        )
        way = way.to(view.uv.device)
        length = way.norm(dim=1).clamp_min(1e-9)
        shift = way / length[:, None] * view.footprint[:, None]

        def read(uv: Tensor) -> Taps:
            return taps(uv, view.footprint, self.levels, laplacian=False)

        slope = DEPTH * length / (2 * view.footprint).clamp_min(1e-9)
        return LitTaps(read(view.uv), read(view.uv + shift), read(view.uv - shift), slope)

    def sample(self, prepared: LitTaps) -> Tensor:
        if self._rows is None:
            maps = torch.cat([module()[0] for module in self.textures])
            self._rows = mipmaps(maps, self.levels)
        colors = gather(self._rows, prepared.color)[:, :3]
        ahead, behind = (gather(self._rows, where)[:, 3] for where in (prepared.ahead, prepared.behind))
        return shade(colors, (ahead - behind) * prepared.slope)

    def step(self, rate: float) -> bool:
        self._rows = None
        return self.adam(rate)

    def forget(self) -> None:
        self._rows = None
        self.adam.forget()

    @torch.no_grad()
    def current(self) -> Tensor:
        """(1, 4, S, S): colour and height."""
        return torch.cat([module() for module in self.textures], 1).detach()


def shade(colors: Tensor, rise: Tensor) -> Tensor:
    """Shade `colors` (P, 3), sRGB, that rise by `rise` (P,) towards the light; 0 changes nothing."""
    light = (1 + rise).clamp(DARKEST, BRIGHTEST)
    return to_srgb((to_linear(colors) * light[:, None]).clamp(0, 1))


def normal_map(height: Tensor, texel: float) -> Tensor:
    """Derive tangent-space normals (OpenGL, green up) from `height` (S, S): (3, S, S) in 0..1."""
    rise = height * DEPTH / texel
    right = (rise.roll(-1, 1) - rise.roll(1, 1)) / 2
    up = (rise.roll(1, 0) - rise.roll(-1, 0)) / 2
    normals = torch.stack([-right, -up, torch.ones_like(rise)])
    return nn.functional.normalize(normals, dim=0) / 2 + 0.5
