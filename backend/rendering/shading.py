"""Light on a surface, as glTF 2.0 defines its materials: GGX over Lambert, under one light and a dim sky.

The formulas are those of the specification's appendix B ("BRDF Implementation"), with the masking of
micro-facets correlated by height (Heitz 2014, "Understanding the Masking-Shadowing Function in
Microfacet-Based BRDFs"), as Cycles has it. What a sky of one brightness shows by reflection is read from a
table of the integral. Nothing casts a shadow.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..pictures.color_space import to_srgb

TILT = (0.3, 1.2)  # radians between a view's light and the way to the eye
IRRADIANCE, SKY = 2.6, 0.3  # of views; their exposure makes them as bright as their colours
REFLECTANCE = 0.04  # of what is no metal, looked at squarely
LEAST_ROUGHNESS = 0.05  # a mirror shows a light without extent in no pixel
LEAST_COSINE = 1e-3  # between a normal and the way to the eye: bent normals may look away from it
SKY_TABLE, SKY_STEPS = 24, 48  # entries a side, and steps a side of the integral in each


@dataclass(frozen=True)
class Light:
    """A light without extent, and a sky that is as bright everywhere.

    direction (3,): where the light is, of length 1. irradiance: what it gives a surface that faces it; sky:
    its radiance. A white surface under a sky of 1 has the brightness 1, and so under an irradiance of π.
    """

    direction: Tensor
    irradiance: float
    sky: float


@dataclass(frozen=True)
class Surface:
    """What is lit, at P points: color and emission (P, 3), linear; roughness, metalness and occlusion (P,).

    normals and to_eye (P, 3), of length 1. Occlusion is 1 where all the sky is seen.
    """

    color: Tensor
    roughness: Tensor
    metalness: Tensor
    normals: Tensor
    to_eye: Tensor
    occlusion: Tensor
    emission: Tensor


def draw_light(to_eye: Tensor, random: np.random.Generator) -> Light:
    """Draw a view's light from the side of the eye, which is seen along `to_eye` (P, 3)."""
    ahead = F.normalize(to_eye.mean(0), dim=0).cpu().numpy()
    aside = np.cross(ahead, random.normal(size=3))
    aside /= max(float(np.linalg.norm(aside)), 1e-9)
    angle = random.uniform(*TILT)
    direction = math.cos(angle) * ahead + math.sin(angle) * aside
    return Light(torch.from_numpy(direction).to(to_eye), IRRADIANCE, SKY)


def photographed(surface: Surface, light: Light) -> Tensor:
    """Show `surface` under `light` as a camera would: (P, 3), sRGB.

    It is exposed so that it is on average as bright as its colours.
    """
    found = shade(surface, light)
    exposure = surface.color.detach().sum() / found.detach().sum().clamp_min(1e-6)
    return to_srgb((found * exposure).clamp(0, 1))


def shade(surface: Surface, light: Light) -> Tensor:
    """Compute the light that reaches the eye, (P, 3), linear: differentiable in all that the surface is."""
    roughness = surface.roughness.clamp(LEAST_ROUGHNESS, 1)
    facing = (surface.normals * surface.to_eye).sum(1).clamp_min(LEAST_COSINE)
    metalness = surface.metalness[:, None]
    diffuse = surface.color * (1 - metalness)
    mirrored = REFLECTANCE + (surface.color - REFLECTANCE) * metalness
    lit = light.irradiance * _under_light(surface, light, diffuse, mirrored, roughness, facing)
    under_sky = _under_sky(diffuse, mirrored, roughness, facing) * surface.occlusion[:, None]
    return lit + light.sky * under_sky + surface.emission


def _under_light(
    surface: Surface, light: Light, diffuse: Tensor, mirrored: Tensor, roughness: Tensor, facing: Tensor
) -> Tensor:
    """The brightness per irradiance: (P, 3)."""
    halfway = F.normalize(surface.to_eye + light.direction, dim=1)
    lambert = (surface.normals @ light.direction).clamp_min(0)
    alpha = roughness.square()
    peak = distribution((surface.normals * halfway).sum(1).clamp(0, 1), alpha)
    shown = peak * visibility(lambert, facing, alpha)
    between = (surface.to_eye * halfway).sum(1).clamp(0, 1)
    share = fresnel(mirrored, between)
    coat = fresnel(mirrored.new_tensor(REFLECTANCE), between)  # of what is no metal: the two are mixed
    return ((1 - coat) * diffuse / math.pi + share * shown[:, None]) * lambert[:, None]


def _under_sky(diffuse: Tensor, mirrored: Tensor, roughness: Tensor, facing: Tensor) -> Tensor:
    """The brightness under a sky of 1 all around: (P, 3)."""
    scale, offset = (part[:, None] for part in sky_reflection(roughness, facing))
    coat = REFLECTANCE * scale + offset  # what of the light does not reach the diffuse layer
    return diffuse * (1 - coat) + mirrored * scale + offset


def distribution(cosine: Tensor, alpha: Tensor) -> Tensor:
    """Compute D of GGX (Trowbridge and Reitz 1975), (P,), by the `cosine` (P,) of normal and halfway."""
    square = alpha.square()
    return square / (math.pi * (cosine.square() * (square - 1) + 1).square())


def visibility(to_light: Tensor, to_eye: Tensor, alpha: Tensor) -> Tensor:
    """Compute V = G / (4 cos cos), (P,), by the cosines (P,) of the normal with both ways (Heitz 2014)."""
    square = alpha.square()
    eye = to_light * (to_eye.square() * (1 - square) + square).sqrt()
    sun = to_eye * (to_light.square() * (1 - square) + square).sqrt()
    return 0.5 / (eye + sun)


def fresnel(mirrored: Tensor, cosine: Tensor) -> Tensor:
    """Compute Schlick's share of mirrored light, (P, 3), by a `cosine` (P,): at 1 it is `mirrored`.

    mirrored: (P, 3), or one number for all, which gives (P, 1).
    """
    return mirrored + (1 - mirrored) * ((1 - cosine) ** 5)[:, None]


def sky_reflection(roughness: Tensor, facing: Tensor) -> tuple[Tensor, Tensor]:
    """Compute what a sky of 1 gives back: mirrored · scale + offset, both (P,); see `_sky_table`."""
    places = torch.stack([2 * facing - 1, 2 * roughness - 1], 1)[None, None]
    table = _sky_table().to(places)
    scale, offset = F.grid_sample(table[None], places, padding_mode="border", align_corners=True)[0, :, 0]
    return scale, offset


@cache
def _sky_table() -> Tensor:
    """The integral of GGX under a sky of 1, (2, SKY_TABLE, SKY_TABLE) float64, by roughness and by cosine.

    In two parts, of which the first is what is mirrored squarely (Karis 2013, "Real Shading in Unreal Engine
    4"), by the midpoints of the distribution's quantiles.
    """
    sides = torch.linspace(0, 1, SKY_TABLE, dtype=torch.float64)
    steps = (torch.arange(SKY_STEPS, dtype=torch.float64) + 0.5) / SKY_STEPS
    roughness, facing, turn, share = torch.meshgrid(
        sides.clamp_min(LEAST_ROUGHNESS), sides.clamp_min(LEAST_COSINE), math.pi * steps, steps, indexing="ij"
    )
    alpha = roughness.square()
    cosine = ((1 - share) / (1 + (alpha.square() - 1) * share)).sqrt()  # of the normal and halfway
    sine = (1 - cosine.square()).clamp_min(0).sqrt()
    between = (1 - facing.square()).sqrt() * sine * turn.cos() + facing * cosine
    lambert = 2 * between * cosine - facing
    shown = 4 * visibility(lambert.clamp_min(0), facing, alpha) * between * lambert / cosine
    shown = torch.where((lambert > 0) & (between > 0), shown, 0.0)
    bent = (1 - between.clamp(0, 1)) ** 5
    return torch.stack([(shown * (1 - bent)).mean((2, 3)), (shown * bent).mean((2, 3))])
