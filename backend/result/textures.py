"""Textures on disk: the result, and previews of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from ..pictures.images import to_bytes, write_image, write_map
from ..protocol.files import PREVIEW_FILE, TEXTURE_FILE, numbered

PREVIEW_SIDE = 512


def write_textures(texture: Tensor, size: int, folder: Path) -> list[str]:
    """Write each of (3, N · size, size) as a PNG, and give the files' names."""
    return _write_each(texture, size, folder / TEXTURE_FILE, write_image)


def write_previews(texture: Tensor, size: int, folder: Path) -> list[str]:
    """Write pictures of (3, N · size, size), already small, and give their names."""
    return _write_each(texture, size, folder / PREVIEW_FILE, write_preview)


def _write_each(texture: Tensor, size: int, path: Path, write: Callable[[Tensor, Path], None]) -> list[str]:
    tiles = torch.split(texture, size, 1)
    names = [numbered(path.name, k, len(tiles)) for k in range(len(tiles))]
    for tile, name in zip(tiles, names, strict=True):
        write(tile, path.with_name(name))
    return names


def write_preview(texture: Tensor, path: Path) -> None:
    """Write a small picture of `texture` (3, S, S), uncompressed: quick to write, and for Blender to read."""
    if texture.shape[-1] > PREVIEW_SIDE:
        texture = F.adaptive_avg_pool2d(texture, PREVIEW_SIDE)
    write_map(to_bytes(texture), path, level=0, lasting=False)
