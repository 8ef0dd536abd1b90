"""Child processes that speak in events. No bpy: this runs in any Python.

A child writes JSON lines to stdout (`backend.protocol.events`) and anything it likes to stderr. `Process` is
one that does one thing: it reads `cancel` from stdin. Whatever becomes of it, its events end with exactly one
that says so: `finished`, `failed` or `cancelled`, and by then the process is gone. For one that stays see
`painter.py`.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import threading
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import IO, TypeVar

from ..backend.protocol.events import ENDINGS, MAX_TEXT, Event, read_event
from .setup.system import NO_WINDOW, clean_environment

Thing = TypeVar("Thing")

LATEST = ("progress", "preview")  # of which each makes the ones before it old
MAX_EVENTS = 200  # between two calls of `poll`: a thousand messages take Blender 20 ms
MAX_LINE = 1 << 16  # characters
MAX_LOG = 10_000_000

# A cancel is over within two seconds: so long to end by itself, so long after SIGTERM, then SIGKILL.
CANCEL_SECONDS = 1.2
TERMINATE_SECONDS = 0.4
# How long a child that has said its last event may take to leave.
FAREWELL_SECONDS = 10.0
LAST_LINES = 20

# Nothing of the calling Python may leak in; what this Python is asked for is said by flags:
# -E no PYTHON* variables, -s no user site, -B no __pycache__ (the folder may be read-only), -u no buffering.
PYTHON_FLAGS = ("-E", "-s", "-B", "-u", "-X", "utf8")


def python_command(python: Path, *arguments: str) -> list[str]:
    """Make the command line that runs `python` by itself: no setting of the Python around it counts."""
    return [str(python), *PYTHON_FLAGS, *arguments]


class Inbox:
    """Events between the threads that read them and whoever polls; the last one is one of ENDINGS."""

    def __init__(self) -> None:
        self._events: list[Event] = []
        self._places: dict[str, int] = {}  # among them, of the one of each kind in LATEST
        self._telling = threading.Lock()
        self.ended = False  # for who polls

    def poll(self) -> list[Event]:
        """Take the events since the last call, oldest first, none after the ending. Never blocks."""
        with self._telling:
            events, self._events, self._places = self._events, [], {}
        self.ended = self.ended or any(event.kind in ENDINGS for event in events)
        return events

    def put(self, event: Event) -> None:
        """Have `poll` give the event: of LATEST the last of its kind alone, and no flood of others."""
        with self._telling:
            place = self._places.get(event.kind)
            if place is not None:
                self._events[place] = event
            elif len(self._events) < MAX_EVENTS or event.kind in (*LATEST, *ENDINGS):
                if event.kind in LATEST:
                    self._places[event.kind] = len(self._events)
                self._events.append(event)


class Log:
    """A file that takes lines, up to MAX_LOG characters. That it cannot be written ends nothing."""

    def __init__(self, path: Path | None) -> None:
        self._stream: IO[str] | None = None
        self._room = MAX_LOG
        if path:
            with contextlib.suppress(OSError):  # a log is a help, not a condition
                path.unlink(missing_ok=True)  # a link that lies in wait is not followed
                self._stream = path.open("x", encoding="utf-8")

    def write(self, line: str) -> None:
        if self._stream and self._room > 0:
            self._room -= len(line)
            with contextlib.suppress(OSError):
                self._stream.write(line)
                self._stream.flush()

    def close(self) -> None:
        if self._stream:
            with contextlib.suppress(OSError):
                self._stream.close()
        self._stream = None


class Child(ABC):
    """A running program whose lines are read by threads; what they say is for the classes below it."""

    def __init__(
        self, command: Sequence[str], folder: Path, environment: Mapping[str, str] | None = None
    ) -> None:
        """Start `command` in `folder`. Raises OSError. environment: None: this process's own, cleaned."""
        self._last_lines: deque[str] = deque(maxlen=LAST_LINES)
        self._child = subprocess.Popen(
            command,
            cwd=folder,
            env=clean_environment(os.environ) if environment is None else environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
            # A Ctrl-C on the terminal is for the caller, which then cancels; no console window on Windows.
            start_new_session=True,
            creationflags=NO_WINDOW,
        )
        self._readers = [start_thread(self._read_stdout), start_thread(self._read_stderr)]
        start_thread(self._watch)

    @abstractmethod
    def _take(self, event: Event) -> None:
        """Take in an event."""

    @abstractmethod
    def _take_words(self, line: str) -> None:
        """Take in a line of stderr."""

    @abstractmethod
    def _take_end(self, code: int) -> None:
        """Take in that the process is gone."""

    @property
    def pid(self) -> int:
        return self._child.pid

    @property
    def is_running(self) -> bool:
        return self._child.poll() is None

    def kill(self) -> None:
        """End the child now, and wait until it is gone."""
        self._child.kill()
        self._child.wait()

    def _say(self, line: str) -> None:
        """Write a line to the child, which may be gone already."""
        with contextlib.suppress(OSError, ValueError):
            assert self._child.stdin is not None
            self._child.stdin.write(line + "\n")
            self._child.stdin.flush()

    def _see_it_leave(self, patience: float) -> None:
        for seconds, force in ((patience, self._child.terminate), (TERMINATE_SECONDS, self._child.kill)):
            try:
                self._child.wait(seconds)
                return
            except subprocess.TimeoutExpired:
                force()

    def _read_stdout(self) -> None:
        assert self._child.stdout is not None
        with self._child.stdout as stream:
            for line in _lines(stream):
                event = read_event(line)
                if event is None:
                    self._keep(line)
                else:
                    self._take(event)

    def _read_stderr(self) -> None:
        assert self._child.stderr is not None
        with self._child.stderr as stream:
            for line in _lines(stream):
                self._keep(line)
                self._take_words(line)

    def _keep(self, line: str) -> None:
        if line.strip():
            self._last_lines.append(line.rstrip()[:MAX_TEXT])

    def _watch(self) -> None:
        """Tell the ending once the child is gone (not once its pipes close: a grandchild may hold those)."""
        code = self._child.wait()
        for reader in self._readers:
            reader.join(1.0)
        with contextlib.suppress(OSError):
            assert self._child.stdin is not None
            self._child.stdin.close()
        self._take_end(code)


class Process(Child):
    """A child that does one thing. `poll` gives what it said since the last call."""

    def __init__(
        self,
        command: Sequence[str],
        folder: Path,
        log: Path | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Start `command` in `folder`; its stderr is also kept in the file `log`. Raises OSError.

        environment: the child's; None: this process's own, cleaned.
        """
        self._inbox, self._log = Inbox(), Log(log)
        self._cancelled = threading.Event()
        self._ending: Event | None = None
        super().__init__(command, folder, environment)

    @property
    def ended(self) -> bool:
        return self._inbox.ended

    def poll(self) -> list[Event]:
        """Take the events since the last call, oldest first, none after the ending. Never blocks."""
        return self._inbox.poll()

    def cancel(self) -> None:
        """Ask the child to end; it is gone within two seconds, by force if need be. Does not block."""
        if not self._cancelled.is_set():
            self._cancelled.set()
            start_thread(self._ask_it_to_leave)

    def kill(self) -> None:
        self._cancelled.set()
        super().kill()

    def _ask_it_to_leave(self) -> None:
        self._say("cancel")
        self._see_it_leave(CANCEL_SECONDS)

    def _take(self, event: Event) -> None:
        if self._ending is not None:
            return
        if event.kind in ENDINGS:
            self._ending = event
            start_thread(lambda: self._see_it_leave(FAREWELL_SECONDS))
        else:
            self._inbox.put(event)

    def _take_words(self, line: str) -> None:
        self._log.write(line)

    def _take_end(self, code: int) -> None:
        self._log.close()
        if self._cancelled.is_set():
            self._inbox.put(Event("cancelled"))
        else:
            self._inbox.put(self._ending or death(code, list(self._last_lines)))


def start_thread(target: Callable[[], None]) -> threading.Thread:
    """Run `target` beside, in a thread that keeps no program from ending."""
    thread = threading.Thread(target=target, daemon=True)
    thread.start()
    return thread


def beside(make: Callable[[], Thing]) -> Future[Thing]:
    """Have `make` make what is awaited, or fail to, in a thread of its own."""
    found: Future[Thing] = Future()

    def do() -> None:
        try:
            found.set_result(make())
        except BaseException as error:
            found.set_exception(error)

    start_thread(do)
    return found


def _lines(stream: IO[str]) -> Iterator[str]:
    """The lines of `stream`; of one that is longer than MAX_LINE characters, only its beginning."""
    while line := stream.readline(MAX_LINE):
        yield line
        while len(line) == MAX_LINE and not line.endswith("\n"):
            line = stream.readline(MAX_LINE)


# As backend/machine/memory.py knows it; here it is what a process said before it was gone.
_NO_MEMORY = (
    r"out of memory|MemoryError|allocat|bad_alloc|map segment|could not create a primitive|start new thread"
)


def death(code: int, last_lines: Sequence[str]) -> Event:
    """Make the `failed` event of a process that ended without saying how: its exit code, its last words."""
    text, field = "\n".join(last_lines), ""
    if re.search(_NO_MEMORY, text, re.IGNORECASE):
        cure = "It ran out of memory: close other programs, or choose a smaller texture."
    elif re.search(r"ModuleNotFoundError|ImportError|DLL load failed", text):
        cure = "Its set-up is damaged: set up the backend again in Preferences > Add-ons > Patina."
        field = "backend"
    elif code in (-signal.SIGSEGV, -signal.SIGABRT, -7):  # libraries that do not ask whether they got memory
        cure = "Often that is too little memory: close other programs, or choose a smaller texture."
    elif code in (-9, 137):
        cure = "Often the system ran out of memory: close other programs, or choose a smaller texture."
    else:
        cure = "Try again; if it happens again, report it with the log in the job's folder."
    words = f" Its last words: “{last_lines[-1].strip()}”." if last_lines else ""
    return Event(
        "failed", message=f"The backend ended unexpectedly ({_exit(code)}).{words}", cure=cure, field=field
    )


def _exit(code: int) -> str:
    if code < 0:
        with contextlib.suppress(ValueError):
            return f"killed by signal {-code}, {signal.Signals(-code).name}"
    return f"exit code {code}"
