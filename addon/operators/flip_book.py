"""A flip-book for engines of what moves in Blender."""

# No `from __future__ import annotations` here: see `properties`.

from pathlib import Path

import bpy
from bpy.props import BoolProperty, StringProperty

from ...backend.errors import PatinaError
from .. import problems
from ..export import flip_book
from ..export.copies import stylized_objects
from ..export.presets import file_stem
from ..export.run import REPLACE
from ..scene import atlas

SUFFIX = ".png"


class PATINA_OT_flip_book(bpy.types.Operator):
    """Write all textures of a stylized object that moves as one picture, row by row, for engines; the file \
beside it says how many rows and columns there are, and how fast it plays"""

    bl_idname = "patina.flip_book"
    bl_label = "Flip-Book"
    bl_options = {"UNDO"}

    filepath: StringProperty(subtype="FILE_PATH", options={"SKIP_SAVE"})
    play: BoolProperty(
        name="Play It Here",
        description="The material shows this picture, too, through a Mapping node whose location is keyed: "
        "what an engine has to do",
        options={"SKIP_SAVE"},
    )
    overwrite: BoolProperty(
        name="Replace Existing Files",
        description="Otherwise an existing file is never touched",
        options={"SKIP_SAVE"},
    )
    filter_glob: StringProperty(default=f"*{SUFFIX}", options={"HIDDEN", "SKIP_SAVE"})

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        try:
            obj = moving_object(context)
        except PatinaError as error:
            return self.fail(error)
        folder = Path(bpy.data.filepath).parent if bpy.data.filepath else Path.home()
        self.filepath = str(folder / (file_stem(obj.name) + SUFFIX))
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def draw(self, context: bpy.types.Context) -> None:
        self.layout.prop(self, "play")
        self.layout.prop(self, "overwrite")

    def execute(self, context: bpy.types.Context) -> set[str]:
        path = Path(bpy.path.abspath(self.filepath)).absolute()
        target = path if path.suffix.lower() == SUFFIX else path.with_name(path.name + SUFFIX)
        try:
            files = flip_book.write(context, moving_object(context), target, self.overwrite, self.play)
        except PatinaError as error:
            if "--overwrite" in error.cure:
                error = PatinaError(error.message, REPLACE, error.field)
            return self.fail(error)
        problems.clear("flip_book")
        self.report({"INFO"}, f"Wrote {files[0]}")
        return {"FINISHED"}

    def fail(self, error: PatinaError) -> set[str]:
        problems.tell(error, "flip_book")
        self.report({"ERROR"}, str(error))
        return {"CANCELLED"}


def moving_object(context: bpy.types.Context) -> bpy.types.Object:
    """Find the stylized object that moves: the active one, or else one that is selected, or there is.

    Raises PatinaError if there is none.
    """
    objects = stylized_objects(context, "SELECTED")
    first = [context.object] if context.object in objects else []
    return next((obj for obj in (*first, *objects) if atlas.moving(obj)), objects[0])


classes = (PATINA_OT_flip_book,)
