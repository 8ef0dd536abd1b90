"""Choosing the style: thumbnails, an own image, and others that are mixed in."""

from __future__ import annotations

from typing import Any

import bpy

from .. import styles

CROP = ("X", "Y", "Width", "Height")


class PATINA_UL_styles(bpy.types.UIList):
    """The styles that are mixed in, with their weights."""

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
        row = layout.split(factor=0.68, align=True)
        row.use_property_split = False
        row.prop(item, "style", text="")
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
    row = layout.row()
    row.template_list("PATINA_UL_styles", "", settings, "mixed", settings, "mixed_index", rows=2, maxrows=4)
    column = row.column(align=True)
    column.operator("patina.style_add", text="", icon="ADD")
    column.operator("patina.style_remove", text="", icon="REMOVE")
    if 0 <= settings.mixed_index < len(settings.mixed):
        active = settings.mixed[settings.mixed_index]
        if active.style == styles.OWN_IMAGE:
            row = layout.row()
            row.use_property_split = False
            row.prop(active, "style_file", text="")
        draw_crop(layout, active)


classes = (PATINA_UL_styles,)
