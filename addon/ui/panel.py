"""The panel in the 3D viewport's sidebar."""

from __future__ import annotations

import bpy

from .. import styles
from ..scene import material
from . import problems, progress


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

        self.draw_button(context, layout)
        progress.draw(layout)
        if any(obj.patina.slots for obj in context.selected_objects):
            stylized = any(material.shows_stylized(obj) for obj in context.selected_objects)
            text = "Show Original" if stylized else "Show Stylized"
            layout.operator("patina.compare", text=text, icon="ARROW_LEFTRIGHT")
            shading = context.space_data.shading
            if stylized and shading.type == "SOLID" and shading.color_type != "TEXTURE":
                row = layout.row()
                row.use_property_split = False
                row.prop_enum(shading, "color_type", "TEXTURE", text="Show Textures in the Viewport")
        problems.draw(layout, context.region.width)

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


classes = (PATINA_PT_stylize,)
