"""Any shape: what is seen is what a job holds, whatever makes it; and what has no mesh gets one."""

from __future__ import annotations

import os
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import bpy
import numpy as np
import pytest
from bl_ext.user_default.patina.addon import folders, problems
from bl_ext.user_default.patina.addon.operators import stylize
from bl_ext.user_default.patina.addon.scene import job, material, result, textures
from bl_ext.user_default.patina.addon.scene.stage import object_mode
from bl_ext.user_default.patina.backend.errors import PatinaError
from bl_ext.user_default.patina.backend.protocol.job_file import read_job, write_job
from PIL import Image

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def settings(_clean_file) -> bpy.types.PropertyGroup:
    settings = bpy.context.scene.patina
    settings.quality, settings.texture_size, settings.steps = "draft", "256", 2
    return settings


def read(obj: bpy.types.Object) -> dict[str, np.ndarray]:
    bpy.context.view_layer.update()
    return textures.read(obj, bpy.context.evaluated_depsgraph_get()).arrays


def area(arrays: dict[str, np.ndarray]) -> float:
    a, b, c = np.moveaxis(arrays["vertices"][arrays["faces"]].astype(float), 1, 0)
    return float(np.linalg.norm(np.cross(b - a, c - a), axis=1).sum() / 2)


def make_paintable() -> bpy.types.Object:
    """Press the button; the object that is then selected."""
    bpy.context.view_layer.update()
    assert bpy.ops.patina.make_paintable("EXEC_DEFAULT", True) == {"FINISHED"}
    (obj,) = bpy.context.selected_objects
    assert bpy.context.view_layer.objects.active == obj
    return obj


def from_faces(points: list[tuple[float, float, float]], faces: list[list[int]]) -> bpy.types.Object:
    mesh = bpy.data.meshes.new("Shape")
    mesh.from_pydata(points, [], faces)
    layer = mesh.uv_layers.new(name="UVMap")
    low, high = np.min(points, axis=0), np.max(points, axis=0)
    places = [mesh.vertices[loop.vertex_index].co for loop in mesh.loops]
    layer.uv.foreach_set(
        "vector", ((np.array(places) - low) / (high - low).max())[:, :2].astype(np.float32).ravel()
    )
    obj = bpy.data.objects.new("Shape", mesh)
    bpy.context.collection.objects.link(obj)
    return obj


def test_ngons_holes_wires_and_loose_parts():
    """A concave polygon of 10 corners, far from it a triangle, an edge and a point without faces."""
    around = [
        (np.cos(k * np.pi / 5) * (1 + k % 2), np.sin(k * np.pi / 5) * (1 + k % 2), 0) for k in range(10)
    ]
    points = [*around, (9, 0, 0), (10, 0, 0), (9, 1, 0), (5, 5, 5), (6, 6, 6)]
    obj = from_faces(points, [list(range(10)), [10, 11, 12]])
    arrays = read(obj)
    assert len(arrays["faces"]) == 8 + 1
    x, y = np.array(around).T[:2]
    polygon = abs(x @ np.roll(y, 1) - y @ np.roll(x, 1)) / 2
    assert area(arrays) == pytest.approx(polygon + 0.5, rel=1e-5)


def test_not_a_manifold():
    """Three faces at one edge, and one face twice, once turned over."""
    points = [(0, 0, 0), (0, 0, 1), (1, 0, 0), (-1, 1, 0), (-1, -1, 0)]
    obj = from_faces(points, [[0, 1, 2], [0, 1, 3], [0, 1, 4], [2, 1, 0]])
    obj.data.uv_layers[0].uv.foreach_set("vector", np.random.default_rng(0).random(24, np.float32))
    arrays = read(obj)
    assert len(arrays["faces"]) == 4
    assert np.isfinite(arrays["normals"]).all()


@pytest.mark.parametrize("scale", [(-1, 1, 1), (1, 2, 3), (-1, -2, 1), (1, 1, -3)])
def test_negative_and_uneven_scale(cube, scale):
    cube.scale = scale
    arrays = read(cube)
    a, b, c = np.moveaxis(arrays["vertices"][arrays["faces"]].astype(float), 1, 0)
    normals = np.cross(b - a, c - a)
    assert ((normals * (a + b + c)).sum(axis=1) > 0).all()  # outwards
    x, y, z = np.abs(scale)
    assert area(arrays) == pytest.approx(8 * (x * y + y * z + z * x))


def test_a_mirror_modifier_shares_paint_and_says_so(cube):
    cube.modifiers.new("Mirror", "MIRROR").use_mirror_merge = False
    bpy.context.view_layer.update()
    (note,) = textures.read(cube, bpy.context.evaluated_depsgraph_get()).notes
    assert "mirrored or repeated parts): those share their paint" in note


@pytest.mark.parametrize("what", ["one triangle", "tiny", "huge"])
def test_the_backend_takes_it(what, cube, tmp_path):
    """From the object to a texture on it, by the real backend."""
    if what == "one triangle":
        cube = from_faces([(0, 0, 0), (1, 0, 0), (0, 1, 0)], [[0, 1, 2]])
    else:
        size = 1e-6 if what == "tiny" else 1e6
        cube.scale = (size / 2,) * 3
        cube.location = (3 * size, 0, 0)
    bpy.context.view_layer.update()
    settings, depsgraph = bpy.context.scene.patina, bpy.context.evaluated_depsgraph_get()
    written = job.write([cube], settings, bpy.context.scene.patina_scope, depsgraph, tmp_path)
    write_job(written.folder, replace(read_job(written.folder), texture_size=64))
    python = folders.backend_python()
    end, start = os.pipe()  # to the backend, the end of its input means that Blender is gone
    command = [python, "-m", "backend", "run", written.folder]
    done = subprocess.run(command, cwd=ROOT, stdin=end, capture_output=True, timeout=400)
    os.close(start)
    os.close(end)
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    (shown,) = result.show(cube, written.members[0].textures, [written.folder / "texture.png"])
    pixels = np.empty(64 * 64 * 4, np.float32)
    shown.pixels.foreach_get(pixels)
    assert pixels.reshape(-1, 4)[:, :3].std() > 0.02


def test_many_triangles_take_little_time(tmp_path):
    """The export, the plan of textures and the checks of UVs, for 500 000 triangles."""
    bpy.ops.mesh.primitive_grid_add(x_subdivisions=500, y_subdivisions=500, calc_uvs=True)
    obj = bpy.context.object
    start = time.process_time()
    arrays = read(obj)
    assert len(arrays["faces"]) == 500_000
    assert time.process_time() - start < 10


def curve(**settings: object) -> bpy.types.Object:
    bpy.ops.curve.primitive_bezier_circle_add(radius=2)
    obj = bpy.context.object
    for name, value in settings.items():
        setattr(obj.data, name, value)
    return obj


def test_a_curve(tmp_path):
    ring = curve(bevel_depth=0.25)
    mat = bpy.data.materials.new("Paint")
    ring.data.materials.append(mat)
    ring.location.x, ring.scale.z = 5, -1
    parent = bpy.data.objects.new("Parent", None)
    bpy.context.collection.objects.link(parent)
    parent.location.y = 7
    ring.parent = parent
    bpy.context.view_layer.update()
    bpy.ops.ed.undo_push(message="Before")
    made = make_paintable()
    assert (made.type, made.name, made.parent) == ("MESH", "BézierCircle Mesh", parent)
    assert np.allclose(made.matrix_world, ring.matrix_world, atol=1e-5)
    assert ring.hide_get()
    assert ring.hide_render
    assert ring.type == "CURVE"
    assert made.data.materials[:] == [mat]
    assert area(read(made)) == pytest.approx(2 * np.pi * 2 * 2 * np.pi * 0.25, rel=0.05)
    assert [layer.name for layer in made.data.uv_layers] == ["Patina"]
    bpy.ops.ed.undo()
    assert "BézierCircle Mesh" not in bpy.data.objects


def test_text():
    bpy.ops.object.text_add()
    bpy.context.object.data.body = "Ä!"
    bpy.context.object.data.extrude = 0.1
    made = make_paintable()
    assert np.ptp(read(made)["vertices"], axis=0) == pytest.approx([0.9, 0.9, 0.2], rel=0.5)


def test_a_curve_without_faces_is_told():
    curve()
    bpy.context.view_layer.update()
    bpy.ops.patina.make_paintable()
    (problem,) = problems.shown
    assert problem.message == "BézierCircle shows no faces."
    assert "bevel" in problem.cure


def instanced(cube: bpy.types.Object) -> bpy.types.Object:
    """An empty that shows a collection of the cube and a sphere without UVs."""
    collection = bpy.data.collections.new("Things")
    bpy.ops.mesh.primitive_uv_sphere_add(location=(5, 0, 0), calc_uvs=False)
    ball = bpy.context.object
    for layer in list(ball.data.uv_layers):
        ball.data.uv_layers.remove(layer)
    ball.data.materials.append(bpy.data.materials.new("Ball"))
    for obj in (cube, ball):
        bpy.context.collection.objects.unlink(obj)
        collection.objects.link(obj)
    empty = bpy.data.objects.new("Empty", None)
    empty.instance_type, empty.instance_collection = "COLLECTION", collection
    bpy.context.collection.objects.link(empty)
    empty.location.z = 10
    bpy.context.view_layer.objects.active = empty
    empty.select_set(True)
    return empty


def test_a_collection_instance(cube):
    instanced(cube)
    before = [len(cube.data.loops), cube.data.uv_layers[:]]
    made = make_paintable()
    vertices = read(made)["vertices"]
    assert vertices.min(axis=0) == pytest.approx([-1, -1, 9], abs=1e-4)
    assert vertices.max(axis=0) == pytest.approx([6, 1, 11], abs=1e-4)
    assert [slot.material.name for slot in made.material_slots] == ["Paint", "Ball"]
    assert [layer.name for layer in made.data.uv_layers] == ["UVMap"]
    uvs = read(made)["uvs"]
    a, b = uvs[:, 1] - uvs[:, 0], uvs[:, 2] - uvs[:, 0]
    assert (np.abs(a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]) > 0).all()
    assert [len(cube.data.loops), cube.data.uv_layers[:]] == before
    assert len(bpy.data.meshes) == 3


def test_instances_of_geometry_nodes(cube):
    tree = bpy.data.node_groups.new("Scatter", "GeometryNodeTree")
    tree.interface.new_socket("Geometry", in_out="INPUT", socket_type="NodeSocketGeometry")
    tree.interface.new_socket("Geometry", in_out="OUTPUT", socket_type="NodeSocketGeometry")
    begin, end = tree.nodes.new("NodeGroupInput"), tree.nodes.new("NodeGroupOutput")
    info = tree.nodes.new("GeometryNodeObjectInfo")
    info.inputs["Object"].default_value = cube
    info.inputs["As Instance"].default_value = True
    points = tree.nodes.new("GeometryNodeInstanceOnPoints")
    tree.links.new(begin.outputs[0], points.inputs["Points"])
    tree.links.new(info.outputs["Geometry"], points.inputs["Instance"])
    tree.links.new(points.outputs[0], end.inputs[0])
    cube.select_set(False)
    bpy.ops.mesh.primitive_plane_add(size=10)
    plane = bpy.context.object
    plane.modifiers.new("Scatter", "NODES").node_group = tree
    made = make_paintable()
    arrays = read(made)
    assert len(arrays["faces"]) == 4 * 12
    assert arrays["vertices"].max(axis=0) == pytest.approx([6, 6, 1])
    assert not cube.select_get()


def test_edit_mode_is_left_and_entered_again(cube, settings):
    bpy.ops.object.mode_set(mode="EDIT")
    bpy.ops.mesh.select_all(action="SELECT")
    bpy.ops.transform.resize(value=(3, 1, 1))
    with object_mode(bpy.context):
        assert np.ptp(read(cube)["vertices"], axis=0) == pytest.approx([6, 2, 2])
    assert bpy.context.mode == "EDIT_MESH"
    with pytest.raises(PatinaError, match="Edit Mode"):
        read(cube)
    settings.style, settings.style_file = "FILE", "/nowhere.png"
    with pytest.raises(RuntimeError, match="does not exist"):
        bpy.ops.patina.stylize()
    assert bpy.context.mode == "EDIT_MESH"
    bpy.ops.object.mode_set(mode="OBJECT")


def test_a_mesh_without_uvs_is_unwrapped_where_the_option_is_on(settings):
    bpy.ops.mesh.primitive_monkey_add(calc_uvs=False)
    monkey = bpy.context.object
    for layer in list(monkey.data.uv_layers):
        monkey.data.uv_layers.remove(layer)
    settings.unwrap = False
    with pytest.raises(RuntimeError, match="Suzanne has no UV map"):
        bpy.ops.patina.stylize()
    assert not monkey.data.uv_layers
    settings.unwrap = True
    settings.style, settings.style_file = "FILE", "/nowhere.png"  # before anything starts
    with pytest.raises(RuntimeError, match="does not exist"):
        bpy.ops.patina.stylize()
    assert [layer.name for layer in monkey.data.uv_layers] == ["Patina"]


def linked(folder: Path) -> bpy.types.Object:
    """The cube of another file, linked into this one and selected."""
    bpy.ops.wm.save_as_mainfile(filepath=str(folder / "library.blend"))
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    with bpy.data.libraries.load(str(folder / "library.blend"), link=True) as (_, wanted):
        wanted.objects = ["Cube"]
    (obj,) = wanted.objects
    bpy.context.collection.objects.link(obj)
    return obj


def test_a_linked_object_says_how(cube, tmp_path):
    obj = linked(tmp_path)
    with pytest.raises(PatinaError, match=r"Cube is linked from library\.blend") as error:
        read(obj)
    assert "library override" in error.value.cure


@pytest.mark.parametrize("way", ["library override", "local object, linked mesh"])
def test_what_a_linked_object_can_be_made(cube, tmp_path, way):
    obj = linked(tmp_path)
    make = {"library override": lambda: obj.override_create(remap_local_usages=True)}
    obj = make.get(way, obj.make_local)()
    assert obj.data.library
    bpy.context.view_layer.update()
    source = textures.read(obj, bpy.context.evaluated_depsgraph_get())
    Image.new("RGB", (8, 8), (255, 0, 0)).save(tmp_path / "texture.png")
    (shown,) = result.show(obj, source.textures, [tmp_path / "texture.png"])
    assert material.stylized_node(obj.material_slots[0].material).image == shown
    assert obj.data.materials[0].library


def test_each_selected_object_is_made_paintable(cube, monkeypatch):
    """A light is passed over, a curve converted, a mesh without UVs unwrapped: three to paint."""
    bpy.ops.object.light_add()
    curve(bevel_depth=0.1)
    bpy.ops.mesh.primitive_ico_sphere_add(calc_uvs=False)
    bpy.ops.object.select_all(action="SELECT")
    bpy.context.view_layer.update()
    bpy.ops.patina.make_paintable()
    (run,) = stylize.prepare(bpy.context)
    assert sorted(member.name for member in run.job.members) == ["BézierCircle Mesh", "Cube", "Icosphere"]


def scattered(obj: bpy.types.Object, on: str = "GeometryNodeMeshLine") -> None:
    """Have `obj` show, by Geometry Nodes, instances of a cube that nodes make; and what it shows itself."""
    tree = bpy.data.node_groups.new("Scatter", "GeometryNodeTree")
    tree.interface.new_socket("Geometry", in_out="INPUT", socket_type="NodeSocketGeometry")
    tree.interface.new_socket("Geometry", in_out="OUTPUT", socket_type="NodeSocketGeometry")
    begin, end = tree.nodes.new("NodeGroupInput"), tree.nodes.new("NodeGroupOutput")
    points, cube, line = (
        tree.nodes.new(kind) for kind in ("GeometryNodeInstanceOnPoints", "GeometryNodeMeshCube", on)
    )
    line.inputs["Count"].default_value = 3
    line.inputs["Offset"].default_value = (0, 0, 5)
    worn = tree.nodes.new("GeometryNodeSetMaterial")
    worn.inputs["Material"].default_value = bpy.data.materials.new("Scattered")
    tree.links.new(cube.outputs[0], worn.inputs["Geometry"])
    tree.links.new(line.outputs[0], points.inputs["Points"])
    tree.links.new(worn.outputs[0], points.inputs["Instance"])
    end_at = points.outputs[0]
    if obj.type != "MESH":
        both = tree.nodes.new("GeometryNodeJoinGeometry")
        tree.links.new(end_at, both.inputs[0])
        tree.links.new(begin.outputs[0], both.inputs[0])
        end_at = both.outputs[0]
    tree.links.new(end_at, end.inputs[0])
    obj.modifiers.new("Scatter", "NODES").node_group = tree


def test_instances_of_what_nodes_make(cube):
    cube.location.x = 2
    scattered(cube)
    made = make_paintable()
    vertices = read(made)["vertices"]
    assert len(made.data.polygons) == 18
    assert vertices.min(axis=0) == pytest.approx([1.5, -0.5, -0.5], abs=1e-4)
    assert vertices.max(axis=0) == pytest.approx([2.5, 0.5, 10.5], abs=1e-4)
    (worn,) = {made.material_slots[face.material_index].material for face in made.data.polygons}
    assert worn == bpy.data.materials["Scattered"]


def test_a_curve_with_instances_of_what_nodes_make():
    curve(bevel_depth=0.1)
    obj = bpy.context.object
    alone = bpy.data.meshes.new_from_object(obj.evaluated_get(bpy.context.evaluated_depsgraph_get()))
    scattered(obj)
    assert len(make_paintable().data.polygons) == len(alone.polygons) + 18


def test_hair_is_told_of():
    hair = bpy.data.hair_curves.new("Hair")
    hair.add_curves([3])
    obj = bpy.data.objects.new("Hair", hair)
    bpy.context.collection.objects.link(obj)
    obj.select_set(True)
    bpy.context.view_layer.objects.active = obj
    bpy.context.view_layer.update()
    meshes = len(bpy.data.meshes)
    bpy.ops.patina.make_paintable()
    (problem,) = problems.shown
    assert problem.message == "Hair shows no faces."
    assert len(bpy.data.meshes) == meshes


def test_a_curve_in_an_overridden_collection(tmp_path):
    curve(bevel_depth=0.1)
    things = bpy.data.collections.new("Things")
    things.objects.link(bpy.context.object)
    bpy.data.libraries.write(str(tmp_path / "library.blend"), {things})
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    with bpy.data.libraries.load(str(tmp_path / "library.blend"), link=True) as (there, here):
        here.collections = there.collections
    linked = here.collections[0]
    own = linked.override_hierarchy_create(bpy.context.scene, bpy.context.view_layer)
    (obj,) = own.all_objects
    bpy.ops.object.select_all(action="DESELECT")
    obj.select_set(True)
    bpy.context.view_layer.objects.active = obj
    made = make_paintable()
    assert made.data.polygons
    assert made.users_collection == (bpy.context.scene.collection,)


def test_faces_and_uvs_that_nodes_make_are_baked_with_two_slots(cube, tmp_path):
    """The evaluated mesh has the one material that its faces use; the object has two slots."""
    tree = bpy.data.node_groups.new("Made", "GeometryNodeTree")
    tree.interface.new_socket("Geometry", in_out="OUTPUT", socket_type="NodeSocketGeometry")
    grid, store, end = (
        tree.nodes.new(kind)
        for kind in ("GeometryNodeMeshGrid", "GeometryNodeStoreNamedAttribute", "NodeGroupOutput")
    )
    store.data_type, store.domain = "FLOAT2", "CORNER"
    store.inputs["Name"].default_value = "Made"
    tree.links.new(grid.outputs["Mesh"], store.inputs["Geometry"])
    tree.links.new(grid.outputs["UV Map"], next(i for i in store.inputs if i.name == "Value" and i.enabled))
    tree.links.new(store.outputs[0], end.inputs[0])
    cube.modifiers.new("Made", "NODES").node_group = tree
    cube.data.materials.append(bpy.data.materials.new("Second"))
    while cube.data.uv_layers:
        cube.data.uv_layers.remove(cube.data.uv_layers[0])
    paint = cube.data.materials[0].node_tree
    noise = paint.nodes.new("ShaderNodeTexNoise")
    paint.links.new(noise.outputs["Color"], paint.nodes["Principled BSDF"].inputs["Base Color"])
    depsgraph = bpy.context.evaluated_depsgraph_get()
    source = textures.read(cube, depsgraph)
    (name,) = textures.write_contents(cube, source, depsgraph, tmp_path, 64)
    assert np.asarray(Image.open(tmp_path / name)).std() > 1


def test_dynamic_topology_is_painted_as_it_is_now(cube):
    bpy.ops.object.mode_set(mode="SCULPT")
    try:
        bpy.ops.sculpt.dynamic_topology_toggle()
        assert len(cube.data.polygons) == 6  # the mode has twelve triangles
        with object_mode(bpy.context):
            assert len(cube.data.polygons) == 12
        assert bpy.context.mode == "SCULPT"
    finally:
        bpy.ops.object.mode_set(mode="OBJECT")
