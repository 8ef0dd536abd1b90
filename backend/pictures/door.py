"""The one door by which pictures come in: a few formats, told by what is in them, whatever their name.

Pillow reads forty, some of which are programs: EPS is given to Ghostscript, which reads, writes and deletes
files, for as long as it likes. Libraries that open pictures by themselves get no more formats than this
door has, so whoever imports one of those imports this first.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from ..errors import PatinaError
from ..machine import memory
from ..reading import regular

FORMATS = ("PNG", "JPEG", "TIFF", "WEBP", "AVIF", "JPEG2000", "BMP", "DIB", "GIF", "TGA", "PPM")
MAX_SIDE = 16384
BYTES_PER_PIXEL = 8  # held while a picture is decoded and made smaller
MAX_SHARE = 0.5  # of the machine's memory, for one picture

CURE = "Choose a whole JPEG, PNG or TIFF file."


def _shut_out_others() -> None:
    """Take all other formats out of Pillow's registry."""
    Image.init()  # once, and it is not filled again
    for name in set(Image.OPEN) - set(FORMATS):
        del Image.OPEN[name]
    Image.ID[:] = [name for name in Image.ID if name in FORMATS]
    Image.MAX_IMAGE_PIXELS = None  # sizes are checked here, with a better message


_shut_out_others()


@contextmanager
def opened(source: Path | bytes, named: str, field: str) -> Iterator[Image.Image]:
    """Open the picture in a file or in bytes, its header read and its size checked.

    Its pixels come on demand.
    Raises PatinaError, beginning with `named`, for what is no such picture, or is too large; also for what
    its decoder stumbles over within the block, which is for decoding alone.
    """
    try:
        with io.BytesIO(source) if isinstance(source, bytes) else regular(source) as stream:
            if not stream.read(1):
                raise PatinaError(f"{named} is empty (0 bytes).", "Choose another file.", field)
            stream.seek(0)
            with Image.open(stream, formats=FORMATS) as image:
                check_size(image, named, field)
                yield image
    except (PatinaError, MemoryError):
        raise
    except FileNotFoundError:
        raise PatinaError(f"{named} does not exist.", "Choose another file.", field) from None
    except UnidentifiedImageError:
        if _begins_as_tiff(source):
            raise PatinaError(
                f"{named} is a TIFF of a kind that cannot be read, such as colours in floats or in 32 bits.",
                "Save it as a TIFF or PNG of 16 bits; Blender's Image Editor reads it, too.",
                field,
            ) from None
        reason = f"it is none of {', '.join(FORMATS)}"
        raise PatinaError(f"{named} cannot be read as a picture ({reason}).", CURE, field) from None
    except Exception as error:  # damaged files fail decoders in many ways
        reason = str((isinstance(error, OSError) and error.strerror) or error)
        raise PatinaError(f"{named} cannot be read as a picture ({reason}).", CURE, field) from None


def _begins_as_tiff(source: Path | bytes) -> bool:
    head = source[:4] if isinstance(source, bytes) else source.open("rb").read(4)
    return head in (b"II*\0", b"MM\0*")


def check_size(image: Image.Image, named: str, field: str) -> None:
    """Raise PatinaError, beginning with `named`, for a picture that is too large to be decoded."""
    if max(image.size) > MAX_SIDE:
        raise PatinaError(
            f"{named} is {image.width} × {image.height} pixels.",
            f"Scale it down to {MAX_SIDE} a side or less; 2000 is plenty.",
            field,
        )
    needed, room = BYTES_PER_PIXEL * image.width * image.height, MAX_SHARE * memory.installed()
    if room and needed > room:
        raise PatinaError(
            f"{named} is {image.width} × {image.height} pixels, which takes {needed / 1e9:.1f} GB of memory, "
            f"of this machine's {memory.installed() / 1e9:.1f}.",
            f"Scale it down by {math.sqrt(needed / room):.1f} or more; 2000 a side is plenty.",
            field,
        )
