"""Keys at frames of the scene → the textures that go from one to the next, and when each of them shows.

Textures are few, frames of the scene many. Each key has a texture of its own, which shows from its very frame
on; those between two keys share the time there evenly.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from ..backend.errors import PatinaError


@dataclass(frozen=True)
class Timing:
    """When textures show: the frame of the scene from which each does, and after how many it begins again.

    period: 0 where it does not.
    """

    starts: tuple[int, ...]
    period: int = 0


def evenly(first: int, count: int, hold: int) -> Timing:
    """Show `count` textures again and again, `hold` frames each, from the frame `first` on."""
    return Timing(tuple(first + k * hold for k in range(count)), count * hold)


def shown_at(timing: Timing, frame: int) -> int:
    """Find which texture shows at a frame of the scene."""
    if timing.period:
        frame = timing.starts[0] + (frame - timing.starts[0]) % timing.period
    return max(bisect_right(timing.starts, frame) - 1, 0)


def placed(frames: Sequence[int], textures: int, period: int = 0) -> tuple[list[int], int]:
    """Give each key, at rising `frames`, its texture's number, and count the textures: `textures`, or one a
    frame where there are no more.

    period: after so many frames it is at the first key again; 0: it ends at the last one. Raises PatinaError
    where that cannot be.
    """
    if len(frames) < 2:
        raise PatinaError("There is nothing to go between.", "Add two keys or more.", "keys")
    for one, other in pairwise(frames):
        if one == other:
            raise PatinaError(f"Two keys are at frame {one}.", "Give each a frame of its own.", "keys")
    span = frames[-1] - frames[0]
    if period and span >= period:
        raise PatinaError(
            f"The keys are {span} frames apart, and the scene, which is to be a loop, has {period}.",
            "Move the keys nearer to each other, or let the scene end later.",
            "keys",
        )
    count = min(textures, period or span + 1)
    whole, steps = (period, count) if period else (span, count - 1)
    places = [round((frame - frames[0]) * steps / whole) for frame in frames]
    if len({*places, steps if period else places[-1]}) < len(places) + bool(period):
        raise PatinaError(
            "Two keys are too near to each other to have a texture each.",
            "Make more textures, or move the keys apart.",
            "keys",
        )
    return places, count


def timing(frames: Sequence[int], textures: int, period: int = 0) -> Timing:
    """Tell when each texture shows. Raises PatinaError as `placed` does."""
    places, count = placed(frames, textures, period)
    ends = [*zip(frames, places, strict=True)]
    if period:
        ends.append((frames[0] + period, count))
    starts = [frames[0]]
    for (frame, place), (later, after) in pairwise(ends):
        steps = after - place
        starts += [frame + step * (later - frame) // steps for step in range(1, steps + 1)]
    return Timing(tuple(starts[:count]), period)
