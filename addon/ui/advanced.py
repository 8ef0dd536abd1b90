"""Below the fold: what few artists change."""

from __future__ import annotations

from typing import Any

import bpy

from .. import catalogue, modes
from ..properties.advanced import network_for_style
from .panel import PATINA_PT_stylize


class PATINA_PT_advanced(bpy.types.Panel):
    bl_idname = "PATINA_PT_advanced"
    bl_label = "Advanced"
    bl_category = PATINA_PT_stylize.bl_category
    bl_parent_id = PATINA_PT_stylize.bl_idname
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        settings = context.scene.patina
        draw(self.layout, settings, settings.mode)


def draw(layout: Any, settings: Any, mode: str, picture: bool = False) -> None:
    """Draw what can be set for `mode` beside the main settings."""
    layout.use_property_split = True
    layout.use_property_decorate = False
    column = layout.column()
    column.prop(settings, "network")
    if mode != "animate":
        column.prop(settings, "parameterization")
    column.prop(settings, "steps")
    if not picture:
        column.prop(settings, "texture_size")
        column.prop(settings, "views")
    if modes.look_of(settings, mode) == "style":
        column.prop(settings, "style_loss")
    if not picture:
        row = column.row()
        row.use_property_split = False  # the words need the whole width
        row.prop(settings, "unwrap")
    if modes.uses_styles(settings, mode):
        layout.label(text="Layers of the Style")
        grid = layout.grid_flow(row_major=True, columns=2, even_columns=True, align=True)
        grid.use_property_split = False
        for name in catalogue.style_choices(network_for_style(settings)):
            grid.prop_enum(settings, "layers", name)


classes = (PATINA_PT_advanced,)
