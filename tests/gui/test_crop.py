"""Drawing with the mouse which part of a painting is the style."""

from __future__ import annotations

import pytest
from conftest import Story

AREAS = "(a for w in bpy.context.window_manager.windows for a in w.screen.areas)"
AREA = f"next(a for a in {AREAS} if a.ui_type == 'IMAGE_EDITOR')"
REGION = f"next(r for r in {AREA}.regions if r.type == 'WINDOW')"
SHOWN = f"{AREA}.spaces.active.image.name"
CROP = "[bpy.context.scene.patina.use_crop, *bpy.context.scene.patina.crop]"
MODAL = "[op.bl_idname for w in bpy.context.window_manager.windows for op in w.modal_operators]"


def begin(story: Story) -> None:
    """Click the button beside Only a Part, and wait until it listens."""
    window = story.window
    sidebar, label = window.region(), window.find("Only a Part")
    assert label
    window.screen.click(sidebar.right - 47, label.middle[1])
    window.wait(f"'PATINA_OT_crop' in {MODAL}", 5)


def place(story: Story, u: float, v: float) -> tuple[int, int]:
    """Where on the screen the point (u, v) of the picture is."""
    point = f"{REGION}.view2d.view_to_region({u}, {v}, clip=False)"
    x, y = story.window.ask(f"[{REGION}.x + {point}[0], {REGION}.y + {point}[1]]")
    height = story.window.ask("bpy.context.window_manager.windows[0].height")
    return x, height - y


def drag(story: Story, first: tuple[float, float], second: tuple[float, float]) -> None:
    (x, y), (to_x, to_y) = place(story, *first), place(story, *second)
    screen = story.window.screen
    screen.move(x, y)
    screen.press("mousedown", 1, "sleep", 0.3)
    story.window.settle()  # Blender asks where the mouse is when it hears of the button
    screen.press("mousemove", (x + to_x) // 2, (y + to_y) // 2, "sleep", 0.3)
    screen.press("mousemove", to_x, to_y, "sleep", 0.3)
    story.step("crop-while-dragging")
    screen.press("mouseup", 1, "sleep", 0.5)


def test_a_part_is_drawn_in_an_open_image_editor(tab: Story):
    window = tab.window
    window.do("next(a for a in bpy.context.screen.areas if a.type == 'PROPERTIES').ui_type = 'IMAGE_EDITOR'")
    window.do(f"{AREA}.spaces.active.image = bpy.data.images.new('Mine', 8, 8)")
    begin(tab)
    assert window.ask(SHOWN) == "starry_night.jpg"
    drag(tab, (0.25, 0.75), (0.75, 0.25))
    assert window.ask(CROP)[0]
    assert window.ask(CROP)[1:] == pytest.approx([0.25, 0.25, 0.5, 0.5], abs=0.02)
    assert window.ask(MODAL) == []
    assert window.ask(SHOWN) == "Mine"  # as before
    assert "starry_night.jpg" not in window.ask("bpy.data.images.keys()")
    tab.step("cropped")

    begin(tab)
    window.screen.press("key", "Escape", "sleep", 0.5)
    assert window.ask(MODAL) == []
    assert window.ask(SHOWN) == "Mine"
    begin(tab)
    window.screen.move(*place(tab, 0.5, 0.5))
    window.screen.press("click", 1, "sleep", 0.3)  # no rectangle
    assert "PATINA_OT_crop" in window.ask(MODAL)
    drag(tab, (1.0, 1.0), (0.0, 0.5))
    assert window.ask(CROP)[1:] == pytest.approx([0, 0, 1, 0.5], abs=0.02)

    x, y = window.region("WINDOW").middle
    window.screen.move(x, y)
    window.screen.press("key", "ctrl+z", "sleep", 0.5)
    assert window.ask(CROP)[1:] == pytest.approx([0.25, 0.25, 0.5, 0.5], abs=0.02)


def test_without_an_image_editor_a_window_opens(tab: Story):
    begin(tab)
    window = tab.window
    assert window.ask("len(bpy.context.window_manager.windows)") == 2
    assert window.ask(SHOWN) == "starry_night.jpg"
    window.screen.press("key", "Escape", "sleep", 0.5)
    tab.step("crop-window")
