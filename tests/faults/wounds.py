"""Wounds for good input, and a judge of what becomes of it. NumPy and the standard library only.

A wounded file, line or record must be read, or refused by an error with a cure; never crash, hang, swell, run
anything, or touch a file outside its folder, which an audit hook sees.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parents[2]
MAX_SECONDS = 5  # of a processor
MAX_WAIT = 120  # seconds, be they spent waiting for others on a busy machine, or for a process of its own
MAX_GROWTH = 1 << 30  # bytes
FORBIDDEN = ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork", "socket.connect")
BELLS = ((signal.SIGPROF, signal.ITIMER_PROF, MAX_SECONDS), (signal.SIGALRM, signal.ITIMER_REAL, MAX_WAIT))
Random = np.random.Generator

ODD = (
    *(None, True, False, 0, -1, 1, 2**31, 2**63, -(2**63), 2**64, 10**400, 0.5, -0.0, 1e-320, 1e308),
    *(
        float("nan"),
        float("inf"),
        -float("inf"),
        "",
        "x",
        "\0",
        "\ud800",
        "../secret",
        "/etc/passwd",
        "/dev/zero",
    ),
    *("é" * 300, "x" * 100_000, [], {}, [[]], [None], {"a": 1}, [1, 2, 3], "NaN", "null", "👾", [0.5] * 5000),
)


def nested(depth: int) -> Any:
    value: Any = []
    for _ in range(depth):
        value = [value]
    return value


def with_bytes_wrong(data: bytes, random: Random) -> bytes:
    """`data` with one to four wounds."""
    wounded = bytearray(data)
    for _ in range(random.integers(1, 5)):
        at = int(random.integers(0, len(wounded) + 1))
        length = int(2 ** random.uniform(0, 10))
        way = random.integers(0, 7)
        if way == 0:
            del wounded[at:]
        elif way == 1:
            del wounded[at : at + length]
        elif way == 2:
            wounded[at:at] = wounded[at : at + length]
        elif way == 3:
            wounded[at : at + length] = random.bytes(min(length, max(0, len(wounded) - at)))
        elif way == 4:
            wounded[at : at + 4] = int(random.choice([0, 1, 2**31 - 1, 2**31, 2**32 - 1])).to_bytes(
                4, "little"
            )
        elif way == 5:
            wounded[at : at + 4] = int(random.choice([0, 1, 2**31 - 1, 2**31, 2**32 - 1])).to_bytes(4, "big")
        elif at < len(wounded):
            wounded[at] ^= 1 << int(random.integers(0, 8))
        if not wounded:
            break
    return bytes(wounded)


def with_value_wrong(record: Any, random: Random) -> Any:
    """A copy of a JSON value with one of its parts replaced, removed, doubled, or added."""
    copy = json.loads(json.dumps(record))
    places: list[tuple[Any, Any]] = []

    def walk(value: Any) -> None:
        for key in value if isinstance(value, dict) else range(len(value)):
            places.append((value, key))
            if isinstance(value[key], dict | list):
                walk(value[key])

    walk(copy)
    if not places:
        return odd(random)
    holder, key = places[int(random.integers(len(places)))]
    way = random.integers(0, 8)
    if way == 0:
        del holder[key]
    elif way == 1 and isinstance(holder, dict):
        holder[str(odd(random))[:50]] = odd(random)
    elif way == 2 and isinstance(holder[key], int) and not isinstance(holder[key], bool):
        holder[key] += int(random.integers(-3, 4))
    elif way == 3:
        holder[key] = [holder[key]] * int(random.integers(0, 50))
    else:
        holder[key] = odd(random)
    return copy


def odd(random: Random) -> Any:
    value = ODD[int(random.integers(len(ODD)))]
    return nested(int(random.integers(1, 100))) if value == [[]] else value


def json_bytes(record: Any, random: Random) -> bytes:
    if random.random() < 0.03:
        return b"[" * 100_000
    if random.random() < 0.2:
        return with_bytes_wrong(json.dumps(record).encode(), random)
    for _ in range(random.integers(1, 4)):
        record = with_value_wrong(record, random)
    return json.dumps(record).encode("utf-8", "surrogatepass")


class TooLong(BaseException):
    """A case took longer than a case may."""


def attempt(
    read: Callable[[Any], object], given: object, watch: Watch, refusal: type[Exception]
) -> tuple[str, str]:
    """Whether `given` was read, or refused by a `refusal`, and what is wrong about that, if anything."""
    before, ending, wrong = _peak(), "", ""
    watch.touched.clear()
    for bell, timer, most in BELLS:
        signal.signal(bell, _ring)
        signal.setitimer(timer, most)
    watch.on = True
    try:
        read(given)
        ending = "read"
    except refusal as error:
        ending = "refused"
        wrong = "" if getattr(error, "message", "") and getattr(error, "cure", "") else f"no cure: {error}"
    except TooLong:
        wrong = "hang"
    except BaseException:
        wrong = "".join(traceback.format_exc().splitlines(keepends=True)[-8:])
    finally:
        watch.on = False
        for _, timer, _ in BELLS:
            signal.setitimer(timer, 0)
    if _peak() - before > MAX_GROWTH:
        wrong = wrong or f"grew by {(_peak() - before) / 1e6:.0f} MB"
    if watch.touched:
        wrong = wrong or f"touched {watch.touched[:3]}"
    return ending, wrong


def _ring(*_: object) -> None:
    raise TooLong


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


class Watch:
    """Sees what Python is asked to run, and to open, outside `folder`."""

    def __init__(self, folder: Path) -> None:
        self.on, self.folder, self.touched = False, folder, list[str]()
        sys.addaudithook(self._see)

    def _see(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self.on:
            return
        if event in FORBIDDEN:
            self.touched.append(f"{event} {arguments}"[:200])
        if event == "open" and isinstance(arguments[0], str | bytes):
            path = os.fsdecode(arguments[0])
            writes = isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
            own = path.startswith((str(self.folder), "/proc/", sys.prefix, sys.base_prefix, str(ROOT)))
            if not own or (writes and not path.startswith(str(self.folder))):
                self.touched.append(f"open {path}"[:200])
