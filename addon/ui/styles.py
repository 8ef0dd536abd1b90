"""Choosing the style: thumbnails, an own image, and others that are mixed in."""

from __future__ import annotations

from typing import Any

import bpy

from .. import styles
from . import lists

CROP = ("X", "Y", "Width", "Height")


class PATINA_UL_styles(lists.Rows, bpy.types.UIList):
    """The styles that are mixed in, with their weights."""

    split, first = 0.68, "style"

    @staticmethod
    def draw_rest(row: Any, item: Any) -> None:
        row.prop(item, "weight", text="")


def draw_choice(layout: Any, choice: Any) -> None:
    """Draw one style: its picture, which opens the menu of pictures, and where it comes from."""
    row = layout.row(align=True)
    row.template_icon_view(choice, "style", show_labels=True, scale=5.0, scale_popup=5.0)
    column = row.column(align=True)
    column.operator("patina.style_open", text="", icon="FILE_FOLDER").choice = choice.path_from_id()
    if choice.style == styles.OWN_IMAGE:
        row = layout.row()
        row.use_property_split = False
        row.prop(choice, "style_file", text="")
    elif choice.style in styles.PAINTINGS:
        title, who = styles.PAINTINGS[choice.style]
        column = layout.column(align=True)
        column.label(text=title, translate=False)
        row = column.row()
        row.active = False
        row.label(text=who, translate=False)
    draw_crop(layout, choice)


def draw_crop(layout: Any, choice: Any) -> None:
    """Draw the part of the picture that counts: drawn on it, or in numbers."""
    row = layout.row()
    row.use_property_split = False
    row.prop(choice, "use_crop")
    row.operator("patina.crop", text="", icon="SELECT_SET").choice = choice.path_from_id()
    if choice.use_crop:
        column = layout.column(align=True)
        for index, name in enumerate(CROP):
            column.prop(choice, "crop", index=index, text=name)


def draw_mixture(layout: Any, settings: Any) -> None:
    """Draw the weights, and the list of further styles; one button where there is only one."""
    if not settings.mixed:
        layout.operator("patina.style_add", icon="ADD")
        return
    layout.prop(settings, "weight")
    _, active = lists.draw(
        layout, settings, PATINA_UL_styles, "mixed", "mixed_index", "patina.style", rows=2, maxrows=4
    )
    if active:
        if active.style == styles.OWN_IMAGE:
            row = layout.row()
            row.use_property_split = False
            row.prop(active, "style_file", text="")
        draw_crop(layout, active)


classes = (PATINA_UL_styles,)
