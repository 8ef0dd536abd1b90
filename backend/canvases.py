"""From a job to the canvas that it paints on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from .parameterizations.alpha import Alpha
from .parameterizations.cppn import CPPN, grid
from .parameterizations.fourier import Fourier
from .parameterizations.laplacian import Laplacian
from .parameterizations.pixel import Pixel
from .parameterizations.relief import ReliefSkin
from .parameterizations.shared import Aligned
from .parameterizations.skins import SpaceSkin, TextureSkin
from .protocol import Job
from .rendering.flat import Flat
from .rendering.mesh import Mesh
from .rendering.surface import Surface
from .rendering.texels import Texels
from .rendering.transforms import Transform, octave, robust, rolled, shifted, zoomed
from .rendering.view import Canvas
from .rendering.views import ViewMaker

_PLAIN = {"pixel": Pixel, "fourier": Fourier, "pyramid": Laplacian}
RATES = {"pixel": 0.05, "fourier": 0.05, "pyramid": 0.06, "cppn": 0.005, "shared": 0.05}
VIEW = 176  # pixels along the side of a view of a mesh
VIEWS = 4  # cameras a step; frames bring pictures enough of their own


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
class Painted:
    """A canvas, with what to call when the result is wanted."""

    canvas: Canvas
    skin: TextureSkin | SpaceSkin | ReliefSkin | None  # on a mesh
    cppn: CPPN | None

    @torch.no_grad()
    def pictures(self, texels: Texels | None, size: int) -> Tensor:
        """(B, C, H, W) in 0..1, on the CPU: pictures, or textures of `size` whose used texels count."""
        if isinstance(self.canvas, Flat):
            return self.canvas.picture().cpu()
        if isinstance(self.skin, TextureSkin | ReliefSkin):
            return self.skin.texture().float().cpu()
        assert self.skin is not None
        assert texels is not None
        points = torch.from_numpy(texels.points).to(next(self.skin.network.parameters()).device)
        texture = torch.zeros(1, self.skin.channels, size * size)
        texture[0][:, torch.from_numpy(texels.used).flatten()] = self.skin.values(points).T.cpu()
        return texture.reshape(1, self.skin.channels, size, size)


def pictures_of(job: Job, height: int, width: int, start: Tensor | None) -> nn.Module:
    """The job's parameterization of pictures (B, C, height, width), which begins as `start` (B, C, H, W)."""
    if job.parameterization == "shared":
        return Aligned(job.frames, height, width)
    make = _PLAIN[job.parameterization]
    if job.transparent:
        return Alpha(make(1, 3, height, width, start), make(1, 1, height, width))
    return make(1, 3, height, width, start)


def transform_of(job: Job) -> Transform:
    """How a flat picture is shaken, which depends on what must be seen in it."""
    kinds = {target.kind for target in job.targets}
    if job.tileable:
        return rolled
    if job.task == "synthesize":
        return shifted
    if "deepdream" in kinds:
        return octave
    return zoomed if "class" in kinds else robust


def flat(
    job: Job, height: int, width: int, start: Tensor | None, content: Tensor | None, device: torch.device
) -> Painted:
    """A canvas of flat pictures; `content` (1, 3, H, W) for objectives that compare with it."""
    network = CPPN(2, 4 if job.transparent else 3) if job.parameterization == "cppn" else None
    pictures = FlatCPPN(network, height, width) if network else pictures_of(job, height, width, start)
    before = content.to(device) if content is not None else None
    return Painted(Flat(pictures.to(device), transform_of(job), before), None, network)


def surface(
    job: Job, mesh: Mesh, start: Tensor | None, content: Tensor | None, device: torch.device
) -> Painted:
    """A canvas on `mesh`; start and content are textures (1, 3, S, S)."""
    size = job.texture_size
    network = CPPN(3, 4 if job.transparent else 3) if job.parameterization == "cppn" else None
    skin: TextureSkin | SpaceSkin | ReliefSkin
    random = np.random.default_rng(job.seed)
    if network:
        skin = SpaceSkin(network.to(device))
    elif job.relief:
        heights = _PLAIN[job.parameterization](1, 1, size, size)
        skin = ReliefSkin(pictures_of(job, size, size, start).to(device), heights.to(device), mesh, random)
    else:
        skin = TextureSkin(pictures_of(job, size, size, start).to(device))
    before = TextureSkin(Pixel(1, 3, size, size, content).to(device)) if content is not None else None
    views = VIEWS if skin.pictures == 1 else 1
    make = ViewMaker(mesh, job.rasterizer, random, job.framing, device)
    canvas = Surface(skin, make, VIEW, random, views, before)
    return Painted(canvas, skin, network)
