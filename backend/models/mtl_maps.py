"""The pictures of an MTL as glTF has them: opacity within the colours, roughness and metal in one picture."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
from PIL import Image

from ..pictures.decode import shallow
from ..pictures.door import opened
from .build import Material
from .srgb import from_linear

_AS_THEY_ARE = (b"\x89PNG", b"\xff\xd8\xff")
_GREY = 3  # of 255: how far channels may differ


def as_gltf_has_it(data: bytes, named: str) -> bytes:
    """Give PNG and JPEG as they are, what is neither as a PNG. Raises PatinaError for what is no picture."""
    with opened(data, f"The picture {named}", "model") as image:
        return data if data.startswith(_AS_THEY_ARE) else _png(shallow(image))


def is_grey(data: bytes) -> bool:
    """Whether a picture has no colours."""
    pixels = np.asarray(_read(data).convert("RGB"), int)
    return int(np.ptp(pixels, axis=2).max()) <= _GREY


def surface(roughness: bytes | None, metallic: bytes | None) -> bytes | None:
    """Compose glTF's picture of a surface: roughness in green, metal in blue; white where there is none."""
    found = [None if data is None else _read(data).convert("L") for data in (roughness, metallic)]
    size = max((image.size for image in found if image is not None), default=None)
    if size is None:
        return None
    white = Image.new("L", size, 255)
    green, blue = (white if image is None else image.resize(size) for image in found)
    return _png(Image.merge("RGB", (white, green, blue)))


def with_opacity(material: Material, data: bytes | None) -> Material:
    """Lay a picture of opacity, by its alpha or else its grey, into the material's colours."""
    if data is None:
        return material
    image = _read(data)
    opacity = image.convert("RGBA").getchannel("A") if "A" in image.getbands() else image.convert("L")
    if opacity.getextrema() == (255, 255):
        return material
    if material.picture is not None:
        colors = _read(material.picture).convert("RGB")
    else:
        plain = np.array((material.color or (0.8, 0.8, 0.8, 1.0))[:3])
        colors = Image.new(
            "RGB", opacity.size, tuple(np.round(from_linear(plain) * 255).astype(int).tolist())
        )
    colors.putalpha(opacity.resize(colors.size))
    factor = (1.0, 1.0, 1.0, material.color[3] if material.color else 1.0)
    return replace(material, picture=_png(colors), color=factor, is_see_through=True)


def _read(data: bytes) -> Image.Image:
    with opened(data, "A picture of the model", "model") as image:
        found = shallow(image)
        found.load()
        return found


def _png(image: Image.Image) -> bytes:
    stream = io.BytesIO()
    kept = image if image.mode in ("L", "LA", "RGB", "RGBA", "P") else image.convert("RGB")
    kept.save(stream, "PNG")
    return stream.getvalue()
