"""A film of stylized objects."""

# No `from __future__ import annotations` here: see `properties`.

from pathlib import Path

import bpy
from bpy.props import BoolProperty, EnumProperty, IntProperty, StringProperty

from ...backend.errors import PatinaError
from ...backend.export.files import check_target
from .. import problems
from ..export import film
from ..export.copies import stylized_objects
from ..export.presets import file_stem
from ..export.run import REPLACE


class PATINA_OT_film(bpy.types.Operator):
    """Render the stylized objects as a film: turned around once, or the frames of the scene"""

    bl_idname = "patina.film"
    bl_label = "Film"

    filepath: StringProperty(subtype="FILE_PATH", options={"SKIP_SAVE"})
    what: EnumProperty(
        name="Show",
        description="What the film is of",
        items=(
            ("TURN", "Turntable", "The stylized objects, turned around once"),
            ("SCENE", "The Scene", "The scene's frames, as its camera sees them"),
        ),
    )
    kind: EnumProperty(
        name="As",
        description="The format of the film",
        items=(
            ("MP4", "MP4", "H.264, which plays everywhere"),
            ("WEBP", "WebP", "A picture that moves, for web pages"),
            ("GIF", "GIF", "A picture that moves, in 256 colours"),
        ),
    )
    frames: IntProperty(
        name="Frames",
        description="How many frames a turn takes",
        default=96,
        min=2,
        max=10_000,
    )
    size: IntProperty(
        name="Size",
        description="Pixels along a side of a turntable",
        default=720,
        min=16,
        max=8192,
    )
    overwrite: BoolProperty(
        name="Replace Existing Files",
        description="Otherwise an existing file is never touched",
        options={"SKIP_SAVE"},
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if film.current is not None:
            cls.poll_message_set("A film is being rendered; wait for it or cancel it")
        return film.current is None

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        try:
            objects = stylized_objects(context, "SELECTED")
        except PatinaError as error:
            return self.fail(error)
        folder = Path(bpy.data.filepath).parent if bpy.data.filepath else Path.home()
        self.filepath = str(folder / file_stem(objects[0].name))
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.use_property_split = True
        layout.prop(self, "what")
        layout.prop(self, "kind")
        if self.what == "TURN":
            layout.prop(self, "frames")
            layout.prop(self, "size")
        layout.prop(self, "overwrite")

    def execute(self, context: bpy.types.Context) -> set[str]:
        path = Path(bpy.path.abspath(self.filepath)).absolute()
        suffix = film.SUFFIXES[self.kind]
        target = path if path.suffix.lower() == suffix else path.with_name(path.name + suffix)
        try:
            if target.exists() and not self.overwrite:
                raise PatinaError(f"{target} is there already.", REPLACE, "film")
            check_target(target, overwrite=True)
            objects = stylized_objects(context, "SELECTED")
            turns = self.what == "TURN"
            scene = film.turn(context, objects, self.frames, self.size) if turns else film.of_scene(context)
            film.render(scene, target, self.kind)
        except PatinaError as error:
            film.leave()
            return self.fail(error)
        return {"FINISHED"}

    def fail(self, error: PatinaError) -> set[str]:
        problems.tell(error, "film")
        self.report({"ERROR"}, str(error))
        return {"CANCELLED"}


class PATINA_OT_film_cancel(bpy.types.Operator):
    """End the film that is being rendered; there will be no file"""

    bl_idname = "patina.film_cancel"
    bl_label = "Cancel"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return film.current is not None

    def execute(self, context: bpy.types.Context) -> set[str]:
        film.cancel()
        return {"FINISHED"}


classes = (PATINA_OT_film, PATINA_OT_film_cancel)
