"""Weights that are not here: fetched on first use, or when asked, or taken from a file that somebody has.

    python -m backend weights                    what is here, what is not, and how large that is
    python -m backend weights --fetch NETWORK    download; goes on where an earlier one was cut off
    python -m backend weights --from FILE        take a file; its hash tells whose weights it holds

With `--events` the last two speak as a job does: events on stdout, `cancel` on stdin.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

from . import network_list, run, weights
from .networks import registry
from .networks.registry import Downloaded, Entry
from .protocol import CANCELLED, FAILED, FINISHED, Event, PatinaError
from .stylize import Cancelled

STAGE = "fetching weights"


def ensure(
    name: str, online: bool, emit: Callable[[Event], None], cancelled: Callable[[], bool] = lambda: False
) -> None:
    """Have the weights of the network `name` here: fetch them if they are not, and `online` allows it.

    How far it is comes as `progress` events of the stage "fetching weights", the fraction that of the
    download. Raises PatinaError, and Cancelled; what has come by then is kept for the next time.
    """
    entry = registry.entry(name)
    if any(source.find() for source in entry.sources):
        return
    source = entry.sources[-1]
    if not online or not isinstance(source, Downloaded):
        registry.locate(entry)  # says what is missing, and the cure
        return
    fetch(source, emit, cancelled)


def fetch(source: Downloaded, emit: Callable[[Event], None], cancelled: Callable[[], bool]) -> Path:
    """Download the weights and give their path. Raises PatinaError, and Cancelled."""
    start, first = time.monotonic(), 0

    def report(done: int, total: int) -> None:
        nonlocal first
        if cancelled():
            raise Cancelled
        first = first or done
        passed = time.monotonic() - start
        left = (total - done) * passed / (done - first) if done > first and passed > 1 else None
        size = f"{done / 1e6:.0f}" + (f" of {total / 1e6:.0f} MB" if total else " MB")
        emit(
            Event(
                "progress",
                stage=STAGE,
                message=f"{source.file}: {size}",
                fraction=done / total if total else 0.0,
                seconds_left=left,
            )
        )

    return weights.fetch(source.address, source.file, source.digest, report)


def take(file: Path) -> Entry:
    """Copy a file of torchvision's weights to where they are kept, and give the network that they are of.

    Raises PatinaError for a file that is none of these, or is damaged.
    """
    if not file.is_file():
        raise PatinaError(f"There is no file {file}.", "Name a weights file.", "weights")
    found = weights.sha256(file)
    for entry in registry.entries().values():
        source = entry.sources[-1]
        if isinstance(source, Downloaded) and found.startswith(source.digest):
            weights.adopt(file, source.file, source.digest)
            return entry
    raise PatinaError(
        f"{file.name} holds no weights that are known here (SHA-256 {found[:8]}…), or is damaged.",
        "Take a file as torchvision offers it for download, such as vgg19-dcbb9e9d.pth.",
        "weights",
    )


def provide(network: str | None, file: Path | None, events: bool) -> int:
    """The verb `weights`; gives the exit code."""
    if not network and not file:
        network_list.print_all()
        return FINISHED

    def do(emit: Callable[[Event], None], cancelled: Callable[[], bool]) -> int:
        if network:
            ensure(network, True, emit, cancelled)
        name = network or (take(file).name if file else "")
        emit(Event("finished", message=f"The weights of {name} are here."))
        return FINISHED

    def do_for_a_program(emit: Callable[[Event], None], cancelled: Callable[[], bool]) -> int:
        try:
            return do(emit, cancelled)
        except PatinaError as error:
            emit(Event("failed", message=error.message, cure=error.cure, field=error.field))
            return FAILED
        except Cancelled:
            emit(Event("cancelled"))
            return CANCELLED

    return run.speaking(do_for_a_program) if events else do(_show, lambda: False)


def _show(event: Event) -> None:
    if event.kind == "progress":
        print(f"\r{event.message}", end="", file=sys.stderr, flush=True)
    else:
        print(f"\n{event.message}")
