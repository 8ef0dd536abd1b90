"""Looking textures up at a view's pixels: mip-mapped, differentiable, at a cost that follows the view.

All levels of a pyramid are kept as rows of one matrix (rows, C), finest level first. A view's
look-up is then one weighted sum of rows per pixel, and its gradient touches those rows only.
"""

from __future__ import annotations

from dataclasses import dataclass

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
    """Lay out the levels of `texture` (C, count · size, size)."""
    height, size = texture.shape[1:]
    return Levels(size, coarsest, height // size)


@dataclass(frozen=True)
class Taps:
    """Which rows a view's P pixels read, int32 if that can count them, and with what weight: both (P, K)."""

    rows: Tensor
    weights: Tensor


@dataclass(frozen=True)
class Patch:
    """The part of the rows that a view reads: `rows` (D,), in order, each once.

    Its P pixels take of them, by `places` (P, K) int32, with `weights` (P, K): a gradient on a patch is
    as small as the patch.
    """

    rows: Tensor
    places: Tensor
    weights: Tensor


def patch(view: Taps) -> Patch:
    """Collect the rows that `view` reads with a weight, each once; taps of zero weight all read index 0."""
    if not view.rows.numel():
        return Patch(view.rows.flatten().long(), view.rows.int(), view.weights)
    first = int(view.rows.min()) - 1  # so that index 0 is free for taps of zero weight
    rows = ((view.rows - first) * (view.weights > 0)).flatten()
    read = torch.zeros(8 * (int(rows.max()) // 8 + 1), dtype=torch.bool, device=rows.device)
    read.index_fill_(0, rows.long(), True)
    read[0] = False
    distinct = _nonzero(read)
    order = torch.empty(len(read), dtype=torch.int32, device=rows.device)  # only what is read is written
    order[0] = 0
    order[distinct] = torch.arange(len(distinct), dtype=torch.int32, device=rows.device)
    return Patch(distinct + first, order.index_select(0, rows).view_as(view.rows), view.weights)


def _nonzero(mask: Tensor) -> Tensor:
    """Find where `mask` (8 N,) bool is true. Few of many are, so that eight at a time are passed over."""
    words = mask.view(torch.int64)
    some = words.nonzero()[:, 0]
    word, place = words.index_select(0, some).view(torch.bool).view(-1, 8).nonzero().T
    found: Tensor = some.index_select(0, word) * 8 + place
    return found


def taps(uv: Tensor, footprint: Tensor, levels: Levels, laplacian: bool, tiles: Tensor | None = None) -> Taps:
    """Make trilinear taps at `uv` (P, 2), v up, for pixels `footprint` (P,) wide in UV units.

    `tiles` (P,) int64 says which of several textures each pixel reads; None: the first.

    The level of detail is log2 of the footprint in texels (Williams 1983), clamped to the levels
    there are; textures repeat. With `laplacian` the levels hold bands whose sum is the texture:
    a band counts fully while the level of detail is below its own, and fades out over the next
    level; that sum equals the trilinear look-up in the Gaussian pyramid the bands come from.
    """
    detail = (footprint * levels.size).clamp_min(1e-12).log2().clamp(0, len(levels.sides) - 1)
    sides, offsets, shares = (_bands if laplacian else _neighbours)(detail, levels)
    if tiles is not None:
        offsets = offsets + tiles.to(sides) * sides.square()
    wide = sides.to(uv.dtype)
    corners, parts = [], []
    for along in (1 - uv[:, 1], uv[:, 0]):
        place = along * wide - 0.5
        before = place.floor()
        beyond = place - before
        both = torch.stack([before, before + 1], 1)
        both -= wide[:, None] * (both / wide[:, None]).floor_()  # many times sooner than % of integers
        corners.append(both.to(sides.dtype))
        parts.append(torch.stack([1 - beyond, beyond], 1))
    (row, column), (down, across) = corners, parts
    rows = (offsets[:, None] + row * sides[:, None])[:, :, None] + column[:, None]
    weights = (shares[:, None] * down)[:, :, None] * across[:, None]
    return Taps(*(found.flatten(0, 2).T.contiguous() for found in (rows, weights)))


def _bands(detail: Tensor, levels: Levels) -> tuple[Tensor, Tensor, Tensor]:
    """Sides and offsets (L, 1) of all levels from the finest that a pixel resolves, and shares (L, P)."""
    first = int(detail.min()) if len(detail) else 0
    sides, offsets = (each[first:, None] for each in _layout(levels, detail.device))
    number = torch.arange(first, len(levels.sides), device=detail.device)[:, None]
    shares = (number + 1 - detail).clamp(0, 1)
    shares[-1] = 1
    return sides, offsets, shares


def _neighbours(detail: Tensor, levels: Levels) -> tuple[Tensor, Tensor, Tensor]:
    """Sides, offsets and shares (2, P) of the two levels that each pixel's level of detail lies between."""
    sides, offsets = _layout(levels, detail.device)
    finer = detail.long().clamp(max=max(len(sides) - 2, 0))
    both = torch.stack([finer, finer + 1][: len(sides)])
    return sides[both], offsets[both], 1 - (detail - both).abs()


def _layout(levels: Levels, device: torch.device) -> tuple[Tensor, Tensor]:
    """Sides and offsets (L,), in integers as small as all rows can be counted with."""
    kind = torch.int32 if levels.rows < 2**31 else torch.int64
    return (
        torch.tensor(levels.sides, dtype=kind, device=device),
        torch.tensor(levels.offsets, dtype=kind, device=device),
    )


def gather(matrix: Tensor, view: Taps) -> Tensor:
    """Sum the rows of `matrix` (rows, C) for each pixel, by their weights: (P, C)."""
    return F.embedding_bag(view.rows, matrix, per_sample_weights=view.weights, mode="sum")


def read(matrix: Tensor, view: Patch) -> Tensor:
    """Sum the rows of a patch for each pixel, as `gather` does: (P, C)."""
    return F.embedding_bag(
        view.places, matrix.index_select(0, view.rows), per_sample_weights=view.weights, mode="sum"
    )


def spread(values: Tensor, view: Patch) -> Tensor:
    """Spread `values` (P, C) over the patch's rows by their weights, `read` transposed: (D, C)."""
    places = view.places.flatten()
    found = torch.zeros(values.shape[1], len(view.rows), dtype=values.dtype, device=values.device)
    for channel, column in zip(found, values.T, strict=True):
        channel.index_add_(0, places, (column[:, None] * view.weights).flatten())
    return found.T.contiguous()


def mipmaps(texture: Tensor, levels: Levels) -> Tensor:
    """Make the box-filtered mip chain of `texture` (C, count · size, size), as rows (rows, C)."""
    chain = [texture]
    for _ in levels.sides[1:]:
        chain.append(F.avg_pool2d(chain[-1][None], 2)[0])
    return torch.cat([level.flatten(1).T for level in chain]).contiguous()


def enlarge(level: Tensor, size: int) -> Tensor:
    """Read a level (C, count · s, s) bilinearly at the texel centres of textures of side `size`.

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
