"""What costs time to make and is the same for several jobs, kept by a painter from one to the next."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, TypeVar

Thing = TypeVar("Thing")


class Shelf:
    """Things by what they were made from. Who takes one changes nothing about it."""

    def __init__(self) -> None:
        self._kept: dict[Hashable, Any] = {}
        self._used: set[Hashable] = set()

    def get(self, key: Hashable, make: Callable[[], Thing]) -> Thing:
        """Give what is kept under `key`, or what `make` makes, which is kept then."""
        if key not in self._kept:
            self._kept[key] = make()
        self._used.add(key)
        found: Thing = self._kept[key]
        return found

    def tidy(self) -> None:
        """Throw away what was not asked for since the last time: so it holds what one job needs, no more."""
        self._kept = {key: thing for key, thing in self._kept.items() if key in self._used}
        self._used = set()

    def clear(self) -> None:
        """Throw everything away."""
        self._kept, self._used = {}, set()
