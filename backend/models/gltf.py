"""glTF 2.0 files taken apart and put together: the JSON, and its buffer views as bytes.

Whatever is not asked for stays as it was, animations, skins and extensions included.
"""

from __future__ import annotations

import base64
import json
import mimetypes
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
from numpy.typing import NDArray

from ..errors import PatinaError
from ..reading import MAX_BYTES, read_bytes, read_within
from . import compressed
from .arrays import Floats, Ints

_GLB, _JSON, _BIN = 0x46546C67, 0x4E4F534A, 0x004E4942
_COMPONENTS = {5120: "<i1", 5121: "<u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
_FOR_GPU = (b"\xabKTX ", b"DDS ")
_MIMES = {
    b"\x89PNG": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"RIFF": "image/webp",
    b"\xabKTX 20": "image/ktx2",
    b"DDS ": "image/vnd-ms.dds",
}
_WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT2": 4, "MAT3": 9, "MAT4": 16}


@dataclass
class Gltf:
    """`tree` is the JSON; `views` the bytes of each buffer view; URIs are relative to `folder`.

    name: how messages call it. notes: what a person should know of how it was read. bare: how light, of 255,
    a material without a colour is.
    """

    tree: dict[str, Any]
    views: list[bytes]
    folder: Path
    name: str = "The model"
    notes: list[str] = field(default_factory=list)
    bare: int = 255


def read(path: Path) -> Gltf:
    """Read a .glb or .gltf file. Raises PatinaError naming the file.

    It may name other files, for its buffers and pictures: only such as lie beside it, or in folders below.
    """
    try:
        return parse(read_bytes(path), path.parent, path.name)
    except PatinaError:
        raise
    except Exception as error:  # a damaged file is stumbled over in many ways
        raise PatinaError(
            f"{path.name} cannot be read: {error}.", "Export it again from where it came from.", "model"
        ) from error


def parse(data: bytes, folder: Path, name: str = "The model") -> Gltf:
    """Parse the bytes of a GLB or of a glTF's JSON, whose URIs are relative to `folder`."""
    binary = b""
    if data[:4] == b"glTF":
        data, binary = _chunks(data)
    tree = json.loads(data.decode("utf-8-sig"))
    needed = [
        extension for extension in compressed.EXTENSIONS if extension in tree.get("extensionsRequired", ())
    ]
    for extension in needed:
        compressed.decoder(extension, name)
    gltf = Gltf(tree, [], folder, name)
    buffers: list[bytes] = []
    held = 0
    for buffer in tree.get("buffers", []):
        if needed and compressed.is_fallback(buffer):
            buffers.append(b"")
        else:
            buffers.append(_bytes(gltf, buffer["uri"]) if "uri" in buffer else binary)
        held += len(buffers[-1])
        _limit(held)
    views = tree.get("bufferViews", [])
    _limit(sum(view["byteLength"] for view in views))  # they may overlap
    for view in views:
        start, size = view.get("byteOffset", 0), view["byteLength"]
        if start < 0 or size < 0:
            raise ValueError("a part of it has a negative size")
        if needed and compressed.packed_view(view):
            gltf.views.append(compressed.unpack_view(view, buffers, name))
            continue
        gltf.views.append(buffers[view["buffer"]][start : start + size])
        if len(gltf.views[-1]) < size:
            raise ValueError("it is cut short")
    if needed:
        _unpack(gltf)
    else:
        compressed.leave_out(tree)
    return gltf


def _unpack(gltf: Gltf) -> None:
    """Put plain accessors in place of primitives' Draco data, and forget that anything was compressed."""
    primitives = [primitive for mesh in gltf.tree.get("meshes", ()) for primitive in mesh["primitives"]]
    held, counted = 0, 0
    for primitive in primitives:
        if compressed.DRACO in primitive.get("extensions", {}):
            view = primitive["extensions"][compressed.DRACO]["bufferView"]
            index, values = compressed.unpack_primitive(primitive, gltf.views[view], gltf.name)
            _fill(gltf, primitive["indices"], index[:, None])
            for name, numbers in values.items():
                _fill(gltf, primitive["attributes"][name], numbers)
            held += sum(map(len, gltf.views[counted:]))
            counted = len(gltf.views)
            _limit(held)
    compressed.forget(gltf.tree)


def _fill(gltf: Gltf, index: int, values: NDArray[Any]) -> None:
    """Have accessor `index`, which had no bytes, hold `values` (N, width) of its own component type."""
    about = gltf.tree["accessors"][index]
    plain = {key: about[key] for key in ("componentType", "normalized", "min") if key in about}
    filled = gltf.tree["accessors"][add_accessor(gltf, values, about["type"], plain)]
    del gltf.tree["accessors"][-1]
    if filled["count"] != about["count"] or values.shape[1] != _WIDTHS[about["type"]]:
        raise ValueError("its Draco data has another number of values than it says")
    about |= {key: filled[key] for key in ("bufferView", "min", "max") if key in filled}
    about.pop("byteOffset", None)


def _limit(size: int) -> None:
    if size > MAX_BYTES:
        raise ValueError(f"it holds more than {MAX_BYTES / 1e6:.0f} MB")


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
    try:
        return read_within(gltf.folder, unquote(uri), "model")
    except OSError as error:
        raise PatinaError(
            f"{gltf.name} names the file {unquote(uri)[:200]}, which cannot be read"
            f" ({error.strerror or error}).",
            "Put it where the model looks for it, or export the model as one GLB.",
            "model",
        ) from None


def write(gltf: Gltf) -> bytes:
    """Write the same as one GLB."""
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
    named = json.dumps(tree, ensure_ascii=False, separators=(",", ":"))
    text = named.encode("utf-8", "backslashreplace")  # names that are no text: JSON's own escape
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
    """Read the encoded picture of image `index`."""
    image = gltf.tree["images"][index]
    return gltf.views[image["bufferView"]] if "bufferView" in image else _bytes(gltf, image["uri"])


def picture_bytes(gltf: Gltf, index: int) -> bytes:
    """Read the encoded picture of image `index`, which is to be decoded.

    Raises PatinaError where it is compressed for the GPU.
    """
    data = image_bytes(gltf, index)
    if data.startswith(_FOR_GPU):
        raise PatinaError(
            f"{gltf.name}: its picture {index} is compressed for the GPU (KTX2 or DDS).",
            "Export it with PNG, JPEG or WebP textures.",
            "model",
        )
    return data


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


def bring_pictures(gltf: Gltf) -> None:
    """Put every picture that lies beside the file into it, byte for byte, so that it can lie elsewhere.

    Raises PatinaError for one that is not there, or outside the file's folder.
    """
    for index, image in enumerate(gltf.tree.get("images") or []):
        uri = image.get("uri") if isinstance(image, dict) else None
        if not isinstance(uri, str) or uri.startswith("data:"):
            continue
        data = image_bytes(gltf, index)
        known = (mime for start, mime in _MIMES.items() if data.startswith(start))
        mime = next(known, None) or mimetypes.guess_type(uri)[0] or "application/octet-stream"
        image.setdefault("name", Path(unquote(uri)).stem)
        set_image(gltf, index, data, mime)


def accessor(gltf: Gltf, index: int) -> Floats | Ints:
    """Read the numbers of an accessor, normalised integers as floats: (N, width)."""
    about = gltf.tree["accessors"][index]
    values = rows(gltf, index)
    if not about.get("normalized"):
        return values
    most = float(np.iinfo(values.dtype.name).max)
    return np.asarray(np.maximum(values / most, -1))  # the lowest of signed ones is one too many


def rows(gltf: Gltf, index: int) -> Floats | Ints:
    """Read the numbers of an accessor as they are stored, a sparse one's in full: (N, width)."""
    about = gltf.tree["accessors"][index]
    dtype, width, count = (
        np.dtype(_COMPONENTS[about["componentType"]]),
        _WIDTHS[about["type"]],
        about["count"],
    )
    if "bufferView" in about:
        values = _numbers(gltf, about, count, dtype, width)
    else:  # zeros, but for a few
        _limit(count * width * dtype.itemsize)
        values = np.zeros((count, width), dtype)
    if "sparse" in about:
        sparse, values = about["sparse"], values.copy()
        place_of = sparse["indices"]
        places = _numbers(
            gltf, place_of, sparse["count"], np.dtype(_COMPONENTS[place_of["componentType"]]), 1
        )
        values[places[:, 0]] = _numbers(gltf, sparse["values"], sparse["count"], dtype, width)
    return values


def _numbers(
    gltf: Gltf, about: dict[str, Any], count: int, dtype: np.dtype[Any], width: int
) -> Floats | Ints:
    """(count, width) numbers of the buffer view that `about` names. Raises TypeError for one too short."""
    step = gltf.tree["bufferViews"][about["bufferView"]].get("byteStride", dtype.itemsize * width)
    data, start = gltf.views[about["bufferView"]], about.get("byteOffset", 0)
    return np.ndarray((count, width), dtype, data, start, (step, dtype.itemsize))


def add_view(gltf: Gltf, data: bytes, **about: Any) -> int:
    """Add a buffer view and give its index."""
    gltf.tree.setdefault("bufferViews", []).append({"buffer": 0, "byteLength": len(data)} | about)
    gltf.views.append(data)
    return len(gltf.views) - 1


def add_accessor(gltf: Gltf, values: Floats | Ints, kind: str, like: dict[str, Any] | None = None) -> int:
    """Add an accessor of `values` (N, width), of the type `kind`, and give its index.

    like: an accessor whose component type and normalisation it has; else floats, or whole numbers of 32 bits.
    """
    whole = np.issubdtype(values.dtype, np.integer)
    code = like["componentType"] if like else 5125 if whole else 5126
    dtype = np.dtype(_COMPONENTS[code])
    stored: NDArray[Any] = np.ascontiguousarray(values, dtype)
    about: dict[str, Any] = {"componentType": code, "count": len(values), "type": kind}
    if like and like.get("normalized"):
        about["normalized"] = True
    if like is None or "min" in like:
        about |= {"min": stored.min(0).tolist(), "max": stored.max(0).tolist()}
    room = -values.shape[1] * dtype.itemsize % 4  # vertices begin at multiples of four bytes
    stride = {}
    if room and kind != "SCALAR":
        stored = np.pad(stored, ((0, 0), (0, room // dtype.itemsize)))
        stride = {"byteStride": stored.shape[1] * dtype.itemsize}
    about["bufferView"] = add_view(gltf, stored.tobytes(), **stride)
    gltf.tree.setdefault("accessors", []).append(about)
    return len(gltf.tree["accessors"]) - 1


def add_image(gltf: Gltf, data: bytes, mime: str = "", name: str = "") -> int:
    """Add a picture, encoded, and give its index."""
    image: dict[str, Any] = {"bufferView": add_view(gltf, data)}
    image |= {key: text for key, text in (("mimeType", mime), ("name", name)) if text}
    gltf.tree.setdefault("images", []).append(image)
    return len(gltf.tree["images"]) - 1


def triangles(gltf: Gltf, primitive: dict[str, Any]) -> Ints | None:
    """List a primitive's triangles, wound as they are seen: (F, 3); None for points and lines."""
    mode = primitive.get("mode", 4)
    if mode not in (4, 5, 6):
        return None
    if "indices" in primitive:
        index = accessor(gltf, primitive["indices"])[:, 0].astype(np.int64)
    else:
        index = np.arange(gltf.tree["accessors"][primitive["attributes"]["POSITION"]]["count"])
    if mode == 4:
        return index[: len(index) // 3 * 3].reshape(-1, 3)
    if mode == 6:
        first = np.broadcast_to(index[:1], max(len(index) - 2, 0))
        return np.stack((first, index[1:-1], index[2:]), 1)
    faces = np.stack((index[:-2], index[1:-1], index[2:]), 1)
    faces[1::2] = faces[1::2, [1, 0, 2]]
    return faces
