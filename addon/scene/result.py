"""A job's texture files → packed Blender images, and the object that shows them.

A result that leaves part of the artist's texture as it was (a mask) is composed at the size, in the
colour space and at the depth of the artist's own; there, what the mask leaves alone is the original
bit for bit. Otherwise the result is the painted file, with the original's alpha.
"""

from __future__ import annotations

import glob
from collections.abc import Mapping, Sequence
from pathlib import Path

import bpy
import numpy as np

from ...backend.errors import PatinaError
from ...backend.writing import make_way
from . import colorspace, material, split
from . import image as images
from .textures import Texture


def show(
    obj: bpy.types.Object,
    textures: Sequence[Texture],
    files: Sequence[Path],
    masks: Mapping[int, np.ndarray] | None = None,
) -> list[bpy.types.Image]:
    """Show the painted `files` of `textures` on `obj`, in copies of its materials; the new images.

    `masks` gives textures, by their place in the list, a mask (H, W) in 0..1, bottom row first: 0
    where the original stays. Raises PatinaError, and then changes nothing.
    """
    material.check_paintable(obj)
    missing = next((file for file in files if not file.is_file()), None)
    if missing:
        raise PatinaError(
            f"The backend left no texture for {obj.name} in {missing.parent}.", "Stylize again.", obj.name
        )
    groups: dict[tuple[tuple[int, ...], str | None], list[int]] = {}
    for index, texture in enumerate(textures):
        groups.setdefault((texture.slots, texture.uv_map), []).append(index)
    shown: dict[int, tuple[bpy.types.Image, str | None]] = {}
    made: list[bpy.types.Image] = []
    try:
        for (slots, uv_map), members in groups.items():
            name = _name(obj, textures[members[0]], len(groups))
            made.append(_load(members, textures, files, name, masks or {}))
            shown |= dict.fromkeys(slots, (made[-1], uv_map))
    except BaseException:
        for image in made:
            bpy.data.images.remove(image)
        raise
    if len(groups) == 1:  # slots that no face has, too
        shown = dict.fromkeys(range(max(1, len(obj.material_slots))), next(iter(shown.values())))
    split.remove(obj)
    material.show_images(obj, shown)
    return made


def _name(obj: bpy.types.Object, texture: Texture, groups: int) -> str:
    name = obj.name
    if groups > 1:
        name += " " + (Path(texture.image).stem or f"Slot {texture.slots[0] + 1}")
    return name + material.SUFFIX


def _load(
    members: Sequence[int],
    textures: Sequence[Texture],
    files: Sequence[Path],
    name: str,
    masks: Mapping[int, np.ndarray],
) -> bpy.types.Image:
    """One image of the files of `members`: a plain one, or one with UDIM tiles."""
    made: list[tuple[int, Path, str | None]] = []
    for index in members:
        texture, file = textures[index], files[index]
        original = images.find(texture.image, texture.image_uid)
        space = colorspace.SRGB
        if original and texture.udim and images.has_tile(original, texture.udim):
            with images.tile(original, texture.udim, file.with_suffix(".tile")) as alone:
                file, space = composed(alone, file, masks.get(index))
        elif original and not texture.udim:
            file, space = composed(original, file, masks.get(index))
        made.append((texture.udim, file, space))
    if not made[0][0]:
        return load_packed(made[0][1], name, made[0][2])
    return load_tiles({udim: file for udim, file, _ in made}, name, made[0][2])


def composed(original: bpy.types.Image, painted: Path, mask: np.ndarray | None) -> tuple[Path, str | None]:
    """Write a file of `painted` (a PNG in sRGB) over `original`.

    Gives it, and its colour space (None: as Blender takes it).
    With a `mask` (H, W) in 0..1, bottom row first: original · (1 - mask) + painted · mask, at the
    original's size; where it is 0, all texels are the original's. Without one, the painted file
    itself, or, where the original has alpha, one with that alpha at the painted size.
    """
    try:
        before = images.read_pixels(original)
    except PatinaError:
        if mask is None:  # its file is gone since: then there is no alpha to keep
            return painted, colorspace.SRGB
        raise
    if mask is not None:
        return _over(original, before, painted, mask)
    if before.shape[2] < 4 or (before[..., 3] >= 1).all():
        return painted, colorspace.SRGB
    paint = _read(painted)
    height, width = paint.shape[:2]
    alpha = resized(before[..., 3], width, height)
    file = painted.with_name(f"{painted.stem}_alpha.png")
    images.write_png(np.concatenate((paint, alpha[..., None]), axis=2), file)
    return file, colorspace.SRGB


def _over(
    original: bpy.types.Image, before: np.ndarray, painted: Path, mask: np.ndarray
) -> tuple[Path, str | None]:
    height, width = before.shape[:2]
    paint = _read(painted, (width, height))
    mask = resized(mask, width, height)[..., None]
    space = None
    if original.is_float or colorspace.is_linear(original):
        paint = colorspace.from_rec709(images.srgb_to_linear(paint).astype(np.float32), original)
    elif not colorspace.is_srgb(original):  # a look's, into which there is no way back
        before, space = np.concatenate((images.srgb_of(original), before[..., 3:]), axis=2), colorspace.SRGB
    channels = min(3, before.shape[2])
    if channels < 3:
        paint = paint.mean(axis=2, keepdims=True)
        channels = 1
    if original.is_float and before.shape[2] == 4:
        paint = paint * before[..., 3:]
    after = before.copy()
    color = before[..., :channels]
    after[..., :channels] = np.where(mask > 0, color * (1 - mask) + paint * mask, color)
    file, own = _save_like(original, after, painted)
    return file, space or own


def _save_like(original: bpy.types.Image, pixels: np.ndarray, painted: Path) -> tuple[Path, str | None]:
    """Write `pixels` beside `painted` at the depth of `original`, or at a higher one where it would lose;
    the file and its colour space (None: as Blender takes it)."""
    path = painted.with_name(f"{painted.stem}_over")
    if not original.is_float:
        path = path.with_suffix(".png")
        images.write_png(pixels if pixels.shape[2] >= 3 else pixels[..., :1].repeat(3, axis=2), path)
        return path, original.colorspace_settings.name
    path = path.with_suffix(".exr")
    make_way(path)
    try:
        if original.file_format == "OPEN_EXR" and original.source == "FILE":
            _save_copy(original, pixels, path)
            if _holds(path, original, pixels):  # a lossy codec does not
                return path, original.colorspace_settings.name
        _save_floats(pixels, path)
    except RuntimeError as error:
        raise PatinaError(
            f"{path} cannot be written: {str(error).strip()}",
            "Make room on the disk, or allow writing to it.",
        ) from None
    return path, None


def _save_copy(original: bpy.types.Image, pixels: np.ndarray, path: Path) -> None:
    """Write an EXR as `original` is one: a copy knows its file's depth and codec."""
    copy = original.copy()
    try:
        copy.pixels.foreach_set(pixels.ravel())
        copy.save(filepath=str(path))
    finally:
        bpy.data.images.remove(copy)


def _save_floats(pixels: np.ndarray, path: Path) -> None:
    """Write `pixels` (H, W, C) as they are, as an EXR of 32 bits."""
    height, width, channels = pixels.shape
    image = bpy.data.images.new("Patina", width, height, alpha=channels == 4, float_buffer=True)
    scene = bpy.data.scenes.new("Patina")
    try:
        image.pixels.foreach_set(pixels.ravel())
        settings = scene.render.image_settings
        settings.file_format, settings.color_mode = "OPEN_EXR", "RGBA" if channels == 4 else "RGB"
        settings.color_depth, settings.exr_codec = "32", "ZIP"
        image.save_render(str(path), scene=scene)
    finally:
        bpy.data.images.remove(image)
        bpy.data.scenes.remove(scene)


def _holds(path: Path, original: bpy.types.Image, pixels: np.ndarray) -> bool:
    """Whether the file holds those parts of `pixels` exactly that are the same in `original`."""
    image = bpy.data.images.load(str(path), check_existing=False)
    try:
        image.colorspace_settings.name = original.colorspace_settings.name
        kept = images.read_pixels(image)
        same = images.read_pixels(original) == pixels
        return kept.shape == pixels.shape and bool((kept == pixels)[same].all())
    finally:
        bpy.data.images.remove(image)


def _read(path: Path, size: tuple[int, int] | None = None) -> np.ndarray:
    """The sRGB values (H, W, 3) of the file, bottom row first, at `size` (width, height) if given."""
    image = _open(path)
    try:
        if size and image.size[:] != size:
            image.scale(*size)
        return images.read_pixels(image)[..., :3]
    finally:
        bpy.data.images.remove(image)


def resized(values: np.ndarray, width: int, height: int) -> np.ndarray:
    """Scale `values` (H, W) in 0..1 to another size."""
    if values.shape == (height, width):
        return values
    image = bpy.data.images.new("Patina", values.shape[1], values.shape[0], float_buffer=True)
    try:
        image.pixels.foreach_set(np.repeat(np.float32(values)[..., None], 4, axis=2).ravel())
        image.scale(width, height)
        return images.read_pixels(image)[..., 0].clip(0, 1)
    finally:
        bpy.data.images.remove(image)


def _open(path: Path) -> bpy.types.Image:
    image = bpy.data.images.load(str(path), check_existing=False)
    if not all(image.size):
        bpy.data.images.remove(image)
        raise PatinaError(f"{path} is not an image.", "Stylize again.")
    return image


def load_packed(path: Path, name: str, space: str | None = colorspace.SRGB) -> bpy.types.Image:
    """Load the file `path` as a new image named `name`, packed, so that it needs the file no more.

    Should the artist unpack it, it goes to `textures` beside the .blend. `space` is its colour space
    (None: as Blender takes it). Raises PatinaError.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise PatinaError(f"{path} cannot be read: {error.strerror}.", "Stylize again.") from None
    image = _open(path)
    _finish(image, name, space, path.suffix)
    image.pack(data=data, data_len=len(data))
    return image


def load_tiles(files: Mapping[int, Path], name: str, space: str | None = colorspace.SRGB) -> bpy.types.Image:
    """Load a new image with UDIM tiles, named `name`, of a file for each number.

    Packed, as `load_packed` does.
    """
    first = files[min(files)]
    pattern = first.parent / f"{bpy.path.clean_name(name)}.<UDIM>{first.suffix}"
    for udim, file in files.items():
        place = Path(str(pattern).replace("<UDIM>", str(udim)))
        try:
            make_way(place)
            place.write_bytes(file.read_bytes())
        except OSError as error:
            raise PatinaError(f"{place} cannot be written: {error.strerror}.", "Stylize again.") from None
    image = bpy.data.images.load(str(pattern), check_existing=False)
    image.source = "TILED"
    image.pack()
    _finish(image, name, space, f".<UDIM>{first.suffix}")
    for file in image.packed_files:
        file.filepath = image.filepath_raw.replace("<UDIM>", str(file.tile_number))
    return image


def _finish(image: bpy.types.Image, name: str, space: str | None, suffix: str) -> None:
    image.name = name
    if space:
        colorspace.assign(image, space)
    image.alpha_mode = "CHANNEL_PACKED"  # alpha is kept, but does not darken the colours
    image.filepath_raw = _free_path(image, suffix)


def _free_path(image: bpy.types.Image, suffix: str) -> str:
    """Where `image` would be unpacked to: a path that no other image has and, once the file is saved, where
    nothing lies: Blender would take that for the image. Some systems do not tell a from A."""
    taken = {other.filepath_raw.lower() for other in bpy.data.images if other != image}
    stem, number = f"//textures/{bpy.path.clean_name(image.name)}", 1
    path = f"{stem}{suffix}"
    while path.lower() in taken or _lies_there(path):
        number += 1
        path = f"{stem}_{number}{suffix}"
    return path


def _lies_there(path: str) -> bool:
    """Whether a file, or the first tile, lies at the `path` beside the saved .blend."""
    return bool(bpy.data.filepath) and any(
        Path(bpy.path.abspath("//textures")).glob(glob.escape(Path(path).name).replace("<UDIM>", "[0-9]*"))
    )
