"""A scene of its own for operators that change an object's mode, selection or render engine.

Nothing of the artist's scene needs to be put back afterwards, whatever happens meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import bpy


@contextmanager
def temporary_scene(objects: Sequence[bpy.types.Object]) -> Iterator[bpy.types.Scene]:
    """Put a temporary scene in the context, in which just `objects` are, selected; the first is active."""
    scene = bpy.data.scenes.new("Patina")
    scene.frame_current = bpy.context.scene.frame_current
    layer = scene.view_layers[0]
    try:
        for obj in objects:
            scene.collection.objects.link(obj)
            obj.select_set(True, view_layer=layer)
        layer.objects.active = objects[0]
        with bpy.context.temp_override(
            scene=scene,
            view_layer=layer,
            object=objects[0],
            active_object=objects[0],
            edit_object=objects[0],
            selected_objects=list(objects),
            selected_editable_objects=list(objects),
        ):
            yield scene
    finally:
        bpy.data.scenes.remove(scene)


@contextmanager
def alone(obj: bpy.types.Object) -> Iterator[bpy.types.Scene]:
    """Put a temporary scene in the context with nothing but the temporary mesh object `obj`.

    It is removed with its data and the scene.
    """
    data = obj.data
    try:
        with temporary_scene([obj]) as scene:
            yield scene
    finally:
        bpy.data.objects.remove(obj)
        bpy.data.meshes.remove(data)


@contextmanager
def object_mode(context: bpy.types.Context) -> Iterator[None]:
    """Leave Edit Mode for a while, if the artist is in it; what was edited, or sculpted, counts."""
    if context.mode == "SCULPT":  # with dynamic topology, the mesh does not know of it yet
        bpy.ops.ed.flush_edits()
    editing = context.mode.startswith("EDIT")
    if editing:
        bpy.ops.object.mode_set(mode="OBJECT")
    try:
        yield
    finally:
        if editing:
            bpy.ops.object.mode_set(mode="EDIT")


def keep_step(context: bpy.types.Context) -> None:
    """Have an operator's undo step undone by one undo in Sculpt Mode, too. Call it before anything changes.

    Steps of that mode hold the sculpted mesh alone: to go back to one leaves all else as it is.
    """
    if context.mode == "SCULPT":
        bpy.ops.ed.undo_push(message="Sculpt Mode")
