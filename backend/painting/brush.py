"""A flat painting on its way: its pixels, their average over the last steps, Adam's moments; and on disk.

A checkpoint.npz holds `painting` and `average` (3, h, w) float16, `moments` (2, 3, h, w) float16, the mean of
gradients and the root of the mean of their squares, each relative to its largest, which are `largest` (2,);
`counts` (2,): the average's weight and Adam's steps; `random` (K,) uint8, the state of what draws parts; and
`steps` and `stages` as in checkpoint.py. Before the first step the pictures are empty.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .. import npz
from ..errors import PatinaError
from ..pictures.images import cannot_write, enlarged, resize
from ..writing import replacing
from .checkpoint import MAX_STEPS, Kept

BETAS = (0.9, 0.99)  # of Adam
AVERAGED = 0.97  # of the average over steps, what stays at each
MAX_VALUE = 1e15  # of a moment: its square is a number, too
CURE = "Stylize the picture from the start."
ARRAYS = ("painting", "average", "moments", "largest", "counts", "random", "steps", "stages")


@dataclass
class Brush:
    """What a loop optimises, and all that it needs to go on as if nothing had been between.

    random: draws the parts of a picture that is too large to be looked at whole.
    """

    random: torch.Generator
    pixels: Tensor | None = None  # (3, h, w)
    average: Tensor | None = None  # (3, h, w)
    weight: float = 0.0
    adam: torch.optim.Adam | None = None

    @property
    def shown(self) -> Tensor:
        """(3, h, w): what the painting is, which is the average once there is one."""
        assert self.pixels is not None
        assert self.average is not None
        return self.average / self.weight if self.weight else self.pixels.detach()

    @property
    def moments(self) -> dict[str, Any]:
        """Adam's, as it has them; empty before its first step."""
        if self.adam is None or self.pixels is None:
            return {}
        return dict(self.adam.state[self.pixels])

    def enter(self, start: Tensor, goes_on: bool) -> None:
        """Come to a stage that begins as `start` (3, h, w), if there is nothing yet; or be in its midst."""
        if goes_on and self.pixels is not None and self.pixels.shape == start.shape:
            self._take(self.pixels.to(start.device))
            return
        pixels = start.clone() if self.pixels is None else enlarged(self.shown, start).clamp(0, 1)
        self.average, self.weight, self.adam = torch.zeros_like(start), 0.0, None
        self._take(pixels)

    def step(self, gradient: Tensor, rate: float, gamut: Tensor | None = None) -> None:
        """Take a step of Adam against `gradient` (3, h, w), within what a screen shows.

        gamut (3, 3): what of a change of colour is taken; None: all.
        """
        assert self.pixels is not None
        assert self.average is not None
        assert self.adam is not None
        self.pixels.grad = gradient
        self.adam.param_groups[0]["lr"] = rate
        before = self.pixels.detach().clone() if gamut is not None else None
        self.adam.step()
        with torch.no_grad():
            if before is not None:
                change = torch.einsum("ij,jhw->ihw", gamut, self.pixels - before)
                self.pixels.copy_(before + change * _room(before, change))
            self.pixels.clamp_(0, 1)
            self.average.mul_(AVERAGED).add_(self.pixels, alpha=1 - AVERAGED)
        self.weight = AVERAGED * self.weight + 1 - AVERAGED

    def shift(self, change: Tensor) -> None:
        """Add `change` (3, H, W) of what it began with, of any size, to what was painted on that since."""
        if self.pixels is not None:
            self.pixels = (self.shown + enlarged(change.to(self.pixels.device), self.pixels)).clamp(0, 1)
            self.average, self.weight, self.adam = torch.zeros_like(self.pixels), 0.0, None

    def draw(self, colors: Tensor, share: Tensor) -> None:
        """Lay `colors` (3, H, W), as far as `share` (1, H, W) says, over what was painted, of any size."""
        if self.pixels is not None:
            size, device = self.pixels.shape[1:], self.pixels.device
            colors, share = (resize(part, *size).to(device) for part in (colors, share))
            self.pixels = self.shown.lerp(colors, share)
            self.average, self.weight, self.adam = torch.zeros_like(self.pixels), 0.0, None

    def _take(self, pixels: Tensor) -> None:
        """Optimise `pixels`; with the moments that there were, if any."""
        state = self.adam.state_dict() if self.adam is not None else None
        self.pixels = pixels.detach().requires_grad_()
        assert self.average is not None
        self.average = self.average.to(pixels.device)
        self.adam = torch.optim.Adam([self.pixels], betas=BETAS)
        if state is not None:
            self.adam.load_state_dict(state)


def _room(pixels: Tensor, change: Tensor) -> Tensor:
    """(1, h, w), 0..1: how far `pixels` (3, h, w) may go along `change` (3, h, w) with no channel cut off."""
    room = torch.where(change > 0, 1 - pixels, pixels) / change.abs().clamp_min(1e-9)
    return room.amin(0, keepdim=True).clamp(0, 1)


def write(path: Path, brush: Brush, kept: Kept) -> None:
    """Write `path`, whole or not at all. Raises PatinaError if that cannot be done."""
    none = torch.zeros(3, 0, 0)
    pixels = none if brush.pixels is None else brush.pixels.detach()
    average = none if brush.average is None else brush.average
    known = brush.moments
    mean, square = (known.get(name, torch.zeros_like(pixels)) for name in ("exp_avg", "exp_avg_sq"))
    moments = torch.stack([mean, square.sqrt()]).cpu()
    largest = moments.abs().flatten(1).amax(1) if moments.numel() else torch.zeros(2)
    moments = moments / largest.clamp_min(1e-30)[:, None, None, None]
    try:
        with replacing(path) as stream:
            np.savez(
                stream,
                painting=pixels.half().cpu().numpy(),
                average=average.half().cpu().numpy(),
                moments=moments.half().numpy(),
                largest=largest.numpy(),
                counts=np.array([brush.weight, float(known.get("step", 0.0))]),
                random=brush.random.get_state().numpy(),
                steps=np.int64(kept.steps),
                stages=np.array(kept.stages, np.int64).reshape(-1, 2),
            )
    except OSError as error:
        raise cannot_write(path, error) from None


def read(path: Path, height: int, width: int) -> tuple[Brush, Kept]:
    """Read the brush that a painting of `height` x `width` was left with, and how far that was.

    Raises PatinaError where there is none, or where it is of a picture of another shape.
    """
    if not path.is_file():
        raise PatinaError(f"There is no checkpoint {path.name} to go on from.", CURE, "resume")
    try:
        arrays = npz.read(path, ARRAYS)
        found = {name: torch.from_numpy(np.array(arrays[name])) for name in ARRAYS}
        painting, moments, stages = found["painting"], found["moments"], arrays["stages"]
        steps, (weight, count) = int(arrays["steps"]), arrays["counts"].tolist()
        if (
            painting.ndim != 3
            or len(painting) != 3
            or found["average"].shape != painting.shape
            or moments.shape != (2, *painting.shape)
            or found["largest"].shape != (2,)
            or stages.dtype != np.int64
            or stages.shape != (len(stages), 2)
            or not ((stages >= 0) & (stages < MAX_STEPS)).all()
            or not (0 <= steps < MAX_STEPS and 0 <= weight <= 1 and 0 <= count < MAX_STEPS)
        ):
            raise ValueError("its parts do not fit together")
        if not all(bool(found[name].float().isfinite().all()) for name in ARRAYS[:4]):
            raise ValueError("it holds what is no number")
        mean, root = moments.float() * found["largest"].float()[:, None, None, None]
        if not bool((mean.abs().maximum(root.abs()) < MAX_VALUE).all()) or 0 < weight < (1 - AVERAGED) / 2:
            raise ValueError("it holds what cannot be")
        brush = Brush(torch.Generator())
        brush.random.set_state(found["random"])
    except (ValueError, TypeError, RuntimeError, OverflowError) as error:
        raise PatinaError(f"The checkpoint {path.name} cannot be read ({error}).", CURE, "resume") from None
    kept = Kept(steps, tuple((int(planned), int(done)) for planned, done in stages))
    if not painting.numel():
        return brush, kept
    size = painting.shape[1:]
    if abs(size[0] * width - size[1] * height) > max(height, width, *size):
        raise PatinaError("The checkpoint is of a picture of another shape.", CURE, "resume")
    brush.pixels, brush.average, brush.weight = painting.float().clamp(0, 1), found["average"].float(), weight
    brush.adam = torch.optim.Adam([brush.pixels], betas=BETAS)
    if count:
        brush.adam.state[brush.pixels] = {
            "step": torch.tensor(count, dtype=torch.float32),
            "exp_avg": mean,
            "exp_avg_sq": root.square(),
        }
    return brush, kept
