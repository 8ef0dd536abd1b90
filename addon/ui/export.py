"""The export panel, below Stylize."""

from __future__ import annotations

from typing import Any

import bpy
from bpy.app.translations import pgettext_iface as iface

from ..export import copies, printing, proof
from ..export.presets import PRESETS
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
        row = column.row()
        row.active = False
        row.label(text=preset.about)
        if preset.backend:
            self.draw_print(layout, settings, stylized)
        else:
            column = layout.column()
            column.prop(settings, "texture_size")
            column.prop(settings, "texture_format")
        if len(stylized) > 1:
            column = layout.column()
            column.prop(settings, "scope")
            column.prop(settings, "files")
        row = layout.row()
        row.scale_y = 1.5
        text = iface("Export {}…").format(preset.suffix[1:].upper())
        row.operator("patina.export", text=text, icon="EXPORT", translate=False)
        if printing.queue:
            column = layout.column(align=True)
            stage = iface(printing.progress.stage.capitalize())
            column.progress(factor=printing.progress.fraction, text=stage)
            column.operator("patina.print_cancel", icon="CANCEL")
        elif printing.message:
            said = iface(printing.message).format(printing.wrote)
            wrapped(layout, said, context.region.width, "INFO")
        if preset.backend and printing.last_check:
            self.draw_findings(layout.box(), settings, printing.last_check, context.region.width)

    def draw_print(self, layout: Any, settings: Any, stylized: list) -> None:
        column = layout.column()
        column.prop(settings, "size_mm")
        column.prop(settings, "min_wall_mm")
        column.prop(settings, "height")
        if settings.height:
            column.prop(settings, "relief_mm")
        column.prop(settings, "repair")
        row = layout.row(align=True)
        row.operator("patina.print_check", icon="CHECKMARK")
        row.operator("patina.soft_proof", icon="COLOR", depress=proof.is_on(stylized))

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
