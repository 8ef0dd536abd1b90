"""The process that paints: it reads an asset a line from stdin, and answers each with an outcome on stdout.

It stays for the next asset, with torch and the network in memory. The end of stdin ends it at once: who
started it is gone, or wants it gone. What it does not survive costs one asset.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from ..cli.job_folder import MODEL_FILE, Inputs, make_and_do
from ..conversation import Emit, IsCancelled
from ..errors import PatinaError
from ..export import export
from ..export.options import Options
from ..machine import memory
from ..machine.shelf import Shelf
from ..protocol.events import CANCELLED
from ..protocol.files import CHECKPOINT_FILE, REPORT_FILE, TEXTURE_FILE
from ..reading import read_json
from ..run import Outcome as JobOutcome
from ..run import outcome_of
from ..writing import is_full, make_way, write_bytes
from .asset import DISK_FULL, FAILED, FINISHED, LOG_FILE, MEMORY, Asset, Outcome, from_json, hashes
from .bench import DiskFull
from .blend import converted
from .blend import paint as paint_blend
from .needs import OF_BLENDER
from .page import write_model_script
from .portrait import write_portraits

GLB_FILE, PRINT_FILE = "game.glb", "print.3mf"
BEGUN_FILE = "begun.txt"  # the digest of what is being painted; it stays where the painter was killed
NUMBERS = ("style_distance", "content_distance", "seam_ratio", "coverage", "steps")


def main() -> None:
    """Paint assets until stdin ends."""
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8")
    lines: SimpleQueue[str] = SimpleQueue()
    threading.Thread(target=_listen, args=(lines,), daemon=True).start()
    shelf = Shelf()
    while True:
        asset = from_json(lines.get())
        folder = Path(asset.folder)
        with suppress(OSError):  # what hinders the log hinders the job, which says it
            folder.mkdir(parents=True, exist_ok=True)
            make_way(folder / LOG_FILE)
            log = os.open(folder / LOG_FILE, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
            os.dup2(log, 1)
            os.dup2(log, 2)
            os.close(log)
        outcome = _outcome(asset, shelf)
        shelf.tidy()
        print(json.dumps(asdict(outcome)), file=channel, flush=True)


def _listen(lines: SimpleQueue[str]) -> None:
    for line in sys.stdin:
        lines.put(line)
    os._exit(CANCELLED)


def _outcome(asset: Asset, shelf: Shelf) -> Outcome:
    began, where = time.monotonic(), os.uname().nodename if hasattr(os, "uname") else ""
    try:
        digest = asset.digest()
        begun = Path(asset.folder) / BEGUN_FILE
        was_cut_off = begun.is_file() and begun.read_text(errors="replace") == digest
        write_bytes(begun, digest.encode())
        memory.forget_peak()
        try:
            outputs = paint_blend(asset) if asset.is_blend else paint(asset, shelf, was_cut_off)
        finally:
            begun.unlink(missing_ok=True)
        numbers = _numbers(asset)
        return Outcome(
            FINISHED, digest, 0, round(time.monotonic() - began, 2), hashes(outputs), numbers, where=where
        )
    except PatinaError as error:
        state = DISK_FULL if isinstance(error, DiskFull) or is_full(error) else FAILED
        message, cure = error.message, error.cure
    except Exception as error:
        state = DISK_FULL if is_full(error) else FAILED
        message, cure = f"{type(error).__name__}: {error}", "See its log."
        with suppress(OSError):  # the log may be on a full disk
            traceback.print_exc()
    with suppress(OSError):
        print(f"patina: {message}\n        {cure}", file=sys.stderr, flush=True)
    return Outcome(state, error=message, cure=cure, seconds=round(time.monotonic() - began, 2), where=where)


def _numbers(asset: Asset) -> dict[str, float]:
    """What the report says of the result, and what the job held: of a .blend file, in other processes."""
    try:
        report = read_json(Path(asset.folder) / REPORT_FILE)
    except (OSError, ValueError):
        return {}
    numbers = {name: report[name] for name in NUMBERS if isinstance(report.get(name), int | float)}
    held: float = memory.peak_resident()
    if asset.is_blend:
        of_painter = report.get("peak_memory_mb")
        held = of_painter * 1e6 + OF_BLENDER if isinstance(of_painter, int | float) else 0
    return numbers | ({MEMORY: round(held / 1e9, 3)} if held else {})


def paint(asset: Asset, shelf: Shelf, was_cut_off: bool = False) -> list[Path]:
    """Paint a model into the asset's folder, and give the files that were asked for. Raises PatinaError.

    was_cut_off: whether a painter was killed at the same before; its checkpoint is gone on from if the asset
    says so. Raises DiskFull, too.
    """
    folder = Path(asset.folder)
    fields = {"task": "stylize"} | asset.fields
    if was_cut_off and asset.goes_on and (folder / CHECKPOINT_FILE).is_file():
        print("It was cut off, and goes on from its checkpoint.", flush=True)
        fields["resume"] = CHECKPOINT_FILE
    inputs = Inputs(Path(asset.source), styles=asset.styles, keep_uvs=asset.keep_uvs)
    failed: list[JobOutcome] = []

    def do(folder: Path, emit: Emit, cancelled: IsCancelled) -> int:
        outcome = outcome_of(folder, emit, cancelled, asset.online, shelf=shelf)
        if outcome.ending.kind == "failed":
            failed.append(outcome)
        if not outcome.foreseen:
            shelf.clear()
        return outcome.code

    make_and_do(folder, inputs, fields, do)
    if failed:
        ending, kind = failed[0].ending, DiskFull if failed[0].disk_full else PatinaError
        raise kind(ending.message, ending.cure, ending.field)
    write_portraits(folder, folder)
    write_model_script(folder, asset.name, folder / MODEL_FILE)
    return exported(asset, folder / MODEL_FILE)


def exported(asset: Asset, model: Path) -> list[Path]:
    """Export a painted model as the asset's outputs ask, and give the files. Raises PatinaError."""
    folder = Path(asset.folder)
    make: dict[str, Callable[[], list[Path]]] = {
        "texture": lambda: sorted(folder.glob(TEXTURE_FILE.replace(".", "*."))),
        "glb": lambda: _export(model, "game-glb", folder / GLB_FILE, {}),
        "3mf": lambda: _export(model, "print-3mf", folder / PRINT_FILE, {"size_mm": asset.size_mm}),
    }
    files = [path for output in asset.outputs if output in make for path in make[output]()]
    return [model, *files, *converted(asset, model)]


def _export(model: Path, preset: str, out: Path, options: dict[str, Any]) -> list[Path]:
    export(model, preset, out, Options(overwrite=True, **options))
    return [out]


if __name__ == "__main__":
    main()
