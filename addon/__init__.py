"""The part of Patina that runs inside Blender. It imports bpy, and never torch."""

from __future__ import annotations

from contextlib import ExitStack
from importlib import import_module
from types import ModuleType

# What has classes or more to register, in that order. Nothing is imported before it is: `addon.setup` and the
# like also run where there is no bpy.
MODULES = (
    "translations",
    "preferences",
    "installation",
    "thumbnails",
    "properties.style",
    "properties.dream",
    "properties.settings",
    "properties.remembered",
    "scope",
    "export.properties",
    "export.printing",
    "scene.sequence",
    "history",
    "studio",
    "jobs",
    "lasting",
    "dropped_styles",
    "export.film",
    "operators.install",
    "operators.make_paintable",
    "operators.unwrap",
    "operators.stylize",
    "operators.paint_image",
    "operators.cancel",
    "operators.apply",
    "operators.compare",
    "operators.crop",
    "operators.dismiss",
    "operators.mark_as_asset",
    "operators.queue",
    "operators.history",
    "operators.export",
    "operators.film",
    "operators.flip_book",
    "operators.settings",
    "ui.styles",
    "ui.keys",
    "ui.presets",
    "ui.panel",
    "ui.scope",
    "ui.advanced",
    "ui.image_editor",
    "ui.progress",
    "ui.history",
    "ui.export",
    "command",
)


def _modules() -> list[ModuleType]:
    return [import_module(f".{name}", __package__) for name in MODULES]


def register() -> None:
    """Register the classes of all modules, and what else each has to. Where something fails, all that was
    registered goes again, so that the add-on can be switched on another time."""
    import bpy

    with ExitStack() as undo:
        for module in _modules():
            for cls in getattr(module, "classes", ()):
                bpy.utils.register_class(cls)
                undo.callback(bpy.utils.unregister_class, cls)
            if hasattr(module, "unregister"):
                undo.callback(module.unregister)
            if hasattr(module, "register"):
                module.register()
        undo.pop_all()


def unregister() -> None:
    import bpy

    for module in reversed(_modules()):
        if hasattr(module, "unregister"):
            module.unregister()
        for cls in reversed(getattr(module, "classes", ())):
            bpy.utils.unregister_class(cls)
