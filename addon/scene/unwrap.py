"""A UV map for a mesh that has none."""

from __future__ import annotations

import math

import bpy
import numpy as np

from ...backend.errors import PatinaError
from .mesh import get
from .stage import alone

UV_MAP = "Patina"
ANGLE = math.radians(66)  # faces that differ more in direction go to different islands; Blender's default
MARGIN = 0.004  # of the map, between islands: two texels of 512, four of 1024


def unwrap(obj: bpy.types.Object) -> str:
    """Give `obj` a new UV map, made by Smart UV Project, and its name ("Patina", or "Patina.001" …).

    The texels get one size on the surface as it stands in the world, before modifiers. The new map
    becomes the active one if there was none; the artist's own maps are not touched. Raises
    PatinaError where there is nothing to unwrap.
    """
    mesh = obj.data
    check(obj)
    uvs = project(mesh, np.array(obj.matrix_world))
    layer = mesh.uv_layers.new(name=UV_MAP, do_init=False)
    if layer is None:
        raise PatinaError(
            f"{obj.name} has as many UV maps as a mesh can have.",
            "Remove one in Properties > Data > UV Maps.",
            obj.name,
        )
    layer.uv.foreach_set("vector", uvs.ravel())
    mesh.update()
    return layer.name


def check(obj: bpy.types.Object) -> None:
    """Raise PatinaError unless `obj` can be given a UV map."""
    if obj.type != "MESH" or not obj.data.polygons:
        raise PatinaError(f"{obj.name} has no faces to unwrap.", "Select a mesh with faces.", obj.name)
    if obj.library or obj.data.library:
        raise PatinaError(
            f"The mesh of {obj.name} is linked from another file and cannot get a UV map here.",
            "Make it local: Object > Relations > Make Local, Selected Objects and Data.",
            obj.name,
        )
    if obj.mode == "EDIT":
        raise PatinaError(f"{obj.name} is in Edit Mode.", "Leave Edit Mode (Tab).", obj.name)


def project(mesh: bpy.types.Mesh, world: np.ndarray) -> np.ndarray:
    """Project the corners of `mesh`, whose place in the world is `world` (4, 4): UVs (L, 2) in 0..1."""
    copy = mesh.copy()
    temporary = bpy.data.objects.new("Patina", copy)
    with alone(temporary):
        temporary.shape_key_clear()
        copy.materials.clear()
        # In world proportions, at a handy size: the operator takes very small faces for none.
        points = get(copy.vertices, "co", np.float32, (len(copy.vertices), 3)) @ world[:3, :3].T
        points -= np.nan_to_num(points.mean(axis=0))
        points /= np.nan_to_num(np.abs(points).max()) or 1
        copy.vertices.foreach_set("co", np.ascontiguousarray(points, np.float32).ravel())
        while copy.uv_layers:
            copy.uv_layers.remove(copy.uv_layers[0])
        copy.uv_layers.new(name=UV_MAP)
        bpy.ops.object.mode_set(mode="EDIT")
        bpy.ops.mesh.reveal(select=True)
        bpy.ops.mesh.select_all(action="SELECT")
        bpy.ops.uv.smart_project(angle_limit=ANGLE, island_margin=MARGIN)
        bpy.ops.object.mode_set(mode="OBJECT")
        if len(copy.loops) != len(mesh.loops):
            raise PatinaError(
                f"{mesh.name} has faces that are broken or there twice.",
                "In Edit Mode, choose Mesh > Clean Up > Merge by Distance.",
                mesh.name,
            )
        return get(copy.uv_layers[0].uv, "vector", np.float32, (len(copy.loops), 2))
