"""Yardstick 2: what a texture's size costs. Each size is measured in a process of its own.

`python -m benchmarks.texture_size SIZE step|job` is such a process: it prints its numbers as JSON.
"""

from __future__ import annotations

import json
import math
import statistics
import subprocess
import sys
import time

import torch

from backend import networks
from backend.machine.memory import peak_memory
from backend.painting import optimize
from backend.painting.optimize import Plan, Stage
from backend.painting.pyramid import Pyramid
from backend.painting.subject import Subject
from backend.rendering.texels import locate
from backend.session import JobSession

from . import jobs
from .results import record
from .subjects import DEVICE, ROOT, painting, styles_of, subject, viewing_of

SIZES = 512, 1024, 4096, 8192
ROUNDS = 2  # of all sizes in turn; the best counts, since other work only ever slows down
STEPS, WARM = 40, 22  # of which the first make the bank of views, and do not count
JOB_STEPS = 12  # of the jobs whose memory is measured


def measure() -> None:
    """Seconds a step at each size on the same views, then whole jobs at 1024² and 4096²."""
    best: dict[int, float] = {}
    for _ in range(ROUNDS):
        for size in SIZES:
            best[size] = min(best.get(size, math.inf), _child(size, "step")["step"])
        numbers = {
            "step_seconds": best,
            "4096_over_512": round(best[4096] / best[512], 3),
            "8192_over_512": round(best[8192] / best[512], 3),
        }
        record("texture_size", numbers)
    whole_job(1024)
    whole_job(4096)


def whole_job(size: int) -> None:
    """Memory and seconds of a short job from files to files."""
    record("texture_size", {f"job_{size}": _child(size, "job")})


def _child(size: int, what: str) -> dict[str, float]:
    command = [sys.executable, "-B", "-m", "benchmarks.texture_size", str(size), what]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def step(size: int) -> dict[str, float]:
    """The median seconds of a step on views that are as fine as a 512² texture.

    Of the processor's time, all cores together, unless a card does the work.
    """
    who, style = subject("fox"), painting("starry_night")
    start = torch.full((3, size, size), 0.5)
    times: list[float] = []
    clock = time.perf_counter if DEVICE.type == "cuda" else time.process_time
    texture = Pyramid(start, DEVICE)
    session = JobSession(who.job(style, texture_size=size), who.folder, print, lambda: False)
    steps = optimize.paint(
        Subject(who.mesh, locate(who.mesh, size), start),
        texture,
        start,
        styles_of(style),
        networks.load("vgg16", DEVICE, average_pooling=True),
        viewing_of(who, style, 512),
        Plan((Stage("refining", 1, 160, STEPS, 0.02),), style_loss="gram"),
        session,
    )
    last = clock()
    for _ in steps:
        now = clock()
        times.append(now - last)
        last = now
    return {"step": round(statistics.median(times[WARM:]), 4)}


def job(size: int) -> dict[str, float]:
    """A whole, short job: its seconds outside the loop, and the most memory it held."""
    done = jobs.paint(subject("fox"), painting("starry_night"), texture_size=size, steps=JOB_STEPS)
    seconds = done["seconds"]
    return {
        "peak_memory_gb": round(peak_memory() / 1e9, 2),
        "set-up": seconds["set-up"],
        "finish": seconds["finish"],
        "report": seconds["report"],
        "job": seconds["job"],
        "coverage": done["coverage"],
    }


if __name__ == "__main__":
    print(json.dumps({"step": step, "job": job}[sys.argv[2]](int(sys.argv[1]))))
