"""The painter of this Blender: one at a time, started before it is needed, if the artist wants that."""

from __future__ import annotations

import atexit
import os
from pathlib import Path

import bpy

from ..backend.errors import PatinaError
from . import folders
from .painter import Painter, Sitting
from .process import python_command
from .setup.system import backend_environment

painter: Painter | None = None
_expected = False  # whether the panel has been drawn


def begin(python: Path, folder: Path, log: Path) -> Sitting:
    """Have the job in `folder` done, by the painter that waits, or by a new one. Raises PatinaError."""
    online = bpy.app.online_access  # else weights that are not here are an error, with its cure
    sitting = None
    if painter is not None and _is_as(painter, python):
        sitting = painter.begin(folder, online, log)
    if sitting is None:
        sitting = _start(python).begin(folder, online, log)
    if sitting is None:
        raise PatinaError(
            "The backend ended as it began.",
            "Set up the backend again in Preferences > Add-ons > Patina.",
            "backend",
        )
    return sitting


def _is_as(painter: Painter, python: Path) -> bool:
    """Whether it is what would be started now: an update, a setting or a variable may have changed since."""
    return painter.command == _command(python) and painter.environment == backend_environment(os.environ)


def _command(python: Path) -> list[str]:
    return python_command(python, "-m", "backend", "serve")


def _start(python: Path) -> Painter:
    """Start a painter in place of the one that there is. Raises PatinaError."""
    global painter
    stop()
    settings = folders.preferences()
    idle_seconds = 60.0 * settings.idle_minutes if settings.keep_painter else 0.0
    try:
        painter = Painter(_command(python), folders.EXTENSION, backend_environment(os.environ), idle_seconds)
    except OSError as error:
        raise PatinaError(
            f"The backend's Python, {python}, cannot be started: {error.strerror}.",
            "Set up the backend in Preferences > Add-ons > Patina.",
            "backend",
        ) from None
    return painter


def expect() -> None:
    """Note that the panel is drawn for the first time: a job may come. For drawing: it does nothing else."""
    global _expected
    if not _expected and not bpy.app.background:
        _expected = True
        bpy.app.timers.register(_warm_up, first_interval=0.5, persistent=True)


def _warm_up() -> None:
    """Start a painter beforehand. What hinders it the button tells."""
    if painter is None and folders.preferences().keep_painter:
        try:
            _start(folders.backend_python())
        except PatinaError as error:
            print(f"Patina: {error}")


def memory() -> int:
    """Count the bytes that the painter holds while it waits; 0 where there is none."""
    return painter.memory if painter is not None and painter.is_running else 0


def leave() -> None:
    """Let the painter go, unless it has a job."""
    if painter is not None:
        painter.leave()


def stop() -> None:
    """Leave no painter running."""
    global painter
    if painter is not None:
        painter.kill()
        painter = None


@bpy.app.handlers.persistent
def _on_render(*_: object) -> None:
    if folders.preferences().leave_for_renders:
        leave()


def register() -> None:
    atexit.register(stop)
    bpy.app.handlers.render_init.append(_on_render)


def unregister() -> None:
    global _expected
    _expected = False
    bpy.app.handlers.render_init.remove(_on_render)
    if bpy.app.timers.is_registered(_warm_up):
        bpy.app.timers.unregister(_warm_up)
    atexit.unregister(stop)
    stop()
