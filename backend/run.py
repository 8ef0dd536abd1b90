"""A job done, whatever it asks for, and how it ended.

Standard library only until it begins, so that a cancel is heard while torch is still being imported.
"""

from __future__ import annotations

import argparse
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any

from . import plugins
from .conversation import Cancelled, Emit, IsCancelled, Wishes, speaking
from .errors import PatinaError
from .locking import holding
from .machine import memory
from .machine.shelf import Shelf
from .protocol.events import CANCELLED, ENDINGS, FAILED, FINISHED, Event
from .protocol.job import Job
from .protocol.job_file import read_job
from .reading import check_files
from .writing import is_full, remove_parts


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, help="a job folder: job.json and the files it names")
    parser.add_argument("--online", action="store_true", help="weights that are not here may be downloaded")
    plugins.add_argument(parser)
    parser.set_defaults(do=run)


def run(options: argparse.Namespace) -> int:
    """Do the job in a folder for a program; gives the exit code."""
    return speaking(
        lambda emit, cancelled: do_job(options.folder, emit, cancelled, options.online, options.plugin)
    )


def _runner(job: Job) -> Callable[[Any], None]:
    """Import what does such a job, and no more: all of it takes seconds."""
    kind = ".canvas.job"
    if job.in_pieces:
        kind = ".painting.synthesis"
    elif job.on_pyramid:
        kind = ".painting.motion" if job.moves else ".painting.job"
    elif job.on_pixels:
        kind = ".painting.picture_job"
    run: Callable[[Any], None] = import_module(kind, __package__).run
    return run


def _do(
    job: Job, folder: Path, emit: Emit, cancelled: IsCancelled, shelf: Shelf, wishes: Wishes | None
) -> None:
    """Run the job; what the GPU has no room for is done again on the processor."""
    memory.load_openblas()
    from .session import JobSession

    run = _runner(job)
    session = JobSession(job, folder, emit, cancelled, shelf, wishes)
    try:
        run(session)
        return
    except (RuntimeError, MemoryError) as error:
        if not memory.ran_out(error) or session.device.type == "cpu":
            raise
    shelf.clear()
    memory.release()  # here the failed attempt's tensors are gone with its error
    session.message("The graphics card has too little memory; going on on the processor.")
    job = replace(job, device="cpu", rasterizer="embree")
    run(JobSession(job, folder, emit, cancelled, shelf, wishes))


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Hold `folder` for one job, and clear what killed ones left half written. Raises PatinaError."""
    with holding(folder) as alone:
        if not alone:
            raise PatinaError(
                f"Another job is at work in {folder}.",
                "Wait until it has ended, or choose another folder.",
                "out",
            )
        remove_parts(folder)
        yield


@dataclass(frozen=True)
class Outcome:
    """How a job ended: its last event, and its exit code.

    foreseen: nothing happened that nobody foresaw; disk_full: it failed for want of room.
    """

    ending: Event
    code: int
    foreseen: bool = True
    disk_full: bool = False


def do_job(
    folder: Path, emit: Emit, cancelled: IsCancelled, online: bool = False, plugin_files: Sequence[Path] = ()
) -> int:
    """Do the job in `folder` and give its exit code; how it ends is told to `emit`.

    online: whether weights that are not here may be downloaded. plugin_files: to load before.
    """
    outcome = outcome_of(folder, emit, cancelled, online, plugin_files)
    emit(outcome.ending)
    return outcome.code


def outcome_of(
    folder: Path,
    emit: Emit,
    cancelled: IsCancelled,
    online: bool = False,
    plugin_files: Sequence[Path] = (),
    shelf: Shelf | None = None,
    wishes: Wishes | None = None,
) -> Outcome:
    """Do the job as `do_job` does, but tell `emit` all except how it ended: the folder is free by then.

    shelf: what earlier jobs left to be used again; wishes: what is asked of it meanwhile.
    """
    endings: list[Event] = []

    def tell(event: Event) -> None:
        (endings.append if event.kind in ENDINGS else emit)(event)

    try:
        job = read_job(folder)
        check_files(job.files, folder)
        for file in plugin_files:
            plugins.load(file)
        with _alone_in(folder):
            from .networks import fetching

            fetching.ensure(job.network, online, emit, cancelled)
            _do(job, folder, tell, cancelled, shelf or Shelf(), wishes)
    except Cancelled:
        return Outcome(Event("cancelled"), CANCELLED)
    except PatinaError as error:
        ending = Event("failed", message=error.message, cure=error.cure, field=error.field)
        return Outcome(ending, FAILED, disk_full=is_full(error))
    except Exception as error:
        traceback.print_exc()
        return Outcome(_failure(error), FAILED, foreseen=False, disk_full=is_full(error))
    return Outcome(endings[-1], FINISHED)


def _failure(error: Exception) -> Event:
    """What to tell of an error that nobody foresaw."""
    if memory.ran_out(error):
        return Event("failed", message=memory.NO_MEMORY, cure=memory.CURE)
    if isinstance(error, ImportError):
        cure = "Set up the backend again (Preferences > Add-ons > Patina, or `make backend`)."
        return Event(
            "failed", message=f"The backend's environment is not whole: {error}.", cure=cure, field="backend"
        )
    if isinstance(error, OSError) and error.strerror:
        named = f" with {Path(str(error.filename)).name}" if error.filename else ""
        cure = (
            "Close other programs, and see that the job's folder is on a disk with room and can be written."
        )
        return Event(
            "failed", message=f"The system refused to go on{named}: {error.strerror}.", cure=cure, field="out"
        )
    said = str(error)
    if not said:  # where, then
        *_, place = traceback.extract_tb(error.__traceback__)
        said = f"line {place.lineno} of {Path(place.filename).name}"
    return Event(
        "failed",
        message=f"The backend stumbled: {type(error).__name__}: {said}.",
        cure="Try again; if it happens again, report it with the log in the job's folder.",
    )
