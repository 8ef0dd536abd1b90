"""Colour, roughness and metalness together: what a dream is, and how it shines.

The last wish of Mordvintsev et al. 2018, section "Conclusion": to optimise the reflectance of the material,
too. Of every two views one is lit, by a light of its own and a dim sky; the other shows the colours alone, so
that no light gets into these. What must move with the light to be recognised can only be gloss.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from ..pictures.color_space import to_linear
from ..rendering.camera import Camera
from ..rendering.frames import corners_of, frame_of
from ..rendering.gbuffer import GBuffer
from ..rendering.mesh import Mesh
from ..rendering.sampling import Taps
from ..rendering.shading import Light, Surface, draw_light, photographed
from .on_surface import UVTexture

# Roughness and metalness that a dream begins with. From duller ones, highlights are too faint to be found.
START = (0.25, 0.1)
CALM = 0.25  # how fast they change, relative to colours: else they are black or white at once
# From a level of their pyramid to the next finer one: a part of the surface shines, not a texel.
FALLOFF = 0.4


class Together(nn.Module):
    """Colours (1, 3, S, S), roughness and metalness (1, 2, S, S), all in 0..1, as one (1, 5, S, S).

    These two begin as START, whose logits change CALM times as far as those of `reflections`.
    """

    def __init__(self, colors: nn.Module, reflections: nn.Module) -> None:
        super().__init__()
        self.colors, self.reflections = colors, reflections

    def forward(self) -> Tensor:
        """(1, 5, S, S)."""
        found: Tensor = self.reflections()
        begun = found.new_tensor(START).logit().view(1, 2, 1, 1)
        calmed = (begun + CALM * (found.logit(eps=1e-6) - begun)).sigmoid()
        return torch.cat([self.colors(), calmed], 1)


@dataclass(frozen=True)
class LitTaps:
    """Where a view's P pixels read the texture, and how they lie to the eye: normals and to_eye (P, 3).

    light: that of the view; None: it shows the colours alone.
    """

    where: Taps
    normals: Tensor
    to_eye: Tensor
    light: Light | None


class ReflectanceTexture:
    """One texture of colour, roughness and metalness, seen under a light in every other view: (P, 3)."""

    pictures, channels = 1, 3

    def __init__(self, textures: Together, mesh: Mesh, random: np.random.Generator) -> None:
        self.textures, self.whole = textures, UVTexture(textures)
        self.adam, self.current = self.whole.adam, self.whole.current
        self.random, self._lit = random, False
        self.corners = corners_of(mesh, next(textures.parameters()).device)

    def prepare(self, view: GBuffer, camera: Camera) -> LitTaps:
        frame = frame_of(view, camera, self.corners)
        self._lit = not self._lit
        light = draw_light(frame.to_eye, self.random) if self._lit else None
        return LitTaps(self.whole.prepare(view, camera), frame.normals, frame.to_eye, light)

    def sample(self, prepared: LitTaps) -> Tensor:
        values = self.whole.sample(prepared.where)
        return values[:, :3] if prepared.light is None else lit(values, prepared, prepared.light)

    def step(self, rate: float) -> bool:
        return self.whole.step(rate)

    def forget(self) -> None:
        self.whole.forget()


def lit(values: Tensor, prepared: LitTaps, light: Light) -> Tensor:
    """Show `values` (P, 5), colours in sRGB, roughness and metalness, under `light`: (P, 3), sRGB."""
    color, roughness, metalness = to_linear(values[:, :3]), values[:, 3], values[:, 4]
    open_sky, dark = torch.ones_like(roughness), torch.zeros_like(color)
    surface = Surface(color, roughness, metalness, prepared.normals, prepared.to_eye, open_sky, dark)
    return photographed(surface, light)
