"""What the artist has just done can still be adjusted once a job has ended."""

from __future__ import annotations

from conftest import Story
from screen import Box
from test_click_through import QUEUE, UV_MAPS
from test_strokes import WORN

PANEL = (
    "[(region.x, region.height) for area in bpy.context.screen.areas if area.type == 'VIEW_3D'"
    " for region in area.regions if region.type == 'HUD']"
)
CUBE = """
cube = bpy.data.objects["Cube"]
settings = bpy.context.scene.patina
settings.quality, settings.texture_size, settings.steps = "draft", "256", 30
bpy.ops.ed.undo_push(message="Scene")
"""


def test_what_was_done_before_a_job_ended_is_adjusted_and_the_result_stays(tab: Story):
    window, screen = tab.window, tab.window.screen
    window.do(CUBE)
    window.click("Stylize", window.below("Seed"))
    window.wait(f"{QUEUE} == 1")
    viewport = window.region("WINDOW")
    beside = (viewport.left + 500, viewport.top + 200)
    screen.move(*beside)
    screen.press("key", "shift+a", "sleep", 0.5)
    window.click("Mesh", screen.popup())
    window.click("Monkey", screen.popup())
    corner = Box(viewport.left, viewport.bottom - 100, viewport.left + 300, viewport.bottom)
    window.click("Add Monkey", corner)
    ((left, _),) = window.ask(PANEL)
    assert left > 0
    window.wait(f"{QUEUE} == 0", 300)
    tab.step("adjust-after-a-job")
    assert window.ask(PANEL)[0][0] == left  # it still shows
    assert window.ask(UV_MAPS) == ["UVMap"]
    window.click("Generate UVs", corner._replace(top=viewport.bottom - 400))
    window.wait(f"'Stylized' in str({WORN})")
    assert window.ask(UV_MAPS) == []
    tab.step("adjusted-after-a-job")
    screen.move(*beside)
    screen.press("key", "ctrl+z", "sleep", 1)
    window.wait(f"{WORN} == ['Material']")  # undone by the artist, so it stays undone
    screen.press("key", "shift+a", "sleep", 0.5)
    window.click("Mesh", screen.popup())
    window.click("Cube", screen.popup())
    assert window.ask(WORN) == ["Material"]
