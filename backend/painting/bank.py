"""The views of a stage: made when asked for, kept for a while, with all about them that does not change."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ..machine.parallel import Each
from ..rendering.sampling import gather, taps
from ..rendering.views import Place, ViewMaker
from .pyramid import Pyramid
from .score import Score, View
from .unseen import Unseen

BANK = 40  # views that a stage keeps, each is memory
RENEWED = 8  # of so many steps with a full bank, one looks at new views, which take the oldest's place
AIMED = 10  # of those that first fill the last stage's bank, at what no view has seen
VIEWS_PER_OBJECT = 3  # of a stage, at least


class Bank:
    """Views of a stage, of `size` pixels a side, each `width` wide: made when asked for, kept for a while."""

    def __init__(
        self,
        make: ViewMaker,
        width: float,
        size: int,
        texture: Pyramid,
        content_rows: Tensor,
        score: Score,
        rest: Unseen | None,
    ) -> None:
        """content_rows (rows, 3), or (rows, 7) with what shows outside the paint, and the paint's share.

        width is in the mesh's units; rest: what the last views aim at, if any.
        """
        self.make, self.width, self.size = make, width, size
        self.texture, self.content_rows, self.score = texture, content_rows, score
        self.count = max(BANK, VIEWS_PER_OBJECT * len(np.unique(make.mesh.objects)))
        self.rest = rest
        self.views: list[View] = []
        self.steps = 0  # with a full bank

    def draw(self, count: int, random: np.random.Generator, each: Each) -> list[View]:
        """What a step looks at: `count` new views until there are enough, then mostly ones seen before.

        A texture that only ever sees the same views comes to suit these, and no others.
        """
        full = len(self.views) >= self.count
        self.steps += full
        if full and self.steps % RENEWED:
            return [self.views[i] for i in random.integers(len(self.views), size=count)]
        new = each(self._made, self._places(count, random))
        for view in new:
            self.make.count(view.seen, self.width)
        self.views = [*self.views[count if full else 0 :], *new]
        return new

    def _places(self, count: int, random: np.random.Generator) -> list[Place]:
        left = self.count - len(self.views)
        aims = [self.rest.draw(random) if self.rest and 0 < left - i <= AIMED else None for i in range(count)]
        return [self.make.place(self.width * self.size, self.size, aim) for aim in aims]

    def _made(self, place: Place) -> View:
        seen = self.make.look(place)
        kept, outside = None, seen.uv[:, :0]
        weights, mask = seen.facing[:, None], seen.mask.float()
        if self.score.content_weight or self.content_rows.shape[1] > 3:
            where = taps(seen.uv, seen.footprint, self.texture.levels, False, seen.tiles)
            content, outside = gather(self.content_rows, where).tensor_split([3], dim=1)
        if self.score.content_weight:
            paper = self.score.mean[:, None, None].expand(3, seen.size, seen.size)
            kept = self.score.content(seen.image(content, paper), mask)
        if outside.shape[1]:
            weights = weights * outside[:, 3:]
        facing = seen.image(weights, torch.zeros(1, seen.size, seen.size, device=seen.uv.device))[0]
        return View(seen, self.texture.patch(seen), mask, facing, outside, kept, {})
