"""Random changes that a picture must survive: jitter, scale, rotation, zoom.

Olah et al. 2017, "Feature Visualization", and the settings of Mordvintsev et al. 2018. Without
them networks are happiest with high-frequency noise. On a mesh the random camera does the same.
All images of a batch go through the same one, so that what belongs together stays aligned.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor
from torchvision.transforms.functional import InterpolationMode, affine

PAD = 12
GREY = 0.5
NOISE = 0.15  # of colours in 0..1
OCTAVES, OCTAVE_RATIO = 4, 1.4  # of DeepDream

# (images (B, C, H, W), progress of the job 0..1, random) → views of them
Transform = Callable[[Tensor, float, torch.Generator], Tensor]


def _whole(low: int, high: int, random: torch.Generator) -> int:
    return int(torch.randint(low, high + 1, (), generator=random))


def _uniform(low: float, high: float, random: torch.Generator) -> float:
    return low + (high - low) * float(torch.rand((), generator=random))


def jitter(images: Tensor, count: int, random: torch.Generator) -> Tensor:
    """Cut `count` pixels off both sizes, at a random place."""
    top, left = _whole(0, count, random), _whole(0, count, random)
    return images[..., top : images.shape[-2] - count + top, left : images.shape[-1] - count + left]


def piece(images: Tensor, side: int, random: torch.Generator) -> Tensor:
    """Cut out a random piece, no more than `side` pixels a side."""
    height, width = images.shape[-2:]
    top, left = _whole(0, max(0, height - side), random), _whole(0, max(0, width - side), random)
    return images[..., top : top + side, left : left + side]


def robust(images: Tensor, progress: float, random: torch.Generator) -> Tensor:
    """Pad, jitter by 8, scale by 0.9…1.1, rotate by ±10°, jitter by 4, as in the article.

    Gives (B, C, H + 12, W + 12).
    """
    padded = F.pad(images, (PAD, PAD, PAD, PAD), value=GREY)
    jittered = jitter(padded, 8, random)
    # −10…10 in whole degrees, with as many zeros again: half of the views stay upright.
    angle = _whole(-10, 10, random) if _whole(0, 1, random) else 0
    scale = 0.9 + 0.02 * _whole(0, 10, random)
    turned = affine(
        jittered, angle, [0, 0], scale, [0.0, 0.0], InterpolationMode.BILINEAR, fill=[GREY] * images.shape[1]
    )
    return jitter(turned, 4, random)


def zoomed(images: Tensor, progress: float, random: torch.Generator) -> Tensor:
    """Zoom into a random window of 35 to 110 % of the side, turned by up to 15°, with noise; same size.

    A classifier that must find its class in the whole and in parts, and through noise, cannot do with
    faint patterns that it alone sees: it paints shapes that another network, and a person, knows too.
    """
    share, angle = _uniform(0.35, 1.1, random), math.radians(_uniform(-15, 15, random))
    margin = max(1 - share, 0.05)
    x, y = _uniform(-margin, margin, random), _uniform(-margin, margin, random)
    height, width = images.shape[-2:]
    cosine, sine, aspect = share * math.cos(angle), share * math.sin(angle), width / height
    window = torch.tensor([[cosine, -sine / aspect, x], [sine * aspect, cosine, y]], device=images.device)
    grid = F.affine_grid(window.expand(len(images), 2, 3), list(images.shape), align_corners=False)
    return noisy(F.grid_sample(images, grid, padding_mode="reflection", align_corners=False), random)


def noisy(images: Tensor, random: torch.Generator) -> Tensor:
    """Add normal noise of deviation NOISE, the same to the whole batch."""
    noise = torch.randn(images.shape[1:], generator=random) * NOISE
    return images + noise.to(images.device)


def octave(images: Tensor, progress: float, random: torch.Generator) -> Tensor:
    """Resize to one of DeepDream's octaves, coarse to fine as the job goes on, shifted by up to 1/32."""
    factor = OCTAVE_RATIO ** -(OCTAVES - 1 - min(int(progress * OCTAVES), OCTAVES - 1))
    if factor < 1:
        images = F.interpolate(images, scale_factor=factor, mode="bilinear", antialias=True)
    return jitter(images, min(images.shape[-2:]) // 32, random)


def shifted(images: Tensor, progress: float, random: torch.Generator) -> Tensor:
    """Cut up to 8 pixels off each size, so that no grid of the network's strides can settle."""
    return jitter(images, 8, random)


def rolled(images: Tensor, progress: float, random: torch.Generator) -> Tensor:
    """Roll by a random cyclic shift, and add at every side a quarter of what comes round: for tiles.

    No side of the picture is ever at a border of the view.
    """
    height, width = images.shape[-2:]
    moved = images.roll((_whole(0, height - 1, random), _whole(0, width - 1, random)), (-2, -1))
    return F.pad(moved, (width // 4, width // 4, height // 4, height // 4), mode="circular")
