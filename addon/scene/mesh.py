"""A mesh object → the job's `mesh.npz`: what is seen in the viewport, triangulated, in world space."""

from __future__ import annotations

from collections.abc import Sequence

import bpy
import numpy as np

from ...backend.errors import PatinaError
from .uvs import has_area

MAX_COORDINATE = 1e18  # what is larger has no square in float32; Blender turns a typed infinity into 3.4e38
UNWRAP = "Switch on Unwrap Automatically (Advanced): it gets a UV map of its own."


def selected_meshes(context: bpy.types.Context) -> list[bpy.types.Object]:
    """List the selected mesh objects, the active one first. Raises PatinaError if there are none."""
    selected = list(context.selected_objects)
    if not selected:
        raise PatinaError("Nothing is selected.", "Select a mesh object.", "selection")
    meshes = [obj for obj in selected if obj.type == "MESH"]
    if not meshes:
        kind = selected[0].type.replace("_", " ").lower()
        raise PatinaError(
            f"{selected[0].name} is not a mesh (it is: {kind}).",
            "Select a mesh object, or convert this one with Object > Convert > Mesh.",
            selected[0].name,
        )
    return sorted(meshes, key=lambda obj: obj != context.view_layer.objects.active)


def read(
    obj: bpy.types.Object, depsgraph: bpy.types.Depsgraph, uv_maps: Sequence[str | None]
) -> dict[str, np.ndarray]:
    """Read the arrays of `mesh.npz` for `obj`, with its modifiers and where it stands, and its slots (T,).

    `uv_maps` holds a name for each material slot, or None for the map that is active for rendering.
    The normals are the corner normals that Blender shades with, custom and sharp ones included.
    Raises PatinaError where the mesh cannot be painted.
    """
    if obj.mode == "EDIT":
        raise PatinaError(f"{obj.name} is in Edit Mode.", "Leave Edit Mode (Tab).", obj.name)
    evaluated = obj.evaluated_get(depsgraph)
    try:
        return read_mesh(evaluated.to_mesh(), np.array(evaluated.matrix_world), obj.name, uv_maps)
    finally:
        evaluated.to_mesh_clear()


def read_mesh(
    mesh: bpy.types.Mesh, world: np.ndarray, name: str, uv_maps: Sequence[str | None] = (None,)
) -> dict[str, np.ndarray]:
    """Read the arrays of `mesh.npz` for a mesh of T triangles, moved by `world` (4, 4), and its slots.

    Gives vertices (V, 3) float32, faces (T, 3) int32, uvs (T, 3, 2) float32 and normals (T, 3, 3)
    float32 of unit length; and slots (T,) int32. A mirroring `world` turns the triangles over, so that
    they still face outwards. `name` is the object's, for messages. Raises PatinaError.
    """
    if not mesh.polygons:
        raise PatinaError(f"{name} has no faces.", "Select an object with faces.", name)
    corners = read_corners(mesh)
    faces = read_attribute(mesh, ".corner_vert", "value", np.int32, (len(mesh.loops),))[corners]
    vertices = read_attribute(mesh, "position", "vector", np.float32, (len(mesh.vertices), 3))
    normals, own = read_normals(mesh, corners, faces)
    slots = read_slots(mesh, name, len(uv_maps))

    linear, offset = world[:3, :3], world[:3, 3]
    if np.linalg.det(linear) < 0:
        faces, corners, own = faces[:, ::-1], corners[:, ::-1], own[:, ::-1]
    with np.errstate(over="ignore", invalid="ignore"):  # checked below
        vertices = (vertices @ linear.T + offset).astype(np.float32)
    check_finite(vertices, "vertices", name, "Delete or move them in Edit Mode, or mend the object's scale.")

    # Normals go by the cofactor matrix (inverse transpose times determinant): a scale of 0 does not break it.
    turn = cofactor(linear) * (np.sign(np.linalg.det(linear)) or 1)
    normals = normals @ (turn / max(np.abs(turn).max(), 1e-300)).T.astype(np.float32)
    x, y, z = (normals * normals).T
    normals /= np.maximum(np.sqrt(x + y + z), 1e-30)[:, None]  # not along rows of three, which is slow
    return {
        "vertices": vertices,
        "faces": np.ascontiguousarray(faces),
        "uvs": read_uvs(mesh, name, corners, slots, uv_maps),
        "normals": normals.take(own, axis=0),
        "slots": slots,
    }


def read_corners(mesh: bpy.types.Mesh) -> np.ndarray:
    """Read which corners of the mesh are those of each triangle: (T, 3)."""
    mesh.calc_loop_triangles()
    return get(mesh.loop_triangles, "loops", np.int32, (len(mesh.loop_triangles), 3))


def read_normals(
    mesh: bpy.types.Mesh, corners: np.ndarray, faces: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Read the normals that Blender shades with, (N, 3), and which of them corners of triangles have: (T, 3).

    corners, faces (T, 3): loops and vertices of the triangles. Where all that meet in a vertex have the same
    one, there are several times fewer.
    """
    if mesh.normals_domain == "POINT":
        return get(mesh.vertex_normals, "vector", np.float32, (len(mesh.vertices), 3)), faces
    return get(mesh.corner_normals, "vector", np.float32, (len(mesh.loops), 3)), corners


def read_attribute(
    mesh: bpy.types.Mesh, attribute: str, value: str, dtype: type, shape: tuple[int, ...]
) -> np.ndarray:
    """Read what Blender keeps as an array: many times as fast as by the properties of its elements."""
    return get(mesh.attributes[attribute].data, value, dtype, shape)


def of_polygons(mesh: bpy.types.Mesh, attribute: str, dtype: type) -> np.ndarray:
    """Read what polygons have: (P,); 0 where none has it."""
    if attribute not in mesh.attributes:
        return np.zeros(len(mesh.polygons), dtype)
    return read_attribute(mesh, attribute, "value", dtype, (len(mesh.polygons),))


def of_triangles(mesh: bpy.types.Mesh, attribute: str, dtype: type) -> np.ndarray:
    """Read what polygons have, for their triangles, which are calculated: (T,); 0 where none has it."""
    if attribute not in mesh.attributes:
        return np.zeros(len(mesh.loop_triangles), dtype)
    polygons = get(mesh.loop_triangle_polygons, "value", np.int32, (len(mesh.loop_triangles),))
    return of_polygons(mesh, attribute, dtype)[polygons]


def read_slots(mesh: bpy.types.Mesh, name: str, slots: int) -> np.ndarray:
    """Read the material slot (T,) of each triangle. Raises PatinaError where a modifier has made others."""
    index = of_triangles(mesh, "material_index", np.int32)
    if index.max() >= slots and len(mesh.materials) > slots:
        raise PatinaError(
            f"A modifier gives {name} a material that is in none of its slots.",
            "Apply its modifiers (Object > Apply > Visual Geometry to Mesh).",
            name,
        )
    return index.clip(0, slots - 1)


def read_uvs(
    mesh: bpy.types.Mesh, name: str, corners: np.ndarray, slots: np.ndarray, uv_maps: Sequence[str | None]
) -> np.ndarray:
    """Read UVs (T, 3, 2) of the corners (T, 3), from the map that `uv_maps` names for their slots (T,)."""
    used = np.flatnonzero(np.bincount(slots))
    wanted, uvs = {uv_maps[slot] for slot in used}, None
    for uv_map in wanted:
        layer = find_uv_layer(mesh, name, uv_map)
        values = get(layer.uv, "vector", np.float32, (len(mesh.loops), 2))
        check_finite(values, f"corners of its UV map {layer.name}", name, UNWRAP)
        if len(wanted) == 1:
            uvs = values.take(corners, axis=0)
            break
        uvs = np.empty((*corners.shape, 2), np.float32) if uvs is None else uvs
        own = np.isin(slots, [slot for slot in used if uv_maps[slot] == uv_map])
        uvs[own] = values[corners[own]]
    if not has_area(uvs):
        raise PatinaError(
            f"The UV map {layer.name} of {name} gives its faces no area: all is in one place or line.",
            UNWRAP,
            name,
        )
    return uvs


def get(collection: object, attribute: str, dtype: type, shape: tuple[int, ...]) -> np.ndarray:
    """Read an attribute of every element of a Blender collection, as an array of that shape."""
    array = np.empty(shape, dtype)
    collection.foreach_get(attribute, array.ravel())
    return array


def find_uv_layer(mesh: bpy.types.Mesh, name: str, uv_map: str | None) -> bpy.types.MeshUVLoopLayer:
    """Find the UV map named `uv_map`, or the one active for rendering. Raises PatinaError."""
    if not mesh.uv_layers:
        raise PatinaError(f"{name} has no UV map.", UNWRAP, name)
    if uv_map and uv_map not in mesh.uv_layers:
        raise PatinaError(
            f"{name} has no UV map {uv_map!r}, which its material's image uses.",
            "Choose another map in the material's UV Map node.",
            name,
        )
    if uv_map:
        return mesh.uv_layers[uv_map]
    # A modifier may have removed the map that was active for rendering.
    return next((layer for layer in mesh.uv_layers if layer.active_render), mesh.uv_layers[0])


def check_finite(points: np.ndarray, what: str, name: str, cure: str) -> None:
    """Raise PatinaError unless all of `points` (N, K), which are `what` of the object `name`, is finite."""
    if not (points.min() > -MAX_COORDINATE and points.max() < MAX_COORDINATE):  # NaN is neither
        bad = int((~(np.abs(points) < MAX_COORDINATE)).any(axis=1).sum())
        raise PatinaError(f"{name}: {bad} {what} are not finite numbers (NaN or infinite).", cure, name)


def cofactor(matrix: np.ndarray) -> np.ndarray:
    """Compute the cofactor matrix of a (3, 3) matrix: its rows are cross products of the other two."""
    a, b, c = matrix
    return np.stack((np.cross(b, c), np.cross(c, a), np.cross(a, b)))
