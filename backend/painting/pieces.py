"""Pieces of exemplars: where each lies, and what it shows."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from .collage import Floats, Indices, flattened


@dataclass(frozen=True)
class Pieces:
    """Where N pieces lie: on the surface (N, 3), with axes right and down (N, 2, 3); of which exemplar (N,);
    and there (N, 2), in shorter sides of it from its top left.

    spans (N,): of the exemplars' shorter sides, on the surface; period (3,): after which it repeats, or inf.
    """

    middles: NDArray[np.float64]
    axes: NDArray[np.float64]
    exemplars: Indices
    places: NDArray[np.float64]
    spans: NDArray[np.float64]
    period: NDArray[np.float64]

    def with_one(
        self,
        middle: NDArray[np.float64],
        axes: NDArray[np.float64],
        exemplar: int,
        place: NDArray[np.float64],
        span: float,
    ) -> Pieces:
        """Add one: its middle (3,), its axes (2, 3), of which exemplar, and where there (2,)."""
        return replace(
            self,
            middles=np.concatenate([self.middles, middle[None]]),
            axes=np.concatenate([self.axes, axes[None]]),
            exemplars=np.append(self.exemplars, exemplar),
            places=np.concatenate([self.places, place[None]]),
            spans=np.append(self.spans, span),
        )

    def offset(self, points: NDArray[np.floating], middles: NDArray[np.float64]) -> NDArray[np.float64]:
        """Find how `points` (M, 3) lie from `middles` (M, 3), the shortest way: (M, 3)."""
        offset = points - middles
        if np.isfinite(self.period).any():
            offset[:, :2] -= self.period[:2] * np.round(offset[:, :2] / self.period[:2])
        return np.asarray(offset)

    def shown(self, images: list[Tensor], points: Floats, piece: Indices) -> NDArray[np.float32]:
        """Sample the colours (M, 3) of pieces `piece` (M,), of exemplars `images`, at `points` (M, 3)."""
        offset = self.offset(points, self.middles[piece])
        flat = flattened(offset, self.axes[piece]) / self.spans[piece, None]
        return sampled(images, self.exemplars[piece], flat + self.places[piece])


def no_pieces(period: NDArray[np.float64]) -> Pieces:
    """Begin with none, on what repeats after `period` (3,)."""
    nothing = np.zeros((0, 3))
    return Pieces(
        nothing, np.zeros((0, 2, 3)), np.zeros(0, int), np.zeros((0, 2)), np.zeros(0), np.asarray(period)
    )


def lines_of(image: Tensor) -> list[NDArray[np.float64]]:
    """Tell where the rows and columns of `image` (3, H, W) lie, in shorter sides: (H,) and (W,)."""
    return [(np.arange(length) + 0.5) / min(image.shape[1:]) for length in image.shape[1:]]


def sides_of(image: Tensor) -> NDArray[np.float64]:
    """Tell how wide and high `image` (3, H, W) is, in shorter sides: (2,)."""
    return np.array(image.shape[:0:-1]) / min(image.shape[1:])


def sampled(images: list[Tensor], which: Indices, where: NDArray[np.float64]) -> NDArray[np.float32]:
    """Sample images `which` (M,) at places (M, 2), in shorter sides: (M, 3); beyond their edges, mirrored."""
    found = np.empty((len(where), 3), np.float32)
    for k, image in enumerate(images):
        some = np.flatnonzero(which == k)
        if len(some):
            grid = torch.from_numpy((where[some] / sides_of(image) * 2 - 1).astype(np.float32))[None, None]
            seen = F.grid_sample(image[None], grid, padding_mode="reflection", align_corners=False)
            found[some] = seen[0, :, 0].T.numpy()
    return found
