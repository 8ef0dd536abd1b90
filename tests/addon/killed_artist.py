"""An artist whose Blender dies: killed_artist.py (paint | go on) BLEND STEPS, in a Blender of its own.

"paint" makes a scene, saves it, and paints until it is killed; it prints its backend's process and each
step. "go on" is the Blender that is started afterwards: it opens the scene and lets the job in History go on.
"""

import importlib
import os
import sys
import time

import bpy

# bpy brings it, and reads where the user's folder is as it is imported.
importlib.import_module("addon_utils").enable("bl_ext.user_default.patina", default_set=True)

from bl_ext.user_default.patina.addon import history, jobs  # noqa: E402
from bl_ext.user_default.patina.addon.operators import stylize as stylizing  # noqa: E402

way, blend, steps = sys.argv[1:]
if way == "paint":
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    bpy.ops.mesh.primitive_cube_add(size=2, calc_uvs=True)
    panel = bpy.context.scene.patina
    panel.quality, panel.texture_size, panel.steps = "draft", "256", int(steps)
    bpy.ops.wm.save_as_mainfile(filepath=blend)
    (run,) = stylizing.prepare(bpy.context)
    jobs.submit(run)
    jobs.pump()
    print("backend", run.process.pid, flush=True)
    while jobs.pump():
        if run.progress.step and (run.folder / "checkpoint.npz").is_file():
            print("step", run.progress.step, flush=True)
        time.sleep(0.05)
else:
    bpy.ops.wm.open_mainfile(filepath=blend)
    (entry,) = history.entries
    panel = bpy.context.scene.patina
    bpy.context.view_layer.objects.active = bpy.data.objects["Cube"]
    bpy.ops.patina.history_go_on(folder=str(entry.folder))
    print("went on:", jobs.ended[-1].state, flush=True)
os._exit(0)  # bpy as a module may crash in its own exit
