"""Blender's colour spaces, whatever the OpenColorIO configuration calls them, and its scene-linear colours.

How a space reads is tried with a tiny picture: names differ between configurations (Blender's own, ACES, a
studio's), and since Blender 5 each file chooses the primaries of its scene-linear colours.
"""

from __future__ import annotations

import functools
import tempfile
from pathlib import Path

import bpy
import numpy as np

SRGB, DATA = "sRGB", "Non-Color"  # Blender's own names; here they stand for what each configuration calls so
# Radiance HDR, four pixels: red, green, blue, and a grey of one half.
_PICTURE = b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 1 +X 4\n" + bytes(
    (128, 0, 0, 129, 0, 128, 0, 129, 0, 0, 128, 129, 128, 128, 128, 128)
)
_HALF = 0.02  # how far from one half the grey of a linear space may be
_SAME = 1e-3  # how far what is read in a space may be from what is in sRGB


def assign(image: bpy.types.Image, space: str) -> None:
    """Give `image` a colour space by name; SRGB and DATA work in any configuration."""
    if space == DATA:
        image.colorspace_settings.is_data = True
    else:
        image.colorspace_settings.name = _srgb_name() if space == SRGB else space


def is_linear(image: bpy.types.Image) -> bool:
    """Whether the numbers in the file of `image` are taken as they are or as linear light, not as sRGB."""
    space = image.colorspace_settings
    return bool(space.is_data or abs(_read(space.name, _working())[3].mean() - 0.5) < _HALF)


def is_srgb(image: bpy.types.Image) -> bool:
    """Whether the numbers in the file of `image` are taken as sRGB."""
    space, own = image.colorspace_settings, _read(_srgb_name(), _working())
    return not space.is_data and np.allclose(_read(space.name, _working()), own, atol=_SAME)


def scene_linear(color: np.ndarray, space: str) -> np.ndarray:
    """Convert numbers (H, W, 3) of a file in any space to this file's scene-linear colours.

    Blender reads them from a file of floats: what a look does (AgX, Filmic) is no matrix and curve.
    """
    height, width = color.shape[:2]
    pixels = np.ones((height, width, 4), np.float32)
    pixels[..., :3] = color
    made = bpy.data.images.new("Patina", width, height, float_buffer=True, is_data=True)
    images = [made]
    with tempfile.TemporaryDirectory(prefix="patina-") as folder:
        try:
            made.pixels.foreach_set(pixels.ravel())
            made.file_format, made.filepath_raw = "OPEN_EXR", str(Path(folder, "colors.exr"))
            made.save()
            images.append(bpy.data.images.load(made.filepath_raw, check_existing=False))
            images[1].colorspace_settings.name = space
            read = np.empty(pixels.size, np.float32)
            images[1].pixels.foreach_get(read)
            return read.reshape(pixels.shape)[..., :3]
        finally:
            for image in images:
                bpy.data.images.remove(image)


def to_rec709(color: np.ndarray, image: bpy.types.Image | None = None) -> np.ndarray:
    """Convert scene-linear colours (..., 3) of this file to the primaries of sRGB.

    What these cannot show is out of 0..1. With an `image`, the colours are linear numbers of its file.
    """
    matrix = np.linalg.inv(_read(_srgb_name(), _working())[:3].T)
    if image is not None and not image.is_float and not image.colorspace_settings.is_data:
        matrix = matrix @ _read(image.colorspace_settings.name, _working())[:3].T
    return _turned(color, matrix)


def from_rec709(color: np.ndarray, image: bpy.types.Image | None = None) -> np.ndarray:
    """Invert `to_rec709`."""
    matrix = _read(_srgb_name(), _working())[:3].T
    if image is not None and not image.is_float and not image.colorspace_settings.is_data:
        matrix = np.linalg.inv(_read(image.colorspace_settings.name, _working())[:3].T) @ matrix
    return _turned(color, matrix)


def _turned(color: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    if np.allclose(matrix, np.eye(3), atol=1e-3):  # as nearly always: then nothing is rounded
        return color
    return (color @ matrix.T).astype(color.dtype)


def _working() -> str:
    """The name of this file's scene-linear space, before Blender 5 the configuration's own."""
    space = getattr(bpy.data, "colorspace", None)
    return space.working_space if space else ""


@functools.cache
def _srgb_name() -> str:
    """The configuration's name for sRGB: Blender's own, or what it takes a picture of 8 bits for."""
    image = bpy.data.images.new("Patina", 1, 1)
    try:
        names = [item.identifier for item in image.colorspace_settings.bl_rna.properties["name"].enum_items]
        return SRGB if SRGB in names else str(image.colorspace_settings.name)
    finally:
        bpy.data.images.remove(image)


@functools.cache
def _read(space: str, working: str) -> np.ndarray:
    """(4, 3) float64: red, green, blue and half a grey in a file of that space, as scene-linear colours."""
    with tempfile.TemporaryDirectory(prefix="patina-") as folder:
        path = Path(folder, "colors.hdr")
        path.write_bytes(_PICTURE)
        image = bpy.data.images.load(str(path), check_existing=False)
        try:
            image.colorspace_settings.name = space
            return np.array(image.pixels[:], np.float64).reshape(4, 4)[:, :3]
        finally:
            bpy.data.images.remove(image)
