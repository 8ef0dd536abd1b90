"""A texture as a Laplacian pyramid, optimised where the views look.

Coarse levels move whole regions at once, so large shapes appear in few steps; fine ones are opened
by the views themselves, since a view's mip-mapped look-up leaves out the levels it cannot resolve.
A step costs what its views cost, whatever the texture's size.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..machine.parallel import Map, serial_map
from ..pictures.color_space import DECORRELATED
from ..rendering.gbuffer import GBuffer
from ..rendering.sampling import Patch, enlarge, levels_of, mipmaps, patch, read, spread, taps

BETAS = (0.9, 0.99)  # of Adam
FALLOFF = 0.5  # of the rate, from the level that views resolve to the next coarser or finer one
FLOOR = 0.1  # the share of a level's typical gradient that is added to each row's own
MAP_RATE = 0.3  # how far a step moves a map, over how far it moves colours
SAMPLE_STRIDE = 64  # every so many-th row is sampled to find where to split


@dataclass(frozen=True)
class _Due:
    """D rows that are to step: their indices, values, levels, and Adam's moments and counts for the step.

    numbers, total (L,): how many of them each level has, and the sum of their gradients' mean squares.
    """

    rows: Tensor  # (D,)
    values: Tensor  # (D, C)
    moments: Tensor  # (D, 2, C)
    count: Tensor  # (D,)
    levels: Tensor  # (D,)
    numbers: Tensor  # (L,)
    total: Tensor  # (L,)


class Pyramid:
    """The rows of all levels, in decorrelated colour around mid-grey, with Adam's moments for each.

    Other maps may lie beside the three colours: there are C channels in all.
    """

    def __init__(
        self, start: Tensor, device: torch.device | str = "cpu", density: Tensor | None = None
    ) -> None:
        """`start` (C, count · size, size), sRGB and maps, 0..1, is what the pyramid shows at first.

        density (1, count · size, size): by how many levels views resolve less there than on average, since
        texels lie more densely on the surface; None: nowhere.
        """
        self.levels = levels_of(start)
        further = len(start) - len(DECORRELATED)
        self.colors = _beside(DECORRELATED, MAP_RATE * torch.eye(further)).to(device)
        rest = torch.einsum("ij,jhw->ihw", torch.linalg.inv(self.colors), start.to(device) - 0.5)
        bands = []
        for side in reversed(self.levels.sides):
            band = F.interpolate(rest[None], size=(self.levels.count * side, side), mode="area")[0]
            rest -= enlarge(band, self.levels.size)
            bands.append(band.flatten(1).T)
        self.rows = torch.cat(bands[::-1]).contiguous()
        self.density = None if density is None else mipmaps(density.to(device), self.levels)[:, 0].half()
        self.gradient = _zeros(self.levels.rows, len(start), device=device)
        self.moments = _zeros(self.levels.rows, 2, len(start), device=device)
        self.touched = _zeros(self.levels.rows, device=device)
        self.taken = torch.zeros(self.levels.rows, dtype=torch.bool, device=device)  # in `_distinct`
        self.moved_before = torch.zeros(self.levels.rows, dtype=torch.bool, device=device)
        self.level_square = torch.zeros(len(self.levels.sides), device=device)
        self.level_count = torch.zeros(len(self.levels.sides), device=device)

    def patch(self, view: GBuffer) -> Patch:
        """Collect what `view` reads of the pyramid; worth keeping when a view is used again."""
        return patch(taps(view.uv, view.footprint, self.levels, True, view.tiles))

    def sample(self, view: Patch) -> Tensor:
        """Sample sRGB and maps at the view's pixels, (P, C), not clamped."""
        return read(self.rows, view) @ self.colors.T + 0.5

    def backward(self, view: Patch, wanted: Tensor) -> Tensor:
        """Turn the gradient of a view's samples, `wanted` (P, C), into that on its rows, (D, C)."""
        return spread(wanted @ self.colors, view)

    def accumulate(self, view: Patch, gradient: Tensor) -> None:
        """Add a view's `gradient` (D, C) on its rows to that of the next step."""
        self.gradient.index_add_(0, view.rows, gradient)

    def step(
        self,
        views: list[Patch],
        rate: float,
        level: int,
        each: Map = serial_map,
        gamut: Tensor | None = None,
    ) -> None:
        """Take a step of Adam (Kingma 2015) on the rows that `views` read; the others rest, moments and all.

        `level` is the one that the views resolve on average; its rows move by `rate`, those of other levels
        by FALLOFF less for each level between, which is counted from what they resolve where the row is: were
        it not, the fine rows of a texture that is stretched over much surface would hardly move, and its
        coarse ones far. The bias correction counts each row's own steps. Part
        of a level's typical gradient is added to each row's own, so that rows which hardly matter to
        any view (hidden, or half faded out) do not wander: plain Adam makes salt and pepper of them.
        Ranges of rows step side by side; one that several views read belongs to one range, and steps once.
        gamut (3, 3): what of a change of sRGB is taken; None: all. Other maps take all of theirs.
        """
        pieces = _pieces([view.rows for view in views], 1 if each is serial_map else len(views))
        due = each(lambda piece: self._due(self._distinct(piece)), pieces)
        numbers = torch.stack([one.numbers for one in due]).sum(0)
        total = torch.stack([one.total for one in due]).sum(0)
        here = numbers > 0
        self.level_count += here
        newest = (total / numbers)[here].to(self.level_square)
        self.level_square[here] = self.level_square[here].lerp(newest, 1 - BETAS[1])
        typical = (self.level_square / (1 - BETAS[1] ** self.level_count).clamp_min(1e-9)).sqrt()
        least = FLOOR * typical + 1e-12
        turn = None
        if gamut is not None:
            wanted = _beside(gamut, torch.eye(len(self.colors) - len(gamut))).to(self.colors)
            turn = (torch.linalg.inv(self.colors) @ wanted @ self.colors).T
        each(lambda one: self._move(one, rate, level, least, turn), due)

    def _distinct(self, several: list[Tensor]) -> Tensor:
        """Merge the rows of `several`, each once."""
        if len(several) == 1:
            return several[0]
        kept: list[Tensor] = []
        for rows in several:
            kept.append(rows[~self.taken.index_select(0, rows)])
            self.taken.index_fill_(0, rows, True)
        distinct = torch.cat(kept)
        self.taken.index_fill_(0, distinct, False)
        return distinct

    def _due(self, rows: Tensor) -> _Due:
        """Compute what the gradient at `rows` (D,) makes of their moments; nothing is written yet."""
        gradient = self.gradient.index_select(0, rows)
        squared = gradient.square()
        moments = self.moments.index_select(0, rows)
        moments[:, 0].lerp_(gradient, 1 - BETAS[0])
        moments[:, 1].lerp_(squared, 1 - BETAS[1])
        count = self.touched.index_select(0, rows).add_(1)
        levels = torch.bucketize(rows, torch.tensor(self.levels.offsets[1:], device=rows.device), right=True)
        number = len(self.levels.sides)
        numbers = torch.bincount(levels, minlength=number)
        total = torch.bincount(levels, squared.mean(1), minlength=number)
        return _Due(rows, self.rows.index_select(0, rows), moments, count, levels, numbers, total)

    def _move(self, due: _Due, rate: float, level: int, least: Tensor, turn: Tensor | None) -> None:
        """Write moments, and step by `rate`, less the further a row's level is from the `level` resolved.

        `least` (L,) is added to the root of the squared gradients that a step is divided by; `turn` (3, 3) is
        applied to the step.
        """
        rows, (mean, square) = due.rows, due.moments.unbind(1)
        self.moments.index_copy_(0, rows, due.moments)
        self.touched.index_copy_(0, rows, due.count)
        self.gradient.index_fill_(0, rows, 0)
        between = due.levels - float(level)
        if self.density is not None:
            between -= self.density.index_select(0, rows).clamp_min(-level)
        rates = rate * FALLOFF ** between.abs() / (1 - BETAS[0] ** due.count)
        scale = (square / (1 - BETAS[1] ** due.count)[:, None]).sqrt_()
        scale += least.index_select(0, due.levels)[:, None]
        step = mean * rates[:, None] / scale
        self.rows.index_copy_(0, rows, due.values - (step if turn is None else step @ turn))

    @torch.no_grad()
    def texture(self, side: int | None = None) -> Tensor:
        """Compose the textures, (C, count · side, side), in 0..1; small ones lack fine bands."""
        side, count = side or self.levels.size, self.levels.count
        total = torch.zeros(len(self.colors), count * side, side, device=self.rows.device)
        for level, offset in zip(self.levels.sides, self.levels.offsets, strict=True):
            if level <= side:
                rows = self.rows[offset : offset + count * level * level]
                total += enlarge(rows.T.reshape(-1, count * level, level), side)
        return torch.einsum("ij,jhw->ihw", self.colors, total).add_(0.5).clamp_(0, 1)

    def restore(self, rows: Tensor, moved: Tensor) -> None:
        """Show what `rows` (R, C) stand for, as if those of `moved` (R,) bool had been stepped before."""
        self.rows = rows.to(self.rows)
        self.moved_before = moved.to(self.moved_before)

    def moved(self) -> Tensor:
        """Find the rows that some view moved, (R,) bool."""
        return (self.touched > 0) | self.moved_before

    def seen_at(self, texels: Tensor, level: Tensor) -> Tensor:
        """Tell which of some `texels` (N,), by their index in the textures, row by row, were `seen`.

        `level` (N,): what views resolve there.
        """
        y, x = texels // self.levels.size, texels % self.levels.size
        found = torch.zeros(len(texels), dtype=torch.bool, device=self.rows.device)
        for k, (side, offset) in enumerate(zip(self.levels.sides, self.levels.offsets, strict=True)):
            if k <= int(level.max() if len(level) else 0):
                rows = offset + (y >> k) * side + (x >> k)
                found |= ((self.touched[rows] > 0) | self.moved_before[rows]) & (k <= level)
        return found

    def seen(self, level: int = 1) -> Tensor:
        """Find texels that views moved at `level`, which they resolve, or finer: (count · size, size)."""
        size, count = self.levels.size, self.levels.count
        found = torch.zeros(count * size, size, dtype=torch.bool, device=self.rows.device)
        for side, offset in list(zip(self.levels.sides, self.levels.offsets, strict=True))[: level + 1]:
            rows = slice(offset, offset + count * side * side)
            moved = ((self.touched[rows] > 0) | self.moved_before[rows]).view(count * side, 1, side, 1)
            found.view(count * side, size // side, side, size // side).logical_or_(moved)
        return found


def _pieces(rows: list[Tensor], count: int) -> list[list[Tensor]]:
    """Split every sorted index tensor (D,) at the same row numbers into `count` about equal ranges."""
    some = torch.cat([one[::SAMPLE_STRIDE] for one in rows]).sort().values
    if count == 1 or not len(some):
        return [rows]
    places = [len(some) * k // count for k in range(1, count)]
    cut = [torch.tensor_split(one, torch.searchsorted(one, some[places]).tolist()) for one in rows]
    return [list(piece) for piece in zip(*cut, strict=True)]


def _beside(first: Tensor, second: Tensor) -> Tensor:
    """Both matrices along the diagonal of one."""
    sides = len(first), len(second)
    matrix = torch.zeros(sum(sides), sum(sides))
    matrix[: sides[0], : sides[0]], matrix[sides[0] :, sides[0] :] = first, second
    return matrix


def _zeros(*shape: int, device: torch.device | str) -> Tensor:
    """Make zeros, of which on a CPU only what is written to takes up memory: most texels never are."""
    if torch.device(device).type == "cpu":
        return torch.from_numpy(np.zeros(shape, np.float32))
    return torch.zeros(shape, device=device)
