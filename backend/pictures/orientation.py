"""Which way strokes run in a picture: the structure tensor (Förstner and Gülch 1987; Jähne, ch. 13)."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from torch import Tensor

BLUR = 1.5  # pixels: finer is canvas and grain, not strokes
LUMINANCE = np.array([0.299, 0.587, 0.114])


def structure_tensor(image: Tensor) -> NDArray[np.float64]:
    """Compute outer products of the gradient (right, up) of the lightness of `image`: (H, W, 2, 2)."""
    grey = gaussian_filter(np.tensordot(LUMINANCE, image.double().numpy(), 1), BLUR)
    down, right = np.gradient(grey)
    gradient = np.stack([right, -down], -1)
    return np.asarray(gradient[..., :, None] * gradient[..., None, :])


def main_angle(tensor: NDArray[np.floating]) -> float:
    """Find the angle of strokes, counterclockwise from the right, -π/2..π/2, of a mean tensor (2, 2).

    Strokes run across the gradient's main axis.
    """
    angle = 0.5 * math.atan2(2 * tensor[0, 1], tensor[0, 0] - tensor[1, 1]) + math.pi / 2
    return (angle + math.pi / 2) % math.pi - math.pi / 2


def stroke_angle(styles: list[tuple[Tensor, float]]) -> float:
    """Find the angle that most strokes of the styles (3, H, W), with their weights, run at."""
    tensors = [(structure_tensor(image).mean((0, 1)), weight) for image, weight in styles]
    return main_angle(np.sum([tensor / max(np.trace(tensor), 1e-12) * w for tensor, w in tensors], axis=0))
