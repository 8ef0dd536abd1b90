"""Palettes: moving one set of colours onto another's mean and covariance."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from scipy.spatial import cKDTree
from torch import Tensor

MIN_VARIANCE = 0.06**2  # what is nearly one colour is moved, not stretched beyond the palette
TABLE = 25  # colours a side of the look-up table
NEIGHBOURS = 24


def moments(colors: Tensor) -> tuple[Tensor, Tensor]:
    """Mean (3,) and covariance (3, 3), float64, of `colors` (N, 3)."""
    colors = colors.double()
    mean = colors.mean(0)
    centred = colors - mean
    return mean, centred.T @ centred / len(colors) + MIN_VARIANCE * torch.eye(3, dtype=torch.double)


def _root(matrix: Tensor) -> Tensor:
    values, vectors = torch.linalg.eigh(matrix)
    root: Tensor = (vectors * values.clamp_min(0).sqrt()) @ vectors.T
    return root


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


def snap(image: Tensor, palette: Tensor) -> Tensor:
    """`image` (3, H, W) with each colour moved to the mean of its NEIGHBOURS nearest in `palette` (N, 3).

    What an affine map throws beyond a palette comes back to colours that it really has. Through a
    table of TABLE³ colours, read trilinearly.
    """
    axis = torch.linspace(0, 1, TABLE)
    grid = torch.stack(torch.meshgrid(axis, axis, axis, indexing="ij"), -1).reshape(-1, 3)
    _, nearest = cKDTree(palette.numpy()).query(grid.numpy(), k=min(NEIGHBOURS, len(palette)))
    table = palette[torch.from_numpy(nearest).reshape(len(grid), -1)].mean(1)
    volume = table.T.reshape(1, 3, TABLE, TABLE, TABLE)  # (B, C, red, green, blue)
    where = (image.permute(1, 2, 0).flip(-1) * 2 - 1)[None, None]  # grid_sample takes blue, green, red
    return F.grid_sample(volume, where, align_corners=True)[0, :, 0]
