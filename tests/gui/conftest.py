"""Blender in a window, and the pictures of it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from cage import Cage
from screen import Box, Screen
from window import USER, Window, install, lent_paths

ROOT = Path(__file__).parents[2]
OUT = ROOT / "out" / "gui"
TRIXIE = ROOT / ".env" / "trixie"
BACKEND = Path(os.environ.get("PATINA_BACKEND", ROOT / ".env" / "backend")).resolve()


class Story:
    """A window, and a picture of each step: out/gui/NN-STEP.png, with one count for all tests."""

    taken = 0

    def __init__(self, window: Window) -> None:
        self.window = window

    def step(self, name: str, box: Box | None = None, at_once: bool = False) -> None:
        """Take a picture of the screen, or of `box`, once it is still, or `at_once`. Fails if Blender has
        complained."""
        if not at_once:
            self.window.settle()
        Story.taken += 1
        path = OUT / f"{Story.taken:02}-{name}.png"
        self.window.screen.picture().crop(box).save(path)
        print(path.relative_to(ROOT))
        assert not self.window.complaints(), self.window.log.read_text()


@pytest.fixture(scope="session", autouse=True)
def pictures() -> None:
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir(parents=True)


@pytest.fixture(scope="session")
def resources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new artist's folder, after Blender's own command has installed the extension."""
    desk = tmp_path_factory.mktemp("desk")
    (extension,) = (ROOT / "dist").glob("patina-*.zip")
    install(Cage(TRIXIE.resolve(), desk), extension)
    return desk / USER


@pytest.fixture
def story(request: pytest.FixtureRequest, tmp_path: Path, resources: Path) -> Iterator[Story]:
    """A story in a Blender of its own with the default scene; with another backend as its parameter."""
    desk = tmp_path / "desk"
    desk.mkdir(mode=0o700)
    shutil.copytree(resources, desk / USER)
    name = request.function.__name__.removeprefix("test_")
    cage = Cage(TRIXIE.resolve(), desk, lent_paths(BACKEND))
    screen = Screen(cage, OUT / f"{name}-screen.log")
    try:
        window = Window(cage, screen, getattr(request, "param", BACKEND), OUT / f"{name}-blender.log")
        try:
            failed_before = request.session.testsfailed
            yield Story(window)
            if request.session.testsfailed > failed_before:
                screen.picture().save(OUT / f"{name}-failed.png")
        finally:
            window.close()
    finally:
        screen.close()


@pytest.fixture
def tab(story: Story) -> Story:
    """The same, once the sidebar shows the extension's tab, by key and click."""
    story.window.screen.move(*story.window.region("WINDOW").middle)
    story.window.screen.press("key", "n", "sleep", 0.5)
    story.window.click_tab("Patina")
    return story
