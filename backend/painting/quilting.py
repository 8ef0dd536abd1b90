"""More of a texture, sewn from pieces of it.

Efros, Freeman 2001, "Image Quilting": squares of the exemplar are laid row by row, each among those that fit
best to what it overlaps, and cut to it where the two differ least. Here the fit is looked for on a small
picture and made exact on the large one; what was taken often is taken less; and what is coarse passes softly
across the cut, as in Burt, Adelson 1983, "A Multiresolution Spline".
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor

from ..pictures.images import resize

BLOCK = 0.2  # of the shortest side of an exemplar, from one block to the next
MIN_BLOCK = 4  # pixels of it
OVERLAP = 0.4  # of a block, with its neighbours
SMALL = 24  # pixels of a block where the fit is looked for
TOLERANCE = 1.1  # times the least difference, what still fits
REUSE = 0.3  # variances of the exemplar, that a square taken once is taken for worse


def quilt(
    exemplars: list[tuple[Tensor, float]],
    height: int,
    width: int,
    wraps: bool,
    random: torch.Generator,
    tell: Callable[[int, int], None],
) -> Tensor:
    """Sew a picture (3, `height`, `width`) from pieces of exemplars; one that wraps around if asked.

    exemplars: images (3, h, w) with shares that sum to 1, each piece is of one of them. tell: hears which row
    of how many is done.
    """
    shorter = min(min(image.shape[1:]) for image, _ in exemplars)
    step = max(MIN_BLOCK, round(BLOCK * shorter))
    overlap = max(2, round(OVERLAP * step))
    rows, columns = _starts(height, step), _starts(width, step)
    side = max(after - start for starts in (rows, columns) for start, after in pairwise(starts))
    side = min(side + overlap, shorter)
    canvas, known = torch.zeros(3, height, width), torch.zeros(height, width)
    choosers = [_Chooser(image, step, random) for image, _ in exemplars]
    shares = torch.tensor([share for _, share in exemplars])
    for row, top in enumerate(rows[:-1]):
        for left in columns[:-1]:
            chooser = choosers[int(torch.multinomial(shares, 1, generator=random))]
            down, across = _span(top, side, height, wraps), _span(left, side, width, wraps)
            before, there = canvas[:, down][:, :, across], known[down][:, across]
            piece = chooser.piece(before, there)
            canvas[:, down[:, None], across] = _sewn(before, piece, there, overlap)
            known[down[:, None], across] = 1
        tell(row + 1, len(rows) - 1)
    return canvas


def _starts(length: int, step: int) -> list[int]:
    count = max(1, round(length / step))
    return [round(k * length / count) for k in range(count + 1)]


def _span(start: int, side: int, length: int, wraps: bool) -> Tensor:
    places = torch.arange(start, start + min(side, length))
    return places % length if wraps else places[places < length]


class _Chooser:
    """Picks squares of an exemplar that fit to what is there."""

    def __init__(self, exemplar: Tensor, step: int, random: torch.Generator) -> None:
        self.exemplar, self.random = exemplar, random
        self.times = max(1, step // SMALL)
        height, width = (length // self.times for length in exemplar.shape[1:])
        self.small = resize(exemplar, height, width)
        self.squares = self.small.square().sum(0)[None, None]
        self.variance = float(self.small.flatten(1).var(1).sum()) + 1e-9
        self.taken = torch.zeros(height, width)

    def piece(self, before: Tensor, there: Tensor) -> Tensor:
        """Choose what fits to `before` (3, n, m) where `there` (n, m) is 1: (3, n, m)."""
        height, width = there.shape
        y, x = self._about(before, there)
        y, x = self._exactly(y * self.times, x * self.times, before, there)
        return self.exemplar[:, y : y + height, x : x + width]

    def _about(self, before: Tensor, there: Tensor) -> tuple[int, int]:
        n, m = (max(1, length // self.times) for length in there.shape)
        known = F.interpolate(there[None, None], (n, m), mode="area")[0, 0].floor()
        shown = F.interpolate(before[None], (n, m), mode="area") * known
        differs = F.conv2d(self.squares, known[None, None]) - 2 * F.conv2d(self.small[None], shown)
        differs = differs[0, 0] + shown.square().sum()
        differs = differs / known.sum().clamp_min(1)
        used = F.avg_pool2d(self.taken[None, None], (n, m), 1)[0, 0]
        worse = (differs / self.variance).clamp_min(0) + REUSE * (used - used.min())
        good = (worse <= TOLERANCE * worse.min() + 1e-6).flatten().nonzero()[:, 0]
        place = int(good[torch.randint(len(good), (), generator=self.random)])
        y, x = divmod(place, worse.shape[1])
        self.taken[y : y + n, x : x + m] += 1
        return y, x

    def _exactly(self, y: int, x: int, before: Tensor, there: Tensor) -> tuple[int, int]:
        """Find the best place within a pixel of the small picture of (y, x)."""
        height, width = there.shape
        tops, lefts = (
            range(max(0, min(place, most) - self.times), min(place + self.times, most) + 1)
            for place, most in ((y, self.exemplar.shape[1] - height), (x, self.exemplar.shape[2] - width))
        )
        if not there.any():
            return tops[len(tops) // 2], lefts[len(lefts) // 2]
        part = self.exemplar[:, tops[0] : tops[-1] + height, lefts[0] : lefts[-1] + width]
        differs = F.conv2d(part.square().sum(0)[None, None], there[None, None])
        differs = differs - 2 * F.conv2d(part[None], (before * there)[None])
        row, column = divmod(int(differs.argmin()), differs.shape[3])
        return tops[row], lefts[column]


def _sewn(before: Tensor, piece: Tensor, there: Tensor, overlap: int) -> Tensor:
    """Lay `piece` over `before` (3, n, m), cut where they differ least, and softly in what is coarse."""
    if not there.any():
        return piece
    kept = _cut((piece - before).square().sum(0), there, overlap).float()
    before = torch.where(there > 0, before, piece)
    spread = max(1.0, overlap / 4)
    soft, coarse_before, coarse = (_blurred(image, spread) for image in (kept[None], before, piece))
    fine = torch.lerp(before - coarse_before, piece - coarse, _blurred(kept[None], 0.6))
    sewn = torch.lerp(coarse_before, coarse, soft) + fine
    return torch.where(there > 0, sewn, piece).clamp(0, 1)


def _cut(differs: Tensor, there: Tensor, overlap: int) -> Tensor:
    """Find what of a square is taken, by how far it differs (n, m) where something is there (n, m): bool."""
    taken = torch.ones_like(differs, dtype=torch.bool)
    for turns in range(4):  # the left side, of the square turned by quarters
        turned, known = (torch.rot90(image, turns) for image in (differs, there))
        deep = min(overlap, turned.shape[1] // 2)
        if deep > 0 and bool((known[:, :deep] > 0).all()):
            strip = torch.ones_like(known, dtype=torch.bool)
            strip[:, :deep] = torch.arange(deep)[None] >= cheapest_path(turned[:, :deep])[:, None]
            taken &= torch.rot90(strip, -turns)
    return taken | (there == 0)


def cheapest_path(costs: Tensor) -> Tensor:
    """Find the columns (n,) of the cheapest way down `costs` (n, m), by one column a row at most."""
    sums = [costs[0]]
    for row in costs[1:]:
        beside = F.pad(sums[-1][None], (1, 1), value=math.inf)[0]
        sums.append(row + torch.stack([beside[:-2], beside[1:-1], beside[2:]]).amin(0))
    column = int(sums[-1].argmin())
    found = [column]
    for total in reversed(sums[:-1]):
        first = max(0, column - 1)
        column = first + int(total[first : column + 2].argmin())
        found.append(column)
    return torch.tensor(found[::-1])


def _blurred(image: Tensor, spread: float) -> Tensor:
    """Blur (C, n, m) by a Gaussian of `spread` pixels, with what is at its edge around it."""
    reach = min(math.ceil(2.5 * spread), *(length - 1 for length in image.shape[1:]))
    if reach < 1:
        return image
    weights = torch.exp(-torch.arange(-reach, reach + 1).float().square() / (2 * spread**2))
    weights = weights / weights.sum()
    found = image[:, None]
    for shape, pad in (((1, 1, 1, -1), (reach, reach, 0, 0)), ((1, 1, -1, 1), (0, 0, reach, reach))):
        found = F.conv2d(F.pad(found, pad, mode="replicate"), weights.view(shape))
    return found[:, 0]
