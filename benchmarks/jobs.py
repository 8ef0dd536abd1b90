"""Whole jobs, as the add-on starts them, from files to files; each is done once a run of the benchmarks."""

from __future__ import annotations

import json
import shutil
import time
from functools import cache
from pathlib import Path
from typing import Any

from torch import Tensor

from backend.painting.job import run
from backend.pictures.images import read_image
from backend.protocol.events import Event
from backend.session import JobSession

from .subjects import SCRATCH, Subject


@cache
def paint(who: Subject, style: Path, **settings: object) -> dict[str, Any]:
    """The report of the job, which runs in this process.

    `seconds` gets `job`, from the start to the written texture, the report's own measuring left out; and
    `processor`, what the process used of all cores until it began to finish: that counts no one else's work.
    """
    place = folder(who, style, **settings)
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    for file in who.folder.iterdir():
        shutil.copyfile(file, place / file.name)
    began = used = time.process_time()

    def watch(event: Event) -> None:
        nonlocal used
        if event.stage == "finishing":
            used = time.process_time() - began

    run(JobSession(who.job(style, **settings), place, watch, lambda: False))
    report: dict[str, Any] = json.loads((place / "report.json").read_text(encoding="utf-8"))
    report["seconds"]["job"] = round(report["seconds"]["total"] - report["seconds"]["report"], 2)
    report["seconds"]["processor"] = round(used, 2)
    return report


def texture(who: Subject, style: Path, **settings: object) -> Tensor:
    """(3, S, S): what the last job with these settings painted, in this run or an earlier one."""
    return read_image(folder(who, style, **settings) / "texture.png", "texture", "texture")


def folder(who: Subject, style: Path, **settings: object) -> Path:
    """Where the job with these settings is done."""
    tag = "_".join([who.name, style.stem, *(f"{key}-{value}" for key, value in sorted(settings.items()))])
    return SCRATCH / "jobs" / tag
