"""The loop of everything that is not a mesh's style transfer: draw, look, score, step."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch

from ..networks import Network, mixed_precision
from ..networks.octaves import features_of
from ..objectives.objective import Activations, Features, Objective
from ..objectives.transparency import transparent
from ..protocol import PatinaError
from .view import Canvas

REVIVED_STEPS = 16  # in which dead ReLUs get a gradient (Lucid)
OPAQUE = 0.35  # of the job, before opacity costs anything: first there must be something to keep
COOLING = 0.2  # the last step's rate, relative to the first's

MOST_ASTRAY = 3  # steps in a row that may be left out
_ASTRAY = "Step {step} gave no numbers and is left out; from now on steps are half as large."
_ENDED = f"{MOST_ASTRAY} steps in a row gave no numbers: the picture is what it was before them."


def imagine(
    canvas: Canvas,
    network: Network,
    objective: Objective,
    steps: int,
    rate: float,
    random: torch.Generator,
    report: Callable[[int, float], None] = lambda step, loss: None,
    tell: Callable[[str], None] = lambda text: None,
) -> list[float]:
    """Optimise what is on the canvas. Gives the loss of every step; `report` may raise to end it.

    The rate falls linearly to a fifth, so that the picture comes to rest. A step whose loss or gradient is no
    number is left out, and those after it are half as large; MOST_ASTRAY in a row are the end. `tell` is
    told. Raises PatinaError where not one was sound.
    """
    device = next(network.parameters()).device
    losses: list[float] = []
    slower, astray = 1.0, 0
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
        value = float(total.detach())
        if math.isfinite(value):
            total.backward()  # type: ignore[no-untyped-call]
        if math.isfinite(value) and canvas.step(rate * slower * (1 - (1 - COOLING) * progress)):
            astray = 0
            losses.append(value)
        else:
            astray, slower = astray + 1, slower / 2
            tell(_ASTRAY.format(step=step + 1) if astray < MOST_ASTRAY else _ENDED)
            if astray == MOST_ASTRAY:
                break
        report(step + 1, losses[-1] if losses else 0.0)
    if not losses:
        raise PatinaError(
            "The optimisation went astray: not one step gave numbers.",
            "Try another seed, another strength or other pictures.",
            "seed",
        )
    return losses
