"""Put a finished texture on its object."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import bpy

from ...backend.protocol import PatinaError
from .. import history, jobs, problems
from ..scene import maps, material, picture, result, sets
from ..scene.image import find as find_image
from ..scene.stage import keep_step
from ..scene.textures import Texture


def apply(run: jobs.Run) -> list[bpy.types.Image]:
    """Show the textures of `run` on its objects, in copies of their materials; or its picture, in the editors
    of the one that it was made from. Raises PatinaError.

    Of several objects, those that cannot show theirs are told of as problems, unless none can.
    """
    if run.members:
        images, failed = sets.show(run.members, run.folder, len(run.textures))
        for name, error in failed:
            problems.tell(error, name, str(run.folder))
        for image in images:
            history.sign(image, run.folder)
        return images
    if run.textures:
        return put_on(run.find_object(), run.textures, run.folder)
    image = picture.show(run.texture, run.object_name, find_image(uid=run.picture))
    history.sign(image, run.folder)
    return [image]


def put_on(obj: bpy.types.Object, textures: Sequence[Texture], folder: Path) -> list[bpy.types.Image]:
    """Show the result in `folder` on `obj`, in copies of its materials. Raises PatinaError."""
    files = history.texture_files(folder, len(textures))
    beside = maps.load(folder, obj.name + material.SUFFIX)
    try:
        images = result.show(obj, textures, maps.shown_first(files))
    except BaseException:
        beside.discard()
        raise
    maps.add(obj, beside)
    for image in images:
        history.sign(image, folder)
    return images


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
        keep_step(context)
        try:
            apply(run)
        except PatinaError as error:
            jobs.fail(run, error)
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        if run.textures or run.members:
            _show_textures(context)
        return {"FINISHED"}


def _show_textures(context: bpy.types.Context) -> None:
    """Have viewports in Solid shading, if it is as at first, show textures: the result would seem lost."""
    for window in context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "VIEW_3D" and area.spaces.active.shading.color_type == "MATERIAL":
                area.spaces.active.shading.color_type = "TEXTURE"


classes = (PATINA_OT_apply,)
