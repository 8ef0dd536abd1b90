"""The keys of a style that moves: a list by frames, and the painting of the active one."""

from __future__ import annotations

from typing import Any

import bpy

from . import lists, styles


class PATINA_UL_keys(lists.Rows, bpy.types.UIList):
    """Keys in the order of their frames: which painting, how strong, from which frame on."""

    split, first = 0.24, "frame"

    @staticmethod
    def draw_rest(row: Any, item: Any) -> None:
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
    buttons, active = lists.draw(
        layout, settings, PATINA_UL_keys, "style_keys", "style_key_index", "patina.key", rows=3
    )
    buttons.separator()
    buttons.operator("patina.key_move", text="", icon="TIME")
    if active:
        styles.draw_choice(layout, active)
        layout.prop(active, "style_size")


classes = (PATINA_UL_keys,)
