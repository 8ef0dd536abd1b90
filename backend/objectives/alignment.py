"""Frames between two objectives, and what keeps neighbouring frames alike.

Mordvintsev et al. 2018, "Differentiable Image Parameterizations", section "Aligned Feature
Visualization Interpolation".
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..protocol import PatinaError
from .objective import Features, Objective

MAX_FRAMES_APART = 4  # frames
WEIGHT = 5.0  # for objectives of a few tens, as channels and logits are


def interpolation(first: Objective, second: Objective, frames: int) -> Objective:
    """Follow (1 − t)·first + t·second with frame i of a batch of `frames`, t = i/(frames − 1).

    Raises PatinaError for fewer than two frames.
    """
    if frames < 2:
        raise PatinaError(
            f"{frames} frames are too few to go from one thing to another.", "Use 2 frames or more.", "frames"
        )

    def loss(seen: Features) -> Tensor:
        one, other = first(seen), second(seen)
        t = torch.linspace(0, 1, frames, device=one.device)
        return (1 - t) * one + t * other

    return Objective(tuple(dict.fromkeys(first.layers + second.layers)), loss)


def alignment(layers: Sequence[str]) -> Objective:
    """Make neighbouring frames i look alike to `layers`, whose activations are a.

    Σ_{d=1..4} mean((a_i − a_{i+d})²) / 5^d, relative to mean(a²): the same for every frame, (B,).
    The article leaves out the division, for one network; with it a weight suits them all.
    """

    def loss(seen: Features) -> Tensor:
        total = torch.zeros((), device=seen.activations[layers[0]].device)
        for layer in layers:
            frames = seen.activations[layer].float()
            power = frames.detach().square().mean().clamp_min(1e-12)
            for distance in range(1, min(MAX_FRAMES_APART, len(frames) - 1) + 1):
                difference = (frames[distance:] - frames[:-distance]).square().mean()
                total = total + difference / power / 5**distance
        return total.expand(len(seen.activations[layers[0]]))

    return Objective(tuple(layers), loss)
