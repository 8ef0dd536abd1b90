"""Compressed geometry of glTF files: Draco is decoded by DracoPy, meshopt by the package of that name.

Neither package comes with the set-up. Without it, what stands uncompressed beside the compressed is read.
"""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any

import numpy as np

from ..errors import PatinaError

DRACO = "KHR_draco_mesh_compression"
MESHOPT = ("EXT_meshopt_compression", "KHR_meshopt_compression")
EXTENSIONS = (DRACO, *MESHOPT)
# What an extension is called, and the package that decodes it: as it is installed, and as it is imported.
_BY = {DRACO: ("Draco", "DracoPy"), **dict.fromkeys(MESHOPT, ("meshopt", "meshopt"))}


def decoder(extension: str, named: str) -> ModuleType:
    """Import the package that decodes an extension of the file `named`. Raises PatinaError without it."""
    kind, package = _BY[extension]
    try:
        return importlib.import_module(package)
    except ImportError:
        raise PatinaError(
            f"{named} has compressed geometry ({kind}).",
            f"Install {package} into the backend's environment (pip install {package}), or export it again"
            " without compression.",
            "model",
        ) from None


def is_fallback(buffer: dict[str, Any]) -> bool:
    """Whether a buffer without bytes stands for what its views hold compressed elsewhere."""
    extensions = buffer.get("extensions", {})
    return "uri" not in buffer and any(extensions.get(name, {}).get("fallback") for name in MESHOPT)


def packed_view(view: dict[str, Any]) -> str | None:
    """Name the extension by which a buffer view is compressed, or None."""
    return next((name for name in MESHOPT if name in view.get("extensions", {})), None)


def unpack_view(view: dict[str, Any], buffers: list[bytes], named: str) -> bytes:
    """Decode a buffer view, and take the extension off its record. Raises ValueError for damaged bytes."""
    extension = packed_view(view)
    assert extension is not None
    meshopt = decoder(extension, named)
    about = view["extensions"].pop(extension)
    if not view["extensions"]:
        del view["extensions"]
    start, size = about.get("byteOffset", 0), about["byteLength"]
    data = buffers[about["buffer"]][start : start + size]
    if start < 0 or len(data) < size or about["count"] * about["byteStride"] != view["byteLength"]:
        raise ValueError("a compressed part of it is cut short")
    filtered = about.get("filter", "NONE")
    found = meshopt.decode_gltf_buffer(data, about["count"], about["byteStride"], about["mode"], filtered)
    return bytes(np.ascontiguousarray(found).tobytes())


def unpack_primitive(
    primitive: dict[str, Any], data: bytes, named: str
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Decode a primitive's Draco data: indices (3 F,), and by attribute (V, width).

    The extension is taken off its record. Raises ValueError for damaged bytes.
    """
    draco = decoder(DRACO, named)
    wanted = primitive["extensions"].pop(DRACO)["attributes"]
    if not primitive["extensions"]:
        del primitive["extensions"]
    try:
        mesh = draco.decode(data)
    except (draco.FileTypeException, TypeError) as error:
        raise ValueError(f"Draco cannot decode a part of it ({error})") from None
    found = {}
    for name, number in wanted.items():
        attribute = mesh.get_attribute_by_unique_id(number)
        if attribute is None:
            raise ValueError(f"its Draco data has no {name}")
        found[name] = np.asarray(attribute["data"]).reshape(len(mesh.points), -1)
    return np.asarray(mesh.faces).reshape(-1), found


def leave_out(tree: dict[str, Any]) -> None:
    """Take the compressed twins of what stands uncompressed off a file's records.

    What is written again has other bytes where a view's twin lay, and other attributes than a primitive's.
    """
    primitives = [primitive for mesh in tree.get("meshes", ()) for primitive in mesh["primitives"]]
    for record in (*tree.get("bufferViews", ()), *primitives):
        extensions = record.get("extensions", {})
        if not extensions.keys().isdisjoint(EXTENSIONS):
            kept = {name: about for name, about in extensions.items() if name not in EXTENSIONS}
            record |= {"extensions": kept}
            if not kept:
                del record["extensions"]
    forget(tree)


def forget(tree: dict[str, Any]) -> None:
    """Take the compression's extensions off the lists of those that a file uses and needs."""
    for key in ("extensionsUsed", "extensionsRequired"):
        if kept := [name for name in tree.get(key, ()) if name not in EXTENSIONS]:
            tree[key] = kept
        else:
            tree.pop(key, None)
