"""Pictures on disk <-> tensors (3, H, W), float32, sRGB in 0..1."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import uniform_filter1d
from torch import Tensor

from ..errors import PatinaError
from ..writing import replacing
from . import png
from .decode import Turn, grey, in_srgb, is_deep, numbers, turn_of, white_of
from .door import MAX_SIDE, opened

MIN_SIDE = 16  # below this a style has no statistics
MAX_PIXELS = 8192**2  # of what is kept, at 12 bytes each: the largest texture
_STRIP = 1 << 22  # pixels

Crop = tuple[float, float, float, float]


def read_image(path: Path, what: str, field: str, crop: Crop | None = None, most: int = MAX_PIXELS) -> Tensor:
    """Read a picture of any format that `door` has, or the part `crop` of it; transparency shows white.

    It stands upright, as its camera says, and is in sRGB, by its profile. crop: x, y, width and height in
    fractions of the picture, from its top left. What has more than `most` pixels is read at a half, a
    third, … of its size; what is no style is enlarged to MIN_SIDE. Raises PatinaError, naming `what` ("style
    image") and the file, for a missing, empty, truncated or foreign file and for sides outside
    MIN_SIDE..door.MAX_SIDE.
    """
    found = _read(path, f"The {what} {path.name}", what, field, crop, most)
    if min(found.shape[1:]) < MIN_SIDE:
        return resize_shorter(found, MIN_SIDE)
    return found


def read_as_it_is(path: Path, what: str, field: str) -> NDArray[Any]:
    """Read a picture upright and in sRGB as `read_image` does, but at its own size, however small, with its
    opacity, and with 16 bits where it has more than 8: (H, W, 1, 3 or 4), uint8 or uint16.

    Colours of 16 bits with a profile are read with 8. Raises PatinaError as `read_map` does.
    """
    with opened(path, f"The {what} {path.name}", field) as image:
        found = numbers(image)  # first: all else has Pillow decode it, to 8 bits
        if found.dtype == np.uint8 or (image.info.get("icc_profile") and not is_deep(image)):
            found = np.asarray(in_srgb(image))
        swaps, mirrors, tips = turn_of(image)
    found = found.swapaxes(0, 1) if swaps else found
    return found[:: -1 if tips else 1, :: -1 if mirrors else 1]


def read_map(path: Path, what: str, field: str) -> tuple[Tensor, bool]:
    """Read a map, whose numbers are taken as they are: (1 or 3, H, W), and whether it has more than 8 bits.

    Raises PatinaError, naming `what` and the file, for what is no picture.
    """
    with opened(path, f"The {what} {path.name}", field) as image:
        found = numbers(image)
    values = torch.from_numpy(found[..., :3].astype(np.float32)).permute(2, 0, 1)
    return values / np.iinfo(found.dtype).max, found.dtype == np.uint16


def _read(path: Path, named: str, what: str, field: str, crop: Crop | None, most: int) -> Tensor:
    with opened(path, named, field) as image:
        _check_side(image.width, image.height, named, field)
        turn = turn_of(image)
        crop = None if crop is None else _unturned(crop, turn)
        white = white_of(image) if is_deep(image) else 0.0
        left, top, right, bottom = _box(image, crop)
        if crop is not None:
            _check_side(right - left, bottom - top, f"The chosen part of the {what} {path.name}", field)
        times = math.ceil(math.sqrt((right - left) * (bottom - top) / most))
        if times > 1:  # a JPEG's decoder can scale down itself
            image.draft(None, (image.width // times, image.height // times))
            left, top, right, bottom = _box(image, crop)
            times = math.ceil(math.sqrt((right - left) * (bottom - top) / most))
        if times == 1:
            part = image.crop((left, top, right, bottom)) if crop is not None else image
            return _turned(_tensor(part, white), turn)
        rows = max(1, _STRIP // (times * (right - left))) * times
        strips = (image.crop((left, y, right, min(y + rows, bottom))) for y in range(top, bottom, rows))
        small = [F.avg_pool2d(_tensor(strip, white)[None], times, ceil_mode=True)[0] for strip in strips]
        return _turned(torch.cat(small, 1), turn)


def _unturned(crop: Crop, turn: Turn) -> Crop:
    """Where the part `crop` of a picture lies before it is turned."""
    x, y, width, height = crop
    swaps, mirrors, tips = turn
    x, y = 1 - x - width if mirrors else x, 1 - y - height if tips else y
    return (y, x, height, width) if swaps else (x, y, width, height)


def _turned(image: Tensor, turn: Turn) -> Tensor:
    """`image` (C, H, W) upright."""
    swaps, mirrors, tips = turn
    image = image.transpose(1, 2) if swaps else image
    axes = [axis for axis, flips in ((2, mirrors), (1, tips)) if flips]
    return image.flip(axes) if axes else image.contiguous()


def _box(image: Image.Image, crop: Crop | None) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of a part of `image`, in pixels."""
    x, y, width, height = crop or (0.0, 0.0, 1.0, 1.0)
    left, right = round(x * image.width), round((x + width) * image.width)
    return left, round(y * image.height), right, round((y + height) * image.height)


def _check_side(width: int, height: int, named: str, field: str) -> None:
    small = min(width, height)
    if small < MIN_SIDE and (field == "styles" or max(width, height) * MIN_SIDE > MAX_SIDE * small):
        raise PatinaError(
            f"{named} is {width} × {height} pixels, too small to have strokes.",
            f"Choose one of at least {MIN_SIDE} pixels a side.",
            field,
        )


def _tensor(image: Image.Image, white: float) -> Tensor:
    """(3, H, W) in 0..1; `white`: of a deep picture, see `decode`."""
    if white:
        return torch.from_numpy(grey(image, white)).expand(3, -1, -1).clone()
    image = in_srgb(image)
    if image.mode == "RGBA":
        background = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(background, image)
    return torch.from_numpy(np.array(image.convert("RGB"))).permute(2, 0, 1).float().div_(255)


def to_bytes(image: Tensor) -> NDArray[np.uint8]:
    """Round `image` (C, H, W) to (H, W, C) of 8 bits."""
    pixels = (image.detach().clamp(0, 1) * 255).round().byte().permute(1, 2, 0).cpu()
    return pixels.contiguous().numpy()


def to_pillow(image: Tensor) -> Image.Image:
    """Turn `image` (3, H, W) into an 8-bit RGB picture."""
    return Image.fromarray(to_bytes(image))


def write_image(image: Tensor, path: Path) -> None:
    """Write a PNG of `image` (3, H, W). Raises PatinaError if the folder is full or not writable."""
    save(to_pillow(image), path)


def save(image: Image.Image, path: Path) -> None:
    """Write a PNG, whole or not at all (see `writing`). Raises PatinaError if that cannot be done."""
    try:
        with replacing(path) as stream:
            image.save(stream, format="PNG")
    except OSError as error:
        raise cannot_write(path, error) from None


def write_map(values: NDArray[Any], path: Path, level: int = 6, lasting: bool = True) -> None:
    """Write a PNG of uint8 or uint16 (H, W, 1, 3 or 4), with as many bits. Raises PatinaError.

    level: of compression, as `png.encode` has it; lasting: see `writing.replacing`.
    """
    try:
        with replacing(path, lasting) as stream:
            stream.write(png.encode(values, level))
    except OSError as error:
        raise cannot_write(path, error) from None


def cannot_write(path: Path, error: OSError) -> PatinaError:
    """Make the error that says why `path` could not be written."""
    return PatinaError(
        f"{path} cannot be written: {error.strerror or error}.",
        "Choose a folder that can be written, on a disk with room.",
        "out",
    )


def resize(image: Tensor, height: int, width: int) -> Tensor:
    """Resize `image` (C, H, W), bilinear and anti-aliased."""
    if image.shape[1:] == (height, width):
        return image
    resized = F.interpolate(
        image[None], size=(height, width), mode="bilinear", antialias=True, align_corners=False
    )
    return resized[0].clamp(0, 1)


def within(image: Tensor, longer: int) -> Tensor:
    """Scale `image` (C, H, W) down so that its longer side is at most `longer` pixels."""
    factor = min(1.0, longer / max(image.shape[1:]))
    return resize(image, *(max(1, round(side * factor)) for side in image.shape[1:]))


def enlarged(image: Tensor, like: Tensor) -> Tensor:
    """Resize `image` (C, h, w), which may be a difference of pictures, to the size of `like` (C, H, W)."""
    if image.shape == like.shape:
        return image
    return F.interpolate(image[None], like.shape[1:], mode="bicubic", antialias=True)[0]


def resize_shorter(image: Tensor, shorter: float) -> Tensor:
    """Scale `image` (C, H, W) so that its shorter side is `shorter` pixels (at least 8)."""
    height, width = image.shape[1:]
    factor = max(8.0, shorter) / min(height, width)
    return resize(image, round(height * factor), round(width * factor))


def blurred_within(image: Tensor, mask: Tensor, radius: int) -> Tensor:
    """Blur `image` (C, H, W) within `mask` (H, W), 0..1, by a box of `radius` pixels, twice: (C, H, W)."""
    found = torch.cat([image * mask, mask[None]]).numpy()
    for axis in (1, 2, 1, 2):
        found = uniform_filter1d(found, 2 * radius + 1, axis, mode="constant")
    blurred = torch.from_numpy(found)
    return blurred[:-1] / blurred[-1:].clamp_min(1e-6)
