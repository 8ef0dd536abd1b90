"""The curve of sRGB (IEC 61966-2-1). NumPy only: the add-on uses it inside Blender."""

from __future__ import annotations

import numpy as np

from .arrays import Floats


def to_linear(srgb: Floats) -> Floats:
    """Convert sRGB in 0..1 to linear light, any shape."""
    return np.where(srgb <= 0.04045, srgb / 12.92, ((np.maximum(srgb, 0) + 0.055) / 1.055) ** 2.4)


def from_linear(linear: Floats) -> Floats:
    """Convert linear light to sRGB, both clipped to 0..1, any shape."""
    linear = np.clip(linear, 0, 1)
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
