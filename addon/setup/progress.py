"""How far a set-up is: states on one common line, bytes as they arrive on disk, seconds left."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from . import system
from .environment import CHOOSING, DOWNLOADING, FETCHING, INSTALLING, READY, VERIFYING
from .errors import Cancelled

# About how the time of a whole set-up is spent.
_SHARES = {
    CHOOSING: (0.0, 0.01),
    DOWNLOADING: (0.01, 0.65),
    INSTALLING: (0.65, 0.9),
    FETCHING: (0.9, 0.95),
    VERIFYING: (0.95, 1.0),
    READY: (1.0, 1.0),
}
_RATE_SECONDS = 20.0  # the rate is that of the last so many seconds


@dataclass(frozen=True)
class Progress:
    """How far the present state is. Bytes are 0 where there are none to count."""

    state: str
    message: str
    done: int = 0
    total: int = 0
    seconds_left: float | None = None

    @property
    def fraction(self) -> float:
        """Of the whole set-up, 0 to 1."""
        start, end = _SHARES[self.state]
        return start + (end - start) * (min(self.done / self.total, 1.0) if self.total else 0.0)


Report = Callable[[Progress], None]
Stop = Callable[[], bool]  # whether the person wants it to stop


class Meter:
    """Measures a folder's growth beyond `base` bytes towards `total`, reports it, and looks for a stop.

    With `total` 0 the bytes to come are not known, and only those that came are told.
    """

    def __init__(
        self, state: str, folder: Path, total: int, report: Report, stop: Stop, base: int = 0
    ) -> None:
        self._state, self._folder, self._total, self._base = state, folder, total, base
        self._report, self._stop = report, stop
        self._message, self._done, self._next = "", 0, 0.0
        self._measured: deque[tuple[float, int]] = deque()

    def say(self, message: str) -> None:
        """Report that `message` is being worked on now."""
        self._message = message
        self._measure()
        total = max(self._total, self._done) if self._total else 0
        (first, before), (last, now) = self._measured[0], self._measured[-1]
        told = total and now - before > total / 200  # sooner, it would be a wild guess
        left = (total - now) * (last - first) / (now - before) if told else None
        self._report(Progress(self._state, message, self._done, total, left))

    def tick(self) -> None:
        """Tell the progress, now and then: to be called often. Raises Cancelled."""
        if self._stop():
            raise Cancelled
        if time.monotonic() >= self._next:
            self.say(self._message)

    def _measure(self) -> None:
        start = time.monotonic()
        self._done = max(self._done, system.size_of(self._folder) - self._base)
        end = time.monotonic()
        self._measured.append((end, self._done))
        while end - self._measured[0][0] > _RATE_SECONDS:
            self._measured.popleft()
        # Looking at twenty thousand files costs something: never more than a tenth of the time.
        self._next = end + max(0.5, 10 * (end - start))
