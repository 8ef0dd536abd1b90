"""A progress bar for a terminal, where there is no window to draw one in.

Standard library only: the add-on draws its bar with it too.
"""

from __future__ import annotations

import shutil
import sys
from typing import TextIO

from .protocol.events import Event

BAR = 24


def clock(seconds: float) -> str:
    """Write seconds as m:ss."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def progress_line(event: Event, name: str = "") -> str:
    """Write one line: a bar, the share done, the stage, the step and the time left."""
    done = round(BAR * min(max(event.fraction, 0.0), 1.0))
    parts = [f"{name} [{'#' * done}{'.' * (BAR - done)}] {event.fraction:4.0%}"]
    if event.stage:
        parts.append(event.stage)
    if event.steps:
        parts.append(f"step {event.step}/{event.steps}")
    if event.seconds_left is not None:
        parts.append(f"{clock(event.seconds_left)} left")
    return "  ".join(parts).strip()


class ProgressBar:
    """Draws events over each other on a terminal; into a file or a pipe it writes a line every tenth."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self.stream = stream or sys.stderr
        self.drawn = ""

    def show(self, event: Event, name: str = "") -> None:
        """Draw the state of a job."""
        line = progress_line(event, name)
        if self.stream.isatty():
            width = shutil.get_terminal_size().columns - 1
            self._write(f"\r{line[:width]:<{width}}", mark=line)
        else:
            self._write(line + "\n", mark=f"{name} {event.stage} {int(event.fraction * 10)}")

    def end(self) -> None:
        """Leave the last line standing."""
        if self.drawn and self.stream.isatty():
            self.stream.write("\n")
        self.drawn = ""

    def _write(self, text: str, mark: str) -> None:
        if mark != self.drawn:
            self.drawn = mark
            self.stream.write(text)
            self.stream.flush()
