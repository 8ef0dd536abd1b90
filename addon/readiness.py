"""What would happen if the button were pressed now, or what to do first. For drawing: nothing here raises."""

from __future__ import annotations

from dataclasses import dataclass

import bpy

from . import styles
from .scene import task


@dataclass(frozen=True)
class Advice:
    """A sentence with `{}` for each of `names`; `stops`: nothing can be done before that is mended."""

    text: str
    names: tuple[str | int, ...] = ()
    stops: bool = False


def of_selection(context: bpy.types.Context) -> list[Advice]:
    """What is to be said about the selected objects, in the order of its weight."""
    selected = list(context.selected_objects)
    meshes = [obj for obj in selected if obj.type == "MESH"]
    if not selected:
        return [Advice("Select a mesh object to paint.", stops=True)]
    if not meshes:
        return [
            Advice(
                "{} is no mesh. Select one, or convert it (Object > Convert > Mesh).", _names(selected), True
            )
        ]
    found = [advice for obj in meshes for advice in _of_object(obj)]
    found.sort(key=lambda advice: not advice.stops)
    if len(meshes) > 1 and all(any(advice.stops for advice in _of_object(obj)) for obj in meshes):
        return found
    if len(meshes) > 1:
        found = [Advice(advice.text, advice.names) for advice in found]  # the others can be painted
    if len(selected) > len(meshes):
        found.append(Advice("What is no mesh among the selected stays as it is."))
    return found


def _of_object(obj: bpy.types.Object) -> list[Advice]:
    if obj.library is not None:
        return [
            Advice(
                "{} is linked from a library. Make it local first (Object > Relations).", (obj.name,), True
            )
        ]
    if obj.mode == "EDIT":
        return [Advice("{} is in Edit Mode. Leave it with Tab.", (obj.name,), True)]
    if not obj.data.polygons:
        return [Advice("{} has no faces.", (obj.name,), True)]
    found = []
    if not obj.data.uv_layers:
        found.append(Advice("{} has no UV map.", (obj.name,)))
    materials = [slot.material for slot in obj.material_slots if slot.material]
    shared = [material for material in materials if material.library is not None]
    if shared:
        found.append(Advice("The material {} is linked: a local copy is painted.", (shared[0].name,)))
    if obj.data.users > 1:
        found.append(Advice("Others share the mesh of {}: they keep their materials.", (obj.name,)))
    return found


def of_settings(settings: bpy.types.PropertyGroup, mode: str) -> list[Advice]:
    """What is to be said about the settings."""
    found = []
    if task.uses_styles(settings, mode):
        choices = [settings, *settings.mixed] if task.uses_mixture(mode) else [settings, settings.style_to]
        if any(choice.style == styles.OWN_IMAGE and not choice.style_file for choice in choices):
            found.append(Advice("Choose an image file.", stops=True))
    if mode == "style" and settings.strength == 0:
        found.append(Advice("At strength 0 the object stays as it is."))
    return found


def _names(objects: list[bpy.types.Object]) -> tuple[str, ...]:
    return (objects[0].name,)
