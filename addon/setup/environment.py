"""What is on disk: an environment's folder, the record of its set-up, and its removal.

FOLDER/setup.json    the record: which state the set-up has reached; says "ready" only when it is
FOLDER/downloads/    wheels on their way in; gone when ready
FOLDER/weights/      what the backend fetched later (backend/weights.py); outlives repairs
FOLDER/...           the virtual environment itself
FOLDER.lock          held while somebody sets up or removes
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from . import system
from .errors import SetupError

ABSENT, CHOOSING, DOWNLOADING, INSTALLING = "absent", "choosing", "downloading", "installing"
FETCHING, VERIFYING, READY, BROKEN = "fetching weights", "verifying", "ready", "broken"
STATES = (ABSENT, CHOOSING, DOWNLOADING, INSTALLING, FETCHING, VERIFYING, READY, BROKEN)

RECORD, DOWNLOADS, WEIGHTS = "setup.json", "downloads", "weights"


@dataclass(frozen=True)
class Record:
    """Where a set-up stands. `whole`: no package was cut off while going in, so those inside can stay."""

    state: str = ABSENT
    whole: bool = False
    variant: str = ""
    fingerprint: str = ""  # of the requirement sets
    python: str = ""  # version of the interpreter
    reason: str = ""  # if broken
    cure: str = ""


def lock_of(folder: Path) -> Path:
    return folder.with_name(folder.name + ".lock")


def read(folder: Path) -> Record:
    """The record in `folder`; absent if there is none. An unreadable one counts as interrupted."""
    try:
        raw = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        return Record(**raw)
    except FileNotFoundError:
        return Record()
    except (OSError, ValueError, TypeError):
        return Record(CHOOSING)


def write(folder: Path, record: Record) -> None:
    """Write the record, whole or not at all."""
    beside = folder / (RECORD + ".new")
    beside.write_text(json.dumps(asdict(record), indent=2) + "\n", encoding="utf-8")
    beside.replace(folder / RECORD)


def inspect(folder: Path, fingerprints: dict[str, str]) -> Record:
    """The record, checked against the disk and against `fingerprints` (of the present sets, by variant).

    Reads one small file: quick enough for a page's refresh.
    """
    record = read(folder)
    if record.state in (ABSENT, BROKEN):
        return record
    if record.state != READY:
        return _broken(
            record,
            f"The set-up is not finished: it runs, or was interrupted, while {record.state}.",
            "Unless it runs elsewhere, press Set up: it goes on from there.",
        )
    if not system.python_in(folder).exists():
        return _broken(record, "The environment's Python is gone.", "Press Set up: it puts in another.")
    if record.fingerprint != fingerprints.get(record.variant):
        return _broken(
            record,
            "The environment was made for another version of Patina.",
            "Press Update to bring it along.",
        )
    return record


def _broken(record: Record, reason: str, cure: str) -> Record:
    return Record(**{**asdict(record), "state": BROKEN, "reason": reason, "cure": cure})


def make_parent(folder: Path) -> None:
    """Make the folder that the environment's folder and its lock lie in."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SetupError(
            f"{folder.parent} cannot be made: {error.strerror}.", "Choose another folder in the preferences."
        ) from error


def claim(folder: Path) -> None:
    """Make `folder`, or refuse one that holds anything but an environment of ours, or cannot be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / RECORD).exists() and any(folder.iterdir()):
            raise SetupError(
                f"{folder} already holds other files.",
                "Choose an empty folder, or one that does not exist yet.",
            )
        write(folder, read(folder))
    except OSError as error:
        raise SetupError(
            f"{folder} cannot be written to: {error.strerror}.",
            "Choose another folder in the preferences, or allow writing to this one.",
        ) from error


def empty(folder: Path) -> None:
    """Remove the virtual environment from `folder`; the record, packages on their way and weights stay."""
    for entry in folder.iterdir():
        if entry.name not in (RECORD, DOWNLOADS, WEIGHTS):
            system.remove_tree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()


def remove(folder: Path) -> int:
    """Remove the environment, and give the number of bytes that are free again.

    It is renamed first: a folder in use cannot be renamed on Windows, and elsewhere a half-removed one
    is never taken for whole.
    """
    leaving = folder.with_name(folder.name + ".removing")
    if not (folder / RECORD).exists() and not leaving.exists():
        raise SetupError(f"There is no environment of Patina's in {folder}.", "Nothing needs to be removed.")
    with system.lock(lock_of(folder)):
        freed = system.size_of(leaving)
        try:
            system.remove_tree(leaving)
            if (folder / RECORD).exists():
                freed += system.size_of(folder)
                folder.replace(leaving)
                system.remove_tree(leaving)
        except OSError as error:
            raise SetupError(
                f"{folder} cannot be removed: {error.strerror}.",
                "Stop the running job and close other Blenders, then try again.",
            ) from error
    return freed
