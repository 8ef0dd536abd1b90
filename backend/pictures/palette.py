"""Palettes: moving one set of colours onto another's, by mean and covariance or as a whole."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

Floats = NDArray[np.floating]

MIN_VARIANCE = 0.06**2  # what is nearly one colour is moved, not stretched beyond the palette
ROUNDS, ROUND_SHARE = 12, 0.7  # of sliced transport, and how far each goes
QUANTILES, SAMPLES = 256, 30_000  # that a map is read off
CELLS, PIECE = 1 << 14, 1 << 14  # of a map, in which its nodes are looked up; values at a time
TINTED = 0.012  # the deviation of colours along an axis, below which they have one tint
BINS = 10  # of a histogram, along each channel
COMMON_QUANTILE = 0.9  # the quantile from which on a colour counts as common


def moments(colors: Tensor) -> tuple[Tensor, Tensor]:
    """Compute mean (3,) and covariance (3, 3), float64, of `colors` (N, 3)."""
    colors = colors.double()
    mean = colors.mean(0)
    centred = colors - mean
    return mean, centred.T @ centred / len(colors) + MIN_VARIANCE * torch.eye(3, dtype=torch.double)


def _root(matrix: Tensor) -> Tensor:
    values, vectors = torch.linalg.eigh(matrix)
    root: Tensor = (vectors * values.clamp_min(0).sqrt()) @ vectors.T
    return root


def transport(source: tuple[Tensor, Tensor], target: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    """Find the affine map x -> A x + b, optimal (Wasserstein-2) between two Gaussians.

    A (3, 3), b (3,), float32.
    Monge's closed form, A = S^-½ (S^½ T S^½)^½ S^-½; `source` and `target` are (mean, covariance).
    """
    root = _root(source[1])
    inverse = torch.linalg.inv(root)
    matrix = inverse @ _root(root @ target[1] @ root) @ inverse
    return matrix.float(), (target[0] - matrix @ source[0]).float()


def recolor(image: Tensor, transform: tuple[Tensor, Tensor]) -> Tensor:
    """Map the colours of `image` (3, H, W) by x -> A x + b, clamped to 0..1."""
    matrix, offset = transform
    return (torch.einsum("ij,jhw->ihw", matrix, image) + offset[:, None, None]).clamp(0, 1)


def gamut(covariance: Tensor) -> Tensor | None:
    """Find what of a change of colour stays in a palette of that `covariance` (3, 3): (3, 3).

    Grey, sepia and ink have colours on a line: what leads away from it would be a stain, and is left out.
    None: colours of all kinds.
    """
    values, axes = torch.linalg.eigh(covariance.double())
    share = (values.clamp_min(0) / TINTED**2).clamp(max=1)
    if bool((share == 1).all()):
        return None
    allowed: Tensor = (axes * share) @ axes.T
    return allowed.float()


def within_gamut(image: Tensor, mean: Tensor, allowed: Tensor | None) -> Tensor:
    """Bring the colours of `image` (3, H, W) into the `gamut` around the palette's `mean` (3,)."""
    if allowed is None:
        return image
    away = image - mean[:, None, None]
    return (torch.einsum("ij,jhw->ihw", allowed, away) + mean[:, None, None]).clamp(0, 1)


def sliced_transport(
    colors: Tensor, palette: Tensor, random: np.random.Generator, count: int | None = None
) -> Tensor:
    """Move `colors` (3, N) so that the first `count` (None: all) are distributed as the `palette` (3, K) is.

    The rest goes along. Sliced optimal transport (Pitié et al. 2007): sorted along random axes again and
    again, each time most of the way. The maps are read off a sample, by quantiles.
    """
    shares = np.linspace(0, 1, QUANTILES)
    count = count or colors.shape[1]
    every = max(1, count // SAMPLES)
    moved = colors.clone()
    for _ in range(ROUNDS):
        axes = torch.from_numpy(np.linalg.qr(random.normal(size=(3, 3)))[0]).float()
        moved, wanted = axes @ moved, axes @ palette
        for values, goal in zip(moved, wanted, strict=True):
            now = np.quantile(values[:count:every].numpy(), shares) + np.arange(QUANTILES) * 1e-7  # ascending
            then = np.quantile(goal.numpy(), shares)
            values += ROUND_SHARE * torch.from_numpy(_shifts(values.numpy(), now, then))
        moved = axes.T @ moved
    return moved


def _shifts(values: Floats, now: NDArray[np.float64], then: NDArray[np.float64]) -> NDArray[np.float32]:
    """Tell what moves `values` (N,) as the nodes `now` (K,), ascending, go to where they are `then`: (N,).

    What is beyond goes with the last. As `np.interp`, to the bit, but of a million values four times as fast:
    between which nodes one lies is looked up, where its cell has none, and some thousand are done at a time,
    which stay in the processor's cache.
    """
    scale = CELLS / (now[-1] - now[0])
    up_to = np.bincount(((now - now[0]) * scale).astype(np.intp), minlength=CELLS + 1).cumsum()
    before = np.concatenate([[0], up_to[:-1]])
    node = (before - 1).clip(0, len(now) - 2)
    slope, start, level = (np.diff(then) / np.diff(now))[node], now[node], then[node]
    found = np.empty(len(values), np.float32)
    for first in range(0, len(values), PIECE):
        here = values[first : first + PIECE].astype(np.float64).clip(now[0], now[-1])
        cell = ((here - now[0]) * scale).astype(np.intp)
        there = slope[cell] * (here - start[cell]) + level[cell]
        unsure = np.flatnonzero((before != up_to)[cell])
        there[unsure] = np.interp(here[unsure], now, then)
        found[first : first + PIECE] = there - here
    return found


def commonness(colors: Tensor) -> Tensor:
    """Measure how common each of `colors` (3, N) is among all, by a smoothed histogram: (N,), 0..1."""
    bins = (colors.clamp(0, 0.999) * BINS).long()
    index = (bins[0] * BINS + bins[1]) * BINS + bins[2]
    counts = torch.bincount(index, minlength=BINS**3).float().view(1, 1, BINS, BINS, BINS)
    counts = F.avg_pool3d(counts, 3, 1, 1)
    where = (colors.flip(0) * 2 - 1).T[None, None, None]  # grid_sample takes blue, green, red
    found = F.grid_sample(counts, where, align_corners=False, padding_mode="border")[0, 0, 0, 0]
    common = np.quantile(found[:: max(1, len(found) // SAMPLES)].numpy(), COMMON_QUANTILE)
    return (found / max(float(common), 1e-6)).clamp(0, 1).sqrt()
