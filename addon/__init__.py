"""The part of Patina that runs inside Blender. It imports bpy, and never torch."""

from __future__ import annotations

from contextlib import ExitStack

# Nothing is imported here: `addon.setup` and the like also run where there is no bpy.


def _modules() -> tuple:
    from . import (
        history,
        installation,
        jobs,
        lasting,
        preferences,
        properties,
        scope,
        thumbnails,
        translations,
    )
    from .export import properties as export_properties
    from .export import run as export_run
    from .operators import (
        apply,
        cancel,
        compare,
        crop,
        dismiss,
        export,
        install,
        make_paintable,
        paint_image,
        queue,
        settings,
        stylize,
        unwrap,
    )
    from .operators import history as history_operators
    from .ui import advanced, image_editor, panel, presets, progress
    from .ui import export as export_panel
    from .ui import history as history_panel
    from .ui import scope as scope_panel
    from .ui import styles as style_list

    return (
        translations,
        preferences,
        installation,
        thumbnails,
        properties,
        scope,
        export_properties,
        export_run,
        history,
        jobs,
        lasting,
        install,
        make_paintable,
        unwrap,
        stylize,
        paint_image,
        cancel,
        apply,
        compare,
        crop,
        dismiss,
        queue,
        history_operators,
        export,
        settings,
        style_list,
        presets,
        panel,
        scope_panel,
        advanced,
        image_editor,
        progress,
        history_panel,
        export_panel,
    )


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
