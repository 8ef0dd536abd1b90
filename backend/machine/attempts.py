"""What to do when memory does not suffice: the same again with less."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

from . import memory

SMALLEST_VIEW = 32  # pixels a side; less shows a network nothing

Result = TypeVar("Result")


@dataclass(frozen=True)
class Attempt:
    """How a step is tried: so many views at once, their sides `shrunk` times smaller than meant."""

    at_once: int
    shrunk: int = 1

    def smaller(self, size: int) -> Attempt | None:
        """Find what needs less memory, for views of `size` pixels: one by one, then half as wide; or None."""
        if self.at_once > 1:
            return replace(self, at_once=1)
        if size // self.shrunk >= 2 * SMALLEST_VIEW:
            return replace(self, shrunk=2 * self.shrunk)
        return None


def fitted(
    do: Callable[[Attempt], Result], attempt: Attempt, size: int, tell: Callable[[str], None]
) -> tuple[Result, Attempt]:
    """Do something as `attempt` says, then with less and less until memory suffices.

    Gives the result and the attempt that succeeded. Raises what torch raises when nothing smaller is left.
    """
    while True:
        try:
            return do(attempt), attempt
        except (RuntimeError, MemoryError) as error:
            less = attempt.smaller(size) if memory.ran_out(error) else None
            if less is None:
                raise
        # Here the failed attempt's tensors are gone with its error.
        if attempt.at_once > 1:
            tell("There is little memory: views are painted one by one, which takes longer.")
        elif attempt.shrunk == 1:
            tell("There is little memory: each view shows a smaller piece.")
        attempt = less
        memory.release()
