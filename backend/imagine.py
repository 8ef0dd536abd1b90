"""The loop of everything that is not a mesh's style transfer: draw, look, score, step."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
import torch.nn.functional as F
from torch import Tensor

from .networks import Network, mixed_precision
from .objectives.objective import Activations, Objective, Seen
from .objectives.transparency import transparent
from .rendering.view import Canvas

REVIVED_STEPS = 16  # in which dead ReLUs get a gradient (Lucid)
OPAQUE = 0.35  # of the job, before opacity costs anything: first there must be something to keep
COOLING = 0.2  # the last step's rate, relative to the first's

# Burt and Adelson's binomial kernel with a = .4, which Snelgrove uses between octaves.
_KERNEL = torch.tensor([0.05, 0.25, 0.4, 0.25, 0.05])


def reduce(images: Tensor) -> Tensor:
    """The next level of a Gaussian pyramid: blurred and every second pixel (B, C, ⌈H/2⌉, ⌈W/2⌉)."""
    kernel = _KERNEL.to(images)
    channels = images.shape[1]
    padded = F.pad(images, (2, 2, 2, 2), mode="reflect")
    rows = F.conv2d(padded, kernel.view(1, 1, 5, 1).expand(channels, 1, 5, 1), stride=(2, 1), groups=channels)
    return F.conv2d(rows, kernel.view(1, 1, 1, 5).expand(channels, 1, 1, 5), stride=(1, 2), groups=channels)


def look(network: Network, images: Tensor, layers: Iterable[str], revive: bool = False) -> dict[str, Tensor]:
    """Activations by name. "relu3_1@2" is relu3_1 of the images reduced twice (Snelgrove's octaves)."""
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
            activations = look(network, view.images, objective.layers, revive=step < REVIVED_STEPS)
            content: Activations | None = None
            if view.content is not None:
                with torch.no_grad():
                    content = look(network, view.content, objective.layers)
        loss = objective(Seen(activations, view.mask, content))
        if view.opacity is not None and progress >= OPAQUE:
            loss = transparent(loss, *view.opacity)
        total = loss.mean()
        total.backward()  # type: ignore[no-untyped-call]
        canvas.step(rate * (1 - (1 - COOLING) * progress))
        losses.append(float(total.detach()))
        report(step + 1, losses[-1])
    return losses
