"""The earlier results, below Stylize."""

from __future__ import annotations

import time

import bpy
from bpy.app.translations import pgettext_iface as iface

from .. import history, user_files
from .image_editor import PATINA_PT_image
from .panel import PATINA_PT_stylize

LISTED_RESULTS = 8  # results that are listed unless all are asked for


class PATINA_PT_history(bpy.types.Panel):
    bl_idname = "PATINA_PT_history"
    bl_parent_id = PATINA_PT_stylize.bl_idname
    bl_label = "History"
    bl_category = PATINA_PT_stylize.bl_category
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        if history.signed_image(context.view_layer.objects.active) is not None:
            layout.operator("patina.image_settings_use", icon="OBJECT_DATA")
        if not history.entries:
            layout.label(text="No results yet", icon="INFO")
            _footer(layout)
            return
        column = layout.column(align=True)
        for entry in history.entries[:LISTED_RESULTS]:
            draw_entry(column, entry)
        if len(history.entries) > LISTED_RESULTS:
            header, body = layout.panel("PATINA_history_older", default_closed=True)
            older = history.entries[LISTED_RESULTS:]
            header.label(text=iface("{} Older").format(len(older)), translate=False)
            if body:
                column = body.column(align=True)
                for entry in older:
                    draw_entry(column, entry)
        _footer(layout)


def _footer(layout: bpy.types.UILayout) -> None:
    """What of the user's folder was left aside, since it cannot be read."""
    names = sorted({*history.unreadable, *user_files.unreadable})
    if names:
        column = layout.column(align=True)
        column.label(text=iface("{} Unreadable").format(len(names)), icon="INFO", translate=False)
        for name in names[:LISTED_RESULTS]:
            column.label(text=name, translate=False)


def draw_entry(layout: bpy.types.UILayout, entry: history.Entry) -> None:
    """Draw a line; with its buttons below where it is the selected one."""
    is_open = history.selected == str(entry.folder)
    row = layout.row()
    row.alignment = "LEFT"
    row.operator(
        "patina.history_select",
        text=f"{entry.object_name}, {_when(entry.ended)}",
        icon="DISCLOSURE_TRI_DOWN" if is_open else "DISCLOSURE_TRI_RIGHT",
        emboss=False,
    ).folder = str(entry.folder)
    if not is_open:
        return
    box = layout.box().column(align=True)
    if entry.subject:
        box.label(text=entry.subject)
    box.label(text=entry.about, translate=False)
    if not entry.is_whole:
        box.label(text="Interrupted", icon="INFO")
    if entry.lacks_steps:
        box.operator("patina.history_go_on", text="Go On", icon="FORWARD").folder = str(entry.folder)
    if entry.is_whole:
        _button(box, "patina.history_apply", entry, "BRUSH_DATA")
    _button(box, "patina.history_use", entry, "SETTINGS")
    if not entry.lacks_steps:
        row = box.row(align=True)
        row.enabled = entry.goes_on
        _button(row, "patina.history_go_on", entry, "FORWARD")
    row = box.row(align=True)
    row.operator("wm.path_open", text="Open Folder", icon="FILE_FOLDER").filepath = str(entry.folder)
    _button(row, "patina.history_remove", entry, "TRASH")


def _button(layout: bpy.types.UILayout, operator: str, entry: history.Entry, icon: str) -> None:
    layout.operator(operator, icon=icon).folder = str(entry.folder)


def _when(ended: float) -> str:
    """The time of day, or the date of what is not from today."""
    then = time.localtime(ended)
    same_day = then[:3] == time.localtime()[:3]
    return time.strftime("%H:%M" if same_day else "%Y-%m-%d", then)


class PATINA_PT_image_history(bpy.types.Panel):
    bl_idname = "PATINA_PT_image_history"
    bl_parent_id = PATINA_PT_image.bl_idname
    bl_label = "History"
    bl_category = PATINA_PT_image.bl_category
    bl_space_type = "IMAGE_EDITOR"
    bl_region_type = "UI"
    bl_options = {"DEFAULT_CLOSED"}
    draw = PATINA_PT_history.draw


classes = (PATINA_PT_history, PATINA_PT_image_history)
