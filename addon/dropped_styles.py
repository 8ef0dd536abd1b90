"""Styles that were dragged onto objects: what happens then."""

from __future__ import annotations

import bpy

from ..backend.errors import PatinaError
from . import api, problems, style_assets


def apply_dropped() -> list[api.Result]:
    """Take the styles off all objects that they were dragged onto, and paint these.

    What cannot be painted is told of in the panel.
    """
    results = []
    for obj in [obj for obj in bpy.context.view_layer.objects if style_assets.dropped(obj)]:
        styled = style_assets.dropped(obj)
        tree = styled[-1].node_group
        for modifier in styled:
            obj.modifiers.remove(modifier)
        try:
            results += api.begin([obj], style_assets.settings_of(tree))
        except PatinaError as error:
            problems.tell(error, obj.name)
    for result in results:
        if result.error is not None:
            problems.tell(result.error, result.name)
    return results


@bpy.app.handlers.persistent
def _look(scene: bpy.types.Scene, depsgraph: bpy.types.Depsgraph) -> None:
    """See whether a style was dragged onto an object; nothing may be changed now."""
    if bpy.app.timers.is_registered(_soon):
        return
    for update in depsgraph.updates:
        if (
            update.is_updated_geometry
            and isinstance(update.id, bpy.types.Object)
            and style_assets.dropped(update.id.original)
        ):
            bpy.app.timers.register(_soon, first_interval=0.0)
            return


def _soon() -> None:
    apply_dropped()


def register() -> None:
    bpy.app.handlers.depsgraph_update_post.append(_look)


def unregister() -> None:
    bpy.app.handlers.depsgraph_update_post.remove(_look)
    if bpy.app.timers.is_registered(_soon):
        bpy.app.timers.unregister(_soon)
