"""Colour grading: a map of colours, as a lattice, that gives one picture another's palette."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from .palette import sliced_transport

NODES = 33  # of the lattice, along each channel
SMOOTHINGS = 2  # by 3 nodes a side: like colours stay alike
ROWS = 256  # of a picture at a time


def grade_of(colors: Tensor, palette: Tensor, random: np.random.Generator, nodes: int = NODES) -> Tensor:
    """Find what to add to each colour so that `colors` (3, N) are distributed as the `palette` (3, K) is.

    (3, NODES, NODES, NODES), red first. By sliced optimal transport, in which a lattice of `nodes` along each
    channel goes along: fewer are sooner done, and coarser.
    """
    axis = torch.linspace(0, 1, nodes)
    lattice = torch.stack(torch.meshgrid(axis, axis, axis, indexing="ij")).flatten(1)
    moved = sliced_transport(torch.cat([colors, lattice], 1), palette, random, colors.shape[1])
    shifts = (moved[:, colors.shape[1] :] - lattice).view(3, 1, nodes, nodes, nodes)
    shifts = F.interpolate(shifts, (NODES,) * 3, mode="trilinear", align_corners=True)
    for _ in range(SMOOTHINGS):
        shifts = F.avg_pool3d(F.pad(shifts, (1,) * 6, mode="replicate"), 3, 1)
    return shifts[:, 0]


def graded(image: Tensor, grade: Tensor) -> Tensor:
    """Add what a `grade` has for each colour of `image` (3, H, W), 0..1: (3, H, W), 0..1."""
    parts = []
    for rows in torch.split(image, ROWS, 1):
        where = (rows.flip(0) * 2 - 1).permute(1, 2, 0)[None, None]  # grid_sample takes blue, green, red
        shifts = F.grid_sample(grade[None], where, align_corners=True, padding_mode="border")[0, :, 0]
        parts.append((rows + shifts).clamp_(0, 1))
    return torch.cat(parts, 1)
