"""What would happen if the button were pressed now, or what to do first. For drawing: nothing here raises."""

from __future__ import annotations

from dataclasses import dataclass, replace

import bpy
from bpy.app.translations import pgettext_iface as iface

from . import job_fields, styles
from .scene import convert, room

MAX_MESHES = 50  # meshes whose UVs are looked at
SAMPLED_CORNERS = 64  # corners whose UVs tell whether they have changed
MAX_KEPT = 1000
_looked: dict[int, tuple[list[object] | None, bool]] = {}  # by the mesh's number in the session


@dataclass(frozen=True)
class Advice:
    """A sentence with `{}` for each of `names`; `stops`: nothing can be done before that is mended."""

    text: str
    names: tuple[str | int, ...] = ()
    stops: bool = False


def of_selection(context: bpy.types.Context) -> list[Advice]:
    """List what is to be said about the selected objects: first what stops it."""
    selected = list(context.selected_objects)
    if not selected:
        return [Advice("Select a mesh object to paint.", stops=True)]
    unwrap = context.scene.patina.unwrap
    looked_at = _few_meshes(selected) if len(selected) > MAX_MESHES else None
    each = {
        obj.name: _of_object(obj, unwrap, looked_at is None or obj.data in looked_at)
        for obj in selected
        if _has_surface(obj)
    }
    if not each:
        words = "{} has no surface to paint. Select a mesh, a curve or a text."
        return [Advice(words, (selected[0].name,), True)]
    found = [advice for told in each.values() for advice in told]
    if any(not any(advice.stops for advice in told) for told in each.values()):
        found = [replace(advice, stops=False) for advice in found]  # at least one can be painted
    found = _grouped(found)
    found.sort(key=lambda advice: not advice.stops)
    if len(selected) > len(each):
        found.append(Advice("What has no surface among the selected stays as it is."))
    return found


def _has_surface(obj: bpy.types.Object) -> bool:
    return obj.type in ("MESH", *convert.CURVES) or obj.instance_collection is not None


def _few_meshes(objects: list[bpy.types.Object]) -> set[bpy.types.Mesh]:
    """The first of the meshes: to look at all would be felt at every redraw. The button looks at all."""
    return set(list(dict.fromkeys(obj.data for obj in objects if obj.type == "MESH"))[:MAX_MESHES])


def _grouped(advice: list[Advice]) -> list[Advice]:
    """The same sentence about several, said once."""
    names: dict[tuple[str, bool], dict[tuple[str | int, ...], None]] = {}
    for each in advice:
        names.setdefault((each.text, each.stops), {})[each.names] = None
    return [Advice(text, _several(list(found)), stops) for (text, stops), found in names.items()]


def _several(names: list[tuple[str | int, ...]]) -> tuple[str | int, ...]:
    if len(names) == 1:
        return names[0]
    return (iface("{} and {} more").format(names[0][0], len(names) - 1),)


def _lacks_room(mesh: bpy.types.Mesh, obj: bpy.types.Object) -> bool:
    """As `room.lacks`, kept until some of the UVs or materials change: looking at all takes milliseconds."""
    if obj.mode == "EDIT":  # where the mesh does not tell its UVs
        return _looked.get(mesh.session_uid, (None, False))[1]
    step = len(mesh.loops) // SAMPLED_CORNERS + 1
    known: list[object] = [slot.material and slot.material.session_uid for slot in obj.material_slots]
    known += [len(mesh.loops), len(mesh.uv_layers)]
    for layer in mesh.uv_layers:
        known += [layer.active_render, *(layer.uv[i].vector[:] for i in range(0, len(mesh.loops), step))]
    if _looked.get(mesh.session_uid, (None, False))[0] != known:
        if len(_looked) > MAX_KEPT:
            _looked.clear()
        _looked[mesh.session_uid] = known, room.lacks(obj, mesh)
    return _looked[mesh.session_uid][1]


def _of_object(obj: bpy.types.Object, unwrap: bool, closely: bool) -> list[Advice]:
    """What is to be said about an object; `closely`: its UVs are looked at, too."""
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
    elif closely and not obj.data.library and _lacks_room(obj.data, obj):
        if unwrap:
            words = "The UVs of {} leave no room to paint: it gets another UV map, with its colours."
        else:
            words = "The UVs of {} leave no room to paint. Switch on Unwrap Automatically (Advanced)."
        found.append(Advice(words, (obj.name,), not unwrap))
    materials = [slot.material for slot in obj.material_slots if slot.material]
    linked = [material for material in materials if material.library is not None]
    if linked:
        found.append(Advice("The material {} is linked: a local copy is painted.", (linked[0].name,)))
    if obj.data.users > 1:
        found.append(Advice("Others share the mesh of {}: they keep their materials.", (obj.name,)))
    return found


def of_settings(settings: bpy.types.PropertyGroup, mode: str) -> list[Advice]:
    """List what is to be said about the settings."""
    found = []
    if job_fields.uses_styles(settings, mode):
        others = settings.mixed if job_fields.uses_mixture(mode) else [settings.style_to]
        choices = [settings, *others]
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
