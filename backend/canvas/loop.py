"""The loop of everything that is not a mesh's style transfer: draw, look, score, step."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import torch

from ..errors import PatinaError
from ..machine.attempts import Attempt, fitted
from ..networks import Network, mixed_precision
from ..networks.octaves import features_of
from ..objectives.objective import Activations, Features, Objective
from ..objectives.transparency import transparent
from .view import Canvas, View

REVIVED_STEPS = 16  # in which dead ReLUs get a gradient (Lucid)
OPAQUE_SHARE = 0.35  # of the job, before opacity costs anything: first there must be something to keep
COOLING = 0.2  # the last step's rate, relative to the first's

MAX_SKIPPED_STEPS = 3  # steps in a row that may be left out
_ASTRAY = "Step {step} gave no numbers and is left out; from now on steps are half as large."
_ENDED = f"{MAX_SKIPPED_STEPS} steps in a row gave no numbers: the picture is what it was before them."


def imagine(
    canvas: Canvas,
    network: Network,
    objective: Objective,
    steps: int | range,
    rate: float,
    random: torch.Generator,
    report: Callable[[int, float], bool] = lambda step, loss: False,
    tell: Callable[[str], None] = lambda text: None,
) -> list[float]:
    """Optimise what is on the canvas. Gives the loss of every step; `report` may raise to end it.

    It ends too when `report` says that it is enough. steps: how many, or which of so many are still to be
    taken.

    The rate falls linearly to a fifth, so that the picture comes to rest. A step whose loss or gradient is no
    number is left out, and those after it are half as large; MAX_SKIPPED_STEPS in a row are the end. One that
    memory does not suffice for is tried again with less (see `attempts`). `tell` is told of both. Raises
    PatinaError where not one was sound.
    """
    losses: list[float] = []
    slower, astray, attempt = 1.0, 0, Attempt(canvas.views)
    left = steps if isinstance(steps, range) else range(steps)
    for step in left:
        progress = step / left.stop
        judge = partial(_judged, canvas, network, objective, progress, random, step < REVIVED_STEPS)
        value, attempt = fitted(judge, attempt, canvas.side, tell)
        if math.isfinite(value) and canvas.step(rate * slower * (1 - (1 - COOLING) * progress)):
            astray = 0
            losses.append(value)
        else:
            astray, slower = astray + 1, slower / 2
            tell(_ASTRAY.format(step=step + 1) if astray < MAX_SKIPPED_STEPS else _ENDED)
            if astray == MAX_SKIPPED_STEPS:
                break
        if report(step + 1, losses[-1] if losses else 0.0):
            break
    if left and not losses:
        raise PatinaError(
            "The optimisation went astray: not one step gave numbers.",
            "Try another seed, another strength or other pictures.",
            "seed",
        )
    return losses


def _judged(
    canvas: Canvas,
    network: Network,
    objective: Objective,
    progress: float,
    random: torch.Generator,
    revive: bool,
    attempt: Attempt,
) -> float:
    """Gather the gradients of a step's views as `attempt` says; their mean loss, or a number that is none.

    What gathered before is given up: an attempt that failed leaves some.
    """
    canvas.forget()
    canvas.shrink(attempt.shrunk)
    pieces = math.ceil(canvas.views / attempt.at_once)
    value = 0.0
    for left in range(pieces, 0, -1):
        view = canvas.draw(progress, random, attempt.at_once)
        loss = _loss(view, network, objective, revive, opacity_counts=progress >= OPAQUE_SHARE) / pieces
        value += float(loss.detach())
        if not math.isfinite(value):
            break
        loss.backward(retain_graph=left > 1)  # type: ignore[no-untyped-call]  # the texture is theirs alike
    return value


def _loss(
    view: View, network: Network, objective: Objective, revive: bool, opacity_counts: bool
) -> torch.Tensor:
    """The mean loss of a batch of views."""
    with mixed_precision(view.images.device):
        activations = features_of(network, view.images, objective.layers, revive=revive)
        content: Activations | None = None
        if view.content is not None:
            with torch.no_grad():
                content = features_of(network, view.content, objective.layers)
    losses = objective(Features(activations, view.mask, content))
    if view.opacity is not None and opacity_counts:
        losses = transparent(losses, *view.opacity)
    return losses.mean()
