"""Files that are written whole or not at all. Standard library only: the add-on writes like this too."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from .locking import take

PART = ".part"  # how the names of files end that are not whole yet

# Windows has no links to follow here, and others have no text mode to switch off.
_NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)


@contextmanager
def replacing(path: Path, lasting: bool = True) -> Iterator[IO[bytes]]:
    """Open a stream that becomes the file `path` at the block's end.

    If anything fails, all is as it was before.
    It is written beside, under a name that nobody else has, and renamed: a reader never sees half of it, and
    a link that lies in wait is not followed. `lasting`: a power cut, too, leaves the old file or the new
    one, for which the disk is waited for. Raises OSError.
    """
    # A short name of its own: `path` with a suffix might be too long for the file system.
    beside = path.with_name(f".patina-{secrets.token_hex(8)}{PART}")
    descriptor = os.open(beside, _NEW, 0o666)
    try:
        with os.fdopen(descriptor, "w+b") as stream:
            yield stream
            stream.flush()
            if lasting:
                os.fsync(stream.fileno())
        beside.replace(path)
    except BaseException:
        with suppress(OSError):
            beside.unlink()
        raise
    if lasting:
        _settle(path.parent)


def _settle(folder: Path) -> None:
    """Have the disk hold the names in `folder`. Windows, and some network drives, cannot be asked to."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def write_bytes(path: Path, data: bytes, lasting: bool = True) -> None:
    """Write `path` as `replacing` does. Raises OSError."""
    with replacing(path, lasting) as stream:
        stream.write(data)


def is_full(error: BaseException) -> bool:
    """Tell whether `error`, or what it comes from, is a disk without room, or without leave to take more."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, OSError) and seen.errno in (errno.ENOSPC, errno.EDQUOT):
            return True
        seen = seen.__cause__ or seen.__context__
    return False


def make_way(path: Path) -> None:
    """Remove what lies at `path`, for a writer that would follow a link there: a library, or Blender."""
    with suppress(OSError):  # then it cannot be written either, which the writer says
        path.unlink(missing_ok=True)


@contextmanager
def going_on(path: Path) -> Iterator[IO[bytes]]:
    """Open what there is of `path`, a file that is being fetched, to read and to go on with.

    A link in its place is not followed but removed. Raises OSError, also while another process is at it.
    """
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    if path.is_symlink() or (path.exists() and path.stat().st_nlink > 1):
        path.unlink()
    with os.fdopen(os.open(path, flags, 0o666), "r+b") as stream:
        if not take(stream.fileno()):
            raise OSError(errno.EBUSY, "another Blender or terminal is fetching it")
        yield stream


def remove_parts(folder: Path) -> None:
    """Remove what writers that were killed left half done in `folder`, where nobody else is writing."""
    for part in folder.glob(f".patina-*{PART}"):
        with suppress(OSError):
            part.unlink()
