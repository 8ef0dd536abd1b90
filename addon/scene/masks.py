"""What of an object is to be painted: a weight for each corner of its triangles, or a picture in UV space."""

from __future__ import annotations

from pathlib import Path

import bpy
import numpy as np

from ...backend.protocol import PatinaError
from ..scope import PatinaScope
from . import colorspace, image
from .mesh import get


def weights(
    obj: bpy.types.Object, depsgraph: bpy.types.Depsgraph, faces: np.ndarray, scope: PatinaScope
) -> np.ndarray | None:
    """Tell how far to paint at the corners of the triangles `faces` (T, 3) of `obj`: (T, 3) float32 in 0..1.

    None where all is painted, or where a picture says how far. Raises PatinaError where nothing is left.
    """
    if scope.mask in ("NONE", "IMAGE"):
        return None
    evaluated = obj.evaluated_get(depsgraph)
    mesh = evaluated.to_mesh()
    try:
        mesh.calc_loop_triangles()
        if scope.mask == "GROUP":
            found = _group(obj, mesh)[faces]
        else:
            of_triangle = get(mesh.loop_triangles, "polygon_index", np.int32, (len(faces),))
            chosen = np.zeros(len(mesh.polygons), bool)
            if scope.mask == "FACES":
                mesh.polygons.foreach_get("select", chosen)
            else:
                slots = get(mesh.polygons, "material_index", np.int32, (len(mesh.polygons),))
                chosen = slots == obj.active_material_index
            found = np.repeat(chosen[of_triangle].astype(np.float32)[:, None], 3, 1)
    finally:
        evaluated.to_mesh_clear()
    if not found.any():
        what, cure = {
            "FACES": ("has no selected faces", "Select some in Edit Mode."),
            "GROUP": ("has nothing in its active vertex group", "Assign vertices to it, or paint weights."),
            "SLOT": ("has no faces in its active material slot", "Choose another slot, or assign faces."),
        }[scope.mask]
        raise PatinaError(f"{obj.name} {what}: there is nothing to paint.", cure, obj.name)
    return found


def _group(obj: bpy.types.Object, mesh: bpy.types.Mesh) -> np.ndarray:
    """(V,) float32: the active vertex group's weights on the evaluated `mesh`."""
    group = obj.vertex_groups.active
    if group is None:
        raise PatinaError(
            f"{obj.name} has no vertex group.", "Make one in Properties > Data > Vertex Groups.", obj.name
        )
    found = np.zeros(len(mesh.vertices), np.float32)
    for vertex in mesh.vertices:
        for membership in vertex.groups:
            if membership.group == group.index:
                found[vertex.index] = membership.weight
    return found


def write_picture(scope: PatinaScope, path: Path) -> str | None:
    """Write the mask picture, its values as they are, to `path`, and give its name; None where there is none.

    Raises PatinaError if it cannot be read.
    """
    if scope.mask != "IMAGE":
        return None
    if scope.mask_image is None:
        raise PatinaError("No mask image is chosen.", "Choose one, or paint all.", "mask")
    pixels = image.read_pixels(scope.mask_image)
    grey = pixels[..., : min(3, pixels.shape[2])].mean(2, keepdims=True).clip(0, 1)
    image.write_png(np.broadcast_to(grey, (*grey.shape[:2], 3)), path)
    return path.name


def read(path: Path) -> np.ndarray:
    """Read the mask that a job has left: (H, W) in 0..1, bottom row first. Raises PatinaError."""
    loaded = bpy.data.images.load(str(path), check_existing=False)
    try:
        colorspace.assign(loaded, colorspace.DATA)
        return image.read_pixels(loaded)[..., 0]
    finally:
        bpy.data.images.remove(loaded)
