"""Files that are whole or not there: pictures as sRGB PNG, zips with fixed dates, writing beside."""

from __future__ import annotations

import io
import os
import zipfile
from contextlib import suppress
from pathlib import Path

from PIL import Image, PngImagePlugin

from ..protocol import PatinaError


def png(image: Image.Image) -> bytes:
    """A PNG tagged sRGB (perceptual intent), whatever profile the picture carried."""
    tag = PngImagePlugin.PngInfo()
    tag.add(b"sRGB", b"\x00")
    buffer = io.BytesIO()
    image.save(buffer, "PNG", pnginfo=tag, icc_profile=None)
    return buffer.getvalue()


def zipped(files: dict[str, bytes]) -> bytes:
    """A zip of `files` by name, the same bytes for the same files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), data, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def check_target(path: Path, overwrite: bool) -> None:
    """Refuse, before any work is done, a file that could not or should not be written."""
    if len(os.fsencode(path.name)) > 255:  # what file systems of today take
        raise PatinaError(f"The name {path.name[:40]}… is too long.", "Use a shorter one.", "out")
    if path.is_dir():
        raise PatinaError(f"{path} is a folder.", "Name a file in it.", "out")
    if path.exists() and not overwrite:
        raise PatinaError(
            f"{path} exists already.", "Choose another name, or allow overwriting (--overwrite).", "out"
        )
    if not path.parent.is_dir():
        raise PatinaError(f"There is no folder {path.parent}.", "Make it, or choose another.", "out")
    if not os.access(path.parent, os.W_OK):
        raise PatinaError(f"{path.parent} cannot be written to.", "Choose another folder.", "out")


def write_beside(path: Path, data: bytes) -> None:
    """Write `data` beside `path` and rename it: a full disk leaves what was there before.

    Raises PatinaError naming the path.
    """
    # A short name of its own: `path` with a suffix might be too long for the file system.
    beside = path.parent / f".patina-{os.getpid()}.part"
    try:
        with beside.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as error:
        raise PatinaError(
            f"{path} could not be written: {error.strerror or error} ({len(data) / 1e6:.1f} MB).",
            "Free some space or choose another folder and name.",
            "out",
        ) from error
    finally:
        with suppress(OSError):
            beside.unlink()
