"""The whole material in Blender: read from nodes of all kinds, painted, and linked into the copy."""

from __future__ import annotations

import re
from dataclasses import astuple
from pathlib import Path

import bpy
import numpy as np
import pytest
from bl_ext.user_default.patina.addon import history, jobs
from bl_ext.user_default.patina.addon.export import engines, presets, textures
from bl_ext.user_default.patina.addon.scene import image, job, material, memory, whole
from bl_ext.user_default.patina.addon.scope import PatinaScope
from bl_ext.user_default.patina.backend.protocol.job_file import read_job
from bl_ext.user_default.patina.backend.protocol.parts import Maps, Material

SIDE = 16


@pytest.fixture
def settings() -> bpy.types.PropertyGroup:
    """The panel, set to the quickest of jobs for a whole material."""
    panel = bpy.context.scene.patina
    panel.quality, panel.texture_size, panel.steps, panel.material = "draft", "256", 2, True
    return panel


def written(obj: bpy.types.Object, settings: bpy.types.PropertyGroup, folder: Path) -> tuple[Path, Maps]:
    """The job for `obj`: its folder, and the maps that it names."""
    depsgraph = bpy.context.evaluated_depsgraph_get()
    scope: PatinaScope = bpy.context.scene.patina_scope
    prepared = job.write([obj], settings, scope, depsgraph, folder)
    return prepared.folder, read_job(prepared.folder).maps


def pixels(path: Path) -> np.ndarray:
    """(H, W, C), as the file has them, in 0..1."""
    shown = bpy.data.images.load(str(path), check_existing=False)
    shown.colorspace_settings.name = "Non-Color"
    return image.read_pixels(shown)


def principled(cube: bpy.types.Object) -> tuple[bpy.types.NodeTree, bpy.types.Node]:
    tree = cube.material_slots[0].material.node_tree
    return tree, tree.nodes["Principled BSDF"]


def test_numbers_are_read_as_they_are_and_what_is_even_has_no_map(cube, settings, tmp_path):
    _, shader = principled(cube)
    shader.inputs["Roughness"].default_value, shader.inputs["Metallic"].default_value = 0.3, 1.0
    folder, maps = written(cube, settings, tmp_path)
    assert read_job(folder).material == Material()
    assert np.allclose(pixels(folder / maps.roughness)[..., :3], 0.3, atol=0.003)
    assert np.allclose(pixels(folder / maps.metalness)[..., :3], 1.0)
    assert (maps.normal, maps.emission, maps.height, maps.occlusion) == (None, None, None, None)


def orm(tree, color, links) -> None:
    """Show an image of one `color`, taken apart, whose channels go into the sockets of `links`."""
    packed = bpy.data.images.new("ORM", SIDE, SIDE, is_data=True)
    packed.pixels.foreach_set(np.tile(np.float32(color), SIDE * SIDE))
    node, apart = tree.nodes.new("ShaderNodeTexImage"), tree.nodes.new("ShaderNodeSeparateColor")
    node.image = packed
    tree.links.new(node.outputs["Color"], apart.inputs[0])
    for channel, socket in links.items():
        tree.links.new(apart.outputs[channel], socket)


def test_a_packed_map_is_taken_apart(cube, settings, tmp_path):
    """Roughness in green, metalness in blue, as glTF has them; data, and not colours."""
    tree, shader = principled(cube)
    orm(tree, (1, 0.2, 0.7, 1), {1: shader.inputs["Roughness"], 2: shader.inputs["Metallic"]})
    folder, maps = written(cube, settings, tmp_path)
    assert np.allclose(pixels(folder / maps.roughness)[..., :3], 0.2, atol=0.01)
    assert np.allclose(pixels(folder / maps.metalness)[..., :3], 0.7, atol=0.01)


def test_normals_and_bumps_are_baked_and_so_is_light(cube, settings, tmp_path):
    tree, shader = principled(cube)
    leaning = bpy.data.images.new("Lean", SIDE, SIDE, is_data=True)
    leaning.pixels.foreach_set(np.tile(np.float32((0.7, 0.5, 0.95, 1)), SIDE * SIDE))
    node, turn = tree.nodes.new("ShaderNodeTexImage"), tree.nodes.new("ShaderNodeNormalMap")
    node.image = leaning
    tree.links.new(node.outputs["Color"], turn.inputs["Color"])
    tree.links.new(turn.outputs["Normal"], shader.inputs["Normal"])
    shader.inputs["Emission Color"].default_value = (0, 1, 0, 1)
    shader.inputs["Emission Strength"].default_value = 0.5
    folder, maps = written(cube, settings, tmp_path)
    found = pixels(folder / maps.normal)[..., :3].reshape(-1, 3)
    wanted = np.array((0.4, 0.0, 0.9)) / np.linalg.norm((0.4, 0.0, 0.9)) / 2 + 0.5
    assert np.abs(found - wanted).mean() < 0.02
    light = pixels(folder / maps.emission)[..., :3].reshape(-1, 3)
    assert np.allclose(light.mean(0), (0, 0.735, 0), atol=0.02)  # a half, in sRGB


def test_one_press_links_all_maps_and_what_is_at_0_stays_the_artists(cube, settings):
    tree, shader = principled(cube)
    own = bpy.data.images.new("Own Roughness", SIDE, SIDE, is_data=True)
    node = tree.nodes.new("ShaderNodeTexImage")
    node.image = own
    tree.links.new(node.outputs["Color"], shader.inputs["Roughness"])
    before = set(bpy.data.images)
    settings.roughness = 0.0
    assert bpy.ops.patina.stylize() == {"FINISHED"}
    worn = memory.stylized_material(cube, 0)
    shown = next(node for node in worn.node_tree.nodes if node.type == "BSDF_PRINCIPLED")
    assert shown.inputs["Roughness"].links[0].from_node.image == own
    metal = shown.inputs["Metallic"].links[0].from_node.image
    turned = shown.inputs["Normal"].links[0].from_node
    assert turned.type == "NORMAL_MAP"
    normal = turned.inputs["Color"].links[0].from_node.image
    assert all(each.colorspace_settings.name == "Non-Color" and each.packed_file for each in (metal, normal))
    assert tuple(metal.size) == (256, 256)
    labels = {each.label for each in worn.node_tree.nodes if material.is_image(each)}
    assert labels >= {"Patina", "Patina Metalness", "Patina Normal", "Patina Height"}
    assert "Patina Roughness" not in labels
    new = set(bpy.data.images) - before
    assert len(new) == 4
    assert not shader.inputs["Metallic"].is_linked  # the artist's own material is as it was
    assert jobs.ended[-1].folder.joinpath("height.png").is_file()
    again = history.go_on(history.read(jobs.ended[-1].folder), 1)
    going_on = read_job(again.folder)
    assert set(going_on.files) >= {name for name in astuple(going_on.maps) if name} > set()
    assert all((again.folder / name).is_file() for name in going_on.files)


def test_an_image_of_16_bits_is_read_and_given_back_with_as_many(cube, settings):
    """Roughness between two numbers of 8 bits."""
    tree, shader = principled(cube)
    fine = bpy.data.images.new("Fine", SIDE, SIDE, float_buffer=True, is_data=True)
    values = np.ones((SIDE * SIDE, 4), np.float32)
    values[:, :3] = np.linspace(0.5, 0.504, SIDE * SIDE)[:, None]
    fine.pixels.foreach_set(values.ravel())
    node, reroute = tree.nodes.new("ShaderNodeTexImage"), tree.nodes.new("NodeReroute")
    node.image = fine
    tree.links.new(node.outputs["Color"], reroute.inputs[0])
    tree.links.new(reroute.outputs[0], shader.inputs["Roughness"])
    assert bpy.ops.patina.stylize() == {"FINISHED"}
    folder = jobs.ended[-1].folder
    read = pixels(folder / read_job(folder).maps.roughness)[..., 0]
    assert len(np.unique(read)) > 100
    assert (read.min(), read.max()) == pytest.approx((0.5, 0.504), abs=3e-4)
    worn = memory.stylized_material(cube, 0).node_tree
    shown = next(each for each in worn.nodes if each.type == shader.type)
    rough, metal = (shown.inputs[name].links[0].from_node.image for name in ("Roughness", "Metallic"))
    assert rough.is_float
    assert len(np.unique(image.read_pixels(rough)[..., 0])) > 256
    assert not metal.is_float


@pytest.mark.parametrize("deep", [True, False])
def test_outside_a_mask_every_texel_of_the_artist_s_maps_stays(cube, settings, deep):
    """In its size, which is another than the job's, and its depth; also of one channel of several."""
    tree, shader = principled(cube)
    side, random = 96, np.random.default_rng(0)
    own = {}
    for name, socket in (("Roughness", "Roughness"), ("Normal", "Normal")):
        own[name] = bpy.data.images.new(f"Own {name}", side, side, float_buffer=deep, is_data=True)
        values = np.ones((side, side, 4), np.float32)
        values[..., :3] = 0.3 + 0.4 * random.random((side, side, 3), np.float32)
        if deep:
            values = np.round(values * 65535) / np.float32(65535)
        own[name].pixels.foreach_set(values.ravel())
        node = tree.nodes.new("ShaderNodeTexImage")
        node.image = own[name]
        through = tree.nodes.new("ShaderNodeNormalMap" if name == "Normal" else "ShaderNodeSeparateColor")
        tree.links.new(node.outputs["Color"], through.inputs["Color" if name == "Normal" else 0])
        tree.links.new(through.outputs[0 if name == "Normal" else 1], shader.inputs[socket])
    before = {name: image.read_pixels(each) for name, each in own.items()}
    scope = bpy.context.scene.patina_scope
    scope.mask, scope.mask_image = "IMAGE", bpy.data.images.new("Mask", 64, 64)
    half = np.zeros((64, 64, 4), np.float32)
    half[:, 32:], half[..., 3] = 1, 1
    scope.mask_image.pixels.foreach_set(half.ravel())
    assert bpy.ops.patina.stylize() == {"FINISHED"}
    worn = memory.stylized_material(cube, 0).node_tree
    shown = next(each for each in worn.nodes if each.type == shader.type)
    rough = shown.inputs["Roughness"].links[0].from_node.image
    normal = shown.inputs["Normal"].links[0].from_node.inputs["Color"].links[0].from_node.image
    left = slice(0, side // 2 - 4)
    most = 65535 if deep else 255
    for now, then in (
        (image.read_pixels(rough)[:, left, 0], before["Roughness"][:, left, 1]),
        (image.read_pixels(normal)[:, left, :3], before["Normal"][:, left, :3]),
    ):
        assert np.array_equal(np.rint(now * most), np.rint(then * most))
    right = slice(side // 2 + 4, side)
    assert np.abs(image.read_pixels(rough)[:, right, 0] - before["Roughness"][:, right, 1]).mean() > 0.02
    assert rough.is_float == deep


def test_udim_tiles_have_maps_of_their_own_and_get_them_back_as_tiles(settings, tmp_path):
    """Roughness by the place along X, which is one tile's 0.25 and the other's 0.75 on average."""
    bpy.ops.mesh.primitive_grid_add(x_subdivisions=2, y_subdivisions=1, size=1, calc_uvs=True)
    obj = bpy.context.object
    corners = np.empty(2 * len(obj.data.loops), np.float32)
    layer = obj.data.uv_layers[0].uv
    layer.foreach_get("vector", corners)
    layer.foreach_set("vector", (corners.reshape(-1, 2) * (2, 1)).astype(np.float32).ravel())
    worn = bpy.data.materials.new("Along")
    worn.use_nodes = True
    tree = worn.node_tree
    where, apart = tree.nodes.new("ShaderNodeTexCoord"), tree.nodes.new("ShaderNodeSeparateXYZ")
    tree.links.new(where.outputs["Generated"], apart.inputs[0])
    tree.links.new(apart.outputs["X"], tree.nodes["Principled BSDF"].inputs["Roughness"])
    obj.data.materials.append(worn)
    scope, depsgraph = bpy.context.scene.patina_scope, bpy.context.evaluated_depsgraph_get()
    prepared = job.write([obj], settings, scope, depsgraph, tmp_path)
    tiles = read_job(prepared.folder).tiles
    found = [pixels(prepared.folder / tile.maps.roughness)[..., 0].mean() for tile in tiles]
    assert found == pytest.approx([0.25, 0.75], abs=0.02)
    for index, tile in enumerate(tiles):  # as if these had been painted
        (prepared.folder / f"roughness_{index}.png").write_bytes(
            (prepared.folder / tile.maps.roughness).read_bytes()
        )
    material.show_image(obj, bpy.data.images.new("Paint", SIDE, SIDE))
    wanted = Material(metalness=0.0, normal=0.0, height=0.0)
    member = prepared.members[0]
    (shown,) = whole.show(obj, member.textures, member.tiles, wanted, prepared.folder, 2)
    assert [tile.number for tile in shown.tiles] == [1001, 1002]
    assert shown.colorspace_settings.name == "Non-Color"
    tree = memory.stylized_material(obj, 0).node_tree
    (shader,) = (node for node in tree.nodes if node.type == "BSDF_PRINCIPLED")
    assert shader.inputs["Roughness"].links[0].from_node.image == shown


def test_a_glb_has_tangents_with_a_whole_material_and_else_none(cube, tmp_path):
    """Without these, readers make their own for the painted normals."""
    material.show_image(cube, bpy.data.images.new("Paint", SIDE, SIDE))
    found = []
    for name in ("colour", "whole"):
        path = tmp_path / f"{name}.glb"
        engines.export(bpy.context, [cube], presets.PRESETS["GODOT"], path, 64, "PNG", False)
        found.append(b'"TANGENT"' in path.read_bytes())
        map = bpy.data.images.new("Map", SIDE, SIDE, is_data=True)
        whole.link(memory.stylized_material(cube, 0), {"roughness": map, "normal": map})
    assert found == [False, True]


def test_engines_get_a_channel_of_the_artist_s_own_packed_map(cube, tmp_path):
    """Metalness stays as it is, in the blue of a map; roughness was painted."""
    tree, shader = principled(cube)
    orm(tree, (1, 0.2, 0.8, 1), {2: shader.inputs["Metallic"]})
    material.show_image(cube, bpy.data.images.new("Paint", SIDE, SIDE))
    map = bpy.data.images.new("Rough", SIDE, SIDE, is_data=True)
    map.pixels.foreach_set(np.tile(np.float32((0.3, 0.3, 0.3, 1)), SIDE * SIDE))
    whole.link(memory.stylized_material(cube, 0), {"roughness": map})
    written = engines.export(
        bpy.context, [cube], presets.PRESETS["UNREAL"], tmp_path / "cube.fbx", 64, "PNG", False
    )
    (file,) = [path for path in written.files if path.name.endswith("_ORM.png")]
    assert pixels(file).reshape(-1, 4).mean(0)[:3] == pytest.approx((1.0, 0.3, 0.8), abs=0.01)


def ramp(deep: bool) -> bpy.types.Image:
    """Data with a value of its own in each texel, of 16 bits or of 8."""
    map = bpy.data.images.new("Ramp", SIDE, SIDE, float_buffer=deep, is_data=True)
    values = np.ones((SIDE * SIDE, 4), np.float32)
    values[:, :3] = np.linspace(0.3, 0.304, SIDE * SIDE)[:, None]
    map.pixels.foreach_set(values.ravel())
    return map


def bits(path: Path) -> int:
    """Of a channel of a PNG."""
    return path.read_bytes()[24]


@pytest.mark.parametrize("deep", [True, False])
def test_data_for_engines_has_as_many_bits_as_the_artist_s(deep, tmp_path):
    """Every texel of 16 bits as it is, where the whole picture is used and the size stays."""
    uvs = np.float32([[[0, 0], [1, 0], [1, 1]], [[0, 0], [1, 1], [0, 1]]])
    map = ramp(deep)
    path, _ = textures.write_texture(map, uvs, tmp_path, "map", 64, "PNG")
    assert bits(path) == (16 if deep else 8)
    step = 1 / (65535 if deep else 255)
    assert np.allclose(pixels(path)[..., 0], image.read_pixels(map)[..., 0], atol=0.51 * step)
    webp, _ = textures.write_texture(map, uvs, tmp_path, "map", 64, "WEBP")
    assert webp.suffix == ".webp"
    color = bpy.data.images.new("Color", SIDE, SIDE, float_buffer=True)
    color.colorspace_settings.name = "sRGB"
    assert bits(textures.write_texture(color, uvs, tmp_path, "color", 64, "PNG")[0]) == 8


@pytest.mark.parametrize("deep", [True, False])
def test_a_glb_for_engines_has_normals_of_16_bits_where_the_artist_s_are(cube, tmp_path, deep):
    material.show_image(cube, bpy.data.images.new("Paint", SIDE, SIDE))
    whole.link(memory.stylized_material(cube, 0), {"normal": ramp(deep)})
    path = tmp_path / "cube.glb"
    engines.export(bpy.context, [cube], presets.PRESETS["GODOT"], path, 64, "PNG", False)
    starts = [found.start() for found in re.finditer(b"\x89PNG\r\n\x1a\n", path.read_bytes())]
    assert sorted(path.read_bytes()[start + 24] for start in starts) == ([8, 16] if deep else [8, 8])


@pytest.mark.parametrize("deep", [True, False])
@pytest.mark.parametrize(
    ("preset", "file", "channels"),
    [("UNITY", "MetallicSmoothness", {0: 0.8, 3: 0.7}), ("UNREAL", "ORM", {0: 1.0, 1: 0.3, 2: 0.8})],
)
def test_engines_get_their_own_packing(cube, tmp_path, preset, file, channels, deep):
    """A map of roughness, and a number for metalness, in the channels that the engine reads.

    What is painted in its colours alone is exported without.
    """
    painted = bpy.data.images.new("Paint", SIDE, SIDE)
    material.show_image(cube, painted)
    worn = memory.stylized_material(cube, 0)
    settings = presets.PRESETS[preset]
    bare = engines.export(bpy.context, [cube], settings, tmp_path / "bare.fbx", 64, "PNG", False)
    assert not [path for path in bare.files if path.name.endswith(f"_{file}.png")]
    whole.link(worn, {"roughness": ramp(deep)})
    shader = next(node for node in worn.node_tree.nodes if node.type == "BSDF_PRINCIPLED")
    shader.inputs["Metallic"].default_value = 0.8
    written = engines.export(bpy.context, [cube], settings, tmp_path / "cube.fbx", 64, "PNG", False)
    (packed,) = [path for path in written.files if path.name.endswith(f"_{file}.png")]
    shown = bpy.data.images.load(str(packed))
    shown.colorspace_settings.name, shown.alpha_mode = "Non-Color", "CHANNEL_PACKED"
    assert bits(packed) == (16 if deep else 8)
    found = image.read_pixels(shown).reshape(-1, 4).mean(0)
    for channel, value in channels.items():
        assert found[channel] == pytest.approx(value, abs=0.01)
