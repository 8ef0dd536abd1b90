"""Several pieces of work side by side, each on its share of the processor's cores."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import Protocol, TypeVar

import torch

Thing = TypeVar("Thing")
Result = TypeVar("Result")


class Each(Protocol):
    """A map that gives a list. What it runs side by side must share nothing that it changes."""

    def __call__(self, work: Callable[[Thing], Result], things: Iterable[Thing]) -> list[Result]: ...


def in_turn(work: Callable[[Thing], Result], things: Iterable[Thing]) -> list[Result]:
    """One after the other."""
    return [work(thing) for thing in things]


@contextmanager
def lanes(count: int) -> Iterator[Each]:
    """A map that does `count` things at a time, each with as many of torch's threads as fall to it.

    A large convolution gains as much from a second core within it as beside it; the hundreds of small
    operations around it gain only beside it. Waits for all, and raises the first thing's error. Meanwhile
    the caller has one thread: more would wait for its next operation, spinning, where lanes want to work.
    """
    threads = torch.get_num_threads()
    count = min(count, threads)
    if count < 2:
        yield in_turn
        return
    with ThreadPoolExecutor(count, "lane", torch.set_num_threads, (threads // count,)) as pool:

        def each(work: Callable[[Thing], Result], things: Iterable[Thing]) -> list[Result]:
            futures = [pool.submit(work, thing) for thing in things]
            wait(futures)
            return [future.result() for future in futures]

        torch.set_num_threads(1)
        try:
            yield each
        finally:
            torch.set_num_threads(threads)
