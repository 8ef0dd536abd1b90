"""The textures of one job: read, masked and written. In between they lie one above the other.

So N textures of side S are one picture (C, N · S, S), and what is done to texels is done to all at once.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import distance_transform_edt
from torch import Tensor

from ..errors import PatinaError
from ..pictures.images import read_image, resize, save
from ..protocol.files import MASK_FILE, numbered
from ..protocol.job import Job
from ..rendering.mesh import Mesh
from ..rendering.texels import Texels, each_tile, interpolate, locate_in

GUTTER = 16  # texels beside an island that are painted as it is


def read_contents(job: Job, folder: Path) -> list[Tensor | None]:
    """Read the present base colour of each texture, (3, H, W) as it is on disk, or None."""
    return [
        None if tile.content is None else read_image(folder / tile.content, "content texture", "content")
        for tile in job.textures
    ]


def stacked(contents: list[Tensor | None], size: int, color: Tensor) -> Tensor:
    """Stack the contents at the textures' size, (3, N · size, size); `color` (3,) where there is none."""
    plain = color[:, None, None].expand(3, size, size)
    return torch.cat([plain if each is None else resize(each, size, size) for each in contents], 1)


def is_masked(job: Job, mesh: Mesh) -> bool:
    """Whether anything limits what is painted."""
    return mesh.weights is not None or any(tile.mask for tile in job.textures)


def read_masks(job: Job, folder: Path) -> list[Tensor | None]:
    """Read each texture's mask picture, (1, H, W), or None."""
    return [
        None if tile.mask is None else read_image(folder / tile.mask, "mask", "mask").mean(0, keepdim=True)
        for tile in job.textures
    ]


def read_drawn(job: Job, folder: Path, used: NDArray[np.bool_]) -> tuple[Tensor, Tensor] | None:
    """Read what the artist has drawn on the textures since an earlier job, and how far each texel is that.

    (3, N · S, S) and (1, N · S, S), the latter within the texels `used` (N · S, S) and GUTTER beside them;
    None where nothing is drawn.
    """
    size, colors, shares = job.texture_size, list[Tensor](), list[Tensor]()
    for tile in job.textures:
        if tile.drawn is None or tile.drawn_mask is None:
            colors.append(torch.zeros(3, size, size))
            shares.append(torch.zeros(1, size, size))
            continue
        colors.append(resize(read_image(folder / tile.drawn, "drawn picture", "drawn"), size, size))
        mask = read_image(folder / tile.drawn_mask, "mask of what is drawn", "drawn")
        shares.append(resize(mask.mean(0, keepdim=True), size, size))
    share = torch.cat(shares, 1)
    near = distance_transform_edt(~used) <= GUTTER if not used.all() else used
    share = share * torch.from_numpy(near)
    return (torch.cat(colors, 1), share) if bool(share.any()) else None


def add_drawn_to_masks(job: Job, folder: Path) -> None:
    """Have the whole masks that were written let show what the artist has drawn beside what they cover."""
    for k, tile in enumerate(job.textures):
        path = folder / numbered(MASK_FILE, k, len(job.textures))
        if tile.drawn_mask is not None and path.is_file():
            mask = read_image(path, "mask", "mask").mean(0, keepdim=True)
            drawn = read_image(folder / tile.drawn_mask, "mask of what is drawn", "drawn")
            both = torch.maximum(mask, resize(drawn.mean(0, keepdim=True), *mask.shape[1:]))
            save(Image.fromarray((both[0] * 255).round().byte().numpy()), path)


def mask_of(mesh: Mesh, texels: Texels, picture: Tensor | None) -> NDArray[np.float32]:
    """Compute how far each texel of one texture is painted, 0..1, by the mesh's weights and the picture.

    Up to GUTTER texels outside an island repeat its nearest texel, because bilinear reads cross the edge.
    """
    height, width = texels.used.shape
    mask = np.zeros((height, width), np.float32)
    mask[texels.used] = 1
    if mesh.weights is not None:
        corners = mesh.weights[texels.faces][..., None]
        mask[texels.used] = interpolate(corners, texels.barycentric)[:, 0].clip(0, 1)
    if picture is not None:
        mask *= resize(picture, height, width)[0].numpy()
    if texels.used.any() and not texels.used.all():
        distance, (rows, columns) = distance_transform_edt(~texels.used, return_indices=True)
        mask = np.where(distance <= GUTTER, mask[rows, columns], 0)
    return mask


def masked(mesh: Mesh, texels: Texels, masks: list[Tensor | None]) -> NDArray[np.float32]:
    """Compute `mask_of` every texture, (N · S, S). Raises PatinaError where nothing is left to paint."""
    used, start, found = each_tile(texels.used), 0, []
    for inside, picture in zip(used, masks, strict=True):
        end = start + int(inside.sum())
        arrays = (getattr(texels, name)[start:end] for name in ("faces", "points", "barycentric"))
        found.append(mask_of(mesh, Texels(inside, *arrays), picture))
        start = end
    mask = np.concatenate(found)
    if not mask[texels.used].any():
        raise PatinaError(
            "The mask leaves nothing to paint.",
            "Select faces, or paint the vertex group or the mask.",
            "mask",
        )
    return mask


def aims(mesh: Mesh, texels: Texels, mask: NDArray[np.float32]) -> NDArray[np.float32]:
    """Compute how far each face is painted, (F, 3), for views to aim by: its texels' mean, or its weights."""
    count = np.bincount(texels.faces, minlength=len(mesh.faces))
    total = np.bincount(texels.faces, mask[texels.used], minlength=len(mesh.faces))
    found = np.where(count > 0, total / np.maximum(count, 1), mesh.aims)
    return np.repeat(found.astype(np.float32)[:, None], 3, 1)


def write_masks(
    mesh: Mesh, contents: list[Tensor | None], masks: list[Tensor | None], size: int, folder: Path
) -> None:
    """Write each texture's mask at its content's own size, 8 bits; `size`² where there is none."""
    for k, (content, picture) in enumerate(zip(contents, masks, strict=True)):
        height, width = (size, size) if content is None else content.shape[1:]
        mask = mask_of(mesh, locate_in(mesh, height, width, k), picture)
        grey = Image.fromarray((mask * 255).round().astype(np.uint8))
        save(grey, folder / numbered(MASK_FILE, k, len(contents)))
