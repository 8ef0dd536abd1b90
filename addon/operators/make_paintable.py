"""What the selection lacks to be painted: UV maps, or a mesh at all."""

from __future__ import annotations

import bpy

from ...backend.errors import PatinaError
from .. import problems
from ..scene import convert, room, unwrap
from ..scene.stage import object_mode


def needed(context: bpy.types.Context, unwrapping: bool) -> bool:
    """Whether something that is selected has no mesh, or, if `unwrapping`, no UV map with room for paint."""
    depsgraph = context.evaluated_depsgraph_get()
    return any(
        (unwrapping and _lacks_map(obj, depsgraph)) or convert.is_convertible(obj, depsgraph)
        for obj in context.selected_objects
    )


def _lacks_map(obj: bpy.types.Object, depsgraph: bpy.types.Depsgraph) -> bool:
    if obj.type != "MESH" or obj.library or obj.data.library or not obj.data.polygons:
        return False
    shown = obj.evaluated_get(depsgraph).data or obj.data
    return not (obj.data.uv_layers or shown.uv_layers) or room.lacks(obj, shown)


class PATINA_OT_make_paintable(bpy.types.Operator):
    """Give selected meshes without UVs, or with those of a palette, a UV map, and replace curves, text and
    instances by a mesh. What they were made from is kept, hidden"""

    bl_idname = "patina.make_paintable"
    bl_label = "Make Paintable"
    bl_options = {"REGISTER", "UNDO"}

    unwrap: bpy.props.BoolProperty(
        name="Unwrap",
        description="Give meshes without UVs, or with those of a palette, a UV map of their own",
        default=True,
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return bool(context.selected_objects)

    def execute(self, context: bpy.types.Context) -> set[str]:
        with object_mode(context):
            return self.make(context)

    def make(self, context: bpy.types.Context) -> set[str]:
        depsgraph = context.evaluated_depsgraph_get()
        selected = list(context.selected_objects)
        found = [obj for obj in selected if convert.is_convertible(obj, depsgraph)]
        lacking = [obj for obj in selected if obj not in found and _lacks_map(obj, depsgraph)]
        made = []
        errors = []
        for obj in found:
            try:
                made.append(convert.convert(obj, depsgraph))
                if context.view_layer.objects.active == obj:
                    context.view_layer.objects.active = made[-1]
            except PatinaError as error:
                errors.append((obj.name, error))
        context.view_layer.update()  # gives what was made its place
        lacking += [obj for obj in made if not obj.data.uv_layers]
        unwrapped = set()
        for obj in lacking if self.unwrap else ():
            if obj.data in unwrapped:  # it is the mesh of several
                continue
            unwrapped.add(obj.data)
            try:
                unwrap.unwrap(obj)
            except PatinaError as error:
                errors.append((obj.name, error))
        for name, error in errors:
            problems.tell(error, name)
            self.report({"WARNING"}, str(error))
        return {"FINISHED"}


classes = (PATINA_OT_make_paintable,)
