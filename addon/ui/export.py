"""The export panel, below Stylize."""

from __future__ import annotations

from typing import Any

import bpy
from bpy.app.translations import pgettext_iface as iface

from ..export import copies, printing, proof
from ..export.presets import PRESETS
from ..scene import atlas
from .panel import PATINA_PT_stylize
from .text import wrapped

# Of the backend, and of what is said at the end, for the translations.
STAGES = ("Reading", "Repairing", "Raising the relief", "Checking", "Writing")
ENDS = ("Wrote {}", "Cancelled.", "Nothing stands in the way of printing.")
_ICONS = {"warning": "ERROR", "problem": "CANCEL"}


class PATINA_PT_export(bpy.types.Panel):
    bl_idname = "PATINA_PT_export"
    bl_label = "Export"
    bl_category = PATINA_PT_stylize.bl_category
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"

    def draw(self, context: bpy.types.Context) -> None:
        layout, settings = self.layout, context.scene.patina_export
        layout.use_property_split = True
        layout.use_property_decorate = False
        stylized = copies.stylized_in(context.view_layer)
        if not stylized:
            wrapped(layout, iface("Stylize an object first."), context.region.width, "INFO")
            return
        preset = PRESETS[settings.preset]
        column = layout.column()
        column.prop(settings, "preset")
        about = column.column()
        about.active = False
        wrapped(about, iface(preset.about), context.region.width)
        if preset.backend:
            self.draw_print(layout, settings)
        else:
            column = layout.column()
            column.prop(settings, "texture_size")
            column.prop(settings, "texture_format")
        if not preset.backend and any(map(atlas.moving, stylized)):
            self.draw_moving(layout, context.region.width)
        if len(stylized) > 1:
            column = layout.column()
            column.prop(settings, "scope")
            column.prop(settings, "files")
        if preset.backend or printing.queue:
            self.draw_check(layout, settings, stylized, context.region.width)
        if not printing.queue:
            row = layout.row()
            row.scale_y = 1.5
            text = iface("Export {}…").format(preset.suffix[1:].upper())
            row.operator("patina.export", text=text, icon="EXPORT", translate=False)

    def draw_moving(self, layout: Any, width: float) -> None:
        text = iface("Such a file has no textures that move: it shows the first. Engines play a flip-book.")
        wrapped(layout, text, width, "INFO")
        layout.operator("patina.flip_book", icon="MESH_GRID")

    def draw_print(self, layout: Any, settings: Any) -> None:
        column = layout.column()
        column.prop(settings, "size_mm")
        column.prop(settings, "min_wall_mm")
        column.prop(settings, "height")
        if settings.height:
            column.prop(settings, "relief_mm")
        column.prop(settings, "repair")

    def draw_check(self, layout: Any, settings: Any, stylized: list, width: float) -> None:
        """Draw the buttons of prints and what the last check found; while one is on its way, that in their
        place: a button that is grey stays so, in Blender, as long as the mouse is over it."""
        if printing.queue:
            column = layout.column(align=True)
            stage = iface(printing.progress.stage.capitalize())
            column.progress(factor=printing.progress.fraction, text=stage)
            column.operator("patina.print_cancel", icon="CANCEL")
            return
        row = layout.row(align=True)
        row.operator("patina.print_check", icon="CHECKMARK")
        row.operator("patina.soft_proof", icon="COLOR", depress=proof.is_on(stylized))
        if printing.message:
            wrapped(layout, iface(printing.message).format(printing.wrote), width, "INFO")
        if printing.last_check:
            self.draw_findings(layout.box(), settings, printing.last_check, width)

    def draw_findings(self, layout: Any, settings: Any, report: dict[str, Any], width: float) -> None:
        sides = " × ".join(f"{side:.1f}" for side in report["size_mm"])
        volume = report["volume_cm3"]
        layout.label(text=f"{sides} mm" + (f", {volume:.1f} cm³" if volume is not None else ""))
        wrong = printing.wrong()
        passed = len(report["findings"]) - len(wrong)
        text = iface("{} of {} checks passed").format(passed, len(report["findings"]))
        layout.label(text=text, icon="CHECKMARK", translate=False)
        for finding in wrong:
            wrapped(layout, f"{finding['message']} {finding['cure']}", width, _ICONS[finding["level"]])
        if any(finding["repairable"] for finding in wrong) and not settings.repair:
            layout.prop(settings, "repair", text="Repair the Copy", toggle=True, icon="MODIFIER")


classes = (PATINA_PT_export,)
