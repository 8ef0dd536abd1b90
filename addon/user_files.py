"""Small things kept from one session to the next, as JSON in the extension's user folder."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..backend.reading import read_json
from ..backend.writing import write_bytes

unreadable: set[str] = set()  # names of files that hold something else


def read(path: Path) -> list[Any]:
    """Read the list in the file; empty where there is none. What is no such list is remembered."""
    try:
        found = read_json(path)
        if isinstance(found, list):
            return found
    except FileNotFoundError:
        return []
    except (OSError, ValueError):
        pass
    unreadable.add(path.name)
    return []


def write(path: Path, values: list[Any]) -> None:
    """Write the list, whole or not at all. Keeping is a convenience: a full disk stops nothing."""
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(path, (json.dumps(values, indent=1) + "\n").encode())
