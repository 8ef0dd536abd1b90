"""Pictures as sRGB PNG, and zips with fixed dates: the same bytes for the same content."""

from __future__ import annotations

import io
import zipfile

from PIL import Image, PngImagePlugin


def png(image: Image.Image) -> bytes:
    """Encode a PNG tagged sRGB (perceptual intent), whatever profile the picture carried."""
    tag = PngImagePlugin.PngInfo()
    tag.add(b"sRGB", b"\x00")
    buffer = io.BytesIO()
    image.save(buffer, "PNG", pnginfo=tag, icc_profile=None)
    return buffer.getvalue()


def zipped(files: dict[str, bytes]) -> bytes:
    """Zip `files` by name, to the same bytes for the same files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), data, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()
