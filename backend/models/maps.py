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
from PIL import Image

from ..pictures.decode import shallow
from ..pictures.images import MIN_SIDE
from ..rendering.frames import face_tangents
from ..rendering.mesh import MIN_UV_AREA, Mesh, build_mesh
from ..rendering.texels import Texels, fill_gutters, interpolate, locate
from . import gltf
from .arrays import Floats, Ints
from .looks import SPECULAR_GLOSSINESS, WRAPS, picture_of, sample
from .parts import Part
from .srgb import from_linear, to_linear
from .textures import Texture, repeating

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


def shown_maps(
    model: gltf.Gltf, parts: Sequence[Part], texture: Texture, size: int
) -> dict[str, Image.Image]:
    """Bake the maps of MAPS of what `texture` is painted on, as it is laid, in pictures of `size`².

    What is the same all over is a small picture. Raises PatinaError for pictures that cannot be read.
    """
    by_key = {part.key: part for part in parts}
    members = [by_key[key] for key in texture.primitives]
    laid = [_laid(part, texture) for part in members]
    corners = [part.own_order(part.vertices[part.faces]) for part in members]
    flat = np.concatenate(corners)
    mesh = build_mesh(flat.reshape(-1, 3), np.arange(3 * len(flat)).reshape(-1, 3), np.concatenate(laid))
    texels = locate(mesh, size)
    pictures: dict[int, Floats] = {}
    found: dict[str, Image.Image] = {}
    for name in MAPS:
        values, start = [], 0
        for part, places in zip(members, laid, strict=True):
            here = (texels.faces >= start) & (texels.faces < start + len(places))
            at = texels.faces[here] - start, texels.barycentric[here]
            values.append((here, _of_part(model, part, name, at, mesh, start, pictures, size)))
            start += len(places)
        found[name] = _picture(values, texels, size, name)
    return found


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
    pictures: dict[int, Floats],
    size: int,
) -> Floats:
    """(N, C) or (1, C): a map of a part at points on its faces; `first` is that of them in `mesh`."""
    primitive = model.tree["meshes"][part.key[0]]["primitives"][part.key[1]]
    index = primitive.get("material")
    material = None if index is None else model.tree["materials"][index]
    source = _source(material, name)
    uvs = None if source.info is None else _uvs(model, primitive, source.info)
    if source.info is None or uvs is None:
        return _value(material, name, source, None)
    record = model.tree["textures"][source.info["index"]]
    image = gltf.source(record)
    if image not in pictures:
        pictures[image] = _small(picture_of(model, image), size)
    sampler = model.tree["samplers"][record["sampler"]] if "sampler" in record else {}
    wraps = WRAPS[sampler.get("wrapS", 10497)], WRAPS[sampler.get("wrapT", 10497)]
    faces, barycentric = at
    places = interpolate(uvs[faces], barycentric)
    value = _value(material, name, source, sample(pictures[image], places, wraps))
    if name == "normal":
        value = _turned(value, faces, mesh.only(np.arange(first, first + len(uvs))), uvs)
    return value


def _small(picture: Image.Image, size: int) -> Floats:
    """The picture as numbers (H, W, 4), its sides at most about `size`."""
    times = max(1, min(picture.size) // size)
    picture = shallow(picture).convert("RGBA")
    return np.asarray(picture.reduce(times) if times > 1 else picture, np.float32) / 255


def _uvs(model: gltf.Gltf, primitive: dict[str, Any], info: dict[str, Any]) -> Floats | None:
    """The UVs (F, 3, 2), v up, that a use of a picture reads on a primitive; None: it has no such map."""
    name = f"TEXCOORD_{gltf.uv_map(info)}"
    faces = gltf.triangles(model, primitive)
    if name not in primitive["attributes"] or faces is None:
        return None
    uv = np.asarray(gltf.accessor(model, primitive["attributes"][name]), float)
    moved = gltf.transform(info)
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


def _picture(values: list[tuple[np.ndarray, Floats]], texels: Texels, size: int, name: str) -> Image.Image:
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
    grey = pixels[..., 0] if channels == 1 else pixels
    return Image.fromarray(np.round(np.ascontiguousarray(grey) * 255).astype(np.uint8))


def _written(value: Floats, name: str) -> Floats:
    """A map's values as a picture has them, in 0..1."""
    if name == "normal":
        value = value / np.maximum(np.linalg.norm(value, axis=1, keepdims=True), 1e-6) / 2 + 0.5
    return np.asarray(value.clip(0, 1), np.float32)
