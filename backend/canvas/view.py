"""What one step looks at, be it a picture or a painted surface."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor


@dataclass(frozen=True)
class View:
    """A batch of views: images (B, 3, H, W) in 0..1, differentiable in what is optimised.

    mask (B, H, W): where the surface is; None: everywhere. content (B, 3, H, W): the same views of
    what was there before. opacity: for RGBA, the mean alpha (B,) of the view and of the whole.
    """

    images: Tensor
    mask: Tensor | None = None
    content: Tensor | None = None
    opacity: tuple[Tensor, Tensor] | None = None


class Canvas(Protocol):
    """Something that is painted on: it shows views of itself and takes steps against their gradient.

    A step sees `views` of them, each about `side` pixels a side.
    """

    views: int
    side: int

    def shrink(self, times: int) -> None:
        """Have views whose sides are so many times smaller than at first."""

    def draw(self, progress: float, random: torch.Generator, count: int) -> View:
        """Draw the next `count` views; progress 0..1 tells how much of the job is done."""

    def forget(self) -> None:
        """Give up the gradients that have gathered since the last step."""

    def step(self, rate: float) -> bool:
        """Take one step with the gradients that have gathered since the last, which are then zero.

        Whether it was one: gradients that are no numbers change nothing.
        """
