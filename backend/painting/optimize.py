"""The loop: look at the surface, score what the network sees, step the texture; coarse to fine."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor

from ..machine import memory
from ..machine.parallel import Each, lanes
from ..networks import Network
from ..pictures.images import resize_shorter
from ..rendering.camera import AROUND
from ..rendering.mesh import Mesh
from ..rendering.sampling import mipmaps
from ..rendering.views import ViewMaker
from .bank import Bank
from .pyramid import Pyramid
from .score import SMALLEST_VIEW, Score, View
from .unseen import Unseen

VIEWS_PER_STEP = 2
SPAN = 1.2  # a painting's shorter side, in square roots of the surface's area


@dataclass(frozen=True)
class Stage:
    """`steps` steps on views of `size` pixels, each pixel `scale` times as wide as at the finest.

    The network sees each view in so many `octaves`: as it is, at half its size, …
    """

    name: str
    scale: float
    size: int
    steps: int
    rate: float
    octaves: int = 1

    @property
    def pixels(self) -> float:
        """What the network looks at of each view."""
        return self.size**2 * sum(0.25**octave for octave in range(self.octaves))


# Most steps compose, on small views: what is wrong at large stays wrong, and no finer stage can mend it.
STAGES: dict[str, tuple[Stage, ...]] = {
    "draft": (
        Stage("composing", 4, 128, 30, 0.04),
        Stage("painting", 2, 160, 24, 0.03, 2),
        Stage("refining", 1, 192, 16, 0.02, 2),
    ),
    "standard": (
        Stage("composing", 4, 128, 220, 0.02),
        Stage("painting", 2, 160, 100, 0.015, 2),
        Stage("refining", 1, 224, 60, 0.01, 2),
    ),
    "final": (
        Stage("composing", 4, 128, 500, 0.02),
        Stage("painting", 2, 160, 260, 0.015, 2),
        Stage("refining", 1, 224, 160, 0.01, 2),
    ),
}


def stages(quality: str, steps: int | None, objects: int = 1) -> tuple[Stage, ...]:
    """The quality's stages; with `steps` in all, shared out in the same proportion.

    Without, each has at least so many steps that it looks at each of so many objects once.
    """
    chosen = STAGES[quality]
    if steps is None:
        least = -(-objects // VIEWS_PER_STEP)
        return tuple(replace(stage, steps=max(stage.steps, least)) for stage in chosen)
    total = sum(stage.steps for stage in chosen)
    bounds = np.round(np.cumsum([0, *(stage.steps for stage in chosen)]) * steps / total).astype(int)
    shares = np.diff(bounds)
    return tuple(replace(stage, steps=int(n)) for stage, n in zip(chosen, shares, strict=True) if n)


def more(quality: str, steps: int | None) -> tuple[Stage, ...]:
    """The plan of a job that goes on from a checkpoint: the quality's last stage, with `steps` steps."""
    last = STAGES[quality][-1]
    return (replace(last, steps=steps or last.steps),)


@dataclass(frozen=True)
class Progress:
    """Where the loop is: after `step` of `steps` in all."""

    stage: str
    step: int
    steps: int
    fraction: float  # of the time
    seconds_left: float
    loss: float


@dataclass
class Clock:
    """Seconds by part: set-up, views, score, texture, events."""

    parts: dict[str, float] = field(default_factory=dict)
    _since: float = field(default_factory=time.perf_counter)

    def lap(self, part: str) -> None:
        """Count what has passed since the last lap towards `part`."""
        now = time.perf_counter()
        self.parts[part] = self.parts.get(part, 0.0) + now - self._since
        self._since = now


def paint(
    mesh: Mesh,
    texture: Pyramid,
    content: Tensor,
    styles: list[tuple[Tensor, float]],
    network: Network,
    *,
    plan: tuple[Stage, ...],
    pixel: float,
    style_span: float,
    content_weight: float,
    framing: str,
    rasterizer: str,
    seed: int,
    style_loss: str,
    views_per_step: int = VIEWS_PER_STEP,
    report: Callable[[Progress], None],
    tell: Callable[[str], None],
    clock: Clock,
    unseen: Callable[[int], Unseen] | None = None,
    outside: tuple[Tensor, Tensor] | None = None,
    grain: float = 0.0,
) -> int:
    """Optimise `texture` so that views of `mesh` have the styles' statistics and keep the content's features.

    content (3, S, S); styles: images (3, H, W) with weights that sum to 1, each spanning `style_span`
    (the mesh's units) by its shorter side; `pixel`: the width on the surface of the finest stage's
    pixels. `report` is called after every step and may raise to end the loop; `tell` is given what a
    person should know. A step that memory does not suffice for is tried again with views one by one,
    then with smaller views. `outside`: a mask (1, S, S) of what is painted, and what shows where it is
    0, (3, S, S). `grain`: the angle at which views show the mesh's directions. Several textures lie one
    above the other: (C, count · S, S). `unseen` tells, for views that resolve a level of the pyramid, what
    they have yet to see. Gives the level that the finest views resolve.
    """
    device = texture.rows.device
    random = np.random.default_rng(seed)
    if outside is not None:
        content = torch.cat([content, outside[1] * (1 - outside[0]), outside[0]])
    content_rows = mipmaps(content.to(device), texture.levels)
    work = sum(stage.steps * stage.pixels for stage in plan)
    start, done = time.perf_counter(), 0.0
    steps, step, level = sum(stage.steps for stage in plan), 0, 0
    at_once, shrunk = views_per_step, 1  # until memory runs out
    side_by_side = views_per_step if device.type == "cpu" else 1
    for stage in plan:
        width = pixel * stage.scale if framing == "surface" else AROUND / stage.size
        level = max(0, round(math.log2(width * texture.levels.size / mesh.texel) + 0.6))
        images = [(resize_shorter(image, style_span / width).to(device), w) for image, w in styles]
        score = Score(network, images, style_loss, content_weight, stage.octaves)
        rest = unseen(level) if unseen and stage is plan[-1] and framing == "surface" else None
        views = ViewMaker(mesh, rasterizer, random, framing, device, grain)
        bank = Bank(views, width, stage.size // shrunk, texture, content_rows, score, rest)
        clock.lap("set-up")
        with lanes(side_by_side) as each:
            for k in range(stage.steps):
                loss = None
                while loss is None:
                    try:
                        batch = bank.draw(views_per_step, random, each)
                        clock.lap("views")
                        loss = _learn(score, texture, batch, at_once, random, each)
                        clock.lap("score")
                    except RuntimeError as error:
                        if not memory.ran_out(error) or bank.size < 2 * SMALLEST_VIEW:
                            raise
                    if loss is None:  # here the failed attempt's tensors are gone with its error
                        if at_once > 1:
                            tell("There is little memory: views are painted one by one, which takes longer.")
                            at_once = 1
                        else:
                            shrunk *= 2
                            size = stage.size // shrunk
                            bank = Bank(views, width, size, texture, content_rows, score, rest)
                        texture.gradient.zero_()
                        memory.release()
                rate = stage.rate * _cooling(k / stage.steps)
                texture.step([view.patch for view in batch], rate, level, each)
                clock.lap("texture")
                step += 1
                done += stage.pixels
                fraction = done / work
                left = (time.perf_counter() - start) * (1 / fraction - 1)
                report(Progress(stage.name, step, steps, fraction, left, loss))
                clock.lap("events")
    return level


def _cooling(done: float) -> float:
    """The learning rate's factor: flat, then a cosine to nearly nothing, so that each stage comes to rest."""
    return 0.02 + 0.49 * (1 + math.cos(math.pi * max(0.0, (done - 0.3) / 0.7)))


def _learn(
    score: Score, texture: Pyramid, batch: list[View], at_once: int, random: np.random.Generator, each: Each
) -> float:
    """Collect the texture's gradient over `batch`, so many views at once; the loss."""
    total = 0.0
    for i in range(0, len(batch), at_once):
        piece = batch[i : i + at_once]
        share = len(piece) / len(batch)
        total += share * float(score.learn(texture, piece, share, random, each))
    return total
