"""Put a finished texture on its object."""

from __future__ import annotations

import bpy

from ...backend.protocol import PatinaError
from .. import jobs
from ..scene import maps, picture, result


def apply(run: jobs.Run) -> list[bpy.types.Image]:
    """Show the textures of `run` on its object, in copies of its materials; or its picture, in the editors of
    the one that it was made from. Raises PatinaError."""
    if not run.textures:
        return [picture.show(run.texture, run.object_name, bpy.data.images.get(run.picture))]
    obj = run.find_object()
    shown = result.show(obj, run.textures, maps.shown_first(run.files))
    maps.add_maps(obj, run.folder)
    return shown


class PATINA_OT_apply(bpy.types.Operator):
    """Put the finished texture on its object"""

    bl_idname = "patina.apply"
    bl_label = "Apply Stylization"
    bl_options = {"UNDO", "INTERNAL"}

    folder: bpy.props.StringProperty(name="Job", description="The folder of the finished job")

    def execute(self, context: bpy.types.Context) -> set[str]:
        run = jobs.find(self.folder)
        if run is None:
            self.report({"ERROR"}, f"There is no job in {self.folder}.")
            return {"CANCELLED"}
        try:
            apply(run)
        except PatinaError as error:
            jobs.fail(run, error)
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        return {"FINISHED"}


classes = (PATINA_OT_apply,)
