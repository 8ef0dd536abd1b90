"""An artist beside others who have the same user folder: neighbour.py, in a Blender of its own.

Paints a cube as often as stdin has a line, in so many steps as that says. Prints its painter's process and
the job's folder, each step, and how it ended.
"""

import importlib
import os
import sys
import time

import bpy

# bpy brings it, and reads where the user's folder is as it is imported.
importlib.import_module("addon_utils").enable("bl_ext.user_default.patina", default_set=True)

from bl_ext.user_default.patina.addon import jobs  # noqa: E402
from bl_ext.user_default.patina.addon.operators import stylize as stylizing  # noqa: E402

bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
bpy.ops.mesh.primitive_cube_add(size=2, calc_uvs=True)
panel = bpy.context.scene.patina
panel.quality, panel.texture_size = "draft", "256"
for line in sys.stdin:
    panel.steps = int(line)
    (run,) = stylizing.prepare(bpy.context)
    jobs.submit(run)
    jobs.pump()
    print("began", run.process.pid, run.folder, flush=True)
    step = 0
    while jobs.pump():
        if run.progress.step > step:
            step = run.progress.step
            print("step", step, flush=True)
        time.sleep(0.02)
    print("ended", run.state, flush=True)
os._exit(0)  # bpy as a module may crash in its own exit
