"""One job under way: what it is, where its files lie, and what is told to who asked for it."""

from __future__ import annotations

import json
import math
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import torch

from . import networks
from .conversation import Cancelled, Emit, IsCancelled, Wishes
from .errors import PatinaError
from .machine.devices import device_name, pick_device, versions
from .machine.memory import NO_MEMORY, peak_memory, ran_out
from .machine.shelf import Shelf
from .pictures.images import cannot_write
from .protocol.choices import QUALITIES
from .protocol.events import Event
from .protocol.files import CHECKPOINT_FILE, REPORT_FILE
from .protocol.job import Job
from .protocol.job_file import read_job
from .protocol.requests import STEERED
from .reading import check_files
from .writing import write_bytes

Result = TypeVar("Result")

NO_PREVIEW = "A preview could not be written"
PREVIEW_SECONDS = 4.0  # between two previews, in the end
FIRST_PREVIEWS = 0.25  # seconds between them at first: with a view or a step, twice a second
PREVIEW_GROWTH = 0.08  # of the time since the job began, so that they come less often
PREVIEW_PAUSE = 6.0  # wait so many times as long as the last preview took to write; many textures are slow


@dataclass(frozen=True)
class Progress:
    """Where a loop is: after `step` of `steps` in all."""

    stage: str
    step: int
    steps: int
    fraction: float  # of the time
    seconds_left: float
    loss: float
    reached: str = ""  # the quality below the job's that there is by now


def lesser(quality: str) -> tuple[str, ...]:
    """List the qualities below `quality` that take steps, the best first."""
    return QUALITIES[1 : max(1, QUALITIES.index(quality))][::-1]


@dataclass
class Clock:
    """Seconds by part: set-up, views, score, texture, events."""

    parts: dict[str, float] = field(default_factory=dict)
    _since: float = field(default_factory=time.perf_counter)

    def lap(self, part: str) -> None:
        """Count what has passed since the last lap towards `part`."""
        now = time.perf_counter()
        self.parts[part] = self.parts.get(part, 0.0) + now - self._since
        self._since = now


class JobSession:
    """A job, its folder, its device and its clock, and the way to who asked for it."""

    def __init__(
        self,
        job: Job,
        folder: Path,
        emit: Emit,
        cancelled: IsCancelled,
        shelf: Shelf | None = None,
        wishes: Wishes | None = None,
    ) -> None:
        """shelf: what earlier jobs left to be used again. Raises PatinaError without the job's device."""
        self.wishes = wishes or Wishes()
        self.job, self.folder = job, folder
        self.shelf = shelf or Shelf()
        self._emit, self._cancelled = emit, cancelled
        self.device = pick_device(job.device)
        self.clock = Clock()
        self._began = time.perf_counter()
        self._previewed = self._began
        self._pause, self._took = PREVIEW_SECONDS, math.inf
        self._told: set[str] = set()

    def start(self, with_what: str) -> None:
        """Tell that the job begins, on which device and `with_what`; what is random depends on its seed."""
        self._emit(Event("started", message=f"{device_name(self.device)}, {with_what}"))
        torch.manual_seed(self.job.seed)

    def network(self, average_pooling: bool = False) -> networks.Network:
        """Load the job's network (see `networks.load`), or take the one that the job before had."""
        return load_network(self.job.network, self.device, average_pooling, self.job.layers, self.shelf)

    def take_settings(self) -> bool:
        """Take up what the job's file says now; whether that means to start over.

        Raises PatinaError for what cannot change under way.
        """
        asked = read_job(self.folder)
        check_files(asked.files, self.folder)
        changed = {name: getattr(asked, name) for name in STEERED}
        taken = replace(self.job, **changed)
        # A card may have had too little memory since.
        as_before = replace(taken, device=asked.device, rasterizer=asked.rasterizer)
        if as_before != asked or not taken.strength or asked.plays:
            raise PatinaError(
                "What was changed cannot change while the job runs.", "Cancel it, and press the button again."
            )
        starts_over = any(
            getattr(taken, name) != getattr(self.job, name) for name in ("seed", "pictures", "targets")
        )
        self.job = taken
        if starts_over:
            torch.manual_seed(taken.seed)
        return starts_over

    def now(self) -> float:
        """How many seconds the job has taken."""
        return time.perf_counter() - self._began

    def check(self) -> None:
        """Raise Cancelled once the job is asked to end."""
        if self._cancelled():
            raise Cancelled

    def message(self, text: str) -> None:
        """Tell a person something that they should know."""
        self._emit(Event("message", message=text))

    def looking(self, stage: str) -> None:
        """Tell how far the first look from where the artist is has come: see `first_look`."""
        self._emit(Event("progress", stage=stage))

    def adapting(self) -> None:
        """Tell that new settings are taken up."""
        self._emit(Event("progress", stage="adapting"))

    def finishing(self) -> None:
        """Tell that all steps are done."""
        self._emit(Event("progress", stage="finishing", fraction=1.0, seconds_left=0.0))

    def progress(self, progress: Progress) -> None:
        """Tell how far the job is. Raises Cancelled, and PatinaError once the loss is no number any more."""
        self.check()
        if not math.isfinite(progress.loss):
            raise PatinaError(
                f"The optimisation went astray: at step {progress.step} its loss is {progress.loss:g}.",
                "Try another seed or another strength.",
                "seed",
            )
        values: dict[str, Any] = asdict(progress)
        values = {k: round(v, 5) if isinstance(v, float) else v for k, v in values.items()}
        self._emit(Event("progress", **values))

    def preview(self, write: Callable[[], str], now: bool = False) -> None:
        """Have a preview written, `now` or now and then; `write` gives its file's name.

        What it shows is there already: what `write` takes is what a preview costs, and many of it are waited
        for until the next: what the lesser of the last two took, as now and then one has its grade found.
        """
        began = time.perf_counter()
        if not now and began - self._previewed <= self._pause:
            return
        path = self.without_fail(NO_PREVIEW, write)
        if path:
            self._emit(Event("preview", path=path))
        self._previewed = time.perf_counter()
        usual = min(PREVIEW_SECONDS, max(FIRST_PREVIEWS, PREVIEW_GROWTH * (began - self._began)))
        took, self._took = self._took, self._previewed - began
        self._pause = max(usual, PREVIEW_PAUSE * min(took, self._took))

    def without_fail(self, failure: str, do: Callable[[], Result]) -> Result | None:
        """Do what the result does not depend on. If it fails, `failure` is told, once, and None is given."""
        try:
            return do()
        except Cancelled:
            raise
        except Exception as error:
            traceback.print_exc()
            if failure not in self._told:
                self._told.add(failure)
                reason = NO_MEMORY if ran_out(error) else str(error) or type(error).__name__
                self.message(f"{failure}; the job goes on. {reason}")
            return None

    def write_result(self, write: Callable[[], Result], keep: Callable[[], object] | None = None) -> Result:
        """Write what the job is for; on a full disk, with the room that previews and the checkpoint took.

        keep: writes the checkpoint again, where even that does not suffice; without, it stays. Raises
        PatinaError if the result cannot be written.
        """
        patterns = ("preview*.png",) if keep is None else ("preview*.png", CHECKPOINT_FILE)
        for pattern in patterns:
            try:
                return write()
            except PatinaError:
                if not self.make_room(pattern) and pattern == patterns[-1]:
                    raise
        try:
            return write()
        except PatinaError:
            if keep is not None:
                keep()
            raise

    def make_room(self, pattern: str) -> bool:
        """Remove files from the job's folder that can be done without; whether there were any."""
        found: list[Path] = []
        with suppress(OSError):  # no more files may be open, the folder may be gone
            found += self.folder.glob(pattern)
        for path in found:
            with suppress(OSError):
                path.unlink()
        return bool(found)

    def finish(self, path: str, measured: dict[str, Any]) -> None:
        """Tell that the result is at `path`; write the report, `measured` and what holds of every job."""
        seconds = self.clock.parts | {"total": time.perf_counter() - self._began}
        of_every_job = {
            "seconds": {part: round(value, 2) for part, value in seconds.items()},
            "peak_memory_mb": round(peak_memory() / 1e6),
            "seed": self.job.seed,
            "device": device_name(self.device),
            "versions": versions(),
            "job": asdict(self.job),
        }

        def write() -> str:
            write_report(measured | of_every_job, self.folder / REPORT_FILE)
            return REPORT_FILE

        written = self.without_fail("The report could not be written", write)
        self._emit(Event("finished", path=path, report=written or ""))


def load_network(
    name: str, device: torch.device, average_pooling: bool, layers: tuple[str, ...], shelf: Shelf
) -> networks.Network:
    """Take a network from the `shelf`, where it is put if it is not there. Raises PatinaError."""
    return shelf.get(
        ("network", name, device, average_pooling, layers),
        lambda: networks.load(name, device, average_pooling, layers),
    )


def write_report(measured: dict[str, Any], path: Path) -> None:
    """Write `measured`, whole or not at all. Raises PatinaError if that cannot be done."""
    text = json.dumps(measured, indent=2, ensure_ascii=False) + "\n"
    try:
        write_bytes(path, text.encode("utf-8", "backslashreplace"))
    except OSError as error:
        raise cannot_write(path, error) from None
