"""The whole material: the maps that are painted beside the colours, from their start to what views see.

Impasto is what ties them to the painting: where its strokes are thick they stand high and shine, where they
are thin they lie low and are dry. Views are lit (`rendering/shading.py`), so that the network sees what
relief and gloss do; others show the colours alone, so that no light gets into these.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from ..pictures.color_space import to_linear
from ..pictures.images import read_map, resize
from ..protocol.job import Job
from ..protocol.parts import Material
from ..rendering.camera import Camera
from ..rendering.frames import Corners, Frame, corners_of, frame_of, slope, tilted
from ..rendering.gbuffer import GBuffer
from ..rendering.mesh import Mesh
from ..rendering.sampling import Levels, enlarge, gather, mipmaps, taps
from ..rendering.shading import Light, Surface, photographed
from ..rendering.texels import Texels, fill_gutters
from ..result.maps import normals_of, slopes_of

LEVEL = 0.5  # of the strokes' height, where the surface is
STROKE = 0.02  # a stroke's width, in shorter sides of the painting
THICKNESS = 0.008  # from the thinnest to the thickest paint, in the same
DRY, GLOSSY = 0.8, 0.35  # the roughness of thin and of thick paint
GROUND = 0.35  # how far paint is as rough as what it lies on
CONTRAST = 0.8  # of thickness, for a deviation of lightness within strokes
BODY = 0.8  # of thickness, for a deviation of lightness from stroke to stroke: light paint is put on thickly
COVER = 1.6  # times its thickness, how far paint hides metal
STEEPEST = 3.0  # of a normal map's slopes
STRONG = 0.3  # the slope of detail
GAIN = 2.0  # how much thicker strokes are where detail as strong was turned into them
EVEN = {"roughness": 0.5, "metalness": 0.0, "height": LEVEL, "occlusion": 1.0}  # what nobody chose


@dataclass(frozen=True)
class Own:
    """The material that is painted over, each map (C, tiles · S, S): what it was, and how far to paint it.

    roughness, metalness, height and occlusion (1), emission (3), linear; slopes (2): of the normals, along
    tangent and bitangent; staying (2): those of them that are to stay; gain (1): how thick strokes are to be.
    deep: of each texture, the names of the maps that have more than 8 bits.
    """

    wanted: Material
    roughness: Tensor
    metalness: Tensor
    height: Tensor
    occlusion: Tensor
    emission: Tensor
    slopes: Tensor
    staying: Tensor
    gain: Tensor
    deep: tuple[frozenset[str], ...] = ()

    @property
    def painted(self) -> Tensor:
        """(3, tiles · S, S): what the painted channels are where nothing is painted (see `impasto`)."""
        return torch.cat(
            [self.roughness, torch.ones_like(self.metalness), torch.full_like(self.height, LEVEL)]
        )


def read_own(job: Job, folder: Path, texels: Texels) -> Own:
    """Read the job's maps. Raises PatinaError for a picture that cannot be used."""
    assert job.material is not None
    size = job.texture_size
    deep: list[set[str]] = [set() for _ in job.textures]

    def read(name: str, plain: Tensor) -> Tensor:
        each = []
        for tile, deep_ones in zip(job.textures, deep, strict=True):
            path = getattr(tile.maps, name)
            if path is None:
                each.append(plain.expand(-1, size, size))
                continue
            picture, is_deep = read_map(folder / path, f"{name} map", "maps")
            each.append(resize(picture.expand(3, -1, -1), size, size))
            if is_deep:
                deep_ones.add(name)
        return torch.cat(each, 1)

    grey = {
        name: read(name, torch.full((3, 1, 1), value)).mean(0, keepdim=True) for name, value in EVEN.items()
    }
    normals = 2 * read("normal", torch.tensor([0.5, 0.5, 1.0])[:, None, None]) - 1
    slopes = (-normals[:2] / normals[2:].clamp_min(1 / STEEPEST)).clamp(-STEEPEST, STEEPEST)
    slopes = fill_gutters(slopes, texels.used)
    staying, gain = detailed(slopes, texels.used, job.material.detail)
    emission = to_linear(read("emission", torch.zeros(3, 1, 1)))
    slants = {"slopes": slopes, "staying": staying, "gain": gain}
    return Own(job.material, emission=emission, **slants, **grey, deep=tuple(map(frozenset, deep)))


def detailed(slopes: Tensor, used: NDArray[np.bool_], detail: float) -> tuple[Tensor, Tensor]:
    """Make of a normal map's `slopes` (2, tiles · S, S) those that stay, and how thick strokes are there.

    Large forms stay whatever `detail` says (see `parts.Material`): a low mesh lives by them.
    """
    broad = smooth(slopes, used, max(2, round(math.log2(slopes.shape[2] / 64))))
    fine = slopes - broad
    energy = smooth(fine.square().sum(0, keepdim=True), used, 2).sqrt()
    strong = (energy / STRONG).clamp(0, 1)
    return broad + max(0.0, 1 - 2 * detail) * fine, 1 + GAIN * max(0.0, 2 * detail - 1) * strong


def smooth(values: Tensor, used: NDArray[np.bool_], level: int) -> Tensor:
    """Smooth `values` (C, tiles · S, S) over squares of 2^level texels, by those alone that are `used`."""
    size = values.shape[2]
    times = min(2**level, size)
    weights = torch.from_numpy(used).to(values)[None]
    sums = F.avg_pool2d(torch.cat([values * weights, weights])[None], times)[0]
    sums = enlarge(sums, size)
    return sums[:-1] / sums[-1:].clamp_min(1e-6)


def thickness(paint: Tensor, used: NDArray[np.bool_], width: float) -> Tensor:
    """Tell how thick the `paint` (3, tiles · S, S) lies, by its strokes: (1, tiles · S, S) in 0..1.

    Light strokes stand above dark ones, and a stroke's light middle above its edges. width: of a stroke, in
    texels.
    """
    lightness = paint.mean(0, keepdim=True)
    level = max(1, round(math.log2(max(width, 1.0))))
    # What is finer than strokes is grain, not paint.
    fine, stroke, around = (smooth(lightness, used, level + more) for more in (-1, 1, 3))
    bands = [(CONTRAST, fine - stroke), (BODY, stroke - around)]
    inside = torch.from_numpy(used)
    total = sum(
        (share * band / band[0, inside].std().clamp_min(0.01) for share, band in bands),
        torch.zeros_like(lightness),
    )
    return fill_gutters(torch.sigmoid(total), used)


def impasto(own: Own, paint: Tensor, used: NDArray[np.bool_], width: float) -> Tensor:
    """Make the painted channels, (3, tiles · S, S), of `paint` (3, tiles · S, S), whose strokes are so wide.

    They are roughness, how bare of paint metal is, and the strokes' height. Metal shows where the paint on it
    is thin; what is no metal stays none. width: of a stroke, in texels.
    """
    thick = thickness(paint, used, width)
    bare = (1 - COVER * thick).clamp(0, 1)
    gloss = (DRY + (GLOSSY - DRY) * thick).lerp(own.roughness, GROUND)
    return torch.cat([gloss.lerp(own.roughness, bare * own.metalness), bare, thick])


@dataclass(frozen=True)
class Whole:
    """A material as views see it: rows (R, 9) of what does not change, and the corners of the mesh.

    depth: from the lowest to the highest stroke, in the mesh's units.
    """

    wanted: Material
    rows: Tensor
    levels: Levels
    corners: Corners
    depth: float


def whole_of(own: Own, mesh: Mesh, levels: Levels, style_width: float, device: torch.device) -> Whole:
    """Lay out `own` for views of `mesh`. `style_width`: the painting's shorter side, in the mesh's units."""
    slopes = own.slopes.lerp(own.staying, own.wanted.normal)
    maps = torch.cat([own.roughness, own.metalness, slopes, own.gain, own.occlusion, own.emission])
    rows = mipmaps(maps.to(device), levels)
    return Whole(own.wanted, rows, levels, corners_of(mesh, device), THICKNESS * style_width)


def finished(
    own: Own, painted: Tensor, mask: Tensor | None, mesh: Mesh, texels: Texels, style_width: float
) -> dict[str, Tensor]:
    """Make the maps of the result, each (1 or 3, tiles · S, S), of the `painted` channels: those that change.

    mask (1, tiles · S, S): how far each texel is painted; None: all the way.
    """
    wanted, (roughness, bare, height) = own.wanted, painted[:, None]
    share = torch.ones_like(own.roughness) if mask is None else mask
    raised = (height - LEVEL) * own.gain
    maps: dict[str, Tensor] = {}
    if wanted.roughness:
        maps["roughness"] = own.roughness.lerp(roughness, wanted.roughness * share)
    if wanted.metalness:
        maps["metalness"] = own.metalness.lerp(own.metalness * bare, wanted.metalness * share)
    if wanted.normal:
        strokes = slopes_of(THICKNESS * style_width * raised[0], mesh, texels)
        maps["normal"] = normals_of(own.slopes.lerp(own.staying + strokes, wanted.normal * share))
    if wanted.height:
        maps["height"] = (own.height + wanted.height * share * raised).clamp(0, 1)
    return maps


@dataclass(frozen=True)
class Look:
    """What of a view's P pixels does not change under any light: own (P, 2) roughness and metalness.

    normals (P, 3): the object's own, of any length; rise (P,): a height's, over that of its channel.
    shares (2,): how far own gives way.
    """

    frame: Frame
    normals: Tensor
    own: Tensor
    rise: Tensor
    occlusion: Tensor
    emission: Tensor
    shares: Tensor


def look_at(whole: Whole, view: GBuffer, camera: Camera, there: Tensor | None = None) -> Look:
    """Collect what of the material `view` sees, as `camera` does.

    there (F, 3, 3): where the corners are in the view, if the surface has moved.
    """
    frame = frame_of(view, camera, whole.corners, there)
    where = taps(view.uv, view.footprint, whole.levels, False, view.tiles)
    own, slopes, gain, occlusion, emission = gather(whole.rows, where).tensor_split([2, 4, 5, 6], 1)
    normals = frame.normals - slopes[:, :1] * frame.tangents - slopes[:, 1:] * frame.bitangents
    rise = gain[:, 0] * whole.depth * whole.wanted.normal
    shares = torch.tensor([whole.wanted.roughness, whole.wanted.metalness], device=own.device)
    return Look(frame, normals, own, rise, occlusion[:, 0], emission, shares)


def lit(values: Tensor, look: Look, light: Light) -> Tensor:
    """Show `values` (P, 6), sRGB and the painted channels, under `light`: (P, 3), sRGB."""
    color = to_linear(values[:, :3].clamp(0, 1))
    own, painted = look.own.unbind(1), values[:, 3:5].clamp(0, 1).unbind(1)
    roughness = own[0].lerp(painted[0], look.shares[0])
    metalness = own[1].lerp(own[1] * painted[1], look.shares[1])
    normals = tilted(look.normals, slope(values[:, 5] * look.rise, look.frame))
    surface = Surface(color, roughness, metalness, normals, look.frame.to_eye, look.occlusion, look.emission)
    return photographed(surface, light)
