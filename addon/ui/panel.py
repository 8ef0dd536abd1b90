"""The panel in the 3D viewport's sidebar."""

from __future__ import annotations

import bpy
from bpy.app.translations import pgettext_iface as iface

from .. import installation, readiness, studio
from ..setup import environment
from . import compare, modes, presets, problems, progress
from .advice import button_row


class PATINA_PT_stylize(bpy.types.Panel):
    bl_idname = "PATINA_PT_stylize"
    bl_label = "Stylize"
    bl_category = "Patina"
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"

    def draw(self, context: bpy.types.Context) -> None:
        if installation.known.record.state == environment.READY:
            studio.expect()
        layout, settings = self.layout, context.scene.patina
        layout.use_property_split = True
        layout.use_property_decorate = False

        presets.draw_menu(layout)
        row = layout.row()
        row.use_property_split = False
        row.prop(settings, "mode", text="")
        modes.draw(layout, settings, settings.mode)
        self.draw_button(context, layout)
        progress.draw(layout)
        compare.draw(layout, context)
        problems.draw(layout, context.region.width)

    def draw_button(self, context: bpy.types.Context, layout: bpy.types.UILayout) -> None:
        settings, width = context.scene.patina, context.region.width
        advice = [*readiness.of_selection(context), *readiness.of_settings(settings, settings.mode)]
        row = button_row(layout, advice, width)
        text = iface(modes.BUTTONS[settings.mode])
        meshes = sum(obj.type == "MESH" for obj in context.selected_objects)
        if meshes > 1:
            text = iface("{} ({} objects)").format(text, meshes)
        row.operator("patina.stylize", text=text, icon="BRUSH_DATA", translate=False)


classes = (PATINA_PT_stylize,)
