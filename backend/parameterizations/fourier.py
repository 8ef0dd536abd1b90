"""Images as decorrelated spectra: Fourier space with 1/f scaling, and decorrelated colours.

Mordvintsev et al. 2018, "Differentiable Image Parameterizations"; Olah et al. 2017, "Feature
Visualization", section "Preconditioning". Equal steps on every parameter then change an image as
natural images vary, and the checkerboards of strided networks have no easy way in.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from ..pictures.color_space import decolor, recolor
from .pixel import logit

DEVIATION = 0.01  # of the spectrum at the start
CONTRAST = 4.0  # divides the image before the sigmoid, which so starts near grey


def frequency_scale(height: int, width: int) -> Tensor:
    """Scale frequencies f, in cycles a pixel: √(wh) / max(|f|, 1/max(w, h)), (H, W//2 + 1)."""
    rows, columns = torch.fft.fftfreq(height)[:, None], torch.fft.rfftfreq(width)[None]
    frequency = torch.sqrt(rows**2 + columns**2).clamp_min(1 / max(height, width))
    return math.sqrt(height * width) / frequency


class Fourier(nn.Module):
    """A batch of images as scaled spectra. Three channels are decorrelated colours; one is a plain value."""

    scale: Tensor

    def __init__(
        self,
        batch: int,
        channels: int,
        height: int,
        width: int,
        start: Tensor | None = None,
        knee: float | None = None,
    ) -> None:
        """start (B, C, H, W) in 0..1, or None for the article's N(0, .01) spectrum.

        knee: cycles a pixel beyond which waves move less still, falling with the cube of the frequency.
        """
        super().__init__()
        self.size, self.colored = (height, width), channels == 3
        scale = frequency_scale(height, width)
        if knee is not None:
            scale = scale / (1 + (math.sqrt(height * width) / scale / knee) ** 2)
        self.register_buffer("scale", scale, persistent=False)
        if start is None:
            spectrum = torch.randn(batch, channels, *self.scale.shape, 2) * DEVIATION
        else:
            raw = decolor(logit(start)) if self.colored else logit(start)
            spectrum = torch.view_as_real(torch.fft.rfft2(raw * CONTRAST) / self.scale)
        self.spectrum = nn.Parameter(spectrum)

    def raw(self) -> Tensor:
        """Compute (B, C, H, W) before colours and sigmoid; always float32, which the transform needs."""
        with torch.autocast(self.spectrum.device.type, enabled=False):
            spectrum = torch.view_as_complex(self.spectrum) * self.scale
            image: Tensor = torch.fft.irfft2(spectrum, s=self.size) / CONTRAST
            return image

    def forward(self) -> Tensor:
        """(B, C, H, W) in 0..1."""
        return (recolor(self.raw()) if self.colored else self.raw()).sigmoid()
