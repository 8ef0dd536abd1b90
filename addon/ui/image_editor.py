"""The panel in the Image Editor's sidebar: the same settings for a flat image."""

from __future__ import annotations

from typing import Any

import bpy

from .. import readiness
from ..modes import FLAT_MODES
from ..scene import picture
from . import advanced, modes, problems, progress
from .advice import button_row

BUTTONS = {
    "stylize": "Stylize Image",
    "dream": "Dream a New Image",
    "deepdream": "DeepDream Image",
    "texture": "Make Texture",
}


class _Sidebar:
    bl_category = "Patina"
    bl_space_type = "IMAGE_EDITOR"
    bl_region_type = "UI"


class PATINA_PT_image(_Sidebar, bpy.types.Panel):
    bl_idname = "PATINA_PT_image"
    bl_label = "Paint Image"

    def draw(self, context: bpy.types.Context) -> None:
        layout, settings, width = self.layout, context.scene.patina, context.region.width
        layout.use_property_split = True
        layout.use_property_decorate = False
        row = layout.row()
        row.use_property_split = False
        row.prop(settings, "picture_mode", text="")
        mode = FLAT_MODES[settings.picture_mode]
        modes.draw(layout, settings, mode, picture=True)
        self.draw_button(layout, context, mode, width)
        progress.draw(layout)
        problems.draw(layout, width)

    def draw_button(self, layout: Any, context: bpy.types.Context, mode: str, width: float) -> None:
        settings, image = context.scene.patina, context.space_data.image
        advice = readiness.of_settings(settings, mode) if settings.picture_mode == "stylize" else []
        if picture.needs_image(settings) and image is None:
            advice = [readiness.Advice("Open an image in this editor first.", stops=True), *advice]
        row = button_row(layout, advice, width)
        row.operator("patina.paint_image", text=BUTTONS[settings.picture_mode], icon="BRUSH_DATA").image = ""


class PATINA_PT_image_advanced(_Sidebar, bpy.types.Panel):
    bl_idname = "PATINA_PT_image_advanced"
    bl_label = "Advanced"
    bl_parent_id = PATINA_PT_image.bl_idname
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        settings = context.scene.patina
        advanced.draw(self.layout, settings, FLAT_MODES[settings.picture_mode], picture=True)


classes = (PATINA_PT_image, PATINA_PT_image_advanced)
