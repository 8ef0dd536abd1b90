"""Small pictures of the shipped paintings and of the artist's own images, for the style's menu."""

from __future__ import annotations

import bpy
import bpy.utils.previews

from ..backend.errors import readable
from . import folders, recent, styles

Item = tuple[str, str, str, int | str, int]

_RECENT = "recent_"
OWN_NUMBER = 6  # files keep the numbers of items: that of the own image stays, whatever paintings are added
_previews: bpy.utils.previews.ImagePreviewCollection | None = None
_menus: dict[tuple[str, ...], list[Item]] = {}  # Blender needs these strings to live as long as a menu does


def style_items(own: str = "") -> list[Item]:
    """List the items of a style's enumeration: the paintings, the artist's own image `own`, recent ones."""
    key = (own, *recent.files)
    if key not in _menus:
        items: list[Item] = [
            (name, title, who, _painting_icon(name), number + (number >= OWN_NUMBER))
            for number, (name, (title, who)) in enumerate(styles.PAINTINGS.items())
        ]
        label = _label(own) if own else "Own Image…"
        icon = _file_icon(own) if own else "FILE_IMAGE"
        items.append((styles.OWN_IMAGE, label, "Any picture of yours", icon, OWN_NUMBER))
        items += [
            (f"{_RECENT}{number}", _label(file), readable(file), _file_icon(file), 100 + number)
            for number, file in enumerate(recent.files)
            if file != own
        ]
        _menus[key] = items
    return _menus[key]


def recent_file(identifier: str) -> str:
    """Find the file that an item among the recent ones stands for; empty for the other items."""
    number = identifier.removeprefix(_RECENT)
    return recent.files[int(number)] if number != identifier else ""


def _label(file: str) -> str:
    return readable(bpy.path.basename(file))


def _painting_icon(name: str) -> int:
    return _previews[name].icon_id if _previews else 0


def _file_icon(file: str) -> int | str:
    """Blender reads the picture when it draws it first, beside everything else."""
    if _previews is None:
        return "FILE_IMAGE"
    path = bpy.path.abspath(file)
    key = ascii(path)  # names on Linux may hold what Blender takes for no text
    if key not in _previews:
        _previews.load(key, path, "IMAGE")
    return _previews[key].icon_id


def register() -> None:
    global _previews
    _previews = bpy.utils.previews.new()
    for name in styles.PAINTINGS:
        _previews.load(name, str(styles.path(name)), "IMAGE")
    recent.load(folders.user_file(recent.FILE))


def unregister() -> None:
    global _previews
    _menus.clear()
    if _previews is not None:
        bpy.utils.previews.remove(_previews)
        _previews = None
