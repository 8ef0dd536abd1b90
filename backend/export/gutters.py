"""Which texels a UV layout uses, what the others should hold, and how far mip levels bleed. NumPy only.

A game engine halves a texture again and again. A coarse texel at an island's border averages texels
inside the island with those beside it, so the colour of unused texels shows from afar.
"""

from __future__ import annotations

import math

import numpy as np

from .arrays import Floats, Mask

LEVELS = 6  # down to 1/64


def coverage(uvs: Floats, width: int, height: int) -> Mask:
    """(height, width) texels whose area a triangle of `uvs` (F, 3, 2) touches; row 0 is v = 1.

    Triangles are sampled at half-texel steps, edges included; coordinates wrap at 0 and 1.
    """
    mask = np.zeros((height, width), bool)
    corners = uvs[np.isfinite(uvs).all(axis=(1, 2))] * (width, height)
    if not len(corners):
        return mask
    sides = np.abs(corners - np.roll(corners, 1, axis=1)).max(axis=(1, 2))
    steps = np.maximum(np.ceil(2 * sides), 1).astype(int)
    for n in np.unique(steps):
        i, j = np.mgrid[: n + 1, : n + 1].reshape(2, -1)
        inside = i + j <= n
        weights = np.stack((i, j, n - i - j), -1)[inside] / n
        group = corners[steps == n]
        batch = max(1, 4_000_000 // len(weights))
        for start in range(0, len(group), batch):
            points = np.floor(weights @ group[start : start + batch]).astype(np.int64).reshape(-1, 2)
            mask[(height - 1 - points[:, 1]) % height, points[:, 0] % width] = True
    return mask


def engine_size(width: int, height: int, most: int) -> tuple[int, int]:
    """The nearest powers of two, halved together until neither is above `most`."""
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
    """`pixels` (H, W, C) with the texels outside `mask` (H, W) filled from those inside, whole image.

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


def bleed(pixels: Floats, mask: Mask, levels: int = LEVELS) -> list[float]:
    """How far each mip level 1..`levels` is from the same level of the used texels alone.

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
