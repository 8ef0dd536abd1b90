"""A glTF made of triangles, for what comes in other formats."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import PatinaError
from . import gltf
from .arrays import Floats
from .looks import GREY
from .parts import check_uvs

_ARRAYS = ("corners", "uvs", "normals", "colors")


@dataclass(frozen=True)
class Others:
    """What a material has beside its colours, as glTF has it: pictures, PNG or JPEG or None, and numbers.

    surface: roughness in green and metal in blue, each times its number.
    """

    normal: bytes | None = None
    normal_scale: float = 1.0
    emission_picture: bytes | None = None
    emission: tuple[float, float, float] = (0.0, 0.0, 0.0)
    surface: bytes | None = None
    roughness: float = 1.0
    metallic: float = 0.0


@dataclass(frozen=True)
class Material:
    """color: linear, with opacity, or None; picture: a file's bytes; clamps: whether it ends.

    is_see_through: whether the picture's opacity counts.
    """

    name: str = ""
    color: tuple[float, float, float, float] | None = None
    picture: bytes | None = None
    clamps: bool = False
    is_see_through: bool = False
    others: Others = Others()


@dataclass(frozen=True)
class Piece:
    """Triangles of one material: corners (F, 3, 3) float64, y up; uvs (F, 3, 2), v up; normals (F, 3, 3);
    colors (F, 3, 4), linear; each of them or None."""

    corners: Floats
    uvs: Floats | None = None
    normals: Floats | None = None
    colors: Floats | None = None
    material: Material | None = None


def assembled(path: Path, pieces: Sequence[Piece], notes: Sequence[str] = ()) -> gltf.Gltf:
    """Make one mesh of all pieces, a primitive each.

    It lies around its middle if it is far away, where 32 bits are not enough.
    path: the file that it was read from. Raises PatinaError for numbers that are none.
    """
    if not any(len(piece.corners) for piece in pieces):
        raise PatinaError(f"{path.name} has no faces.", "Export a mesh.", "model")
    pieces = [whole for piece in pieces if len((whole := _broad(piece)).corners)]
    if not pieces:
        raise PatinaError(
            f"{path.name} has no surface: all its faces are points or lines.",
            "Export a mesh with faces.",
            "model",
        )
    places = np.concatenate([piece.corners.reshape(-1, 3) for piece in pieces])
    if not np.isfinite(places).all():
        raise PatinaError(
            f"{path.name} has a coordinate that is not a number.",
            "Clean the mesh up and export again.",
            "model",
        )
    low, high = places.min(0), places.max(0)
    far = np.abs(places).max() > 100 * np.ptp(places, axis=0).max()
    middle = (low + high) / 2 if far else np.zeros(3)
    model = gltf.Gltf({"asset": {"version": "2.0", "generator": "Patina"}}, [], path.parent, path.name)
    model.bare = GREY
    model.notes += notes
    materials: dict[int, int] = {}
    primitives = [_primitive(model, piece, middle, materials) for piece in pieces]
    node: dict[str, Any] = {"mesh": 0, "name": path.stem}
    if far:
        node["translation"] = middle.tolist()
    model.tree |= {
        "meshes": [{"primitives": primitives, "name": path.stem}],
        "nodes": [node],
        "scenes": [{"nodes": [0]}],
        "scene": 0,
    }
    return model


def _broad(piece: Piece) -> Piece:
    """The piece without triangles that have one place twice."""
    whole = (piece.corners != np.roll(piece.corners, 1, axis=1)).any(2).all(1)
    if whole.all():
        return piece
    kept = {name: array[whole] for name in _ARRAYS if (array := getattr(piece, name)) is not None}
    return replace(piece, **kept)


def _primitive(model: gltf.Gltf, piece: Piece, middle: Floats, materials: dict[int, int]) -> dict[str, Any]:
    arrays = {"POSITION": (piece.corners - middle).astype(np.float32)}
    if piece.normals is not None:
        arrays["NORMAL"] = piece.normals
    if piece.uvs is not None:
        check_uvs(piece.uvs, model.name)
        arrays["TEXCOORD_0"] = piece.uvs * (1, -1) + (0, 1)
    if piece.colors is not None:
        arrays["COLOR_0"] = piece.colors
    table = np.concatenate([array.reshape(-1, array.shape[-1]) for array in arrays.values()], 1)
    table = table.astype(np.float32) + np.float32(0)  # -0 and 0 are one place
    rows, index = np.unique(table, axis=0, return_inverse=True)
    attributes, column = {}, 0
    for name, array in arrays.items():
        width = array.shape[-1]
        kind = f"VEC{width}"
        attributes[name] = gltf.add_accessor(model, rows[:, column : column + width], kind)
        column += width
    indices = gltf.add_accessor(model, index.reshape(-1, 1).astype(np.uint32), "SCALAR")
    primitive: dict[str, Any] = {"attributes": attributes, "indices": indices}
    if piece.material is not None:
        if id(piece.material) not in materials:
            materials[id(piece.material)] = _add_material(model, piece.material)
        primitive["material"] = materials[id(piece.material)]
    return primitive


def _add_material(model: gltf.Gltf, material: Material) -> int:
    others = material.others
    base: dict[str, Any] = {"metallicFactor": others.metallic, "roughnessFactor": others.roughness}
    record: dict[str, Any] = {"name": material.name, "pbrMetallicRoughness": base}
    if material.color is not None:
        base["baseColorFactor"] = list(material.color)
    if material.is_see_through or (material.color is not None and material.color[3] < 1):
        record["alphaMode"] = "BLEND"
    if material.picture is not None:
        base["baseColorTexture"] = _add_texture(model, material.picture, material.clamps)
    if others.surface is not None:
        base["metallicRoughnessTexture"] = _add_texture(model, others.surface, material.clamps)
    if others.normal is not None:
        record["normalTexture"] = _add_texture(model, others.normal, material.clamps)
        if others.normal_scale != 1:
            record["normalTexture"]["scale"] = others.normal_scale
    if any(others.emission):
        record["emissiveFactor"] = list(others.emission)
    if others.emission_picture is not None:
        record["emissiveTexture"] = _add_texture(model, others.emission_picture, material.clamps)
    materials = model.tree.setdefault("materials", [])
    materials.append(record)
    return len(materials) - 1


def _add_texture(model: gltf.Gltf, picture: bytes, clamps: bool) -> dict[str, Any]:
    """Add a texture, and make the record of its use by a material."""
    mime = "image/jpeg" if picture.startswith(b"\xff\xd8") else "image/png"
    texture: dict[str, Any] = {"source": gltf.add_image(model, picture, mime)}
    if clamps:
        texture["sampler"] = len(model.tree.setdefault("samplers", []))
        model.tree["samplers"].append({"wrapS": 33071, "wrapT": 33071})
    textures = model.tree.setdefault("textures", [])
    textures.append(texture)
    return {"index": len(textures) - 1}
