"""How a job and who asked for it speak: events on stdout, and an ear on stdin.

Standard library only, so that a cancel is heard while torch is still being imported.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from .protocol.events import CANCELLED, ENDINGS, Event, write_event

Emit = Callable[[Event], None]
IsCancelled = Callable[[], bool]

GRACE = 1.5  # seconds that a job has to end by itself when it is asked to


class Cancelled(Exception):
    """The job was asked to end."""


@dataclass
class Wishes:
    """What is asked of a job under way, besides its end; set by another thread.

    enough: to take what there is by now as the result. steered: to go on by what the job's file says now.
    """

    enough: bool = False
    steered: bool = False


def speaking(do: Callable[[Emit, IsCancelled], int]) -> int:
    """Do something for a program: events on stdout, `cancel` or the end of stdin to stop.

    Gives what `do` gives. If a cancel comes during a long operation, the process exits after GRACE seconds;
    files are renamed into place, so none is half written. Before the first event it exits at once.
    """
    stop, begun, ended = threading.Event(), threading.Event(), threading.Event()
    telling = threading.RLock()

    def listen() -> None:
        while line := sys.stdin.readline(80):  # in pieces: some lines have no end
            if line.strip() == "cancel":
                break
        stop.set()
        if begun.is_set():
            time.sleep(GRACE)
        with telling:
            if not ended.is_set():
                emit(Event("cancelled"))
                os._exit(CANCELLED)

    def emit(event: Event) -> None:
        with telling:
            begun.set()
            if event.kind in ENDINGS:
                ended.set()
            try:
                print(write_event(event), flush=True)
            except BrokenPipeError:  # nobody is there to work for
                stop.set()

    threading.Thread(target=listen, daemon=True).start()

    return do(emit, stop.is_set)
