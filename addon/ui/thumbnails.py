"""Small pictures of the shipped paintings, for the style's menu."""

from __future__ import annotations

from functools import cache

import bpy
import bpy.utils.previews

from .. import styles

_previews: bpy.utils.previews.ImagePreviewCollection | None = None


@cache  # Blender needs these strings to live as long as the menu does
def style_items() -> tuple[tuple[str, str, str, int | str, int], ...]:
    """The items of the style's enumeration: the paintings, then the artist's own image."""
    paintings = [
        (name, title, who, _previews[name].icon_id if _previews else 0, number)
        for number, (name, (title, who)) in enumerate(styles.PAINTINGS.items())
    ]
    return (
        *paintings,
        (styles.OWN_IMAGE, "Own Image…", "Any picture of yours", "FILE_IMAGE", len(paintings)),
    )


def register() -> None:
    global _previews
    _previews = bpy.utils.previews.new()
    for name in styles.PAINTINGS:
        _previews.load(name, str(styles.path(name)), "IMAGE")


def unregister() -> None:
    global _previews
    style_items.cache_clear()
    if _previews is not None:
        bpy.utils.previews.remove(_previews)
        _previews = None
