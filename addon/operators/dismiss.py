"""Take a problem off the panel."""

from __future__ import annotations

import bpy

from .. import problems


class PATINA_OT_dismiss(bpy.types.Operator):
    """Take this off the panel"""

    bl_idname = "patina.dismiss"
    bl_label = "Dismiss"
    bl_options = {"INTERNAL"}

    number: bpy.props.IntProperty(description="Which of those that are shown", min=0)

    def execute(self, context: bpy.types.Context) -> set[str]:
        if self.number >= len(problems.shown):
            return {"CANCELLED"}
        del problems.shown[self.number]
        return {"FINISHED"}


classes = (PATINA_OT_dismiss,)
