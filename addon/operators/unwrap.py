"""The cure for a mesh that has no usable UV map."""

from __future__ import annotations

import bpy

from ...backend.errors import PatinaError
from .. import problems
from ..scene import unwrap


class PATINA_OT_unwrap(bpy.types.Operator):
    """Give the object a new UV map, made by Smart UV Project, and stylize it. Its own maps stay"""

    bl_idname = "patina.unwrap"
    bl_label = "Unwrap and Stylize"
    bl_options = {"UNDO"}

    object: bpy.props.StringProperty(name="Object", description="Its name")

    def execute(self, context: bpy.types.Context) -> set[str]:
        obj = context.view_layer.objects.get(self.object)
        try:
            if obj is None:
                raise PatinaError(
                    f"{self.object} is not in this scene.", "Select another object.", self.object
                )
            unwrap.unwrap(obj)
        except PatinaError as error:
            problems.tell(error, self.object)
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        for other in context.selected_objects:
            other.select_set(False)
        obj.select_set(True)
        context.view_layer.objects.active = obj
        return bpy.ops.patina.stylize("EXEC_DEFAULT")


classes = (PATINA_OT_unwrap,)
