"""Models that take their colours from a palette: their UVs are points, lines or a few crowded spots.

Nothing can be painted there, nor where an image is mirrored, stretched or cut off beyond its end. Such an
object gets a further UV map (`unwrap`), in which its colours are baked; its own one stays, and what reads it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import bpy
import numpy as np

from . import material, memory, uvs
from .mesh import find_uv_layer, get, of_triangles, read_corners
from .unwrap import UV_MAP


def lacks(obj: bpy.types.Object, mesh: bpy.types.Mesh) -> bool:
    """Whether faces of `obj`, whose own or evaluated mesh is `mesh`, have no room in the UV map that their
    material reads, nor in one that Patina made."""
    originals = [memory.original_material(obj, slot) for slot in range(len(obj.material_slots))] or [None]
    colors = [material.base_color(original) for original in originals]
    slots, made = cramped(mesh, colors), _made(mesh)
    return bool(slots) and (made is None or not slots.isdisjoint(_cramped_in(mesh, made, len(colors))))


def with_room(
    obj: bpy.types.Object, depsgraph: bpy.types.Depsgraph, colors: Sequence[material.BaseColor]
) -> list[material.BaseColor]:
    """Move `colors`, of the material slots of `obj`, to the UV map that Patina made, if there is one, where
    their faces have no room in their own: images are baked into it.
    """
    evaluated, found = obj.evaluated_get(depsgraph), list(colors)
    try:
        mesh = evaluated.to_mesh()
        if made := _made(mesh):  # else there is none to move to, and to look at millions of UVs takes long
            for slot in cramped(mesh, colors) - _cramped_in(mesh, made, len(colors)):
                baked = found[slot].baked or found[slot].image is not None
                found[slot] = replace(found[slot], image=None, uv_map=made, baked=baked, ends=False)
    finally:
        evaluated.to_mesh_clear()
    return found


def _made(mesh: bpy.types.Mesh) -> str | None:
    """The latest of the UV maps that Patina made, by its name."""
    names = [layer.name for layer in mesh.uv_layers if layer.name.partition(".")[0] == UV_MAP]
    return names[-1] if names else None


def _cramped_in(mesh: bpy.types.Mesh, uv_map: str, count: int) -> set[int]:
    """The material slots, of `count`, whose faces have no room in `uv_map`."""
    return cramped(mesh, [material.BaseColor(uv_map=uv_map)] * count)


def cramped(mesh: bpy.types.Mesh, colors: Sequence[material.BaseColor]) -> set[int]:
    """List the material slots of `mesh` whose faces have no room in the UV maps that their `colors` are read
    by.

    A map that is not there is another fault.
    """
    if not mesh.polygons or not mesh.uv_layers:
        return set()
    corners = read_corners(mesh)
    slots = of_triangles(mesh, "material_index", np.int32).clip(0, len(colors) - 1)
    areas = get(mesh.loop_triangles, "area", np.float32, (len(corners),))
    found, used = set(), np.flatnonzero(np.bincount(slots)).tolist()
    for uv_map in {colors[slot].uv_map for slot in used}:
        if uv_map and uv_map not in mesh.uv_layers:
            continue
        layer = find_uv_layer(mesh, mesh.name, uv_map)
        values = get(layer.uv, "vector", np.float32, (len(mesh.loops), 2))
        for slot in used:
            if colors[slot].uv_map != uv_map:
                continue
            own = slice(None) if len(used) == 1 else slots == slot
            laid = values[corners[own]]
            beyond = colors[slot].ends and bool((np.abs(laid - 0.5) > 0.5 + uvs.BORDER_TOLERANCE).any())
            if beyond or not uvs.have_room(laid, areas[own]):
                found.add(slot)
    return found
