"""What one step looks at, be it a picture or a painted surface."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from .adam import Adam


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

    A step sees `views` of them, each about `side` pixels a side. adam: what takes the steps. made: how many
    views there are that are used again.
    """

    views: int
    side: int

    @property
    def adam(self) -> Adam: ...

    @property
    def made(self) -> int: ...

    def recall(self, count: int) -> None:
        """Make `count` views to be used again, as those that another canvas like this one made first."""

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
