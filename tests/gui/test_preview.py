"""The texture so far, drawn over its object in the viewport."""

from __future__ import annotations

import numpy as np
from conftest import Story

# A job for the default cube as it is, and a preview of it in a colour that nothing else has.
SHOW = """
import tempfile
from pathlib import Path
from bl_ext.user_default.patina.addon import preview
from bl_ext.user_default.patina.addon.scene import job
scene, cube = bpy.context.scene, bpy.data.objects["Cube"]
depsgraph, folder = bpy.context.evaluated_depsgraph_get(), Path(tempfile.mkdtemp())
prepared = job.write([cube], scene.patina, scene.patina_scope, depsgraph, folder)
picture = bpy.data.images.new("picture", 8, 8)
picture.pixels = [1.0, 0.0, 1.0, 1.0] * 64
picture.filepath_raw, picture.file_format = str(prepared.folder / "preview.png"), "PNG"
picture.save()
preview.show(prepared.folder, prepared.count, prepared.members)
"""
PREVIEW = "__import__('sys').modules['bl_ext.user_default.patina.addon.preview']"


def magenta(story: Story) -> int:
    """How many pixels of the viewport have the preview's colour, be it in the shade."""
    story.window.settle()
    shown = np.asarray(story.window.screen.picture().crop(story.window.region("WINDOW"))).astype(int)
    red, green, blue = np.moveaxis(shown[..., :3], -1, 0)
    return int(((np.abs(red - blue) < 8) & (red > 80) & (green < 20)).sum())


def test_a_preview_is_drawn_on_its_object_and_moves_with_it(story: Story):
    assert magenta(story) < 50
    story.window.do(SHOW)
    assert magenta(story) > 5000
    story.step("preview")
    story.window.do("bpy.data.objects['Cube'].location.x = 1000")
    assert magenta(story) < 50
    story.window.do("bpy.data.objects['Cube'].location.x = 0")
    assert magenta(story) > 5000
    story.window.do(f"{PREVIEW}.clear()")
    assert magenta(story) < 50
