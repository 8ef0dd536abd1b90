"""Copies of stylized objects that exporters may see: the artist's own objects are never changed.

The copies stand in for the originals under the originals' names, with the stylized materials, and with
the UV maps that these use alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import bpy
import numpy as np

from ...backend.errors import PatinaError
from ..scene import material as materials
from ..scene import memory
from ..scene.mesh import find_uv_layer, get
from ..scene.nodes import outputs, upstream
from .proof import unproofed

# Gives the image that a copy shows instead of `image`, on faces with UVs (F, 3, 2).
Replace = Callable[[bpy.types.Image, np.ndarray], bpy.types.Image]


def stylized_in(layer: bpy.types.ViewLayer) -> list[bpy.types.Object]:
    """List the meshes of a view layer that have a stylized material, shown or not."""
    wearers = memory.wearers()
    return [obj for obj in layer.objects if obj in wearers and obj.type == "MESH"] if wearers else []


def stylized_objects(context: bpy.types.Context, scope: str) -> list[bpy.types.Object]:
    """List the stylized objects that are selected, or all in the view layer; the only one in any case.

    Raises PatinaError if there is none.
    """
    everything = stylized_in(context.view_layer)
    found = everything
    if scope == "SELECTED" and len(everything) > 1:
        found = [obj for obj in everything if obj.select_get()]
    if not everything:
        raise PatinaError(
            "No object of this scene is stylized yet.",
            "Select an object and press Stylize first.",
            "selection",
        )
    if not found:
        raise PatinaError(
            "None of the selected objects is stylized.",
            f"Select {everything[0].name}, or choose All.",
            "selection",
        )
    for obj in found:
        if obj.mode == "EDIT":
            raise PatinaError(f"{obj.name} is in Edit Mode.", "Leave Edit Mode (Tab).", obj.name)
    return found


@contextmanager
def copies(
    context: bpy.types.Context, objects: list[bpy.types.Object], replace: Replace | None = None
) -> Iterator[list[bpy.types.Object]]:
    """Make stand-ins for `objects`, selected together with what carries them; all is as before afterwards."""
    layer = context.view_layer
    selected, active = list(context.selected_objects), layer.objects.active
    stand_ins = _StandIns(context, replace)
    try:
        made = stand_ins.of_objects(objects)
        layer.update()
        for obj in selected:
            obj.select_set(False)
        for obj in (*made, *stand_ins.carriers(objects)):
            obj.select_set(True)
        layer.objects.active = made[0]
        yield made
    finally:
        stand_ins.remove()
        for obj in selected:
            obj.select_set(True)
        layer.objects.active = active


class _StandIns:
    """The data-blocks made for an export, the names they borrowed, and what was unhidden."""

    def __init__(self, context: bpy.types.Context, replace: Replace | None) -> None:
        self.context, self.replace = context, replace
        self.made: list[tuple[Any, Any]] = []  # (collection, data-block)
        self.lent: dict[Any, str] = {}
        self.meshes: dict[Any, bpy.types.Mesh] = {}  # what is shared stays shared: by what makes each up
        self.materials: dict[bpy.types.Material, bpy.types.Material] = {}
        self.images: dict[bpy.types.Image, bpy.types.Image] = {}
        self.faces: dict[bpy.types.Image, dict[bytes, np.ndarray]] = {}  # UVs (F, 3, 2) that show an image
        self.hidden: list[bpy.types.Object] = []
        self.deselect: list[bpy.types.Object] = []

    def keep(self, collection: Any, block: Any, original: Any) -> Any:
        """Remember `block` for removal and give it the name of `original` meanwhile."""
        self.made.append((collection, block))
        if original.library is None and original.override_library is None:
            if original not in self.lent:
                self.lent[original] = original.name
                original.name = f"{original.name[:40]} (kept)"
            block.name = self.lent[original]
        return block

    def of_objects(self, objects: list[bpy.types.Object]) -> list[bpy.types.Object]:
        worn = {obj: _worn(obj) for obj in objects}
        depsgraph = self.context.evaluated_depsgraph_get()
        for obj, shown in worn.items():
            used = {uv for stylized in shown.values() for uv in uv_maps_of(stylized)}
            triangles = _triangle_uvs(obj, depsgraph, used)
            for stylized in set(shown.values()):
                slots = [slot for slot, other in shown.items() if other == stylized]
                for node in image_nodes(stylized):
                    uvs, index = triangles[_uv_map_of(node)]
                    own = uvs[np.isin(index, slots)]
                    self.faces.setdefault(unproofed(node), {})[own.tobytes()] = own
        made = {obj: self.of_object(obj, shown) for obj, shown in worn.items()}
        for obj, copy in made.items():
            if obj.parent in made:
                copy.parent = made[obj.parent]
        return list(made.values())

    def of_object(self, obj: bpy.types.Object, shown: dict[int, bpy.types.Material]) -> bpy.types.Object:
        used = {uv for stylized in shown.values() for uv in uv_maps_of(stylized)}
        copy = obj.copy()
        self.keep(bpy.data.objects, copy, obj)
        key = (obj.data, *shown.items())
        if key not in self.meshes:
            self.meshes[key] = self.keep(bpy.data.meshes, obj.data.copy(), obj.data)
        copy.data = self.meshes[key]
        self.context.scene.collection.objects.link(copy)
        copy.hide_set(False)
        copy.hide_viewport = copy.hide_render = False
        names = {find_uv_layer(copy.data, obj.name, uv).name for uv in used or {None}}
        for layer in [layer for layer in copy.data.uv_layers if layer.name not in names]:
            copy.data.uv_layers.remove(layer)
        for slot, stylized in shown.items():
            if stylized not in self.materials:
                self.materials[stylized] = self.of_material(stylized)
            copy.material_slots[slot].material = self.materials[stylized]
        return copy

    def of_material(self, stylized: bpy.types.Material) -> bpy.types.Material:
        copy = self.keep(bpy.data.materials, stylized.copy(), stylized)
        seen = image_nodes(copy)
        for node in [node for node in copy.node_tree.nodes if materials.is_image(node)]:
            if node not in seen:  # what the surface does not show is not taken along
                copy.node_tree.nodes.remove(node)
        for node in seen:
            node.image = unproofed(node)
            if self.replace:
                node.image = self.of_image(node.image)
        return copy

    def of_image(self, image: bpy.types.Image) -> bpy.types.Image:
        if image not in self.images:
            new = self.replace(image, np.concatenate(list(self.faces[image].values())))
            self.images[image] = self.keep(bpy.data.images, new, image)
        return self.images[image]

    def carriers(self, objects: list[bpy.types.Object]) -> list[bpy.types.Object]:
        """Make the skeletons that move `objects`, and the empties that carry them, selectable; give them."""
        found = {
            modifier.object for obj in objects for modifier in obj.modifiers if modifier.type == "ARMATURE"
        }
        for obj in objects:
            while obj := obj.parent:
                if obj.type == "ARMATURE" or (obj.type == "EMPTY" and obj.instance_type == "NONE"):
                    found.add(obj)
        usable = [obj for obj in found if obj and obj.name in self.context.view_layer.objects]
        for obj in usable:
            if obj.hide_get():
                self.hidden.append(obj)
                obj.hide_set(False)
            if not obj.select_get():
                self.deselect.append(obj)
        return usable

    def remove(self) -> None:
        # Objects first: they would go with their mesh.
        for collection, block in sorted(
            self.made, key=lambda made: not isinstance(made[1], bpy.types.Object)
        ):
            collection.remove(block)
        for original, name in self.lent.items():
            original.name = name
        for obj in self.deselect:
            obj.select_set(False)
        for obj in self.hidden:
            obj.hide_set(True)


def _worn(obj: bpy.types.Object) -> dict[int, bpy.types.Material]:
    """The stylized materials of the slots that have one."""
    worn = {slot: memory.stylized_material(obj, slot) for slot in range(len(obj.material_slots))}
    return {slot: stylized for slot, stylized in worn.items() if stylized is not None}


def uv_maps_of(material: bpy.types.Material) -> set[str | None]:
    """Name the UV maps that the image nodes of `material` read; None is the one active for rendering."""
    return {_uv_map_of(node) for node in image_nodes(material)}


def image_nodes(material: bpy.types.Material) -> list[bpy.types.Node]:
    """List the image nodes that the surface of `material` depends on."""
    seen = [node for output in outputs(material.node_tree) for node in upstream(output)]
    return [node for node in dict.fromkeys(seen) if materials.is_image(node)]


def _uv_map_of(node: bpy.types.Node) -> str | None:
    mapping = next((n for n in upstream(node) if n.type == "UVMAP"), None)
    return mapping.uv_map or None if mapping else None


def _triangle_uvs(
    obj: bpy.types.Object, depsgraph: bpy.types.Depsgraph, maps: set[str | None]
) -> dict[str | None, tuple[np.ndarray, np.ndarray]]:
    """For each UV map of `maps`: UVs (T, 3, 2) of the triangles as seen, and their material slots (T,)."""
    evaluated = obj.evaluated_get(depsgraph)
    mesh = evaluated.to_mesh()
    try:
        mesh.calc_loop_triangles()
        count = len(mesh.loop_triangles)
        corners = get(mesh.loop_triangles, "loops", np.int32, (count, 3))
        index = get(mesh.loop_triangles, "material_index", np.int32, (count,))
        index = np.clip(index, 0, max(0, len(obj.material_slots) - 1))
        layers = {uv_map: find_uv_layer(mesh, obj.name, uv_map) for uv_map in maps}
        return {
            uv_map: (get(layer.uv, "vector", np.float32, (len(mesh.loops), 2))[corners], index)
            for uv_map, layer in layers.items()
        }
    finally:
        evaluated.to_mesh_clear()
