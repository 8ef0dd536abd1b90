"""A glTF that wears painted textures, and is otherwise as it was."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image

from ..models import compressed, gltf
from ..models.arrays import Floats, Ints
from ..models.looks import base_slots
from ..models.textures import Key, Texture
from .encode import png

DULL = {"metallicFactor": 0.0, "roughnessFactor": 1.0}  # of what had no material


def wear(model: gltf.Gltf, textures: Sequence[Texture], paintings: Sequence[Image.Image]) -> bytes:
    """Write `model` as a GLB in which each of `textures` shows its painting, with the opacity that it had.

    What is not painted stays: nodes, rigs, animations, lights, other maps byte for byte. Base colours give
    way: their pictures, factors and, where these were baked, vertex colours. Primitives with a new UV map
    have it as one more; where it is cut their vertices are there twice. `model` is changed.
    """
    tree = model.tree
    before = set(_pictures_in_use(tree))
    for texture, painting in zip(textures, paintings, strict=True):
        picture = _opaque_as_before(painting, texture.picture)
        image = gltf.add_image(model, png(picture), "image/png", texture.name)
        of_sampler: dict[int | None, int] = {}
        made: dict[tuple[int | None, int], int] = {}
        for key in texture.primitives:
            _dress(model, texture, key, image, of_sampler, made)
    gltf.drop_images(model, before - set(_pictures_in_use(tree)))
    gltf.mark_webp(model)
    return gltf.write(model)


def _pictures_in_use(tree: dict[str, Any]) -> list[int]:
    uses = [info for material in tree.get("materials", []) for info in gltf.textures_of(material)]
    return [gltf.source(tree["textures"][info["index"]]) for info in uses]


def _opaque_as_before(painting: Image.Image, picture: Image.Image | None) -> Image.Image:
    """`painting` with the opacity of `picture`, where that is not the same all over."""
    if picture is None or picture.getchannel("A").getextrema() == (255, 255):
        return painting.convert("RGBA" if "A" in painting.getbands() else "RGB")
    opacity = picture.getchannel("A").resize(painting.size, Image.Resampling.BOX)
    painting = painting.convert("RGB")
    painting.putalpha(opacity)
    return painting


def _dress(
    model: gltf.Gltf,
    texture: Texture,
    key: Key,
    image: int,
    of_sampler: dict[int | None, int],
    made: dict[tuple[int | None, int], int],
) -> None:
    """Give primitive `key` a material that shows `image`.

    of_sampler: the textures made for it so far, by the sampler that they keep; made: the materials, by the
    one that they stand for and the UV map that they read.
    """
    mesh, number = key
    primitive = model.tree["meshes"][mesh]["primitives"][number]
    # -1: that which the material reads.
    uv_map = _add_uvs(model, primitive, texture.uvs[key]) if key in texture.uvs else -1
    if not texture.own:
        primitive["attributes"].pop("COLOR_0", None)
    old = primitive.get("material")
    if (old, uv_map) not in made:
        materials = model.tree.setdefault("materials", [])
        material = _repainted(model, {} if old is None else materials[old], uv_map, image, of_sampler)
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


def _repainted(
    model: gltf.Gltf, material: dict[str, Any], uv_map: int, image: int, of_sampler: dict[int | None, int]
) -> dict[str, Any]:
    """`material` with `image` as its base colour, by UV map `uv_map`, or if -1 by that which it reads."""
    material = copy.deepcopy(material)
    if not base_slots(material):
        material["pbrMetallicRoughness"] = dict(DULL) if not material else {}
    for record, picture, factor in base_slots(material):
        info = dict(record.get(picture, {}))
        sampler = model.tree["textures"][info["index"]].get("sampler") if "index" in info else None
        if uv_map >= 0:
            info, sampler = {"texCoord": uv_map}, None
        if sampler not in of_sampler:
            textures = model.tree.setdefault("textures", [])
            textures.append({"source": image} | ({} if sampler is None else {"sampler": sampler}))
            of_sampler[sampler] = len(textures) - 1
        record[picture] = info | {"index": of_sampler[sampler]}
        if factor in record:
            opacity = record[factor][3] if uv_map < 0 else 1
            record[factor] = [1, 1, 1, opacity]
    return material


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
