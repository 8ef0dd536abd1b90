"""What the artist has drawn on a result since: where its image differs from the file that it came from."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import bpy
import numpy as np

from ...backend.errors import PatinaError
from ...backend.protocol.files import TEXTURE_FILE, numbered
from ...backend.protocol.parts import Tile
from . import image as images
from . import masks, memory, result
from .records import Member, Prepared
from .textures import Texture

CHANGED = 1.5 / 255  # a difference of values that no rounding makes


def write(
    obj: bpy.types.Object, member: Member, job: Prepared, key: str, earlier: tuple[Tile, ...], folder: Path
) -> dict[int, tuple[str, str]]:
    """Write into `folder` what is drawn on those textures of `job` that `obj`, its `member`, wears.

    Gives, by the texture's place in the job, the names of the picture, in sRGB, and of the mask that says
    where something is drawn, then or by what `earlier`, the job's textures, know. key: by which an image
    knows the job that it comes from. Raises PatinaError where an image cannot be read.
    """
    found = {}
    for place, texture in zip(member.tiles, member.textures, strict=True):
        image, file = _shown(obj, texture, job.folder.name, key), _loaded_from(job, place)
        if image is None or file is None:
            continue
        mask_before = earlier[place].drawn_mask
        with _alone(image, texture, folder) as alone:
            files = write_one(alone, file, job.folder / mask_before if mask_before else None, place, folder)
        if files:
            found[place] = files
    return found


def write_one(
    image: bpy.types.Image, file: Path, mask_before: Path | None, place: int, folder: Path
) -> tuple[str, str] | None:
    """Write into `folder` what is drawn on `image` since it was loaded from `file`, or before, as the mask of
    then says; the names of the picture and the new mask, by their `place`, or None."""
    now, space = images.srgb_of(image), image.colorspace_settings.name
    before = bpy.data.images.load(str(file), check_existing=False)
    try:
        before.colorspace_settings.name = space
        was = images.srgb_of(before)
    finally:
        bpy.data.images.remove(before)
    if was.shape != now.shape:  # the artist has scaled it: all is drawn
        was = np.full_like(now, -1.0)
    where = (np.abs(now - was).max(2) > CHANGED).astype(np.float32)
    if mask_before is not None:
        where = np.maximum(where, result.resized(masks.read(mask_before), where.shape[1], where.shape[0]))
    if not where.any():
        return None
    names = f"drawn_{place}.png", f"drawn_mask_{place}.png"
    images.write_png(now, folder / names[0])
    masks.write(where, folder / names[1])
    return names


def _shown(obj: bpy.types.Object, texture: Texture, job: str, key: str) -> bpy.types.Image | None:
    """Find the image by which `obj` shows the job's result in the slots of `texture`."""
    for slot in texture.slots or (0,):
        stylized = memory.stylized_material(obj, slot) if slot < len(obj.material_slots) else None
        for node in stylized.node_tree.nodes if stylized and stylized.node_tree else ():
            if node.type == "TEX_IMAGE" and node.image and node.image.get(key) == job:
                return node.image
    return None


def _loaded_from(job: Prepared, place: int) -> Path | None:
    """Find the file that was loaded for a texture: composed with the original, or as it was painted."""
    path = job.folder / numbered(TEXTURE_FILE, place, job.count)
    ends = ("_over.exr", "_over.png", "_alpha.png", ".png")
    return next((file for end in ends if (file := path.with_name(path.stem + end)).is_file()), None)


@contextmanager
def _alone(image: bpy.types.Image, texture: Texture, folder: Path) -> Iterator[bpy.types.Image]:
    """Take `image`, or the tile of it that `texture` is. Raises PatinaError for a tile that is not saved."""
    if not texture.udim:
        yield image
        return
    if not images.has_tile(image, texture.udim):
        raise PatinaError(
            f"What was drawn on the tiles of {image.name} is not saved.",
            "Save them first (Image > Save All Images).",
            image.name,
        )
    with images.tile(image, texture.udim, folder / "drawn.tile") as alone:
        yield alone
