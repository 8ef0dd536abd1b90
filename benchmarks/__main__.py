"""Measure: `python -m benchmarks [PIECE …]`, by default all but what LONG names.

Every piece writes its section of docs/benchmarks/results.json as it goes, then the page is put together.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

from . import (
    circles,
    coherence,
    in_blender,
    losses,
    page,
    race,
    step_shares,
    surfaces,
    texture_size,
    whole_material,
)

PIECES: dict[str, Callable[[], None]] = {
    f"race:{name}:{style}": lambda name=name, style=style: race.measure(name, style)
    for name, style in race.PAIRS
} | {
    "texture_size": texture_size.measure,
    "texture_size:8192": lambda: texture_size.whole_job(8192),
    "step_shares": step_shares.measure,
    "whole_material": whole_material.measure,
    "qualities:fox": lambda: surfaces.qualities("fox", "starry_night"),
    "qualities:suzanne": lambda: surfaces.qualities("suzanne", "composition_viii"),
    "surfaces": surfaces.surfaces,
    "coherence": coherence.measure,
    "circles": circles.measure,
    "first_paint": in_blender.first_paint,
    "style_losses": losses.measure,
}
LONG = [
    "texture_size:8192",
    "qualities:suzanne",
    "style_losses",
    *(f"race:{a}:{b}" for a, b in race.PAIRS[2:]),
]


def main(names: list[str]) -> None:
    """Run the pieces called `names`; "all" is every one."""
    chosen = list(PIECES) if names == ["all"] else names or [name for name in PIECES if name not in LONG]
    if unknown := set(chosen) - {*PIECES, "page"}:
        sys.exit(f"There is no piece {unknown.pop()}. Pieces: {', '.join(PIECES)}, page.")
    for name in chosen:
        if name != "page":
            PIECES[name]()
    page.write()


if __name__ == "__main__":
    main(sys.argv[1:])
