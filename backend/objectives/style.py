"""Statistics of features over many views of one surface.

Gatys, Ecker, Bethge 2015 (Gram matrices); Mordvintsev et al. 2018, "Differentiable Image
Parameterizations", section "Style transfer onto 3-D" (moving averages over views).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

DECAY = 0.9  # of the average, a step
MAX_PARTS = 8  # that a sum of products in bfloat16 is made of

# Of a layer: features (1, C, H, W) of each image, with shares that sum to 1.
Samples = list[tuple[Tensor, float]]
# Features (B, C, h, w) and weights (B, h, w) of some layers → the sum of their losses ().
Loss = Callable[[list[Tensor], list[Tensor]], Tensor]


def gram(features: Tensor, mask: Tensor | None = None) -> Tensor:
    """Compute the mean outer product of `features` (B, C, H, W) over pixels: (C, C) float32.

    Pixels are weighted by `mask` (B, H, W), which may be all zero (then so is the result). Products are
    made in bfloat16 where the features are.
    """
    if mask is None:
        mask = torch.ones_like(features[:, 0])
    found: Tensor = _Gram.apply(features, mask)  # type: ignore[no-untyped-call]
    return found


class _Gram(torch.autograd.Function):
    """A weighted product of features with themselves; its gradient is one product, autograd has two."""

    @staticmethod
    def forward(ctx: Any, features: Tensor, mask: Tensor) -> Tensor:
        kind = torch.bfloat16 if features.dtype == torch.bfloat16 else torch.float32
        with torch.autocast(features.device.type, enabled=False):
            flat = features.permute(0, 2, 3, 1).to(kind).flatten(0, 2)
            weights = mask.to(kind).reshape(-1, 1)
            weighted, weight = flat * weights, weights.sum(dtype=torch.float32).clamp_min(1e-6)
            product = summed_product(flat, weighted) / weight
        ctx.save_for_backward(weighted, weight)
        ctx.shape, ctx.like = features.shape, features.dtype
        return product

    @staticmethod
    def backward(ctx: Any, *outputs: Tensor) -> tuple[Tensor, None]:
        weighted, weight = ctx.saved_tensors
        batch, _, height, width = ctx.shape
        with torch.autocast(weighted.device.type, enabled=False):
            found = weighted @ ((outputs[0] + outputs[0].T) / weight).to(weighted.dtype)
        return found.to(ctx.like).view(batch, height, width, -1).permute(0, 3, 1, 2), None


def summed_product(a: Tensor, b: Tensor) -> Tensor:
    """Sum the outer products of the rows of `a` (N, I) and `b` (N, J): (I, J) float32.

    A sum in bfloat16 is exact enough inside, but is rounded at the end: sums of parts keep that error small.
    """
    count = len(a)
    number = 1 if a.dtype == torch.float32 else max(1, min(MAX_PARTS, count // a.shape[1]))
    even = count // number * number
    first, second = (values[:even].view(number, -1, values.shape[1]) for values in (a, b))
    total = (first.mT @ second).sum(0, dtype=torch.float32)
    return total + a[even:].T @ b[even:] if even < count else total


def mixed(values: list[tuple[Tensor, float]]) -> Tensor:
    """Add up `values`, each times its share."""
    return torch.stack([value * share for value, share in values]).sum(0)


def subsample(features: Tensor, stride: int, corner: tuple[int, int]) -> Tensor:
    """Take every `stride`-th row and column of `features` (B, C, H, W), from `corner` on: (B, C, h, w)."""
    if stride == 1:
        return features
    found: Tensor = _Subsample.apply(features, stride, corner)  # type: ignore[no-untyped-call]
    return found


class _Subsample(torch.autograd.Function):
    """A slice whose gradient is laid out as convolutions like it, in memory that autograd may add to."""

    @staticmethod
    def forward(ctx: Any, features: Tensor, stride: int, corner: tuple[int, int]) -> Tensor:
        ctx.shape, ctx.places = features.shape, (..., *(slice(start, None, stride) for start in corner))
        return features[ctx.places].contiguous(memory_format=torch.channels_last)

    @staticmethod
    def backward(ctx: Any, *outputs: Tensor) -> tuple[Tensor, None, None]:
        (found,) = outputs
        whole = torch.empty(
            ctx.shape, dtype=found.dtype, device=found.device, memory_format=torch.channels_last
        ).zero_()
        whole[ctx.places] = found
        return whole, None, None


def relative_error(a: Tensor, b: Tensor) -> Tensor:
    """Compute ‖a − b‖² / ‖b‖² (), which can be compared between layers and networks."""
    return (a - b).square().sum() / b.square().sum().clamp_min(1e-12)


def scaled_error(difference: Tensor) -> Tensor:
    """Compute Σd² / Σ|d| (), the mean of |d| weighted by |d|: its gradient does not fade as the error does.

    From style-transfer-pytorch (Crowson 2021): its `ScaledMSELoss`.
    """
    return difference.square().sum() / difference.abs().sum().clamp_min(1e-12)


class MovingAverage:
    """Zero-debiased exponential average whose gradient is that of the newest value (Distill 2018)."""

    def __init__(self, decay: float = DECAY) -> None:
        self.decay, self.sum = decay, torch.zeros(())
        self.weight: Tensor | float = 0.0

    def __call__(self, value: Tensor, shown: Tensor | float = 1.0) -> Tensor:
        """Take `value` into the average, unless `shown` is 0, and give that; backward sees `value` alone.

        A value that is no number would stay in the average for ever, and is not taken in.
        """
        sound = value.detach().isfinite().all()
        share = (1 - self.decay) * shown * sound
        self.weight = (1 - share) * self.weight + share
        self.sum = torch.where(sound, (1 - share) * self.sum + share * value.detach(), self.sum)
        return value + (self.sum / (self.weight + 1e-12) - value).detach()


def layer_mask(mask: Tensor, size: tuple[int, int], erosion: int) -> Tensor:
    """Scale `mask` (B, H, W), 0..1, to a layer's `size`, eroded by `erosion` of its own pixels before.

    Features that see across the silhouette must not count: `erosion` is about half the receptive field.
    """
    holes = 1 - mask
    if erosion:
        holes = _dilate(_dilate(holes, erosion, 1), erosion, 2)
    return F.adaptive_avg_pool2d(1 - holes, size)


def _dilate(image: Tensor, radius: int, along: int) -> Tensor:
    """Take the maximum of `image` (B, H, W), not negative, within `radius` along an axis.

    By windows of 1, 2, 4, … pixels, so that it costs the logarithm of the radius.
    """
    margins = [radius, radius] if along == 2 else [0, 0, radius, radius]
    image, width = F.pad(image, margins), 1
    while width < 2 * radius + 1:
        step = min(width, 2 * radius + 1 - width)
        rest = image.shape[along] - step
        image = torch.maximum(image.narrow(along, 0, rest), image.narrow(along, step, rest))
        width += step
    return image
