"""A Blender in a window: its data, its regions and what is written in them, clicked by what it says."""

from __future__ import annotations

import difflib
import json
import re
import shutil
import socket
import subprocess
import time
from itertools import combinations, groupby
from pathlib import Path
from typing import Any, NamedTuple

from cage import DESK, Cage
from screen import SIZE, THRESHOLDS, Box, Screen, Word, wait_for

HERE = Path(__file__).parent
USER = "user"  # Blender's folder for preferences and extensions, on the desk
PATIENCE = 4.0  # seconds that a word may take to appear, before it is scrolled to
MOST_PATIENCE = 30.0  # seconds, on a machine that is busy
ANSWER_SECONDS = 240  # that Blender may take to answer; it draws its window on the processor
TAB_WIDTH = 24  # pixels, at a UI scale of 1
LIKE = 0.8  # how much of a label must be read as it is written

_REGION = """next(
    (r.x, w.height - r.y - r.height, r.x + r.width, w.height - r.y)
    for w in bpy.context.window_manager.windows for a in w.screen.areas if a.type == {area!r}
    for r in a.regions if r.type == {region!r}
)"""


def install(cage: Cage, extension: Path) -> None:
    """Install the extension with Blender's own command, into the folder USER."""
    shutil.copy(extension, cage.desk / "extension.zip")
    cage.environment["BLENDER_USER_RESOURCES"] = f"{DESK}/{USER}"
    options = ("--repo", "user_default", "--enable")
    cage.run("blender", "--command", "extension", "install-file", *options, f"{DESK}/extension.zip")


class Window:
    """Blender with what the folder USER has installed, and a backend."""

    def __init__(self, cage: Cage, screen: Screen, backend: Path, log: Path) -> None:
        self.screen, self.log = screen, log
        self._channel = cage.desk / "channel"
        shutil.copy(HERE / "channel.py", cage.desk)
        cage.environment |= {"BLENDER_USER_RESOURCES": f"{DESK}/{USER}", "PATINA_BACKEND": str(backend)}
        with log.open("wb") as output:
            geometry = ("--window-geometry", "0", "0", *map(str, SIZE))
            self._process = cage.start("blender", *geometry, "--python", f"{DESK}/channel.py", output=output)
        wait_for(self._channel.exists, "Blender's window", 60)

    def close(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def ended(self, seconds: float) -> int:
        """Wait until Blender has ended, and give its exit code. Raises TimeoutExpired."""
        return self._process.wait(seconds)

    def ask(self, expression: str) -> Any:
        """The value of an expression in Blender. Raises RuntimeError."""
        return self._send({"ask": expression})

    def do(self, statements: str) -> None:
        """Run statements in Blender: what is not a click. Raises RuntimeError."""
        self._send({"do": statements})

    def _send(self, question: dict[str, str]) -> Any:
        if self._process.poll() is not None:
            raise RuntimeError(f"Blender ended with {self._process.returncode}:\n{self.log.read_text()}")
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(ANSWER_SECONDS)
            connection.connect(str(self._channel))
            with connection.makefile("rw", encoding="utf-8") as stream:
                stream.write(json.dumps(question) + "\n")
                stream.flush()
                reply = json.loads(stream.readline())
        if "error" in reply:
            raise RuntimeError(reply["error"])
        return reply["answer"]

    def settle(self) -> None:
        """Draw until nothing moves any more: Blender lets panels glide to their places."""
        before = None
        for _ in range(12):
            self.do("for area in bpy.context.screen.areas: area.tag_redraw()")
            time.sleep(0.3)
            picture = self.screen.picture().tobytes()
            if picture == before:
                return
            before = picture

    def wait(self, question: str, seconds: float = 30.0) -> Any:
        """Ask until the answer is true, and give it."""
        return wait_for(lambda: self.ask(question), question, seconds)

    def region(self, region: str = "UI", area: str = "VIEW_3D") -> Box:
        """Where a region of an area is."""
        return Box(*self.ask(_REGION.format(area=area, region=region)))

    def complaints(self) -> list[str]:
        """Lines of Blender's output that tell of an error in Python."""
        lines = self.log.read_text(errors="replace").splitlines()
        return [line for line in lines if re.search(r"Traceback|Error\b|Exception", line)]

    def below(self, label: str) -> Box:
        """The sidebar below the place where `label` is written."""
        found = wait_for(lambda: self.find(label), label, MOST_PATIENCE)
        return self.region()._replace(top=found.bottom)

    def find(self, label: str, box: Box | None = None, turned: bool = False) -> Box | None:
        """Where `label` is written: in `box`, else in the sidebar. See `best_match`."""
        where = box or self.region()
        best = None
        for threshold in THRESHOLDS:
            found = best_match(label, self.screen.words(where, threshold, turned))
            best = max(filter(None, (best, found)), default=None)
            if best and best.alone:
                break
        return best and best.box

    def click(self, label: str, box: Box | None = None, turned: bool = False) -> None:
        """Click on `label`, in `box`, else in the sidebar, which is scrolled if need be."""
        found = self._within(PATIENCE, label, box, turned)
        found = found or (None if box else self._scroll_to(label))
        found = found or self._within(MOST_PATIENCE, label, box, turned)
        if not found:
            seen = " ".join(word.text for word in self.screen.words(box or self.region(), turned=turned))
            raise AssertionError(f"Nowhere is written {label!r}; there is: {seen}")
        self.screen.click(*found.middle)

    def point(self, x: int, y: int) -> None:
        """Point at (x, y), and wait until Blender knows it.

        On a busy machine a key or click comes in along with the mouse, and goes to the button that it leaves.
        """
        self.screen.move(x, y)
        for _ in range(3):  # the move is heard, the button left, the other one entered
            self.ask("None")

    def _within(self, seconds: float, label: str, box: Box | None, turned: bool) -> Box | None:
        end = time.monotonic() + seconds
        while not (found := self.find(label, box, turned)) and time.monotonic() < end:
            time.sleep(0.1)
        return found

    def click_tab(self, label: str) -> None:
        """Click on the tab `label` at the sidebar's right edge, and wait until it shows."""
        self.wait(f"({_REGION.format(area='VIEW_3D', region='UI')})[0] > 1")
        sidebar = self.region()
        width = round(TAB_WIDTH * self.ask("bpy.context.preferences.system.ui_scale"))
        self.click(label, sidebar._replace(left=sidebar.right - width), turned=True)
        sides = "(r for a in bpy.context.screen.areas for r in a.regions if r.type == 'UI')"
        self.wait(f"{label!r} in [r.active_panel_category for r in {sides}]")

    def _scroll_to(self, label: str) -> Box | None:
        x, y = self.region().middle
        for button in (4, 5):  # the wheel: up, down
            for _ in range(6):
                self.screen.press("mousemove", x, y, "click", "--repeat", 5, button, "sleep", 0.3)
                if found := self.find(label):
                    return found
        return None


class Match(NamedTuple):
    """Some words in a line that read like a label. The larger is the better."""

    likeness: float
    alone: bool  # they are most of their line: a button, and not words in a sentence
    bottom: int
    box: Box


def best_match(label: str, words: list[Word]) -> Match | None:
    """Where `label` is written; of equals, that which stands alone, then the lowest."""
    wanted = letters(label)
    matches = []
    for _, group in groupby(words, key=lambda word: word.line):
        line = list(group)
        length = sum(len(letters(word.text)) for word in line)
        for start, end in combinations(range(len(line) + 1), 2):
            text = letters("".join(word.text for word in line[start:end]))
            likeness = difflib.SequenceMatcher(None, wanted, text).ratio()
            if likeness >= LIKE:
                lefts, tops, rights, bottoms = zip(*(word.box for word in line[start:end]), strict=True)
                box = Box(min(lefts), min(tops), max(rights), max(bottoms))
                matches.append(Match(likeness, len(text) > 0.7 * length, box.bottom, box))
    return max(matches, default=None)


def letters(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.casefold())


def lent_paths(backend: Path) -> list[Path]:
    """What the backend's Python needs of this machine: its environment, and the Python that made it."""
    settings = dict(line.split(" = ", 1) for line in (backend / "pyvenv.cfg").read_text().splitlines())
    home = Path(settings["home"]).resolve()
    if home != Path("/usr/bin"):
        return [backend, home.parent]
    python = (backend / "bin" / "python").resolve()  # Debian's: lend it, and not all of /usr
    return [backend, python, Path("/usr/lib") / python.name]
