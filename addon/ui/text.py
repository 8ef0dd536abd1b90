"""Running text in a layout."""

from __future__ import annotations

import re
from unicodedata import east_asian_width

import bpy

LETTER_WIDTH = 7.0  # pixels, on average, at a UI scale of 1
MARGINS = 50.0  # of a sidebar, with an icon
MIN_LETTERS = 12  # letters in a line, however narrow the sidebar


def wrapped(layout: bpy.types.UILayout, text: str, width: float, icon: str = "NONE") -> None:
    """Draw `text`, in the language it is in, over as many lines as a sidebar of `width` pixels needs."""
    scale = bpy.context.preferences.system.ui_scale or 1.0  # 0 where there is no window
    column = layout.column(align=True)
    column.scale_y = 0.85
    for number, line in enumerate(lines(text, (width - MARGINS * scale) / (LETTER_WIDTH * scale))):
        shown = icon if number == 0 else "BLANK1" if icon != "NONE" else "NONE"
        column.label(text=line, icon=shown, translate=False)


def lines(text: str, letters: float) -> list[str]:
    """Break `text` into lines of about so many `letters`.

    Chinese and Japanese signs count twice and may part.
    """
    most = max(MIN_LETTERS, letters)
    found, line = [], ""
    for word in re.findall(r"[\u3000-\u9fff\uff00-\uff60]|[^\s\u3000-\u9fff\uff00-\uff60]+|\s+", text):
        closing = word in "。、，．：；！？）」』"  # no line begins with one of these
        if line.strip() and not closing and _letters(line + word.rstrip()) > most:
            found.append(line.rstrip())
            line = ""
        line += word if line else word.lstrip()
        while _letters(line.rstrip()) > most and not closing and " " not in line.strip():  # a path, say
            found.append(line[: int(most)])
            line = line[int(most) :]
    return [*found, line.rstrip()] if line.strip() else found


def _letters(text: str) -> int:
    return sum(2 if east_asian_width(sign) in "WF" else 1 for sign in text)
