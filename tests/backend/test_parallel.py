"""Work side by side: order, errors, threads."""

from __future__ import annotations

import threading

import pytest
import torch

from backend.machine.parallel import parallel_map


@pytest.fixture(autouse=True)
def threads():
    before = torch.get_num_threads()
    torch.set_num_threads(4)
    yield
    torch.set_num_threads(before)


def test_things_are_done_side_by_side_and_given_in_order():
    met = threading.Barrier(2, timeout=30)  # which neither passes alone

    def work(thing: int) -> tuple[int, int]:
        met.wait()
        return thing, torch.get_num_threads()

    with parallel_map(2) as each:
        assert each(work, range(6)) == [(thing, 2) for thing in range(6)]
    assert torch.get_num_threads() == 4


def test_an_error_comes_when_all_have_come_to_an_end():
    ended = []

    def work(thing: int) -> None:
        if thing == 0:
            raise MemoryError("the first")
        ended.append(thing)

    with pytest.raises(MemoryError, match="the first"), parallel_map(2) as each:
        each(work, range(5))
    assert sorted(ended) == [1, 2, 3, 4]
    assert torch.get_num_threads() == 4


@pytest.mark.parametrize(("count", "cores"), [(1, 4), (3, 1)])
def test_without_a_second_core_or_thing_it_is_a_plain_map(count, cores):
    torch.set_num_threads(cores)
    with parallel_map(count) as each:
        assert each(lambda thing: threading.current_thread(), [1, 2]) == 2 * [threading.current_thread()]
        assert torch.get_num_threads() == cores
