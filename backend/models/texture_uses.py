"""Which materials of a glTF use which textures: under which UVs, and with which pictures."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from ..errors import PatinaError
from .arrays import Floats
from .gltf import Gltf, accessor, triangles


@dataclass(frozen=True)
class Slot:
    """A material's use of a texture."""

    material: int
    name: str  # baseColorTexture, normalTexture, …
    image: int
    uv_map: int
    transform: Floats  # (2, 3): what is done to the UVs, v down


def slots(gltf: Gltf) -> list[Slot]:
    """List every use of a texture by a material."""
    found: list[Slot] = []

    def search(material: int, value: object) -> None:
        if not isinstance(value, dict):
            return
        for key, inner in value.items():
            if key.endswith("Texture") and isinstance(inner, dict) and "index" in inner:
                image = source(gltf.tree["textures"][inner["index"]])
                found.append(Slot(material, key, image, uv_map(inner), transform(inner)))
            else:
                search(material, inner)

    for index, material in enumerate(gltf.tree.get("materials", [])):
        search(index, material)
    return found


def uv_map(info: dict[str, Any]) -> int:
    """Give the number of the UV map that a use of a texture reads."""
    moved = info.get("extensions", {}).get("KHR_texture_transform", {})
    return int(moved.get("texCoord", info.get("texCoord", 0)))


def transform(info: dict[str, Any]) -> Floats:
    """Read the map (2, 3) of UVs, v down, that a use of a texture applies first (KHR_texture_transform)."""
    moved = info.get("extensions", {}).get("KHR_texture_transform", {})
    scale, offset, angle = moved.get("scale", (1, 1)), moved.get("offset", (0, 0)), moved.get("rotation", 0)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    return np.column_stack((turn * scale, offset))


def textures_of(value: object) -> Iterator[dict[str, Any]]:
    """List every use of a texture within a material, or a part of it: records with an index."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key.endswith("Texture") and isinstance(inner, dict) and "index" in inner:
                yield inner
            else:
                yield from textures_of(inner)


def source(texture: dict[str, Any]) -> int:
    """Give the index of a texture's image; of one with several, of that which can be decoded.

    Raises PatinaError where it has none.
    """
    extensions = texture.get("extensions", {})
    holders = (extensions.get("EXT_texture_webp", {}), texture, *extensions.values())
    found = [cast(int, holder["source"]) for holder in holders if "source" in holder]
    if not found:
        raise PatinaError(
            "A texture of the model has no picture.", "Export it again from where it came from.", "model"
        )
    return found[0]


def uvs_of(gltf: Gltf, uses: Iterable[Slot]) -> Floats:
    """Read the UVs, v down, under which `uses` show the triangles that have their materials: (F, 3, 2)."""
    found: list[Floats] = [np.zeros((0, 3, 2))]
    for mesh in gltf.tree.get("meshes", []):
        for primitive in mesh["primitives"]:
            faces = triangles(gltf, primitive)
            for use in uses:
                name = f"TEXCOORD_{use.uv_map}"
                if (
                    faces is not None
                    and primitive.get("material") == use.material
                    and name in primitive["attributes"]
                ):
                    uv = np.asarray(accessor(gltf, primitive["attributes"][name]), float)
                    found.append(uv[faces] @ use.transform[:, :2].T + use.transform[:, 2])
    return np.concatenate(found)


def drop_images(gltf: Gltf, images: set[int]) -> None:
    """Take `images`, and the textures that show them, out of the file; no material may use them any more."""
    tree = gltf.tree
    records = tree.get("textures", [])
    used = {info["index"] for material in tree.get("materials", []) for info in textures_of(material)}
    kept = [index for index in range(len(records)) if index in used or source(records[index]) not in images]
    place = {index: number for number, index in enumerate(kept)}
    for info in [info for material in tree.get("materials", []) for info in textures_of(material)]:
        info["index"] = place[info["index"]]
    tree["textures"] = [records[index] for index in kept]
    pictures = tree.get("images", [])
    place, left = {}, list[Any]()
    for index, picture in enumerate(pictures):
        if index not in images:
            place[index] = len(left)
            left.append(picture)
        elif "bufferView" in picture:
            gltf.views[picture["bufferView"]] = bytes(4)  # others are known by their number
    tree["images"] = left
    for record in tree["textures"]:
        for holder in (record, *record.get("extensions", {}).values()):
            if "source" in holder:
                holder["source"] = place[holder["source"]]


def mark_webp(model: Gltf) -> None:
    """Point textures at WebP pictures through EXT_texture_webp, at others directly."""
    tree = model.tree
    any_webp = False
    for texture in tree.get("textures", []):
        if "source" not in texture and "EXT_texture_webp" not in texture.get("extensions", {}):
            continue  # it is in a format that is kept as it is
        image = source(texture)
        extensions = {k: v for k, v in texture.pop("extensions", {}).items() if k != "EXT_texture_webp"}
        texture.pop("source", None)
        if tree["images"][image].get("mimeType") == "image/webp":
            any_webp = True
            extensions["EXT_texture_webp"] = {"source": image}
        else:
            texture["source"] = image
        if extensions:
            texture["extensions"] = extensions
    for key in ("extensionsUsed", "extensionsRequired"):
        names = [name for name in tree.pop(key, []) if name != "EXT_texture_webp"]
        names += ["EXT_texture_webp"] if any_webp else []
        if names:
            tree[key] = names
