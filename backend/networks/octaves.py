"""What a network sees of images, and of the same images reduced (Snelgrove's octaves)."""

from __future__ import annotations

from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor

from .network import Network

# Burt and Adelson's binomial kernel with a = .4, which Snelgrove uses between octaves.
_KERNEL = torch.tensor([0.05, 0.25, 0.4, 0.25, 0.05])


def reduce(images: Tensor) -> Tensor:
    """Make the next level of a Gaussian pyramid, blurred, every second pixel: (B, C, ⌈H/2⌉, ⌈W/2⌉)."""
    kernel = _KERNEL.to(images)
    channels = images.shape[1]
    padded = F.pad(images, (2, 2, 2, 2), mode="reflect")
    rows = F.conv2d(padded, kernel.view(1, 1, 5, 1).expand(channels, 1, 5, 1), stride=(2, 1), groups=channels)
    return F.conv2d(rows, kernel.view(1, 1, 1, 5).expand(channels, 1, 1, 5), stride=(1, 2), groups=channels)


def features_of(
    network: Network, images: Tensor, layers: Iterable[str], revive: bool = False
) -> dict[str, Tensor]:
    """Compute activations by name. "relu3_1@2" is relu3_1 of images reduced twice (Snelgrove's octaves)."""
    by_octave: dict[int, list[str]] = {}
    for name in layers:
        layer, _, reduced = name.partition("@")
        by_octave.setdefault(int(reduced or 0), []).append(layer)
    found: dict[str, Tensor] = {}
    for octave in range(max(by_octave) + 1):
        if octave:
            images = reduce(images)
        if wanted := by_octave.get(octave):
            seen = network(images, wanted, revive=revive)
            found |= {f"{layer}@{octave}" if octave else layer: value for layer, value in seen.items()}
    return found
