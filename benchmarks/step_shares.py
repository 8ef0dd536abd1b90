"""Yardstick 3: how much of a step is the network's forward and backward pass, and nothing else.

The loop of a Standard job is timed as it is; the network alone is timed on batches of the same shapes,
right before and after each of its stages: a borrowed machine's speed changes within a minute.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from unittest.mock import patch

import torch
from torch import Tensor

from backend import networks, optimize, stylize
from backend.bank import BANK, RENEWED
from backend.lanes import Each, lanes
from backend.networks import Network
from backend.networks.network import mixed_precision
from backend.optimize import VIEWS_PER_STEP, Clock, Stage

from . import jobs
from .results import record
from .subjects import DEVICE, painting, subject, synchronize

REPEATS = 12
LOOP = ("views", "score", "texture", "events")


@dataclass
class _BothClocks(Clock):
    """Counts the time of all cores, too."""

    processor: dict[str, float] = field(default_factory=dict)
    _used: float = field(default_factory=time.process_time)

    def lap(self, part: str) -> None:
        super().lap(part)
        now = time.process_time()
        self.processor[part] = self.processor.get(part, 0.0) + now - self._used
        self._used = now


def measure() -> None:
    """Compare a Standard job's loop with the passes that it makes through the network."""
    network = networks.load("vgg16", DEVICE, average_pooling=True)
    left = iter(optimize.stages("standard", None))
    clock = _BothClocks()
    alone: list[list[float]] = []

    @contextmanager
    def between(count: int) -> Iterator[Each]:
        stage = next(left)
        before = passes(network, stage)
        clock.lap("aside")
        with lanes(count) as each:
            yield each
        alone.append([(a + b) / 2 for a, b in zip(before, passes(network, stage), strict=True)])

    with patch.object(stylize, "Clock", lambda: clock), patch.object(optimize, "lanes", between):
        done = jobs.paint(subject("fox"), painting("starry_night"))
    network_seconds, network_used = (sum(values) for values in zip(*alone, strict=True))
    parts = {part: done["seconds"][part] for part in LOOP}
    loop, used = sum(parts.values()), sum(clock.processor[part] for part in LOOP)
    record(
        "step_shares",
        {
            "loop_seconds": round(loop, 2),
            "network_alone_seconds": round(network_seconds, 2),
            "not_the_network": round(1 - network_seconds / loop, 3),
            "loop_processor_seconds": round(used, 2),
            "network_alone_processor_seconds": round(network_used, 2),
            "not_the_network_by_processor_time": round(1 - network_used / used, 3),
            "parts": parts,
            "steps": done["steps"],
        },
    )


def passes(network: Network, stage: Stage) -> list[float]:
    """Seconds of a stage's passes: forward and backward each step, forward alone for each view's content.

    By the clock, and of processor time.
    """
    layers = list(dict.fromkeys([*network.style_layers, network.content_layer]))
    images = torch.rand(VIEWS_PER_STEP, 3, stage.size, stage.size, device=DEVICE)
    octaves = [torch.nn.functional.avg_pool2d(images, 2**octave) for octave in range(stage.octaves)]
    steps = [_medians(lambda i=i: _both(network, i.clone().requires_grad_(), layers)) for i in octaves]
    content = _medians(lambda: _forward(network, images[:1], layers[-1:]))
    filling = min(stage.steps, -(-BANK // VIEWS_PER_STEP))
    made = VIEWS_PER_STEP * (filling + (stage.steps - filling) // RENEWED)
    return [stage.steps * sum(step[k] for step in steps) + made * content[k] for k in range(2)]


def _forward(network: Network, images: Tensor, layers: list[str]) -> dict[str, Tensor]:
    with torch.no_grad(), mixed_precision(DEVICE):
        return network(images, layers)


def _both(network: Network, images: Tensor, layers: list[str]) -> None:
    with mixed_precision(DEVICE):
        found = network(images, layers)
    torch.autograd.backward(
        [found[name] for name in layers], [torch.ones_like(found[name]) for name in layers]
    )


def _medians(work: Callable[[], object]) -> tuple[float, float]:
    clock, processor = [], []
    for _ in range(REPEATS):
        start, used = time.perf_counter(), time.process_time()
        work()
        synchronize()
        clock.append(time.perf_counter() - start)
        processor.append(time.process_time() - used)
    return statistics.median(clock), statistics.median(processor)
