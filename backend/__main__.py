"""The command line: `python -m backend VERB`; one verb a function."""

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

from .command_line import stylize as stylize_mesh
from .protocol import (
    CANCELLED,
    COLORS,
    FAILED,
    FINISHED,
    FRAMINGS,
    QUALITIES,
    TEXTURE_SIZES,
    Event,
    Job,
    PatinaError,
    read_job,
    write_event,
)
from .verbs import MODELS, add_common, stylize_picture
from .verbs import add as add_verbs

GRACE = 1.5  # seconds that a job has to end by itself when it is asked to


def main(arguments: list[str] | None = None) -> int:
    """Parse and do; gives the exit code."""
    parser = argparse.ArgumentParser(prog="python -m backend", description="Paint a surface in a style.")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    _run_arguments(verbs.add_parser("run", help="do the job in a folder, telling events on stdout"))
    _stylize_arguments(
        verbs.add_parser("stylize", help="paint a mesh, or a photo, in the style of a picture")
    )
    add_verbs(verbs, _do_job)
    _export_arguments(verbs.add_parser("export", help="write a model for a game engine or a printer"))
    verbs.add_parser("doctor", help="say what this machine can do, and what is missing").set_defaults(
        do=_doctor
    )
    options = parser.parse_args(arguments)
    do: Callable[[argparse.Namespace], int] = options.do
    try:
        return do(options)
    except PatinaError as error:
        print(f"patina: {error.message}", file=sys.stderr)
        if error.cure:
            print(f"        {error.cure}", file=sys.stderr)
        return FAILED


def _run_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, help="a job folder: job.json and the files it names")
    parser.set_defaults(do=_run)


def _run(options: argparse.Namespace) -> int:
    """Do a job for a program: events on stdout, `cancel` or the end of stdin to stop.

    A job that is in the middle of something long, such as an import, when it should stop is ended there:
    what it writes is written beside and renamed, so nothing is left half done.
    """
    stop, ended, telling = threading.Event(), threading.Event(), threading.RLock()

    def listen() -> None:
        for line in sys.stdin:
            if line.strip() == "cancel":
                break
        stop.set()
        time.sleep(GRACE)
        with telling:
            if not ended.is_set():
                emit(Event("cancelled"))
                os._exit(CANCELLED)

    def emit(event: Event) -> None:
        with telling:
            if event.kind in ("finished", "failed", "cancelled"):
                ended.set()
            try:
                print(write_event(event), flush=True)
            except BrokenPipeError:  # nobody is there to work for
                stop.set()

    threading.Thread(target=listen, daemon=True).start()

    return _do_job(options.folder, emit, stop.is_set)


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


def _do_job(folder: Path, emit: Callable[[Event], None], cancelled: Callable[[], bool]) -> int:
    try:
        job = read_job(folder)
        from . import memory, stylize

        try:
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


def _stylize_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "mesh", type=Path, metavar="MESH", help="an OBJ, glTF, GLB or PLY file with UVs, or a photo"
    )
    parser.add_argument(
        "--style",
        action="append",
        required=True,
        metavar="IMAGE[:WEIGHT]",
        help="the picture whose style to take; again for a mixture",
    )
    parser.add_argument(
        "--content", type=Path, help="the texture to keep the landmarks of (default: the mesh's own)"
    )
    parser.add_argument("--texture-size", type=int, default=1024, choices=TEXTURE_SIZES)
    parser.add_argument("--quality", default="standard", choices=QUALITIES)
    parser.add_argument(
        "--strength", type=float, default=0.5, help="0 keeps the content, 1 gives all to the style"
    )
    parser.add_argument("--colors", default="style", choices=COLORS, help="whose palette the result has")
    parser.add_argument("--style-size", type=float, help="scene units that the picture's shorter side spans")
    parser.add_argument(
        "--framing",
        default="surface",
        choices=FRAMINGS,
        help="views aim at the surface, or see the whole object from all round",
    )
    parser.add_argument("--relief", action="store_true", help="with a height map for bump and print")
    parser.add_argument("--size", type=int, default=512, help="pixels along a photo's longer side (512)")
    add_common(parser)
    parser.set_defaults(do=_stylize)


def _stylize(options: argparse.Namespace) -> int:
    """Do a job for a person: a progress bar on the terminal, Ctrl-C to stop."""
    if options.mesh.suffix.lower() not in MODELS:
        return stylize_picture(options, _do_job)
    return stylize_mesh(options, _do_job)


def _export_arguments(parser: argparse.ArgumentParser) -> None:
    from . import export

    export.add_arguments(parser)
    parser.set_defaults(do=export.run)


def _doctor(options: argparse.Namespace) -> int:
    from .environment import doctor

    report = doctor()
    print(report)
    return FAILED if report.amiss else FINISHED


if __name__ == "__main__":
    sys.exit(main())
