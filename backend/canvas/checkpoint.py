"""The state of a canvas on disk, so that a later job can go on where it ended.

A checkpoint.npz holds `done` and `planned`, steps; `random` (K,) uint8, the state of what draws views; how
many `views` there are to be used again, which are made anew; and of each parameter, by its number, `value_N`,
`mean_N` and `square_N`, Adam's moments, all float32, and `steps_N`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .. import npz
from ..errors import PatinaError
from ..pictures.images import cannot_write
from ..writing import replacing
from .view import Canvas

MAX_STEPS = 10_000_000
MAX_VALUE = 1e15  # of anything in it: the square is a number, too
CURE = "Start anew."
PARTS = ("value", "mean", "square", "steps")


@dataclass(frozen=True)
class Kept:
    """How far a job was: steps taken, of those that were planned; the state of what draws its views."""

    done: int = 0
    planned: int = 0
    random: Tensor | None = None


def write(path: Path, canvas: Canvas, kept: Kept) -> None:
    """Write `path`, whole or not at all. Raises PatinaError if that cannot be done."""
    assert kept.random is not None
    arrays: dict[str, Any] = {
        "done": np.int64(kept.done),
        "planned": np.int64(kept.planned),
        "random": kept.random.numpy(),
        "views": np.int64(canvas.made),
    }
    for number, one in enumerate(canvas.adam.state()):
        arrays |= {f"{part}_{number}": one[part].float().cpu().numpy() for part in PARTS}
    try:
        with replacing(path) as stream:
            np.savez(stream, **arrays)
    except OSError as error:
        raise cannot_write(path, error) from None


def read(path: Path, canvas: Canvas) -> Kept:
    """Bring `canvas` to the state in `path`; gives how far that was.

    Raises PatinaError where there is none, or where it is of something else; then all is as it was.
    """
    if not path.is_file():
        raise PatinaError(f"There is no checkpoint {path.name} to go on from.", CURE, "resume")
    adam = canvas.adam
    count = len(adam.parameters)
    names = [f"{part}_{number}" for number in range(count) for part in PARTS]
    try:
        arrays = npz.read(path, ("done", "planned", "random", "views", *names))
        done, planned, views = (int(arrays[name]) for name in ("done", "planned", "views"))
        random = torch.from_numpy(arrays["random"].copy())
        if not all(0 <= number < MAX_STEPS for number in (done, planned, views)):
            raise ValueError("its parts do not fit together")
        torch.Generator().set_state(random)  # whether it is one
        state = [_checked(number, arrays) for number in range(count)]
    except (ValueError, TypeError, RuntimeError, OverflowError) as error:
        raise PatinaError(f"The checkpoint {path.name} cannot be read ({error}).", CURE, "resume") from None
    if any(one["value"].shape != old.shape for one, old in zip(state, adam.parameters, strict=True)):
        raise PatinaError("The checkpoint is of another size.", CURE, "resume")
    adam.restore(state)
    canvas.recall(views)
    return Kept(done, planned, random)


def _checked(number: int, arrays: dict[str, NDArray[np.generic]]) -> dict[str, Tensor]:
    """Take the state of a parameter. Raises ValueError for what is none."""
    found = {part: torch.from_numpy(np.array(arrays[f"{part}_{number}"])) for part in PARTS}
    shape = found["value"].shape
    if any(one.dtype != torch.float32 or not bool(one.isfinite().all()) for one in found.values()):
        raise ValueError("it holds what is no number")
    if found["mean"].shape != shape or found["square"].shape != shape or found["steps"].shape != ():
        raise ValueError("its parts do not fit together")
    if bool((found["square"] < 0).any()) or any(
        bool((one.abs() > MAX_VALUE).any()) for one in found.values()
    ):
        raise ValueError("it holds what cannot be")
    return found
