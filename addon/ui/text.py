"""Running text in a layout."""

from __future__ import annotations

import textwrap

import bpy


def wrapped(layout: bpy.types.UILayout, text: str, width: float, icon: str = "NONE") -> None:
    """Draw `text` over as many lines as a sidebar of `width` pixels needs."""
    letter = 7.0 * bpy.context.preferences.system.ui_scale
    column = layout.column(align=True)
    for number, line in enumerate(textwrap.wrap(text, max(16, int((width - 50) / letter)))):
        column.label(text=line, icon=icon if number == 0 else "BLANK1" if icon != "NONE" else "NONE")
