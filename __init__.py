"""Patina paints meshes in the style of a painting. This is Blender's door; the rooms are in `addon/`.

What scripts may use of it is named in `API`: docs/scripting.md.
"""

from __future__ import annotations

API = ("stylize", "wait_for", "apply", "Result")


def register() -> None:
    from . import addon

    addon.register()


def unregister() -> None:
    from . import addon

    addon.unregister()


def __getattr__(name: str) -> object:
    if name not in API:  # nothing is imported before it is registered
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from .addon import api

    return getattr(api, name)
