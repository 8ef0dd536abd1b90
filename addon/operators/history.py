"""What can be done with an earlier result."""

from __future__ import annotations

import bpy

from ...backend.errors import PatinaError
from .. import folders, history, jobs, problems, steering
from ..scene.stage import keep_step
from . import apply
from .submit import submit

FOLDER = "The folder of the result's job"


class _OfResult:
    """What the operators below have in common: they do something with the result in `folder`."""

    folder: bpy.props.StringProperty(name="Job", description=FOLDER, options={"SKIP_SAVE"})

    def execute(self, context: bpy.types.Context) -> set[str]:
        problems.clear("history")
        try:
            return self.do(context, history.find(self.folder))
        except PatinaError as error:
            problems.tell(error, "history")
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}


class PATINA_OT_history_select(bpy.types.Operator):
    """Show what can be done with this result"""

    bl_idname = "patina.history_select"
    bl_label = "Result"
    bl_options = {"INTERNAL"}

    folder: bpy.props.StringProperty(name="Job", description=FOLDER)

    def execute(self, context: bpy.types.Context) -> set[str]:
        history.selected = "" if history.selected == self.folder else self.folder
        return {"FINISHED"}


class PATINA_OT_history_use(_OfResult, bpy.types.Operator):
    """Set the panel as it was for this result"""

    bl_idname = "patina.history_use"
    bl_label = "Use These Settings Again"
    bl_options = {"UNDO"}

    def do(self, context: bpy.types.Context, entry: history.Entry) -> set[str]:
        lost = history.use_settings(context.scene.patina, entry.settings, entry.folder)
        if lost:
            self.report({"WARNING"}, f"Cannot be set any more: {', '.join(sorted(lost))}.")
        return {"FINISHED"}


class PATINA_OT_image_settings_use(bpy.types.Operator):
    """Set the panel as it was for the result that the active object wears"""

    bl_idname = "patina.image_settings_use"
    bl_label = "Use the Object's Settings"
    bl_options = {"UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        cls.poll_message_set("The active object wears no result")
        return history.signed_image(context.active_object) is not None

    def execute(self, context: bpy.types.Context) -> set[str]:
        image = history.signed_image(context.active_object)
        try:
            lost = history.use_settings(context.scene.patina, *history.signed_with(image))
        except PatinaError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        if lost:
            self.report({"WARNING"}, f"Cannot be set any more: {', '.join(sorted(lost))}.")
        return {"FINISHED"}


class PATINA_OT_history_go_on(_OfResult, bpy.types.Operator):
    """Go on painting where this result ended"""

    bl_idname = "patina.history_go_on"
    bl_label = "Re-run with More Steps"

    steps: bpy.props.IntProperty(
        name="More Steps", description="How many steps to go on", default=100, min=1, max=10_000
    )

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        try:
            if history.find(self.folder).lacks_steps:
                return self.execute(context)  # what it lacks is known
        except PatinaError:
            return self.execute(context)  # which tells it
        return context.window_manager.invoke_props_dialog(self)

    def draw(self, context: bpy.types.Context) -> None:
        self.layout.prop(self, "steps")

    def do(self, context: bpy.types.Context, entry: history.Entry) -> set[str]:
        python = folders.backend_python()
        prepared = history.go_on(entry, None if entry.lacks_steps else self.steps)
        return submit(self, [jobs.Run(prepared, python, asked=steering.asked(context.scene, prepared))])


class PATINA_OT_history_apply(_OfResult, bpy.types.Operator):
    """Put this result on the active object, whichever it was made for; that of several objects, on those of
    them that are selected; a flat picture, into an editor"""

    bl_idname = "patina.history_apply"
    bl_label = "Apply to the Active Object"
    bl_options = {"UNDO"}

    def do(self, context: bpy.types.Context, entry: history.Entry) -> set[str]:
        if not entry.is_whole:
            raise PatinaError("This job was interrupted before its texture.", "Press Go On.", "history")
        keep_step(context)
        members = entry.job.members
        if len(members) == 1:
            members = (history.member_for(wearable(context.active_object), entry),)
        elif members:
            chosen = {obj.name for obj in context.selected_objects}
            members = tuple(member for member in members if member.name in chosen)
            if not members:
                raise PatinaError(
                    f"None of {entry.object_name} is selected.",
                    "Select the objects that should wear it; they go by their names.",
                    "selection",
                )
        images = apply.apply(entry.job, members)
        if not entry.job.members:
            self.report({"INFO"}, f"{images[0].name} is among the images of this file.")
        return {"FINISHED"}


def wearable(obj: bpy.types.Object | None) -> bpy.types.Object:
    """The active object. Raises PatinaError where there is none that could wear a result."""
    if obj is None or obj.type != "MESH":
        raise PatinaError("No mesh is active.", "Click the object that should wear it.", "selection")
    if not obj.data.uv_layers:
        raise PatinaError(
            f"{obj.name} has no UV map.", "Unwrap it as the object that this was made for.", obj.name
        )
    return obj


class PATINA_OT_history_remove(_OfResult, bpy.types.Operator):
    """Remove this result from the disk. Objects that wear it keep it"""

    bl_idname = "patina.history_remove"
    bl_label = "Remove"

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        return context.window_manager.invoke_confirm(self, event)

    def do(self, context: bpy.types.Context, entry: history.Entry) -> set[str]:
        history.remove(entry)
        return {"FINISHED"}


classes = (
    PATINA_OT_history_select,
    PATINA_OT_history_use,
    PATINA_OT_image_settings_use,
    PATINA_OT_history_go_on,
    PATINA_OT_history_apply,
    PATINA_OT_history_remove,
)
