"""A screen without a monitor: what it shows, as pixels and as words; a mouse and a keyboard for it."""

from __future__ import annotations

import io
import struct
import time
from pathlib import Path
from typing import NamedTuple

from cage import DESK, Cage
from PIL import Image, ImageOps

SIZE = (1600, 1000)
POPUP = (350, 450)  # how far a menu may reach from the mouse, to each side and up and down
THRESHOLDS = (2, 0, 1)  # tesseract's ways to tell letters from ground; each fails on something in Blender
ENLARGE = 3  # tesseract reads letters of about 30 pixels best; Blender's have 8


class Box(NamedTuple):
    """Pixels from the screen's top left corner."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def middle(self) -> tuple[int, int]:
        return (self.left + self.right) // 2, (self.top + self.bottom) // 2


class Word(NamedTuple):
    text: str
    line: tuple[str, ...]  # words of one line have the same
    box: Box


class Screen:
    """Xvfb. There is no window manager: the window under the mouse gets the keys."""

    def __init__(self, cage: Cage, log: Path) -> None:
        self._cage = cage
        self._mouse = (0, 0)
        number = cage.desk / "display"
        with log.open("wb") as output:
            show = f"exec Xvfb -displayfd 3 -screen 0 {SIZE[0]}x{SIZE[1]}x24 -fbdir {DESK} -nolisten tcp"
            self._process = cage.start("bash", "-c", f"{show} 3>{DESK}/display", output=output)
        wait_for(lambda: number.is_file() and number.read_text().strip(), "Xvfb to start")
        cage.environment["DISPLAY"] = f":{number.read_text().strip()}"

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(10)

    def picture(self) -> Image.Image:
        """What the screen shows now, read from the memory that Xvfb draws in (a file in XWD format)."""
        raw = (self._cage.desk / "Xvfb_screen0").read_bytes()
        header = struct.unpack(">25I", raw[:100])
        size, width, height, line, colors = header[0], header[4], header[5], header[12], header[19]
        pixels = raw[size + 12 * colors :]
        return Image.frombytes("RGB", (width, height), pixels, "raw", "BGRX", line)

    def words(self, box: Box, threshold: int = THRESHOLDS[0], turned: bool = False) -> list[Word]:
        """What stands in `box`, read by tesseract; `turned` for lettering that runs downwards."""
        crop = ImageOps.grayscale(self.picture().crop(box))
        if turned:
            crop = crop.transpose(Image.Transpose.ROTATE_90)
        crop = ImageOps.autocontrast(crop)
        if sum(crop.histogram()[:128]) > crop.width * crop.height / 2:  # it expects dark letters on light
            crop = ImageOps.invert(crop)
        crop = crop.resize((crop.width * ENLARGE, crop.height * ENLARGE), Image.Resampling.LANCZOS)
        png = io.BytesIO()
        crop.save(png, "PNG", compress_level=1)
        one_thread = ("env", "OMP_THREAD_LIMIT=1")  # with more, tesseract is slower
        table = self._cage.run(
            *(*one_thread, "tesseract", "stdin", "stdout", "--psm", "11", "--dpi", "300"),
            *("-c", f"thresholding_method={threshold}", "tsv"),
            given=png.getvalue(),
        ).decode()
        words = []
        for row in table.splitlines()[1:]:
            *place, left, top, width, height, confidence, text = row.split("\t")
            if not text.strip() or float(confidence) < 0:
                continue
            x, y, w, h = (int(value) // ENLARGE for value in (left, top, width, height))
            if turned:  # a point (x, y) of the turned picture came from (width - y, x)
                x, y, w, h = box.right - box.left - y - h, x, h, w
            place = Box(box.left + x, box.top + y, box.left + x + w, box.top + y + h)
            words.append(Word(text, tuple(row.split("\t")[1:5]), place))
        return words

    def press(self, *arguments: str | int) -> None:
        """Mouse and keys, as xdotool's arguments."""
        self._cage.run("xdotool", *map(str, arguments))

    def popup(self) -> Box:
        """Where a menu that has just opened under the mouse may be."""
        (x, y), (width, height) = self._mouse, POPUP
        return Box(max(0, x - width), max(0, y - height), min(SIZE[0], x + width), min(SIZE[1], y + height))

    def move(self, x: int, y: int) -> None:
        """Point at (x, y), coming from beside it: Blender looks what lies under the mouse when it moves."""
        self._mouse = (x, y)
        self.press("mousemove", x - 3, y, "sleep", 0.1, "mousemove", x, y, "sleep", 0.2)

    def click(self, x: int, y: int) -> None:
        self.move(x, y)
        self.press("click", 1, "sleep", 0.2)


def wait_for(condition: object, what: str, seconds: float = 30.0, every: float = 0.1) -> object:
    """Call `condition` until it gives something true, and give that. Raises TimeoutError."""
    end = time.monotonic() + seconds
    while not (result := condition()):  # type: ignore[operator]
        if time.monotonic() > end:
            raise TimeoutError(f"Waited {seconds:.0f} s for {what}.")
        time.sleep(every)
    return result
