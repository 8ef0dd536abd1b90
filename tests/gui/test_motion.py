"""Paintings that boil, seen one by one while the others are painted; then a film of what came of it."""

from __future__ import annotations

import contextlib
from pathlib import Path

import numpy as np
from conftest import Story
from screen import wait_for
from test_click_through import QUEUE
from test_preview import PREVIEW
from test_steering import MANY, PATIENCE, viewport

COUNT = 16  # paintings, enough that others are still to come when the first is seen
SETTINGS = f"""
scene, settings = bpy.context.scene, bpy.context.scene.patina
settings.mode, settings.between = "animate", "boil"
settings.quality, settings.texture_size, settings.frames, settings.boil = "draft", "256", {COUNT}, 1.0
scene.frame_start, scene.frame_end = 1, {2 * COUNT}
scene.frame_set(1)
"""
THERE = f"{PREVIEW}.shown.there if {PREVIEW}.shown else []"  # the paintings that are done
SEQUENCES = "[image.name for image in bpy.data.images if image.source == 'SEQUENCE']"
# Debian's Blender has no denoiser.
FILM = """
scene.render.engine, scene.cycles.samples, scene.cycles.use_denoising = "CYCLES", 2, False
bpy.ops.patina.film("EXEC_DEFAULT", filepath="/desk/turn.mp4", frames=6, size=96)
"""
SCENES = "[scene.name for scene in bpy.data.scenes]"


def changed(one: np.ndarray, other: np.ndarray) -> int:
    """Count the pixels that differ clearly."""
    return int((np.abs(one - other).max(2) > 30).sum())


def test_paintings_are_seen_while_others_are_painted_and_turn_into_a_film(tab: Story, tmp_path: Path):
    window = tab.window
    window.do(SETTINGS)
    window.settle()
    before = viewport(tab)
    window.click("Make Textures", window.below("Seed"))
    window.wait(f"len({THERE}) > 1", PATIENCE)
    wait_for(lambda: changed(viewport(tab), before) > MANY, "paint in sight", PATIENCE)
    first = viewport(tab)
    window.do("scene.frame_set(3)")
    wait_for(lambda: changed(viewport(tab), first) > MANY / 20, "the next painting", PATIENCE)
    tab.step("seen-while-painted", at_once=True)
    assert window.ask(f"{QUEUE} == 1 and len({THERE}) < {COUNT}"), "it had ended before it was seen"
    assert window.ask(SEQUENCES) == []

    window.wait(f"{QUEUE} == 0", PATIENCE)
    assert len(window.ask(SEQUENCES)) == 1
    shown = []
    for frame in (1, 3):
        window.do(f"scene.frame_set({frame})")
        window.settle()
        shown.append(viewport(tab))
    assert changed(*shown) > MANY / 20
    assert changed(shown[0], before) > MANY
    tab.step("played")

    scenes = window.ask(SCENES)
    window.do(FILM)
    film = tmp_path / "desk" / "turn.mp4"
    wait_for(lambda: film.is_file() and window.ask(SCENES) == scenes, "the film", PATIENCE)
    tab.step("filmed")
    window.do('clip = bpy.data.movieclips.load("/desk/turn.mp4")')
    assert window.ask("[clip.frame_duration, *clip.size]") == [6, 96, 96]


WORN = """
import numpy as np
from bl_ext.user_default.patina.addon.scene import material
cube, scene = bpy.data.objects["Cube"], bpy.context.scene
image = bpy.data.images.new("red", 8, 8)
image.pixels.foreach_set(np.tile(np.float32((1, 0.2, 0, 1)), 64))
image.pack()
material.show_image(cube, image)
scene.patina.mode, scene.patina.between = "animate", "boil"
scene.render.engine, scene.cycles.samples, scene.cycles.use_denoising = "CYCLES", 2, False
scene.frame_set(7)
"""
ADDON = "__import__('sys').modules['bl_ext.user_default.patina.addon.{}']"
FILMED = ADDON.format("export.film") + ".current"
TOLD = f"[problem.message for problem in {ADDON.format('problems')}.shown]"
LEFT = "list(__import__('pathlib').Path(bpy.app.tempdir).iterdir())"
KINDS = "scenes", "objects", "cameras", "lights", "worlds"
AS_IT_WAS = (
    f"[[len(getattr(bpy.data, kind)) for kind in {KINDS}],"
    " bpy.context.scene.name, scene.frame_current, scene.camera.name,"
    " scene.render.filepath, scene.render.resolution_x, scene.render.image_settings.file_format,"
    " cube.material_slots[0].material.name, list(cube.location), cube.hide_render]"
)


def begin_film(story: Story, frames: int, size: int) -> None:
    """Click Film in the panel, set what the file dialog has, and click Film there."""
    window, screen = story.window, story.window.screen
    window.click("Film", window.below("Boil"))
    window.wait("[area.type for area in bpy.context.screen.areas] == ['FILE_BROWSER']")
    window.settle()
    settings = window.region("TOOL_PROPS", "FILE_BROWSER")
    for label, value in (("Frames", frames), ("Size", size)):
        found = window.find(label, settings)
        assert found
        window.point(found.right + 80, found.middle[1])
        screen.press("key", "Return", "sleep", 0.3, "key", "ctrl+a", "type", str(value))
        screen.press("key", "Return", "sleep", 0.3)
    window.click("Film", window.region("EXECUTE", "FILE_BROWSER"))


def test_a_film_is_cancelled_by_esc_and_by_its_button_and_made(tab: Story, tmp_path: Path):
    window, desk = tab.window, tmp_path / "desk"
    window.do(WORN)
    window.settle()
    before, files = window.ask(AS_IT_WAS), set(desk.iterdir())

    begin_film(tab, 90, 300)
    window.wait(f"{FILMED} and {FILMED}.written > 1", PATIENCE)
    tab.step("film-in-its-window", at_once=True)
    window.screen.press("key", "Escape", "sleep", 0.5)
    window.wait(f"{FILMED} is None", PATIENCE)
    assert "of 90 frames; there is no file" in str(window.ask(TOLD))
    assert (window.ask(AS_IT_WAS), window.ask(LEFT), set(desk.iterdir()) - files) == (before, [], set())

    window.do('bpy.context.preferences.view.render_display_type = "NONE"')  # the panel stays in sight
    while window.ask("len(bpy.context.window_manager.windows)") > 1:
        with_window = "window=bpy.context.window_manager.windows[-1]"
        window.do(f"with bpy.context.temp_override({with_window}): bpy.ops.wm.window_close()")
    window.settle()
    begin_film(tab, 90, 300)
    window.wait(f"{FILMED} and {FILMED}.written > 1", PATIENCE)
    wait_for(lambda: window.find("of 90 frames"), "how far it is", PATIENCE)
    tab.step("film-in-the-panel", at_once=True)
    window.click("Cancel", window.below("Boil"))
    window.wait(f"{FILMED} is None", PATIENCE)
    assert (window.ask(AS_IT_WAS), window.ask(LEFT), set(desk.iterdir()) - files) == (before, [], set())

    begin_film(tab, 5, 64)
    window.wait(f"{FILMED} is None and any('Wrote' in told for told in {TOLD})", PATIENCE)
    tab.step("film-made")
    assert (window.ask(AS_IT_WAS), window.ask(LEFT)) == (before, [])
    assert [path.name for path in set(desk.iterdir()) - files] == ["Cube.mp4"]
    window.do('clip = bpy.data.movieclips.load("/desk/Cube.mp4")')
    assert window.ask("[clip.frame_duration, *clip.size]") == [5, 64, 64]


def test_blender_quits_in_the_midst_of_a_film(tab: Story, tmp_path: Path):
    window, desk = tab.window, tmp_path / "desk"
    window.do(WORN)
    window.do("bpy.context.preferences.filepaths.temporary_directory = '/desk/'")
    files = {path.name for path in desk.iterdir()}
    window.do('bpy.ops.patina.film("EXEC_DEFAULT", filepath="/desk/turn.mp4", frames=90, size=300)')
    window.wait(f"{FILMED} and {FILMED}.written > 1", PATIENCE)
    with contextlib.suppress(RuntimeError, ValueError, OSError):  # there is no answer any more
        window.do("bpy.ops.wm.quit_blender()")
    assert window.ended(PATIENCE) == 0
    assert [name for name in {path.name for path in desk.iterdir()} - files if "turn" in name] == []
    assert list(desk.rglob("patina-film-*")) == []
