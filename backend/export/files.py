"""Files that are whole or not there. Standard library only: the add-on writes its exports so too."""

from __future__ import annotations

import os
from pathlib import Path

from ..errors import PatinaError
from ..writing import write_bytes


def check_target(path: Path, overwrite: bool) -> None:
    """Refuse, before any work is done, a file that could not or should not be written."""
    if len(os.fsencode(path.name)) > 255:  # what file systems of today take
        raise PatinaError(f"The name {path.name[:40]}… is too long.", "Use a shorter one.", "out")
    if path.is_dir():
        raise PatinaError(f"{path} is a folder.", "Name a file in it.", "out")
    if path.exists() and not overwrite:
        raise PatinaError(
            f"{path} exists already.", "Choose another name, or allow overwriting (--overwrite).", "out"
        )
    if not path.parent.is_dir():
        raise PatinaError(f"There is no folder {path.parent}.", "Make it, or choose another.", "out")
    if not os.access(path.parent, os.W_OK):
        raise PatinaError(f"{path.parent} cannot be written to.", "Choose another folder.", "out")


def write_file(path: Path, data: bytes) -> None:
    """Write `data`, whole or not at all: a full disk leaves what was there before. Raises PatinaError."""
    try:
        write_bytes(path, data)
    except OSError as error:
        raise PatinaError(
            f"{path} could not be written: {error.strerror or error} ({len(data) / 1e6:.1f} MB).",
            "Free some space or choose another folder and name.",
            "out",
        ) from error
