"""Original, stylized, or both side by side."""

from __future__ import annotations

import bpy

from ..scene import material, memory, split


def draw(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """Draw one button each; nothing where no selected object is stylized."""
    wearers = memory.wearers()
    stylized = [obj for obj in context.selected_objects if obj in wearers]
    if not stylized:
        return
    parted = any(split.is_shown(obj) for obj in stylized)
    painted = not parted and any(memory.shows_stylized(obj) for obj in stylized)
    row = layout.row(align=True)
    for show, text, pressed in (
        ("ORIGINAL", "Original", not parted and not painted),
        ("STYLIZED", "Stylized", painted),
        ("SPLIT", "Split", parted),
    ):
        row.operator("patina.compare", text=text, depress=pressed).show = show
    shading = context.space_data.shading
    row = layout.row()
    row.use_property_split = False
    if parted and shading.type in ("SOLID", "WIREFRAME"):
        row.prop_enum(shading, "type", "MATERIAL", text="Material Preview Shows the Split")
    elif painted and shading.type == "SOLID" and not all(map(material.lies_in_active_map, stylized)):
        row.prop_enum(shading, "type", "MATERIAL", text="Material Preview Shows the Paint")
    elif painted and shading.type == "SOLID" and shading.color_type != "TEXTURE":
        row.prop_enum(shading, "color_type", "TEXTURE", text="Show Textures in the Viewport")
