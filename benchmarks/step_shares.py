"""Yardstick 3: how much of a step is the network's forward and backward pass, and nothing else.

The loop of a Standard job is timed as it is; the network alone is timed on batches of the same shapes,
before and after the loop.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor

from backend import networks, optimize
from backend.bank import BANK, RENEWED
from backend.networks import Network
from backend.networks.network import mixed_precision
from backend.optimize import VIEWS_PER_STEP, Stage

from . import jobs
from .results import record
from .subjects import DEVICE, painting, subject, synchronize

REPEATS = 6


def measure() -> None:
    """Compare a Standard job's loop with the passes that it makes through the network."""
    network = networks.load("vgg16", DEVICE, average_pooling=True)
    plan = optimize.stages("standard", None)
    before = [passes(network, stage) for stage in plan]
    done = jobs.paint(subject("fox"), painting("starry_night"))
    after = [passes(network, stage) for stage in plan]
    alone = sum((a + b) / 2 for a, b in zip(before, after, strict=True))
    parts = {part: done["seconds"][part] for part in ("views", "score", "texture", "events")}
    loop = sum(parts.values())
    record(
        "step_shares",
        {
            "loop_seconds": round(loop, 2),
            "network_alone_seconds": round(alone, 2),
            "not_the_network": round(1 - alone / loop, 3),
            "parts": parts,
            "steps": done["steps"],
        },
    )


def passes(network: Network, stage: Stage) -> float:
    """Seconds of a stage's passes: forward and backward each step, forward alone for each view's content."""
    layers = list(dict.fromkeys([*network.style_layers, network.content_layer]))
    images = torch.rand(VIEWS_PER_STEP, 3, stage.size, stage.size, device=DEVICE)
    octaves = [torch.nn.functional.avg_pool2d(images, 2**octave) for octave in range(stage.octaves)]
    step = sum(_median(lambda i=i: _both(network, i.clone().requires_grad_(), layers)) for i in octaves)
    content = _median(lambda: _forward(network, images[:1], layers[-1:]))
    filling = min(stage.steps, -(-BANK // VIEWS_PER_STEP))
    made = VIEWS_PER_STEP * (filling + (stage.steps - filling) // RENEWED)
    return stage.steps * step + made * content


def _forward(network: Network, images: Tensor, layers: list[str]) -> dict[str, Tensor]:
    with torch.no_grad(), mixed_precision(DEVICE):
        return network(images, layers)


def _both(network: Network, images: Tensor, layers: list[str]) -> None:
    with mixed_precision(DEVICE):
        found = network(images, layers)
    torch.autograd.backward(
        [found[name] for name in layers], [torch.ones_like(found[name]) for name in layers]
    )


def _median(work: Callable[[], object]) -> float:
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        work()
        synchronize()
        times.append(time.perf_counter() - start)
    return statistics.median(times)
