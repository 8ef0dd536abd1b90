"""The maps of a whole material on disk, and the normals that a height makes."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..pictures.images import write_map
from ..protocol.files import HEIGHT_FILE, METALNESS_FILE, NORMAL_FILE, ROUGHNESS_FILE, numbered
from ..rendering.frames import corner_normals, corner_tangents
from ..rendering.mesh import Mesh
from ..rendering.texels import Texels, each_tile, fill_gutters, interpolate

FILES = {
    "roughness": ROUGHNESS_FILE,
    "metalness": METALNESS_FILE,
    "normal": NORMAL_FILE,
    "height": HEIGHT_FILE,
}


def write_maps(
    maps: Mapping[str, Tensor], size: int, folder: Path, deep: Sequence[Collection[str]] = ()
) -> None:
    """Write `maps` (1 or 3, N · size, size) in 0..1, by their names in FILES: of each texture a PNG.

    Heights have 16 bits, and so have those maps of a texture that are named in its part of `deep`; others
    have 8. Raises PatinaError if that cannot be done.
    """
    for name, values in maps.items():
        tiles = torch.split(values, size, 1)
        for index, tile in enumerate(tiles):
            is_deep = name == "height" or (len(deep) > index and name in deep[index])
            kind = np.uint16 if is_deep else np.uint8
            pixels = tile.clamp(0, 1).double() * np.iinfo(kind).max
            numbers = pixels.round().permute(1, 2, 0).numpy().astype(kind)
            write_map(numbers, folder / numbered(FILES[name], index, len(tiles)))


def normals_of(slopes: Tensor) -> Tensor:
    """Make a tangent-space normal map, green up, of the surface's `slopes` (2, H, W): (3, H, W) in 0..1."""
    normals = torch.cat([-slopes, torch.ones_like(slopes[:1])])
    return torch.nn.functional.normalize(normals, dim=0) / 2 + 0.5


def slopes_of(height: Tensor, mesh: Mesh, texels: Texels) -> Tensor:
    """Compute how a `height` (tiles · S, S), in the mesh's units, rises along tangent and bitangent.

    (2, tiles · S, S), by differences between texels of one island; gutters are filled.
    """
    used = texels.used
    along_u, along_v = (
        part[texels.used]
        for part in (_difference(height.numpy(), used, 2), -_difference(height.numpy(), used, 1))
    )
    normals = corner_normals(mesh)
    tangents = corner_tangents(mesh, normals)
    faces, weights = texels.faces, texels.barycentric
    tangent = interpolate(tangents[faces, :, :3], weights)
    tangent /= np.maximum(np.linalg.norm(tangent, axis=1, keepdims=True), 1e-12)
    bitangent = np.cross(interpolate(normals[faces], weights), tangent) * tangents[faces, 0, 3:]
    jacobians = mesh.uv_jacobians[faces]
    rise = jacobians[:, 0] * along_u[:, None] + jacobians[:, 1] * along_v[:, None]  # along the surface
    slopes = np.zeros((2, *used.shape), np.float32)
    slopes[:, used] = (rise * tangent).sum(1), (rise * bitangent).sum(1)
    return fill_gutters(torch.from_numpy(slopes), used)


def _difference(height: NDArray[np.float32], used: NDArray[np.bool_], axis: int) -> NDArray[np.float32]:
    """The derivative of `height` (tiles · S, S) along an axis of its tiles, for a texture of side 1."""
    values, inside = each_tile(height), each_tile(used)
    both = inside & np.roll(inside, -1, axis)
    both[:, -1 if axis == 1 else slice(None), -1 if axis == 2 else slice(None)] = (
        False  # no tile goes on there
    )
    steps = (np.roll(values, -1, axis) - values) * both
    count = both.astype(np.float32) + np.roll(both, 1, axis)
    found = (steps + np.roll(steps, 1, axis)) / np.maximum(count, 1) * height.shape[1]
    return np.asarray(found.reshape(height.shape), np.float32)
