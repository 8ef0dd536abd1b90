"""Weights that are not here: fetched on first use, or when asked, or taken from a file that somebody has."""

from __future__ import annotations

import time
from pathlib import Path

from ..conversation import Cancelled, Emit, IsCancelled
from ..errors import PatinaError
from ..protocol.events import Event
from . import registry, weights
from .registry import Downloaded, Entry

STAGE = "fetching weights"


def ensure(name: str, online: bool, emit: Emit, cancelled: IsCancelled = lambda: False) -> None:
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


def fetch(source: Downloaded, emit: Emit, cancelled: IsCancelled) -> Path:
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
