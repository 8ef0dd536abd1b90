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
from backend.painting.start import initial_texture
from backend.painting.subject import read_subject
from backend.pictures.images import read_image
from backend.protocol import Event
from backend.session import JobSession

from .subjects import SCRATCH, Subject, styles_of, viewing_of


@cache
def paint(who: Subject, style: Path, **settings: object) -> dict[str, Any]:
    """The report of the job, which runs in this process.

    `seconds` gets `job`, from the start to the written texture, the report's own measuring left out; and
    `processor`, what the process used of all cores until it began to finish: that counts no one else's work.
    """
    folder = _folder(who, style, settings)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for file in who.folder.iterdir():
        shutil.copyfile(file, folder / file.name)
    began = used = time.process_time()

    def watch(event: Event) -> None:
        nonlocal used
        if event.stage == "finishing":
            used = time.process_time() - began

    run(JobSession(who.job(style, **settings), folder, watch, lambda: False))
    report: dict[str, Any] = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    report["seconds"]["job"] = round(report["seconds"]["total"] - report["seconds"]["report"], 2)
    report["seconds"]["processor"] = round(used, 2)
    return report


def start(who: Subject, style: Path) -> Tensor:
    """(3, S, S): what a job begins with, before its first step."""
    job, styles, viewing = who.job(style), styles_of(style), viewing_of(who, style)
    whole = read_subject(job, who.folder, styles, print)
    return initial_texture(whole, styles, viewing, job)


def texture(who: Subject, style: Path, **settings: object) -> Tensor:
    """(3, S, S): what the last job with these settings painted, in this run or an earlier one."""
    return read_image(_folder(who, style, settings) / "texture.png", "texture", "texture")


def _folder(who: Subject, style: Path, settings: dict[str, object]) -> Path:
    tag = "_".join([who.name, style.stem, *(f"{key}-{value}" for key, value in sorted(settings.items()))])
    return SCRATCH / "jobs" / tag
