"""Export stylized objects, check them for printing, and see how they may look in print."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy

from ...backend.protocol import PatinaError
from .. import problems
from ..export import engines, printing, proof
from ..export.copies import stylized_objects
from ..export.presets import PRESETS, file_stem, file_stems

last_check: dict[str, Any] | None = None  # the latest report of the backend, for the panel


def export(context: bpy.types.Context, path: Path, overwrite: bool) -> list[Path]:
    """Write as the scene's export settings say; `path` is a file, or its folder counts with one file each.

    Gives the files. Raises PatinaError.
    """
    settings = context.scene.patina_export
    preset = PRESETS[settings.preset]
    objects = stylized_objects(context, settings.scope)
    stem = path.stem if path.suffix.lower() == preset.suffix else path.name
    path = path.with_name(stem + preset.suffix)
    groups = [(path, objects)]
    if settings.files == "EACH":
        stems = file_stems([obj.name for obj in objects])
        groups = [
            (path.with_name(stem + preset.suffix), [obj]) for stem, obj in zip(stems, objects, strict=True)
        ]
        existing = [target for target, _ in groups if target.exists()]
        if existing and not overwrite:  # before the first is written
            raise PatinaError(f"{existing[0]} exists already.", REPLACE, "out")
    files = []
    for target, group in groups:
        if preset.backend:
            global last_check
            last_check = printing.export(context, group, preset.backend, target, settings, overwrite)
            files.append(target)
        else:
            files += engines.export(
                context,
                group,
                preset,
                target,
                int(settings.texture_size),
                settings.texture_format,
                overwrite,
            ).files
    return files


REPLACE = "Choose another name, or tick Replace Existing Files."


class PATINA_OT_export(bpy.types.Operator):
    """Write the stylized objects to a file for a game engine, the web or a printer"""

    bl_idname = "patina.export"
    bl_label = "Export"

    filepath: bpy.props.StringProperty(subtype="FILE_PATH", options={"SKIP_SAVE"})
    overwrite: bpy.props.BoolProperty(
        name="Replace Existing Files",
        description="Otherwise an existing file is never touched",
        options={"SKIP_SAVE"},
    )
    filter_glob: bpy.props.StringProperty(options={"HIDDEN", "SKIP_SAVE"})

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
            files = export(context, _absolute(self.filepath), self.overwrite)
        except PatinaError as error:
            if "--overwrite" in error.cure:
                error = PatinaError(error.message, REPLACE, error.field)
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


class PATINA_OT_print_check(bpy.types.Operator):
    """Look for holes, thin walls, coarse texture and colours that do not print, at the size that is set"""

    bl_idname = "patina.print_check"
    bl_label = "Check"

    def execute(self, context: bpy.types.Context) -> set[str]:
        global last_check
        settings = context.scene.patina_export
        try:
            last_check = printing.check(context, stylized_objects(context, settings.scope), settings)
        except PatinaError as error:
            problems.tell(error, "export")
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        problems.clear("export")
        wrong = [finding for finding in last_check["findings"] if finding["level"] != "ok"]
        for finding in wrong:
            self.report({"WARNING"}, f"{finding['message']} {finding['cure']}")
        if not wrong:
            self.report({"INFO"}, "Nothing stands in the way of printing.")
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


classes = (PATINA_OT_export, PATINA_OT_print_check, PATINA_OT_soft_proof)


def unregister() -> None:
    global last_check
    last_check = None
