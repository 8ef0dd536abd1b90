"""Patina paints meshes in the style of a painting. This is Blender's door; the rooms are in `addon/`."""

from __future__ import annotations


def register() -> None:
    from . import addon

    addon.register()


def unregister() -> None:
    from . import addon

    addon.unregister()
