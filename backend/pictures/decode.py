"""What a decoded picture means: which way up it is, what its numbers call white, and its colours in sRGB."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageOps
from PIL.PngImagePlugin import PngImageFile

from .png import deep

# Of an EXIF orientation: whether rows and columns change places, and then left and right, and top and bottom.
_TURNS = {
    2: (False, True, False),
    3: (False, True, True),
    4: (False, False, True),
    5: (True, False, False),
    6: (True, True, False),
    7: (True, True, True),
    8: (True, False, True),
}
Turn = tuple[bool, bool, bool]
_SRGB = ImageCms.createProfile("sRGB")


def turn_of(image: Image.Image) -> Turn:
    """Find how `image` has to be turned to stand upright. TIFFs are turned by their decoder."""
    unturned = (False, False, False)
    if image.format == "TIFF":
        return unturned
    return _TURNS.get(image.getexif().get(0x0112, 1), unturned)


def is_deep(image: Image.Image) -> bool:
    """Whether it is grey with more than 8 bits, or floats."""
    return image.mode == "F" or image.mode.startswith("I")


def white_of(image: Image.Image) -> float:
    """Find the number that a deep picture has for white: the least of 1, 255, 65535 … that none is above.

    1 for light that has no end, as in a render.
    """
    if image.mode.startswith("I;16"):
        return 65535.0
    most = float(np.max(image.getextrema()))
    ends = (1.0, 255.0, 65535.0) if image.mode == "F" else (65535.0, 2.0**31 - 1)
    return next((end for end in ends if most <= end * (1 + 1e-6)), 1.0)


def grey(image: Image.Image, white: float) -> NDArray[np.float32]:
    """Scale a deep picture to 0..1: (H, W)."""
    values = np.nan_to_num(np.asarray(image, np.float64) / white)
    return np.asarray(values.clip(0, 1), np.float32)


def deep_colors(image: Image.Image) -> NDArray[np.uint16] | None:
    """Read colours of 16 bits, (H, W, 3 or 4), from a PNG that is open and not decoded; None: it has none.

    Pillow keeps the upper 8. It has a reading of 16 bits for each order of their bytes, though, and by the
    wrong one it keeps the lower.
    """
    if not isinstance(image, PngImageFile) or not image.tile:
        return None
    tile = image.tile[0]
    if tile.args not in ("RGB;16B", "RGBA;16B"):
        return None
    stream = image.fp
    assert stream is not None
    here = stream.tell()
    stream.seek(0)
    other = PngImageFile(io.BytesIO(stream.read()))
    stream.seek(here)
    upper = np.asarray(image, np.uint16)
    other.tile = [tile._replace(args=tile.args[:-1] + "L")]
    return np.asarray(upper << 8 | np.asarray(other, np.uint16), np.uint16)


def numbers(image: Image.Image) -> NDArray[Any]:
    """Read what is in the channels of a picture that is open, as it is: (H, W, 1, 3 or 4).

    They are uint16 where the picture has more than 8 bits, else uint8.
    """
    found = deep_colors(image)
    if found is not None:
        return found
    if is_deep(image):
        return deep(grey(image, white_of(image)))[..., None]
    kept = image if image.mode in ("L", "RGB", "RGBA") else image.convert("RGBA")
    pixels = np.asarray(kept, np.uint8)
    return pixels[..., None] if pixels.ndim == 2 else pixels


def shallow(image: Image.Image) -> Image.Image:
    """Convert a picture to 8 bits, as Pillow converts what has no more."""
    if not is_deep(image):
        return image
    return Image.fromarray(np.round(grey(image, white_of(image)) * 255).astype(np.uint8))


def opacity(image: Image.Image) -> Image.Image | None:
    """Read how opaque an upright picture is, 8 bits; None where it is so all over."""
    if not has_alpha(image):
        return None
    found = ImageOps.exif_transpose(image).convert("RGBA").getchannel("A")
    return None if found.getextrema()[0] == 255 else found


def has_alpha(image: Image.Image) -> bool:
    """Whether a picture says how opaque it is."""
    return image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info


def in_srgb(image: Image.Image) -> Image.Image:
    """A picture of 8 bits in sRGB, RGB or RGBA, by the profile that it carries; without one, or with one that
    makes no sense, as it is."""
    profile = image.info.get("icc_profile")
    mode = "RGBA" if has_alpha(image) else "RGB"
    plain = image if image.mode in ("L", "RGB", "CMYK") else image.convert(mode)
    if not profile:
        return plain.convert(mode)
    colors = plain.convert("RGB") if plain.mode == "RGBA" else plain
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        found = ImageCms.profileToProfile(
            colors,
            source,
            _SRGB,
            ImageCms.Intent.RELATIVE_COLORIMETRIC,
            "RGB",
            False,
            ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        found = None
    if found is None:
        found = colors.convert("RGB")
    if mode == "RGBA":
        found.putalpha(plain.convert("RGBA").getchannel("A"))
    return found
