"""Switch between an object's own materials and its stylized ones."""

from __future__ import annotations

import bpy

from ..scene import material


class PATINA_OT_compare(bpy.types.Operator):
    """Show the original materials, or the stylized ones again. Both are kept"""

    bl_idname = "patina.compare"
    bl_label = "Compare"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return any(obj.patina.slots for obj in context.selected_objects)

    def execute(self, context: bpy.types.Context) -> set[str]:
        for obj in context.selected_objects:
            material.compare(obj)
        return {"FINISHED"}


classes = (PATINA_OT_compare,)
