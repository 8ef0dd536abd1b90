"""Export stylized objects, check them for printing, and see how they may look in print."""

# No `from __future__ import annotations` here: see `properties`.

from pathlib import Path

import bpy

from ...backend.errors import PatinaError
from .. import problems
from ..export import printing, proof, run
from ..export.copies import stylized_objects
from ..export.presets import PRESETS, file_stem
from ..export.properties import PatinaExport
from ..given import given, of_operator, properties_of

# What Blender's file browser sets itself, of another kind: given an enum called `files`, Blender crashes.
OF_THE_BROWSER = {"files", "directory", "filename"}


class PATINA_OT_export(bpy.types.Operator):
    """Write the stylized objects to a file for a game engine, the web or a printer"""

    bl_idname = "patina.export"
    bl_label = "Export"

    # As with `patina.stylize`, what a script sets of the panel's counts for this once.
    __annotations__ = {
        name: prop for name, prop in properties_of(PatinaExport).items() if name not in OF_THE_BROWSER
    } | {
        "filepath": bpy.props.StringProperty(subtype="FILE_PATH", options={"SKIP_SAVE"}),
        "overwrite": bpy.props.BoolProperty(
            name="Replace Existing Files",
            description="Otherwise an existing file is never touched",
            options={"SKIP_SAVE"},
        ),
        "filter_glob": bpy.props.StringProperty(options={"HIDDEN", "SKIP_SAVE"}),
    }

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return printing.may_begin(cls)

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        settings = context.scene.patina_export
        try:
            objects = stylized_objects(context, settings.scope)
        except PatinaError as error:
            return self.fail(error)
        preset = PRESETS[settings.preset]
        folder = Path(bpy.data.filepath).parent if bpy.data.filepath else Path.home()
        self.filepath = str(folder / (file_stem(objects[0].name) + preset.suffix))
        self.filter_glob = f"*{preset.suffix}"
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def draw(self, context: bpy.types.Context) -> None:
        self.layout.prop(self, "overwrite")

    def execute(self, context: bpy.types.Context) -> set[str]:
        context.window.cursor_set("WAIT")
        try:
            path = _absolute(self.filepath)
            with given(context.scene.patina_export, of_operator(self)):
                if PRESETS[context.scene.patina_export.preset].backend:
                    return _print(self, run.prints(context, path, self.overwrite))
                files = run.export(context, path, self.overwrite)
        except PatinaError as error:
            if "--overwrite" in error.cure:
                error = PatinaError(error.message, run.REPLACE, error.field)
            return self.fail(error)
        finally:
            context.window.cursor_set("DEFAULT")
        problems.clear("export")
        more = f" and {len(files) - 1} more" if len(files) > 1 else ""
        self.report({"INFO"}, f"Wrote {files[0]}{more}")
        return {"FINISHED"}

    def fail(self, error: PatinaError) -> set[str]:
        problems.tell(error, "export")
        self.report({"ERROR"}, str(error))
        return {"CANCELLED"}


def _absolute(filepath: str) -> Path:
    if filepath.startswith("//") and not bpy.data.filepath:
        raise PatinaError(
            f"{filepath} is beside the .blend file, which was never saved.",
            "Save the file first, or choose a folder.",
            "out",
        )
    if not Path(filepath).name:
        raise PatinaError("There is no file name.", "Type one.", "out")
    return Path(bpy.path.abspath(filepath)).absolute()


def _print(operator: bpy.types.Operator, prints: list[printing.Print]) -> set[str]:
    """Begin `prints`; without a window, wait for them and report how they ended."""
    printing.begin(prints)
    if not bpy.app.background:
        return {"FINISHED"}  # the timer sees to the rest
    printing.run_to_end()
    errors = [each.error for each in prints if each.error]
    for error in errors:
        operator.report({"ERROR"}, str(error))
    if errors or printing.last_check is None:
        return {"CANCELLED"}
    for finding in printing.wrong():
        operator.report({"WARNING"}, f"{finding['message']} {finding['cure']}")
    operator.report({"INFO"}, printing.message.format(printing.wrote))
    return {"FINISHED"}


class PATINA_OT_print_check(bpy.types.Operator):
    """Look for holes, thin walls, coarse texture and colours that do not print, at the size that is set"""

    bl_idname = "patina.print_check"
    bl_label = "Check"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return printing.may_begin(cls)

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            return _print(self, [run.check(context)])
        except PatinaError as error:
            problems.tell(error, "export")
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}


class PATINA_OT_print_cancel(bpy.types.Operator):
    """Stop the print check, or the file for a printer that is being written; none is left half done"""

    bl_idname = "patina.print_cancel"
    bl_label = "Cancel"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return bool(printing.queue)

    def execute(self, context: bpy.types.Context) -> set[str]:
        printing.cancel()
        return {"FINISHED"}


class PATINA_OT_soft_proof(bpy.types.Operator):
    """Show how the colours may come out in print, or the true ones again. Exports have the true ones"""

    bl_idname = "patina.soft_proof"
    bl_label = "Soft Proof"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            objects = stylized_objects(context, "ALL")
            proof.switch(objects, not proof.is_on(objects))
        except PatinaError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        return {"FINISHED"}


classes = (PATINA_OT_export, PATINA_OT_print_check, PATINA_OT_print_cancel, PATINA_OT_soft_proof)
