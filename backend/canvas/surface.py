"""A painted mesh as the thing that is looked at: random cameras, random backgrounds."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..pictures.color_space import over
from ..rendering.gbuffer import GBuffer
from ..rendering.views import ViewMaker
from .adam import Adam
from .background import random_background
from .on_surface import SurfaceTexture
from .view import View


@dataclass(frozen=True)
class Sight:
    """How a surface is looked at: `views` cameras a step, each `size` pixels a side.

    They span from `windows[0]` to `windows[1]` of the surface, every factor alike (the bounding box's
    diagonal is 2); `bank` of them are made, and then used again.
    """

    size: int
    views: int
    windows: tuple[float, float]
    bank: int


class Surface:
    """A canvas on a mesh. All B pictures of its texture are seen from the same camera."""

    def __init__(
        self,
        texture: SurfaceTexture,
        make: ViewMaker,
        sight: Sight,
        random: np.random.Generator,
        content: SurfaceTexture | None = None,
    ) -> None:
        """content: the texture before this one."""
        self.texture, self.make, self.sight, self.content = texture, make, sight, content
        self._random, self._bank = random, list[tuple[GBuffer, Any, Any]]()
        self._given_up: list[GBuffer] = []
        self.views, self.side, self._shrunk = sight.views, sight.size, 1

    def shrink(self, times: int) -> None:
        if times != self._shrunk:
            self._given_up += self.shown()
            self._shrunk, self._bank = times, []

    @property
    def made(self) -> int:
        return len(self._bank)

    def recall(self, count: int) -> None:
        while len(self._bank) < min(count, self.sight.bank):
            self._make()

    def _next(self, random: torch.Generator) -> tuple[GBuffer, Any, Any]:
        if len(self._bank) == self.sight.bank:
            return self._bank[int(torch.randint(self.sight.bank, (), generator=random))]
        self._make()
        return self._bank[-1]

    def _make(self) -> None:
        """Add a view to the bank."""
        nearest, farthest = (math.log(window / self._shrunk) for window in self.sight.windows)
        side = self.side // self._shrunk
        while True:
            view, camera = self.make.taken(math.exp(self._random.uniform(nearest, farthest)), side)
            if len(view.pixels) > side:  # something to look at
                break
        before = self.content.prepare(view, camera) if self.content else None
        self._bank.append((view, self.texture.prepare(view, camera), before))

    def shown(self) -> list[GBuffer]:
        """List the views that there were so far, each once."""
        return self._given_up + [view for view, _, _ in self._bank]

    def draw(self, progress: float, random: torch.Generator, count: int) -> View:
        images, masks, contents, opacities = [], [], [], []
        for _ in range(count):
            view, prepared, before = self._next(random)
            background = random_background(view.height, view.width, random).to(view.uv.device)
            values = self.texture.sample(prepared)
            for picture in torch.split(values, self.texture.channels, 1):
                images.append(self._show(view, picture, background))
                opacities.append(picture[:, 3].mean() if self.texture.channels == 4 else values.new_ones(()))
                masks.append(view.mask.float())
            if self.content is not None:
                with torch.no_grad():
                    shown = self._show(view, self.content.sample(before), background)
                contents += [shown] * self.texture.pictures
        opacity = torch.stack(opacities)
        seen = torch.stack(images)
        return View(
            seen,
            torch.stack(masks),
            torch.stack(contents) if contents else None,
            (opacity, opacity) if self.texture.channels == 4 else None,
        )

    @staticmethod
    def _show(view: GBuffer, values: Tensor, background: Tensor) -> Tensor:
        """(3, H, W): values (P, 3 or 4) where the surface is, blended if they have alpha."""
        if values.shape[1] == 4:
            behind = background.flatten(1).T[view.pixels]
            values = over(values[:, :3], values[:, 3:], behind)
        return view.image(values, background)

    @property
    def adam(self) -> Adam:
        return self.texture.adam

    def step(self, rate: float) -> bool:
        return self.texture.step(rate)

    def forget(self) -> None:
        self.texture.forget()
