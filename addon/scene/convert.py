"""Curves, text and instances → a mesh of their own, which can wear a texture.

The mesh stands where the original stands, under the same parent; the original is hidden, not changed.
"""

from __future__ import annotations

from collections.abc import Iterator

import bpy
import numpy as np

from ...backend.errors import PatinaError
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
    return obj.type == "MESH" and not _has_faces(obj, depsgraph) and any(_instances(obj, depsgraph))


def _has_faces(obj: bpy.types.Object, depsgraph: bpy.types.Depsgraph) -> bool:
    data = obj.evaluated_get(depsgraph).data
    return bool(data and data.polygons)


def _instances(
    obj: bpy.types.Object, depsgraph: bpy.types.Depsgraph
) -> Iterator[bpy.types.DepsgraphObjectInstance]:
    """What `obj` shows as instances: other objects, or meshes that Geometry Nodes have made.

    Each is valid until the next is asked for.
    """
    for instance in depsgraph.object_instances:
        if instance.is_instance and instance.parent and instance.parent.original == obj:
            own = instance.instance_object.original == obj
            if instance.object.type == "MESH" if own else instance.instance_object.type in ("MESH", *CURVES):
                yield instance


def _parts(
    obj: bpy.types.Object, depsgraph: bpy.types.Depsgraph
) -> Iterator[tuple[bpy.types.Mesh, str, np.ndarray]]:
    """New meshes of all that `obj` shows, the types of objects they are from, and their places (4, 4) in the
    world."""
    world = np.array(obj.matrix_world)
    faces = 0
    if obj.type != "EMPTY":
        mesh = _mesh_of(obj.evaluated_get(depsgraph), depsgraph)
        faces = len(mesh.polygons)
        yield mesh, obj.type, world
    for instance in _instances(obj, depsgraph):
        place, source = np.array(instance.matrix_world), instance.instance_object
        if source.original != obj:
            yield _mesh_of(source, depsgraph), source.type, place
            continue
        made = instance.object.data
        if obj.type in CURVES and len(made.polygons) == faces and np.allclose(place, world):
            continue  # a curve's own faces, which are listed like that
        mesh = made.copy()
        for slot, worn in enumerate(mesh.materials):
            mesh.materials[slot] = worn and worn.original
        yield mesh, "MESH", place


def _mesh_of(obj: bpy.types.Object, depsgraph: bpy.types.Depsgraph) -> bpy.types.Mesh:
    """A new mesh of an evaluated object; an empty one of what cannot be one, such as hair."""
    try:
        return bpy.data.meshes.new_from_object(obj, preserve_all_data_layers=True, depsgraph=depsgraph)
    except RuntimeError:
        return bpy.data.meshes.new(obj.name)


def convert(obj: bpy.types.Object, depsgraph: bpy.types.Depsgraph) -> bpy.types.Object:
    """Make a mesh object of all that `obj` shows, in its place and its collections, named after it.

    Its parts keep the UV maps that they render with; curves and text have none. `obj` is hidden in the
    viewport and in renders. Raises PatinaError where nothing has a face.
    """
    world = np.array(obj.matrix_world)
    meshes = []
    for mesh, kind, place in _parts(obj, depsgraph):
        if not mesh.polygons:
            bpy.data.meshes.remove(mesh)
            continue
        mesh.transform(_matrix(np.eye(4) if np.array_equal(place, world) else np.linalg.solve(world, place)))
        _one_map(mesh, kind)
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
    open_to = [c for c in obj.users_collection if not c.library and not c.override_library]
    for collection in open_to or [bpy.context.scene.collection]:
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
