"""A scene of its own for operators that change an object's mode, selection or render engine.

Nothing of the artist's scene needs to be put back afterwards, whatever happens meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import bpy


@contextmanager
def alone(obj: bpy.types.Object) -> Iterator[bpy.types.Scene]:
    """A temporary scene in the context, in which `obj` is the only object, selected and active.

    `obj` must be a temporary one too, and is removed with its data and the scene.
    """
    data = obj.data
    scene = bpy.data.scenes.new("Patina")
    scene.frame_current = bpy.context.scene.frame_current
    layer = scene.view_layers[0]
    try:
        scene.collection.objects.link(obj)
        obj.select_set(True, view_layer=layer)
        layer.objects.active = obj
        with bpy.context.temp_override(
            scene=scene,
            view_layer=layer,
            object=obj,
            active_object=obj,
            edit_object=obj,
            selected_objects=[obj],
            selected_editable_objects=[obj],
        ):
            yield scene
    finally:
        bpy.data.objects.remove(obj)
        bpy.data.meshes.remove(data)
        bpy.data.scenes.remove(scene)
