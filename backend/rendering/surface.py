"""A painted mesh as the thing that is looked at: random cameras, random backgrounds."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..parameterizations.skins import Skin
from .blending import ground, over
from .gbuffer import GBuffer
from .view import View
from .views import ViewMaker

BANK = 64  # views that are made once and then used again
WINDOWS = 0.5, 1.2  # what views span on the surface; the bounding box's diagonal is 2
WHOLE = 0.6, 2.2  # the same for what must be recognised from afar too


class Surface:
    """A canvas on a mesh. A skin of B pictures is seen from one camera at a time, all from the same one."""

    def __init__(
        self,
        skin: Skin,
        make: ViewMaker,
        size: int,
        random: np.random.Generator,
        views: int = 1,
        content: Skin | None = None,
        windows: tuple[float, float] = WINDOWS,
    ) -> None:
        """size: pixels along a view's side; views: cameras a step; content: the skin before this one.

        windows: the least and the most that views span.
        """
        self.skin, self.make, self.size, self.views, self.content = skin, make, size, views, content
        self.windows = windows
        self._random, self._bank = random, list[tuple[GBuffer, Any, Any]]()

    def _next(self, random: torch.Generator) -> tuple[GBuffer, Any, Any]:
        if len(self._bank) == BANK:
            return self._bank[int(torch.randint(BANK, (), generator=random))]
        while True:
            view = self.make(self._random.uniform(*self.windows), self.size)
            if len(view.pixels) > self.size:  # something to look at
                break
        self._bank.append((view, self.skin.look(view), self.content.look(view) if self.content else None))
        return self._bank[-1]

    def shown(self) -> list[GBuffer]:
        """The views that there were so far, each once."""
        return [view for view, _, _ in self._bank]

    def draw(self, progress: float, random: torch.Generator) -> View:
        images, masks, contents, opacities = [], [], [], []
        for _ in range(self.views):
            view, looked, before = self._next(random)
            background = ground(self.size, self.size, random).to(view.uv.device)
            values = self.skin.sample(looked)
            for picture in torch.split(values, self.skin.channels, 1):
                images.append(self._show(view, picture, background))
                opacities.append(picture[:, 3].mean() if self.skin.channels == 4 else values.new_ones(()))
                masks.append(view.mask.float())
            if self.content is not None:
                with torch.no_grad():
                    shown = self._show(view, self.content.sample(before), background)
                contents += [shown] * self.skin.pictures
        opacity = torch.stack(opacities)
        seen = torch.stack(images)
        return View(
            seen,
            torch.stack(masks),
            torch.stack(contents) if contents else None,
            (opacity, opacity) if self.skin.channels == 4 else None,
        )

    @staticmethod
    def _show(view: GBuffer, values: Tensor, background: Tensor) -> Tensor:
        """(3, H, W): values (P, 3 or 4) where the surface is, blended if they have alpha."""
        if values.shape[1] == 4:
            behind = background.flatten(1).T[view.pixels]
            values = over(values[:, :3], values[:, 3:], behind)
        return view.image(values, background)

    def step(self, rate: float) -> None:
        self.skin.step(rate)
