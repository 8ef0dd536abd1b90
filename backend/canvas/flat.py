"""A flat picture as the thing that is looked at: one more kind of view."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..pictures.color_space import over
from .adam import Adam
from .background import smooth_noise
from .transforms import Transform, piece
from .view import View


class Flat:
    """A canvas of pictures (B, C, H, W), C = 3 or 4, from a parameterization without a place.

    Every step sees all of them through the same random transform, or a random piece of what it shows. RGBA is
    laid over a new background each time, so that nothing can be gained by counting on it.
    """

    views = 1
    made = 0

    def __init__(self, pictures: nn.Module, transform: Transform, content: Tensor | None = None) -> None:
        """content (B, 3, H, W): what was there before, for objectives that compare."""
        self.pictures, self.transform, self.content = pictures, transform, content
        self.adam, self._shrunk = Adam(pictures), 1
        with torch.no_grad():
            self.side = max(pictures().shape[2:])

    def shrink(self, times: int) -> None:
        self._shrunk = times

    def recall(self, count: int) -> None:
        """It makes a new view for every step."""

    def draw(self, progress: float, random: torch.Generator, count: int) -> View:
        images = self.pictures()
        parts = [images]
        if images.shape[1] == 4:
            color, alpha = images[:, :3], images[:, 3:]
            background = smooth_noise(1, images.shape[2], images.shape[3], random).to(images.device)
            # Alpha goes through the transform as the channels of a picture of its own.
            parts = [over(color, alpha, background), alpha.expand(-1, 3, -1, -1)]
        if self.content is not None:
            parts.append(self.content)
        pictures = len(images)
        seen = self.transform(torch.cat(parts), progress, random)
        if self._shrunk > 1:
            seen = piece(seen, self.side // self._shrunk, random)
        return View(
            seen[:pictures],
            content=seen[-pictures:] if self.content is not None else None,
            opacity=(seen[pictures : 2 * pictures].mean((1, 2, 3)), images[:, 3].mean((1, 2)))
            if images.shape[1] == 4
            else None,
        )

    def step(self, rate: float) -> bool:
        return self.adam(rate)

    def forget(self) -> None:
        self.adam.forget()

    @torch.no_grad()
    def picture(self) -> Tensor:
        images: Tensor = self.pictures()
        return images.detach().float()
