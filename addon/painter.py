"""A painter: a child that stays, and does one job after the other. No bpy: this runs in any Python.

It is `python -m backend serve`. Torch and the networks are in its memory when the next job comes. It goes
when nobody has had a job for a while, when the system's memory is short, and when its stdin ends, as it does
with the program that started it. Its death costs the running job and nothing else.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from ..backend.protocol.events import END_OF_LOG, ENDINGS, Event
from ..backend.protocol.requests import Request, write_request
from .process import CANCEL_SECONDS, Child, Inbox, Log, death, start_thread

FIRST_SECONDS = 60.0  # that it waits for its first job, at least


class Sitting:
    """One job of a painter. `poll` gives what happened to it since the last call."""

    def __init__(self, painter: Painter, folder: Path, online: bool) -> None:
        """online: whether weights that are not here may be downloaded."""
        self._painter, self.folder, self.online = painter, folder, online
        self._inbox = Inbox()
        self._over, self._cancelled = threading.Event(), threading.Event()

    @property
    def pid(self) -> int:
        return self._painter.pid

    @property
    def ended(self) -> bool:
        return self._inbox.ended

    def poll(self) -> list[Event]:
        """Take the events since the last call, oldest first, none after the ending. Never blocks."""
        return self._inbox.poll()

    def cancel(self) -> None:
        """Ask for its end; within two seconds it is over, by the painter's end if need be. Does not block."""
        if not self._cancelled.is_set():
            self._cancelled.set()
            start_thread(self._see_it_end)

    def enough(self) -> None:
        """Ask for what there is by now as the result."""
        self._painter.ask("enough", self)

    def steer(self) -> None:
        """Ask to go on by what the job's file says now."""
        self._painter.ask("steer", self)

    def kill(self) -> None:
        """End it now, and the painter with it."""
        self._cancelled.set()
        self._painter.kill()

    def take(self, event: Event) -> None:
        """Take in what happened; after the ending nothing does."""
        if self._over.is_set():
            return
        if event.kind in ENDINGS:
            self._over.set()
            event = Event("cancelled") if self._cancelled.is_set() else event
        self._inbox.put(event)

    def _see_it_end(self) -> None:
        self._painter.ask("cancel", self)
        if not self._over.wait(CANCEL_SECONDS):
            self._painter.end(0.0)


class Painter(Child):
    """The child. `begin` gives it a job; one at a time."""

    def __init__(
        self, command: Sequence[str], folder: Path, environment: Mapping[str, str], idle_seconds: float
    ) -> None:
        """Start it. Raises OSError. idle_seconds: after which it goes, where there is no job."""
        self.command, self.environment, self.idle_seconds = list(command), dict(environment), idle_seconds
        self.memory = 0  # bytes that it held when last it had nothing to do
        self._sitting: Sitting | None = None
        self._log = Log(None)
        self._lock = threading.Lock()
        self._is_leaving = False
        self._spent = False
        self._patience: threading.Timer | None = None
        super().__init__(command, folder, environment)
        with self._lock:
            self._wait(max(idle_seconds, FIRST_SECONDS))

    @property
    def is_free(self) -> bool:
        """Whether it has no job."""
        return self._sitting is None

    def begin(self, folder: Path, online: bool, log: Path) -> Sitting | None:
        """Have it do the job in `folder`, its words in `log`; None where it is on its way out."""
        with self._lock:
            if self._is_leaving or self._spent or not self.is_running:
                return None
            assert self._sitting is None
            if self._patience:
                self._patience.cancel()
            self._log.close()
            self._log, self._sitting = Log(log), Sitting(self, folder, online)
            self.ask("paint", self._sitting)
            return self._sitting

    def ask(self, do: str, sitting: Sitting) -> None:
        """Ask for something of a job."""
        self._say(write_request(Request(do, str(sitting.folder), sitting.online)))

    def leave(self) -> None:
        """Let it go, unless it has a job. Does not block."""
        with self._lock:
            if self._sitting is None and not self._is_leaving:
                self._is_leaving = True
                with contextlib.suppress(OSError):
                    assert self._child.stdin is not None
                    self._child.stdin.close()
                start_thread(lambda: self.end(CANCEL_SECONDS))

    def end(self, patience: float) -> None:
        """See it leave, by force after so many seconds."""
        self._see_it_leave(patience)

    def _wait(self, seconds: float) -> None:
        """Let it go when it has waited so long. The lock is held."""
        if self._patience:
            self._patience.cancel()
        self._patience = threading.Timer(seconds, self.leave)
        self._patience.daemon = True
        self._patience.start()

    def _take(self, event: Event) -> None:
        sitting = self._sitting
        if event.kind == "ready":
            self.memory = event.memory
        elif event.kind == "spent":
            self._spent = True
            self.leave()
        elif sitting is not None and event.job == str(sitting.folder):
            if event.kind in ENDINGS:
                with self._lock:
                    self._sitting = None
                    self._wait(self.idle_seconds)
            sitting.take(event)
            if self._spent:
                self.leave()

    def _take_words(self, line: str) -> None:
        if line.rstrip() == END_OF_LOG:
            self._log.close()
        else:
            self._log.write(line)

    def _take_end(self, code: int) -> None:
        with self._lock:
            self._is_leaving = True
            sitting, self._sitting = self._sitting, None
            if self._patience:
                self._patience.cancel()
        self._log.close()
        if sitting is not None:
            sitting.take(death(code, list(self._last_lines)))
