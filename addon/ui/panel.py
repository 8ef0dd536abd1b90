"""The panel in the 3D viewport's sidebar."""

from __future__ import annotations

import textwrap

import bpy

from ...backend.terminal import clock
from .. import folders, jobs, styles
from ..scene import material


def wrapped(layout: bpy.types.UILayout, text: str, width: float, icon: str = "NONE") -> None:
    """Draw `text` over as many lines as a sidebar of `width` pixels needs."""
    letter = 7.0 * bpy.context.preferences.system.ui_scale
    column = layout.column(align=True)
    for number, line in enumerate(textwrap.wrap(text, max(16, int((width - 50) / letter)))):
        column.label(text=line, icon=icon if number == 0 else "BLANK1" if icon != "NONE" else "NONE")


class PATINA_PT_stylize(bpy.types.Panel):
    bl_idname = "PATINA_PT_stylize"
    bl_label = "Stylize"
    bl_category = "Patina"
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"

    def draw(self, context: bpy.types.Context) -> None:
        layout, settings = self.layout, context.scene.patina
        layout.use_property_split = True
        layout.use_property_decorate = False

        layout.template_icon_view(settings, "style", show_labels=True, scale=5.0, scale_popup=5.0)
        if settings.style == styles.OWN_IMAGE:
            layout.prop(settings, "style_file")
        elif settings.style in styles.PAINTINGS:
            title, who = styles.PAINTINGS[settings.style]
            column = layout.column(align=True)
            column.label(text=title)
            row = column.row()
            row.active = False
            row.label(text=who)

        column = layout.column()
        column.prop(settings, "strength", slider=True)
        column.prop(settings, "colors")
        column.prop(settings, "quality")
        column.prop(settings, "texture_size")
        column.prop(settings, "seed")

        if jobs.queue:
            self.draw_running(layout, jobs.queue[0], len(jobs.queue) - 1)
        else:
            self.draw_button(context, layout)
        if any(obj.patina.slots for obj in context.selected_objects):
            stylized = any(material.shows_stylized(obj) for obj in context.selected_objects)
            text = "Show Original" if stylized else "Show Stylized"
            layout.operator("patina.compare", text=text, icon="ARROW_LEFTRIGHT")
            shading = context.space_data.shading
            if stylized and shading.type == "SOLID" and shading.color_type != "TEXTURE":
                row = layout.row()
                row.use_property_split = False
                row.prop_enum(shading, "color_type", "TEXTURE", text="Show Textures in the Viewport")
        if jobs.last_error:
            self.draw_error(layout.box(), jobs.last_error, context.region.width)

    def draw_button(self, context: bpy.types.Context, layout: bpy.types.UILayout) -> None:
        meshes = [obj for obj in context.selected_objects if obj.type == "MESH"]
        row = layout.row()
        row.scale_y = 1.5
        row.enabled = bool(meshes)
        if not meshes:
            text = "Select a Mesh"
        elif len(meshes) == 1:
            text = "Stylize"
        else:
            text = f"Stylize {len(meshes)} Objects"
        row.operator("patina.stylize", text=text, icon="BRUSH_DATA")

    def draw_running(self, layout: bpy.types.UILayout, run: jobs.Run, waiting: int) -> None:
        event = run.progress
        text = event.stage.capitalize() or "Starting"
        if event.seconds_left is not None:
            text += f", {clock(event.seconds_left)} left"
        column = layout.column(align=True)
        column.label(text=run.object_name + (f" (then {waiting} more)" if waiting else ""))
        column.progress(factor=event.fraction, text=text)
        column.operator("patina.cancel", icon="CANCEL")

    def draw_error(self, layout: bpy.types.UILayout, error: jobs.PatinaError, width: float) -> None:
        wrapped(layout, error.message, width, "ERROR")
        if error.cure:
            wrapped(layout, error.cure, width, "BLANK1")
        if error.field == "backend":
            op = layout.operator("preferences.addon_show", text="Open Preferences", icon="PREFERENCES")
            op.module = folders.PACKAGE
        elif jobs.ended and jobs.ended[-1].error is error:
            op = layout.operator("wm.path_open", text="Open the Job's Folder", icon="FILE_FOLDER")
            op.filepath = str(jobs.ended[-1].folder)


classes = (PATINA_PT_stylize,)
