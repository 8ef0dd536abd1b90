"""What an objective is: the layers it looks at, and a loss for each image of a batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from torch import Tensor

Activations = Mapping[str, Tensor]


@dataclass(frozen=True)
class Features:
    """What the network made of a batch of views.

    activations: by layer, (B, C, h, w) or (B, C). mask (B, H, W): which pixels of the views show the
    surface; None: all. content: the activations, gradient-free, of the same views of what was there before.
    """

    activations: Activations
    mask: Tensor | None = None
    content: Activations | None = None


@dataclass(frozen=True)
class Objective:
    """loss(seen) → (B,), to be made small. Objectives add up, and scale by a number or by one an image."""

    layers: tuple[str, ...]
    loss: Callable[[Features], Tensor]

    def __call__(self, seen: Features) -> Tensor:
        return self.loss(seen)

    def __add__(self, other: Objective) -> Objective:
        layers = tuple(dict.fromkeys(self.layers + other.layers))
        return Objective(layers, lambda seen: self.loss(seen) + other.loss(seen))

    def __mul__(self, weight: float | Tensor) -> Objective:
        return Objective(self.layers, lambda seen: self.loss(seen) * weight)

    __rmul__ = __mul__
