"""Textures on disk: the result, and previews of it."""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from ..pictures.images import write_image
from ..protocol import PREVIEW_FILE, TEXTURE_FILE, numbered

PREVIEW_SIDE = 512


def write_textures(texture: Tensor, size: int, folder: Path) -> list[str]:
    """Write each of (3, N · size, size) as a PNG, and give the files' names."""
    tiles = torch.split(texture, size, 1)
    names = [numbered(TEXTURE_FILE, k, len(tiles)) for k in range(len(tiles))]
    for tile, name in zip(tiles, names, strict=True):
        write_image(tile, folder / name)
    return names


def write_previews(texture: Tensor, size: int, folder: Path) -> list[str]:
    """Write pictures of (3, N · size, size), already small, and give their names."""
    tiles = torch.split(texture, size, 1)
    names = [numbered(PREVIEW_FILE, k, len(tiles)) for k in range(len(tiles))]
    for tile, name in zip(tiles, names, strict=True):
        write_preview(tile, folder / name)
    return names


def write_preview(texture: Tensor, path: Path) -> None:
    """Write a small picture of `texture` (3, S, S), uncompressed: to compress it takes as long again."""
    if texture.shape[-1] > PREVIEW_SIDE:
        texture = F.adaptive_avg_pool2d(texture, PREVIEW_SIDE)
    write_image(texture, path, compress_level=0, lasting=False)
