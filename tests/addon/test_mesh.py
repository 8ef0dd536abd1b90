"""Export of meshes, against shapes whose triangles, places and normals are known."""

from __future__ import annotations

import math
import time

import bpy
import numpy as np
import pytest
from bl_ext.user_default.patina.addon.scene import mesh, viewpoint
from bl_ext.user_default.patina.backend.errors import PatinaError
from mathutils import Matrix, Vector


def export(obj: bpy.types.Object, uv_map: str | None = None) -> dict[str, np.ndarray]:
    bpy.context.view_layer.update()
    arrays = mesh.read(obj, bpy.context.evaluated_depsgraph_get(), [uv_map])
    arrays.pop("slots")
    return arrays


def face_normals(arrays: dict[str, np.ndarray]) -> np.ndarray:
    """Unit normals (T, 3) by the right-hand rule, and so by the winding."""
    a, b, c = np.moveaxis(arrays["vertices"][arrays["faces"]].astype(float), 1, 0)
    normals = np.cross(b - a, c - a)
    return normals / np.linalg.norm(normals, axis=1, keepdims=True)


def test_cube_arrays(cube):
    arrays = export(cube)
    assert {name: (array.shape, array.dtype.str) for name, array in arrays.items()} == {
        "vertices": ((8, 3), "<f4"),
        "faces": ((12, 3), "<i4"),
        "uvs": ((12, 3, 2), "<f4"),
        "normals": ((12, 3, 3), "<f4"),
    }
    assert set(np.abs(arrays["vertices"]).ravel()) == {1.0}
    normals = face_normals(arrays)
    centres = arrays["vertices"][arrays["faces"]].mean(axis=1)
    assert (normals * centres).sum(axis=1) == pytest.approx(1)  # outwards, at distance 1
    assert arrays["normals"] == pytest.approx(np.repeat(normals[:, None], 3, axis=1), abs=1e-6)


def test_corners_keep_their_uvs():
    """On a grid of the unit square the UVs are the coordinates, whatever the triangulation."""
    bpy.ops.mesh.primitive_grid_add(x_subdivisions=5, y_subdivisions=3, size=1, calc_uvs=True)
    arrays = export(bpy.context.object)
    corners = arrays["vertices"][arrays["faces"]]
    assert len(corners) == 2 * 5 * 3
    assert arrays["uvs"] == pytest.approx(corners[..., :2] + 0.5, abs=1e-6)


@pytest.mark.parametrize("scale", [(1, 1, 1), (2, 3, 0.5), (-1, 1, 1), (-2, -2, -2), (1e-4, 1e-4, 1e-4)])
def test_world_matrix(scale):
    """A moved, turned, scaled, mirrored sphere keeps facing outwards, and its smooth normals with it."""
    bpy.ops.mesh.primitive_uv_sphere_add(segments=32, ring_count=16, calc_uvs=True)
    bpy.ops.object.shade_smooth()
    obj = bpy.context.object
    obj.location, obj.rotation_euler, obj.scale = (5, -3, 2), (0.3, 0.4, 0.5), scale
    arrays = export(obj)
    world = np.array(obj.matrix_world)
    sphere = np.linalg.solve(world[:3, :3], (arrays["vertices"] - world[:3, 3]).T).T
    # Far from the origin, float32 leaves a small object few digits.
    assert np.linalg.norm(sphere, axis=1) == pytest.approx(1, abs=1e-5 + 1e-6 / min(map(abs, scale)))
    normals = np.linalg.solve(world[:3, :3].T, sphere[arrays["faces"]].reshape(-1, 3).T).T.reshape(-1, 3, 3)
    normals /= np.linalg.norm(normals, axis=-1, keepdims=True)
    assert (arrays["normals"] * normals).sum(-1).min() > 0.99
    assert (face_normals(arrays) * normals.mean(axis=1)).sum(-1).min() > 0.85


def test_modifiers_parents_and_shape_keys_are_applied(cube):
    parent = bpy.data.objects.new("Parent", None)
    bpy.context.collection.objects.link(parent)
    parent.location.z = 10
    cube.parent = parent
    cube.modifiers.new("Array", "ARRAY").count = 3
    cube.shape_key_add(name="Basis")
    key = cube.shape_key_add(name="Wide", from_mix=False)
    for point in key.data:
        point.co.y *= 2
    key.value = 1
    vertices = export(cube)["vertices"]
    assert vertices.min(axis=0) == pytest.approx((-1, -2, 9))
    assert vertices.max(axis=0) == pytest.approx((5, 2, 11))
    assert len(cube.data.polygons) == 6  # the artist's mesh is as it was


def test_armature_pose(fox):
    rest = export(fox)["vertices"]
    bpy.context.scene.frame_set(40)
    posed = export(fox)["vertices"]
    assert np.abs(posed - rest).max() > 1


def test_uv_map_active_for_rendering(cube):
    layers = cube.data.uv_layers
    layers.new(name="Other").uv.foreach_set("vector", np.random.default_rng(0).random(48, np.float32))
    layers.active = layers["Other"]
    first, other = (export(cube, name)["uvs"] for name in ("UVMap", "Other"))
    assert not np.array_equal(first, other)
    layers["UVMap"].active_render = True
    assert np.array_equal(export(cube)["uvs"], first)
    layers["Other"].active_render = True
    assert np.array_equal(export(cube)["uvs"], other)


def test_a_million_triangles():
    bpy.ops.mesh.primitive_grid_add(x_subdivisions=1000, y_subdivisions=500, calc_uvs=True)
    bpy.context.evaluated_depsgraph_get()
    start = time.process_time()
    arrays = export(bpy.context.object)
    assert time.process_time() - start < 3
    assert len(arrays["faces"]) == 1_000_000


def no_faces(obj):
    bpy.ops.object.mode_set(mode="EDIT")
    bpy.ops.mesh.delete(type="ONLY_FACE")
    bpy.ops.object.mode_set(mode="OBJECT")


def no_uv_map(obj):
    obj.data.uv_layers.remove(obj.data.uv_layers[0])


def uvs(value):
    def spoil(obj):
        obj.data.uv_layers[0].uv.foreach_set("vector", np.full(48, value, np.float32))

    return spoil


def one_uv_nan(obj):
    obj.data.uv_layers[0].uv[7].vector.x = np.nan


def coordinate(value):
    def spoil(obj):
        obj.data.vertices[3].co.x = value

    return spoil


def edit_mode(obj):
    bpy.ops.object.mode_set(mode="EDIT")


def modifier_removes_all(obj):
    obj.modifiers.new("Mask", "MASK").vertex_group = obj.vertex_groups.new(name="Nobody").name


@pytest.mark.parametrize(
    ("spoil", "words", "cure"),
    [
        (no_faces, "Cube has no faces", "with faces"),
        (modifier_removes_all, "Cube has no faces", "with faces"),
        (no_uv_map, "Cube has no UV map", "Unwrap Automatically"),
        (uvs(0), "UVMap of Cube gives its faces no area", "Unwrap Automatically"),
        (uvs(np.nan), "24 corners of its UV map UVMap are not finite", "Unwrap Automatically"),
        (one_uv_nan, "1 corners of its UV map UVMap are not finite", "Unwrap Automatically"),
        (coordinate(np.nan), "Cube: 1 vertices are not finite", "Edit Mode"),
        (coordinate(np.inf), "Cube: 1 vertices are not finite", "Edit Mode"),
        (edit_mode, "Cube is in Edit Mode", "Tab"),
    ],
)
def test_what_cannot_be_painted(cube, spoil, words, cure):
    spoil(cube)
    with pytest.raises(PatinaError) as error:
        export(cube)
    assert words in error.value.message
    assert cure in error.value.cure
    assert error.value.field == "Cube"


def test_selection(cube):
    bpy.ops.object.light_add()
    light = bpy.context.object
    with pytest.raises(PatinaError, match=f"{light.name} is not a mesh"):
        mesh.selected_meshes(bpy.context)
    light.select_set(False)
    with pytest.raises(PatinaError, match="Nothing is selected"):
        mesh.selected_meshes(bpy.context)
    light.select_set(True)
    cube.select_set(True)
    assert mesh.selected_meshes(bpy.context) == [cube]


def test_where_the_artist_looks_from_is_told_in_both_kinds_of_view():
    """A viewer at (0, -10, 0) that looks along y; and one without perspective, anywhere, that looks down."""
    upright = Matrix.Rotation(math.radians(90), 4, "X")
    view = (Matrix.Translation((0, -10, 0)) @ upright).inverted()
    assert viewpoint.toward(view, True, Vector((0, 0, 0))) == (0, -1, 0)
    assert viewpoint.toward(view, True, Vector((10, -10, 0))) == (-1, 0, 0)
    assert viewpoint.toward(Matrix.Translation((3, 4, 5)), False, Vector((7, 7, 7))) == (0, 0, 1)
    assert viewpoint.toward(view, True, Vector((0, -10, 0))) is None
    assert viewpoint.looked_from(bpy.context, []) is None  # without a window there is no viewport
