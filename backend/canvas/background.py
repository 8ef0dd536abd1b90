"""Laying a half-transparent picture over a background, in linear light as lenses and renderers do."""

from __future__ import annotations

import torch
from torch import Tensor

from ..parameterizations.fourier import frequency_scale
from ..pictures.color_space import recolor


def smooth_noise(batch: int, height: int, width: int, random: torch.Generator, decay: float = 1.5) -> Tensor:
    """Draw noise with spectrum 1/f^decay, in natural colours, for backgrounds: (B, 3, H, W) sRGB in 0..1.

    Mordvintsev et al. 2018, section "Generating Semi-Transparent Patterns" (deviation .2, decay 1.5).
    """
    scale = frequency_scale(height, width)
    shape = batch, 3, *scale.shape, 2
    spectrum = torch.view_as_complex(torch.randn(shape, generator=random) * 0.2)
    frequency = (height * width) ** 0.5 / scale
    noise = torch.fft.irfft2(spectrum * (height * width) ** 0.5 / frequency**decay, s=(height, width))
    return recolor(noise / 4).sigmoid()


def random_background(height: int, width: int, random: torch.Generator) -> Tensor:
    """Draw what is behind an object, (3, H, W): half the time such noise, else one colour.

    Against one colour the silhouette tells what the object is; a dream must hold there too.
    """
    if torch.rand((), generator=random) < 0.5:
        return torch.rand(3, 1, 1, generator=random).expand(3, height, width)
    return smooth_noise(1, height, width, random)[0]
