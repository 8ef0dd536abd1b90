"""Where assets are painted, one after the other: a process that stays, and another when it has died.

No torch: Ray's workers and the driver hold a bench each, and paint nothing themselves.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from ..errors import PatinaError
from ..writing import is_full
from .asset import (
    DISK_FULL,
    FAILED,
    FINISHED,
    Asset,
    Outcome,
    outcome_from_json,
    read_outcome,
    to_json,
    write_outcome,
)

ROOT = Path(__file__).parents[2]
ROOM = 64_000_000  # bytes that a disk must have left


class DiskFull(PatinaError):
    """There is no room for results. What there is by now is whole."""


class Bench:
    """Holds the process. `paint` is for one asset at a time."""

    def __init__(self, cpus: int) -> None:
        """cpus: threads that a job gets, always as many, for sums depend on how they are shared out."""
        self._cpus = cpus
        self._child: subprocess.Popen[str] | None = None

    def paint(self, asset: Asset, attempts: int) -> Outcome:
        """Paint `asset`, at most as many times as make `attempts` failed ones in a row, and keep the outcome.

        Raises DiskFull.
        """
        folder = Path(asset.folder)
        before = read_outcome(folder)
        failed = before.attempts if before is not None and before.state == FAILED else 0
        while True:
            check_room(folder)
            outcome = self._attempt(asset)
            if outcome.state == FINISHED:
                break
            if outcome.state == DISK_FULL:
                raise disk_full(folder)
            check_room(folder)
            failed += 1
            outcome = replace(outcome, attempts=failed, digest=_digest(asset))
            _keep(folder, outcome)
            if failed >= attempts:
                return outcome
        _keep(folder, outcome)
        return outcome

    def close(self) -> None:
        """End the process."""
        if self._child is not None:
            self._child.kill()
            self._child.wait()
            self._child = None

    def _attempt(self, asset: Asset) -> Outcome:
        if self._child is None or self._child.poll() is not None:
            self._child = self._start()
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        answer = ""
        with contextlib.suppress(BrokenPipeError):
            self._child.stdin.write(to_json(asset) + "\n")
            self._child.stdin.flush()
            answer = self._child.stdout.readline()
        try:
            outcome = outcome_from_json(answer)
        except (ValueError, TypeError):
            outcome = Outcome(
                FAILED, error=f"The painter died: {_how(self._child.wait())}.", cure="See its log."
            )
        if outcome.state != FINISHED:  # nobody knows what it has done to the process
            self.close()
        return outcome

    def _start(self) -> subprocess.Popen[str]:
        environment = os.environ | {"OMP_NUM_THREADS": str(self._cpus)}
        return subprocess.Popen(
            [sys.executable, "-B", "-s", "-m", "backend.farm.worker"],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="utf-8",
            start_new_session=True,  # a Ctrl-C is for the driver
        )


def check_room(folder: Path) -> None:
    """Raise DiskFull where the disk of `folder` has no room left."""
    there = next((place for place in (folder, *folder.parents) if place.is_dir()), folder)
    if shutil.disk_usage(there).free < ROOM:
        raise disk_full(folder)


def disk_full(folder: Path) -> DiskFull:
    """Make the error that says so, and what mends it."""
    cure = "Make room, and start the farm again: it goes on from there."
    return DiskFull(f"The disk of {folder} is full.", cure, "out")


def _keep(folder: Path, outcome: Outcome) -> None:
    """Write the outcome down. Raises DiskFull where that cannot be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_outcome(folder, outcome)
    except OSError as error:
        if is_full(error):
            raise disk_full(folder) from None
        raise DiskFull(
            f"{folder} cannot be written: {error.strerror}.", "Make room, and go on.", "out"
        ) from None


def _digest(asset: Asset) -> str:
    try:
        return asset.digest()
    except OSError:
        return ""


def _how(code: int) -> str:
    return f"killed by signal {-code}" if code < 0 else f"exit code {code}"
