"""Blender images ↔ files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import bpy
import numpy as np

from ...backend.protocol import PatinaError

SWATCH = 16  # a plain colour is written as an image of so many pixels a side


def save_srgb(image: bpy.types.Image, path: Path) -> None:
    """Write the colours of `image`, without its alpha, to `path`: a PNG of 8 bits in sRGB.

    The image itself is left as it is, unsaved changes are included. Raises PatinaError if it cannot
    be read.
    """
    if image.source == "TILED":
        raise PatinaError(
            f"The image {image.name} has UDIM tiles, which are not supported.",
            "Use an object whose texture is one image.",
            image.name,
        )
    width, height = image.size
    pixels = np.empty(width * height * image.channels, np.float32)
    if not pixels.size or not image.has_data:  # asking for the size loads it
        raise PatinaError(
            f"The image {image.name} cannot be read ({bpy.path.abspath(image.filepath) or 'no file'}).",
            "Find it with File > External Data > Find Missing Files.",
            image.name,
        )
    image.pixels.foreach_get(pixels)
    pixels = pixels.reshape(height, width, image.channels)
    color = pixels[..., :3] if image.channels >= 3 else pixels[..., :1]
    if image.is_float and image.channels == 4:  # floats hold the colour times alpha, bytes the plain colour
        color = color / np.maximum(pixels[..., 3:], 1e-6)
    if image.is_float or is_linear(image):
        color = linear_to_srgb(color)
    write_png(np.broadcast_to(color, (height, width, 3)), path)


def is_linear(image: bpy.types.Image) -> bool:
    """Whether the numbers in the file of `image` are taken as they are, not as sRGB."""
    space = image.colorspace_settings
    return space.is_data or space.name.startswith("Linear")


def save_color(color: Sequence[float], path: Path) -> None:
    """Write a plain colour (linear r, g, b) to `path`, as `save_srgb` would."""
    swatch = np.tile(np.asarray(color[:3], np.float32), (SWATCH, SWATCH, 1))
    write_png(linear_to_srgb(swatch), path)


def linear_to_srgb(color: np.ndarray) -> np.ndarray:
    """Encode linear values of any shape by the curve of IEC 61966-2-1, clipped to 0..1."""
    color = np.clip(np.nan_to_num(color), 0, 1)
    return np.where(color <= 0.0031308, 12.92 * color, 1.055 * color ** (1 / 2.4) - 0.055)


def write_png(color: np.ndarray, path: Path) -> None:
    """Write sRGB values (H, W, 3) in 0..1, bottom row first, to `path`. Raises PatinaError."""
    height, width = color.shape[:2]
    pixels = np.ones((height, width, 4), np.float32)
    pixels[..., :3] = color
    image = bpy.data.images.new("Patina", width, height, alpha=False)
    try:
        image.file_format = "PNG"
        image.pixels.foreach_set(pixels.ravel())
        image.save(filepath=str(path))
    except RuntimeError as error:
        raise PatinaError(
            f"{path} cannot be written: {str(error).strip()}",
            "Make room on the disk, or allow writing to it.",
        ) from None
    finally:
        bpy.data.images.remove(image)


def load_packed(path: Path, name: str) -> bpy.types.Image:
    """A new image named `name` from the sRGB file `path`, packed, so that it needs the file no more.

    Should the artist unpack it, it goes to `textures` beside the .blend. Raises PatinaError.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise PatinaError(f"{path} cannot be read: {error.strerror}.", "Stylize again.") from None
    image = bpy.data.images.load(str(path), check_existing=False)
    if not all(image.size):
        bpy.data.images.remove(image)
        raise PatinaError(f"{path} is not an image.", "Stylize again.")
    image.name = name
    image.colorspace_settings.name = "sRGB"
    image.filepath_raw = f"//textures/{bpy.path.clean_name(image.name)}.png"
    image.pack(data=data, data_len=len(data))
    return image
