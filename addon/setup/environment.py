"""What is on disk: an environment's folder, the record of its set-up, and its removal.

FOLDER/patina-setup.json   the record: which state the set-up has reached; says "ready" only when it is
FOLDER/downloads/          wheels on their way in; gone when ready
FOLDER/weights/            what the backend fetched later (backend/networks/weights.py); outlives repairs
FOLDER/...                 the virtual environment itself
FOLDER.lock                held while somebody sets up or removes

An artist may name any folder, one full of work for instance. So a folder counts as ours only by a record that
says so, with a virtual environment beside it, and nothing is removed but what a set-up puts at its top.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from . import system
from .errors import SetupError

ABSENT, CHOOSING, DOWNLOADING, INSTALLING = "absent", "choosing", "downloading", "installing"
FETCHING, VERIFYING, READY, BROKEN = "fetching weights", "verifying", "ready", "broken"
STATES = (ABSENT, CHOOSING, DOWNLOADING, INSTALLING, FETCHING, VERIFYING, READY, BROKEN)

RECORD, DOWNLOADS, WEIGHTS = "patina-setup.json", "downloads", "weights"
_MARK = {"made_by": "Patina, for its backend"}  # in every record
_CONFIGURATION = "pyvenv.cfg"  # what makes a folder a virtual environment
_OF_VENV = ("bin", "include", "lib", "lib64", "share", "etc", "Include", "Lib", "Scripts", ".gitignore")


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
    """Read the record in `folder`: absent if there is none of ours, broken if it cannot be read."""
    return _load(folder) or Record(
        BROKEN,
        reason=f"The record of the set-up in {folder} cannot be read.",
        cure=f"Choose another folder; or, if that holds nothing of yours, remove it by hand ({RECORD}).",
    )


def _load(folder: Path) -> Record | None:
    """The record in `folder`, absent if it is somebody else's; None if it cannot be read."""
    try:
        if (folder / RECORD).is_fifo():  # which would wait for its writer
            return None
        raw = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        if not isinstance(raw, dict) or any(raw.pop(name, None) != value for name, value in _MARK.items()):
            return Record()
        record = Record(**raw)
    except (FileNotFoundError, NotADirectoryError):
        return Record()
    except (OSError, ValueError, TypeError, RecursionError):
        return None
    sound = all(type(getattr(record, f.name)) is type(f.default) for f in fields(record))
    return record if sound and record.state in STATES else None


def is_ours(folder: Path) -> bool:
    """Whether a set-up made `folder`: its record says so, beside a virtual environment or before it."""
    record = _load(folder)
    if record is None or record.state == ABSENT:
        return False
    return (folder / _CONFIGURATION).is_file() or not _has_files(folder)


def _has_files(folder: Path) -> bool:
    """Whether there is a file beside our own. A `venv` that was cut off at once leaves only folders."""
    entries = [
        entry
        for entry in folder.iterdir()
        if entry.name not in (RECORD, DOWNLOADS, WEIGHTS) and not _is_part(entry.name)
    ]
    return any(not entry.is_dir() or any(names for _, _, names in os.walk(entry)) for entry in entries)


def _is_part(name: str) -> bool:
    """Whether it is a record that was cut off on its way to the disk."""
    return name.startswith(f"{RECORD}.") and name.endswith(".part")


def write(folder: Path, record: Record) -> None:
    """Write the record, whole or not at all. Raises OSError."""
    text = json.dumps(_MARK | asdict(record), indent=2) + "\n"
    system.replace_text(folder / RECORD, text)


def inspect(folder: Path, fingerprints: dict[str, str]) -> Record:
    """Read the record, checked against the disk and against `fingerprints` (of the present sets, by variant).

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
        if not is_ours(folder):
            if any(folder.iterdir()):
                raise SetupError(
                    f"{folder} already holds other files.",
                    "Choose an empty folder, or one that does not exist yet.",
                )
            write(folder, Record(CHOOSING))
    except OSError as error:
        raise SetupError(
            f"{folder} cannot be written to: {error.strerror}.",
            "Choose another folder in the preferences, or allow writing to this one.",
        ) from error


def empty(folder: Path) -> None:
    """Remove the virtual environment from `folder`; the record, packages on their way and weights stay.

    Raises SetupError, and leaves all, where something lies there that no set-up made.
    """
    _refuse_others(folder)
    _remove_entries(folder, *_OF_VENV, _CONFIGURATION)


def _refuse_others(folder: Path) -> None:
    known = (*_OF_VENV, _CONFIGURATION, RECORD, DOWNLOADS, WEIGHTS)
    others = sorted(
        entry.name for entry in folder.iterdir() if entry.name not in known and not _is_part(entry.name)
    )
    if not is_ours(folder):
        raise SetupError(f"{folder} is not an environment of Patina's.", "Choose another folder.")
    if others:
        more = f" and {len(others) - 3} more" if len(others) > 3 else ""
        raise SetupError(
            f"{folder} also holds what Patina did not put there: {', '.join(others[:3])}{more}.",
            "Move that elsewhere, then try again.",
        )


def _remove_entries(folder: Path, *names: str) -> None:
    """Remove these from the top of `folder`, in this order; links are removed, not what they lead to."""
    for entry in (folder / name for name in names):
        if entry.is_dir() and not entry.is_symlink():
            system.remove_tree(entry)
        else:
            entry.unlink(missing_ok=True)


def remove(folder: Path) -> int:
    """Remove the environment, and give the number of bytes that are free again.

    It is renamed first: a folder in use cannot be renamed on Windows, and elsewhere a half-removed one
    is never taken for whole. What it is known by goes last, so that a removal cut off can go on.
    Raises SetupError, and leaves all, where something lies there that no set-up made.
    """
    leaving = folder.with_name(folder.name + ".removing")
    if not is_ours(folder) and not is_ours(leaving):
        raise SetupError(f"There is no environment of Patina's in {folder}.", "Nothing needs to be removed.")
    with system.lock(lock_of(folder)):
        freed = 0
        try:
            for place in (leaving, folder):
                if not is_ours(place):
                    continue
                _refuse_others(place)
                if place == folder and leaving.exists():
                    leaving.rmdir()  # of a removal that was cut off at its very end
                freed += system.size_of(place)
                if place == folder:
                    folder.rename(leaving)
                parts = [entry.name for entry in leaving.iterdir() if _is_part(entry.name)]
                _remove_entries(leaving, *_OF_VENV, DOWNLOADS, WEIGHTS, *parts, _CONFIGURATION, RECORD)
                leaving.rmdir()
        except OSError as error:
            raise SetupError(
                f"{folder} cannot be removed: {error.strerror}.",
                "Stop the running job and close other Blenders, then try again.",
            ) from error
    return freed
