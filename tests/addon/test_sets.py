"""Several objects in one job, parts of one, and which way strokes run."""

from __future__ import annotations

import math

import bpy
import numpy as np
import pytest
from bl_ext.user_default.patina.addon import history, jobs, problems
from bl_ext.user_default.patina.addon.operators import stylize
from bl_ext.user_default.patina.addon.scene import directions, image, masks, material, memory, mesh, sets
from bl_ext.user_default.patina.backend.errors import PatinaError
from bl_ext.user_default.patina.backend.protocol.job_file import read_job
from PIL import Image


@pytest.fixture(autouse=True)
def settings(_clean_file) -> bpy.types.PropertyGroup:
    settings = bpy.context.scene.patina
    settings.quality, settings.texture_size, settings.steps, settings.unwrap = "draft", "256", 3, False
    return settings


@pytest.fixture
def scope(settings) -> bpy.types.PropertyGroup:
    return bpy.context.scene.patina_scope


def plane(name: str, x: float = 0.0, cuts: int = 4, uvs: bool = True) -> bpy.types.Object:
    """A selected square of 2 × 2, its UVs the whole map, at `x`."""
    bpy.ops.mesh.primitive_grid_add(
        x_subdivisions=cuts, y_subdivisions=cuts, size=2, location=(x, 0, 0), calc_uvs=uvs
    )
    bpy.context.object.name = name
    return bpy.context.object


def select(*objects: bpy.types.Object) -> None:
    bpy.ops.object.select_all(action="DESELECT")
    for obj in objects:
        obj.select_set(True)
    bpy.context.view_layer.objects.active = objects[0]


def noisy(name: str, height: int = 60, width: int = 100) -> bpy.types.Image:
    """An 8-bit image of noise."""
    found = bpy.data.images.new(name, width, height)
    values = np.random.default_rng(0).integers(0, 256, (height, width, 4)) / 255
    values[..., 3] = 1
    found.pixels.foreach_set(values.astype(np.float32).ravel())
    found.pack()
    return found


def wear(obj: bpy.types.Object, picture: bpy.types.Image) -> bpy.types.Material:
    """Give `obj` a material that shows `picture`."""
    worn = bpy.data.materials.new("Paint")
    worn.use_nodes = True
    node = worn.node_tree.nodes.new("ShaderNodeTexImage")
    node.image = picture
    shader = next(node for node in worn.node_tree.nodes if node.type == "BSDF_PRINCIPLED")
    worn.node_tree.links.new(node.outputs["Color"], shader.inputs["Base Color"])
    obj.data.materials.append(worn)
    return worn


def shown(obj: bpy.types.Object) -> bpy.types.Image:
    return material.stylized_node(obj.material_slots[0].material).image


def gather(objects, scope, folder) -> sets.Set:
    fields = {"task": "stylize", "parameterization": "pyramid", "texture_size": 64}
    return sets.gather(objects, fields, scope, bpy.context.evaluated_depsgraph_get(), folder)


def test_objects_become_one_mesh_that_tells_them_apart(scope, tmp_path):
    first, second = plane("A"), plane("B", 5.0, 2)
    wear(second, noisy("Noise"))
    found = gather([first, second], scope, tmp_path)
    arrays = found.arrays
    assert (np.bincount(arrays["objects"]) == [32, 8]).all()
    assert (arrays["tiles"] == arrays["objects"]).all()
    xs = arrays["vertices"][arrays["faces"]][..., 0]
    assert xs[arrays["objects"] == 0].max() == pytest.approx(1)
    assert xs[arrays["objects"] == 1].min() == pytest.approx(4)
    assert [(tile.name, tile.content) for tile in found.tiles] == [("A", None), ("B", "content.png")]
    assert [(member.name, member.tiles) for member in found.members] == [("A", (0,)), ("B", (1,))]


def test_what_cannot_be_painted_is_left_out_and_listed(scope, tmp_path):
    good, bare = plane("Good"), plane("Bare", 3.0, uvs=False)
    found = gather([bare, good], scope, tmp_path)
    assert [member.name for member in found.members] == ["Good"]
    assert [(name, error.message) for name, error in found.failed] == [("Bare", "Bare has no UV map.")]
    with pytest.raises(PatinaError, match="no UV map"):
        gather([bare], scope, tmp_path)


def test_objects_of_one_material_share_a_texture_when_asked(scope, tmp_path):
    first, second, third = plane("A"), plane("B", 3.0), plane("C", 6.0)
    worn = wear(first, noisy("Noise"))
    second.data.materials.append(worn)
    wear(third, noisy("Other"))
    assert len(gather([first, second, third], scope, tmp_path).tiles) == 3
    scope.share = True
    found = gather([first, second, third], scope, tmp_path)
    assert [member.tiles for member in found.members] == [(0,), (0,), (1,)]
    assert set(found.arrays["tiles"][found.arrays["objects"] < 2]) == {0}


def test_a_set_is_painted_by_one_press_and_undone_by_one(scope):
    first, second, third = plane("A"), plane("B", 3.0), plane("C", 6.0, uvs=False)
    scope.share = True
    second.data.materials.append(wear(first, noisy("Noise")))
    fourth = plane("D", 9.0)
    select(first, second, third, fourth)
    bpy.ops.ed.undo_push(message="Before")
    assert bpy.ops.patina.stylize("EXEC_DEFAULT", True) == {"FINISHED"}
    (run,) = jobs.ended
    assert run.object_name == "A and 2 more"
    assert len(read_job(run.folder).tiles) == 2
    assert [problem.source for problem in problems.shown] == ["C"]
    assert shown(first) == shown(second)
    assert first.material_slots[0].material == second.material_slots[0].material
    assert shown(fourth) not in (None, shown(first))
    assert not third.patina.slots
    bpy.ops.ed.undo()
    assert not any(obj.patina.slots for obj in bpy.data.objects)


def test_one_by_one_when_asked(scope, tmp_path):
    objects = [plane("A"), plane("B", 3.0)]
    scope.together = False
    fields = {"task": "stylize", "parameterization": "pyramid"}
    assert sets.groups(objects, fields, scope) == [[objects[0]], [objects[1]]]
    scope.together = True
    assert sets.groups(objects, fields, scope) == [objects]
    assert sets.groups(objects, fields | {"task": "dream"}, scope) == [[objects[0]], [objects[1]]]


def select_left(obj: bpy.types.Object) -> None:
    for polygon in obj.data.polygons:
        polygon.select = polygon.center.x < 0


def weights(obj: bpy.types.Object, scope) -> np.ndarray:
    depsgraph = bpy.context.evaluated_depsgraph_get()
    arrays = mesh.read(obj, depsgraph, [None] * max(1, len(obj.material_slots)))
    return masks.weights(obj, depsgraph, arrays["faces"], scope), arrays["vertices"][arrays["faces"]]


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("subdivided", [False, True])
def test_masks_of_faces_groups_and_slots(scope, subdivided, mirrored):
    obj = plane("A")
    obj.scale.x = -1 if mirrored else 1
    if subdivided:
        obj.modifiers.new("Fine", "SUBSURF").subdivision_type = "SIMPLE"
    select_left(obj)
    group = obj.vertex_groups.new(name="Ramp")
    for vertex in obj.data.vertices:
        group.add([vertex.index], (vertex.co.x + 1) / 2, "REPLACE")
    obj.data.materials.append(None)
    obj.data.materials.append(None)
    for polygon in obj.data.polygons:
        polygon.material_index = int(polygon.center.x < 0)
    obj.active_material_index = 1
    bpy.context.view_layer.update()
    for kind in ("FACES", "SLOT"):
        scope.mask = kind
        found, corners = weights(obj, scope)
        local = corners.mean(1)[:, 0] * obj.scale.x
        assert (found == (local < 0)[:, None]).all()
    scope.mask = "GROUP"
    found, corners = weights(obj, scope)
    assert np.allclose(found, (corners[..., 0] * obj.scale.x + 1) / 2, atol=1e-5)


def test_an_empty_mask_says_what_to_do(scope):
    obj = plane("A")
    obj.data.polygons.foreach_set("select", [False] * len(obj.data.polygons))
    obj.data.update()  # Blender 4.2 evaluates the mesh again only when told
    scope.mask = "FACES"
    with pytest.raises(PatinaError, match="no selected faces"):
        weights(obj, scope)
    scope.mask = "GROUP"
    with pytest.raises(PatinaError, match="no vertex group"):
        weights(obj, scope)


def paint(color: tuple[int, int, int], mask: np.ndarray) -> None:
    """Prepare the job of the selection, leave a plain texture and `mask` (H, W) in it, and put that on."""
    (run,) = stylize.prepare(bpy.context)
    job = read_job(run.folder)
    Image.new("RGB", (256, 256), color).save(run.folder / "texture.png")
    assert Image.open(run.folder / job.content).size == mask.shape[::-1]
    Image.fromarray(mask.astype(np.uint8) * 255).save(run.folder / "mask.png")
    assert not sets.show(run.job, run.job.members)[1]


def test_outside_the_mask_all_stays_and_styles_add_up(scope):
    """Half of a square, then the other half: each leaves the rest bit for bit."""
    obj = plane("A")
    original = noisy("Noise")
    wear(obj, original)
    before = image.read_pixels(original)
    left = np.arange(100) < 50
    scope.mask = "FACES"
    select_left(obj)
    paint((255, 0, 0), np.tile(left, (60, 1)))
    once = image.read_pixels(shown(obj))
    assert (once[:, 50:] == before[:, 50:]).all()
    assert np.allclose(once[:, :50, :3], (1, 0, 0))
    for polygon in obj.data.polygons:
        polygon.select = not polygon.select
    paint((0, 255, 0), np.tile(~left, (60, 1)))
    twice = image.read_pixels(shown(obj))
    assert (twice[:, :50] == once[:, :50]).all()
    assert np.allclose(twice[:, 50:, :3], (0, 1, 0))
    assert obj.patina.slots[0].original.name == "Paint"


def test_a_mask_image_on_a_plain_colour(scope):
    obj = plane("A")
    worn = bpy.data.materials.new("Red")
    worn.use_nodes = True
    worn.node_tree.nodes["Principled BSDF"].inputs["Base Color"].default_value = (1, 0, 0, 1)
    obj.data.materials.append(worn)
    scope.mask, scope.mask_image = "IMAGE", bpy.data.images.new("Mask", 64, 64)
    values = np.zeros((64, 64, 4), np.float32)
    values[:32] = 1
    scope.mask_image.pixels.foreach_set(values.ravel())
    (run,) = stylize.prepare(bpy.context)
    grey = np.asarray(Image.open(run.folder / read_job(run.folder).mask).convert("L"))
    assert (grey[:32] == 0).all()
    assert (grey[32:] == 255).all()
    paint((0, 0, 255), np.repeat(np.arange(256) >= 128, 256).reshape(256, 256))
    after = image.read_pixels(shown(obj))
    assert np.allclose(after[130:, :, :3], (1, 0, 0), atol=1e-3)
    assert np.allclose(after[:126, :, :3], (0, 0, 1))


def test_one_of_a_set_is_gone_and_the_others_get_theirs(scope):
    first, second = plane("A"), plane("B", 3.0)
    select(first, second)
    (run,) = stylize.prepare(bpy.context)
    for k in range(2):
        Image.new("RGB", (256, 256), (200 * k, 30, 40)).save(run.folder / f"texture_{k}.png")
    bpy.data.objects.remove(first)
    images, failed = sets.show(run.job, run.job.members)
    assert [image.name for image in images] == ["B Stylized"]
    assert [name for name, _ in failed] == ["A"]
    bpy.data.objects.remove(second)
    with pytest.raises(PatinaError, match="no longer in this file"):
        sets.show(run.job, run.job.members)


def test_history_puts_a_set_on_its_objects_by_name(scope):
    first, second = plane("A"), plane("B", 3.0)
    select(first, second)
    (run,) = stylize.prepare(bpy.context)
    for k in range(2):
        Image.new("RGB", (256, 256), (200 * k, 30, 40)).save(run.folder / f"texture_{k}.png")
    job = history.read(run.folder).job
    assert [(member.name, member.tiles) for member in job.members] == [("A", (0,)), ("B", (1,))]
    sets.show(job, job.members)
    assert [shown(obj).name for obj in (first, second)] == ["A Stylized", "B Stylized"]


def test_history_puts_a_masked_part_of_one_object_on_another_that_is_active(scope):
    obj = plane("A")
    wear(obj, noisy("Noise"))
    scope.mask = "FACES"
    select_left(obj)
    (run,) = stylize.prepare(bpy.context)
    job = read_job(run.folder)
    before = np.asarray(Image.open(run.folder / job.content).convert("RGB")) / 255
    Image.new("RGB", (256, 256), (255, 0, 0)).save(run.folder / "texture.png")
    left = np.tile(np.arange(before.shape[1]) < before.shape[1] // 2, (len(before), 1))
    Image.fromarray(left.astype(np.uint8) * 255).save(run.folder / "mask.png")
    history.add(run.folder)
    other = plane("C", 4.0)
    select(other)
    assert bpy.ops.patina.history_apply(folder=str(run.folder)) == {"FINISHED"}
    after = image.read_pixels(shown(other))[::-1, :, :3]
    assert np.allclose(after[left], (1, 0, 0))
    assert np.allclose(after[~left], before[~left], atol=1 / 255)
    assert not memory.stylized_materials(obj)


def test_history_changes_none_of_like_names_that_is_not_selected(scope):
    first, second = plane("A"), plane("B", 3.0)
    select(first, second)
    (run,) = stylize.prepare(bpy.context)
    for k in range(2):
        Image.new("RGB", (256, 256), (200 * k, 30, 40)).save(run.folder / f"texture_{k}.png")
    bpy.data.objects.remove(first)
    bpy.data.objects.remove(second)
    first, second, third = plane("A"), plane("B", 3.0), plane("C")
    history.add(run.folder)
    select(third)
    with pytest.raises(RuntimeError, match="None of A and 1 more is selected"):
        bpy.ops.patina.history_apply(folder=str(run.folder))
    select(second, third)
    bpy.ops.patina.history_apply(folder=str(run.folder))
    assert shown(second).name == "B Stylized"
    assert not memory.stylized_materials(first)
    assert not memory.stylized_materials(third)


def field(obj: bpy.types.Object, scope) -> tuple[np.ndarray, np.ndarray]:
    depsgraph = bpy.context.evaluated_depsgraph_get()
    arrays = mesh.read(obj, depsgraph, [None])
    return directions.read(arrays, scope, depsgraph), arrays["vertices"][arrays["faces"]]


def test_directions_along_the_uv_map_and_a_painted_one(scope):
    obj = plane("A")
    obj.rotation_euler.z = math.pi / 2
    bpy.context.view_layer.update()
    for kind, way in (("U", (0, 1, 0)), ("V", (-1, 0, 0))):
        scope.direction = kind
        assert np.allclose(field(obj, scope)[0], way, atol=1e-5)
    scope.direction, scope.direction_image = "IMAGE", bpy.data.images.new("Map", 8, 8, float_buffer=True)
    scope.direction_image.pixels.foreach_set(np.tile((1.0, 0.0, 0.5, 1.0), 64).astype(np.float32))
    assert np.allclose(field(obj, scope)[0], (1, 1, 0), atol=1e-5)  # U - V


def test_curvature_runs_around_a_tube_and_nowhere_on_a_plane(scope):
    bpy.ops.mesh.primitive_cylinder_add(vertices=48, end_fill_type="NOTHING", calc_uvs=True)
    tube = bpy.context.object
    bpy.ops.object.shade_smooth()
    scope.direction = "CURVATURE"
    found, corners = field(tube, scope)
    assert np.allclose(np.linalg.norm(found, axis=2), 1, atol=1e-5)
    assert np.abs(found[..., 2]).max() < 0.02
    assert np.abs((found * corners)[..., :2].sum(-1)).max() < 0.1
    assert not field(plane("A"), scope)[0].any()


def test_guide_curves(scope):
    obj = plane("A")
    curve = bpy.data.curves.new("Guide", "CURVE")
    curve.dimensions = "3D"
    spline = curve.splines.new("POLY")
    spline.points.add(1)
    for point, place in zip(spline.points, ((-1, -1, 0.2, 1), (1, 1, 0.2, 1)), strict=True):
        point.co = place
    guide = bpy.data.objects.new("Guide", curve)
    bpy.context.scene.collection.objects.link(guide)
    scope.direction = "CURVES"
    with pytest.raises(PatinaError, match="No guide curves"):
        field(obj, scope)
    scope.direction_curves = guide
    bpy.context.view_layer.update()
    along = np.array((1, 1, 0)) / math.sqrt(2)
    assert np.allclose(field(obj, scope)[0], along, atol=1e-5)
    curve.bevel_depth, curve.extrude = 0.1, 0.2  # to be seen better
    bpy.context.view_layer.update()
    assert np.allclose(field(obj, scope)[0], along, atol=1e-5)
    assert (curve.bevel_depth, curve.extrude) == (pytest.approx(0.1), pytest.approx(0.2))
    curve.bevel_depth = curve.extrude = 0
    nodes = tube(guide)
    bpy.context.view_layer.update()
    assert guide.evaluated_get(bpy.context.evaluated_depsgraph_get()).to_mesh().polygons
    assert np.allclose(field(obj, scope)[0], along, atol=1e-5)
    assert guide.modifiers[0].node_group == nodes


def tube(curve: bpy.types.Object) -> bpy.types.NodeTree:
    """Give a curve a thickness by nodes."""
    tree = bpy.data.node_groups.new("Tube", "GeometryNodeTree")
    tree.interface.new_socket("Geometry", in_out="INPUT", socket_type="NodeSocketGeometry")
    tree.interface.new_socket("Geometry", in_out="OUTPUT", socket_type="NodeSocketGeometry")
    begin, end = tree.nodes.new("NodeGroupInput"), tree.nodes.new("NodeGroupOutput")
    made, ring = (tree.nodes.new(f"GeometryNode{kind}") for kind in ("CurveToMesh", "CurvePrimitiveCircle"))
    ring.inputs["Radius"].default_value = 0.1
    tree.links.new(begin.outputs[0], made.inputs["Curve"])
    tree.links.new(ring.outputs[0], made.inputs["Profile Curve"])
    tree.links.new(made.outputs[0], end.inputs[0])
    curve.modifiers.new("Tube", "NODES").node_group = tree
    return tree


def test_the_nearest_guide_is_that_of_the_nearest_place_not_middle(scope):
    """A long guide passes close by; the middle of a short one beyond it is nearer than the long one's."""
    curve = bpy.data.curves.new("Guide", "CURVE")
    curve.dimensions = "3D"
    for first, last in (((-100, 1.1, 0), (10, 1.1, 0)), ((0, 1.5, 0), (0, 2.5, 0))):
        spline = curve.splines.new("POLY")
        spline.points.add(1)
        spline.points[0].co, spline.points[1].co = (*first, 1), (*last, 1)
    guide = bpy.data.objects.new("Guide", curve)
    bpy.context.scene.collection.objects.link(guide)
    scope.direction, scope.direction_curves = "CURVES", guide
    obj = plane("A")
    bpy.context.view_layer.update()
    assert np.allclose(field(obj, scope)[0], (1, 0, 0), atol=1e-5)
