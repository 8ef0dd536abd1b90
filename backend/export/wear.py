"""A glTF that wears painted textures, and is otherwise as it was."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from PIL import Image

from ..models import compressed, gltf, texture_uses
from ..models.arrays import Floats, Ints
from ..models.looks import SPECULAR_GLOSSINESS, base_slots
from ..models.maps import Pixels
from ..models.textures import Key, Texture
from ..pictures.png import encode
from .encode import png

BASE, METALLIC_ROUGHNESS = "baseColorTexture", "metallicRoughnessTexture"
FACTORS = {"roughness": "roughnessFactor", "metalness": "metallicFactor"}
DULL = {"metallicFactor": 0.0, "roughnessFactor": 1.0}  # of what had no material


@dataclass(frozen=True)
class NewMaps:
    """What a texture got beside its colours, by glTF's names: pictures (H, W, 3) of 8 or 16 bits.

    normalTexture, metallicRoughnessTexture; and those of FACTORS that are not 1 with the latter.
    """

    pictures: Mapping[str, Pixels] = field(default_factory=dict)
    factors: Mapping[str, float] = field(default_factory=dict)


def wear(
    model: gltf.Gltf,
    textures: Sequence[Texture],
    paintings: Sequence[Image.Image],
    maps: Sequence[NewMaps] = (),
) -> bytes:
    """Write `model` as a GLB in which each of `textures` shows its painting, with the opacity that it had.

    maps: what else each got. What is not painted stays: nodes, rigs, animations, lights, other maps byte for
    byte. Base colours give way: their pictures, factors and, where these were baked, vertex colours; so do
    those maps. Primitives with a new UV map have it as one more; where it is cut their vertices are there
    twice. `model` is changed.
    """
    tree = model.tree
    before = set(_pictures_in_use(tree))
    for number, (texture, painting) in enumerate(zip(textures, paintings, strict=True)):
        picture = _opaque_as_before(painting, texture.picture)
        images = {BASE: gltf.add_image(model, png(picture), "image/png", texture.name)}
        others = maps[number] if maps else NewMaps()
        for name, map in others.pictures.items():
            images[name] = gltf.add_image(model, encode(map), "image/png", f"{texture.name} {name[:-7]}")
        new = _New(images, {**dict.fromkeys(FACTORS.values(), 1.0), **others.factors}, {}, {})
        for key in texture.primitives:
            _dress(model, texture, key, new)
    texture_uses.drop_images(model, before - set(_pictures_in_use(tree)))
    texture_uses.mark_webp(model)
    return gltf.write(model)


def _pictures_in_use(tree: dict[str, Any]) -> list[int]:
    uses = [info for material in tree.get("materials", []) for info in texture_uses.textures_of(material)]
    return [texture_uses.source(tree["textures"][info["index"]]) for info in uses]


def _opaque_as_before(painting: Image.Image, picture: Image.Image | None) -> Image.Image:
    """`painting` with the opacity of `picture`, where that is not the same all over."""
    if picture is None or picture.getchannel("A").getextrema() == (255, 255):
        return painting.convert("RGBA" if "A" in painting.getbands() else "RGB")
    opacity = picture.getchannel("A").resize(painting.size, Image.Resampling.BOX)
    painting = painting.convert("RGB")
    painting.putalpha(opacity)
    return painting


@dataclass(frozen=True)
class _New:
    """What a texture's primitives are to show: images, by glTF's names of what they are, and FACTORS.

    textures: those made for them so far, by the name and the sampler that they keep; materials: by the one
    that they stand for and the UV map that they read.
    """

    images: dict[str, int]
    factors: dict[str, float]
    textures: dict[tuple[str, int | None], int]
    materials: dict[tuple[int | None, int], int]

    def texture(self, model: gltf.Gltf, name: str, sampler: int | None) -> int:
        """Give the index of the texture that shows image `name` by `sampler`; it is made at first."""
        if (name, sampler) not in self.textures:
            record = {"source": self.images[name]} | ({} if sampler is None else {"sampler": sampler})
            model.tree.setdefault("textures", []).append(record)
            self.textures[name, sampler] = len(model.tree["textures"]) - 1
        return self.textures[name, sampler]


def _dress(model: gltf.Gltf, texture: Texture, key: Key, new: _New) -> None:
    """Give primitive `key` a material that shows what is `new`."""
    mesh, number = key
    primitive = model.tree["meshes"][mesh]["primitives"][number]
    # -1: that which the material reads.
    uv_map = _add_uvs(model, primitive, texture.uvs[key]) if key in texture.uvs else -1
    if not texture.own:
        primitive["attributes"].pop("COLOR_0", None)
    if uv_map >= 0 and "normalTexture" in new.images:  # tangents are of the map that there was
        primitive["attributes"].pop("TANGENT", None)
    old = primitive.get("material")
    made = new.materials
    if (old, uv_map) not in made:
        materials = model.tree.setdefault("materials", [])
        material = _repainted(model, {} if old is None else materials[old], uv_map, new)
        if old is not None and _only_for(model.tree, old, texture.primitives):
            materials[old] = material
            made[old, uv_map] = old
        else:
            materials.append(material)
            made[old, uv_map] = len(materials) - 1
    primitive["material"] = made[old, uv_map]


def _only_for(tree: dict[str, Any], material: int, keys: Sequence[Key]) -> bool:
    """Whether no other primitive has the material, so that it may be changed."""
    users = {
        (mesh, number)
        for mesh, record in enumerate(tree["meshes"])
        for number, primitive in enumerate(record["primitives"])
        if primitive.get("material") == material
    }
    return users <= set(keys)


def _repainted(model: gltf.Gltf, material: dict[str, Any], uv_map: int, new: _New) -> dict[str, Any]:
    """`material` with what is `new`, by UV map `uv_map`, or if -1 by that which its base colour reads."""
    material = copy.deepcopy(material)
    if not base_slots(material):
        material["pbrMetallicRoughness"] = dict(DULL) if not material else {}
    laid: tuple[dict[str, Any], int | None] = ({}, None)
    for record, picture, factor in base_slots(material):
        info = dict(record.get(picture, {}))
        sampler = model.tree["textures"][info["index"]].get("sampler") if "index" in info else None
        if uv_map >= 0:
            info, sampler = {"texCoord": uv_map}, None
        record[picture] = info | {"index": new.texture(model, BASE, sampler)}
        laid = info, sampler
        if factor in record:
            opacity = record[factor][3] if uv_map < 0 else 1
            record[factor] = [1, 1, 1, opacity]
    _with_maps(model, material, laid, new)
    return material


def _with_maps(
    model: gltf.Gltf, material: dict[str, Any], laid: tuple[dict[str, Any], int | None], new: _New
) -> None:
    """Give `material` the new maps beside its base colour, `laid` as that is: its record, and its sampler."""
    info, sampler = laid
    for name in sorted(new.images.keys() - {BASE}):
        shown = info | {"index": new.texture(model, name, sampler)}
        if name == METALLIC_ROUGHNESS:
            glossy = material.get("extensions", {}).pop(SPECULAR_GLOSSINESS, {})
            place = material.setdefault("pbrMetallicRoughness", {})
            if "diffuseTexture" in glossy:
                place[BASE] = glossy["diffuseTexture"]
            place |= new.factors | {name: shown}
        else:
            material[name] = shown


def _add_uvs(model: gltf.Gltf, primitive: dict[str, Any], uvs: Floats) -> int:
    """Give `primitive` one more UV map, (F, 3, 2) v up, and its number. Its vertices become its own."""
    faces = gltf.triangles(model, primitive)
    assert faces is not None
    corners = np.column_stack((faces.reshape(-1), uvs.reshape(-1, 2)))
    unique, index = np.unique(corners, axis=0, return_inverse=True)
    vertices = unique[:, 0].astype(np.int64)
    for attributes in (primitive["attributes"], *primitive.get("targets", ())):
        for name, accessor in attributes.items():
            attributes[name] = _gathered(model, accessor, vertices)
    uv_map = 0
    while f"TEXCOORD_{uv_map}" in primitive["attributes"]:
        uv_map += 1
    places = (unique[:, 1:] * (1, -1) + (0, 1)).astype(np.float32)
    primitive["attributes"][f"TEXCOORD_{uv_map}"] = gltf.add_accessor(model, places, "VEC2")
    primitive["indices"] = gltf.add_accessor(model, index.reshape(-1, 1).astype(np.uint32), "SCALAR")
    primitive.pop("mode", None)
    if extensions := primitive.get("extensions"):
        for name in compressed.EXTENSIONS:
            extensions.pop(name, None)
        if not extensions:
            del primitive["extensions"]
    return uv_map


def _gathered(model: gltf.Gltf, accessor: int, vertices: Ints) -> int:
    about = model.tree["accessors"][accessor]
    return gltf.add_accessor(model, gltf.rows(model, accessor)[vertices], about["type"], about)
