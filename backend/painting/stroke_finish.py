"""The last step of a painting's strokes: what was painted, put together anew from pieces of its styles.

Views of the surface are rebuilt from the styles' own pieces (`pictures.dictionary`), each where none before
it saw well, and what that changes is laid on the textures.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt
from torch import Tensor

from ..machine.parallel import parallel_map
from ..pictures.dictionary import Dictionary, dictionary_of, rebuilt
from ..pictures.styles import Styles
from ..protocol.job import Job
from ..rendering.camera import Camera
from ..rendering.mesh import Mesh
from ..rendering.sampling import Levels, gather, levels_of, mipmaps, taps
from ..rendering.texels import Texels, fill_gutters, interpolate, locate
from ..rendering.views import Shot, Viewing, ViewMaker, corners_of, framed
from .laying import seen_by
from .subject import Subject

NO_STROKES = "Strokes could not be finished"
VIEW_SIZE = 512  # pixels a side, at most
MAX_PIXELS = 2.5e6  # that the whole surface is looked at with
MIN_FACING = 0.5  # the cosine that a pixel is seen at, from which on it is rebuilt
PIECE = 8  # pixels of a piece of the styles; of a picture, whose styles are larger beside it, PICTURE_PIECE
PICTURE_PIECE = 5
SEAM = 8  # pixels over which one view passes into the next
NEAR = 6  # pixels about what was aimed at, at which nothing needs to be aimed again
ENOUGH = 0.3  # what a texel's views count for together, once it needs no other
LEFT_OUT = 0.01  # the share of texels that no view need be looked for
MOST_VIEWS, VIEWS_PER_OBJECT = 60, 8
OWN_COLOR = 0.5  # the share of a place's own mean colour that stays; all of it where objects have their own
PICTURE_COLOR = 0.8  # the same of a picture, which is not graded afterwards
PICTURE_SHARE = 0.7  # how far a picture is rebuilt: a face has lines that are in no painting


def in_strokes(
    texture: Tensor, subject: Subject, styles: Styles, viewing: Viewing, job: Job, check: Callable[[], None]
) -> Tensor:
    """Rebuild the colours of `texture` (C, tiles · S, S) from pieces of `styles`, as far as `job` is strong.

    check: is called now and then; may raise to end it.
    """
    share = strength_of(job)
    side, pixel = _scale(subject, viewing)
    texels = subject.texels if side == subject.size else locate(subject.mesh, side, len(subject.names))
    if not share or not texels.used.any():
        return texture
    small = F.adaptive_avg_pool2d(texture[:3], (len(subject.names) * side, side))
    dictionary = dictionary_of(
        styles.at(viewing.style_width / pixel), PIECE, torch.Generator().manual_seed(job.seed)
    )
    change = _Change(subject, small, texels, dictionary, viewing, pixel, job.seed).found(check)
    change = F.interpolate(change[None], size=texture.shape[1:], mode="bilinear", align_corners=False)[0]
    return torch.cat([(texture[:3] + share * change).clamp(0, 1), texture[3:]])


def picture_in_strokes(picture: Tensor, styles: Styles, shorter: float, job: Job) -> Tensor:
    """Rebuild a flat `picture` (3, H, W) as `in_strokes` does; shorter: that side of the styles beside it."""
    if not (share := strength_of(job)):
        return picture
    dictionary = dictionary_of(styles.at(shorter), PICTURE_PIECE, torch.Generator().manual_seed(job.seed))
    everywhere = torch.ones(picture.shape[1:], dtype=torch.bool)
    return picture.lerp(
        rebuilt(picture, everywhere, dictionary, PICTURE_COLOR).clamp(0, 1), PICTURE_SHARE * share
    )


def strength_of(job: Job) -> float:
    """How far `job` lets what was painted be finished, 0 to 1: squared, as steps begin as far already."""
    return min(1.0, 2 * job.strength) ** 2


def _scale(subject: Subject, viewing: Viewing) -> tuple[int, float]:
    """Decide how many texels a side the change has, and a pixel's width in views, in the mesh's units."""
    mesh = subject.mesh
    pixel = max(viewing.pixel, float(np.sqrt(mesh.areas[mesh.mapped].sum() / MAX_PIXELS)))
    side = subject.size
    while side % 2 == 0 and 2 * mesh.texel / side <= pixel:
        side //= 2
    return side, pixel


@dataclass(frozen=True)
class _Rebuilt:
    """What a view tells of the texels `which` (M,): a change (M, 3) times how much it counts (M,)."""

    which: Tensor
    change: Tensor
    weight: Tensor


class _Change:
    """What is to be added to textures so that they are made of the styles' pieces."""

    def __init__(
        self,
        subject: Subject,
        texture: Tensor,
        texels: Texels,
        dictionary: Dictionary,
        viewing: Viewing,
        pixel: float,
        seed: int,
    ) -> None:
        """texture (3, tiles · side, side), with these `texels`; pixel: the width of a view's."""
        self.mesh, self.texels, self.dictionary, self.pixel = subject.mesh, texels, dictionary, pixel
        self.device, self.random = viewing.device, np.random.default_rng(seed)
        self.make = ViewMaker(
            self.mesh, viewing.rasterizer, self.random, "surface", self.device, viewing.stroke_angle
        )
        self.levels: Levels = levels_of(texture)
        self.rows = mipmaps(texture.to(self.device), self.levels)
        self.points, self.normals = self._places(self.mesh, slice(None))
        self.used = torch.from_numpy(np.flatnonzero(texels.used))
        every = subject.size // texture.shape[2]
        self.wanted = torch.from_numpy(subject.to_paint[::every, ::every][texels.used])
        self.change, self.weight = torch.zeros(len(self.points), 3), torch.zeros(len(self.points))
        self.objects = torch.from_numpy(self.mesh.objects[texels.faces])
        parts = np.unique(self.mesh.objects[self.mesh.mapped])
        self.own = OWN_COLOR if len(parts) == 1 else 1.0
        self.most = max(MOST_VIEWS, VIEWS_PER_OBJECT * len(parts))
        self.windows = {part: framed(corners_of(self.mesh, part))[1] for part in parts}

    def found(self, check: Callable[[], None]) -> Tensor:
        """Look at the surface until nearly all of it was seen well: (3, tiles · side, side)."""
        looked_at = torch.zeros(len(self.points), dtype=torch.bool)
        with parallel_map(2 if self.device.type == "cpu" else 1) as each:
            for _ in range(0, self.most, 2):
                left = (self.wanted & ~looked_at & (self.weight < ENOUGH)).nonzero()[:, 0]
                if len(left) <= LEFT_OUT * len(self.points):
                    break
                looks = []
                for aim in left[torch.from_numpy(self.random.integers(len(left), size=2))].tolist():
                    here = self._beside(aim)
                    away = (self.points[here] - self.points[aim]).norm(dim=1)
                    looked_at[here[away < NEAR * self.pixel]] = True
                    looks.append((self._shot(aim), here))
                covered = torch.zeros(1, *self.texels.used.shape)
                covered.view(-1)[self.used] = self.weight.clamp(max=1)
                known = mipmaps(covered.to(self.device), self.levels)
                for one in each(lambda look: self._rebuilt(*look, known), looks):  # noqa: B023
                    self.change.index_add_(0, one.which, one.change)
                    self.weight.index_add_(0, one.which, one.weight)
                check()
        found = torch.zeros(3, self.texels.used.size)
        found[:, self.used] = (self.change / self.weight.clamp_min(ENOUGH)[:, None]).T
        return fill_gutters(found.view(3, *self.texels.used.shape), self.texels.used)

    def _beside(self, texel: int) -> Tensor:
        """Find the texels that a view of `texel` may show: its object's, where each is looked at alone."""
        if not self.mesh.isolated:
            return torch.arange(len(self.points))
        return (self.objects == self.objects[texel]).nonzero()[:, 0]

    def _places(self, mesh: Mesh, some: slice | NDArray[np.intp]) -> tuple[Tensor, Tensor]:
        """Tell where in `mesh`, a pose of the job's, texels lie, and their normals: (M, 3) each."""
        faces, barycentric = self.texels.faces[some], self.texels.barycentric[some]
        points, normals = (
            interpolate(corners[faces], barycentric) for corners in (mesh.corners, mesh.smooth_normals)
        )
        return torch.from_numpy(points), torch.from_numpy(normals)

    def _shot(self, texel: int) -> Shot:
        face, (b, c) = int(self.texels.faces[texel]), self.texels.barycentric[texel]
        window = 2 * self.windows[self.mesh.objects[face]]
        size = min(VIEW_SIZE, max(2, int(np.ceil(window / self.pixel))))
        return self.make.shot(self.pixel * size, size, (face, np.array([1 - b - c, b, c], np.float64)))

    def _rebuilt(self, shot: Shot, here: Tensor, known: Tensor) -> _Rebuilt:
        """Rebuild what `shot` shows, for the texels `here` (N,); known: what earlier views saw."""
        eye: Camera = shot.camera
        gbuffer = self.make.render(shot)
        where = taps(gbuffer.uv, gbuffer.footprint, self.levels, False, gbuffer.tiles)
        zero = torch.zeros(5, eye.size, eye.size, device=self.device)
        values = torch.cat([gather(self.rows, where), gather(known, where), gbuffer.facing[:, None]], 1)
        seen, mask = gbuffer.image(values, zero).cpu(), gbuffer.mask.cpu()
        counts = _counts(mask, seen[3], seen[4])
        around = fill_gutters(seen[:3], mask.numpy())  # what is nearest, beyond the silhouette
        new = rebuilt(around, counts > 0, self.dictionary, self.own)
        told = torch.cat([counts * (new - seen[:3]), counts[None]])
        if shot.mesh is self.mesh:
            points, normals = self.points[here], self.normals[here]
        else:
            points, normals = self._places(shot.mesh, here.numpy())
        which, found, _, _ = seen_by(eye, gbuffer, told, points, normals)
        return _Rebuilt(here[which], found[:, :3], found[:, 3])


def _counts(mask: Tensor, known: Tensor, facing: Tensor) -> Tensor:
    """Decide how much each pixel of a view counts: (H, W), 0 to 1.

    Not what lies outside of `mask`, or what earlier views `known` (H, W) already but for a border where this
    one passes into them; less what is seen aslant (`facing`, (H, W)).
    """
    new = (mask & (known < ENOUGH)).float()[None]
    for window in ((1, 2 * SEAM + 1), (2 * SEAM + 1, 1)):
        new = F.max_pool2d(new, window, 1, (window[0] // 2, window[1] // 2))
    inside = mask & (facing > MIN_FACING) & (new[0] > 0)
    away: NDArray[np.float64] = distance_transform_edt(F.pad(inside, (1, 1, 1, 1)).numpy())[1:-1, 1:-1]
    return (torch.from_numpy(away.astype(np.float32)) / SEAM).clamp(max=1) * facing
