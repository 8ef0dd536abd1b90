"""Where a file is to go, and what that asks for. No bpy."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Preset:
    """One destination. `backend` is the backend's print preset; engines have `operator` and its `options`.

    packing: how it wants the maps of whole materials, one of packing.PACKINGS; empty: its format has them.
    """

    label: str
    about: str
    suffix: str
    icon: str
    operator: str = ""  # gltf, fbx, usd, obj, or page
    options: dict[str, Any] = field(default_factory=dict)
    texture_size: int = 2048
    texture_format: str = "PNG"
    backend: str = ""
    packing: str = ""


_FBX = {
    "object_types": {"ARMATURE", "EMPTY", "MESH"},
    "add_leaf_bones": False,  # engines would show them as bones
    "mesh_smooth_type": "FACE",  # or Unreal complains of missing smoothing groups
    "axis_forward": "-Z",
    "axis_up": "Y",
}

PRESETS = {
    "UNITY": Preset(
        "Unity",
        "FBX with its textures inside",
        ".fbx",
        "EXPORT",
        "fbx",
        _FBX | {"apply_scale_options": "FBX_SCALE_ALL"},
        packing="MetallicSmoothness",
    ),
    "UNREAL": Preset(
        "Unreal Engine",
        "FBX with its textures inside",
        ".fbx",
        "EXPORT",
        "fbx",
        _FBX | {"apply_scale_options": "FBX_SCALE_NONE"},
        4096,
        packing="ORM",
    ),
    "GODOT": Preset("Godot", "GLB with PNG textures", ".glb", "EXPORT", "gltf"),
    "WEB": Preset("Web", "GLB with small WebP textures", ".glb", "WORLD", "gltf", {}, 1024, "WEBP"),
    "USD": Preset("USD", "USD with its textures in a folder beside it", ".usdc", "EXPORT", "usd"),
    "USDZ": Preset("USDZ", "One USD package, as Apple's viewers take it", ".usdz", "EXPORT", "usd"),
    "OBJ": Preset("OBJ", "OBJ and MTL with the textures beside them", ".obj", "EXPORT", "obj"),
    "PRINT_3MF": Preset(
        "Print: 3MF", "Full-colour 3MF with its texture", ".3mf", "MESH_DATA", backend="print-3mf"
    ),
    "PRINT_OBJ": Preset(
        "Print: OBJ Zip",
        "OBJ, MTL and PNG in a zip, as print services ask for it",
        ".zip",
        "MESH_DATA",
        backend="print-obj",
    ),
    "PRINT_VRML": Preset(
        "Print: VRML Zip", "VRML97 and PNG in a zip", ".zip", "MESH_DATA", backend="print-vrml"
    ),
    "PRINT_PLY": Preset(
        "Print: PLY",
        "Vertex colours on triangles fine enough for them",
        ".ply",
        "MESH_DATA",
        backend="print-ply",
    ),
    "PRINT_STL": Preset(
        "Print: STL",
        "The shape alone, with the relief of a height map",
        ".stl",
        "MESH_DATA",
        backend="print-stl",
    ),
    "PAGE": Preset(
        "Web Page",
        "One HTML file that turns the object, before beside after",
        ".html",
        "URL",
        "page",
        {  # in the pose that is shown
            "export_animations": False,
            "export_skins": False,
            "export_current_frame": True,
            "export_morph": False,
        },
        1024,
        "WEBP",
    ),
}

TEXTURE_SUFFIXES = {"PNG": ".png", "JPEG": ".jpg", "WEBP": ".webp"}

_RESERVED = {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10))}
_LONGEST = 100  # bytes


def file_stem(name: str) -> str:
    """Make of `name` a file name that every system takes: no slashes, not too long, never empty."""
    stem = re.sub(r'[<>:"/\\|?*\x00-\x1f]', "_", name)
    stem = os.fsencode(stem)[:_LONGEST].decode("utf-8", "ignore").strip(" .")
    return f"{stem}_" if stem.lower() in _RESERVED or not stem else stem


def file_stems(names: list[str]) -> list[str]:
    """Make a file name for each of `names`, no two alike, also where case does not count."""
    stems: list[str] = []
    taken: set[str] = set()
    for name in names:
        stem = base = file_stem(name)
        number = 1
        while stem.lower() in taken:
            number += 1
            stem = f"{base}_{number}"
        taken.add(stem.lower())
        stems.append(stem)
    return stems
