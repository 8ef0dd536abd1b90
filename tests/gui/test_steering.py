"""Paint, correct, take, go on: what an artist does while a job runs, by mouse and keyboard."""

from __future__ import annotations

import numpy as np
from conftest import Story
from screen import wait_for
from test_click_through import QUEUE

ADDON = "__import__('sys').modules['bl_ext.user_default.patina.{}']"
RUN = f"{ADDON.format('addon.jobs')}.queue[0]"
STRENGTH = "round({}.strength, 3) == 0.9"
# Long enough that nothing of it ends by itself.
SETTINGS = """
settings = bpy.context.scene.patina
settings.quality, settings.texture_size, settings.steps, settings.strength = "draft", "256", 20000, 0.3
"""
IMAGES = "sorted(image.name for image in bpy.data.images if image.name.startswith('Cube'))"
MANY = 5000  # pixels: the cube covers more
PATIENCE = 600  # seconds, on a machine that is busy


def viewport(story: Story) -> np.ndarray:
    """What the 3D viewport shows."""
    return np.asarray(story.window.screen.picture().crop(story.window.region("WINDOW"))).astype(int)


def press(story: Story, label: str) -> None:
    """Click on what is in sight of the panel, while that is drawn anew all the time."""
    place = wait_for(lambda: story.window.find(label), label, 60)
    story.window.point(*place.middle)
    story.window.screen.press("click", 1, "sleep", 0.2)


def test_paint_is_seen_changed_taken_and_gone_on_with(tab: Story):
    window, screen = tab.window, tab.window.screen
    window.do(SETTINGS)
    window.settle()
    before = viewport(tab)
    window.click("Stylize", window.below("Seed"))
    wait_for(lambda: (np.abs(viewport(tab) - before).max(2) > 30).sum() > MANY, "paint in sight", PATIENCE)
    window.wait(f"{RUN}.progress.step > 0", PATIENCE)
    tab.step("paint-in-sight")

    # The panel is drawn anew several times a second meanwhile, and keeps what is typed.
    place = window.find("Strength")
    window.point(place.right + 80, place.middle[1])
    screen.press("key", "Return", "sleep", 2, "key", "ctrl+a", "type", "0.9")
    screen.press("key", "Return", "sleep", 0.3)
    window.wait(STRENGTH.format("bpy.context.scene.patina"), PATIENCE)
    job = f"{ADDON.format('backend.protocol.job_file')}.read_job({RUN}.folder)"
    window.wait(STRENGTH.format(job), PATIENCE)
    window.wait(f"{RUN}.progress.stage != 'adapting' and {RUN}.progress.step > 0", PATIENCE)
    tab.step("adapted")
    assert not window.ask(f"{RUN}.notes")

    press(tab, "Enough")
    window.wait(f"{QUEUE} == 0", PATIENCE)
    assert len(window.ask(IMAGES)) == 1
    tab.step("enough")

    window.click("History")
    window.click("Cube,")
    window.click("Go On")
    window.wait(f"{QUEUE} == 1")
    window.wait(f"{RUN}.progress.step > 0", PATIENCE)
    assert 0 < window.ask(f"{RUN}.progress.steps") < 20000  # what it lacks
    tab.step("gone-on")
    press(tab, "Enough")
    window.wait(f"{QUEUE} == 0", PATIENCE)
    assert len(window.ask(IMAGES)) == 1  # the new one has taken the place of the first
    tab.step("enough-of-that")
