"""Put a finished texture on its object."""

from __future__ import annotations

from collections.abc import Sequence

import bpy

from ...backend.errors import PatinaError
from .. import history, jobs, problems
from ..scene import earlier, picture, sets
from ..scene.image import find as find_image
from ..scene.records import Member, Prepared
from ..scene.stage import keep_step


def apply(job: Prepared, members: Sequence[Member]) -> list[bpy.types.Image]:
    """Show the result of `job` on `members`, in copies of their materials; or its picture, in the editors of
    the one that it was made from, or where there is place. Gives the images, signed. Raises PatinaError.

    Of several objects, those that cannot show theirs are told of as problems, unless none can. Results that
    they wore before are removed where nothing else uses them.
    """
    before: list[bpy.types.Material] = []
    if members:
        before = earlier.worn(sets.present(members))
        images, failed = sets.show(job, members)
        earlier.remember(new for new in earlier.worn(sets.present(members)) if new not in before)
        for name, error in failed:
            problems.tell(error, name, str(job.folder))
    else:
        source = find_image(uid=job.picture)
        images = [picture.show(job.files[0], job.name, source, anywhere=not job.picture)]
    for image in images:
        history.stamp(image, job.folder)
    earlier.remove(before, history.FOLDER_KEY)
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
            if not run.is_at_home:
                raise PatinaError(
                    f"{run.object_name} is no longer in this file.",
                    f"Its texture is kept in History: {run.texture}.",
                    run.object_name,
                )
            apply(run.job, run.job.members)
        except PatinaError as error:
            jobs.fail(run, error)
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        if run.job.members:
            _show_textures(context)
        return {"FINISHED"}


def _show_textures(context: bpy.types.Context) -> None:
    """Have viewports in Solid shading, if it is as at first, show textures: the result would seem lost."""
    for window in context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "VIEW_3D" and area.spaces.active.shading.color_type == "MATERIAL":
                area.spaces.active.shading.color_type = "TEXTURE"


classes = (PATINA_OT_apply,)
