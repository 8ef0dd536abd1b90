"""How long jobs take on this machine, learnt from those that were done. No bpy here.

A record is {device, task, target, flat, quality, steps, size, frames, paintings, seconds}, taken from a
finished job's report.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from ..backend.protocol.files import REPORT_FILE
from ..backend.reading import read_json
from . import user_files

FILE = "timings.json"
MAX_RECORDS = 100
RECENT_RECORDS = 3  # of one kind that count: machines and versions change

# For a guess where a quality was never tried. Of a style on a mesh: the steps (backend/painting/optimize.py,
# STAGES), and the seconds relative to Draft's (docs/benchmarks.md). Of all else: the steps
# (backend/canvas/job.py).
ON_MESH = {"sketch": (0, 0.4), "draft": (40, 1.0), "standard": (108, 2.5), "final": (122, 3.4)}
OTHER = {"sketch": 20, "draft": 80, "standard": 200, "final": 500}
DEEPDREAM = 0.12  # of those steps
CLASS_ON_MESH = 3.0
# Steps of a frame of a style that moves (backend/painting/motion.py), and the seconds besides, as above.
FRAME_STEPS = {"sketch": 0, "draft": 6, "standard": 14, "final": 24}
FRAME = 0.05

KEYS = ("device", "task", "target", "flat", "quality", "steps", "size", "frames", "paintings")
COUNTED = ("interpolate", "morph", "boil")  # tasks whose time depends on the number of frames

Record = dict[str, Any]
_records: list[Record] = []
_path: Path | None = None


@dataclass(frozen=True)
class Expected:
    """Seconds; measured, or scaled from another kind of job."""

    seconds: float
    measured: bool


def load(path: Path) -> None:
    """Read what was learnt in earlier sessions; later jobs are added to that file."""
    global _path
    _path = path
    keys = {*KEYS, "seconds"}
    _records[:] = [
        record
        for record in user_files.read(path)
        if isinstance(record, dict) and keys <= set(record) and _is_sound(record)
    ][-MAX_RECORDS:]


def _is_sound(record: Record) -> bool:
    """Whether a record, from a file that may hold anything, has the types that guesses are made from."""
    words = all(isinstance(record[key], str) for key in ("device", "task", "target", "quality"))
    numbers = [record[key] for key in ("steps", "size", "seconds", "frames", "paintings")]
    sizes = all(type(n) in (int, float) and 0 <= n < 1e9 for n in numbers)
    return (
        words
        and sizes
        and isinstance(record["flat"], bool)
        and all(record[key] > 0 for key in ("size", "frames", "paintings"))
        and record["quality"] in OTHER
    )


def kind_of(job: dict[str, Any]) -> Record:
    """Tell what the time depends on: `job` as in job.json."""
    flat = job["mesh"] is None
    targets = job.get("targets") or [{}]
    task = "boil" if job.get("boil") or job.get("keys") else job["task"]
    return {
        "device": job["device"],
        "task": task,
        "target": target_of(targets[0].get("kind")),
        "flat": flat,
        "quality": job["quality"],
        "steps": job["steps"] or 0,
        "size": job["image_size"] if flat else job["texture_size"],
        "frames": job["frames"] if task in COUNTED else 1,
        "paintings": max(1, len(job.get("keys") or ())),
    }


def target_of(kind: str | None) -> str:
    """Tell what of a target's kind its time depends on."""
    return kind if kind in ("class", "deepdream") else ""


def learn(folder: Path) -> None:
    """Keep how long the finished job in `folder` took.

    What says little of the next job teaches nothing: one that went on from another, painted several
    textures or sewed one from pieces, which takes seconds, and a strange report.
    """
    try:
        report = read_json(folder / REPORT_FILE)
        record = kind_of(report["job"]) | {"seconds": float(report["seconds"]["total"])}
        job = report["job"]
        if job.get("tiles") or job.get("resume") or job.get("parameterization") == "pieces":
            return
        if not _is_sound(record):
            return
    except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError):
        return
    _records.append(record)
    del _records[:-MAX_RECORDS]
    if _path is not None:
        user_files.write(_path, _records)


def expected(kind: Record) -> Expected | None:
    """Expect how long a job of this kind takes; None until a job of its task was done on its device."""
    same = [record for record in _records if kind.items() <= record.items()]
    if same:
        return Expected(median(record["seconds"] for record in same[-RECENT_RECORDS:]), True)
    like = [record for record in _records if all(record[k] == kind[k] for k in ("device", "task", "flat"))]
    if not like:
        return None
    nearest = min(reversed(like), key=lambda record: record["size"] != kind["size"])
    return Expected(nearest["seconds"] * _work(kind) / _work(nearest), False)


def _work(kind: Record) -> float:
    """How much there is to do, in a unit of its own: steps of one quality, pixels of a flat picture."""
    if kind["task"] in ("stylize", "boil") and not kind["flat"]:
        usual, work = ON_MESH[kind["quality"]]
        start = ON_MESH["sketch"][1]
        optimised = (work - start) * (kind["steps"] or usual) / max(1, usual)
        painted = start + kind["paintings"] * optimised
        if kind["task"] == "stylize":
            return painted
        return painted + kind["frames"] * (FRAME + optimised * FRAME_STEPS[kind["quality"]] / max(1, usual))
    steps = kind["frames"] * (kind["steps"] or OTHER[kind["quality"]] * _share(kind))
    return float(steps * kind["size"] ** 2 if kind["flat"] else steps)


def _share(kind: Record) -> float:
    """Of the usual steps."""
    if kind["target"] == "deepdream":
        return DEEPDREAM
    whole = kind["target"] == "class" and kind["task"] == "dream" and not kind["flat"]
    return CLASS_ON_MESH if whole else 1.0
