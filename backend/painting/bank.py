"""The views of a stage: made when asked for, kept for a while, with all about them that does not change."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..machine.parallel import Map
from ..objectives.landmarks import Landmarks
from ..objectives.style import layer_mask
from ..rendering import camera
from ..rendering.gbuffer import GBuffer
from ..rendering.mesh import Mesh
from ..rendering.sampling import Patch, gather, taps
from ..rendering.shading import Light, draw_light
from ..rendering.views import Shot, ViewMaker
from .material import Look, Whole, look_at
from .pyramid import Pyramid
from .unseen import Unseen

BANK_SIZE = 40  # views that a stage keeps, each is memory
RENEWAL_STEPS = 8  # every so many-th step with a full bank looks at new views, which replace the oldest
AIMED_VIEWS = 10  # of those that first fill the last stage's bank, at what no view has seen
VIEWS_PER_OBJECT = 3  # of a stage, at least
DIRECTIONS, MEASURED = 12, 10_000  # from which an object is measured, by about so many of its vertices

# From a view, the colours (P, 6) of start and original there, and the whole view's side, to what is kept.
Keep = Callable[[GBuffer, Tensor, int], Landmarks]


@dataclass(frozen=True)
class BankedView:
    """A view with all that does not change: what it reads of the texture, how the content looks there."""

    gbuffer: GBuffer
    patch: Patch
    mask: Tensor  # (H, W)
    facing: Tensor  # (H, W); 0 where nothing is painted
    backdrop: Tensor  # (P, 1 + C): the paint's share, and what shows besides; (P, 0): all is paint
    landmarks: Landmarks | None
    weights: dict[str, Tensor]  # of layers' units, (1, h, w): filled as they come up
    look: Look | None = None  # of the whole material
    light: Light | None = None  # under which that is seen; None: the colours alone

    def weigh(self, size: tuple[int, int], erosion: int) -> Tensor:
        """Decide how much each unit of a layer of `size` counts: (1, h, w); see `layer_mask`."""
        key = f"{size} {erosion}"
        if key not in self.weights:
            facing = F.adaptive_avg_pool2d(self.facing[None], size)
            self.weights[key] = layer_mask(self.mask[None], size, erosion) * facing
        return self.weights[key]


def cropped_share(mesh: Mesh, width: float, size: int, margin: int) -> float:
    """Expect which share of views of `size` pixels a side is left once they are cropped, 0 to 1.

    margin: the pixels that stay around what is seen; width: a pixel's on the surface, in the mesh's units. A
    view a wide that aims anywhere on what is b wide sees b of it where a ≥ 2 b, else a − a² / 4 b on average.
    Objects that share views are not told apart: 1.
    """
    if mesh.isolated and len(np.unique(mesh.objects)) > 1:
        return 1.0
    points = mesh.vertices[:: max(1, len(mesh.vertices) // MEASURED)].astype(np.float64)
    shares = []
    for backward in camera.all_around(DIRECTIONS):
        wide = np.ptp(points @ camera.look_at(np.zeros(3), backward, 1.0, 1).axes[:2].T, axis=0) / width
        half = np.minimum(size / 2, wide)
        shares.append(
            np.minimum(half * (2 - half / np.maximum(wide, 1e-9)) + 2 * margin, size).prod() / size**2
        )
    return float(np.mean(shares))


class Bank:
    """Views of a stage, of `size` pixels a side, each `width` wide: made when asked for, kept for a while."""

    def __init__(
        self,
        make: ViewMaker,
        width: float,
        size: int,
        texture: Pyramid,
        content_rows: Tensor,
        keep: Keep | None,
        unseen: Unseen | None,
        whole: Whole | None = None,
    ) -> None:
        """content_rows (rows, 6): what is kept, and the original; or (rows, 7 + C) with the paint's
        share, and what shows outside it.

        width is in the mesh's units; unseen: what the last views aim at, if any; whole: the material whose
        maps are painted beside the colours.
        """
        self.make, self.width, self.size, self._whole_size = make, width, size, size
        self.texture, self.content_rows, self.keep = texture, content_rows, keep
        self.count = max(BANK_SIZE, VIEWS_PER_OBJECT * len(np.unique(make.mesh.objects)))
        self.unseen, self.whole = unseen, whole
        self.views: list[BankedView] = []
        self.steps = 0  # with a full bank

    def shrink(self, times: int) -> None:
        """Have views so many times smaller than at first; those of another size are given up."""
        size = self._whole_size // times
        if size != self.size:
            self.size, self.views, self.steps = size, [], 0

    def draw(self, count: int, random: np.random.Generator, each: Map) -> list[BankedView]:
        """Give a step's views: `count` new ones until there are enough, then mostly ones seen before.

        A texture that only ever sees the same views comes to suit these, and no others. Of a whole material
        every other view is seen under a light of its own, as long as it is drawn.
        """
        views = self._drawn(count, random, each)
        first = int(random.integers(2)) if self.whole and count == 1 else 1
        return [
            replace(view, light=draw_light(view.look.frame.to_eye, random))
            if view.look and (first + i) % 2 == 0
            else view
            for i, view in enumerate(views)
        ]

    def _drawn(self, count: int, random: np.random.Generator, each: Map) -> list[BankedView]:
        full = len(self.views) >= self.count
        self.steps += full
        if full and self.steps % RENEWAL_STEPS:
            return [self.views[i] for i in random.integers(len(self.views), size=count)]
        new = each(self._made, self._shots(count, random))
        for view in new:
            self.make.count(view.gbuffer, self.width)
        self.views = [*self.views[count if full else 0 :], *new]
        return new

    def _shots(self, count: int, random: np.random.Generator) -> list[list[Shot]]:
        left = self.count - len(self.views)
        aims = [
            self.unseen.draw(random) if self.unseen and 0 < left - i <= AIMED_VIEWS else None
            for i in range(count)
        ]
        window = self.width * self.size
        if self.whole:  # a light is seen from one place
            return [[self.make.shot(window, self.size, aim)] for aim in aims]
        return [self.make.shots(window, self.size, aim) for aim in aims]

    def _made(self, shots: list[Shot]) -> BankedView:
        gbuffer = self.make.render_all(shots, self.size)
        kept, backdrop = None, gbuffer.uv[:, :0]
        weights = gbuffer.facing[:, None]
        if self.keep or self.content_rows.shape[1] > 6:
            where = taps(gbuffer.uv, gbuffer.footprint, self.texture.levels, False, gbuffer.tiles)
            content, backdrop = gather(self.content_rows, where).tensor_split([6], dim=1)
        if self.keep:
            kept = self.keep(gbuffer, content, self.size)
        if backdrop.shape[1]:
            weights = weights * backdrop[:, :1]
        nothing = torch.zeros(1, gbuffer.height, gbuffer.width, device=gbuffer.uv.device)
        facing = gbuffer.image(weights, nothing)[0]
        patch, mask = self.texture.patch(gbuffer), gbuffer.mask.float()
        look = self._look(gbuffer, shots[0]) if self.whole else None
        return BankedView(gbuffer, patch, mask, facing, backdrop, kept, {}, look)

    def _look(self, gbuffer: GBuffer, shot: Shot) -> Look:
        """What of the whole material a view sees, in the pose in which it was taken."""
        assert self.whole is not None
        moves = self.make.mesh.poses is not None
        there = shot.mesh.on(gbuffer.uv.device).corners if moves else None
        return look_at(self.whole, gbuffer, shot.camera, there)
