"""The style images of the artist's own that were used last, the newest first."""

from __future__ import annotations

from pathlib import Path

from ..backend.reading import is_file
from . import user_files

FILE = "recent_styles.json"
MAX_FILES = 8

files: list[str] = []  # for drawing, which reads no disk
_path: Path | None = None


def load(path: Path) -> None:
    """Read the list of earlier sessions. What is gone by now is left out."""
    global _path
    _path = path
    files[:] = [name for name in user_files.read(path) if isinstance(name, str) and is_file(Path(name))]
    del files[MAX_FILES:]


def remember(style: Path | str) -> None:
    """Put `style` first."""
    name = str(style)
    files[:] = [name, *(other for other in files if other != name)][:MAX_FILES]
    if _path is not None:
        user_files.write(_path, files)
