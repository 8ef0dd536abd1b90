"""What the artist sets for an export."""

import bpy
from bpy.props import BoolProperty, EnumProperty, FloatProperty, PointerProperty

from .presets import PRESETS

# No `from __future__ import annotations` here: see `addon.properties`.


def _take_presets_textures(settings: "PatinaExport", context: bpy.types.Context) -> None:
    preset = PRESETS[settings.preset]
    settings.texture_size = str(preset.texture_size)
    settings.texture_format = preset.texture_format


class PatinaExport(bpy.types.PropertyGroup):
    """Where to, and how."""

    preset: EnumProperty(
        name="For",
        description="Where the file is to go; sets format, axes and scale, and what textures it gets",
        items=[
            (name, preset.label, preset.about, preset.icon, number)
            for number, (name, preset) in enumerate(PRESETS.items())
        ],
        default="GODOT",
        update=_take_presets_textures,
    )
    scope: EnumProperty(
        name="Objects",
        description="Which stylized objects",
        items=(("SELECTED", "Selected", ""), ("ALL", "All Stylized", "Every stylized object of the scene")),
    )
    files: EnumProperty(
        name="Files",
        description="How several objects are written",
        items=(
            ("ONE", "One File", "All objects in one file, where they stand"),
            ("EACH", "One Each", "A file for each object, named after it"),
        ),
    )
    texture_size: EnumProperty(
        name="Textures up to",
        description="Larger textures are made smaller; sides become powers of two",
        items=tuple((str(size), f"{size} px", "") for size in (256, 512, 1024, 2048, 4096, 8192)),
        default="2048",
    )
    texture_format: EnumProperty(
        name="Format",
        description="How textures are stored. Normal maps and other data are never stored as JPEG",
        items=(
            ("PNG", "PNG", "Without loss"),
            ("JPEG", "JPEG", "Small; without transparency"),
            ("WEBP", "WebP", "Smaller still; for the web and for engines that read it"),
        ),
    )
    size_mm: FloatProperty(
        name="Size (mm)",
        description="The print's longest side in millimetres",
        default=80.0,
        min=1.0,
        max=10_000.0,
        precision=1,
    )
    min_wall_mm: FloatProperty(
        name="Wall (mm)",
        description="The print check warns of walls thinner than this. Ask your print service",
        default=1.0,
        min=0.05,
        max=50.0,
        precision=2,
    )
    repair: BoolProperty(
        name="Repair the Copy",
        description="Close small holes, remove doubled faces, turn faces outwards: in the printed file only",
    )
    height: PointerProperty(
        name="Height Map",
        description="A grey image that becomes real relief: black is the surface, white stands out",
        type=bpy.types.Image,
    )
    relief_mm: FloatProperty(
        name="Relief (mm)",
        description="How far white stands out",
        default=0.6,
        min=0.01,
        max=20.0,
        precision=2,
    )


classes = (PatinaExport,)


def register() -> None:
    bpy.types.Scene.patina_export = PointerProperty(type=PatinaExport)


def unregister() -> None:
    del bpy.types.Scene.patina_export
