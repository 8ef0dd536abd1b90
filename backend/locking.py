"""Files and folders that one process holds. Standard library only.

The system frees them when the holder ends, however that is.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LOCK_FILE = ".patina-lock"  # only where the system cannot lock a folder itself

if sys.platform == "win32":
    import msvcrt

    def take(descriptor: int) -> bool:
        """Hold an open file until it is closed; False while another process does."""
        try:
            os.lseek(descriptor, 1 << 40, os.SEEK_SET)  # far behind its end: what is locked cannot be read
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        finally:
            os.lseek(descriptor, 0, os.SEEK_SET)
        return True

    def _open(folder: Path) -> int:
        # The system removes a temporary file as it is closed.
        return os.open(folder / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_TEMPORARY)

else:
    import fcntl

    # On a network drive without locks, better a job than none.
    _WITHOUT = (errno.ENOLCK, errno.ENOTSUP, errno.EINVAL, errno.EBADF)

    def take(descriptor: int) -> bool:
        """Hold an open file or folder until it is closed; False while another process does."""
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            return error.errno in _WITHOUT
        return True

    def _open(folder: Path) -> int:
        return os.open(folder, os.O_RDONLY)


@contextmanager
def holding(folder: Path) -> Iterator[bool]:
    """Hold `folder` within the block; False while another process does. Raises OSError."""
    descriptor = _open(folder)
    try:
        yield take(descriptor)
    finally:
        os.close(descriptor)
