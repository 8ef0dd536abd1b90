"""Where pieces meet: each new one takes what of its surroundings makes all cuts together show least.

Kwatra, Schödl, Essa, Turk, Bobick 2003, "Graphcut Textures": a cut is as dear as the two pieces differ along
it, and the cheapest of all is a maximum flow. What stays of earlier cuts counts, as in the expansions of
Boykov, Veksler, Zabih 2001, so that a piece laid over a bad cut mends it, or is refused.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import breadth_first_order, maximum_flow

PRECISION = 4096  # steps of a unit of cost: flows are whole numbers

Floats = NDArray[np.floating]
Indices = NDArray[np.integer]


def expansion(
    count: int, pairs: Indices, stays: Floats, first: Floats, second: Floats, old: Indices, new: Indices
) -> NDArray[np.bool_]:
    """Choose which of `count` places go over to a new piece, so that the cuts cost least: (count,).

    pairs (E, 2): places beside each other. stays (E,): what a cut between them costs as it is; first, second
    (E,): what it costs if only the first, only the second of them goes over; if both do, nothing. As these
    are a metric's, first + second is no less than stays. old, new: places that must stay, or go over.
    """
    p, q = pairs.T
    as_is, one, other = (np.rint(cost * PRECISION).astype(int) for cost in (stays, first, second))
    between = np.maximum(one + other - as_is, 0)  # negative by rounding alone
    alone = np.bincount(p, one - as_is, count) - np.bincount(q, one, count)  # what going over adds
    free = np.ones(count, bool)
    free[old] = free[new] = False
    number = np.where(free, np.cumsum(free) + 1, 0)  # 0: the source, what stays; 1: what goes over
    number[new] = 1
    nodes = int(free.sum()) + 2
    here, alone = number[free], alone[free]
    p, q = number[p], number[q]
    starts = np.concatenate([p, q, np.zeros_like(here), here])
    ends = np.concatenate([q, p, here, np.ones_like(here)])
    room = np.concatenate([between, np.zeros_like(between), alone.clip(min=0), (-alone).clip(min=0)])
    some = (starts != ends) & (ends != 0) & (starts != 1)
    graph = coo_array(
        (np.rint(room[some]).astype(np.int32), (starts[some], ends[some])), (nodes, nodes)
    ).tocsr()
    left = graph - maximum_flow(graph, 0, 1).flow
    left.data = np.maximum(left.data, 0)
    left.eliminate_zeros()
    taken = np.ones(nodes, bool)
    taken[breadth_first_order(left, 0, return_predecessors=False)] = False
    return np.asarray(taken[number])
