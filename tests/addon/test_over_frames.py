"""Objects that move over the scene's frames: their poses are in the job, and all is as it was."""

from __future__ import annotations

import struct
from pathlib import Path

import bpy
import numpy as np
import pytest
from bl_ext.user_default.patina.addon.operators import stylize
from bl_ext.user_default.patina.backend.protocol.job_file import read_job

KINDS = ("scenes", "objects", "collections", "actions", "meshes", "armatures", "node_groups", "worlds")


@pytest.fixture(autouse=True)
def scope(_clean_file) -> bpy.types.PropertyGroup:
    scene = bpy.context.scene
    scene.frame_start, scene.frame_end = 1, 21
    scene.patina.unwrap = False
    scene.patina_scope.over_frames = True
    return scene.patina_scope


def sheet(name: str, x: float = 0.0) -> bpy.types.Object:
    bpy.ops.mesh.primitive_grid_add(x_subdivisions=4, y_subdivisions=4, location=(x, 0, 0), calc_uvs=True)
    bpy.context.object.name = name
    return bpy.context.object


def lifted(obj: bpy.types.Object) -> bpy.types.ShapeKey:
    """A shape key that lifts `obj` by 2, from frame 1 to 21."""
    obj.shape_key_add(name="Basis")
    key = obj.shape_key_add(name="Bent")
    for point in key.data:
        point.co.z += 2 * (point.co.x > 0)
    for frame in (1, 21):
        key.value = float(frame > 1)
        key.keyframe_insert("value", frame=frame)
    return key


def rigged(obj: bpy.types.Object) -> bpy.types.PoseBone:
    """A bone that turns half of `obj` about Y, by a right angle from frame 1 to 21."""
    rig = bpy.data.objects.new("Rig", bpy.data.armatures.new("Rig"))
    bpy.context.collection.objects.link(rig)
    bpy.context.view_layer.objects.active = rig
    bpy.ops.object.mode_set(mode="EDIT")
    for name in ("Rest", "Arm"):
        rig.data.edit_bones.new(name).tail = (0, 1, 0)
    bpy.ops.object.mode_set(mode="OBJECT")
    for name, side in (("Rest", -1), ("Arm", 1)):
        inside = [vertex.index for vertex in obj.data.vertices if side * vertex.co.x > -1e-6]
        obj.vertex_groups.new(name=name).add(inside, 1.0, "REPLACE")
    obj.modifiers.new("Rig", "ARMATURE").object = rig
    arm = rig.pose.bones["Arm"]
    arm.rotation_mode = "XYZ"
    for frame in (1, 21):
        arm.rotation_euler.y = np.pi / 2 * (frame > 1)
        arm.keyframe_insert("rotation_euler", frame=frame)
    return arm


def written(*objects: bpy.types.Object) -> tuple[np.ndarray, np.ndarray | None, tuple[str, ...]]:
    """The vertices of the job for `objects`, where they are in its poses, and its notes."""
    bpy.ops.object.select_all(action="DESELECT")
    for obj in objects:
        obj.select_set(True)
    bpy.context.view_layer.objects.active = objects[0]
    (run,), errors = stylize.write_jobs(bpy.context)
    assert not errors
    folder, job = Path(run.folder), read_job(run.folder)
    there = None
    if job.poses is not None:
        with np.load(folder / job.poses) as file:
            there = file["vertices"]
    with np.load(folder / job.mesh) as file:
        return file["vertices"], there, run.job.notes


def counted() -> dict[str, int]:
    return {kind: len(getattr(bpy.data, kind)) for kind in KINDS}


def test_shape_keys_give_poses_and_nothing_else_changes():
    obj = sheet("Sheet")
    key, scene = lifted(obj), bpy.context.scene
    scene.frame_set(6, subframe=0.5)
    key.value = 0.125  # and not keyed: where it is, it stays
    before = counted()
    vertices, there, notes = written(obj)
    assert (scene.frame_current, scene.frame_subframe, key.value) == (6, 0.5, 0.125)
    assert (counted(), notes) == (before, ())
    assert there.shape == (8, *vertices.shape)
    assert there.dtype == np.float32
    heights = there[:, :, 2].max(1)
    assert heights[[0, -1]] == pytest.approx([0, 2], abs=1e-5)
    assert (np.diff(heights) > 0).all()
    assert np.array_equal(there[..., :2], np.broadcast_to(vertices[:, :2], (8, len(vertices), 2)))
    assert vertices[:, 2].max() == pytest.approx(0.25)


def test_an_armature_gives_poses_whatever_its_object_does():
    obj = sheet("Sheet")
    arm = rigged(obj)
    obj.parent = rig = arm.id_data
    for frame in (1, 21):
        rig.location.x = frame  # alone it is looked at wherever it is
        rig.keyframe_insert("location", frame=frame)
    bpy.context.scene.frame_set(1)
    arm.rotation_euler.y = 0.5
    vertices, there, _ = written(obj)
    assert arm.rotation_euler.y == 0.5
    assert vertices[:, 2].min() == pytest.approx(-np.sin(0.5), abs=1e-5)
    assert there[-1, :, 2].min() == pytest.approx(-1, abs=1e-3)
    assert there[:, :, 0].min(1) == pytest.approx(0, abs=1e-5)  # the end that is held; its middle is at 1


def baked_cloth(obj: bpy.types.Object) -> bpy.types.PointCache:
    """The baked simulation of `obj` as a cloth that falls, held at its left edge."""
    edge = [vertex.index for vertex in obj.data.vertices if vertex.co.x < -0.99]
    obj.vertex_groups.new(name="Pin").add(edge, 1.0, "REPLACE")
    cloth = obj.modifiers.new("Cloth", "CLOTH")
    cloth.settings.vertex_group_mass, cloth.settings.quality = "Pin", 2
    cache = cloth.point_cache
    cache.frame_start, cache.frame_end = 1, 21
    with bpy.context.temp_override(point_cache=cache, active_object=obj, object=obj):
        bpy.ops.ptcache.bake(bake=True)
    return cache


def cached_files(obj: bpy.types.Object, folder: Path) -> None:
    """Let a file of places (.pc2) move `obj`: its right half goes up by 2, evenly from frame 1 to 21."""
    rest = np.array([vertex.co for vertex in obj.data.vertices], np.float32)
    up = np.linspace(0, 2, 21)[:, None] * (rest[:, 0] > 0)
    places = np.repeat(rest[None], 21, 0)
    places[..., 2] += up
    header = struct.pack("<12siiffi", b"POINTCACHE2\0", 1, len(rest), 0.0, 1.0, 21)
    (folder / "sheet.pc2").write_bytes(header + places.astype("<f4").tobytes())
    cache = obj.modifiers.new("Cache", "MESH_CACHE")
    cache.cache_format, cache.filepath, cache.frame_start = "PC2", str(folder / "sheet.pc2"), 1


def test_a_baked_simulation_gives_poses_and_stays_baked():
    obj = sheet("Sheet")
    cache = baked_cloth(obj)
    assert cache.is_baked
    bpy.context.scene.frame_set(11)
    vertices, there, notes = written(obj)
    assert (cache.is_baked, notes) == (True, ())
    lowest = there[:, :, 2].min(1)
    assert (np.diff(lowest) < 0).all()  # it falls from frame to frame
    assert lowest[0] == pytest.approx(0, abs=0.02)
    bpy.context.scene.frame_set(21)
    assert written(obj)[0][:, 2].min() == pytest.approx(float(lowest[-1]), abs=1e-5)
    assert lowest[-1] < vertices[:, 2].min() < lowest[0]


def test_a_cache_on_disk_gives_poses(tmp_path):
    obj = sheet("Sheet")
    cached_files(obj, tmp_path)
    _, there, notes = written(obj)
    assert notes == ()
    frames = np.linspace(1, 21, 8).round()
    assert there[:, :, 2].max(1) == pytest.approx((frames - 1) / 10, abs=1e-4)


def test_an_alembic_cache_gives_poses(tmp_path):
    lifted(sheet("Sheet"))
    bpy.ops.wm.alembic_export(filepath=str(tmp_path / "sheet.abc"), start=1, end=21)
    bpy.ops.object.delete()
    bpy.ops.wm.alembic_import(filepath=str(tmp_path / "sheet.abc"), as_background_job=False)
    obj = bpy.context.scene.objects[0]
    assert [modifier.type for modifier in obj.modifiers] == ["MESH_SEQUENCE_CACHE"]
    _, there, notes = written(obj)
    assert notes == ()
    assert np.ptp(there[..., 2], axis=1)[[0, -1]] == pytest.approx([0, 2], abs=1e-4)


def test_what_stands_is_told_and_its_neighbour_moves():
    still, moving = sheet("Still"), sheet("Moving", 4.0)
    lifted(moving)
    bpy.context.scene.frame_set(1)
    vertices, there, notes = written(still, moving)
    assert notes == ("Still does not change over the scene's frames: it is painted as it stands.",)
    half = len(vertices) // 2
    assert np.array_equal(there[-1, :half], vertices[:half])
    assert there[-1, half:, 2].max() == pytest.approx(2)
    _, there, notes = written(still)
    assert (there, len(notes)) == (None, 1)


def test_other_vertices_at_a_frame_are_told():
    obj = sheet("Sheet")
    modifier = obj.modifiers.new("Build", "BUILD")
    modifier.frame_start, modifier.frame_duration = 1, 20
    bpy.context.scene.frame_set(21)
    _, there, notes = written(obj)
    assert there is None
    assert notes == ("Sheet has other vertices at frame 1 than now: it is painted as it stands.",)


def test_neighbours_that_hide_are_where_they_are_then(scope):
    still, moving = sheet("Still"), sheet("Moving", 4.0)
    lifted(moving)
    for frame in (1, 21):
        moving.location.y = frame
        moving.keyframe_insert("location", frame=frame)
    bpy.context.scene.frame_set(1)
    scope.occlusion = True
    vertices, there, _ = written(still, moving)
    half = len(vertices) // 2
    assert there[-1, half:, 1].max() - vertices[half:, 1].max() == pytest.approx(20)


def test_a_job_has_poses_where_they_are_asked_for_and_can_be(scope):
    obj = sheet("Sheet")
    lifted(obj)
    bpy.context.scene.patina.material = True
    assert written(obj)[1] is not None
    scope.over_frames = False
    assert written(obj)[1:] == (None, ())
