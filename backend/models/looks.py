"""What a glTF's materials show as their base colour, without light, and what of it lies where."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..pictures.decode import numbers, shallow
from ..pictures.door import opened
from . import gltf, texture_uses
from .arrays import Floats, Ints

SPECULAR_GLOSSINESS = "KHR_materials_pbrSpecularGlossiness"
GREY = 231  # of 255: what Blender shows where there is no material, 0.8 in linear light
# What glTF calls them, and what becomes of a place beyond 0..1.
WRAPS = {10497: "repeat", 33648: "mirror", 33071: "clamp"}


@dataclass(frozen=True)
class Look:
    """A material's base colour: a picture times a factor.

    image: index of the picture; None: white. factor: (4,) linear light and opacity. uv_map: which one the
    picture is laid by, after `transform` (2, 3), v down; wraps: how it goes on beyond 0..1, along u and v.
    has_alpha: whether opacity counts. nearest: whether its pixels are shown as squares.
    chosen: whether anybody gave the material a colour.
    """

    name: str
    image: int | None
    factor: Floats
    uv_map: int
    transform: Floats
    wraps: tuple[str, str]
    has_alpha: bool
    nearest: bool
    chosen: bool


def look_of(model: gltf.Gltf, material: int | None) -> Look:
    """Read the look of a material by its index; of None, that of a mesh without one."""
    about = {} if material is None else model.tree["materials"][material]
    slots = base_slots(about)
    record, picture, factor = slots[-1] if slots else ({}, "", "")
    info = record.get(picture)
    image, sampler = None, dict[str, Any]()
    if info is not None:
        texture = model.tree["textures"][info["index"]]
        image = texture_uses.source(texture)
        sampler = model.tree["samplers"][texture["sampler"]] if "sampler" in texture else {}
    return Look(
        name=str(about.get("name", "")),
        image=image,
        factor=np.array(record.get(factor, (1, 1, 1, 1)), float).clip(0, 1),
        uv_map=texture_uses.uv_map(info or {}),
        transform=texture_uses.transform(info or {}),
        wraps=(WRAPS[sampler.get("wrapS", 10497)], WRAPS[sampler.get("wrapT", 10497)]),
        has_alpha=about.get("alphaMode", "OPAQUE") != "OPAQUE",
        nearest=sampler.get("magFilter") == 9728,
        chosen=info is not None or factor in record,
    )


def lightness(model: gltf.Gltf, primitive: dict[str, Any]) -> int:
    """How light, of 255, a primitive is to which nobody gave a colour."""
    if "COLOR_0" in primitive["attributes"]:
        return 255  # its vertices say
    return model.bare if "material" in primitive else GREY


def base_slots(material: dict[str, Any]) -> list[tuple[dict[str, Any], str, str]]:
    """Find where a material has its base colour: (record, key of the texture, key of the factor).

    The last is the one that counts.
    """
    slots = []
    if "pbrMetallicRoughness" in material:
        slots.append((material["pbrMetallicRoughness"], "baseColorTexture", "baseColorFactor"))
    if glossy := material.get("extensions", {}).get(SPECULAR_GLOSSINESS):
        slots.append((glossy, "diffuseTexture", "diffuseFactor"))
    return slots


def picture_of(model: gltf.Gltf, index: int) -> Image.Image:
    """Decode picture `index` of the model, RGBA, 8 bits. Raises PatinaError naming it."""
    with _opened(model, index) as image:
        return shallow(image).convert("RGBA")


def numbers_of(model: gltf.Gltf, index: int) -> NDArray[Any]:
    """Decode picture `index` of the model, (H, W, 4): uint16 where it has more than 8 bits, else uint8.

    Raises PatinaError naming it.
    """
    with _opened(model, index) as image:
        found = numbers(image)
    if found.shape[2] == 1:
        found = found.repeat(3, 2)
    if found.shape[2] == 3:
        found = np.pad(found, ((0, 0), (0, 0), (0, 1)), constant_values=np.iinfo(found.dtype).max)
    return found


def _opened(model: gltf.Gltf, index: int) -> AbstractContextManager[Image.Image]:
    about = model.tree["images"][index]
    uri = about.get("uri", "data:")
    called = about.get("name") or (str(index) if uri.startswith("data:") else uri)
    return opened(gltf.picture_bytes(model, index), f"{model.name}: its picture {called}", "model")


def sample(picture: NDArray[Any], uvs: Floats, wraps: tuple[str, str] = ("repeat", "repeat")) -> Floats:
    """Look up `picture` (H, W, C), row 0 at v = 1, at `uvs` (..., 2), v up, bilinearly: (..., C).

    It may be of bytes: only what is looked up becomes floats.
    """
    height, width = picture.shape[:2]
    x, y = uvs[..., 0] * width - 0.5, (1 - uvs[..., 1]) * height - 0.5
    left, top = np.floor(x).astype(np.int64), np.floor(y).astype(np.int64)
    fx, fy = (x - left)[..., None], (y - top)[..., None]
    columns = [_wrapped(left + k, width, wraps[0]) for k in (0, 1)]
    rows = [_wrapped(top + k, height, wraps[1]) for k in (0, 1)]
    upper, lower = (picture[row, columns[0]] * (1 - fx) + picture[row, columns[1]] * fx for row in rows)
    return np.asarray(upper * (1 - fy) + lower * fy)


def _wrapped(index: Ints, count: int, wrap: str) -> Ints:
    if wrap == "clamp":
        return index.clip(0, count - 1)
    if wrap == "mirror":
        index = index % (2 * count)
        return np.where(index < count, index, 2 * count - 1 - index)
    return index % count
