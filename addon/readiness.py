"""What would happen if the button were pressed now, or what to do first. For drawing: nothing here raises."""

from __future__ import annotations

from dataclasses import dataclass, replace

import bpy
from bpy.app.translations import pgettext_iface as iface

from . import modes, styles
from .scene import convert, room

MAX_MESHES = 50  # meshes whose UVs are looked at
SAMPLED_CORNERS = 64  # corners whose UVs tell whether they have changed
MAX_KEPT = 1000
_looked: dict[tuple[int, ...], tuple[list[object] | None, bool]] = {}  # by numbers of the session


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
    alike: dict[tuple[object, ...], list[bpy.types.Object]] = {}
    for obj in selected:
        if _has_surface(obj):
            alike.setdefault(_looks(obj), []).append(obj)
    if not alike:
        words = "{} has no surface to paint. Select a mesh, a curve or a text."
        return [Advice(words, (selected[0].name,), True)]
    few = _few_meshes([first for first, *_ in alike.values()])
    told = [(objects, _of_object(objects[0], unwrap, objects[0].data in few)) for objects in alike.values()]
    found = _grouped(told)
    if any(not any(advice.stops for advice in each) for _, each in told):
        found = [replace(advice, stops=False) for advice in found]  # at least one can be painted
    found.sort(key=lambda advice: not advice.stops)
    if len(selected) > sum(map(len, alike.values())):
        found.append(Advice("What has no surface among the selected stays as it is."))
    return found


def _looks(obj: bpy.types.Object) -> tuple[object, ...]:
    """All that the advice about an object hangs on. A thousand linked duplicates are looked at once."""
    materials = (slot.material for slot in obj.material_slots)
    return obj.type, obj.data, obj.mode, obj.library, *materials


def _has_surface(obj: bpy.types.Object) -> bool:
    return obj.type in ("MESH", *convert.CURVES) or obj.instance_collection is not None


def _few_meshes(objects: list[bpy.types.Object]) -> set[bpy.types.Mesh]:
    """The first of the meshes: to look at all would be felt at every redraw. The button looks at all."""
    return set(list(dict.fromkeys(obj.data for obj in objects if obj.type == "MESH"))[:MAX_MESHES])


def _grouped(told: list[tuple[list[bpy.types.Object], list[Advice]]]) -> list[Advice]:
    """Say the same sentence about several once. `told`: objects that look alike, and the advice about the
    first of them."""
    names: dict[tuple[str, bool], dict[tuple[str | int, ...], int]] = {}
    for objects, advice in told:
        for each in advice:
            of_objects = each.names == (objects[0].name,)  # and not of what they share
            names.setdefault((each.text, each.stops), {})[each.names] = len(objects) if of_objects else 1
    return [Advice(text, _several(counts), stops) for (text, stops), counts in names.items()]


def _several(counts: dict[tuple[str | int, ...], int]) -> tuple[str | int, ...]:
    """The first of the names, and how many there are beside it."""
    first, count = next(iter(counts)), sum(counts.values())
    return first if count == 1 else (iface("{} and {} more").format(first[0], count - 1),)


def _lacks_room(mesh: bpy.types.Mesh, obj: bpy.types.Object) -> bool:
    """As `room.lacks`, kept until some of the UVs change: looking at all takes milliseconds."""
    worn = (slot.material.session_uid if slot.material else 0 for slot in obj.material_slots)
    key = (mesh.session_uid, *worn)
    before, lacked = _looked.get(key, (None, False))
    if obj.mode == "EDIT":  # where the mesh does not tell its UVs
        return lacked
    step = len(mesh.loops) // SAMPLED_CORNERS + 1
    known: list[object] = [len(mesh.loops), len(mesh.uv_layers)]
    for layer in mesh.uv_layers:
        known += [layer.active_render, *(layer.uv[i].vector[:] for i in range(0, len(mesh.loops), step))]
    if before != known:
        if len(_looked) > MAX_KEPT:
            _looked.clear()
        _looked[key] = known, room.lacks(obj, mesh)
    return _looked[key][1]


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
    if modes.uses_styles(settings, mode):
        choices = modes.choices(settings, mode)
        if any(choice.style == styles.OWN_IMAGE and not choice.style_file for choice in choices):
            found.append(Advice("Choose an image file.", stops=True))
    if modes.has_keys(settings, mode) or modes.dreams_at_keys(settings, mode):
        if len(modes.keys_in_order(settings)) < 2:
            return [*found, Advice("Add two keys or more.", stops=True)]
    elif mode == "animate" and _ends_alike(settings):
        found.append(Advice("Both ends are the same: choose another.", stops=True))
    if modes.look_of(settings, mode) == "style" and modes.strength_of(settings, mode) == 0:
        found.append(Advice("At strength 0 the object stays as it is."))
    return found


def _ends_alike(settings: bpy.types.PropertyGroup) -> bool:
    if settings.between == "boil":
        return False
    if settings.between == "formulas":
        return bool(settings.formula == settings.formula_to)
    if settings.between == "styles":
        first, last, names = settings, settings.style_to, ("style", "style_file")
    else:
        first, last, names = settings.target, settings.target_to, ("kind", "class_name", "layer", "channel")
    return all(getattr(first, name) == getattr(last, name) for name in names)
