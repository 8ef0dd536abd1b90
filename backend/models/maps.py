"""What a glTF's materials are beside their base colour: the maps of the metallic-roughness model.

Each is baked to where a texture has its colours, whatever UV map or picture it comes from; normals are turned
into the tangent space of that layout.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image

from ..pictures.images import MIN_SIDE
from ..pictures.png import deep
from ..rendering.frames import face_tangents
from ..rendering.mesh import MIN_UV_AREA, Mesh, build_mesh
from ..rendering.texels import Texels, fill_gutters, interpolate, locate
from . import gltf, layout, texture_uses
from .arrays import Floats, Ints
from .looks import SPECULAR_GLOSSINESS, WRAPS, numbers_of, sample
from .parts import Part
from .srgb import from_linear, to_linear
from .textures import Texture, repeating

Pixels = NDArray[Any]  # of uint8 or uint16
MAPS = ("roughness", "metalness", "normal", "occlusion", "emission")
DULL = {"roughness": 1.0, "metalness": 0.0}  # of what has no material


@dataclass(frozen=True)
class _Source:
    """Where a material has one of its maps: a picture times a factor, or that alone.

    info: how the picture is laid, as glTF has it; channels: those of it that count.
    """

    info: dict[str, Any] | None
    channels: tuple[int, ...]
    factor: Floats


def _source(material: dict[str, Any] | None, name: str) -> _Source:
    """Find a map of a material; of None, that of a mesh without one."""
    about = {} if material is None else material
    metallic = about.get("pbrMetallicRoughness", {})
    if name in DULL:
        if material is None:
            return _Source(None, (), np.array([DULL[name]]))
        glossy = about.get("extensions", {}).get(SPECULAR_GLOSSINESS)
        if glossy is not None:
            info = glossy.get("specularGlossinessTexture") if name == "roughness" else None
            return _Source(info, (3,), np.array([glossy.get("glossinessFactor", 1.0)]))
        channel, factor = (1, "roughnessFactor") if name == "roughness" else (2, "metallicFactor")
        return _Source(
            metallic.get("metallicRoughnessTexture"), (channel,), np.array([metallic.get(factor, 1.0)])
        )
    if name == "normal":
        info = about.get("normalTexture")
        return _Source(info, (0, 1, 2), np.array([(info or {}).get("scale", 1.0)]))
    if name == "occlusion":
        info = about.get("occlusionTexture")
        return _Source(info, (0,), np.array([(info or {}).get("strength", 1.0)]))
    strength = about.get("extensions", {}).get("KHR_materials_emissive_strength", {})
    factor = np.array(about.get("emissiveFactor", (0, 0, 0)), float) * strength.get("emissiveStrength", 1)
    return _Source(about.get("emissiveTexture"), (0, 1, 2), factor)


def _value(material: dict[str, Any] | None, name: str, source: _Source, texels: Floats | None) -> Floats:
    """Compute a map (N, C) in 0..1, normals in -1..1, of its picture's `texels` (N, 4); None: no picture."""
    picked = None if texels is None else texels[:, source.channels]
    if name in DULL:
        found = source.factor * (1.0 if picked is None else picked)
        glossy = material is not None and SPECULAR_GLOSSINESS in material.get("extensions", {})
        if glossy:
            found = 1 - found if name == "roughness" else 0 * found
        return np.atleast_2d(found)
    if name == "normal":
        if picked is None:
            return np.array([[0.0, 0.0, 1.0]])
        return (2 * picked - 1) * (*np.repeat(source.factor, 2), 1)
    if name == "occlusion":
        return np.array([[1.0]]) if picked is None else 1 + source.factor * (picked - 1)
    light = source.factor * (1.0 if picked is None else to_linear(picked))
    return np.atleast_2d(from_linear(light.clip(0, 1)))


@dataclass(frozen=True)
class _Picture:
    """A picture (H, W, 4) in 0..1, made smaller perhaps, and whether it had more than 8 bits."""

    values: Floats
    is_deep: bool


def shown_maps(model: gltf.Gltf, parts: Sequence[Part], texture: Texture, size: int) -> dict[str, Pixels]:
    """Bake the maps of MAPS of what `texture` is painted on, as it is laid: (size, size, 1 or 3).

    They have 16 bits where their pictures have more than 8. What is the same all over is a small picture.
    Raises PatinaError for pictures that cannot be read.
    """
    by_key = {part.key: part for part in parts}
    members = [by_key[key] for key in texture.primitives]
    laid = [_laid(part, texture) for part in members]
    corners = [part.own_order(part.vertices[part.faces]) for part in members]
    flat = np.concatenate(corners)
    mesh = build_mesh(flat.reshape(-1, 3), np.arange(3 * len(flat)).reshape(-1, 3), np.concatenate(laid))
    texels = locate(mesh, size)
    pictures: dict[int, _Picture] = {}
    found: dict[str, Pixels] = {}
    for name in MAPS:
        values, start, is_deep = [], 0, False
        for part, places in zip(members, laid, strict=True):
            here = (texels.faces >= start) & (texels.faces < start + len(places))
            at = texels.faces[here] - start, texels.barycentric[here]
            value, of_deep = _of_part(model, part, name, at, mesh, start, pictures, size)
            values.append((here, value))
            start, is_deep = start + len(places), is_deep or of_deep
        found[name] = _picture(values, texels, size, name, is_deep)
    return found


def kept(
    model: gltf.Gltf, parts: Sequence[Part], texture: Texture, name: str
) -> tuple[NDArray[Any], float] | None:
    """Find "roughness" or "metalness" where it lies in a picture just as `texture` is laid.

    (H, W), the numbers of its channel as they are there, and the factor that they are taken times. None where
    what shows `texture` has no such picture, or several.
    """
    by_key, found = {part.key: part for part in parts}, set()
    for key in texture.primitives:
        primitive = model.tree["meshes"][key[0]]["primitives"][key[1]]
        material = model.tree["materials"][primitive["material"]] if "material" in primitive else {}
        source = _source(material, name)
        if source.info is None or SPECULAR_GLOSSINESS in material.get("extensions", {}):
            return None
        uvs = _uvs(model, primitive, source.info)
        image, wraps = _image(model, source.info)
        there = None if uvs is None else layout.folded(uvs, wraps)
        if there is None or not np.allclose(there, _laid(by_key[key], texture), atol=1e-6):
            return None
        found.add((image, source.channels[0], float(source.factor[0])))
    if len(found) != 1:
        return None
    ((image, channel, factor),) = found
    return numbers_of(model, image)[..., channel], factor


def _image(model: gltf.Gltf, info: dict[str, Any]) -> tuple[int, tuple[str, str]]:
    """The picture that a use of a texture shows, and how it goes on beyond 0..1."""
    record = model.tree["textures"][info["index"]]
    sampler = model.tree["samplers"][record["sampler"]] if "sampler" in record else {}
    return texture_uses.source(record), (
        WRAPS[sampler.get("wrapS", 10497)],
        WRAPS[sampler.get("wrapT", 10497)],
    )


def _laid(part: Part, texture: Texture) -> Floats:
    """The UVs of the part's primitive in the texture, (F, 3, 2), v up, in its own order."""
    if part.key in texture.uvs:
        return texture.uvs[part.key]
    there = repeating(part)
    assert there is not None
    return part.own_order(there)


def _of_part(
    model: gltf.Gltf,
    part: Part,
    name: str,
    at: tuple[Ints, Floats],
    mesh: Mesh,
    first: int,
    pictures: dict[int, _Picture],
    size: int,
) -> tuple[Floats, bool]:
    """(N, C) or (1, C): a map of a part at points on its faces; `first` is that of them in `mesh`.

    And whether its picture has more than 8 bits.
    """
    primitive = model.tree["meshes"][part.key[0]]["primitives"][part.key[1]]
    index = primitive.get("material")
    material = None if index is None else model.tree["materials"][index]
    source = _source(material, name)
    uvs = None if source.info is None else _uvs(model, primitive, source.info)
    if source.info is None or uvs is None:
        return _value(material, name, source, None), False
    image, wraps = _image(model, source.info)
    if image not in pictures:
        pictures[image] = _small(numbers_of(model, image), size)
    picture = pictures[image]
    faces, barycentric = at
    places = interpolate(uvs[faces], barycentric)
    value = _value(material, name, source, sample(picture.values, places, wraps))
    if name == "normal":
        value = _turned(value, faces, mesh.only(np.arange(first, first + len(uvs))), uvs)
    return value, picture.is_deep


def _small(pixels: Pixels, size: int) -> _Picture:
    """The picture (H, W, 4) with sides of at most about `size`."""
    times, is_deep = max(1, min(pixels.shape[:2]) // size), pixels.dtype == np.uint16
    if times > 1 and not is_deep:  # whole pictures of floats take four times the room
        pixels = np.asarray(Image.fromarray(pixels).reduce(times))
    values = pixels.astype(np.float32) / np.iinfo(pixels.dtype).max
    if times > 1 and is_deep:
        small = F.avg_pool2d(torch.from_numpy(values).permute(2, 0, 1)[None], times, ceil_mode=True)
        values = small[0].permute(1, 2, 0).numpy()
    return _Picture(values, is_deep)


def _uvs(model: gltf.Gltf, primitive: dict[str, Any], info: dict[str, Any]) -> Floats | None:
    """The UVs (F, 3, 2), v up, that a use of a picture reads on a primitive; None: it has no such map."""
    name = f"TEXCOORD_{texture_uses.uv_map(info)}"
    faces = gltf.triangles(model, primitive)
    if name not in primitive["attributes"] or faces is None:
        return None
    uv = np.asarray(gltf.accessor(model, primitive["attributes"][name]), float)
    moved = texture_uses.transform(info)
    return np.asarray((uv @ moved[:, :2].T + moved[:, 2])[faces] * (1, -1) + (0, 1))


def _turned(normals: Floats, faces: Ints, mesh: Mesh, uvs: Floats) -> Floats:
    """Turn `normals` (N, 3) from the tangent space of `uvs` (F, 3, 2) to that of `mesh`, which has others."""
    a, b = np.moveaxis(uvs[:, 1:] - uvs[:, :1], 1, 0)
    has_area = np.abs(a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]) > MIN_UV_AREA
    if not has_area.any() or np.allclose(mesh.uvs - mesh.uvs[:, :1], uvs - uvs[:, :1], atol=1e-6):
        return normals
    corners = mesh.corners.reshape(-1, 3)
    other = build_mesh(corners, np.arange(len(corners)).reshape(-1, 3), uvs)
    old, new = (_axes(each) for each in (other, mesh))
    turn = np.einsum("fia,fja->fij", new, old)[faces]
    flat = np.einsum("nij,nj->ni", turn, normals[:, :2])
    return np.column_stack((flat, normals[:, 2]))


def _axes(mesh: Mesh) -> Floats:
    """(F, 2, 3): tangent and bitangent of each face."""
    tangents, sides = face_tangents(mesh)
    return np.stack([tangents, np.cross(mesh.face_normals, tangents) * sides[:, None]], 1)


def _picture(
    values: list[tuple[np.ndarray, Floats]], texels: Texels, size: int, name: str, is_deep: bool
) -> Pixels:
    """Make a picture of a map's parts: which texels (U,) they are, and (N, C) or (1, C) for these."""
    channels = values[0][1].shape[1]
    plain = values[0][1][:1]
    if all(len(value) == 1 and np.array_equal(value, plain) for _, value in values):
        pixels = np.broadcast_to(_written(plain, name), (MIN_SIDE, MIN_SIDE, channels))
    else:
        used = np.zeros((len(texels.faces), channels), np.float32)
        for here, value in values:
            used[here] = _written(value, name)
        whole = np.zeros((size, size, channels), np.float32)
        whole[texels.used] = used
        filled = fill_gutters(torch.from_numpy(whole).permute(2, 0, 1), texels.used)
        pixels = filled.permute(1, 2, 0).numpy()
    return deep(pixels) if is_deep else np.round(pixels * 255).astype(np.uint8)


def _written(value: Floats, name: str) -> Floats:
    """A map's values as a picture has them, in 0..1."""
    if name == "normal":
        value = value / np.maximum(np.linalg.norm(value, axis=1, keepdims=True), 1e-6) / 2 + 0.5
    return np.asarray(value.clip(0, 1), np.float32)
