"""Which texels a UV layout uses, what the others should hold, and how far mip levels bleed. NumPy only.

A game engine halves a texture again and again. A coarse texel at an island's border averages texels
inside the island with those beside it, so the colour of unused texels shows from afar.
"""

from __future__ import annotations

import math

import numpy as np

from ..models.arrays import Floats, Ints, Mask

MIP_LEVELS = 6  # down to 1/64
MAX_REPEATS = 1024  # of a texture along a triangle; one that has more is taken to use all of it
CHUNK = 1 << 16  # rows of triangles at a time


def coverage(uvs: Floats, width: int, height: int) -> Mask:
    """Find the texels whose area a triangle of `uvs` (F, 3, 2) touches: (height, width), row 0 at v = 1.

    Coordinates wrap at 0 and 1. What it takes grows with the rows of texels that a triangle crosses, not
    with its area: a floor of two triangles may repeat its texture as often as it likes.
    """
    uvs = np.asarray(uvs[np.isfinite(uvs).all(axis=(1, 2))], np.float64)
    repeats = np.ptp(uvs, axis=1).max(axis=1)
    if (repeats > MAX_REPEATS).any():
        return np.ones((height, width), bool)
    corners = (uvs - np.floor(uvs.min(axis=1, keepdims=True))) * (width, height)
    first, last = (np.floor(end(corners[..., 1], axis=1)).astype(np.int64) for end in (np.min, np.max))
    until = np.cumsum(last - first + 1)
    # How many more spans begin than end at a texel: its running sum along a row is above 0 within one.
    change = np.zeros((height, width + 1), np.int32)
    for start in range(0, int(until[-1]) if len(until) else 0, CHUNK):
        span = np.arange(start, min(start + CHUNK, until[-1]))
        triangle = np.searchsorted(until, span, side="right")
        row = last[triangle] + 1 - (until[triangle] - span)
        left, right = _across(corners[triangle], row)
        row, column = (height - 1 - row) % height, left % width
        end = column + np.minimum(right - left + 1, width)
        wraps = np.flatnonzero(end > width)
        np.add.at(change, (row, column), 1)
        np.add.at(change, (row, np.minimum(end, width)), -1)
        np.add.at(change, (row[wraps], 0), 1)
        np.add.at(change, (row[wraps], end[wraps] - width), -1)
    np.cumsum(change, axis=1, out=change)
    return np.asarray(change[:, :-1] > 0)


def _across(corners: Floats, row: Ints) -> tuple[Ints, Ints]:
    """The first and the last texel (N,) that triangles `corners` (N, 3, 2), in texels, touch in their `row`.

    What lies of a triangle between two lines is convex, so its ends are where its edges begin, end or cross.
    """
    ends = corners[:, [[0, 1], [1, 2], [2, 0]]]  # (N, edge, end, 2)
    ends = np.take_along_axis(ends, np.argsort(ends[..., 1:], axis=2), axis=2)  # the lower end first
    (x, y), (along, up) = ends[:, :, 0].transpose(2, 0, 1), np.diff(ends, axis=2)[:, :, 0].transpose(2, 0, 1)
    low, high = np.maximum(y, row[:, None]), np.minimum(y + up, row[:, None] + 1)
    level, outside = up == 0, low > high
    shares = [np.where(level, k, (end - y) / np.where(level, 1, up)) for k, end in enumerate((low, high))]
    places = np.stack([x + share.clip(0, 1) * along for share in shares])
    left = np.where(outside, np.inf, places).min(axis=(0, 2))
    right = np.where(outside, -np.inf, places).max(axis=(0, 2))
    return np.floor(left).astype(np.int64), np.floor(right).astype(np.int64)


def engine_size(width: int, height: int, most: int) -> tuple[int, int]:
    """Choose the nearest powers of two, halved together until neither is above `most`."""
    sides = [2 ** round(math.log2(side)) for side in (width, height)]
    halvings = max(0, math.ceil(math.log2(max(sides) / most)))
    return max(1, sides[0] >> halvings), max(1, sides[1] >> halvings)


def _halve(values: Floats) -> Floats:
    """(H, W, C) averaged over 2 by 2; an odd last row or column is repeated first."""
    h, w = values.shape[:2]
    if h % 2 or w % 2:
        values = np.pad(values, ((0, h % 2), (0, w % 2), (0, 0)), mode="edge")
    rows = values[::2] + values[1::2]
    return np.asarray((rows[:, ::2] + rows[:, 1::2]) / 4)


def _continue(filled: Floats, mask: Mask) -> None:
    """Set the ring of texels around the used ones to the mean of their used neighbours, in place."""
    around = np.pad(mask, 1)
    shifts = [(row, column) for row in range(3) for column in range(3)]
    h, w = mask.shape
    near = np.logical_or.reduce([around[row : row + h, column : column + w] for row, column in shifts])
    rows, columns = np.nonzero(near & ~mask)
    total = np.zeros((len(rows), filled.shape[-1]), filled.dtype)
    count = np.zeros((len(rows), 1), filled.dtype)
    for row, column in shifts:
        used = around[rows + row, columns + column]
        total[used] += filled[(rows + row - 1)[used], (columns + column - 1)[used]]
        count[used] += 1
    filled[rows, columns] = total / count


def fill(pixels: Floats, mask: Mask) -> Floats:
    """Fill the texels of `pixels` (H, W, C) outside `mask` (H, W) from those inside, over the whole image.

    Pull-push (Gortler et al. 1996, "The Lumigraph", section 3.4): used texels are averaged level by level,
    and an unused texel takes the average of the coarser level's texel over it. Every mip texel
    is then an average of used colours alone. Last, the texels next to an island continue it, as far as
    bilinear filtering reaches at full resolution.
    """
    if not mask.any():
        return pixels
    kind = np.result_type(pixels, np.float32)
    levels = [(np.where(mask[..., None], pixels, 0).astype(kind), mask[..., None].astype(kind))]
    while levels[-1][0].shape[0] > 1 or levels[-1][0].shape[1] > 1:
        total, weight = levels[-1]
        levels.append((_halve(total), _halve(weight)))
    filled = levels[-1][0] / levels[-1][1]
    for total, weight in reversed(levels[:-1]):
        h, w = weight.shape[:2]
        coarser = filled.repeat(2, axis=0)[:h].repeat(2, axis=1)[:, :w]
        filled = np.where(weight > 0, total / np.maximum(weight, 1e-12), coarser)
    _continue(filled, mask)
    return np.asarray(filled)


def bleed(pixels: Floats, mask: Mask, levels: int = MIP_LEVELS) -> list[float]:
    """Measure how far each mip level 1..`levels` is from the same level of the used texels alone.

    `pixels` (H, W, C) of any range, `mask` (H, W) of used texels. Gives the mean absolute difference over the
    texels of that level which hold a used texel, in the range's unit. Two islands that share a coarse
    texel mix in both, so only what unused texels add is counted.
    """
    found = []
    weight = mask[..., None].astype(np.result_type(pixels, np.float32))
    box, alone = pixels.astype(weight.dtype), pixels * weight
    for _ in range(levels):
        if box.shape[0] == box.shape[1] == 1:
            break
        box, alone, weight = _halve(box), _halve(alone), _halve(weight)
        used = weight[..., 0] > 0
        found.append(float(np.abs(box[used] - alone[used] / weight[used]).mean()) if used.any() else 0.0)
    return found
