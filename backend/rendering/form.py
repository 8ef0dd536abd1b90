"""What is to be kept of objects: their textures, and what their form looks like where they have none."""

from __future__ import annotations

import torch
from torch import Tensor

from .mesh import Mesh
from .shape import shading
from .texels import Texels, fill_gutters

PLAIN_SPREAD = 1 / 255  # a texture whose colours spread less is a colour


def kept_of(
    contents: list[Tensor | None], base: Tensor, mesh: Mesh, texels: Texels, follow: float | None
) -> Tensor | None:
    """Light `base` by `shading`, as far as `follow` says, 0..1: (3, tiles · S, S).

    contents: each texture's own (3, H, W), or None; base (3, tiles · S, S): these at the textures' size.
    Where there is none, the light itself in grey. follow None: all the way where there is no texture, or
    one of a single colour, else not at all. None: there is nothing to keep.
    """
    shares = [float(is_plain(content)) if follow is None else follow for content in contents]
    if not any(shares):
        return base if any(content is not None for content in contents) else None
    light = fill_gutters(shading(mesh, texels)[None], texels.used)
    mean = light[:, torch.from_numpy(texels.used)].mean()
    size, found = base.shape[2], base.clone()
    for index, (content, share) in enumerate(zip(contents, shares, strict=True)):
        rows = slice(index * size, (index + 1) * size)
        if content is not None:
            found[:, rows] *= 1 - share * (1 - light[:, rows])
        elif share:
            found[:, rows] = mean.lerp(light[:, rows], share)
    return found


def is_plain(content: Tensor | None) -> bool:
    """Whether a texture (3, H, W) shows nothing but one colour, or is not there."""
    return content is None or float(content.flatten(1).std(1).max()) < PLAIN_SPREAD
