"""glTF 2.0 files taken apart and put together: the JSON, and its buffer views as bytes.

Whatever is not asked for stays as it was, animations, skins and extensions included.
"""

from __future__ import annotations

import base64
import json
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast
from urllib.parse import unquote

import numpy as np

from ..protocol import PatinaError
from ..reading import MOST_BYTES, read_bytes, read_within
from .arrays import Floats, Ints

_GLB, _JSON, _BIN = 0x46546C67, 0x4E4F534A, 0x004E4942
_COMPONENTS = {5120: "<i1", 5121: "<u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
_WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4}


@dataclass
class Gltf:
    """`tree` is the JSON; `views` the bytes of each buffer view; URIs are relative to `folder`."""

    tree: dict[str, Any]
    views: list[bytes]
    folder: Path


def read(path: Path) -> Gltf:
    """A .glb or .gltf file. Raises PatinaError naming the file.

    It may name other files, for its buffers and pictures: only such as lie beside it, or in folders below.
    """
    try:
        return parse(read_bytes(path), path.parent)
    except PatinaError:
        raise
    except Exception as error:  # a damaged file is stumbled over in many ways
        raise PatinaError(
            f"{path.name} cannot be read: {error}.", "Export it again from where it came from.", "model"
        ) from error


def parse(data: bytes, folder: Path) -> Gltf:
    """The bytes of a GLB or of a glTF's JSON, whose URIs are relative to `folder`."""
    binary = b""
    if data[:4] == b"glTF":
        data, binary = _chunks(data)
    tree = json.loads(data)
    gltf = Gltf(tree, [], folder)
    buffers: list[bytes] = []
    for buffer in tree.get("buffers", []):
        buffers.append(_bytes(gltf, buffer["uri"]) if "uri" in buffer else binary)
        _limit(sum(map(len, buffers)))
    views = tree.get("bufferViews", [])
    _limit(sum(view["byteLength"] for view in views))  # they may overlap
    for view in views:
        start, size = view.get("byteOffset", 0), view["byteLength"]
        if start < 0 or size < 0:
            raise ValueError("a part of it has a negative size")
        gltf.views.append(buffers[view["buffer"]][start : start + size])
        if len(gltf.views[-1]) < size:
            raise ValueError("it is cut short")
    return gltf


def _limit(size: int) -> None:
    if size > MOST_BYTES:
        raise ValueError(f"it holds more than {MOST_BYTES / 1e6:.0f} MB")


def _chunks(data: bytes) -> tuple[bytes, bytes]:
    _, _, length = struct.unpack_from("<III", data)
    if length > len(data):
        raise ValueError("it is cut short")
    size, kind = struct.unpack_from("<II", data, 12)
    if kind != _JSON:
        raise ValueError("its first chunk is not JSON")
    rest = 20 + size
    if rest + 8 > length:
        return data[20:rest], b""
    size, _ = struct.unpack_from("<II", data, rest)
    return data[20:rest], data[rest + 8 : rest + 8 + size]


def _bytes(gltf: Gltf, uri: str) -> bytes:
    if uri.startswith("data:"):
        return base64.b64decode(uri.split(",", 1)[1])
    return read_within(gltf.folder, unquote(uri), "model")


def write(gltf: Gltf) -> bytes:
    """The same as one GLB."""
    tree = dict(gltf.tree)
    _drop_animation_strides(tree)
    binary = bytearray()
    views = []
    for view, data in zip(tree.get("bufferViews", []), gltf.views, strict=True):
        binary += bytes(-len(binary) % 4)
        views.append(view | {"buffer": 0, "byteOffset": len(binary), "byteLength": len(data)})
        binary += data
    binary += bytes(-len(binary) % 4)
    tree |= {"bufferViews": views, "buffers": [{"byteLength": len(binary)}]}
    text = json.dumps(tree, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 4)
    head = struct.pack("<III", _GLB, 2, 12 + 8 + len(text) + 8 + len(binary))
    return b"".join(
        (head, struct.pack("<II", len(text), _JSON), text, struct.pack("<II", len(binary), _BIN), binary)
    )


def _drop_animation_strides(tree: dict[str, Any]) -> None:
    """Take byteStride off animation data that is tight anyway: some exporters write it, glTF forbids it."""
    samplers = [sampler for animation in tree.get("animations", []) for sampler in animation["samplers"]]
    for index in {sampler[end] for sampler in samplers for end in ("input", "output")}:
        about = tree["accessors"][index]
        if "bufferView" not in about:
            continue
        view = tree["bufferViews"][about["bufferView"]]
        if (
            view.get("byteStride")
            == np.dtype(_COMPONENTS[about["componentType"]]).itemsize * _WIDTHS[about["type"]]
        ):
            del view["byteStride"]


def image_bytes(gltf: Gltf, index: int) -> bytes:
    """The encoded picture of image `index`."""
    image = gltf.tree["images"][index]
    return gltf.views[image["bufferView"]] if "bufferView" in image else _bytes(gltf, image["uri"])


def set_image(gltf: Gltf, index: int, data: bytes, mime: str) -> None:
    """Replace image `index`'s picture; from now on it lies in a buffer view."""
    image = gltf.tree["images"][index]
    image.pop("uri", None)
    if "bufferView" not in image:
        image["bufferView"] = len(gltf.views)
        gltf.tree.setdefault("bufferViews", []).append({"buffer": 0})
        gltf.views.append(b"")
    image["mimeType"] = mime
    gltf.views[image["bufferView"]] = data


def accessor(gltf: Gltf, index: int) -> Floats | Ints:
    """(N, width) numbers of an accessor; normalised integers as floats."""
    about = gltf.tree["accessors"][index]
    if "sparse" in about or "bufferView" not in about:
        raise PatinaError("The model has sparse UVs.", "Export it without sparse accessors.", "model")
    dtype, width = np.dtype(_COMPONENTS[about["componentType"]]), _WIDTHS[about["type"]]
    step = gltf.tree["bufferViews"][about["bufferView"]].get("byteStride", dtype.itemsize * width)
    values = np.ndarray(
        (about["count"], width),
        dtype,
        gltf.views[about["bufferView"]],
        about.get("byteOffset", 0),
        (step, dtype.itemsize),
    )
    return values / np.iinfo(dtype).max if about.get("normalized") else values


@dataclass(frozen=True)
class Slot:
    """A material's use of a texture."""

    material: int
    name: str  # baseColorTexture, normalTexture, …
    image: int
    uv_map: int


def slots(gltf: Gltf) -> list[Slot]:
    """Every use of a texture by a material."""
    found: list[Slot] = []

    def search(material: int, value: object) -> None:
        if not isinstance(value, dict):
            return
        for key, inner in value.items():
            if key.endswith("Texture") and isinstance(inner, dict) and "index" in inner:
                if "KHR_texture_transform" in inner.get("extensions", {}):
                    raise PatinaError(
                        "The model moves or scales its texture (KHR_texture_transform).",
                        "Apply the Mapping node to the UV map and export again.",
                        "model",
                    )
                image = source(gltf.tree["textures"][inner["index"]])
                found.append(Slot(material, key, image, inner.get("texCoord", 0)))
            else:
                search(material, inner)

    for index, material in enumerate(gltf.tree.get("materials", [])):
        search(index, material)
    return found


def source(texture: dict[str, Any]) -> int:
    """The index of a texture's image."""
    extensions = texture.get("extensions", {})
    if "EXT_texture_webp" in extensions:
        return cast(int, extensions["EXT_texture_webp"]["source"])
    if "source" not in texture:
        raise PatinaError(
            "The model's textures are compressed for the GPU (KTX2 or similar).",
            "Export it with PNG, JPEG or WebP textures.",
            "model",
        )
    return cast(int, texture["source"])


def uvs_of(gltf: Gltf, materials: set[tuple[int, int]]) -> Floats:
    """(F, 3, 2) the triangles' UVs, v down as glTF has it, under each (material, UV map) of `materials`."""
    found: list[Floats] = [np.zeros((0, 3, 2))]
    for mesh in gltf.tree.get("meshes", []):
        for primitive in mesh["primitives"]:
            if primitive.get("mode", 4) != 4:
                continue
            for material, uv_map in materials:
                name = f"TEXCOORD_{uv_map}"
                if primitive.get("material") == material and name in primitive["attributes"]:
                    uv = np.asarray(accessor(gltf, primitive["attributes"][name]), float)
                    index = (
                        accessor(gltf, primitive["indices"])[:, 0]
                        if "indices" in primitive
                        else np.arange(len(uv))
                    )
                    found.append(uv[index].reshape(-1, 3, 2))
    return np.concatenate(found)
