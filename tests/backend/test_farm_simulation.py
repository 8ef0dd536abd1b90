"""The simulated farm, against what can be told beforehand."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks import farm_simulation as simulation


def test_without_failures_it_takes_what_its_jobs_take():
    found = simulation.simulate(np.full(12, 100.0), 4, 0.0, np.random.default_rng(0))
    each = 100.0 + simulation.OVERHEAD_SECONDS
    assert found.seconds == pytest.approx(3 * each + simulation.START_SECONDS)
    assert (found.ideal, found.done, found.painted, found.lost, found.failures) == (300.0, 12, 12, 0, 0)


def test_what_is_lost_is_done_again_and_nothing_else_is():
    found = simulation.simulate(np.full(500, 300.0), 20, 0.5, np.random.default_rng(1))
    assert found.failures >= found.lost > 20
    assert (found.done, found.painted) == (500, 500 + found.lost)
    expected = 0.5 * 20 * found.seconds / 3600
    assert found.failures == pytest.approx(expected, rel=0.5)
    quiet = simulation.simulate(np.full(500, 300.0), 20, 0.0, np.random.default_rng(1))
    assert found.seconds > quiet.seconds


def test_ten_thousand_assets_on_a_hundred_failing_nodes_take_little_more_than_they_must():
    random = np.random.default_rng(1)
    lengths = simulation.drawn(simulation.recorded(), simulation.ASSETS, random)
    found = simulation.simulate(lengths, simulation.NODES, simulation.FAILURES, random)
    assert found.done == simulation.ASSETS
    assert found.lost > 0
    assert found.efficiency > 0.9
