"""What costs time to make and is the same for several jobs, kept by a painter from one to the next."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

Thing = TypeVar("Thing")


def digest(*parts: Any) -> str:
    """Hash arrays of NumPy, tensors, and whatever else has a `repr` that says it all."""
    found = hashlib.blake2b(digest_size=16)
    for part in parts:
        array = part.numpy() if hasattr(part, "numpy") else part
        if hasattr(array, "tobytes"):
            found.update(f"{array.dtype} {array.shape}".encode())
            found.update(array.data if array.flags.c_contiguous else array.tobytes())
        else:
            found.update(repr(part).encode())
    return found.hexdigest()


class Shelf:
    """Things by what they were made from. Who takes one changes nothing about it."""

    def __init__(self) -> None:
        self._kept: dict[tuple[Hashable, ...], Any] = {}
        self._used: set[tuple[Hashable, ...]] = set()

    def get(self, key: tuple[Hashable, ...], make: Callable[[], Thing], most: int | None = None) -> Thing:
        """Give what is kept under `key`, or what `make` makes, which is kept then.

        most: so many things are kept, of those whose keys begin alike; None: all.
        """
        if key not in self._kept:
            alike = [other for other in self._kept if other[0] == key[0]]
            for old in alike[: max(0, len(alike) + 1 - most)] if most is not None else ():
                del self._kept[old]
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
