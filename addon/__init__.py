"""The part of Patina that runs inside Blender. It imports bpy, and never torch."""

from __future__ import annotations

# Nothing is imported here: `addon.setup` and the like also run where there is no bpy.


def _modules() -> tuple:
    from . import history, installation, jobs, preferences, properties, scope, translations
    from .export import properties as export_properties
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
        properties,
        scope,
        export_properties,
        history,
        jobs,
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
    import bpy

    for module in _modules():
        if hasattr(module, "register"):
            module.register()
        else:
            for cls in module.classes:
                bpy.utils.register_class(cls)


def unregister() -> None:
    import bpy

    for module in reversed(_modules()):
        if hasattr(module, "unregister"):
            module.unregister()
        else:
            for cls in reversed(module.classes):
                bpy.utils.unregister_class(cls)
