"""Paintings that boil, seen one by one while the others are painted; then a film of what came of it."""

from __future__ import annotations

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
