"""Frames between two objectives, and what keeps neighbouring frames alike.

Mordvintsev et al. 2018, "Differentiable Image Parameterizations", section "Aligned Feature
Visualization Interpolation".
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from .objective import Features, Objective

MAX_FRAMES_APART = 4  # frames
WEIGHT = 5.0  # for objectives of a few tens, as channels and logits are


def interpolation(objectives: Sequence[Objective], shares: Sequence[Sequence[float]]) -> Objective:
    """Follow Σ_n s_in · objective n with frame i, whose shares are row i of `shares`.

    A batch holds all frames of one view after the other.
    """

    def loss(seen: Features) -> Tensor:
        losses = torch.stack([objective(seen) for objective in objectives], 1)
        weights = torch.tensor(shares, device=losses.device)
        return (losses.view(-1, *weights.shape) * weights).sum(2).flatten()

    layers = [layer for objective in objectives for layer in objective.layers]
    return Objective(tuple(dict.fromkeys(layers)), loss)


def alignment(layers: Sequence[str], frames: int, loop: bool = False) -> Objective:
    """Make neighbouring frames i look alike to `layers`, whose activations are a.

    Σ_{d=1..4} mean((a_i − a_{i+d})²) / 5^d, relative to mean(a²): the same for every frame, (B,).
    The article leaves out the division, for one network; with it a weight suits them all.
    A batch holds all `frames` of one view after the other. loop: the first follows the last.
    """

    def loss(seen: Features) -> Tensor:
        total = torch.zeros((), device=seen.activations[layers[0]].device)
        for layer in layers:
            found = seen.activations[layer].float()
            found = found.view(-1, frames, *found.shape[1:])
            power = found.detach().square().mean().clamp_min(1e-12)
            for distance in range(1, min(MAX_FRAMES_APART, frames - 1) + 1):
                difference = found - found.roll(-distance, 1)
                if not loop:
                    difference = difference[:, :-distance]
                total = total + difference.square().mean() / power / 5**distance
        return total.expand(len(seen.activations[layers[0]]))

    return Objective(tuple(layers), loss)
