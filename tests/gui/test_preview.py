"""The texture so far, drawn over its object in the viewport."""

from __future__ import annotations

import numpy as np
from conftest import Story

# A job for the default cube as it is, and a preview of it in a colour that nothing else has.
SHOW = """
import tempfile
from pathlib import Path
import numpy as np
from bl_ext.user_default.patina.addon import preview
from bl_ext.user_default.patina.addon.scene import job
from bl_ext.user_default.patina.backend.pictures import png
scene, cube = bpy.context.scene, bpy.data.objects["Cube"]
depsgraph, folder = bpy.context.evaluated_depsgraph_get(), Path(tempfile.mkdtemp())
prepared = job.write([cube], scene.patina, scene.patina_scope, depsgraph, folder)
picture = np.full((8, 8, 3), (255, 0, 255), np.uint8)
(prepared.folder / "preview.png").write_bytes(png.encode(picture, level=0))
preview.show(prepared.folder, prepared.count, prepared.members)
"""
PREVIEW = "__import__('sys').modules['bl_ext.user_default.patina.addon.preview']"


def viewport(story: Story) -> np.ndarray:
    """What the viewport shows (H, W, 3), in 8 bits."""
    story.window.settle()
    picture = story.window.screen.picture().crop(story.window.region("WINDOW"))
    return np.asarray(picture).astype(int)[..., :3]


def is_magenta(shown: np.ndarray) -> np.ndarray:
    """Which pixels (H, W) have the preview's colour, be it in the shade."""
    red, green, blue = np.moveaxis(shown, -1, 0)
    return (np.abs(red - blue) < 8) & (red > 80) & (green < 20)


def magenta(story: Story) -> int:
    return int(is_magenta(viewport(story)).sum())


def test_a_preview_is_as_bright_as_what_comes_of_it(story: Story):
    grey = viewport(story)  # which lets through 0.8 of the light
    story.window.do(SHOW)
    shown = viewport(story)
    cube = is_magenta(shown)
    preview, result = (
        (((red[cube] / 255 + 0.055) / 1.055) ** 2.4).mean() for red in (shown[..., 0], grey[..., 0])
    )
    assert 0.75 < preview / (result / 0.8) < 1.3


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
