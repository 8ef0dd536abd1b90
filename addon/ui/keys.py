"""The keys of a style that moves: a list by frames, and the painting of the active one."""

from __future__ import annotations

from typing import Any

import bpy

from . import styles


class PATINA_UL_keys(bpy.types.UIList):
    """Keys in the order of their frames: which painting, how strong, from which frame on."""

    def draw_item(
        self,
        context: bpy.types.Context,
        layout: Any,
        data: Any,
        item: Any,
        icon: int,
        active_data: Any,
        active_property: str,
    ) -> None:
        row = layout.split(factor=0.24, align=True)
        row.use_property_split = False
        row.prop(item, "frame", text="")
        row = row.split(factor=0.66, align=True)
        row.prop(item, "style", text="")
        row.prop(item, "strength", text="", slider=True)

    def filter_items(self, context: bpy.types.Context, data: Any, name: str) -> tuple[list[int], list[int]]:
        """Show all, by their frames."""
        frames = [(number, key.frame) for number, key in enumerate(getattr(data, name))]
        return [], bpy.types.UI_UL_list.sort_items_helper(frames, lambda one: one[1])


def draw(layout: Any, settings: Any) -> None:
    """Draw the list, and the painting of the active key; one button where there is none."""
    if not settings.style_keys:
        layout.operator("patina.key_add", icon="KEY_HLT")
        return
    row = layout.row()
    row.template_list("PATINA_UL_keys", "", settings, "style_keys", settings, "style_key_index", rows=3)
    column = row.column(align=True)
    column.operator("patina.key_add", text="", icon="ADD")
    column.operator("patina.key_remove", text="", icon="REMOVE")
    column.separator()
    column.operator("patina.key_move", text="", icon="TIME")
    if 0 <= settings.style_key_index < len(settings.style_keys):
        active = settings.style_keys[settings.style_key_index]
        styles.draw_choice(layout, active)
        layout.prop(active, "style_size")


classes = (PATINA_UL_keys,)
