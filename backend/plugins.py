"""What files of others add: objectives, parameterizations, presets. Nothing is loaded unasked.

A plugin is a Python file that somebody names with `--plugin`; it is a program, and may do whatever its
reader may. No job can name one. See docs/plugins.md.
"""

from __future__ import annotations

import importlib.util
import shlex
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from .protocol import OWN, PatinaError

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


def load(path: Path) -> None:
    """Run the plugin in the file `path`. Raises PatinaError if it cannot be read, or stumbles."""
    cure = "Mend it, or leave it out."
    spec = importlib.util.spec_from_file_location(f"patina_plugin_{path.stem}", path)
    if not path.is_file() or spec is None or spec.loader is None:
        raise PatinaError(f"There is no plugin {path}.", "Name a Python file (.py).", "plugin")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        traceback.print_exc()
        raise PatinaError(
            f"The plugin {path.name} stumbled: {type(error).__name__}: {error}.", cure, "plugin"
        ) from None


def objective_called(name: str) -> Callable[..., Any]:
    """Find the maker of the objective `name`. Raises PatinaError where no plugin has it."""
    made: Callable[..., Any] = _found(OBJECTIVES, name, "objective", "targets")
    return made


def parameterization_called(name: str) -> Parameterization:
    """Find what a job means by the parameterization `own:…`. Raises PatinaError where no plugin has it."""
    found: Parameterization = _found(
        PARAMETERIZATIONS, name.removeprefix(OWN), "parameterization", "parameterization"
    )
    return found


def preset_words(name: str) -> list[str]:
    """Find the options of a preset. Raises PatinaError where no plugin has it."""
    return shlex.split(_found(PRESETS, name, "preset", "preset"))


def _found(known: dict[str, Any], name: str, what: str, field: str) -> Any:
    if name not in known:
        there = f"These are there: {', '.join(sorted(known))}." if known else "None of those named has any."
        raise PatinaError(
            f"No plugin offers the {what} {name!r}.", f"Name its file with --plugin. {there}", field
        )
    return known[name]
