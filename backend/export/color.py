"""sRGB, CIELAB and a soft proof for colour printing. NumPy only: the add-on uses it inside Blender."""

from __future__ import annotations

import numpy as np

from ..models.arrays import Floats, Mask
from ..models.srgb import from_linear, to_linear

# IEC 61966-2-1: linear sRGB to XYZ, D65. White is what (1, 1, 1) becomes, so that grey has no chroma.
_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
_WHITE = _XYZ.sum(axis=1)

# The soft proof's gamut: what full-colour powder and inkjet printers roughly reach (docs/export.md).
BLACK, WHITE = 22.0, 92.0  # L* of the darkest and the lightest print
_CHROMA, _MIDDLE, _HALF_HEIGHT = 62.0, 57.0, 40.0  # an ellipse in the (L*, C*) plane
_KNEE = 0.7  # the share of the largest chroma that prints unchanged


def to_lab(srgb: Floats) -> Floats:
    """Convert sRGB (..., 3) in 0..1 to CIELAB under D65."""
    ratio = to_linear(np.asarray(srgb, float)) @ _XYZ.T / _WHITE
    f = np.where(ratio > (6 / 29) ** 3, np.cbrt(ratio), ratio * (29 / 6) ** 2 / 3 + 4 / 29)
    x, y, z = f[..., 0], f[..., 1], f[..., 2]
    return np.stack((116 * y - 16, 500 * (x - y), 200 * (y - z)), -1)


def from_lab(lab: Floats) -> Floats:
    """Convert CIELAB (..., 3) to sRGB in 0..1, clipped to what sRGB holds."""
    y = (lab[..., 0] + 16) / 116
    f = np.stack((y + lab[..., 1] / 500, y, y - lab[..., 2] / 200), -1)
    ratio = np.where(f > 6 / 29, f**3, (f - 4 / 29) * 3 * (6 / 29) ** 2)
    return from_linear(ratio * _WHITE @ np.linalg.inv(_XYZ).T)


def delta_e(a: Floats, b: Floats) -> Floats:
    """Compute the CIE 1976 colour difference of two sRGB arrays (..., 3): about 2.3 is just noticeable."""
    return np.asarray(np.linalg.norm(to_lab(a) - to_lab(b), axis=-1))


def _print_lightness_and_limit(lab: Floats) -> tuple[Floats, Floats]:
    lightness = BLACK + (WHITE - BLACK) * np.clip(lab[..., 0], 0, 100) / 100
    limit = _CHROMA * np.sqrt(1 - ((lightness - _MIDDLE) / _HALF_HEIGHT) ** 2)
    return lightness, limit


def soft_proof(srgb: Floats) -> Floats:
    """Show how sRGB colours (..., 3) in 0..1 may look in print.

    Lightness is mapped linearly onto BLACK..WHITE; hue is kept; chroma above 0.7 of what the ellipse
    allows at that lightness is bent towards the limit, which it never passes.
    """
    lab = to_lab(srgb)
    lightness, limit = _print_lightness_and_limit(lab)
    chroma = np.hypot(lab[..., 1], lab[..., 2])
    knee = _KNEE * limit
    over = np.maximum(chroma - knee, 0)
    printed = np.minimum(chroma, knee) + (limit - knee) * -np.expm1(-over / (limit - knee))
    scale = printed / np.maximum(chroma, 1e-9)
    return from_lab(np.stack((lightness, lab[..., 1] * scale, lab[..., 2] * scale), -1))


def out_of_gamut(srgb: Floats) -> Mask:
    """Tell which colours (..., 3) have more chroma than print reaches at their lightness: (...)."""
    lab = to_lab(srgb)
    _, limit = _print_lightness_and_limit(lab)
    return np.asarray(np.hypot(lab[..., 1], lab[..., 2]) > limit)
