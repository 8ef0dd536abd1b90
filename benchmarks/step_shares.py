"""Yardstick 3: how much of a step is the network's forward and backward pass, and nothing else.

The loop of a Standard job is timed as it is. Between its steps, every now and then, the network alone is
timed on views of the same size: a borrowed machine's speed changes within a minute.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from unittest.mock import patch

import numpy as np
import torch
from torch import Tensor

from backend import networks, session
from backend.machine.parallel import Map, parallel_map
from backend.networks import Network
from backend.networks.network import mixed_precision
from backend.painting import optimize
from backend.painting.bank import BANK_SIZE, RENEWAL_STEPS
from backend.painting.optimize import VIEWS_PER_STEP, Stage
from backend.painting.score import crop_of
from backend.session import Clock

from . import jobs
from .results import record
from .subjects import DEVICE, painting, subject, synchronize, viewing_of

EVERY = 5  # steps, after which the network alone is timed
SIDES = 8  # pixels of which views' sides are multiples
LOOP = ("views", "score", "texture", "events")

Work = Callable[[], object]


@dataclass
class _BothClocks(Clock):
    """Counts the time of all cores, too; after every EVERY-th step it does `between`, aside."""

    processor: dict[str, float] = field(default_factory=dict)
    between: Work = lambda: None
    steps: int = 0
    _used: float = field(default_factory=time.process_time)

    def lap(self, part: str) -> None:
        super().lap(part)
        now = time.process_time()
        self.processor[part] = self.processor.get(part, 0.0) + now - self._used
        self._used = now
        if part == LOOP[-1]:
            self.steps += 1
            if self.steps % EVERY == 0:
                self.between()
                self.lap("aside")


def measure() -> None:
    """Compare a Standard job's loop with the passes that it makes through the network."""
    network = networks.load("vgg16", DEVICE, average_pooling=True)
    who, style = subject("fox"), painting("starry_night")
    plan = optimize.Plan(optimize.stages("standard", None))
    if DEVICE.type == "cpu":
        plan = optimize.as_cropped(plan, crop_of(network)[0], who.mesh, viewing_of(who, style))
    left = iter(plan.stages)
    clock = _BothClocks()
    alone = np.zeros(2)  # seconds by the clock, and of all cores

    @contextmanager
    def watched(count: int) -> Iterator[Map]:
        stage, samples = next(left), []
        with parallel_map(count) as each:
            works = passes(network, stage, each)
            for work in works:  # what is met for the first time takes longer
                work()
            clock.between = lambda: samples.append([_seconds(work) for work in works])
            clock.lap("aside")
            yield each
        nonlocal alone
        alone += np.array([stage.steps, _draws(stage)]) @ np.mean(samples, 0)

    with patch.object(session, "Clock", lambda: clock), patch.object(optimize, "parallel_map", watched):
        done = jobs.paint(who, style)
    parts = {part: done["seconds"][part] for part in LOOP}
    loop = np.array([sum(parts.values()), sum(clock.processor[part] for part in LOOP)])
    (loop_seconds, loop_used), (seconds, used) = loop.round(2).tolist(), alone.round(2).tolist()
    by_clock, by_use = (1 - alone / loop).round(3).tolist()
    record(
        "step_shares",
        {
            "loop_seconds": loop_seconds,
            "network_alone_seconds": seconds,
            "not_the_network": by_clock,
            "loop_processor_seconds": loop_used,
            "network_alone_processor_seconds": used,
            "not_the_network_by_processor_time": by_use,
            "parts": parts,
            "steps": done["steps"],
        },
    )


def passes(network: Network, stage: Stage, each: Map) -> tuple[Work, Work]:
    """A step's passes, forward and back, and those that look at new views' content.

    As the loop has them: on a processor view by view, side by side, squares of as many pixels as are left of
    cropped views; on a card all views at once.
    """
    side = SIDES * round(math.sqrt(stage.pixels) / SIDES)
    layers = list(dict.fromkeys([*network.style_layers, network.content_layer]))
    images = torch.rand(VIEWS_PER_STEP, 3, side, side, device=DEVICE)
    groups = images.split(1 if DEVICE.type == "cpu" else VIEWS_PER_STEP)

    def both(images: Tensor) -> None:
        leaf = images.detach().requires_grad_()
        with mixed_precision(DEVICE):
            found = network(leaf, layers)
        torch.autograd.backward(list(found.values()), [torch.ones_like(one) for one in found.values()])

    def forward(images: Tensor) -> None:
        with torch.no_grad(), mixed_precision(DEVICE):
            network(images, [network.content_layer])

    return partial(each, both, groups), partial(each, forward, groups)


def _draws(stage: Stage) -> int:
    """How many of its steps look at new views."""
    filling = min(stage.steps, -(-BANK_SIZE // VIEWS_PER_STEP))
    return filling + (stage.steps - filling) // RENEWAL_STEPS


def _seconds(work: Work) -> tuple[float, float]:
    """By the clock, and of all cores."""
    synchronize()
    start, used = time.perf_counter(), time.process_time()
    work()
    synchronize()
    return time.perf_counter() - start, time.process_time() - used
