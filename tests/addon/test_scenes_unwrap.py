"""Meshes without UVs: a map of their own, in which every face has its place."""

from __future__ import annotations

import bpy
import numpy as np
import pytest
from bl_ext.user_default.patina.addon.scene import unwrap
from bl_ext.user_default.patina.backend.errors import PatinaError


def corners(obj: bpy.types.Object, uv_map: str) -> np.ndarray:
    uvs = np.empty(2 * len(obj.data.loops), np.float32)
    obj.data.uv_layers[uv_map].uv.foreach_get("vector", uvs)
    return uvs.reshape(-1, 2)


def areas(obj: bpy.types.Object, uv_map: str) -> tuple[np.ndarray, np.ndarray]:
    """Per triangle, its area in UV space and in the world."""
    mesh = obj.data
    mesh.calc_loop_triangles()
    loops = np.array([triangle.loops[:] for triangle in mesh.loop_triangles])
    uvs = corners(obj, uv_map)[loops].astype(float)
    world = np.array(obj.matrix_world)[:3, :3]
    points = np.array([[world @ mesh.vertices[mesh.loops[i].vertex_index].co for i in t] for t in loops])
    a, b = uvs[:, 1] - uvs[:, 0], uvs[:, 2] - uvs[:, 0]
    return (
        np.abs(a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]) / 2,
        np.linalg.norm(np.cross(points[:, 1] - points[:, 0], points[:, 2] - points[:, 0]), axis=1) / 2,
    )


def without_uvs(obj: bpy.types.Object) -> bpy.types.Object:
    while obj.data.uv_layers:
        obj.data.uv_layers.remove(obj.data.uv_layers[0])
    return obj


def state() -> list[object]:
    """What an operator in the artist's scene would have changed."""
    scene, layer = bpy.context.scene, bpy.context.view_layer
    return [
        bpy.context.mode,
        scene.render.engine,
        layer.objects.active,
        sorted(obj.name for obj in bpy.context.selected_objects),
        [len(blocks) for blocks in (bpy.data.scenes, bpy.data.objects, bpy.data.meshes, bpy.data.materials)],
    ]


@pytest.mark.parametrize("size", [1.0, 1e-6, 1e6])
def test_every_face_gets_an_equal_share(size):
    bpy.ops.mesh.primitive_monkey_add()
    monkey = without_uvs(bpy.context.object)
    monkey.scale = (size, 3 * size, -size)
    bpy.context.view_layer.update()
    before = state()
    assert unwrap.unwrap(monkey) == "Patina"
    assert state() == before
    uvs = corners(monkey, "Patina")
    assert 0 <= uvs.min() < uvs.max() <= 1
    flat, world = areas(monkey, "Patina")
    assert flat.min() > 0
    assert flat.sum() > 0.3
    # Projection at up to 66° costs at most the cosine: a share of the world's area is never below 0.4.
    share = (flat / flat.sum()) / (world / world.sum())
    assert np.quantile(share, [0.01, 0.99]) == pytest.approx([1, 1], rel=0.75)
    assert monkey.data.uv_layers[0].active_render


def test_faces_do_not_overlap():
    """Each face of a cube has a sixth; painted one after the other, each keeps all of its texels."""
    bpy.ops.mesh.primitive_cube_add(calc_uvs=False)
    cube = without_uvs(bpy.context.object)
    unwrap.unwrap(cube)
    quads = corners(cube, "Patina").reshape(6, 4, 2)
    low, high = quads.min(axis=1), quads.max(axis=1)
    for i in range(6):
        for j in range(i):
            assert (low[i] > high[j] - 1e-6).any() or (low[j] > high[i] - 1e-6).any()


def test_the_artists_maps_modes_and_keys_stay(cube):
    own = corners(cube, "UVMap").copy()
    cube.shape_key_add(name="Basis")
    cube.shape_key_add(name="Tall").data[0].co.z = 9
    cube.data.polygons[2].hide = True
    shown = [polygon.hide for polygon in cube.data.polygons]
    places = [vertex.co[:] for vertex in cube.data.vertices]
    assert unwrap.unwrap(cube) == "Patina"
    assert unwrap.unwrap(cube) == "Patina.001"
    assert np.array_equal(corners(cube, "UVMap"), own)
    assert cube.data.uv_layers["UVMap"].active_render
    assert [layer.name for layer in cube.data.uv_layers] == ["UVMap", "Patina", "Patina.001"]
    assert [polygon.hide for polygon in cube.data.polygons] == shown
    assert [vertex.co[:] for vertex in cube.data.vertices] == places
    assert cube.data.shape_keys.key_blocks["Tall"].data[0].co.z == 9
    assert np.ptp(corners(cube, "Patina").reshape(6, 4, 2)[2], axis=0).min() > 0.05  # the hidden face


def edit_mode(cube):
    bpy.ops.object.mode_set(mode="EDIT")


def no_faces(cube):
    cube.data.clear_geometry()


def too_many(cube):
    while len(cube.data.uv_layers) < 8:
        cube.data.uv_layers.new()


@pytest.mark.parametrize(
    ("spoil", "words"),
    [(edit_mode, "is in Edit Mode"), (no_faces, "no faces to unwrap"), (too_many, "as many UV maps")],
)
def test_what_cannot_be_unwrapped(cube, spoil, words):
    spoil(cube)
    with pytest.raises(PatinaError, match=words) as error:
        unwrap.unwrap(cube)
    assert error.value.cure
    assert len(bpy.data.scenes) == 1
