"""What it costs to paint the whole material beside the colours. Each number is of a process of its own.

`python -m benchmarks.whole_material steps|job` is such a process: it prints its numbers as JSON.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator

import torch

from backend import networks
from backend.machine.memory import peak_memory
from backend.painting import optimize
from backend.painting.material import read_own
from backend.painting.optimize import Plan, Stage
from backend.painting.pyramid import Pyramid
from backend.painting.subject import Subject
from backend.protocol.parts import Material
from backend.rendering.texels import locate
from backend.session import JobSession, Progress

from . import jobs
from .results import record
from .subjects import DEVICE, ROOT, painting, styles_of, subject, viewing_of

SIZE = 1024
STEPS, WARM = 40, 22  # of which the first make the bank of views, and do not count
JOB_SIZE, JOB_STEPS = 2048, 12


def measure() -> None:
    """Seconds a step of a Standard job's finest views with and without, then a short job's memory."""
    record("whole_material", _child("steps"))
    record("whole_material", _child("job"))


def _child(what: str) -> dict[str, float]:
    command = [sys.executable, "-B", "-m", "benchmarks.whole_material", what]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def steps() -> dict[str, float]:
    """The median seconds of a step with the colours alone and with the whole material, taken in turns.

    Of the processor's time, all cores together, unless a card does the work.
    """
    clock = time.perf_counter if DEVICE.type == "cuda" else time.process_time
    loops = {"colour": _loop(None), "whole": _loop(Material())}
    times: dict[str, list[float]] = {name: [] for name in loops}
    for _ in range(STEPS):
        for name, loop in loops.items():
            began = clock()
            next(loop)
            times[name].append(clock() - began)
    found = {name: round(statistics.median(each[WARM:]), 4) for name, each in times.items()}
    return found | {"whole_over_colour": round(found["whole"] / found["colour"], 3)}


def _loop(material: Material | None) -> Iterator[Progress]:
    """A loop on views of the sizes that a Standard job ends with."""
    who, style = subject("fox"), painting("starry_night")
    job = who.job(style, texture_size=SIZE, material=material)
    texels = locate(who.mesh, SIZE)
    own = None if material is None else read_own(job, who.folder, texels)
    start = torch.full((3 if own is None else 6, SIZE, SIZE), 0.5)
    session = JobSession(job, who.folder, print, lambda: False)
    return optimize.paint(
        Subject(who.mesh, texels, start[:3], own=own),
        Pyramid(start, DEVICE),
        start[:3],
        styles_of(style),
        networks.load("vgg16", DEVICE, average_pooling=True),
        viewing_of(who, style, SIZE),
        Plan((Stage("refining", 1.3, 336, STEPS, 0.025),), style_loss="gram"),
        session,
    )


def job() -> dict[str, float]:
    """A whole, short job at JOB_SIZE²: the most memory that it held."""
    done = jobs.paint(
        subject("fox"), painting("starry_night"), texture_size=JOB_SIZE, steps=JOB_STEPS, material=Material()
    )
    return {
        "job_size": JOB_SIZE,
        "peak_memory_gb": round(peak_memory() / 1e9, 2),
        "job_seconds": done["seconds"]["job"],
    }


if __name__ == "__main__":
    print(json.dumps({"steps": steps, "job": job}[sys.argv[1]]()))
