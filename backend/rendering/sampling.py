"""Looking textures up at a view's pixels: mip-mapped, differentiable, at a cost that follows the view.

All levels of a pyramid are kept as rows of one matrix (rows, C), finest level first. A view's
look-up is then one weighted sum of rows per pixel, and its gradient touches those rows only.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True)
class Levels:
    """Square levels of sides size, size / 2, … down to `coarsest`, laid out one after the other.

    Of `count` textures at once, one above the other in each level: (count · side, side).
    """

    size: int
    coarsest: int = 16
    count: int = 1

    @property
    def sides(self) -> list[int]:
        sides = [self.size]
        while sides[-1] > self.coarsest:
            sides.append(sides[-1] // 2)
        return sides

    @property
    def offsets(self) -> list[int]:
        offsets = [0]
        for side in self.sides:
            offsets.append(offsets[-1] + self.count * side * side)
        return offsets[:-1]

    @property
    def rows(self) -> int:
        return self.count * sum(side * side for side in self.sides)


def levels_of(texture: Tensor, coarsest: int = 16) -> Levels:
    """The levels of `texture` (C, count · size, size)."""
    height, size = texture.shape[1:]
    return Levels(size, coarsest, height // size)


@dataclass(frozen=True)
class Taps:
    """Which rows a view's P pixels read, and with what weight: both (P, K)."""

    rows: Tensor
    weights: Tensor

    @cached_property
    def distinct(self) -> Tensor:
        """The rows that are read with a weight, each once, in order."""
        rows = self.rows.flatten()
        if not len(rows):
            return rows
        first = int(rows.min())
        read = torch.zeros(int(rows.max()) - first + 2, dtype=torch.bool, device=rows.device)
        read.index_fill_(0, (rows - first + 1).where(self.weights.flatten() > 0, 0), True)
        return read[1:].nonzero()[:, 0] + first


def taps(uv: Tensor, footprint: Tensor, levels: Levels, laplacian: bool, tiles: Tensor | None = None) -> Taps:
    """Trilinear taps at `uv` (P, 2), v up, for pixels `footprint` (P,) wide in UV units.

    `tiles` (P,) int64 says which of several textures each pixel reads; None: the first.

    The level of detail is log2 of the footprint in texels (Williams 1983), clamped to the levels
    there are; textures repeat. With `laplacian` the levels hold bands whose sum is the texture:
    a band counts fully while the level of detail is below its own, and fades out over the next
    level; that sum equals the trilinear look-up in the Gaussian pyramid the bands come from.
    """
    detail = (footprint * levels.size).clamp_min(1e-12).log2().clamp(0, len(levels.sides) - 1)
    rows, weights = [], []
    for side, offset, share in (_bands if laplacian else _neighbours)(detail, levels):
        x, y = uv[:, 0] * side - 0.5, (1 - uv[:, 1]) * side - 0.5
        x0, y0 = x.floor(), y.floor()
        fx, fy = x - x0, y - y0
        left, top = x0.long() % side, y0.long() % side
        right, bottom = (left + 1) % side, (top + 1) % side
        start = offset if tiles is None else offset + tiles * (side * side)
        for column, row, weight in (
            (left, top, (1 - fx) * (1 - fy)),
            (right, top, fx * (1 - fy)),
            (left, bottom, (1 - fx) * fy),
            (right, bottom, fx * fy),
        ):
            rows.append(start + row * side + column)
            weights.append(weight * share)
    return Taps(torch.stack(rows, 1), torch.stack(weights, 1))


def _bands(detail: Tensor, levels: Levels) -> Iterator[tuple[int, int, Tensor]]:
    """Side, offset and each pixel's share of every level from the finest that a pixel resolves."""
    last = len(levels.sides) - 1
    first = int(detail.min()) if len(detail) else 0
    for k, (side, offset) in enumerate(zip(levels.sides, levels.offsets, strict=True)):
        if k >= first:
            yield side, offset, (k + 1 - detail).clamp(0, 1) if k < last else torch.ones_like(detail)


def _neighbours(detail: Tensor, levels: Levels) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """The same of the two levels, of each pixel's own, that its level of detail lies between."""
    sides, offsets = (torch.tensor(values, device=detail.device) for values in (levels.sides, levels.offsets))
    finer = detail.long().clamp(max=max(len(sides) - 2, 0))
    for level in (finer, finer + 1)[: len(sides)]:
        yield sides[level], offsets[level], 1 - (detail - level).abs()


class _Gather(torch.autograd.Function):
    """Weighted row sums. Backward adds to `gradient` (C, rows), so that a step need not touch all rows."""

    @staticmethod
    def forward(ctx: Any, matrix: Tensor, rows: Tensor, weights: Tensor, gradient: Tensor) -> Tensor:
        ctx.save_for_backward(rows, weights)
        ctx.gradient = gradient
        return F.embedding_bag(rows, matrix, per_sample_weights=weights, mode="sum")

    @staticmethod
    def backward(ctx: Any, *outputs: Tensor) -> tuple[None, None, None, None]:
        rows, weights = ctx.saved_tensors
        flat = rows.reshape(-1)
        for channel, values in zip(ctx.gradient, outputs[0].T, strict=True):
            channel.index_add_(0, flat, (values[:, None] * weights).reshape(-1))
        return None, None, None, None


def gather(matrix: Tensor, view: Taps, gradient: Tensor | None = None) -> Tensor:
    """(P, C): each pixel's weighted sum of the rows of `matrix` (rows, C).

    With `gradient` (C, rows), backward adds into it, at the rows read, and `matrix` must require
    grad only to make the graph; without it, nothing is differentiated.
    """
    if gradient is None:
        return F.embedding_bag(view.rows, matrix, per_sample_weights=view.weights, mode="sum")
    out: Tensor = _Gather.apply(matrix, view.rows, view.weights, gradient)  # type: ignore[no-untyped-call]
    return out


def mipmaps(texture: Tensor, levels: Levels) -> Tensor:
    """Rows (rows, C) of the box-filtered mip chain of `texture` (C, count · size, size)."""
    chain = [texture]
    for _ in levels.sides[1:]:
        chain.append(F.avg_pool2d(chain[-1][None], 2)[0])
    return torch.cat([level.flatten(1).T for level in chain]).contiguous()


def enlarge(level: Tensor, size: int) -> Tensor:
    """A level (C, count · s, s) read bilinearly at the texel centres of textures of side `size`.

    They repeat, each for itself; `size` is a multiple of s. Gives (C, count · size, size).
    """
    channels, height, side = level.shape
    factor = size // side
    if factor == 1:
        return level
    each = level.reshape(channels, height // side, side, side).transpose(0, 1)
    padded = F.pad(each, (1, 1, 1, 1), mode="circular")
    grown = F.interpolate(padded, scale_factor=factor, mode="bilinear", align_corners=False)
    grown = grown[:, :, factor:-factor, factor:-factor].transpose(0, 1)
    return grown.reshape(channels, height * factor, size)
