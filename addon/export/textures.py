"""A Blender image → a texture file as an engine wants it: capped, powers of two, gutters for mip maps."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import bpy
import numpy as np

from ...backend.errors import PatinaError
from ...backend.export import gutters
from ...backend.export.files import write_file
from ...backend.pictures.png import chunk, deep, encode
from ..scene import colorspace
from ..scene import image as images
from .presets import TEXTURE_SUFFIXES

_QUALITY = 92


def write_texture(
    image: bpy.types.Image, uvs: np.ndarray, folder: Path, stem: str, most: int, format: str
) -> tuple[Path, list[float]]:
    """Write `image`, used under `uvs` (F, 3, 2), into `folder`; gives the file and its bleed.

    The bleed is `gutters.bleed` in steps of 255. Data (normals and the like) are written without loss, as PNG
    with 16 bits where the image has more than 8. Raises PatinaError.
    """
    is_data = colorspace.is_linear(image)
    pixels = read_pixels(image)
    opaque = bool((pixels[..., 3] >= 1).all())
    if format == "JPEG" and (is_data or not opaque):
        format = "PNG"
    pixels, bleed = with_gutters(pixels, uvs, most)
    path = folder / (stem + TEXTURE_SUFFIXES[format])
    if format == "PNG" and is_data and image.is_float:
        write_deep(pixels[..., :3] if opaque else pixels, path)
    else:
        _save(pixels, path, format, opaque, lossless=is_data)
    return path, bleed


def read_pixels(image: bpy.types.Image) -> np.ndarray:
    """Read (H, W, 4) as the file would hold them (colours in sRGB), top row first. Raises PatinaError."""
    width, height = image.size
    if image.source == "TILED" or not width * height or not image.has_data:
        raise PatinaError(
            f"The image {image.name} cannot be read, or has UDIM tiles.",
            "Find it with File > External Data > Find Missing Files.",
            image.name,
        )
    pixels = np.empty((height, width, image.channels), np.float32)
    image.pixels.foreach_get(pixels.ravel())
    pixels = pixels[::-1]
    if image.channels < 3:
        pixels = pixels[..., :1].repeat(3, axis=-1)
    if pixels.shape[-1] == 3:
        pixels = np.concatenate((pixels, np.ones((height, width, 1), np.float32)), -1)
    if image.is_float and not colorspace.is_linear(image):
        pixels[..., :3] = images.linear_to_srgb(colorspace.to_rec709(pixels[..., :3]))
    return np.clip(pixels, 0, 1)


def with_gutters(pixels: np.ndarray, uvs: np.ndarray, most: int) -> tuple[np.ndarray, list[float]]:
    """Fill the unused texels of `pixels` (H, W, C), sides powers of two up to `most`.

    Gives the bleed of 255, too.
    """
    height, width = pixels.shape[:2]
    size = gutters.engine_size(width, height, most)
    mask = gutters.coverage(uvs, width, height)
    pixels = gutters.fill(pixels, mask)
    if size != (width, height):
        mask = gutters.coverage(uvs, *size)
        pixels = gutters.fill(resized(pixels, *size), mask)
    return pixels, [round(255 * level, 2) for level in gutters.bleed(pixels, mask)]


def resized(pixels: np.ndarray, width: int, height: int) -> np.ndarray:
    """Resize `pixels` (H, W, C): each new texel is the mean of the area that it covers."""
    for axis, new in ((0, height), (1, width)):
        old = pixels.shape[axis]
        # The running sum, read between texels too: the mean over any stretch is a difference.
        total = np.concatenate(
            (np.zeros_like(pixels.take([0], axis)), pixels.cumsum(axis, dtype=np.float64)), axis
        )
        at = np.linspace(0, old, new + 1)
        low = np.minimum(at.astype(int), old - 1)
        share = (at - low).reshape((-1, 1, 1) if axis == 0 else (1, -1, 1))
        edges = total.take(low, axis) * (1 - share) + total.take(low + 1, axis) * share
        pixels = (np.diff(edges, axis=axis) * (new / old)).astype(np.float32)
    return pixels


@contextmanager
def written_to(
    path: Path, pixels: np.ndarray, alpha: bool, is_data: bool = False
) -> Iterator[bpy.types.Image]:
    """Make an image of `pixels` (H, W, 4) to be saved at `path`, gone afterwards.

    Raises PatinaError where that cannot be done.
    """
    height, width = pixels.shape[:2]
    image = bpy.data.images.new("Patina", width, height, alpha=alpha, is_data=is_data)
    try:
        image.pixels.foreach_set(np.ascontiguousarray(pixels[::-1], np.float32).ravel())
        yield image
    except (RuntimeError, OSError) as error:
        raise PatinaError(
            f"{path} cannot be written: {str(error).strip()}",
            "Make room on the disk, or allow writing to it.",
            "out",
        ) from None
    finally:
        bpy.data.images.remove(image)


def write_deep(pixels: np.ndarray, path: Path) -> None:
    """Write values (H, W, 3 or 4) in 0..1, top row first, as PNG of 16 bits. Raises PatinaError."""
    write_file(path, encode(deep(pixels)))


def _save(pixels: np.ndarray, path: Path, format: str, opaque: bool, lossless: bool) -> None:
    with written_to(path, pixels, alpha=not opaque) as image:
        image.file_format = format
        image.save(filepath=str(path), quality=100 if lossless else _QUALITY)
        if format == "PNG" and not lossless:
            path.write_bytes(tag_srgb(path.read_bytes()))


def tag_srgb(png: bytes) -> bytes:
    """Put an sRGB chunk (perceptual intent) after a PNG's header, unless it names a colour space."""
    header = 8 + 12 + 13
    if any(name in png[:4096] for name in (b"sRGB", b"iCCP", b"cICP")):
        return png
    return png[:header] + chunk(b"sRGB", b"\0") + png[header:]
