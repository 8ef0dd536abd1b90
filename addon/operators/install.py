"""Set up the backend, keep it well, give it weights, and give its place back."""

# No `from __future__ import annotations` here: see `properties`.

from pathlib import Path

import bpy
from bpy.props import StringProperty

from ...backend.errors import PatinaError
from .. import folders, installation, jobs, studio
from ..installation import FETCH_WEIGHTS, REMOVE, REPAIR, SET_UP, TAKE_WEIGHTS, VERIFY, known


class _Work:
    """What the operators below have in common: they start a verb, and wait for it only without a window."""

    verb: str

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if jobs.queue and cls.verb in (SET_UP, REPAIR, REMOVE):  # they change what a job runs in
            reason = "A job is running; wait for it or cancel it"
        else:
            reason = installation.may_begin(cls.verb)
        if reason:
            cls.poll_message_set(reason)
        return not reason

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            self.begin()
        except PatinaError as error:
            known.error = error
        if bpy.app.background:
            installation.run_to_end()
        if known.error is not None:
            self.report({"ERROR"}, str(known.error))
            return {"CANCELLED"}
        if known.message:
            self.report({"INFO"}, known.message)
        return {"FINISHED"}

    def begin(self) -> None:
        installation.begin(self.verb)


class PATINA_OT_set_up(_Work, bpy.types.Operator):
    """Make the backend: download torch and what else it needs into a folder of its own. Blender's own Python
    is left alone. It can be stopped at any time, and goes on from there"""

    bl_idname = "patina.set_up"
    bl_label = "Set Up"
    verb = SET_UP


class PATINA_OT_update(_Work, bpy.types.Operator):
    """Bring the backend along to this version of Patina. Packages that have not changed stay"""

    bl_idname = "patina.update"
    bl_label = "Update"
    verb = SET_UP


class PATINA_OT_verify(_Work, bpy.types.Operator):
    """Have the doctor look at the backend and run one tiny job"""

    bl_idname = "patina.verify"
    bl_label = "Verify"
    verb = VERIFY


class PATINA_OT_repair(_Work, bpy.types.Operator):
    """Make the backend anew. Everything is downloaded again"""

    bl_idname = "patina.repair"
    bl_label = "Repair"
    verb = REPAIR

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        return context.window_manager.invoke_confirm(self, event)


class PATINA_OT_remove(_Work, bpy.types.Operator):
    """Remove the backend and give back its gigabytes. Settings, images and materials stay"""

    bl_idname = "patina.remove"
    bl_label = "Remove"
    verb = REMOVE

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        return context.window_manager.invoke_confirm(self, event)


class PATINA_OT_fetch_weights(_Work, bpy.types.Operator):
    """Download a network's weights, as torchvision offers them. It can be stopped, and goes on from there"""

    bl_idname = "patina.fetch_weights"
    bl_label = "Download Weights"
    verb = FETCH_WEIGHTS

    network: StringProperty(name="Network", description="Whose weights to download")

    def begin(self) -> None:
        installation.fetch_weights(self.network)


class PATINA_OT_choose_weights_file(_Work, bpy.types.Operator):
    """Take a network's weights from a file that you have, as torchvision offers it. It is checked, and
    copied"""

    bl_idname = "patina.choose_weights_file"
    bl_label = "Choose Weights File"
    verb = TAKE_WEIGHTS

    filepath: StringProperty(subtype="FILE_PATH")
    filter_glob: StringProperty(default="*.pth", options={"HIDDEN"})

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def begin(self) -> None:
        installation.take_weights(Path(bpy.path.abspath(self.filepath)))


class PATINA_OT_cancel_set_up(bpy.types.Operator):
    """Stop. What was downloaded is kept, and the next set-up goes on from there"""

    bl_idname = "patina.cancel_set_up"
    bl_label = "Stop"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return installation.process is not None

    def execute(self, context: bpy.types.Context) -> set[str]:
        installation.cancel()
        return {"FINISHED"}


class PATINA_OT_copy_report(bpy.types.Operator):
    """Copy the doctor's report, for a bug report. It has no user name and no path of yours in it"""

    bl_idname = "patina.copy_report"
    bl_label = "Copy"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return bool(known.doctor)

    def execute(self, context: bpy.types.Context) -> set[str]:
        text = [f"Blender {bpy.app.version_string}", *known.doctor]
        context.window_manager.clipboard = "\n".join(text)
        self.report({"INFO"}, "The report is on the clipboard.")
        return {"FINISHED"}


class PATINA_OT_use_other_backend(bpy.types.Operator):
    """Use the backend that another version of Blender on this machine has set up"""

    bl_idname = "patina.use_other_backend"
    bl_label = "Use It"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return known.elsewhere is not None

    def execute(self, context: bpy.types.Context) -> set[str]:
        folders.preferences().folder = str(known.elsewhere)
        installation.refresh()
        return {"FINISHED"}


class PATINA_OT_let_painter_go(bpy.types.Operator):
    """Let the painter go, and have its memory back. The next job starts another"""

    bl_idname = "patina.let_painter_go"
    bl_label = "Let the Painter Go"

    def execute(self, context: bpy.types.Context) -> set[str]:
        studio.leave()
        return {"FINISHED"}


classes = (
    PATINA_OT_set_up,
    PATINA_OT_update,
    PATINA_OT_verify,
    PATINA_OT_repair,
    PATINA_OT_remove,
    PATINA_OT_fetch_weights,
    PATINA_OT_choose_weights_file,
    PATINA_OT_cancel_set_up,
    PATINA_OT_copy_report,
    PATINA_OT_use_other_backend,
    PATINA_OT_let_painter_go,
)
