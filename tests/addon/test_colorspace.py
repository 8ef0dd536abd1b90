"""Colours of any OpenColorIO configuration and any working space, each in a Blender of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import bpy
import pytest

HERE = Path(__file__).parent
ACES = {"OCIO": "ocio://default"}  # a configuration that comes with OpenColorIO: no "sRGB", no "Non-Color"

# What a Blender with another configuration, or a file with another working space, makes of colours.
SCRIPT = """
import json, sys
sys.path.insert(0, sys.argv[1])
import conftest
import bpy
from pathlib import Path
import numpy as np
from bl_ext.user_default.patina.addon.operators import apply
from bl_ext.user_default.patina.addon.scene import colorspace, image, masks, material, result
from bl_ext.user_default.patina.addon.scene.records import Member, Prepared
from bl_ext.user_default.patina.addon.scene.textures import Texture, read, write_contents
from bl_ext.user_default.patina.backend.protocol.job import Job
from bl_ext.user_default.patina.backend.protocol.job_file import write_job
from bl_ext.user_default.patina.backend.protocol.parts import Style

folder, working = Path(sys.argv[2]), sys.argv[3]
if working:
    bpy.ops.wm.set_working_color_space(working_space=working)
told = {}

# A result with relief is put on a cube.
write_job(folder, Job("Cube", mesh="m.npz", task="synthesize", styles=(Style("s.png"),), relief=True))
for name in ("texture.png", "height.png", "normal.png"):
    image.write_png(np.broadcast_to(np.float32((0.9, 0.2, 0.1)), (8, 8, 3)), folder / name)
bpy.ops.mesh.primitive_cube_add(calc_uvs=True)
cube = bpy.context.object
member = Member("Cube", cube.session_uid, (Texture("Cube", (0,)),), (0,))
shown = apply.apply(Prepared(folder, "Cube", (member,)), [member])
told["shown"] = [made.colorspace_settings.is_data for made in shown]
maps = [made for made in bpy.data.images if made.name.endswith(("Height", "Normal"))]
told["data"] = [made.colorspace_settings.is_data for made in maps]
told["mask"] = round(float(masks.read(folder / "texture.png")[0, 0]), 2)

def content(paint):
    # What a plane shows that `paint` gives its colour, in 8 bits.
    bpy.ops.mesh.primitive_plane_add(calc_uvs=True)
    plane = bpy.context.object
    mat = bpy.data.materials.new("Paint")
    mat.use_nodes = True
    plane.data.materials.append(mat)
    paint(mat.node_tree, mat.node_tree.nodes["Principled BSDF"].inputs["Base Color"])
    depsgraph = bpy.context.evaluated_depsgraph_get()
    (name,) = write_contents(plane, read(plane, depsgraph), depsgraph, folder, 16)
    made = bpy.data.images.load(str(folder / name), check_existing=False)
    return [round(255 * value) for value in made.pixels[:3]]

target = image.srgb_to_linear(np.float64((230, 40, 30)) / 255)
color = np.array(json.loads(sys.argv[4])) @ target

def plain(tree, socket):
    socket.default_value = (*color, 1)

def baked(tree, socket):
    mix = tree.nodes.new("ShaderNodeMix")
    mix.data_type = "RGBA"
    mix.inputs[0].default_value = 0
    mix.inputs[6].default_value = (*color, 1)
    tree.links.new(mix.outputs[2], socket)

def floats(tree, socket):
    node = tree.nodes.new("ShaderNodeTexImage")
    node.image = bpy.data.images.new("Floats", 8, 8, float_buffer=True, alpha=False)
    node.image.pixels.foreach_set(np.tile(np.float32((*color, 1)), 64))
    tree.links.new(node.outputs[0], socket)

def bytes_(tree, socket):
    node = tree.nodes.new("ShaderNodeTexImage")
    node.image = bpy.data.images.new("Bytes", 8, 8)
    node.image.pixels.foreach_set(np.tile(np.float32((230 / 255, 40 / 255, 30 / 255, 1)), 64))
    tree.links.new(node.outputs[0], socket)

told["read"] = [content(paint) for paint in (plain, baked, floats, bytes_)]
over = bpy.data.images["Floats"]
image.write_png(np.broadcast_to(np.float32((230, 40, 30)) / 255, (8, 8, 3)), folder / "paint.png")
file, space = result.composed(over, folder / "paint.png", np.ones((8, 8)))
again = result.load_packed(file, "again", space)
told["over"] = float(np.abs(np.array(again.pixels[:3]) - color).max())
told["linear"] = colorspace.is_linear(over), colorspace.is_linear(bpy.data.images["Bytes"])
print("TOLD" + json.dumps(told))
"""


# From linear light with the primaries of sRGB, by the published chromaticities.
REC709 = ((1, 0, 0), (0, 1, 0), (0, 0, 1))
REC2020 = ((0.6274, 0.3293, 0.0433), (0.0691, 0.9195, 0.0114), (0.0164, 0.0880, 0.8956))
ACESCG = ((0.6131, 0.3395, 0.0474), (0.0702, 0.9164, 0.0135), (0.0206, 0.1096, 0.8698))


def told(folder: Path, environment: dict[str, str], working: str, matrix: tuple) -> dict:
    script = folder / "script.py"
    script.write_text(SCRIPT)
    command = [sys.executable, "-B", str(script), str(HERE), str(folder), working, json.dumps(matrix)]
    done = subprocess.run(
        command, env={**os.environ, **environment}, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(next(line for line in done.stdout.splitlines() if line.startswith("TOLD"))[4:])


SPACES = [({}, "", REC709), (ACES, "", ACESCG)]
if bpy.app.version >= (5, 0):
    SPACES += [({}, "ACEScg", ACESCG), ({}, "Linear Rec.2020", REC2020)]


@pytest.mark.parametrize(("environment", "working", "matrix"), SPACES)
def test_colours_are_read_and_results_shown(tmp_path, environment, working, matrix):
    found = told(tmp_path, environment, working, matrix)
    assert found["shown"] == [False, True, True]  # the colours, then height and normals
    assert found["data"] == [True, True]
    assert found["mask"] == 0.9
    for color in found["read"]:
        assert color == pytest.approx([230, 40, 30], abs=1)
    assert found["over"] < 0.005
    assert found["linear"] == [True, False]
