"""What went wrong and what should be known, kept for the panel until the artist dismisses it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ..backend.errors import PatinaError, readable


@dataclass(frozen=True, eq=False)
class Problem:
    """One entry. `field` is that of the PatinaError: the setting, the file or the object at fault."""

    source: str  # whose attempt it was: an object's name, or a verb
    message: str
    cure: str = ""
    field: str = ""
    folder: str = ""  # of the job, where there is something to look into
    is_error: bool = True


MAX_SHOWN = 30
MAX_TEXT = 1000  # characters

shown: list[Problem] = []  # the latest last


def tell(error: PatinaError, source: str, folder: str = "") -> None:
    """Show `error`, in place of the earlier one that said the same."""
    _add(Problem(source, error.message, error.cure, error.field, folder))


def note(message: str, source: str) -> None:
    """Show something that the artist should know, though all goes on."""
    _add(Problem(source, message, is_error=False))


def clear(source: str) -> None:
    """Forget what earlier attempts of `source` told: it is tried again."""
    shown[:] = [problem for problem in shown if problem.source != source]


def _add(problem: Problem) -> None:
    source, message, cure = map(_cut, (problem.source, problem.message, problem.cure))
    problem = replace(problem, source=source, message=message, cure=cure)
    shown[:] = [
        other for other in shown if (other.source, other.message) != (problem.source, problem.message)
    ]
    shown.append(problem)
    del shown[:-MAX_SHOWN]


def _cut(text: str) -> str:
    """As much of a text as the panel can show; all of it would have to be measured at every redraw."""
    text = readable(text)
    return text if len(text) <= MAX_TEXT else text[:MAX_TEXT] + "…"
