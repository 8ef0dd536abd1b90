"""Several pieces of work side by side, each on its share of the processor's cores."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import Protocol, TypeVar

import torch

Thing = TypeVar("Thing")
Result = TypeVar("Result")


class Map(Protocol):
    """A map that gives a list. What it runs side by side must share nothing that it changes."""

    def __call__(self, work: Callable[[Thing], Result], things: Iterable[Thing]) -> list[Result]: ...


def serial_map(work: Callable[[Thing], Result], things: Iterable[Thing]) -> list[Result]:
    """Do one after the other."""
    return [work(thing) for thing in things]


@contextmanager
def parallel_map(count: int) -> Iterator[Map]:
    """Make a map that does `count` things at a time, each with as many of torch's threads as fall to it.

    A large convolution gains as much from a second core within it as beside it; the hundreds of small
    operations around it gain only beside it. The caller's thread is one of the `count`. Waits for all, and
    raises the first thing's error.
    """
    threads = torch.get_num_threads()
    count = min(count, threads)
    if count < 2:
        yield serial_map
        return
    with ThreadPoolExecutor(count - 1, "lane", torch.set_num_threads, (threads // count,)) as pool:

        def each(work: Callable[[Thing], Result], things: Iterable[Thing]) -> list[Result]:
            tasks: list[tuple[Thing, Future[Result]]] = [(thing, Future()) for thing in things]
            left = iter(tasks)

            def lane() -> None:
                for thing, future in left:
                    try:
                        future.set_result(work(thing))
                    except BaseException as error:
                        future.set_exception(error)

            others = [pool.submit(lane) for _ in range(count - 1)]
            lane()
            wait(others)
            return [future.result() for _, future in tasks]

        torch.set_num_threads(threads // count)
        try:
            yield each
        finally:
            torch.set_num_threads(threads)
