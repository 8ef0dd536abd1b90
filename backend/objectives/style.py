"""Statistics of features over many views of one surface.

Gatys, Ecker, Bethge 2015 (Gram matrices); Mordvintsev et al. 2018, "Differentiable Image
Parameterizations", section "Style transfer onto 3-D" (moving averages over views).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

DECAY = 0.95
PARTS = 8


@dataclass(frozen=True)
class Moments:
    """Of weighted features, C channels each, all float32.

    product (K, K): the mean outer product along K axes, or of the channels; mean (C,); square (): the mean
    squared length.
    """

    product: Tensor
    mean: Tensor
    square: Tensor


def gram(features: Tensor, mask: Tensor | None = None) -> Tensor:
    """(C, C) float32: mean outer product of `features` (B, C, H, W) over pixels.

    Pixels are weighted by `mask` (B, H, W), which may be all zero (then so is the result).
    """
    return moments(features, mask).product


def moments(
    features: Tensor, mask: Tensor | None = None, axes: Tensor | None = None, stride: int = 1
) -> Moments:
    """The moments of `features` (B, C, H, W), weighted by `mask` (B, H, W), `product` along `axes` (C, K).

    With `stride` only of every second, third, … place, from a random one on. Float32; products are made in
    bfloat16 where the features are.
    """
    y, x = torch.randint(stride, (2,)).tolist() if stride > 1 else (0, 0)
    if mask is None:
        mask = torch.ones_like(features[:, 0], dtype=torch.float32)
    found: tuple[Tensor, ...] = _Moments.apply(features, mask, axes, (y, x), stride)  # type: ignore[no-untyped-call]
    return Moments(*found)


class _Moments(torch.autograd.Function):
    """Three sums over the same features; their gradient is one pass, laid out as convolutions like it."""

    @staticmethod
    def forward(
        ctx: Any, features: Tensor, mask: Tensor, axes: Tensor | None, corner: tuple[int, int], stride: int
    ) -> tuple[Tensor, Tensor, Tensor]:
        kind = torch.bfloat16 if features.dtype == torch.bfloat16 else torch.float32
        places = (slice(None), slice(corner[0], None, stride), slice(corner[1], None, stride))
        with torch.autocast(features.device.type, enabled=False):
            weights = mask[places].float()
            weights = weights / weights.sum().clamp_min(1e-6)
            count = weights.numel()
            root = (weights * count).sqrt().to(kind).reshape(-1, 1)  # so weighted, features keep their size
            scaled = features.permute(0, 2, 3, 1)[places].to(kind).flatten(0, 2) * root
            axes = None if axes is None else axes.to(kind)
            along = scaled if axes is None else scaled @ axes
            # Sums of products are exact enough, but are rounded at the end: parts keep that error small.
            number = 1 if kind == torch.float32 else max(1, min(PARTS, count // along.shape[1]))
            even = count // number * number
            parts, left = along[:even].view(number, -1, along.shape[1]), along[even:]
            product = (parts.mT @ parts).sum(0, dtype=torch.float32)
            if len(left):
                product += left.T @ left
            product /= count
            mean = (scaled * root).sum(0, dtype=torch.float32) / count
            square = torch.linalg.vector_norm(scaled, dtype=torch.float32).square() / count
        ctx.save_for_backward(scaled, along, root, axes)
        ctx.shape, ctx.like, ctx.places, ctx.thin = features.shape, features.dtype, places, weights.shape
        return product, mean, square

    @staticmethod
    def backward(ctx: Any, *outputs: Tensor) -> tuple[Tensor, None, None, None, None]:
        scaled, along, root, axes = ctx.saved_tensors
        product, mean, square = outputs
        with torch.autocast(scaled.device.type, enabled=False):
            both, kind = (product + product.T) / len(scaled), scaled.dtype
            back = both.to(kind) if axes is None else both.to(kind) @ axes.T
            found = along @ back
            found.addcmul_(scaled, (2 * square / len(scaled)).to(kind))
            found += root * (mean / len(scaled)).to(kind)
            found *= root
            found = found.to(ctx.like).view(*ctx.thin, -1)
            if ctx.places[1].step > 1:
                batch, channels, height, width = ctx.shape
                whole = found.new_zeros(batch, height, width, channels)
                whole[ctx.places] = found
                found = whole
        return found.permute(0, 3, 1, 2), None, None, None, None


def relative_error(a: Tensor, b: Tensor) -> Tensor:
    """‖a − b‖² / ‖b‖²: comparable between layers and networks."""
    return (a - b).square().sum() / b.square().sum().clamp_min(1e-12)


class MovingAverage:
    """Zero-debiased exponential average whose gradient is that of the newest value (Distill 2018)."""

    def __init__(self, decay: float = DECAY) -> None:
        self.decay, self.sum = decay, torch.zeros(())
        self.weight: Tensor | float = 0.0

    def __call__(self, value: Tensor, shown: Tensor | float = 1.0) -> Tensor:
        """The average with `value` taken in, unless `shown` is 0; backward sees `value` alone."""
        share = (1 - self.decay) * shown
        self.weight = (1 - share) * self.weight + share
        self.sum = (1 - share) * self.sum + share * value.detach()
        return value + (self.sum / (self.weight + 1e-12) - value).detach()


def layer_mask(mask: Tensor, size: tuple[int, int], reach: int) -> Tensor:
    """`mask` (B, H, W) 0..1 for a layer of `size`: shrunk by `reach` pixels of the view, then averaged down.

    Features that see across the silhouette must not count; `reach` is about half the receptive field.
    """
    holes, side = 1 - mask[:, None], 2 * reach + 1
    if reach:  # the largest along columns, then along rows: the same as in the square, and far cheaper
        holes = F.max_pool2d(F.max_pool2d(holes, (side, 1), 1, (reach, 0)), (1, side), 1, (0, reach))
    return F.adaptive_avg_pool2d(1 - holes, size)[:, 0]
