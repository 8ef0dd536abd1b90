"""Files that are read because somebody named them: they must be files, of a size, and where they may be.

Devices and pipes have names too, but no end, or no beginning. Standard library only.
"""

from __future__ import annotations

import errno
import json
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from .errors import PatinaError

MAX_BYTES = 2 << 30
MAX_JSON = 64 << 20  # bytes

# A pipe would wait for its writer.
_AT_ONCE = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


@contextmanager
def regular(path: Path, most: int = MAX_BYTES) -> Iterator[IO[bytes]]:
    """Open the regular file `path`. Raises OSError, also for anything else and above `most` bytes."""
    try:
        descriptor = os.open(path, _AT_ONCE)
    except ValueError as error:  # a name with a zero in it
        raise OSError(errno.EINVAL, str(error)) from None
    with os.fdopen(descriptor, "rb") as stream:
        about = os.fstat(descriptor)
        if not stat.S_ISREG(about.st_mode):
            raise OSError(errno.EINVAL, "it is no ordinary file")
        if about.st_size > most:
            raise OSError(errno.EFBIG, f"it is larger than {most / 1e6:.0f} MB")
        yield stream


def read_bytes(path: Path, most: int = MAX_BYTES) -> bytes:
    """Read the bytes of a regular file. Raises OSError as `regular` does."""
    with regular(path, most) as stream:
        data = stream.read(most + 1)
    if len(data) > most:  # some of the system's own files have more than they say
        raise OSError(errno.EFBIG, f"it is larger than {most / 1e6:.0f} MB")
    return data


def read_json(path: Path, most: int = MAX_JSON) -> Any:
    """Read the JSON in a regular file. Raises OSError as `regular` does, ValueError for what is none."""
    try:
        return json.loads(read_bytes(path, most).decode())
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def is_file(path: Path) -> bool:
    """Whether a file lies at `path`. A name too long, or with a zero in it, is no file's."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def is_folder(path: Path) -> bool:
    """Whether a folder lies at `path`, as `is_file` does."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def read_within(folder: Path, name: str, field: str, most: int = MAX_BYTES) -> bytes:
    """Read the bytes of what a file in `folder` calls `name`. Raises OSError as `regular` does.

    Raises PatinaError, with `field`, where the name, or a link, leads out of the folder.
    """
    place = within(folder, name)
    if place is None:
        raise PatinaError(
            f"It names a file outside its own folder: {name[:200]!r}.",
            "Put that file beside it, or in a folder below, and export it again.",
            field,
        )
    return read_bytes(place, most)


def check_files(names: Iterable[str], folder: Path) -> None:
    """Raise PatinaError for a name in the job of `folder`, or a link of that name, that leads out of it."""
    for name in names:
        if within(folder, name) is None:
            raise PatinaError(
                f"job.json names a file outside its own folder: {name[:200]!r}.",
                "Copy that file into the job's folder, and name the copy.",
                "job",
            )


def within(folder: Path, name: str) -> Path | None:
    """Find where `name` leads from `folder`, links followed; None if that is not in it or below."""
    try:
        place = (folder / name).resolve()
        return place if place.is_relative_to(folder.resolve()) else None
    except (OSError, ValueError, RuntimeError):  # a zero in the name; links in a circle
        return None
