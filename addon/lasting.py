"""A job's result outlasts what the artist adjusts.

*Adjust Last Operation* goes back to before that operation and does it anew: what a job brought meanwhile
would go with it, and no redo would bring it back. Such a result is put on again. What the artist undoes
stays undone: there, a redo is possible.
"""

from __future__ import annotations

from collections.abc import Callable

import bpy

from . import hands, jobs
from .history import FOLDER_KEY

PATIENCE_SECONDS = 0.3  # after the last change of a value that is dragged

_standing: list[jobs.Run] = []  # whose results the file held before an undo
_lost: list[jobs.Run] = []  # of these, whose it holds no longer


def put_back() -> None:
    """Put on again the results that an undo took away for good."""
    lost, _lost[:] = list(_lost), []
    for run in lost:
        if run in jobs.ended and run.is_at_home and not _holds(run) and not bpy.ops.ed.redo.poll():
            jobs.show(run)


def _holds(run: jobs.Run) -> bool:
    """Whether the file has the result of `run`."""
    return any(image.get(FOLDER_KEY) == run.folder.name for image in bpy.data.images)


@bpy.app.handlers.persistent
def _before_undo(*_: object) -> None:
    runs = [run for run in jobs.ended if run.state == jobs.FINISHED and run.is_at_home]
    _standing[:] = [run for run in runs if _holds(run)]


@bpy.app.handlers.persistent
def _after_undo(*_: object) -> None:
    lost = [run for run in _standing if not _holds(run)]
    _lost.extend(run for run in lost if run not in _lost)
    if _lost and not bpy.app.background:  # where nothing is adjusted
        _wait(_see, 0.0)


def _see() -> None:
    """Forget what the artist has undone; called before another operation makes its redo impossible."""
    if bpy.ops.ed.redo.poll():
        _lost.clear()
    else:
        _wait(_put_back_when_free, PATIENCE_SECONDS)


def _put_back_when_free() -> float | None:
    if hands.are_busy():
        return PATIENCE_SECONDS
    put_back()
    return None


def _wait(function: Callable[[], float | None], seconds: float) -> None:
    if bpy.app.timers.is_registered(function):
        bpy.app.timers.unregister(function)
    bpy.app.timers.register(function, first_interval=seconds)


def register() -> None:
    bpy.app.handlers.undo_pre.append(_before_undo)
    bpy.app.handlers.undo_post.append(_after_undo)


def unregister() -> None:
    bpy.app.handlers.undo_post.remove(_after_undo)
    bpy.app.handlers.undo_pre.remove(_before_undo)
    for function in (_see, _put_back_when_free):
        if bpy.app.timers.is_registered(function):
            bpy.app.timers.unregister(function)
    _standing.clear()
    _lost.clear()
