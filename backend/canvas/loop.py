"""The loop of everything that is not a mesh's style transfer: draw, look, score, step."""

from __future__ import annotations

from collections.abc import Callable

import torch

from ..networks import Network, mixed_precision
from ..networks.octaves import features_of
from ..objectives.objective import Activations, Features, Objective
from ..objectives.transparency import transparent
from .view import Canvas

REVIVED_STEPS = 16  # in which dead ReLUs get a gradient (Lucid)
OPAQUE = 0.35  # of the job, before opacity costs anything: first there must be something to keep
COOLING = 0.2  # the last step's rate, relative to the first's


def imagine(
    canvas: Canvas,
    network: Network,
    objective: Objective,
    steps: int,
    rate: float,
    random: torch.Generator,
    report: Callable[[int, float], None] = lambda step, loss: None,
) -> list[float]:
    """Optimise what is on the canvas. Gives the loss of every step; `report` may raise to end it.

    The rate falls linearly to a fifth, so that the picture comes to rest.
    """
    device = next(network.parameters()).device
    losses = []
    for step in range(steps):
        progress = step / steps
        view = canvas.draw(progress, random)
        with mixed_precision(device):
            activations = features_of(network, view.images, objective.layers, revive=step < REVIVED_STEPS)
            content: Activations | None = None
            if view.content is not None:
                with torch.no_grad():
                    content = features_of(network, view.content, objective.layers)
        loss = objective(Features(activations, view.mask, content))
        if view.opacity is not None and progress >= OPAQUE:
            loss = transparent(loss, *view.opacity)
        total = loss.mean()
        total.backward()  # type: ignore[no-untyped-call]
        canvas.step(rate * (1 - (1 - COOLING) * progress))
        losses.append(float(total.detach()))
        report(step + 1, losses[-1])
    return losses
