"""What is said above a button, and whether it can be pressed."""

from __future__ import annotations

from collections.abc import Sequence

import bpy
from bpy.app.translations import pgettext_iface as iface

from ..readiness import Advice
from .text import wrapped


def button_row(layout: bpy.types.UILayout, advice: Sequence[Advice], width: float) -> bpy.types.UILayout:
    """Draw `advice` in a sidebar of `width` pixels, and give the row below for the button; grey where one
    of the advice stops it."""
    for each in advice:
        told = iface(each.text).format(*each.names)
        wrapped(layout, told, width, "ERROR" if each.stops else "INFO")
    row = layout.row()
    row.scale_y = 1.5
    row.enabled = not any(each.stops for each in advice)
    return row
