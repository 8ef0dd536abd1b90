"""What files of others add: objectives, parameterizations, presets. Nothing is loaded unasked.

A plugin is a Python file that somebody names with `--plugin`; it is a program, and may do whatever its
reader may. No job can name one. See docs/plugins.md.
"""

from __future__ import annotations

import argparse
import importlib.util
import shlex
import traceback
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from .errors import PatinaError
from .machine.memory import ran_out
from .protocol.choices import OWN

CURE = "Mend it, or leave it out."

Thing = TypeVar("Thing", bound=Callable[..., Any])


@dataclass(frozen=True)
class Parameterization:
    """A maker of modules that give pictures, and the rate of their first step."""

    make: Callable[..., Any]
    rate: float


OBJECTIVES: dict[str, Callable[..., Any]] = {}
PARAMETERIZATIONS: dict[str, Parameterization] = {}
PRESETS: dict[str, str] = {}


def objective(name: str) -> Callable[[Thing], Thing]:
    """Offer a maker of objectives as `name`: (network, target) → `objectives.objective.Objective`."""

    def add(make: Thing) -> Thing:
        OBJECTIVES[name] = make
        return make

    return add


def parameterization(name: str, rate: float = 0.05) -> Callable[[Thing], Thing]:
    """Offer a maker of modules as `own:name`: (batch, channels, height, width, start) → module.

    The module gives pictures (B, C, H, W) in 0..1; start (B, C, H, W) is what they show at first, or None.
    rate: of the first step of Adam.
    """

    def add(make: Thing) -> Thing:
        PARAMETERIZATIONS[name] = Parameterization(make, rate)
        return make

    return add


def preset(name: str, options: str) -> None:
    """Offer command-line options as `--preset name`; what is written after them counts more."""
    PRESETS[name] = options


def add_argument(parser: argparse.ArgumentParser) -> None:
    """Add --plugin, by which files are named."""
    parser.add_argument(
        "--plugin",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="load objectives, parameterizations and presets from a Python file, which runs as a program",
    )


def load(path: Path) -> None:
    """Run the plugin in the file `path`. Raises PatinaError if it cannot be read, or stumbles."""
    spec = importlib.util.spec_from_file_location(f"patina_plugin_{path.stem}", path)
    if not path.is_file() or spec is None or spec.loader is None:
        is_other = f"The plugin {path} is no Python file." if path.exists() else f"There is no plugin {path}."
        raise PatinaError(is_other, "Name a Python file (.py).", "plugin")
    blamed(f"plugin {path.name}", spec.loader.exec_module)(importlib.util.module_from_spec(spec))


def blamed(what: str, do: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap `do` so that what goes wrong in it is said of the plugin's `what`, as a PatinaError.

    The traceback is printed. A want of memory is not its fault, and passes.
    """

    def guarded(*arguments: Any, **options: Any) -> Any:
        try:
            return do(*arguments, **options)
        except PatinaError:
            raise
        except Exception as error:
            if ran_out(error):
                raise
            traceback.print_exc()
            raise PatinaError(
                f"The {what} stumbled: {type(error).__name__}: {error}.", CURE, "plugin"
            ) from None

    return guarded


def objective_called(name: str) -> Callable[..., Any]:
    """Find the maker of the objective `name`. Raises PatinaError where no plugin has it."""
    return blamed(f"objective {name!r}", _found(OBJECTIVES, name, "objective", "targets"))


def parameterization_called(name: str) -> Parameterization:
    """Find what a job means by the parameterization `own:…`. Raises PatinaError where no plugin has it."""
    name = name.removeprefix(OWN)
    found: Parameterization = _found(PARAMETERIZATIONS, name, "parameterization", "parameterization")
    return replace(found, make=blamed(f"parameterization {name!r}", found.make))


def preset_words(name: str) -> list[str]:
    """Find the options of a preset. Raises PatinaError where no plugin has it."""
    return shlex.split(_found(PRESETS, name, "preset", "preset"))


def _found(known: dict[str, Any], name: str, what: str, field: str) -> Any:
    if name not in known:
        there = f"These are there: {', '.join(sorted(known))}." if known else "None of those named has any."
        raise PatinaError(
            f"No plugin offers the {what} {name!r}.", f"{there} Name its file with --plugin.", field
        )
    return known[name]
