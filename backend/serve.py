"""A painter: a process that stays, and does one job after the other.

Torch and the networks are in memory when the next job comes. Standard library only until it has begun to
listen, so that it is heard while torch is still being imported. Nothing of a job is left for the next but
what is the same for both; after a failure that nobody foresaw the painter asks to be let go, for who knows
what that left. It goes only when its stdin ends, so that no request crosses its leaving.
"""

from __future__ import annotations

import os
import sys
import threading
import time
import traceback
from collections import deque
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import NoReturn

from .conversation import GRACE, Wishes
from .machine import memory
from .machine.shelf import Shelf
from .protocol.events import CANCELLED, END_OF_LOG, FINISHED, Event, write_event
from .protocol.job import Job
from .protocol.requests import Request, read_request
from .run import outcome_of

MAX_LINE = 1 << 16  # characters of a request
LOOK_SECONDS = 15.0  # between two looks at the system's memory, while it waits


class Desk:
    """The jobs that wait, and the one under way: what comes in on stdin, what goes out on stdout."""

    def __init__(self) -> None:
        self._waiting: deque[Request] = deque()
        self._current: Request | None = None
        self._asked_to_end = False  # the current one
        self.wishes = Wishes()  # that the current one shall fulfil
        self._is_over = False
        self._changed = threading.Condition()
        self._telling = threading.Lock()

    def listen(self) -> None:
        """Take requests from stdin until it ends; then the process does, too, within GRACE seconds."""
        while line := sys.stdin.readline(MAX_LINE):
            request = read_request(line)
            if request is None:
                print(f"patina: this is no request: {line[:200]!r}", file=sys.stderr)
            elif request.do == "paint":
                with self._changed:
                    self._waiting.append(request)
                    self._changed.notify()
            elif request.do == "cancel":
                self._cancel(request.folder)
            else:
                with self._changed:
                    if self._current is not None and self._current.folder == request.folder:
                        setattr(self.wishes, "enough" if request.do == "enough" else "steered", True)
        with self._changed:
            if self._current is None:  # nothing is lost
                os._exit(FINISHED)
            self._is_over = self._asked_to_end = True
        time.sleep(GRACE)
        os._exit(CANCELLED)

    def next(self) -> Request:
        """Wait for the next job. Asks to be let go if the system's memory is short meanwhile."""
        with self._changed:
            self._current = None
            if self._is_over:
                os._exit(FINISHED)
            while not self._waiting:
                if not self._changed.wait(LOOK_SECONDS) and memory.is_short():
                    self.tell(Event("spent"))
            self._current, self._asked_to_end = self._waiting.popleft(), False
            self.wishes = Wishes()
            return self._current

    @property
    def has_waiting(self) -> bool:
        """Whether a job waits."""
        return bool(self._waiting)

    def is_cancelled(self) -> bool:
        """Whether the current job is asked to end."""
        return self._asked_to_end

    def tell(self, event: Event, job: str = "") -> None:
        """Say what happened, to which job."""
        with self._telling:
            try:
                print(write_event(replace(event, job=job)), flush=True)
            except BrokenPipeError:  # nobody is there to work for
                self._asked_to_end = True

    def _cancel(self, folder: str) -> None:
        with self._changed:
            if self._current is not None and self._current.folder == folder:
                self._asked_to_end = True  # who asks sees to it that it ends in time
            for request in [each for each in self._waiting if each.folder == folder]:
                self._waiting.remove(request)
                self.tell(Event("cancelled"), folder)


def serve() -> NoReturn:
    """Do jobs as they come, until stdin ends."""
    desk, shelf = Desk(), Shelf()
    threading.Thread(target=desk.listen, daemon=True).start()
    try:
        _warm_up(desk, shelf)
    except Exception:  # the first job, which cannot be done either, tells
        traceback.print_exc()
    while True:
        desk.tell(Event("ready", memory=memory.held()))
        _do(desk, desk.next(), shelf)


def _warm_up(desk: Desk, shelf: Shelf) -> None:
    """Import what every job needs, and load the network that most have: as long as none waits for it.

    Last what dreams need, which takes as long as all before.
    """
    memory.load_openblas()
    import_module(".painting.job", __package__)
    from .machine.devices import pick_device
    from .session import load_network

    if not desk.has_waiting:
        load_network(Job.network, pick_device("auto"), True, (), shelf)
    if not desk.has_waiting:
        import_module(".canvas.job", __package__)


def _do(desk: Desk, request: Request, shelf: Shelf) -> None:
    """Do a job, and say how it ended."""
    memory.forget_peak()
    outcome = outcome_of(
        Path(request.folder),
        lambda event: desk.tell(event, request.folder),
        desk.is_cancelled,
        request.online,
        shelf=shelf,
        wishes=desk.wishes,
    )
    print(END_OF_LOG, file=sys.stderr, flush=True)
    shelf.tidy()
    if not outcome.foreseen:
        shelf.clear()
        desk.tell(Event("spent"))
    desk.tell(outcome.ending, request.folder)
    memory.release()
