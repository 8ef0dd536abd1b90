"""What would happen if the button were pressed now, or what to do first. For drawing: nothing here raises."""

from __future__ import annotations

from dataclasses import dataclass, replace

import bpy

from . import styles
from .scene import convert, task


@dataclass(frozen=True)
class Advice:
    """A sentence with `{}` for each of `names`; `stops`: nothing can be done before that is mended."""

    text: str
    names: tuple[str | int, ...] = ()
    stops: bool = False


def of_selection(context: bpy.types.Context) -> list[Advice]:
    """What is to be said about the selected objects: first what stops it."""
    selected = list(context.selected_objects)
    if not selected:
        return [Advice("Select a mesh object to paint.", stops=True)]
    unwrap = context.scene.patina.unwrap
    each = {obj.name: _of_object(obj, unwrap) for obj in selected if _has_surface(obj)}
    if not each:
        words = "{} has no surface to paint. Select a mesh, a curve or a text."
        return [Advice(words, (selected[0].name,), True)]
    found = [advice for told in each.values() for advice in told]
    if any(not any(advice.stops for advice in told) for told in each.values()):
        found = [replace(advice, stops=False) for advice in found]  # at least one can be painted
    found.sort(key=lambda advice: not advice.stops)
    if len(selected) > len(each):
        found.append(Advice("What has no surface among the selected stays as it is."))
    return found


def _has_surface(obj: bpy.types.Object) -> bool:
    return obj.type in ("MESH", *convert.CURVES) or obj.instance_collection is not None


def _of_object(obj: bpy.types.Object, unwrap: bool) -> list[Advice]:
    if obj.library is not None:
        words = "{} is linked from a library. Make it local first (Object > Relations)."
        return [Advice(words, (obj.name,), True)]
    if obj.type != "MESH":
        return [Advice("{} becomes a mesh; the original is kept, hidden.", (obj.name,))]
    found = []
    if obj.data.polygons and not obj.data.uv_layers:
        if unwrap:
            found.append(Advice("{} has no UV map: it gets one.", (obj.name,)))
        else:
            words = "{} has no UV map. Switch on Unwrap (Advanced), or unwrap it by hand."
            found.append(Advice(words, (obj.name,), True))
    materials = [slot.material for slot in obj.material_slots if slot.material]
    linked = [material for material in materials if material.library is not None]
    if linked:
        found.append(Advice("The material {} is linked: a local copy is painted.", (linked[0].name,)))
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
    if mode == "animate" and _ends_alike(settings):
        found.append(Advice("Both ends are the same: choose another.", stops=True))
    if mode == "style" and settings.strength == 0:
        found.append(Advice("At strength 0 the object stays as it is."))
    return found


def _ends_alike(settings: bpy.types.PropertyGroup) -> bool:
    if settings.between == "styles":
        first, last, names = settings, settings.style_to, ("style", "style_file")
    else:
        first, last, names = settings.target, settings.target_to, ("kind", "class_name", "layer", "channel")
    return all(getattr(first, name) == getattr(last, name) for name in names)
