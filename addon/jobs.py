"""The queue of jobs and the one that runs.

With a window, a timer takes the queue forward on Blender's main thread; without one (Blender in the
background), `run_to_end` does, and blocks. Both call `pump`. The object is known by its session's
number, never by reference: it may be renamed, undone or gone by the time the texture comes.
"""

from __future__ import annotations

import atexit
import contextlib
import time
import traceback
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import bpy

from ..backend.errors import PatinaError
from ..backend.protocol.events import ENDINGS, Event
from ..backend.protocol.files import REPORT_FILE
from . import hands, history, preview, problems, steering, studio, timings
from .folders import user_file
from .painter import Sitting
from .scene.records import OfJob, Prepared

LOG_FILE = "backend.log"
TICK_SECONDS = 0.1
MAX_ENDED = 20

WAITING, RUNNING, FINISHED, FAILED, CANCELLED = "waiting", "running", "finished", "failed", "cancelled"
PAINTED = "painted"  # done, and not applied before the artist's hands are free


@dataclass(eq=False)
class Run(OfJob):
    """One job on its way from the queue to the object."""

    job: Prepared
    python: Path
    state: str = WAITING
    progress: Event = field(default_factory=lambda: Event("progress"))
    notes: list[str] = field(default_factory=list)
    error: PatinaError | None = None
    process: Sitting | None = None  # from when it runs
    asked: steering.Asked | None = None  # what of it may change under way, as the panel had it
    file: int = field(default_factory=lambda: file_number)  # the one that its objects are in
    watch: Callable[[Event], None] | None = None  # a script's own, told all that happens to it

    def __post_init__(self) -> None:
        self.notes += self.job.notes

    @property
    def texture(self) -> Path:
        return self.job.files[0]

    @property
    def report(self) -> Path:
        return self.folder / REPORT_FILE

    @property
    def is_at_home(self) -> bool:
        """Whether what the job is for, objects or a picture, is in the file that is open."""
        known = not self.job.members or any(member.uid for member in self.job.members)
        return self.file == file_number and known


queue: list[Run] = []  # the first one runs
ended: deque[Run] = deque(maxlen=MAX_ENDED)  # the latest last; older results are in History
file_number = 0  # counts the files that were loaded: a session_uid may come again in another


def submit(run: Run) -> None:
    """Put `run` at the end of the queue; with a window it starts by itself."""
    problems.clear(run.object_name)
    for note in run.notes:
        problems.note(note, run.object_name)
    queue.append(run)
    if not bpy.app.background and not bpy.app.timers.is_registered(_tick):
        bpy.app.timers.register(_tick, first_interval=0.0, persistent=True)


def find(folder: str) -> Run | None:
    """Find the run whose job is in `folder`."""
    return next((run for run in (*queue, *reversed(ended)) if str(run.folder) == folder), None)


def cancel() -> None:
    """Cancel the first job. If it runs, it ends within two seconds; then the next starts."""
    if queue and queue[0].process and queue[0].state != PAINTED:
        queue[0].process.cancel()
    elif queue:
        _end(queue[0], CANCELLED)


def has_enough() -> bool:
    """Whether the first job can be ended with what there is by now: once there is something."""
    run = queue[0] if queue else None
    return run is not None and run.state == RUNNING and run.progress.step > 0


def enough() -> None:
    """Take the first job's texture as it is now."""
    if has_enough() and queue[0].process:
        queue[0].process.enough()


def cancel_all() -> None:
    """Cancel the running job and forget those that wait."""
    for run in queue[1:]:
        _end(run, CANCELLED)
    cancel()


def waiting() -> list[Run]:
    """List the jobs that may still be moved and removed."""
    return [run for run in queue if run.state == WAITING]


def move(folder: str, by: int) -> bool:
    """Move the waiting job in `folder` down the queue by so many places; whether it moved."""
    run = next((run for run in waiting() if str(run.folder) == folder), None)
    if run is None:
        return False
    place, first = queue.index(run), len(queue) - len(waiting())
    target = min(max(place + by, first), len(queue) - 1)
    queue.insert(target, queue.pop(place))
    return target != place


def remove(folder: str) -> bool:
    """Take the waiting job in `folder` out of the queue; whether there was one."""
    run = next((run for run in waiting() if str(run.folder) == folder), None)
    if run is not None:
        _end(run, CANCELLED)
    return run is not None


def pump() -> bool:
    """Take the queue one turn further, without waiting for anything; whether there is more to do."""
    if not queue:
        return False
    run = queue[0]
    preview.advance()
    try:
        if run.process is None:
            _start(run)
        if run.state == PAINTED and not hands.are_busy():
            _finish(run)
        for event in run.process.poll():
            _take(run, event)
        if run.state == RUNNING:
            _steer(run)
    except PatinaError as error:
        fail(run, error)
    except Exception as error:  # a fault of ours must not leave the queue stuck
        traceback.print_exc()
        fail(run, PatinaError(f"{run.object_name}: {error!r}.", "Please report this.", run.object_name))
    return bool(queue)


def run_to_end(watch: Callable[[Run], None]) -> None:
    """Work the queue off, blocking; `watch` sees the running job every time something may have changed."""
    try:
        while queue:
            run = queue[0]
            pump()
            watch(run)
            time.sleep(TICK_SECONDS / 2)
    except KeyboardInterrupt:
        cancel_all()
        while pump():
            time.sleep(TICK_SECONDS / 2)


def _start(run: Run) -> None:
    run.process = studio.begin(run.python, run.folder, run.folder / LOG_FILE)
    run.state = RUNNING


def _steer(run: Run) -> None:
    """Hand on what has changed in the panel. What hinders that ends nothing."""
    if run.asked is None or run.process is None or not run.is_at_home:
        return
    try:
        taken = steering.watch(run.job, run.process, run.asked)
    except (OSError, PatinaError) as error:
        problems.note(f"The change could not be handed to the job: {error}", run.object_name)
        return
    if taken is not None:
        run.asked, run.progress = taken, replace(run.progress, stage="adapting")


def _tell(run: Run, event: Event) -> None:
    """Tell a script. What it stumbles over is its own, and ends no job."""
    if run.watch is not None:
        try:
            run.watch(event)
        except Exception:
            traceback.print_exc()


def _take(run: Run, event: Event) -> None:
    if event.kind not in ENDINGS:  # those are told when they have come to pass
        _tell(run, event)
    if event.kind == "progress":
        run.progress = event
    elif event.kind == "preview" and run.job.members and run.is_at_home:
        preview.show(run.folder, run.job.count, run.job.members, run.job.timing)
    elif event.kind == "message":
        if event.message not in run.notes and len(run.notes) < problems.MAX_SHOWN:
            run.notes.append(event.message)
        problems.note(event.message, run.object_name)
    elif event.kind == "failed":
        named = run.object_name in event.message
        message = event.message if named else f"{run.object_name}: {event.message}"
        fail(run, PatinaError(message, event.cure, event.field))
    elif event.kind == "cancelled":
        _end(run, CANCELLED)
    elif event.kind == "finished":
        timings.learn(run.folder)
        history.add(run.folder)
        if hands.are_busy():
            run.state = PAINTED
        else:
            _finish(run)


def _finish(run: Run) -> None:
    """Take `run` out of the queue and put its result on the object."""
    _end(run, FINISHED)
    if not run.is_at_home:
        problems.note(f"{run.object_name} is painted; apply it from History.", run.object_name)
    else:
        show(run)
    if run.state == FINISHED:  # and not failed at the last moment
        _tell(run, Event("finished", path=str(run.texture), report=str(run.report)))


def show(run: Run) -> None:
    """Put the result of `run` on its objects: one undo step. Raises PatinaError, unless the run has its own.

    The step is pushed apart from the operator, whose own would end *Adjust Last Operation*.
    """
    try:
        with _a_window():
            if bpy.ops.patina.apply("EXEC_DEFAULT", folder=str(run.folder)) == {"FINISHED"}:
                bpy.ops.ed.undo_push(message="Apply Stylization")
    except RuntimeError as error:
        if run.error is None:
            raise PatinaError(str(error), f"The texture is kept: {run.texture}.") from None


def _a_window() -> contextlib.AbstractContextManager[object]:
    """A timer has no window in its context; operators that push an undo step want one."""
    windows = bpy.context.window_manager.windows
    return bpy.context.temp_override(window=windows[0]) if windows else contextlib.nullcontext()


def fail(run: Run, error: PatinaError) -> None:
    """End `run` with an error, which the panel shows."""
    run.error = error
    problems.tell(error, run.object_name, str(run.folder))
    _end(run, FAILED)


def _end(run: Run, state: str) -> None:
    run.state = state
    if preview.shown and preview.shown.folder == run.folder:
        preview.clear()
    if run.process and not run.process.ended:
        run.process.kill()
    if run in queue:
        queue.remove(run)
        ended.append(run)
    if run.process and state in (FAILED, CANCELLED):
        history.add(run.folder)  # it may have left something to go on from
    if state == CANCELLED:
        _tell(run, Event("cancelled"))
    elif state == FAILED and run.error is not None:
        _tell(run, Event("failed", message=run.error.message, cure=run.error.cure, field=run.error.field))


def _tick() -> float | None:
    before = _visible()
    more = pump()
    if _visible() != before:
        redraw()
    return TICK_SECONDS if more else None


def _visible() -> tuple[object, ...]:
    """What the panel shows of the queue."""
    first = queue[0] if queue else None
    progress = (first.progress, first.state) if first else None
    return [run.folder for run in queue], progress, len(problems.shown)


def redraw() -> None:
    """Have the sidebars of 3D viewports and image editors drawn again, and the status bar; not the views,
    which may take long."""
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type in ("VIEW_3D", "IMAGE_EDITOR"):
                for region in area.regions:
                    if region.type == "UI":
                        region.tag_redraw()
        if not window.modal_operators:  # whose own text is not to be wiped
            window.workspace.status_text_set(None)  # which draws the bar


def stop() -> None:
    """Forget everything and leave nothing running: Blender ends, or the add-on is switched off.

    A timer that is still registered when Blender ends would hang it.
    """
    if bpy.app.timers.is_registered(_tick):
        bpy.app.timers.unregister(_tick)
    for run in list(queue):
        _end(run, CANCELLED)
    ended.clear()


@bpy.app.handlers.persistent
def _on_load(*_: object) -> None:
    """Jobs go on; their objects are not in this file."""
    global file_number
    file_number += 1
    preview.clear()


def register() -> None:
    atexit.register(stop)
    timings.load(user_file(timings.FILE))
    bpy.app.handlers.load_post.append(_on_load)  # not before: a file may fail to open


def unregister() -> None:
    bpy.app.handlers.load_post.remove(_on_load)
    atexit.unregister(stop)
    stop()
