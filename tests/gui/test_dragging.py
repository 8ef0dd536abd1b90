"""A style asset, dragged from the Asset Browser onto an object."""

from __future__ import annotations

from conftest import Story
from test_click_through import QUEUE

BROWSER = "next(a for a in bpy.context.screen.areas if a.ui_type == 'ASSETS')"
CUBE = "bpy.data.objects['Cube']"
TILE = 60  # pixels from the list's corner into its first tile
# Blender knows the list some time after it shows it.
SHOWN = f"{BROWSER}.spaces.active.params and len(bpy.data.node_groups)"


def test_a_style_that_is_dragged_onto_an_object_paints_it(story: Story):
    window, screen = story.window, story.window.screen
    window.do(
        "settings = bpy.context.scene.patina\n"
        "settings.style, settings.quality, settings.texture_size = 'poppies', 'sketch', '256'\n"
        "bpy.ops.patina.mark_style_as_asset()\n"
        "settings.style, settings.quality = 'great_wave', 'final'\n"  # what is dragged counts
        "next(a for a in bpy.context.screen.areas if a.type == 'PROPERTIES').ui_type = 'ASSETS'"
    )
    window.wait(SHOWN)
    window.do(
        f"space = {BROWSER}.spaces.active\n"
        "space.params.asset_library_reference = 'LOCAL'\n"
        "space.show_region_toolbar = False"
    )
    tiles, view = window.region("WINDOW", "FILE_BROWSER"), window.region("WINDOW")
    start, end = (tiles.left + TILE, tiles.top + TILE), view.middle
    window.point(*start)
    way = [(start[0] - step, start[1]) for step in (2, 5, 9, 14, 20)]  # a mouse that moves
    way += [tuple(a + (b - a) * part // 8 for a, b in zip(start, end, strict=True)) for part in range(1, 9)]
    moves = [word for place in way for word in ("mousemove", *place, "sleep", 0.2)]
    screen.press("mousedown", 1, "sleep", 0.2, *moves)
    screen.press("sleep", 1, "mouseup", 1, "sleep", 0.5)
    window.wait(f"{QUEUE} == 1 or {CUBE}.material_slots[0].material.name == 'Material Stylized'", 120)
    window.wait(f"{QUEUE} == 0", 300)
    assert window.ask(f"{CUBE}.material_slots[0].material.name") == "Material Stylized"
    assert window.ask(f"len({CUBE}.modifiers)") == 0  # the style has been taken off again
    story.step("style-painted")
