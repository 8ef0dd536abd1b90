"""What an artist does on the first day, by mouse and keyboard."""

from __future__ import annotations

from conftest import Story
from screen import Box, wait_for

NAMES = "[obj.name for obj in bpy.context.scene.objects]"
UV_MAPS = "[layer.name for layer in bpy.data.objects['Suzanne'].data.uv_layers]"
MATERIALS = "[slot.material.name for slot in bpy.data.objects['Suzanne'].material_slots if slot.material]"
IMAGES = (
    "[(image.name, *image.size, bool(image.packed_file)) for image in bpy.data.images"
    " if image.name.startswith('Suzanne')]"
)
QUEUE = "len(__import__('sys').modules['bl_ext.user_default.patina.addon.jobs'].queue)"


def test_click_through(tab: Story):
    window, screen, step = tab.window, tab.window.screen, tab.step
    viewport = window.region("WINDOW")
    beside = (viewport.left + 500, viewport.top + 200)  # a place in the viewport where nothing is
    step("default-scene")

    screen.move(*beside)
    screen.press("key", "Delete", "sleep", 0.3, "key", "shift+a", "sleep", 0.5)
    window.click("Mesh", screen.popup())
    window.click("Monkey", screen.popup())
    assert "Suzanne" in window.ask(NAMES)
    corner = Box(viewport.left, viewport.bottom - 100, viewport.left + 300, viewport.bottom)
    window.click("Add Monkey", corner)
    window.click("Generate UVs", corner._replace(top=viewport.bottom - 400))
    assert window.ask(UV_MAPS) == []
    window.click("Add Monkey", corner._replace(top=viewport.bottom - 400))
    step("suzanne-without-uvs")

    # Unwrap, as Blender's own manual has it.
    screen.move(*beside)
    screen.press("key", "Tab", "sleep", 0.5, "key", "a", "sleep", 0.3, "key", "u", "sleep", 0.5)
    window.click("Smart UV Project", screen.popup())
    step("unwrap")
    window.click("Unwrap", screen.popup())
    screen.move(*beside)
    screen.press("key", "Tab", "sleep", 0.5)
    assert window.ask(UV_MAPS) == ["UVMap"]
    step("unwrapped")

    x, y = window.find("The Starry Night").middle
    screen.click(x, y - 60)
    step("styles")
    window.click("The Great Wave", screen.popup()._replace(left=0))
    assert window.ask("bpy.context.scene.patina.style") == "great_wave"
    window.click("Draft")
    assert window.ask("bpy.context.scene.patina.quality") == "draft"
    window.click("Advanced")
    window.click("1024 px")
    window.click("256 px", screen.popup())
    assert window.ask("bpy.context.scene.patina.texture_size") == "256"
    steps = window.find("Steps")
    screen.move(steps.right + 80, steps.middle[1])
    window.settle()  # the menu that was open has gone, and the field listens
    screen.press("key", "Return", "sleep", 0.3, "key", "ctrl+a", "type", "100")
    screen.press("key", "Return", "sleep", 0.3)
    window.wait("bpy.context.scene.patina.steps == 100")  # enough to be cancelled by somebody who reads
    step("settings")
    window.click("Advanced")

    window.click("Stylize", window.below("Seed"))
    window.wait(f"{QUEUE} == 1")
    wait_for(lambda: window.find("left"), "the time left", 60)
    step("progress")
    window.click("Cancel")
    window.wait(f"{QUEUE} == 0")
    assert window.ask(MATERIALS) == window.ask(IMAGES) == []
    step("cancelled")

    window.click("Stylize", window.below("Seed"))
    window.wait(f"{QUEUE} == 1")
    window.wait(f"{QUEUE} == 0", 300)
    stylized = window.ask(MATERIALS)
    assert window.ask(IMAGES) == [["Suzanne Stylized", 256, 256, True]]
    shadings = "[a.spaces[0].shading.color_type for a in bpy.context.screen.areas if a.type == 'VIEW_3D']"
    assert window.ask(shadings) == ["TEXTURE"]
    step("finished")

    window.click("Original")
    assert window.ask(MATERIALS) != stylized
    step("original")
    window.click("Stylized")
    assert window.ask(MATERIALS) == stylized
    step("stylized")

    screen.move(*beside)
    screen.press("key", "ctrl+z", "sleep", 0.5, "key", "ctrl+z", "sleep", 0.5)
    assert window.ask(MATERIALS) == stylized
    screen.press("key", "ctrl+z", "sleep", 0.5)
    assert window.ask(MATERIALS) == []
    step("undone")
    screen.press("key", "ctrl+shift+z", "sleep", 0.5)
    assert window.ask(MATERIALS) == stylized
    assert window.ask(IMAGES) == [["Suzanne Stylized", 256, 256, True]]
    step("redone")

    screen.press("key", "ctrl+s", "sleep", 1)
    step("save")
    screen.press("key", "Return", "sleep", 1)
    window.wait("bpy.data.filepath")
    step("saved")
    assert window.ask("bpy.data.is_saved and not bpy.data.is_dirty")


def test_queue(tab: Story):
    window, screen = tab.window, tab.window.screen
    window.click("Stylize", window.below("Seed"))
    window.wait(f"{QUEUE} == 1")
    viewport = window.region("WINDOW")
    screen.move(viewport.left + 500, viewport.top + 200)
    screen.press("key", "shift+a", "sleep", 0.5)
    window.click("Mesh", screen.popup())
    window.click("Monkey", screen.popup())
    window.click("Stylize", window.below("Seed"))
    window.wait(f"{QUEUE} == 2")
    tab.step("queue")
    window.click("Cancel")
    window.wait(f"{QUEUE} == 1")
    tab.step("next-in-the-queue")
    window.click("Cancel")
    window.wait(f"{QUEUE} == 0")
