"""The keys of what moves: a list by frames, of paintings or of dreams, and the painting of the active one."""

from __future__ import annotations

from typing import Any

import bpy

from .. import modes
from . import lists, styles


class _Keys(lists.Rows):
    """Keys in the order of their frames."""

    split, first = 0.24, "frame"

    def filter_items(self, context: bpy.types.Context, data: Any, name: str) -> tuple[list[int], list[int]]:
        """Show all, by their frames."""
        frames = [(number, key.frame) for number, key in enumerate(getattr(data, name))]
        return [], bpy.types.UI_UL_list.sort_items_helper(frames, lambda one: one[1])


class PATINA_UL_keys(_Keys, bpy.types.UIList):
    """Which painting, how strong, from which frame on."""

    @staticmethod
    def draw_rest(row: Any, item: Any) -> None:
        row = row.split(factor=0.66, align=True)
        row.prop(item, "style", text="")
        row.prop(item, "strength", text="", slider=True)


class PATINA_UL_dream_keys(_Keys, bpy.types.UIList):
    """What is dreamt of, from which frame on."""

    @staticmethod
    def draw_rest(row: Any, item: Any) -> None:
        if item.kind == "class":
            row.prop(item, "class_name", text="")
        else:
            row = row.split(factor=0.6, align=True)
            row.prop(item, "layer", text="")
            row.prop(item, "channel", text="")


def draw(layout: Any, settings: Any) -> Any:
    """Draw the list, of paintings the active one, too; a button where there is none. Gives the active key."""
    items, index = modes.key_list(settings)
    if not getattr(settings, items):
        layout.operator("patina.key_add", icon="KEY_HLT")
        return None
    dreams = items == "dream_keys"
    kind = PATINA_UL_dream_keys if dreams else PATINA_UL_keys
    buttons, active = lists.draw(layout, settings, kind, items, index, "patina.key", rows=3)
    buttons.separator()
    buttons.operator("patina.key_move", text="", icon="TIME")
    if active and not dreams:
        styles.draw_choice(layout, active)
        layout.prop(active, "style_size")
    return active


classes = (PATINA_UL_keys, PATINA_UL_dream_keys)
