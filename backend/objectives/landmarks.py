"""Keeping landmarks: deep features all over a view, colours from afar where the original has contrast."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from .style import layer_mask, scaled_error

FULL_CONTRAST = 0.25  # root mean square difference from the mean colour around, that counts as full contrast
EMPHASIS = 16.0  # of features at full contrast, over those of a plain surface
NARROW_WINDOW, WIDE_WINDOW = 1 / 44, 1 / 25  # windows that contrast is looked for in, in widths of the style
AREAS = 28  # along a side of a whole view, the areas whose mean colours are kept
PLAIN_WEIGHT = 0.03  # of the colours of a plain surface, which may change
COLOR_WEIGHT = 400.0  # weight of mean colours beside that of features


@dataclass(frozen=True)
class Landmarks:
    """What is to be kept of a view."""

    features: Tensor  # (1, C, h, w) of a layer
    weights: Tensor  # (1, 1, h, w)
    colors: Tensor  # (1, 3, a, b): means of areas
    color_weights: Tensor  # (1, 1, a, b)
    unit: Tensor  # (): what the features' error is relative to, their root mean square


def landmarks_of(
    features: Tensor, image: Tensor, contrast: Tensor, mask: Tensor, areas: tuple[int, int] = (AREAS, AREAS)
) -> Landmarks:
    """Note what to keep of a view `image` (1, 3, H, W) with these `features` (1, C, h, w).

    contrast (1, 1, H, W): that of the original; mask (1, H, W): where the object is; areas: how many there
    are down and across, whose mean colours are kept.
    """
    size = (features.shape[2], features.shape[3])
    weights = layer_mask(mask, size, 0)[:, None] * (1 + EMPHASIS * F.adaptive_avg_pool2d(contrast, size))
    covered = F.adaptive_avg_pool2d(mask[:, None], areas)
    marked = PLAIN_WEIGHT * covered + F.adaptive_avg_pool2d(contrast, areas)
    colors = mean_colors(image, mask, areas)
    unit = features.float().square().mean().sqrt()
    return Landmarks(features.float(), weights, colors, marked / covered.sum().clamp_min(1), unit)


def landmark_error(features: Tensor, image: Tensor, mask: Tensor, kept: Landmarks) -> Tensor:
    """Measure how far a view has left what is kept (), without dimension; shapes as in `landmarks_of`."""
    difference = (features - kept.features) * kept.weights
    areas = kept.colors.shape[2], kept.colors.shape[3]
    shift = (mean_colors(image, mask, areas) - kept.colors).square().mean(1, keepdim=True)
    return (
        scaled_error(difference) / kept.unit.clamp_min(1e-6)
        + COLOR_WEIGHT * (shift * kept.color_weights).sum()
    )


def mean_colors(image: Tensor, mask: Tensor, areas: tuple[int, int]) -> Tensor:
    """Average the colours of `image` (1, 3, H, W) by `areas`, 0 outside `mask` (1, H, W): (1, 3, *areas)."""
    return F.adaptive_avg_pool2d(image * mask[:, None], areas)


def contrast_of(image: Tensor, mask: Tensor, style_width: float) -> Tensor:
    """(1, 1, H, W), 0..1: how much `image` (1, 3, H, W) varies around each pixel within `mask` (1, H, W).

    style_width: what the style's shorter side spans, in pixels; details of the size of strokes count.
    """
    inside, found = mask[:, None], torch.zeros_like(mask[:, None])
    for window in (NARROW_WINDOW, WIDE_WINDOW):
        side = min(max(3, 2 * round(window * style_width / 2) + 1), 2 * max(image.shape[2:]) + 1)
        area = _box_mean(inside, side).clamp_min(1e-6)
        mean, square = (_box_mean(part * inside, side) / area for part in (image, image.square()))
        variance = (square - mean.square()).clamp_min(0).sum(1, keepdim=True)
        found = torch.maximum(found, variance.sqrt())
    return (found / FULL_CONTRAST).clamp(max=1) * inside


def _box_mean(image: Tensor, side: int) -> Tensor:
    """Average `image` (B, C, H, W), 0 outside, over a square of `side` pixels, odd, around each pixel.

    Along one axis after the other: all at once, the cost would grow with the square of the side.
    """
    rows = F.avg_pool2d(image, (side, 1), 1, (side // 2, 0))
    return F.avg_pool2d(rows, (1, side), 1, (0, side // 2))
