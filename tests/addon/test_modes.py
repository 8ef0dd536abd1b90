"""Every mode of the panel: the job that it writes, and with the real backend at a few steps its result."""

from __future__ import annotations

import json

import bpy
import numpy as np
import pytest
from bl_ext.user_default.patina.addon import folders, jobs, recent
from bl_ext.user_default.patina.addon.operators import crop
from bl_ext.user_default.patina.addon.operators import stylize as stylizing
from bl_ext.user_default.patina.addon.properties.settings import MODES
from bl_ext.user_default.patina.addon.scene import maps, material, memory, result
from bl_ext.user_default.patina.backend.errors import PatinaError
from bl_ext.user_default.patina.backend.protocol.job import Job
from bl_ext.user_default.patina.backend.protocol.job_file import read_job


@pytest.fixture(autouse=True)
def settings(_clean_file) -> bpy.types.PropertyGroup:
    settings = bpy.context.scene.patina
    settings.texture_size, settings.steps, settings.views = "256", 2, 1
    return settings


def written() -> Job:
    (run,) = stylizing.prepare(bpy.context)
    return read_job(run.folder)


def paint(obj: bpy.types.Object) -> bpy.types.Image:
    """An image as the base colour of `obj`."""
    image = bpy.data.images.new("Bark", 32, 32)
    image.pixels.foreach_set(np.random.default_rng(0).random(32 * 32 * 4, np.float32))
    image.pack()
    tree = obj.material_slots[0].material.node_tree
    node = tree.nodes.new("ShaderNodeTexImage")
    node.image = image
    shader = next(node for node in tree.nodes if node.type == "BSDF_PRINCIPLED")
    tree.links.new(node.outputs["Color"], shader.inputs["Base Color"])
    return image


def test_a_style_with_everything_set(cube, settings):
    settings.style, settings.weight, settings.style_size = "poppies", 2, 0.5
    bpy.ops.patina.style_add()
    settings.mixed[0].style = "great_wave"
    settings.views, settings.network = 3, "vgg16"
    settings.layers = {"relu3_1", "relu1_1"}
    job = written()
    assert [(style.image, style.weight) for style in job.styles] == [("style.jpg", 2), ("style_1.jpg", 1)]
    assert (job.task, job.parameterization, job.style_size) == ("stylize", "pyramid", 0.5)
    assert (job.layers, job.views, job.network) == (("relu1_1", "relu3_1"), 3, "vgg16")
    assert (job.relief, job.steps, job.device) == (False, 2, "auto")


def test_palette_and_shape_as_they_are_set(cube, settings):
    assert (written().colors, written().follow_shape) == (0.0, None)
    settings.palette, settings.follow_shape = 0.3, 0.4
    assert (written().colors, written().follow_shape) == (0.3, None)
    settings.use_follow_shape = True
    assert written().follow_shape == 0.4
    assert written().motifs
    settings.motifs = False
    assert not written().motifs


def test_each_style_has_its_part(cube, settings):
    bpy.ops.patina.style_add()
    settings.crop, settings.mixed[0].crop = (0.5, 0, 0.5, 0.25), (0.75, 0.5, 0.5, 1)
    assert [style.crop for style in written().styles] == [None, None]
    settings.use_crop = settings.mixed[0].use_crop = True
    assert [style.crop for style in written().styles] == [(0.5, 0, 0.5, 0.25), (0.75, 0.5, 0.25, 0.5)]
    settings.mode, settings.between, settings.style_to.use_crop = "animate", "styles", True
    settings.style_to.crop = (0, 0, 0.5, 1)
    assert [style.crop for style in written().styles] == [(0.5, 0, 0.5, 0.25), (0, 0, 0.5, 1)]


def test_a_part_of_no_size_is_refused(cube, settings):
    settings.use_crop, settings.crop = True, (1, 0, 0.5, 1)
    with pytest.raises(PatinaError, match="no width or no height"):
        written()


@pytest.mark.parametrize(
    ("first", "second", "part"),
    [
        ((0.25, 0.75), (0.75, 0.25), (0.25, 0.25, 0.5, 0.5)),
        ((1, 1), (0, 0.5), (0, 0, 1, 0.5)),  # the upper half, from right to left
        ((-3, -3), (0.5, 0.25), (0, 0.75, 0.5, 0.25)),  # from outside: only what is on the picture
        ((1.5, 0), (2, 1), (1, 0, 0, 1)),
    ],
)
def test_a_rectangle_on_a_picture_is_its_part_from_the_top_left(first, second, part):
    assert crop.part_between(first, second) == pytest.approx(part)


def test_a_drawn_part_is_that_styles(cube, settings):
    bpy.ops.patina.style_add()
    path = settings.mixed[0].path_from_id()
    assert bpy.ops.patina.crop(choice=path, part=(0, 0.5, 1, 0.5)) == {"FINISHED"}
    assert bpy.ops.patina.crop(part=(0, 0, 1, 0.25)) == {"FINISHED"}
    assert [style.crop for style in written().styles] == [(0, 0, 1, 0.25), (0, 0.5, 1, 0.5)]


def test_the_device_is_that_of_the_preferences(cube):
    preferences = folders.preferences()
    preferences.device = "cpu"
    try:
        assert written().device == "cpu"
    finally:
        preferences.device = "auto"


def test_an_own_style_is_remembered(cube, settings, tmp_path, monkeypatch):
    monkeypatch.setattr(recent, "_path", tmp_path / "recent.json")
    monkeypatch.setattr(recent, "files", [])
    bpy.data.images.new("mine", 8, 8).save(filepath=str(tmp_path / "mine.png"))
    settings.style, settings.style_file = "FILE", str(tmp_path / "mine.png")
    assert written().styles[0].image == "style.png"
    assert recent.files == [str(tmp_path / "mine.png")]


def test_a_dream_of_a_class(cube, settings):
    settings.mode, settings.target.class_name = "dream", "Goldfish"
    job = written()
    assert [(target.kind, target.name) for target in job.targets] == [("class", "goldfish")]
    assert (job.task, job.network, job.styles, job.content) == ("dream", "efficientnet_lite0", (), None)


def test_a_dream_of_a_channel(cube, settings):
    settings.mode, settings.network = "dream", "squeezenet"
    settings.target.kind, settings.target.layer, settings.target.channel = "neuron", "fire6", 9
    (target,) = written().targets
    assert (target.kind, target.layer, target.channel) == ("neuron", "fire6", 9)


def test_deepdream_begins_with_the_texture(cube, settings):
    settings.mode, settings.present = "dream", True
    with pytest.raises(PatinaError, match="no texture to dream from"):
        written()
    assert not list(folders.jobs().iterdir())
    paint(cube)
    job = written()
    assert (job.targets[0].kind, job.targets[0].layer, job.content) == ("deepdream", "", "content.png")
    assert job.parameterization == "fourier"


@pytest.mark.parametrize(("layer", "named"), [("fire6", "fire6"), ("relu4_3", "")])
def test_a_deepdream_has_the_chosen_layer_if_the_network_has_it(cube, settings, layer, named):
    paint(cube)
    settings.mode, settings.present, settings.network = "dream", True, "squeezenet"
    settings.target.kind, settings.target.layer = "channel", layer
    assert written().targets[0].layer == named


REFUSED = {
    "an unknown class": ({"class_name": "dais"}, {}, "no 'dais'. Did you mean daisy", "class"),
    "no class": ({"class_name": " "}, {}, "Type a part", "class"),
    "an unknown layer": ({"kind": "channel", "layer": "relu9_9"}, {}, "no layer 'relu9_9'", "layer"),
    "a channel too many": ({"kind": "channel", "channel": 512}, {}, "from 0 to 511", "channel"),
    "a network without classes": ({}, {"network": "vgg16"}, "without its classes", "network"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_dream_that_cannot_be_is_refused(cube, settings, what):
    of_target, of_settings, words, field = REFUSED[what]
    settings.mode = "dream"
    for name, value in of_settings.items():
        setattr(settings, name, value)
    for name, value in of_target.items():
        setattr(settings.target, name, value)
    with pytest.raises(PatinaError) as caught:
        written()
    assert words in str(caught.value)
    assert caught.value.field == field


def test_one_texture_for_several_materials(cube, settings):
    """A dream needs no content: all slots wear one texture. What begins with several is refused."""
    second = bpy.data.materials.new("Second")
    second.use_nodes = True
    cube.data.materials.append(second)
    cube.data.polygons[0].material_index = 1
    paint(cube)
    settings.mode = "dream"
    (run,) = stylizing.prepare(bpy.context)
    assert [texture.slots for texture in run.job.members[0].textures] == [(0, 1)]
    with np.load(run.folder / "mesh.npz") as arrays:
        assert "tiles" not in arrays
    settings.mode = "style"
    assert len(written().tiles) == 2
    settings.relief = True
    with pytest.raises(PatinaError, match="shows several textures"):
        written()


def do(obj: bpy.types.Object) -> bpy.types.Material:
    """Do the job; the material that `obj` wears then."""
    assert bpy.ops.patina.stylize() == {"FINISHED"}, [run.error for run in jobs.ended]
    worn = obj.material_slots[0].material
    assert memory.shows_stylized(obj)
    assert all(image.packed_file for image in bpy.data.images if image.source == "FILE" and image.users)
    return worn


def principled(mat: bpy.types.Material) -> bpy.types.Node:
    return next(node for node in mat.node_tree.nodes if node.type == "BSDF_PRINCIPLED")


def fed_by(socket: bpy.types.NodeSocket) -> bpy.types.NodeSocket:
    return socket.links[0].from_socket


def test_a_transparent_dream_has_holes(cube, settings):
    settings.mode = "transparent"
    shader = principled(do(cube))
    alpha = fed_by(shader.inputs["Alpha"])
    assert alpha.name == "Alpha"
    assert alpha.node == fed_by(shader.inputs["Base Color"]).node
    pixels = np.empty(256 * 256 * 4, np.float32)
    alpha.node.image.pixels.foreach_get(pixels)
    assert np.ptp(pixels[3::4]) > 0
    assert jobs.ended[-1].folder.joinpath("report.json").is_file()


def test_a_dream_of_reflectance_shines_and_leaves_the_artists_material_alone(cube, settings):
    settings.mode, settings.reflectance = "dream", True
    before = cube.material_slots[0].material
    before.node_tree.nodes["Principled BSDF"].inputs["Roughness"].default_value = 0.9
    shader = principled(do(cube))
    for name in ("Roughness", "Metallic"):
        image = fed_by(shader.inputs[name]).node.image
        assert image.colorspace_settings.name == "Non-Color"
        assert np.ptp(np.array(image.pixels)) > 0
    assert not shader.inputs["Normal"].is_linked
    assert before.node_tree.nodes["Principled BSDF"].inputs["Roughness"].default_value == pytest.approx(0.9)
    assert not before.node_tree.nodes["Principled BSDF"].inputs["Roughness"].is_linked


def test_what_goes_on_from_colours_dreams_of_no_reflectance(cube, settings):
    paint(cube)
    settings.mode, settings.reflectance = "dream", True
    assert written().reflectance
    settings.present = True
    assert not written().reflectance
    settings.mode = "transparent"
    assert not written().reflectance


def test_an_animation_blends_from_texture_to_texture(cube, settings):
    settings.mode, settings.frames = "animate", 3
    settings.style_to.style = "great_wave"
    scene = bpy.context.scene
    scene.frame_start, scene.frame_end = 1, 21
    mat = do(cube)
    dial = mat.node_tree.nodes[maps.FRAME].outputs[0]
    for frame, value in ((1, 0), (11, 1), (21, 2)):
        scene.frame_set(frame)
        depsgraph = bpy.context.evaluated_depsgraph_get()
        tree = mat.evaluated_get(depsgraph).node_tree
        assert tree.nodes[maps.FRAME].outputs[0].default_value == pytest.approx(value, abs=1e-5)
    names = [node.image.name for node in mat.node_tree.nodes if material.is_image(node)]
    assert len(set(names)) == 3
    mix = fed_by(principled(mat).inputs["Base Color"]).node
    assert mix.type == "MIX"
    first_mix = fed_by(mix.inputs[6]).node
    assert fed_by(first_mix.inputs[6]).node == material.stylized_node(mat)
    assert [fed_by(node.inputs[0]).node.inputs[1].default_value for node in (first_mix, mix)] == [0, 1]
    assert dial.is_linked
    job = json.loads((jobs.ended[-1].folder / "job.json").read_text())
    assert (job["task"], job["frames"], len(job["styles"])) == ("interpolate", 3, 2)


def test_a_texture_with_relief_catches_the_light(cube, settings):
    settings.mode, settings.relief = "texture", True
    mat = do(cube)
    turn = fed_by(principled(mat).inputs["Normal"]).node
    assert turn.type == "NORMAL_MAP"
    image = fed_by(turn.inputs["Color"]).node.image
    assert image.colorspace_settings.name == "Non-Color"
    assert any(node.label == "Patina Height" for node in mat.node_tree.nodes)


def test_relief_lies_on_normals_that_are_there(cube, settings, tmp_path):
    mat = cube.material_slots[0].material
    bump = mat.node_tree.nodes.new("ShaderNodeBump")
    mat.node_tree.links.new(bump.outputs["Normal"], principled(mat).inputs["Normal"])
    images = [bpy.data.images.new(name, 8, 8) for name in ("height", "normal")]
    painted = bpy.data.images.new("painted", 8, 8)
    material.show_image(cube, painted)
    worn = cube.material_slots[0].material
    maps.link_relief(worn, *images)
    added = fed_by(principled(worn).inputs["Normal"]).node
    assert added.type == "BUMP"
    assert fed_by(added.inputs["Normal"]).node.type == "BUMP"
    assert fed_by(added.inputs["Height"]).node.image == images[0]


def test_alpha_of_a_material_without_such_an_input(cube):
    mat = cube.material_slots[0].material
    tree = mat.node_tree
    diffuse = tree.nodes.new("ShaderNodeBsdfDiffuse")
    tree.links.new(diffuse.outputs[0], tree.get_output_node("ALL").inputs["Surface"])
    material.show_image(cube, bpy.data.images.new("painted", 8, 8))
    worn = cube.material_slots[0].material
    maps.link_alpha(worn)
    mix = fed_by(worn.node_tree.get_output_node("ALL").inputs["Surface"]).node
    assert mix.type == "MIX_SHADER"
    assert fed_by(mix.inputs[0]).name == "Alpha"
    assert fed_by(mix.inputs[1]).node.type == "BSDF_TRANSPARENT"
    assert fed_by(mix.inputs[2]).node.type == "BSDF_DIFFUSE"


def test_modes_have_their_names_and_a_missing_file_is_told(tmp_path):
    assert {mode[0] for mode in MODES} == {"style", "dream", "texture", "transparent", "animate"}
    with pytest.raises(PatinaError):
        result.load_packed(tmp_path / "none.png", "none")


def test_frames_are_keyed_evenly_over_the_scene(cube):
    images = [bpy.data.images.new(f"frame {number}", 8, 8) for number in range(4)]
    material.show_image(cube, images[0])
    worn = cube.material_slots[0].material
    maps.add_frames(worn, images[1:], bpy.context.scene)
    scene = bpy.context.scene
    shown = []
    for share in (0, 1 / 3, 1 / 2, 1):
        frame = scene.frame_start + share * (scene.frame_end - scene.frame_start)
        scene.frame_set(int(frame), subframe=frame % 1)
        tree = worn.evaluated_get(bpy.context.evaluated_depsgraph_get()).node_tree
        shown.append(tree.nodes[maps.FRAME].outputs[0].default_value)
    assert shown == pytest.approx([0, 1, 1.5, 3], abs=1e-3)


def seen_from_above(frame: int, path: str) -> np.ndarray:
    """The colour (r, g, b, a) in the middle of a tiny render of `frame`."""
    scene = bpy.context.scene
    scene.render.engine, scene.cycles.samples, scene.cycles.use_denoising = "CYCLES", 4, False
    scene.render.resolution_x = scene.render.resolution_y = 8
    scene.render.film_transparent, scene.render.image_settings.color_mode = True, "RGBA"
    scene.view_settings.view_transform = "Raw"
    scene.render.filepath = path
    scene.frame_set(frame)
    bpy.ops.render.render(write_still=True)
    image = bpy.data.images.load(path)
    pixels = np.array(image.pixels[:]).reshape(8, 8, 4)
    bpy.data.images.remove(image)
    return pixels[4, 4]


def test_frames_and_holes_are_seen_in_a_render(tmp_path):
    scene = bpy.context.scene
    scene.frame_start, scene.frame_end = 1, 11
    bpy.ops.mesh.primitive_plane_add(size=2, calc_uvs=True)
    plane = bpy.context.object
    images = [bpy.data.images.new(name, 8, 8) for name in ("red", "blue", "clear")]
    for image, color in zip(images, ((1, 0, 0, 1), (0, 0, 1, 1), (0, 1, 0, 0)), strict=True):
        image.generated_color = color
    bpy.ops.object.light_add(type="SUN", location=(0, 0, 3))
    bpy.ops.object.camera_add(location=(0, 0, 2))
    scene.camera = bpy.context.object

    material.show_image(plane, images[0])
    maps.add_frames(plane.material_slots[0].material, images[1:2], bpy.context.scene)
    first, middle, last = (seen_from_above(frame, str(tmp_path / "seen.png")) for frame in (1, 6, 11))
    assert first[0] > 2 * first[2]
    assert middle[0] == pytest.approx(middle[2], abs=0.05)
    assert last[2] > 2 * last[0]
    assert last[3] == 1

    material.show_image(plane, images[2])
    maps.link_alpha(plane.material_slots[0].material)
    assert seen_from_above(1, str(tmp_path / "seen.png"))[3] == 0
