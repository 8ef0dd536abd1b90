"""Files for printers: the shape as it is seen goes to the backend as a GLB, and comes back as asked.

The backend works in a process of its own, one print after the other; with a window, a timer sees to them.
What is to be printed is written at once, so nothing that happens in Blender meanwhile matters.
"""

from __future__ import annotations

import atexit
import json
import os
import tempfile
import time
import traceback
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy

from ...backend.errors import PatinaError
from ...backend.export.files import check_target
from ...backend.pictures import png
from ...backend.protocol.events import Event
from ...backend.terminal import ProgressBar
from .. import folders, jobs, problems
from ..process import Process, python_command
from ..setup.system import backend_environment
from .copies import copies
from .textures import read_pixels

TICK_SECONDS = 0.2
SOURCE = "export"  # whose problems these are
_MODEL, _HEIGHT, _REPORT, _CHECK = "model.glb", "height.png", "report.json", "check.json"


@dataclass(eq=False)
class Print:
    """One print, or check of one: what the backend is asked, and the folder that holds what it reads."""

    folder: tempfile.TemporaryDirectory[str]
    arguments: list[str]
    target: Path | None = None  # None: only a check
    process: Process | None = None
    error: PatinaError | None = None


queue: list[Print] = []  # the first one runs
progress = Event("progress")
last_check: dict[str, Any] | None = None  # the latest report of the backend, for the panel
message = ""  # the good end of the latest, `{}` in it for `wrote`
wrote: Path | str = ""  # what the latest print was written to


def prepare(
    context: bpy.types.Context,
    objects: list[bpy.types.Object],
    preset: str,
    path: Path,
    settings: bpy.types.PropertyGroup,
    overwrite: bool,
) -> Print:
    """Prepare a print of `objects` to `path` by the backend's `preset`, to begin. Raises PatinaError."""
    check_target(path, overwrite)
    prepared = _prepare(context, objects, preset, settings)
    prepared.target = path
    prepared.arguments += ["--out", str(path), *["--overwrite"] * overwrite]
    if settings.height is not None:
        height = Path(prepared.folder.name, _HEIGHT)
        grey = read_pixels(settings.height)[..., :3].mean(axis=-1)
        height.write_bytes(png.encode(png.deep(grey)))  # 8 bits would make terraces of a smooth height
        prepared.arguments += ["--height", str(height), "--relief-mm", str(settings.relief_mm)]
    return prepared


def prepare_check(
    context: bpy.types.Context, objects: list[bpy.types.Object], settings: bpy.types.PropertyGroup
) -> Print:
    """Prepare a print check of `objects` at the size that is set, to begin. Raises PatinaError."""
    prepared = _prepare(context, objects, "print-check", settings)
    prepared.arguments += ["--out", str(Path(prepared.folder.name, _CHECK))]
    return prepared


def _prepare(
    context: bpy.types.Context,
    objects: list[bpy.types.Object],
    preset: str,
    settings: bpy.types.PropertyGroup,
) -> Print:
    python = folders.backend_python()
    folder = tempfile.TemporaryDirectory(prefix="patina-print-", ignore_cleanup_errors=True)
    model = Path(folder.name, _MODEL)
    with copies(context, objects):
        bpy.ops.export_scene.gltf(
            filepath=str(model),
            export_format="GLB",
            use_selection=True,
            export_apply=True,
            export_animations=False,
            export_skins=False,  # the pose is then in the vertices
            export_current_frame=True,
            export_morph=False,
            export_yup=True,
        )
    command = python_command(python, "-m", "backend", "export", str(model), "--preset", preset)
    command += ["--size-mm", str(settings.size_mm), "--min-wall-mm", str(settings.min_wall_mm)]
    command += ["--events", str(Path(folder.name, _REPORT)), *["--repair"] * settings.repair]
    return Print(folder, command)


def may_begin(operator: type[bpy.types.Operator]) -> bool:
    """Whether no print is on its way; `operator` then says so."""
    if queue:
        operator.poll_message_set("A print is on its way; wait for it or cancel it")
    return not queue


def begin(prints: Iterable[Print]) -> None:
    """Queue `prints`; with a window they go on by themselves."""
    global message, wrote, last_check
    message, wrote, last_check = "", "", None
    problems.clear(SOURCE)
    queue.extend(prints)
    if not bpy.app.background and not bpy.app.timers.is_registered(_tick):
        bpy.app.timers.register(_tick, first_interval=0.0, persistent=True)


def pump() -> bool:
    """Take the queue one turn further, without waiting for anything; whether there is more to do."""
    if queue:
        running = queue[0]
        try:
            if running.process is None:
                _start(running)
            for event in running.process.poll():
                _take(running, event)
        except PatinaError as error:
            _fail(running, error)
        except Exception as error:  # a fault of ours must not leave the queue stuck
            traceback.print_exc()
            _fail(running, PatinaError(f"The print ended without a result: {error!r}.", "Try it again."))
    return bool(queue)


def _start(prepared: Print) -> None:
    global progress
    progress = Event("progress", stage="starting")
    try:
        environment = backend_environment(os.environ)
        prepared.process = Process(prepared.arguments, folders.EXTENSION, environment=environment)
    except OSError as error:
        raise PatinaError(
            f"The backend's Python, {prepared.arguments[0]}, cannot be started: {error.strerror}.",
            "Set up the backend in Preferences > Add-ons > Patina.",
            "backend",
        ) from None


def _take(running: Print, event: Event) -> None:
    global progress, last_check, message, wrote
    if event.kind == "progress":
        progress = event
    elif event.kind == "failed":
        raise PatinaError(event.message, event.cure, event.field)
    elif event.kind == "cancelled":
        message = "Cancelled."
        _end(running)
    elif event.kind == "finished":
        last_check = json.loads(Path(event.report).read_text(encoding="utf-8"))
        fine = "" if wrong() else "Nothing stands in the way of printing."
        wrote = running.target or ""
        message = "Wrote {}" if wrote else fine
        _end(running)


def _fail(running: Print, error: PatinaError) -> None:
    running.error = error
    problems.tell(error, SOURCE)
    _end(running)


def _end(ended: Print) -> None:
    if ended.process and not ended.process.ended:
        ended.process.kill()
    if ended in queue:
        queue.remove(ended)
    ended.folder.cleanup()


def wrong() -> list[dict[str, Any]]:
    """List the findings of the latest report that stand in the way of printing."""
    return [finding for finding in (last_check or {}).get("findings", ()) if finding["level"] != "ok"]


def cancel() -> None:
    """Stop the print that runs, within two seconds, and forget those that wait."""
    for waiting in queue[1:]:
        _end(waiting)
    if queue and queue[0].process:
        queue[0].process.cancel()
    elif queue:
        _end(queue[0])


def run_to_end() -> None:
    """Work the queue off with a bar on the terminal: for a Blender without a window."""
    bar = ProgressBar()
    try:
        while pump():
            bar.show(progress, "Print")
            time.sleep(TICK_SECONDS / 4)
    except KeyboardInterrupt:
        cancel()
        while pump():
            time.sleep(TICK_SECONDS / 4)
    bar.end()


def _tick() -> float | None:
    before = progress, len(queue)
    more = pump()
    if (progress, len(queue)) != before:
        jobs.redraw()
    return TICK_SECONDS if more else None


def stop() -> None:
    """Leave nothing running. A timer that is still registered when Blender ends would hang it."""
    global last_check, message, wrote
    if bpy.app.timers.is_registered(_tick):
        bpy.app.timers.unregister(_tick)
    for each in list(queue):
        _end(each)
    last_check, message, wrote = None, "", ""


def register() -> None:
    atexit.register(stop)


def unregister() -> None:
    atexit.unregister(stop)
    stop()
