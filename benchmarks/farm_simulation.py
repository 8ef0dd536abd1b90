"""A farm of many nodes, simulated: what failing nodes cost, by lengths of jobs that were recorded.

`python -m benchmarks.farm_simulation` prints what docs/farm.md says of 10,000 assets on 100 nodes.
"""

from __future__ import annotations

import heapq
import json
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .subjects import ROOT

RESULTS = ROOT / "docs" / "benchmarks" / "results.json"
ASSETS, NODES = 10_000, 100
FAILURES = 0.01  # of the nodes, an hour
AWAY_SECONDS = 1800.0  # until a node that failed is there again
OVERHEAD_SECONDS = 0.5  # of each job, besides itself: generous
START_SECONDS = 10.0  # of a painter, once a node


@dataclass(frozen=True)
class Simulated:
    """How a farm went. seconds: from its start to its end; ideal: of the same work without any loss.

    painted: jobs that were begun; lost: those of them that went with their node.
    """

    seconds: float
    ideal: float
    done: int
    painted: int
    lost: int
    failures: int

    @property
    def efficiency(self) -> float:
        return self.ideal / self.seconds


def simulate(
    lengths: NDArray[np.float64], nodes: int, failures: float, random: np.random.Generator
) -> Simulated:
    """Simulate jobs of `lengths` seconds on `nodes` nodes, one job at a time on each, in the order given.

    A job goes to the node that has been free for longest. failures: of a node, an hour; what it was doing is
    done again, from its start, before what has not begun.
    """
    waiting = deque(range(len(lengths)))
    # When each node is free, and when it fails next.
    free = [(0.0, node) for node in range(nodes)]
    fails = _next_failures(np.zeros(nodes), failures, random)
    painters = np.zeros(nodes, bool)
    ended, painted, lost, failed = 0.0, 0, 0, 0
    lost_at: list[tuple[float, int]] = []  # when a job is known to be lost, and which
    while waiting or lost_at:
        now, node = heapq.heappop(free)
        if lost_at and (lost_at[0][0] <= now or not waiting):
            when, job = heapq.heappop(lost_at)
            now = max(now, when)
        else:
            job = waiting.popleft()
        while fails[node] <= now:  # it failed with nothing to do
            now, failed = max(now, fails[node] + AWAY_SECONDS), failed + 1
            painters[node] = False
            fails[node] = _next_failures(fails[node : node + 1] + AWAY_SECONDS, failures, random)[0]
        end = now + lengths[job] + OVERHEAD_SECONDS + (0.0 if painters[node] else START_SECONDS)
        painted += 1
        if fails[node] < end:
            heapq.heappush(lost_at, (float(fails[node]), job))
            lost, failed = lost + 1, failed + 1
            heapq.heappush(free, (float(fails[node]) + AWAY_SECONDS, node))
            painters[node] = False
            fails[node] = _next_failures(fails[node : node + 1] + AWAY_SECONDS, failures, random)[0]
        else:
            painters[node] = True
            ended = max(ended, end)
            heapq.heappush(free, (float(end), node))
    return Simulated(ended, float(lengths.sum()) / nodes, painted - lost, painted, lost, failed)


def _next_failures(
    after: NDArray[np.float64], failures: float, random: np.random.Generator
) -> NDArray[np.float64]:
    """Draw when nodes fail next: as often at any time."""
    return after + random.exponential(3600 / failures if failures else np.inf, len(after))


def recorded() -> list[float]:
    """List the seconds of whole jobs, of all qualities, that docs/benchmarks recorded."""
    known = json.loads(RESULTS.read_text(encoding="utf-8"))
    return [
        entry["seconds"]
        for piece in ("qualities", "surfaces")
        for entry in known[piece].values()
        if "seconds" in entry
    ]


def drawn(lengths: Sequence[float], count: int, random: np.random.Generator) -> NDArray[np.float64]:
    """Draw `count` jobs of the recorded lengths, each a tenth longer or shorter."""
    return random.choice(np.array(lengths), count) * random.uniform(0.9, 1.1, count)


def main() -> None:
    for seed in range(3):
        random = np.random.default_rng(seed)
        found = simulate(drawn(recorded(), ASSETS, random), NODES, FAILURES, random)
        print(
            f"seed {seed}: {found.seconds / 3600:.2f} h, ideal {found.ideal / 3600:.2f} h, efficiency "
            f"{found.efficiency:.1%}; {found.done} done, {found.painted} begun, {found.lost} lost with "
            f"{found.failures} failures of nodes"
        )


if __name__ == "__main__":
    main()
