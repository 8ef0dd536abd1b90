"""Pictures on disk <-> tensors (3, H, W), float32, sRGB in 0..1."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from ..protocol import PatinaError

MIN_SIDE = 16  # below this a style has no statistics
MAX_SIDE = 16384

Image.MAX_IMAGE_PIXELS = None  # sizes are checked here, with a better message


def read_image(path: Path, what: str, field: str) -> Tensor:
    """Read any picture that Pillow reads; transparency shows white.

    Raises PatinaError, naming `what` ("style image") and the file, for a missing, empty, truncated or
    foreign file and for sides outside MIN_SIDE..MAX_SIDE.
    """
    named = f"The {what} {path.name}"
    try:
        if not path.is_file():
            raise PatinaError(f"{named} does not exist.", "Choose another file.", field)
        if path.stat().st_size == 0:
            raise PatinaError(f"{named} is empty (0 bytes).", "Choose another file.", field)
        with Image.open(path) as image:
            if max(image.size) > MAX_SIDE:
                raise PatinaError(
                    f"{named} is {image.width} × {image.height} pixels.",
                    f"Scale it down to {MAX_SIDE} a side or less; 2000 is plenty.",
                    field,
                )
            if min(image.size) < MIN_SIDE:
                raise PatinaError(
                    f"{named} is {image.width} × {image.height} pixels, too small to have strokes.",
                    f"Choose one of at least {MIN_SIDE} pixels a side.",
                    field,
                )
            return _tensor(image)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise PatinaError(
            f"{named} cannot be read as a picture ({error}).", "Choose a whole JPEG, PNG or TIFF file.", field
        ) from None


def _tensor(image: Image.Image) -> Tensor:
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        paper = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(paper, image.convert("RGBA"))
    if image.mode.startswith("I;16") or image.mode == "I":  # Pillow would clip these at 255
        grey = np.asarray(image, np.float32) / 65535
        return torch.from_numpy(grey).clamp(0, 1).expand(3, -1, -1).clone()
    return torch.from_numpy(np.array(image.convert("RGB"))).permute(2, 0, 1).float() / 255


def to_pillow(image: Tensor) -> Image.Image:
    """An 8-bit RGB picture of `image` (3, H, W)."""
    pixels = (image.detach().clamp(0, 1) * 255).round().byte().permute(1, 2, 0).cpu()
    return Image.fromarray(pixels.contiguous().numpy())


def write_image(image: Tensor, path: Path, compress_level: int = 6) -> None:
    """Write a PNG of `image` (3, H, W). Raises PatinaError if the folder is full or not writable."""
    save_beside(to_pillow(image), path, compress_level)


def save_beside(image: Image.Image, path: Path, compress_level: int = 6) -> None:
    """Write a PNG beside `path` and rename it. Raises PatinaError if the folder is full or not writable."""
    beside = path.with_name(path.name + ".part")
    try:
        image.save(beside, format="PNG", compress_level=compress_level)
        beside.replace(path)
    except OSError as error:
        with suppress(OSError):
            beside.unlink()
        raise cannot_write(path, error) from None


def cannot_write(path: Path, error: OSError) -> PatinaError:
    """What to say when `path` could not be written."""
    return PatinaError(
        f"{path} cannot be written: {error.strerror or error}.",
        "Choose a folder that can be written, on a disk with room.",
        "out",
    )


def resize(image: Tensor, height: int, width: int) -> Tensor:
    """`image` (C, H, W) at another size, bilinear and anti-aliased."""
    if image.shape[1:] == (height, width):
        return image
    resized = F.interpolate(
        image[None], size=(height, width), mode="bilinear", antialias=True, align_corners=False
    )
    return resized[0].clamp(0, 1)


def resize_shorter(image: Tensor, shorter: float) -> Tensor:
    """`image` (C, H, W) scaled so that its shorter side is `shorter` pixels (at least 8)."""
    height, width = image.shape[1:]
    factor = max(8.0, shorter) / min(height, width)
    return resize(image, round(height * factor), round(width * factor))
