"""Curves, text and instances → a mesh of their own, which can wear a texture.

The mesh stands where the original stands, under the same parent; the original is hidden, not changed.
"""

from __future__ import annotations

import bpy
import numpy as np

from ...backend.protocol import PatinaError
from . import unwrap
from .stage import temporary_scene

CURVES = ("CURVE", "SURFACE", "FONT", "META", "CURVES")
UV_MAP = "UVMap"


def is_convertible(obj: bpy.types.Object, depsgraph: bpy.types.Depsgraph) -> bool:
    """Whether `obj` has a surface, though no mesh of its own that could be painted."""
    if obj.type in CURVES:
        return True
    if obj.type == "EMPTY":
        return obj.instance_type == "COLLECTION" and obj.instance_collection is not None
    return obj.type == "MESH" and not _has_faces(obj, depsgraph) and bool(_instances(obj, depsgraph))


def _has_faces(obj: bpy.types.Object, depsgraph: bpy.types.Depsgraph) -> bool:
    data = obj.evaluated_get(depsgraph).data
    return bool(data and data.polygons)


def _instances(
    obj: bpy.types.Object, depsgraph: bpy.types.Depsgraph
) -> list[tuple[bpy.types.Object, np.ndarray]]:
    """The evaluated objects that `obj` shows as instances, with their places (4, 4) in the world."""
    return [
        (instance.instance_object, np.array(instance.matrix_world))
        for instance in depsgraph.object_instances
        if instance.is_instance
        and instance.parent
        and instance.parent.original == obj != instance.instance_object.original  # not a curve's own faces
        and instance.instance_object.type in ("MESH", *CURVES)
    ]


def convert(obj: bpy.types.Object, depsgraph: bpy.types.Depsgraph) -> bpy.types.Object:
    """A mesh object of all that `obj` shows, in its place and its collections, named after it.

    Its parts keep the UV maps that they render with; curves and text have none. `obj` is hidden in the
    viewport and in renders. Raises PatinaError where nothing has a face.
    """
    world = np.array(obj.matrix_world)
    shown = [] if obj.type == "EMPTY" else [(obj.evaluated_get(depsgraph), world)]
    meshes = []
    for part, place in [*shown, *_instances(obj, depsgraph)]:
        mesh = bpy.data.meshes.new_from_object(part, preserve_all_data_layers=True, depsgraph=depsgraph)
        if not mesh.polygons:
            bpy.data.meshes.remove(mesh)
            continue
        mesh.transform(_matrix(np.linalg.solve(world, place) if part.original != obj else np.eye(4)))
        _one_map(mesh, part.type)
        meshes.append(mesh)
    if not meshes:
        raise PatinaError(
            f"{obj.name} shows no faces.", "Give it a bevel, an extrusion or a surface.", obj.name
        )
    if any(mesh.uv_layers for mesh in meshes):
        for mesh in meshes:
            if not mesh.uv_layers:
                uvs = unwrap.project(mesh, world)
                mesh.uv_layers.new(name=UV_MAP, do_init=False).uv.foreach_set("vector", uvs.ravel())
    mesh = _joined(meshes)
    mesh.name = obj.name
    result = bpy.data.objects.new(f"{obj.name} Mesh", mesh)
    for collection in obj.users_collection:
        collection.objects.link(result)
    result.parent, result.parent_type, result.parent_bone = obj.parent, obj.parent_type, obj.parent_bone
    result.matrix_parent_inverse = obj.matrix_parent_inverse
    result.matrix_world = obj.matrix_world
    obj.select_set(False)
    obj.hide_set(True)
    obj.hide_render = True
    result.select_set(True)
    return result


def _matrix(values: np.ndarray) -> object:
    from mathutils import Matrix

    return Matrix(values.tolist())


def _one_map(mesh: bpy.types.Mesh, kind: str) -> None:
    """Leave `mesh` the UV map that it renders with, under the name that all parts have."""
    for layer in [layer for layer in mesh.uv_layers if kind != "MESH" or not layer.active_render]:
        mesh.uv_layers.remove(layer)
    if mesh.uv_layers:
        mesh.uv_layers[0].name = UV_MAP


def _joined(meshes: list[bpy.types.Mesh]) -> bpy.types.Mesh:
    if len(meshes) == 1:
        return meshes[0]
    objects = [bpy.data.objects.new("Patina", mesh) for mesh in meshes]
    with temporary_scene(objects):
        bpy.ops.object.join()
        mesh = objects[0].data
        bpy.data.objects.remove(objects[0])
    for other in meshes[1:]:
        bpy.data.meshes.remove(other)
    return mesh
