"""Paint the image of an Image Editor."""

# No `from __future__ import annotations` here: see `properties`.

import bpy

from ...backend.errors import PatinaError
from .. import folders, jobs, problems, steering
from ..given import given, of_operator, properties_of
from ..properties.settings import PatinaSettings
from ..scene import job, picture
from .submit import submit


def prepare(
    settings: bpy.types.PropertyGroup,
    image: bpy.types.Image | None,
    user: bpy.types.ImageUser | None = None,
    steered: bool = True,
) -> jobs.Run:
    """Write a job for `image`, ready to be submitted; `user` says which frame shows.

    steered: by the panel, while it runs. Raises PatinaError.
    """
    python = folders.backend_python()
    job.remove_old(folders.jobs(), [run.folder for run in jobs.queue])
    prepared = picture.write(image, settings, folders.jobs(), user)
    asked = steering.asked(settings.id_data, prepared) if steered else None
    return jobs.Run(prepared, python, asked=asked)


class PATINA_OT_paint_image(bpy.types.Operator):
    """Make a new image from the one that is open here, and show it. The open one stays as it is"""

    bl_idname = "patina.paint_image"
    bl_label = "Paint Image"

    # As with `patina.stylize`.
    __annotations__ = properties_of(PatinaSettings) | {
        "image": bpy.props.StringProperty(
            name="Image", description="The image to work on, by name; empty for the one that is open here"
        )
    }

    def execute(self, context: bpy.types.Context) -> set[str]:
        problems.clear("image")
        image = bpy.data.images.get(self.image) or getattr(context.space_data, "image", None)
        is_open = image == getattr(context.space_data, "image", None)
        user = getattr(context.space_data, "image_user", None) if is_open else None
        try:
            values = of_operator(self)
            with given(context.scene.patina, values):
                run = prepare(context.scene.patina, image, user, steered=not set(values) - {"image"})
        except PatinaError as error:
            problems.tell(error, "image")
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        return submit(self, [run])


classes = (PATINA_OT_paint_image,)
