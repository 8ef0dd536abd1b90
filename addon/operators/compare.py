"""Switch between an object's own materials, its stylized ones, and both side by side."""

from __future__ import annotations

import bpy

from ..scene import material, memory, split
from ..scene.stage import keep_step


class PATINA_OT_compare(bpy.types.Operator):
    """Show the original materials or the stylized ones. All are kept"""

    bl_idname = "patina.compare"
    bl_label = "Compare"
    bl_options = {"REGISTER", "UNDO"}

    show: bpy.props.EnumProperty(
        name="Show",
        items=(
            ("OTHER", "The Other", "The original where the result is shown, and the other way round"),
            ("ORIGINAL", "Original", "Your own materials"),
            ("STYLIZED", "Stylized", "The result"),
            (
                "SPLIT",
                "Split",
                "The original on the left of the view, the result on the right. "
                "In Material Preview and Rendered; Solid shading cannot show it",
            ),
        ),
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return not memory.wearers().isdisjoint(context.selected_objects)

    @classmethod
    def description(cls, context: bpy.types.Context, properties: bpy.types.OperatorProperties) -> str:
        items = properties.bl_rna.properties["show"].enum_items
        return f"{items[properties.show].description}. All are kept"

    def execute(self, context: bpy.types.Context) -> set[str]:
        keep_step(context)
        objects = context.selected_objects
        if self.show == "SPLIT":
            for obj in objects:
                split.show(obj)
            return {"FINISHED"}
        for obj in objects:
            split.remove(obj)
        # Several may share a mesh with its materials, and so be turned over by the first of them.
        before = {obj: memory.shows_stylized(obj) for obj in objects}
        for obj in objects:
            wanted = not before[obj] if self.show == "OTHER" else self.show == "STYLIZED"
            if memory.shows_stylized(obj) != wanted:
                material.compare(obj)
        return {"FINISHED"}


classes = (PATINA_OT_compare,)
