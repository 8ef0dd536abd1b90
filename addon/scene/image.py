"""Blender images → files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import bpy
import numpy as np

from ...backend.errors import PatinaError
from ...backend.pictures import png
from ...backend.reading import is_file
from ...backend.writing import make_way
from . import colorspace

SWATCH = 16  # a plain colour is written as an image of so many pixels a side


def save_srgb(image: bpy.types.Image, path: Path, udim: int = 0, least: int = 0) -> None:
    """Write the colours of `image`, without its alpha, to `path`: a PNG of 8 bits in sRGB.

    Of an image with UDIM tiles, the tile `udim`. Of one with fewer than `least` pixels along its longer side,
    each becomes a square of so many that there are enough. The image itself is left as it is, unsaved changes
    are included. Raises PatinaError if it cannot be read.
    """
    if udim:
        with tile(image, udim, path.with_suffix(".tile")) as alone:
            save_srgb(alone, path, least=least)
        return
    color = srgb_of(image)
    times = max(1, -(-least // max(color.shape[:2])))
    write_png(color.repeat(times, axis=0).repeat(times, axis=1) if times > 1 else color, path)


def srgb_of(image: bpy.types.Image) -> np.ndarray:
    """Read the colours (H, W, 3) of `image` in sRGB, without its alpha, bottom row first.

    Raises PatinaError if it cannot be read.
    """
    pixels = read_pixels(image)
    height, width, channels = pixels.shape
    color = pixels[..., :3] if channels >= 3 else pixels[..., :1]
    if image.is_float and channels == 4:  # floats hold the colour times alpha, bytes the plain colour
        color = color / np.maximum(pixels[..., 3:], 1e-6)
    color = np.broadcast_to(color, (height, width, 3))
    if image.is_float or colorspace.is_linear(image):
        color = linear_to_srgb(colorspace.to_rec709(color, image))
    elif not colorspace.is_srgb(image):
        light = colorspace.scene_linear(color, image.colorspace_settings.name)
        color = linear_to_srgb(colorspace.to_rec709(light))
    return color


def read_pixels(image: bpy.types.Image) -> np.ndarray:
    """Read the values (H, W, channels) of `image` as Blender holds them, bottom row first.

    Bytes are as the file has them, divided by 255; floats are linear, colours times alpha. Raises
    PatinaError if it cannot be read.
    """
    width, height = image.size
    pixels = np.empty(width * height * image.channels, np.float32)
    if image.type == "RENDER_RESULT":
        raise PatinaError(
            f"{image.name} has no pixels to read.",
            "Save it with Image > Save As, and open that file.",
            image.name,
        )
    if not pixels.size or not image.has_data:  # asking for the size loads it
        cure = "Find it with File > External Data > Find Missing Files."
        if "<UDIM>" in image.filepath and image.source == "FILE":  # as the OBJ importer leaves it
            cure = "Set its Source to UDIM Tiles, in the Image Editor's sidebar."
        raise PatinaError(
            f"The image {image.name} cannot be read ({bpy.path.abspath(image.filepath) or 'no file'}).",
            cure,
            image.name,
        )
    image.pixels.foreach_get(pixels)
    return pixels.reshape(height, width, image.channels)


def find(name: str = "", uid: int = 0) -> bpy.types.Image | None:
    """Find the image with the session's number `uid`; else the one called `name`, this file's own first."""
    numbered = (image for image in bpy.data.images if uid and image.session_uid == uid)
    return next(numbered, None) or bpy.data.images.get((name, None)) or bpy.data.images.get(name)


def has_tile(image: bpy.types.Image, udim: int) -> bool:
    """Whether the tile `udim` of `image` can be read from a file, on disk or packed, as it is shown."""
    return not image.is_dirty and (_packed_tile(image, udim) is not None or is_file(_tile_path(image, udim)))


def _packed_tile(image: bpy.types.Image, udim: int) -> bytes | None:
    return next((file.packed_file.data for file in image.packed_files if file.tile_number == udim), None)


def _tile_path(image: bpy.types.Image, udim: int) -> Path:
    path = bpy.path.abspath(image.filepath, library=image.library)
    across, up = (udim - 1001) % 10, (udim - 1001) // 10
    return Path(path.replace("<UDIM>", str(udim)).replace("<UVTILE>", f"u{across + 1}_v{up + 1}"))


@contextmanager
def tile(image: bpy.types.Image, udim: int, beside: Path) -> Iterator[bpy.types.Image]:
    """Take the tile `udim` of `image` as a temporary image; `beside` is a file to make meanwhile."""
    path, data = _tile_path(image, udim), _packed_tile(image, udim)
    if data is not None:
        path = beside
        make_way(path)
        path.write_bytes(data)
    alone = bpy.data.images.load(str(path), check_existing=False)
    try:
        if any(image.size) and image.has_data:  # else it has not been loaded, and names no space
            alone.colorspace_settings.name = image.colorspace_settings.name
        yield alone
    finally:
        bpy.data.images.remove(alone)
        beside.unlink(missing_ok=True)


@contextmanager
def shown_frame(image: bpy.types.Image, user: bpy.types.ImageUser | None) -> Iterator[bpy.types.Image]:
    """Take the frame of a sequence that its `user` shows as a temporary image; other images as they are.

    The pixels of a sequence itself are those of whatever frame was loaded last.
    """
    if image.source != "SEQUENCE" or user is None:
        yield image
        return
    path = image.filepath_from_user(image_user=user)
    if not is_file(Path(path)):
        raise PatinaError(
            f"Frame {user.frame_current} of {image.name} is not there ({path}).",
            "Go to a frame that the sequence has.",
            image.name,
        )
    alone = bpy.data.images.load(path, check_existing=False)
    try:
        alone.colorspace_settings.name = image.colorspace_settings.name
        yield alone
    finally:
        bpy.data.images.remove(alone)


def save_color(color: Sequence[float], path: Path, size: int = SWATCH) -> None:
    """Write a plain colour (scene-linear r, g, b) to `path`, as `save_srgb` would."""
    swatch = np.tile(np.asarray(color[:3], np.float32), (size, size, 1))
    write_png(linear_to_srgb(colorspace.to_rec709(swatch)), path)


def linear_to_srgb(color: np.ndarray) -> np.ndarray:
    """Encode linear values of any shape by the curve of IEC 61966-2-1, clipped to 0..1."""
    color = np.clip(np.nan_to_num(color), 0, 1)
    return np.where(color <= 0.0031308, 12.92 * color, 1.055 * color ** (1 / 2.4) - 0.055)


def srgb_to_linear(color: np.ndarray) -> np.ndarray:
    """Decode sRGB values of any shape in 0..1 (IEC 61966-2-1)."""
    return np.where(color <= 0.04045, color / 12.92, ((color + 0.055) / 1.055) ** 2.4)


def write_map(values: np.ndarray, path: Path, is_deep: bool) -> None:
    """Write `values` (H, W, 3) in 0..1, bottom row first, with 16 bits where `is_deep`, else 8.

    Raises PatinaError.
    """
    if not is_deep:
        write_png(values.clip(0, 1), path)
        return
    make_way(path)
    try:
        path.write_bytes(png.encode(png.deep(values[::-1])))
    except OSError as error:
        raise PatinaError(
            f"{path} cannot be written: {error.strerror}.",
            "Make room on the disk, or allow writing to it.",
        ) from None


def write_png(color: np.ndarray, path: Path) -> None:
    """Write sRGB values (H, W, 3 or 4) in 0..1, bottom row first, to `path`. Raises PatinaError."""
    height, width, channels = color.shape
    pixels = np.ones((height, width, 4), np.float32)
    pixels[..., :channels] = color
    image = bpy.data.images.new("Patina", width, height, alpha=channels == 4)
    try:
        image.file_format = "PNG"
        image.pixels.foreach_set(pixels.ravel())
        make_way(path)
        image.save(filepath=str(path))
    except RuntimeError as error:
        raise PatinaError(
            f"{path} cannot be written: {str(error).strip()}",
            "Make room on the disk, or allow writing to it.",
        ) from None
    finally:
        bpy.data.images.remove(image)
