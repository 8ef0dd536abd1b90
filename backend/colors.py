"""Palettes: moving one set of colours onto another's mean and covariance."""

from __future__ import annotations

import torch
from torch import Tensor

MIN_VARIANCE = 0.06**2  # what is nearly one colour is moved, not stretched beyond the palette


def moments(colors: Tensor) -> tuple[Tensor, Tensor]:
    """Mean (3,) and covariance (3, 3), float64, of `colors` (N, 3)."""
    colors = colors.double()
    mean = colors.mean(0)
    centred = colors - mean
    return mean, centred.T @ centred / len(colors) + MIN_VARIANCE * torch.eye(3, dtype=torch.double)


def _root(matrix: Tensor) -> Tensor:
    values, vectors = torch.linalg.eigh(matrix)
    return (vectors * values.clamp_min(0).sqrt()) @ vectors.T


def transport(source: tuple[Tensor, Tensor], target: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    """The affine map x -> A x + b, optimal (Wasserstein-2) between two Gaussians: A (3, 3), b (3,), float32.

    Monge's closed form, A = S^-½ (S^½ T S^½)^½ S^-½; `source` and `target` are (mean, covariance).
    """
    root = _root(source[1])
    inverse = torch.linalg.inv(root)
    matrix = inverse @ _root(root @ target[1] @ root) @ inverse
    return matrix.float(), (target[0] - matrix @ source[0]).float()


def recolor(image: Tensor, transform: tuple[Tensor, Tensor]) -> Tensor:
    """`image` (3, H, W) through x -> A x + b, clamped to 0..1."""
    matrix, offset = transform
    return (torch.einsum("ij,jhw->ihw", matrix, image) + offset[:, None, None]).clamp(0, 1)


def clamp_to(image: Tensor, palette: Tensor) -> Tensor:
    """`image` (3, H, W) held within the range of `palette` (N, 3), along the palette's principal axes.

    The range is that of the middle 96 %: what an affine map throws beyond the palette comes back to it.
    """
    mean = palette.mean(0)
    axes = torch.linalg.eigh(torch.cov(palette.T)).eigenvectors
    inside = (palette - mean) @ axes
    low, high = torch.quantile(inside[:: max(1, len(inside) // 10_000)], torch.tensor([0.02, 0.98]), dim=0)
    held = ((image.flatten(1).T - mean) @ axes).clamp(low, high)
    return (held @ axes.T + mean).T.reshape(image.shape).clamp(0, 1)
