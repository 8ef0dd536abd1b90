"""The farm's driver: what is missing is painted, here or on Ray, and what came of it is written down.

It can be killed at any time: each asset's folder says what became of it, and the next driver does the rest.
"""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ..errors import PatinaError
from ..locking import holding
from ..protocol.events import CANCELLED, FAILED, FINISHED, Event
from ..terminal import ProgressBar
from ..writing import is_full, write_bytes
from . import asset as assets
from . import blend, needs, on_ray, recipe
from .asset import Asset, Outcome, is_whole, read_outcome
from .bench import Bench, DiskFull, check_room, disk_full
from .page import PAGE_FILE, write_page

FARM_FILE = "farm.json"
WRITE_SECONDS = 2.0  # between two writings of FARM_FILE
MORE = "Ray is not installed: one asset after the other. For several at once, set up with --with farm."

Step = tuple[Asset, Outcome] | int


@dataclass
class State:
    """What is known of a farm under way: its outcomes by the assets' names, and how many are at work."""

    recipe: recipe.Recipe
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    running: int = 0
    done_now: int = 0  # by this driver
    began: float = field(default_factory=time.monotonic)

    @property
    def counts(self) -> Counter[str]:
        return Counter(outcome.state for outcome in self.outcomes.values())

    def progress(self) -> Event:
        """Tell how far it is, as the progress of a job."""
        counts, total = self.counts, len(self.recipe.assets)
        ended = sum(counts.values())
        minutes = max(time.monotonic() - self.began, 1e-3) / 60
        rate = self.done_now / minutes
        words = [
            f"{counts[assets.FINISHED]} done",
            f"{self.running} running",
            f"{counts[assets.FAILED]} failed",
        ]
        left = (total - ended) / rate * 60 if rate else None
        stage = ", ".join([*words, f"{rate:.1f} a minute"])
        return Event("progress", stage=stage, fraction=ended / total, seconds_left=left)


def farm(path: Path, address: str | None = None, out: Path | None = None) -> int:
    """Do what the recipe in the file `path` says; gives the exit code: FAILED where an asset was set aside.

    address: of a Ray cluster, None for this machine; out: the folder, in place of the recipe's. Raises
    PatinaError, before anything starts, for what is wrong with the recipe or the nodes.
    """
    known = recipe.read(path, out)
    if address and not on_ray.is_here():
        raise PatinaError(
            "Ray is not installed.", "Set up with --with farm, or leave --address out.", "address"
        )
    if any(asset.is_blend for asset in known.assets):
        blend.check(known.blender)
    elif any({*recipe.OF_BLENDER} & {*asset.outputs} for asset in known.assets):
        blend.check_converts(known.blender)
    try:
        known.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PatinaError(
            f"{known.out} cannot be made: {error.strerror}.", "Name another --out.", "out"
        ) from None
    with holding(known.out) as alone:
        if not alone:
            raise PatinaError(f"Another farm is at work in {known.out}.", "Wait for it to end.", "out")
        return _drive(known, address)


def _drive(known: recipe.Recipe, address: str | None) -> int:
    check_room(known.out)
    state = State(known)
    missing = _missing(state)
    if state.outcomes:
        print(f"{len(state.outcomes)} of {len(known.assets)} are there already.", file=sys.stderr)
    bar, ending, written, is_told = ProgressBar(), "stopped", 0.0, False
    code = CANCELLED
    try:
        for step in _steps(state, missing, address):
            if isinstance(step, int):
                state.running = step
            else:
                asset, state.outcomes[asset.name] = step[0], step[1]
                state.done_now += 1
                _tell(bar, asset, step[1])
            bar.show(state.progress(), "farm")
            if time.monotonic() - written > WRITE_SECONDS:
                written = time.monotonic()
                write(state, "running")
        ending = "done"
        code = FAILED if state.counts[assets.FAILED] else FINISHED
    except KeyboardInterrupt:
        print("\nStopped. Started again, it goes on from there.", file=sys.stderr)
    except DiskFull:
        is_told = True
        raise
    finally:
        state.running = 0
        bar.end()
        _leave(state, ending, is_told)
    counts = state.counts
    print(f"{counts[assets.FINISHED]} done, {counts[assets.FAILED]} set aside: {known.out / PAGE_FILE}")
    return code


def _steps(state: State, missing: Sequence[Asset], address: str | None) -> Iterator[Step]:
    known = state.recipe
    if missing and on_ray.is_here():
        needed = needs.memory_gb(known.assets, state.outcomes)
        if known.memory_gb is not None:
            needed = dict.fromkeys(needed, known.memory_gb)
        with on_ray.cluster(known, {asset.name: needed[asset.name] for asset in missing}, address):
            yield from on_ray.painted(known, missing, needed)
    elif missing:
        print(MORE, file=sys.stderr)
        yield from _one_by_one(known, missing)


def _one_by_one(known: recipe.Recipe, missing: Sequence[Asset]) -> Iterator[Step]:
    bench = Bench(known.cpus)
    try:
        for asset in missing:
            yield 1
            yield asset, bench.paint(asset, known.attempts)
    finally:
        bench.close()


def _missing(state: State) -> list[Asset]:
    """The assets that are still to be painted; what has become of the others is noted in `state`.

    One that was set aside is not tried again, unless something about it has changed.
    """
    missing = []
    for asset in state.recipe.assets:
        folder = Path(asset.folder)
        before = read_outcome(folder)
        is_over = before is not None and (
            is_whole(before, folder)
            or (before.state == assets.FAILED and before.attempts >= state.recipe.attempts)
        )
        if before is not None and is_over and before.digest == asset.digest():
            state.outcomes[asset.name] = before
        else:
            if before is not None and before.digest != asset.digest():
                (folder / assets.OUTCOME_FILE).unlink()  # its attempts were at something else
            missing.append(asset)
    return missing


def _tell(bar: ProgressBar, asset: Asset, outcome: Outcome) -> None:
    if outcome.state == assets.FAILED:
        bar.end()
        log = Path(asset.folder) / assets.LOG_FILE
        print(f"{asset.name} is set aside: {outcome.error} {outcome.cure} ({log})", file=sys.stderr)


def write(state: State, name: str) -> None:
    """Write farm.json. Raises DiskFull; where it cannot be written otherwise, the earlier one stays."""
    counts = state.counts
    record: dict[str, Any] = {
        "recipe": str(state.recipe.path),
        "state": name,
        "total": len(state.recipe.assets),
        "finished": counts[assets.FINISHED],
        "failed": counts[assets.FAILED],
        "seconds": round(time.monotonic() - state.began, 1),
        "assets": [
            {"name": asset.name, "source": asset.source}
            | (asdict(state.outcomes[asset.name]) if asset.name in state.outcomes else {"state": "waiting"})
            for asset in state.recipe.assets
        ],
    }
    try:
        write_bytes(state.recipe.out / FARM_FILE, (json.dumps(record, indent=1) + "\n").encode())
    except OSError as error:
        if is_full(error):
            raise disk_full(state.recipe.out) from None
        print(f"{FARM_FILE} cannot be written: {error.strerror}.", file=sys.stderr)


def _leave(state: State, ending: str, is_told: bool) -> None:
    """Write farm.json and the page at the end. Raises DiskFull, unless it `is_told` already."""
    try:
        write(state, ending)
        write_page(state.recipe.out, state.recipe.assets, state.outcomes)
    except DiskFull:
        if not is_told:
            raise
    except OSError as error:
        if not is_full(error):
            print(f"{PAGE_FILE} cannot be written: {error.strerror}.", file=sys.stderr)
        elif not is_told:
            raise disk_full(state.recipe.out) from None
