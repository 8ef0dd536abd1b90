"""How long Blender's main thread is held up while a job runs, measured in a Blender with a window.

    blender --python benchmarks/main_thread.py -- OUT.json [TEXTURE_SIZE] [STEPS]

Paints the fox, with the extension switched on and its backend set up (PATINA_BACKEND names another), and
changes the strength five times meanwhile. Each tick of the queue's timer and each drawing of the
preview is timed: by the clock, and by the processor time of the thread, which other programs on the machine
do not lengthen.
"""

from __future__ import annotations

import json
import os
import platform
import sys
import time
from collections.abc import Callable, Iterator
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import addon_utils
import bpy

PACKAGE = "bl_ext.user_default.patina"
STEER_SECONDS, STEERINGS = 3.0, 5
STRENGTHS = 0.6, 0.8  # in turns
FOX = Path(__file__).parents[1] / "tests" / "assets" / "fox.gltf"

arguments = sys.argv[sys.argv.index("--") + 1 :]
out = Path(arguments[0])
size, steps = (arguments[1:] + ["1024", "40"])[:2] if len(arguments) < 3 else arguments[1:3]
taken: dict[str, list[tuple[float, float]]] = {}


def timed(function: Callable[[], Any], kind: Callable[[], str]) -> Callable[[], Any]:
    """`function`, whose calls are written down in `taken` under what `kind` says of them afterwards."""

    def call() -> Any:
        wall, processor = time.perf_counter(), time.thread_time()
        result = function()
        spent = time.perf_counter() - wall, time.thread_time() - processor
        taken.setdefault(kind(), []).append((1000 * spent[0], 1000 * spent[1]))
        return result

    return call


def begin() -> None:
    """Import the fox, press the button, time what the timer does."""
    addon_utils.enable(PACKAGE, default_set=True)
    from bl_ext.user_default.patina.addon import jobs, preview

    before: dict[str, Any] = {}

    def kind_of_tick() -> str:
        found = "other ticks"
        run = before["run"]
        if not before["process"]:
            found = "starting the backend"
        elif run.state != jobs.RUNNING:
            found = "applying the texture"
        elif run.asked is not before["asked"]:
            found = "handing a change over"
        elif preview.shown and preview.shown.pictures is not before["pictures"]:
            found = "reading a preview"
        return found

    pump = jobs.pump

    def remembering() -> bool:
        before.update(
            run=jobs.queue[0],
            process=jobs.queue[0].process,
            asked=jobs.queue[0].asked,
            pictures=preview.shown.pictures if preview.shown else None,
        )
        return pump()

    jobs.pump = timed(remembering, kind_of_tick)
    preview._paint = timed_paint(preview._paint)
    area = next(a for a in bpy.context.window_manager.windows[0].screen.areas if a.type == "VIEW_3D")
    region = next(region for region in area.regions if region.type == "WINDOW")
    with bpy.context.temp_override(window=bpy.context.window_manager.windows[0], area=area, region=region):
        bpy.ops.object.select_all(action="SELECT")
        bpy.ops.object.delete()
        bpy.ops.import_scene.gltf(filepath=str(FOX))
        bpy.ops.object.select_all(action="DESELECT")
        fox = bpy.data.objects["fox"]
        fox.select_set(True)
        bpy.context.view_layer.objects.active = fox
        bpy.ops.view3d.view_selected()
        settings = bpy.context.scene.patina
        settings.quality, settings.texture_size, settings.steps = "standard", size, int(steps)
        bpy.ops.patina.stylize()
    turns = islice(cycle(STRENGTHS), STEERINGS)
    bpy.app.timers.register(lambda: steer(jobs, turns), first_interval=STEER_SECONDS)
    bpy.app.timers.register(lambda: end(jobs), first_interval=1.0)


def steer(jobs: Any, turns: Iterator[float]) -> float | None:
    """Move the strength on, as long as the job runs and there are `turns`."""
    strength = next(turns, None)
    if strength is None or not jobs.queue or jobs.queue[0].state != jobs.RUNNING:
        return None
    bpy.context.scene.patina.strength = strength
    return STEER_SECONDS


def timed_paint(paint: Callable[..., None]) -> Callable[..., None]:
    def call(preview: Any, *others: Any) -> None:
        kind = "drawing a preview again" if preview.textures else "drawing a new preview"
        if not any(name.startswith("drawing") for name in taken):
            kind = "drawing for the first time, with the shader"
        timed(lambda: paint(preview, *others), lambda: kind)()

    return call


def end(jobs: Any) -> float | None:
    """Write the numbers so far; quit once the job is over."""
    found = {
        kind: {
            "count": len(times),
            "median_ms": round(sorted(wall for wall, _ in times)[len(times) // 2], 2),
            "longest_ms": round(max(wall for wall, _ in times), 2),
            "longest_processor_ms": round(max(processor for _, processor in times), 2),
        }
        for kind, times in sorted(taken.items())
    }
    run = (jobs.queue or jobs.ended)[-1]
    machine = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    record = {
        "machine": machine,
        "blender": bpy.app.version_string,
        "texture_size": int(size),
        "state": run.state,
        "error": str(run.error or ""),
        "main_thread": found,
    }
    out.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    if jobs.queue:
        return 2.0
    bpy.ops.wm.quit_blender()
    return None


bpy.app.timers.register(lambda: begin(), first_interval=2.0)
