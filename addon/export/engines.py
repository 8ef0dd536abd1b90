"""Files for game engines, by Blender's own exporters."""

from __future__ import annotations

import dataclasses
import tempfile
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import bpy
import numpy as np

from ...backend.errors import PatinaError
from ...backend.export.files import check_target, write_file
from ..scene import memory, whole
from .copies import copies
from .packing import write_packed
from .presets import Preset, file_stem
from .textures import write_texture

_FBX_END = bytes.fromhex("f85a8c6adef5d97eece90ce3758f290b")


@dataclass
class Written:
    """What an export left: the files, and each texture's bleed by mip level, in steps of 255."""

    files: list[Path] = field(default_factory=list)
    bleed: dict[str, list[float]] = field(default_factory=dict)


def export(
    context: bpy.types.Context,
    objects: list[bpy.types.Object],
    preset: Preset,
    path: Path,
    texture_size: int,
    texture_format: str,
    overwrite: bool,
) -> Written:
    """Write the stylized `objects` to `path`. Raises PatinaError; what was there is then still there."""
    check_target(path, overwrite)
    written = Written()
    with tempfile.TemporaryDirectory(prefix="patina-export-", ignore_cleanup_errors=True) as folder:
        sources, output = Path(folder, "textures"), Path(folder, "output")
        sources.mkdir()
        output.mkdir()
        made: dict[tuple[bpy.types.Image, bytes], Path] = {}

        def replace(image: bpy.types.Image, uvs: np.ndarray) -> bpy.types.Image:
            key = (image, uvs.tobytes())
            if key not in made:
                stem = file_stem(image.name).replace(" ", "_")  # an MTL's names end at a space
                stem += f"_{len(made)}" if made else ""
                made[key], bleed = write_texture(image, uvs, sources, stem, texture_size, texture_format)
                written.bleed[image.name] = bleed
            new = bpy.data.images.load(str(made[key]))
            new.colorspace_settings.name = image.colorspace_settings.name
            return new

        with copies(context, objects, replace) as stand_ins:
            run(_with_tangents(preset, objects, stand_ins), output / path.name)
        if preset.packing:
            _pack(objects, {image: file for (image, _), file in made.items()}, preset.packing, output)
        files = sorted(file for file in output.rglob("*") if file.is_file())
        _check_whole(output / path.name)
        targets = [path.parent / file.relative_to(output) for file in files]
        for target in targets:
            target.parent.mkdir(parents=True, exist_ok=True)
            check_target(target, overwrite)
        for file, target in zip(files, targets, strict=True):
            write_file(target, file.read_bytes())
        written.files = targets
    return written


def _with_tangents(
    preset: Preset, objects: list[bpy.types.Object], stand_ins: list[bpy.types.Object]
) -> Preset:
    """Let glTF have the tangents that painted normals are relative to: what readers make is coarser."""
    worn = (material for obj in objects for material in memory.stylized_materials(obj))
    if preset.operator != "gltf" or not any(map(whole.is_shown, worn)):
        return preset
    if any(len(obj.data.uv_layers) > 1 for obj in stand_ins):  # nobody says of which map they would be
        return preset
    return dataclasses.replace(preset, options=dict(preset.options) | {"export_tangents": True})


def _pack(
    objects: list[bpy.types.Object], written: dict[bpy.types.Image, Path], packing: str, folder: Path
) -> None:
    """Write the packed maps of the whole materials that `objects` wear; others are exported without."""
    worn = [material for obj in objects for material in memory.stylized_materials(obj)]
    for stylized in filter(whole.is_shown, dict.fromkeys(worn)):
        write_packed(stylized, written, packing, folder)


def run(preset: Preset, path: Path) -> None:
    """Write what is selected to `path`, by the preset's exporter. Raises PatinaError."""
    try:
        _EXPORTERS[preset.operator](path, dict(preset.options))
    except (RuntimeError, AttributeError, TypeError) as error:
        if "could not be found" in str(error):
            raise PatinaError(
                f"Blender's {preset.operator.upper()} exporter is switched off.",
                "Switch it on in Preferences > Add-ons.",
                "preset",
            ) from None
        raise PatinaError(
            f"Blender's {preset.operator.upper()} exporter failed: {str(error).strip()}",
            "Try another preset, and please report this.",
            "preset",
        ) from error


def _gltf(path: Path, options: dict) -> None:
    bpy.ops.export_scene.gltf(
        filepath=str(path),
        export_format="GLB",
        use_selection=True,
        export_apply=not any(
            obj.data.shape_keys for obj in bpy.context.selected_objects if obj.type == "MESH"
        ),
        export_image_format="AUTO",
        export_yup=True,
        **options,
    )


def _fbx(path: Path, options: dict) -> None:
    bpy.ops.export_scene.fbx(
        filepath=str(path), use_selection=True, path_mode="COPY", embed_textures=True, **options
    )


def _usd(path: Path, options: dict) -> None:
    known = bpy.ops.wm.usd_export.get_rna_type().properties.keys()
    options |= {  # not all of them are in every Blender from 4.2 on
        "export_textures": True,
        "export_textures_mode": "NEW",
        "export_armatures": True,
        "convert_orientation": True,
        "export_global_forward_selection": "NEGATIVE_Z",
        "export_global_up_selection": "Y",
        "root_prim_path": "/root",
    }
    bpy.ops.wm.usd_export(
        filepath=str(path),
        selected_objects_only=True,
        export_animation=True,
        export_materials=True,
        overwrite_textures=True,
        relative_paths=True,
        **{name: value for name, value in options.items() if name in known},
    )


def _obj(path: Path, options: dict) -> None:
    bpy.ops.wm.obj_export(
        filepath=str(path),
        export_selected_objects=True,
        path_mode="COPY",
        export_triangulated_mesh=True,
        **options,
    )


_EXPORTERS = {"gltf": _gltf, "fbx": _fbx, "usd": _usd, "obj": _obj}


def _check_whole(path: Path) -> None:
    """Raise PatinaError if an exporter left half a file, as some do without a word when the disk is full."""
    data = path.read_bytes() if path.is_file() else b""
    whole = {
        ".glb": len(data) > 12 and int.from_bytes(data[8:12], "little") == len(data),
        ".fbx": data.endswith(_FBX_END),
        ".usdz": bool(data) and zipfile.is_zipfile(path),
        ".usdc": data.startswith(b"PXR-USDC"),
        ".obj": data.endswith(b"\n"),
    }
    if not whole[path.suffix]:
        raise PatinaError(
            f"Blender's exporter left no whole {path.suffix} file.", "See whether the disk is full.", "out"
        )
