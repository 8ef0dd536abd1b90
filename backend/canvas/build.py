"""From a job to the canvas that it paints on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..errors import PatinaError
from ..parameterizations.alpha import Alpha
from ..parameterizations.cppn import CPPN, EXTENT, grid
from ..parameterizations.fourier import Fourier
from ..parameterizations.laplacian import FALLOFF, Laplacian
from ..parameterizations.pixel import Pixel
from ..parameterizations.shared import Aligned, AlignedOnSurface
from ..parameterizations.surface_pyramid import SurfacePyramid
from ..plugins import blamed, parameterization_called
from ..protocol.choices import OWN
from ..protocol.job import Job
from ..rendering.mesh import Mesh
from ..rendering.sampling import Levels, taps
from ..rendering.texels import Texels, fill_gutters
from ..rendering.views import ViewMaker
from . import reflectance
from .flat import Flat
from .on_surface import SolidTexture, UVTexture
from .reflectance import START, ReflectanceTexture, Together
from .relief import ReliefTexture
from .surface import Sight, Surface
from .transforms import Transform, octave, robust, rolled, shifted, zoomed
from .view import Canvas

_PLAIN = {"pixel": Pixel, "fourier": Fourier, "pyramid": Laplacian}
RATES = {"pixel": 0.05, "fourier": 0.05, "pyramid": 0.06, "cppn": 0.005, "shared": 0.05}
SURFACE_RATE = 2.0  # of a pyramid on a mesh, where a step sees only a part, relative to a picture's
CLASS_RATE = 2.4  # of a class as a spectrum, relative to other objectives
CLASS_SURFACE_RATE = 4.0  # the same on a mesh as a pyramid, relative to a picture's
CLASS_KNEE = 0.3  # cycles a pixel; finer patterns please a classifier, and nobody else
ALPHA_KNEE = 0.1  # the same of its opacity, which is to have shapes, not speckles
CLASS_FALLOFF = 0.7  # from a level of a mesh's pyramid to the next finer one, for the same reason
NEAR = Sight(size=176, views=4, windows=(0.5, 1.2), bank=64)
# What must be recognised from anywhere needs views of many kinds rather than large ones.
ANYWHERE = Sight(size=128, views=8, windows=(0.6, 2.2), bank=400)
PIXEL = sum(NEAR.windows) / 2 / NEAR.size  # of a typical view, in the mesh's units


class FlatCPPN(nn.Module):
    """A CPPN as a parameterization of one picture size."""

    places: Tensor

    def __init__(self, network: CPPN, height: int, width: int) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("places", grid(height, width), persistent=False)

    def forward(self) -> Tensor:
        """(1, C, H, W) in 0..1."""
        values: Tensor = self.network(self.places)
        return values.permute(2, 0, 1)[None]


@dataclass(frozen=True)
class CanvasSetup:
    """A canvas, with what to call when the result is wanted."""

    canvas: Canvas
    texture: UVTexture | SolidTexture | ReliefTexture | ReflectanceTexture | None  # on a mesh
    cppn: CPPN | None

    @torch.no_grad()
    def pictures(self, texels: Texels | None, size: int) -> Tensor:
        """Compose the pictures, or textures of `size` whose used texels count.

        (B, C, H, W) in 0..1, on the CPU.
        """
        if isinstance(self.canvas, Flat):
            return self.canvas.picture().cpu()
        if isinstance(self.texture, UVTexture | ReliefTexture | ReflectanceTexture):
            return self.texture.current().float().cpu()
        assert self.texture is not None
        assert texels is not None
        return solid_texture(self.texture, texels, size)

    def seen(self, size: int) -> NDArray[np.bool_]:
        """Find the texels that some view of the surface read, at whatever level it resolved: (size, size)."""
        assert isinstance(self.canvas, Surface)
        levels = Levels(size)
        read = torch.zeros(levels.rows, dtype=torch.bool)
        for view in self.canvas.shown():
            where = taps(view.uv.cpu(), view.footprint.cpu(), levels, laplacian=False)
            read[where.rows[where.weights > 0]] = True
        seen = torch.zeros(size, size, dtype=torch.bool)
        for side, offset in zip(levels.sides, levels.offsets, strict=True):
            part = read[offset : offset + side * side].view(side, side)
            seen |= part.repeat_interleave(size // side, 0).repeat_interleave(size // side, 1)
        return seen.numpy()


def maker_of(name: str) -> Callable[..., nn.Module]:
    """Find what makes the job's parameterization: (batch, channels, height, width, start) → module."""
    return partial(_own, name) if name.startswith(OWN) else _PLAIN[name]


def _own(
    name: str, batch: int, channels: int, height: int, width: int, start: Tensor | None = None
) -> nn.Module:
    """Make a plugin's parameterization. Raises PatinaError where that stumbles, or is none."""
    module = parameterization_called(name).make(batch, channels, height, width, start)
    size = (batch, channels, height, width)
    shown = blamed(f"parameterization {name!r}", module)()
    if not isinstance(module, nn.Module) or getattr(shown, "shape", None) != size:
        raise PatinaError(
            f"The parameterization {name!r} of a plugin gives no pictures of the size {size}.",
            "Give a module whose forward gives them, in 0..1.",
            "plugin",
        )
    return module


def pictures_of(job: Job, height: int, width: int, start: Tensor | None) -> nn.Module:
    """Make what the job optimises, pictures (B, C, height, width); it begins as `start` (B, C, H, W)."""
    if job.parameterization == "shared":
        return Aligned(job.frames, height, width, job.loop)
    make = maker_of(job.parameterization)
    opacity = make
    if job.parameterization == "fourier" and of_class(job):
        make, opacity = partial(Fourier, knee=CLASS_KNEE), partial(Fourier, knee=ALPHA_KNEE)
    if job.transparent:
        return Alpha(make(1, 3, height, width, start), opacity(1, 1, height, width))
    return make(1, 3, height, width, start)


def of_class(job: Job) -> bool:
    """Whether something in the picture must be recognised as a whole."""
    return any(target.kind == "class" for target in job.targets)


def rate_of(job: Job) -> float:
    """Choose the learning rate of the first step."""
    if job.parameterization.startswith(OWN):
        return parameterization_called(job.parameterization).rate
    rate = RATES[job.parameterization]
    if job.parameterization == "fourier" and of_class(job):
        return rate * CLASS_RATE
    if job.parameterization in ("pyramid", "shared") and job.mesh is not None:
        return rate * (CLASS_SURFACE_RATE if of_class(job) else SURFACE_RATE)
    return rate


def solid(network: CPPN, texels: Texels) -> SolidTexture:
    """Lay a CPPN on a surface: its coordinates have unit variance there."""
    spread = float(np.sqrt(np.square(texels.points).mean()))
    return SolidTexture(network, 1 / (EXTENT * spread))


def solid_texture(solid: SolidTexture, texels: Texels, size: int) -> Tensor:
    """Evaluate a CPPN at the used texels of a texture of `size`: (1, C, S, S), on the CPU."""
    points = torch.from_numpy(texels.points).to(next(solid.network.parameters()).device)
    texture = torch.zeros(solid.channels, size * size)
    texture[:, torch.from_numpy(texels.used).flatten()] = solid.values(points).T.cpu()
    # Coarse views read around islands too, where no point of the surface is: what is nearest goes there.
    return fill_gutters(texture.reshape(-1, size, size), texels.used)[None]


def transform_of(job: Job) -> Transform:
    """Choose what a flat picture must survive, by what is to be seen in it."""
    if job.tileable:
        return rolled
    if job.task == "synthesize":
        return shifted
    if any(target.kind == "deepdream" for target in job.targets):
        return octave
    return zoomed if of_class(job) else robust


def flat(
    job: Job, height: int, width: int, start: Tensor | None, content: Tensor | None, device: torch.device
) -> CanvasSetup:
    """Make a canvas of flat pictures; `content` (1, 3, H, W) is for objectives that compare with it."""
    network = CPPN(2, 4 if job.transparent else 3) if job.parameterization == "cppn" else None
    pictures = FlatCPPN(network, height, width) if network else pictures_of(job, height, width, start)
    before = content.to(device) if content is not None else None
    return CanvasSetup(Flat(pictures.to(device), transform_of(job), before), None, network)


def textures_of(job: Job, mesh: Mesh, texels: Texels, start: Tensor | None) -> nn.Module:
    """Make what the job optimises, the mesh's textures (B, C, S, S); it begins as `start` (1, 3, S, S)."""
    texel = mesh.texel / job.texture_size
    falloff = CLASS_FALLOFF if of_class(job) else FALLOFF
    if job.parameterization == "shared":
        return AlignedOnSurface(job.frames, texels, texel, falloff, job.loop)
    if job.parameterization != "pyramid":
        return pictures_of(job, job.texture_size, job.texture_size, start)
    colors = SurfacePyramid(1, 3, texels, texel, start, falloff)
    return Alpha(colors, SurfacePyramid(1, 1, texels, texel, None, falloff)) if job.transparent else colors


def _beside(
    job: Job, mesh: Mesh, texels: Texels, channels: int, falloff: float, start: Tensor | None = None
) -> nn.Module:
    """Make what the job optimises beside the colours: (1, channels, S, S), which begins as `start`."""
    size = job.texture_size
    if job.parameterization == "pyramid":
        return SurfacePyramid(1, channels, texels, mesh.texel / size, start, falloff)
    return maker_of(job.parameterization)(1, channels, size, size, start)


def surface(
    job: Job,
    mesh: Mesh,
    texels: Texels,
    start: Tensor | None,
    content: Tensor | None,
    device: torch.device,
) -> CanvasSetup:
    """Make a canvas on `mesh`; start and content are textures (1, 3, S, S)."""
    size = job.texture_size
    network = CPPN(3, 4 if job.transparent else 3) if job.parameterization == "cppn" else None
    texture: UVTexture | SolidTexture | ReliefTexture | ReflectanceTexture
    random = np.random.default_rng(job.seed)
    if network:
        texture = solid(network.to(device), texels)
    elif job.relief:
        heights = _beside(job, mesh, texels, 1, FALLOFF)
        colors = textures_of(job, mesh, texels, start)
        texture = ReliefTexture(colors.to(device), heights.to(device), mesh, random)
    elif job.reflectance:
        even = torch.tensor(START).view(1, 2, 1, 1).expand(1, 2, size, size)
        both = Together(
            textures_of(job, mesh, texels, start), _beside(job, mesh, texels, 2, reflectance.FALLOFF, even)
        )
        texture = ReflectanceTexture(both.to(device), mesh, random)
    else:
        texture = UVTexture(textures_of(job, mesh, texels, start).to(device))
    before = UVTexture(Pixel(1, 3, size, size, content).to(device)) if content is not None else None
    sight = ANYWHERE if of_class(job) else NEAR
    views = job.views or (sight.views if texture.pictures == 1 else 1)  # frames are pictures enough
    make = ViewMaker(mesh, job.rasterizer, random, job.framing, device)
    return CanvasSetup(Surface(texture, make, replace(sight, views=views), random, before), texture, network)
