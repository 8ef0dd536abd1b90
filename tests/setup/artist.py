"""An artist's first minutes, offline: artist.py ZIP WHEELHOUSE FOLDER, in a Blender of its own.

Installs the extension from its zip, sets up the whole backend from a folder of wheels by the operator,
stylizes a cube with it, and removes it again. The last line printed tells what was seen, as JSON.
"""

import json
import os
import sys
from pathlib import Path

import bpy

PACKAGE = "bl_ext.user_default.patina"

archive, wheels, place = (str(Path(text).absolute()) for text in sys.argv[1:])
bpy.ops.extensions.package_install_files(filepath=archive, repo="user_default", enable_on_install=True)

from bl_ext.user_default.patina.addon import folders, installation  # noqa: E402

told = {"blender": bpy.app.version_string, "online": bpy.app.online_access}
settings = bpy.context.preferences.addons[PACKAGE].preferences
settings.wheelhouse, settings.folder = wheels, place
told["set_up"] = sorted(bpy.ops.patina.set_up())
told["state"] = installation.known.record.state
told["doctor"] = installation.known.doctor[-1] if installation.known.doctor else ""

bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
bpy.ops.mesh.primitive_cube_add(size=2, calc_uvs=True)
scene = bpy.context.scene.patina
scene.style, scene.quality, scene.texture_size, scene.steps = "great_wave", "draft", "256", 3
told["stylize"] = sorted(bpy.ops.patina.stylize())
told["images"] = [list(image.size) for image in bpy.data.images if image.packed_file]

told["remove"] = sorted(bpy.ops.patina.remove())
told["removed"] = installation.known.message
told["left"] = [path.name for path in folders.backend().parent.iterdir()]
print(json.dumps(told))
sys.stdout.flush()
# bpy 4.2 as a module crashes in its own exit after an add-on with a dynamic enum was loaded.
os._exit(0)
