"""Where things lie: nothing is ever written beside the extension's own files."""

from __future__ import annotations

import os
from pathlib import Path

import bpy

from ..backend.protocol import PatinaError
from .setup import system

EXTENSION = Path(__file__).parents[1]  # holds `backend`, the package
PACKAGE = __package__.rpartition(".")[0]  # bl_ext.<repository>.patina


def jobs() -> Path:
    """The folder of the job folders, in the extension's user folder."""
    return Path(bpy.utils.extension_path_user(PACKAGE, path="jobs"))


def backend() -> Path:
    """The folder of the backend's environment: PATINA_BACKEND if set, else in the user folder."""
    return Path(os.environ.get("PATINA_BACKEND") or bpy.utils.extension_path_user(PACKAGE, path="backend"))


def backend_python() -> Path:
    """The Python that runs the backend. Raises PatinaError if it was never set up."""
    python = system.python_in(backend())
    if not python.exists():
        raise PatinaError(
            "The backend, which does the painting, is not set up yet.",
            "Set up the backend in Preferences > Add-ons > Patina.",
            "backend",
        )
    return python
