"""Gram style loss over many views of one surface.

Gatys, Ecker, Bethge 2015 (Gram matrices); Mordvintsev et al. 2018, "Differentiable Image
Parameterizations", section "Style transfer onto 3-D" (moving averages over views).
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

DECAY = 0.95
PARTS = 8


def gram(features: Tensor, mask: Tensor | None = None) -> Tensor:
    """(C, C) float32: mean outer product of `features` (B, C, H, W) over pixels.

    Pixels are weighted by `mask` (B, H, W), which may be all zero (then so is the result).
    """
    flat = features.permute(0, 2, 3, 1).flatten(0, 2)  # no copy where channels come last
    if mask is None:
        weights = torch.full_like(flat[:, :1], 1 / len(flat), dtype=torch.float32)
    else:
        weights = (mask / mask.sum().clamp_min(1e-6)).reshape(-1, 1)
    found: Tensor = _Gram.apply(flat, weights.float())  # type: ignore[no-untyped-call]
    return found


class _Gram(torch.autograd.Function):
    """Fᵀ diag(w) F of F (N, C) and w (N, 1), one product back. In bfloat16 where F is, else float32."""

    @staticmethod
    def forward(ctx: Any, flat: Tensor, weights: Tensor) -> Tensor:
        ctx.like = flat.dtype
        count = len(flat)
        with torch.autocast(flat.device.type, enabled=False):
            if flat.dtype != torch.bfloat16:
                flat = flat.float()
            weighted = flat * (weights * count).to(flat.dtype)  # of the order of F
            ctx.save_for_backward(weighted)
            if flat.dtype == torch.float32:
                return weighted.T @ flat / count
            # Sums of products are exact enough, but are rounded at the end: parts keep that error small.
            number = max(1, min(PARTS, count // flat.shape[1]))
            parts = zip(weighted.chunk(number), flat.chunk(number), strict=True)
            return torch.stack([(a.T @ b).float() for a, b in parts]).sum(0) / count

    @staticmethod
    def backward(ctx: Any, *outputs: Tensor) -> tuple[Tensor, None]:
        (weighted,) = ctx.saved_tensors
        with torch.autocast(weighted.device.type, enabled=False):
            both = (outputs[0] + outputs[0].T) / len(weighted)
            return (weighted @ both.to(weighted.dtype)).to(ctx.like), None


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
