"""A Blender in a window: its data, its regions and what is written in them, clicked by what it says."""

from __future__ import annotations

import difflib
import json
import re
import shutil
import socket
import subprocess
from itertools import groupby
from pathlib import Path
from typing import Any

from cage import DESK, Cage
from screen import SIZE, Box, Screen, Word, wait_for

HERE = Path(__file__).parent
LIKE = 0.8  # how much of a label must be read as it is written

_REGION = """next(
    (r.x, w.height - r.y - r.height, r.x + r.width, w.height - r.y)
    for w in bpy.context.window_manager.windows for a in w.screen.areas if a.type == {area!r}
    for r in a.regions if r.type == {region!r}
)"""


class Window:
    """Blender with the extension, installed as a user would, and an empty set of preferences."""

    def __init__(self, cage: Cage, screen: Screen, extension: Path, backend: Path, log: Path) -> None:
        self.screen, self.log = screen, log
        self._channel = cage.desk / "channel"
        shutil.copy(extension, cage.desk / "extension.zip")
        shutil.copy(HERE / "channel.py", cage.desk)
        cage.environment |= {"BLENDER_USER_RESOURCES": f"{DESK}/user", "PATINA_BACKEND": str(backend)}
        install = ("extension", "install-file", "--repo", "user_default", "--enable")
        cage.run("blender", "--command", *install, f"{DESK}/extension.zip")
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

    def ask(self, question: str) -> Any:
        """The value of an expression in Blender, or None after statements. Raises RuntimeError."""
        if self._process.poll() is not None:
            raise RuntimeError(f"Blender ended with {self._process.returncode}:\n{self.log.read_text()}")
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(60)
            connection.connect(str(self._channel))
            with connection.makefile("rw", encoding="utf-8") as stream:
                stream.write(json.dumps(question) + "\n")
                stream.flush()
                reply = json.loads(stream.readline())
        if "error" in reply:
            raise RuntimeError(reply["error"])
        return reply["answer"]

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

    def find(self, label: str, box: Box | None = None) -> Box | None:
        """Where `label` is written: in `box`, else in the sidebar; the best match, of equals the lowest."""
        return best_match(label, self.screen.words(box or self.region()))

    def click(self, label: str, box: Box | None = None) -> None:
        """Click on `label`, in `box`, else in the sidebar, which is scrolled if need be."""
        found = self.find(label, box) or (None if box else self._scroll_to(label))
        if not found:
            seen = " ".join(word.text for word in self.screen.words(box or self.region()))
            raise AssertionError(f"Nowhere is written {label!r}; there is: {seen}")
        self.screen.click(*found.middle)

    def _scroll_to(self, label: str) -> Box | None:
        x, y = self.region().middle
        for button in (4, 5):  # the wheel: up, down
            for _ in range(6):
                self.screen.press("mousemove", x, y, "click", "--repeat", 5, button, "sleep", 0.3)
                if found := self.find(label):
                    return found
        return None


def best_match(label: str, words: list[Word]) -> Box | None:
    """The box of the words in one line that read most like `label`; of equals the lowest."""
    wanted = letters(label)
    best: tuple[float, int, Box] | None = None
    for _, group in groupby(words, key=lambda word: word.line):
        line = list(group)
        for start in range(len(line)):
            for end in range(start + 1, len(line) + 1):
                boxes = [word.box for word in line[start:end]]
                text = letters("".join(word.text for word in line[start:end]))
                likeness = difflib.SequenceMatcher(None, wanted, text).ratio()
                lefts, tops, rights, bottoms = zip(*boxes, strict=True)
                found = (likeness, max(bottoms), Box(min(lefts), min(tops), max(rights), max(bottoms)))
                if likeness >= LIKE and (best is None or found > best):
                    best = found
    return best[2] if best else None


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


