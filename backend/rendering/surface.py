"""A painted mesh as the thing that is looked at: random cameras, random backgrounds."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..parameterizations.skins import Skin
from .blending import over, smooth_noise
from .gbuffer import GBuffer
from .mesh import Mesh
from .transforms import noisy
from .view import View
from .views import ViewMaker

BANK = 64  # views that are made once and then used again
WHOLE, CLOSEST = 2.0, 0.7  # widest and narrowest window on the surface; the box's diagonal is 2


class Surface:
    """A canvas on a mesh. A skin of B pictures is seen from one camera at a time, all from the same one."""

    def __init__(
        self,
        skin: Skin,
        mesh: Mesh,
        rasterizer: str,
        size: int,
        random: np.random.Generator,
        views: int = 1,
        content: Skin | None = None,
        device: torch.device | str = "cpu",
        noise: bool = False,
    ) -> None:
        """size: pixels along a view's side; views: cameras a step; content: the skin before this one.

        noise: views are noisy, as `transforms.zoomed` has it for classes.
        """
        self.skin, self.size, self.views, self.content, self.device = skin, size, views, content, device
        self.noise = noise
        self._random = random
        self._whole = ViewMaker(mesh, rasterizer, random, "bounding_box", device)
        self._close = ViewMaker(mesh, rasterizer, random, "surface", device)
        self._bank: list[tuple[GBuffer, Any, Any]] = []

    def _next(self, random: torch.Generator) -> tuple[GBuffer, Any, Any]:
        """Half of the time the article's view of the whole, else a window on a point of the surface."""
        if len(self._bank) == BANK:
            return self._bank[int(torch.randint(BANK, (), generator=random))]
        while True:
            make = self._whole if self._random.uniform() < 0.5 else self._close
            view = make(self._random.uniform(CLOSEST, WHOLE), self.size)
            if len(view.pixels) > self.size:  # something to look at
                break
        self._bank.append((view, self.skin.look(view), self.content.look(view) if self.content else None))
        return self._bank[-1]

    def draw(self, progress: float, random: torch.Generator) -> View:
        images, masks, contents, opacities = [], [], [], []
        for _ in range(self.views):
            view, looked, before = self._next(random)
            background = smooth_noise(1, self.size, self.size, random)[0].to(self.device)
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
            noisy(seen, random) if self.noise else seen,
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
