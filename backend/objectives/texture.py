"""The statistics of exemplars: texture synthesis and style on any canvas.

Gatys, Ecker, Bethge 2015, "Texture Synthesis Using CNNs" (Gram matrices); Snelgrove 2017,
"High-Resolution Multi-Scale Neural Texture Synthesis" (the same on a Gaussian pyramid of the image).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from .objective import Activations, Features, Objective
from .style import gram, layer_mask, relative_error


def octaves(layers: Sequence[str], count: int) -> tuple[str, ...]:
    """Name the layers, and the layers in images reduced once, twice, … up to `count` scales in all."""
    return tuple(f"{layer}@{octave}" if octave else layer for octave in range(count) for layer in layers)


@torch.no_grad()
def statistics(exemplars: Sequence[tuple[Activations, float]]) -> dict[str, Tensor]:
    """Compute the Gram matrices (C, C) by layer of weighted exemplars, their weights taken as shares."""
    total = sum(weight for _, weight in exemplars)
    return {
        layer: torch.stack([gram(seen[layer]) * (weight / total) for seen, weight in exemplars]).sum(0)
        for layer in exemplars[0][0]
    }


def texture(targets: Mapping[str, Tensor]) -> Objective:
    """Make the mean over layers of the relative squared Gram error of each image to `targets`."""

    def loss(seen: Features) -> Tensor:
        losses = []
        for layer, target in targets.items():
            features = seen.activations[layer]
            masks = None
            if seen.mask is not None:
                masks = layer_mask(seen.mask, (features.shape[2], features.shape[3]), 0)
            grams = [
                gram(features[i : i + 1], masks[i : i + 1] if masks is not None else None)
                for i in range(len(features))
            ]
            losses.append(torch.stack([relative_error(found, target) for found in grams]))
        return torch.stack(losses).mean(0)

    return Objective(tuple(targets), loss)


def likeness(layer: str) -> Objective:
    """Make the relative squared error of `layer` to that of what was there before."""

    def loss(seen: Features) -> Tensor:
        assert seen.content is not None, "the canvas has no content"
        found, wanted = seen.activations[layer].float(), seen.content[layer].float()
        error = (found - wanted).square().flatten(1).sum(1)
        return error / wanted.square().flatten(1).sum(1).clamp_min(1e-12)

    return Objective((layer,), loss)
