"""A job done for a program: events on stdout, and an ear on stdin.

Standard library only, so that a cancel is heard while torch is still being imported.
"""

from __future__ import annotations

import argparse
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from .protocol import CANCELLED, FAILED, FINISHED, Event, Job, PatinaError, read_job, write_event

GRACE = 1.5  # seconds that a job has to end by itself when it is asked to


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, help="a job folder: job.json and the files it names")
    parser.add_argument("--online", action="store_true", help="weights that are not here may be downloaded")
    parser.set_defaults(do=run)


def run(options: argparse.Namespace) -> int:
    """Do the job in a folder for a program; gives the exit code."""
    return speaking(lambda emit, cancelled: do_job(options.folder, emit, cancelled, options.online))


def speaking(do: Callable[[Callable[[Event], None], Callable[[], bool]], int]) -> int:
    """Do something for a program: events on stdout, `cancel` or the end of stdin to stop.

    What is in the middle of something long when it should stop is ended there: what it writes is written
    beside and renamed, so nothing is left half done. What has not begun is ended at once.
    """
    stop, begun, ended = threading.Event(), threading.Event(), threading.Event()
    telling = threading.RLock()

    def listen() -> None:
        for line in sys.stdin:
            if line.strip() == "cancel":
                break
        stop.set()
        if begun.is_set():
            time.sleep(GRACE)
        with telling:
            if not ended.is_set():
                emit(Event("cancelled"))
                os._exit(CANCELLED)

    def emit(event: Event) -> None:
        with telling:
            begun.set()
            if event.kind in ("finished", "failed", "cancelled"):
                ended.set()
            try:
                print(write_event(event), flush=True)
            except BrokenPipeError:  # nobody is there to work for
                stop.set()

    threading.Thread(target=listen, daemon=True).start()

    return do(emit, stop.is_set)


def _do(job: Job, folder: Path, emit: Callable[[Event], None], cancelled: Callable[[], bool]) -> None:
    """Run the job; what the GPU has no room for is done again on the processor."""
    from . import dream, memory, stylize

    on_pyramid = job.task == "stylize" and job.mesh is not None and job.parameterization == "pyramid"
    run = (stylize if on_pyramid and not job.relief else dream).run
    try:
        run(job, folder, emit, cancelled)
        return
    except RuntimeError as error:
        if not memory.ran_out(error) or stylize.pick_device(job.device).type == "cpu":
            raise
    memory.release()  # here the failed attempt's tensors are gone with its error
    emit(Event("message", message="The graphics card has too little memory; going on on the processor."))
    run(replace(job, device="cpu", rasterizer="embree"), folder, emit, cancelled)


def do_job(
    folder: Path, emit: Callable[[Event], None], cancelled: Callable[[], bool], online: bool = False
) -> int:
    """Do the job in `folder` and give its exit code; how it ends is told to `emit`.

    online: whether weights that are not here may be downloaded.
    """
    try:
        job = read_job(folder)
        from . import fetching, memory, stylize

        try:
            fetching.ensure(job.network, online, emit, cancelled)
            _do(job, folder, emit, cancelled)
        except stylize.Cancelled:
            emit(Event("cancelled"))
            return CANCELLED
    except PatinaError as error:
        emit(Event("failed", message=error.message, cure=error.cure, field=error.field))
        return FAILED
    except ImportError as error:
        traceback.print_exc()
        emit(
            Event(
                "failed",
                message=f"The backend's environment is not whole: {error}.",
                cure="Set up the backend again (Preferences > Add-ons > Patina, or `make backend`).",
                field="backend",
            )
        )
        return FAILED
    except Exception as error:
        traceback.print_exc()
        if memory.ran_out(error):
            emit(
                Event(
                    "failed",
                    message="There is not enough memory.",
                    cure="Choose a smaller texture or a lower quality.",
                )
            )
            return FAILED
        emit(
            Event(
                "failed",
                message=f"The backend stumbled: {type(error).__name__}: {error}.",
                cure="Try again; if it happens again, report it with the log in the job's folder.",
            )
        )
        return FAILED
    return FINISHED
