"""Results that were painted as a formula (CPPN): a small network each, which has no resolution."""

from __future__ import annotations

from pathlib import Path

import bpy

from ..backend.errors import PatinaError
from ..backend.protocol.files import CPPN_FILE
from ..backend.reading import is_file
from . import folders


def search(text: str) -> list[str]:
    """List the results whose job folders are called like `text`, the newest first."""
    found = (path.parent.name for path in folders.jobs().glob(f"*/{CPPN_FILE}"))
    return sorted((name for name in found if text.lower() in name.lower()), reverse=True)


def path(name: str) -> Path:
    """Find the file of a formula: of the result called `name`, or at that path. Raises PatinaError."""
    cure = "Choose a result that was painted as Formula (Advanced > Painted As), or a .cppn file."
    if not name:
        raise PatinaError("No formula is chosen.", cure, "formula")
    inside = folders.jobs() / name / CPPN_FILE
    file = inside if Path(name).name == name and is_file(inside) else Path(bpy.path.abspath(name))
    if not is_file(file):
        raise PatinaError(f"There is no formula {name}.", cure, "formula")
    return file
