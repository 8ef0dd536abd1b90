"""How soon after the button an object shows paint, cold and warm, for objects of three sizes.

    python benchmarks/first_paint.py OUT.json [TRIANGLES …]

Runs in a Python with bpy and the extension in the user folder that BLENDER_USER_RESOURCES names, without a
window: what is measured ends where a window would draw, after the preview is read. From the press count the
export, handing it over, the backend's start, and within the job the mesh and its texels ("looking"), what the
artist's view sees of them ("first G-buffer"), and that view painted, as a preview. From the second preview on
other views have a part, and then the steps. Cold: no painter runs. Warm: one does, and has painted another
object. Again: it has painted this one.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import bpy
import numpy as np

PACKAGE = "bl_ext.user_default.patina"
LOOKED_FROM = (0.8, -0.5, 0.3)
WAIT_SECONDS = 300.0
STAGES = {"painting": "first G-buffer"}  # of a job's beginning, by another name
PREVIEWS, WATCHED_SECONDS = 10, 5.0  # so many are waited for, and all that come so soon after the first


def make_ball(triangles: int) -> bpy.types.Object:
    """A sphere of about so many triangles, with UVs, alone selected, that wears a picture."""
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    obj = bpy.data.objects.new("Ball", _ball(max(4, round((triangles / 4) ** 0.5))))
    bpy.context.collection.objects.link(obj)
    obj.select_set(True)
    bpy.context.view_layer.objects.active = obj
    image = bpy.data.images.new("Colours", 1024, 1024)
    image.generated_type = "COLOR_GRID"
    material = bpy.data.materials.new("Colours")
    material.use_nodes = True
    node = material.node_tree.nodes.new("ShaderNodeTexImage")
    node.image = image
    material.node_tree.links.new(node.outputs[0], material.node_tree.nodes["Principled BSDF"].inputs[0])
    obj.data.materials.append(material)
    return obj


def _ball(rings: int) -> bpy.types.Mesh:
    """A sphere of 2 * rings² quads, open a little at its poles; Blender takes minutes to make millions."""
    around = 2 * rings
    rise = np.linspace(1e-3, np.pi - 1e-3, rings + 1)[:, None]
    turn = 2 * np.pi * np.arange(around) / around
    points = np.stack(
        np.broadcast_arrays(np.sin(rise) * np.cos(turn), np.sin(rise) * np.sin(turn), np.cos(rise)), -1
    )
    row, column = np.divmod(np.arange(rings * around)[:, None], around)
    rows, columns = row + [0, 1, 1, 0], column + [0, 0, 1, 1]  # of the corners of each quad
    mesh = bpy.data.meshes.new("Ball")
    mesh.vertices.add(points.size // 3)
    mesh.vertices.foreach_set("co", points.astype(np.float32).ravel())
    mesh.loops.add(rows.size)
    mesh.loops.foreach_set("vertex_index", (rows * around + columns % around).astype(np.int32).ravel())
    mesh.polygons.add(len(rows))
    mesh.polygons.foreach_set("loop_start", np.arange(0, rows.size, 4, dtype=np.int32))
    layer = mesh.uv_layers.new(name="UVMap", do_init=False)
    layer.uv.foreach_set(
        "vector", np.stack((columns / around, 1 - rows / rings), -1).astype(np.float32).ravel()
    )
    mesh.update(calc_edges=True)
    mesh.shade_smooth()
    return mesh


def press(modules: Any) -> dict[str, Any]:
    """Stylize what is selected until its tenth preview; the seconds from the press to each event."""
    jobs, preview, stylize, job_file = modules
    began, spent = time.perf_counter(), time.process_time()
    (run,) = stylize.prepare(bpy.context)
    job = job_file.read_job(run.folder)  # no window says where the artist looks from
    job_file.write_job(run.folder, replace(job, looked_from=LOOKED_FROM))
    found = {"exported": time.perf_counter() - began, "export, of a processor": time.process_time() - spent}
    jobs.submit(run)
    jobs._start(run)
    found["handed over"] = time.perf_counter() - began
    previews: list[float] = []
    while len(previews) < PREVIEWS or time.perf_counter() - began < previews[0] + WATCHED_SECONDS:
        if time.perf_counter() - began > WAIT_SECONDS:
            raise SystemExit(f"There was no preview within {WAIT_SECONDS:g} s; so far: {found}")
        for event in run.process.poll():
            if event.kind == "preview":
                assert preview.read(run.folder / event.path) is not None
                previews.append(time.perf_counter() - began)
            elif event.kind in ("failed", "finished"):
                raise SystemExit(event.message or "It was over before there were enough previews.")
            elif event.kind == "started" or event.stage:
                name = STAGES.get(event.stage, event.stage or "begun")
                found.setdefault(name, time.perf_counter() - began)
        time.sleep(0.002)
    run.process._painter.ask("cancel", run.process)  # without the two seconds after which it would be killed
    while jobs.queue:
        jobs.pump()
        time.sleep(0.01)
    soon = sum(at <= previews[0] + WATCHED_SECONDS for at in previews)
    found |= {"first preview": previews[0], "second preview": previews[1]}
    rounded = {name: round(seconds, 3) for name, seconds in found.items()}
    return rounded | {"previews": [round(at, 2) for at in previews[:PREVIEWS]], "in 5 s": soon}


def main(out: Path, sizes: list[int]) -> None:
    """Measure each size cold, then warm, and write `out` after each press."""
    importlib.import_module("addon_utils").enable(PACKAGE, default_set=True)
    names = ("addon.jobs", "addon.preview", "addon.operators.stylize", "backend.protocol.job_file")
    modules = [importlib.import_module(f"{PACKAGE}.{name}") for name in names]
    studio = importlib.import_module(f"{PACKAGE}.addon.studio")
    seconds: dict[str, dict[str, dict[str, Any]]] = {}
    for triangles in sizes:
        obj = make_ball(triangles)
        settings = bpy.context.scene.patina
        # A draft of the largest may be done before its tenth preview.
        settings.texture_size, settings.quality = "1024", "standard"
        studio.stop()
        for way in ("cold", "warm", "again"):
            if way == "warm":  # an object that the painter has not seen
                obj.scale.z = 1.25
                bpy.context.view_layer.update()
            of_size = seconds.setdefault(str(2 * len(obj.data.polygons)), {})
            of_size[way] = press(modules) | {"load": round(os.getloadavg()[0], 1)}
            print(f"{triangles} {way}: {json.dumps(of_size[way])}", flush=True)
            record = {"blender": bpy.app.version_string, "seconds": seconds}
            out.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    studio.stop()


if __name__ == "__main__":
    main(Path(sys.argv[1]), [int(text) for text in sys.argv[2:]] or [600, 100_000, 2_000_000])
    os._exit(0)  # bpy as a module may crash in its own exit
