"""Models that take their colours from a palette: a further UV map, with those colours, by one press."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import bpy
import numpy as np
import pytest
import recorder
from bl_ext.user_default.patina.addon import jobs, readiness
from bl_ext.user_default.patina.addon.export import copies
from bl_ext.user_default.patina.addon.operators import make_paintable
from bl_ext.user_default.patina.addon.scene import image, material, memory, textures, uvs
from bl_ext.user_default.patina.addon.ui import export as export_panel
from bl_ext.user_default.patina.addon.ui import panel

COLORS = np.float32([[0.9, 0.1, 0.1], [0.1, 0.8, 0.2], [0.2, 0.2, 0.9], [0.9, 0.8, 0.1]])
SIZE = 64  # of the palette: four squares of 32


def place(kind: str, color: int, corner: int) -> tuple[float, float]:
    """Where in the palette a corner of a face of that colour lies."""
    u, v = 0.25 + 0.5 * (color % 2), 0.25 + 0.5 * (color // 2)
    x, y = ((0, 0), (1, 0), (1, 1), (0, 1))[corner]
    return {"points": (u, v), "lines": (u + 0.1 * x, v), "crowded": (u + 0.02 * x, v + 0.02 * y)}[kind]


@pytest.fixture
def settings() -> bpy.types.PropertyGroup:
    settings = bpy.context.scene.patina
    settings.quality, settings.texture_size, settings.steps = "draft", "256", 2
    return settings


def palette() -> bpy.types.Image:
    pixels = np.ones((SIZE, SIZE, 4), np.float32)
    half = SIZE // 2
    for color, value in enumerate(COLORS):
        pixels[half * (color // 2) :, half * (color % 2) :, :3] = value
    found = bpy.data.images.new("Palette", SIZE, SIZE)
    found.pixels.foreach_set(pixels.ravel())
    found.pack()
    return found


def figure(kind: str = "points", name: str = "Figure", names_map: bool = False) -> bpy.types.Object:
    """A selected grid of 12 × 12 faces in four colours, as a low-poly model has them."""
    bpy.ops.mesh.primitive_grid_add(x_subdivisions=12, y_subdivisions=12, size=2, calc_uvs=True)
    obj = bpy.context.object
    obj.name, obj.data.name = name, name
    layer = obj.data.uv_layers[0]
    values = [place(kind, face.index % 4, corner) for face in obj.data.polygons for corner in range(4)]
    layer.uv.foreach_set("vector", np.float32(values).ravel())
    worn = bpy.data.materials.new("Colormap")
    worn.use_nodes = True
    tree = worn.node_tree
    node = tree.nodes.new("ShaderNodeTexImage")
    node.image, node.interpolation = palette(), "Closest"
    shader = tree.nodes["Principled BSDF"]
    tree.links.new(node.outputs["Color"], shader.inputs["Base Color"])
    tree.links.new(node.outputs["Color"], shader.inputs["Roughness"])
    if names_map:
        mapping = tree.nodes.new("ShaderNodeUVMap")
        mapping.uv_map = layer.name
        tree.links.new(mapping.outputs["UV"], node.inputs["Vector"])
    obj.data.materials.append(worn)
    return obj


def artists(obj: bpy.types.Object) -> list[object]:
    """What is the artist's: the map, what is active, the material with its links."""
    layer = obj.data.uv_layers[0]
    tree = memory.original_material(obj, 0).node_tree
    values = np.empty(2 * len(obj.data.loops), np.float32)
    layer.uv.foreach_get("vector", values)
    links = sorted((link.from_node.name, link.to_node.name, link.to_socket.name) for link in tree.links)
    return [layer.name, layer.active, layer.active_render, values.tobytes(), links]


def center(obj: bpy.types.Object, face: int) -> np.ndarray:
    layer = obj.data.uv_layers["Patina"]
    return np.mean([layer.uv[i].vector[:] for i in obj.data.polygons[face].loop_indices], axis=0)


def select(*objects: bpy.types.Object) -> None:
    bpy.ops.object.select_all(action="DESELECT")
    for obj in objects:
        obj.select_set(True)
    bpy.context.view_layer.objects.active = objects[0]


@pytest.mark.parametrize("names_map", [False, True])
@pytest.mark.parametrize("kind", ["points", "lines", "crowded"])
def test_it_gets_a_further_map_with_its_colours(settings, tmp_path, kind, names_map):
    obj = figure(kind, names_map=names_map)
    before = artists(obj)
    (advice,) = readiness.of_selection(bpy.context)
    assert "another UV map, with its colours" in advice.text
    assert make_paintable.needed(bpy.context, True)
    bpy.ops.patina.make_paintable()
    assert obj.data.uv_layers.keys() == ["UVMap", "Patina"]
    assert artists(obj) == before
    assert not make_paintable.needed(bpy.context, True)
    assert not readiness.of_selection(bpy.context)
    depsgraph = bpy.context.evaluated_depsgraph_get()
    source = textures.read(obj, depsgraph)
    assert [texture.uv_map for texture in source.textures] == ["Patina"]
    assert not source.notes  # nothing lies on anything
    (name,) = textures.write_contents(obj, source, depsgraph, tmp_path, 256)
    content = bpy.data.images.load(str(tmp_path / name))
    pixels = image.read_pixels(content)[..., :3]
    for face in range(len(obj.data.polygons)):
        u, v = (center(obj, face) * 256).astype(int)
        assert np.allclose(pixels[v, u], COLORS[face % 4], atol=0.02), face


@pytest.mark.parametrize("extension", ["MIRROR", "EXTEND", "CLIP"])
def test_so_does_what_lies_beyond_the_end_of_an_image(settings, tmp_path, extension):
    obj = figure()
    layer = obj.data.uv_layers[0]
    places = np.array([obj.data.vertices[loop.vertex_index].co[:2] for loop in obj.data.loops])
    layer.uv.foreach_set("vector", np.float32(places + 0.55).ravel())  # from -0.45 to 1.55
    node = next(node for node in obj.data.materials[0].node_tree.nodes if node.type == "TEX_IMAGE")
    assert not make_paintable.needed(bpy.context, True)  # repeated, it has its place
    node.extension = extension
    assert make_paintable.needed(bpy.context, True)
    bpy.ops.patina.make_paintable()
    assert not make_paintable.needed(bpy.context, True)
    depsgraph = bpy.context.evaluated_depsgraph_get()
    source = textures.read(obj, depsgraph)
    assert [texture.uv_map for texture in source.textures] == ["Patina"]
    (name,) = textures.write_contents(obj, source, depsgraph, tmp_path, 256)
    pixels = image.read_pixels(bpy.data.images.load(str(tmp_path / name)))[..., :3]
    for face in obj.data.polygons:
        at = np.array(face.center[:2]) + 0.55
        if np.abs(at * 2 - np.round(at * 2)).min() < 0.1:
            continue  # it shows two colours
        within = {"MIRROR": 1 - np.abs(1 - at % 2), "EXTEND": at.clip(0.01, 0.99), "CLIP": at}[extension]
        known = (within > 0).all() and (within < 1).all()
        color = COLORS[int(within[0] > 0.5) + 2 * int(within[1] > 0.5)] if known else np.zeros(3)
        u, v = (center(obj, face.index) * 256).astype(int)
        assert np.allclose(pixels[v, u], color, atol=0.02), at


def test_several_are_painted_by_one_press_and_read_the_palette_as_before(settings):
    objects = [figure(kind, name) for kind, name in (("points", "A"), ("lines", "B"))]
    twin = objects[0].copy()  # another object with the same mesh
    bpy.context.collection.objects.link(twin)
    select(*objects, twin)
    before = [artists(obj) for obj in objects]
    assert bpy.ops.patina.stylize() == {"FINISHED"}
    assert [artists(obj) for obj in objects] == before
    assert [len(obj.data.uv_layers) for obj in objects] == [2, 2]
    for obj in (*objects, twin):
        worn = obj.material_slots[0].material
        node = material.stylized_node(worn)
        assert node.inputs["Vector"].links[0].from_node.uv_map == "Patina"
        shader = worn.node_tree.nodes["Principled BSDF"]
        roughness = shader.inputs["Roughness"].links[0].from_node
        assert roughness.image.name.startswith("Palette")
        assert not roughness.inputs["Vector"].is_linked  # the map that was active still is
    bpy.ops.patina.stylize()  # again: the palette's colours are kept, not the paint's
    assert [len(obj.data.uv_layers) for obj in objects] == [2, 2]


def test_it_is_told_that_solid_shading_knows_the_palettes_map_alone(settings, cube):
    words = "Material Preview Shows the Paint"
    areas = (area for screen in bpy.data.screens for area in screen.areas if area.type == "VIEW_3D")
    solid = next(areas).spaces.active
    solid.shading.type = "SOLID"
    material.show_image(cube, bpy.data.images.new("Painted", 8, 8))
    select(cube)
    assert words not in recorder.draw(panel.PATINA_PT_stylize, space=solid).texts
    obj = figure()
    bpy.ops.patina.make_paintable()
    material.show_image(obj, bpy.data.images.new("Painted", 8, 8), "Patina")
    select(obj)
    assert words in recorder.draw(panel.PATINA_PT_stylize, space=solid).texts
    solid.shading.type = "MATERIAL"
    assert words not in recorder.draw(panel.PATINA_PT_stylize, space=solid).texts
    solid.shading.type = "SOLID"
    obj.data.uv_layers.active = obj.data.uv_layers["Patina"]
    assert words not in recorder.draw(panel.PATINA_PT_stylize, space=solid).texts
    obj.data.uv_layers.active = obj.data.uv_layers["UVMap"]
    bpy.ops.patina.compare(show="ORIGINAL")
    assert words not in recorder.draw(panel.PATINA_PT_stylize, space=solid).texts


def test_its_export_has_the_painted_map_alone(settings, tmp_path):
    obj = figure()
    worn = obj.data.materials[0].node_tree
    worn.links.remove(worn.nodes["Principled BSDF"].inputs["Roughness"].links[0])
    bpy.ops.patina.stylize()
    bpy.context.scene.patina_export.preset = "GODOT"
    bpy.ops.patina.export(filepath=str(tmp_path / "figure.glb"))
    data = (tmp_path / "figure.glb").read_bytes()
    gltf = json.loads(data[20 : 20 + int.from_bytes(data[12:16], "little")])
    (primitive,) = gltf["meshes"][0]["primitives"]
    assert [name for name in primitive["attributes"] if name.startswith("TEXCOORD")] == ["TEXCOORD_0"]
    texture = gltf["materials"][primitive["material"]]["pbrMetallicRoughness"]["baseColorTexture"]
    assert texture.get("texCoord", 0) == 0
    assert len(gltf["images"]) == 1


def test_the_button_of_the_problem_keeps_the_colours(settings):
    settings.unwrap = False
    obj = figure()
    (advice,) = readiness.of_selection(bpy.context)
    assert advice.stops
    with pytest.raises(RuntimeError, match="gives its faces no area"):
        bpy.ops.patina.stylize()
    before = artists(obj)
    assert bpy.ops.patina.unwrap(object=obj.name) == {"FINISHED"}
    assert artists(obj) == before
    content = image.read_pixels(bpy.data.images.load(str(jobs.ended[-1].folder / "content.png")))
    for face in range(4):
        u, v = (center(obj, face) * 256).astype(int)
        assert np.allclose(content[v, u, :3], COLORS[face], atol=0.02), face


def test_slots_with_a_texture_of_their_own_keep_their_map(settings):
    obj = figure()
    own = bpy.data.materials.new("Face")
    own.use_nodes = True
    node = own.node_tree.nodes.new("ShaderNodeTexImage")
    node.image = bpy.data.images.new("Face", 16, 16)
    shader = own.node_tree.nodes["Principled BSDF"]
    own.node_tree.links.new(node.outputs["Color"], shader.inputs["Base Color"])
    obj.data.materials.append(own)
    layer = obj.data.uv_layers[0]
    for face in obj.data.polygons[:36]:
        face.material_index = 1
        x, y = face.index % 6, face.index // 6
        for (dx, dy), loop in zip(((0, 0), (1, 0), (1, 1), (0, 1)), face.loop_indices, strict=True):
            layer.uv[loop].vector = ((x + dx) / 6, (y + dy) / 6)
    bpy.ops.patina.make_paintable()
    source = textures.read(obj, bpy.context.evaluated_depsgraph_get())
    assert {(texture.slots, texture.uv_map, texture.image) for texture in source.textures} == {
        ((0,), "Patina", ""),
        ((1,), None, "Face"),
    }


SQUARE = np.array([[[0, 0], [1, 0], [1, 1]], [[0, 0], [1, 1], [0, 1]]], np.float32)


@pytest.mark.parametrize(
    "laid",
    [
        np.concatenate([SQUARE, SQUARE * (-1, 1) + (1, 0)]),  # mirrored halves
        np.concatenate([SQUARE + (k, 0) for k in range(50)]),  # a floor that repeats its texture
        np.tile(SQUARE * 0.3, (40, 1, 1)),  # planks of a fence
        SQUARE * 0.05 + 0.5,  # a thing in a large atlas
        np.concatenate([SQUARE, SQUARE[:1] * 0]),  # a face that was forgotten
    ],
)
def test_other_layouts_have_room(laid):
    assert uvs.have_room(laid.astype(np.float32), np.ones(len(laid), np.float32))


def test_a_thousand_of_them_are_one_line(settings):
    obj = figure()
    for _ in range(20):
        bpy.context.collection.objects.link(obj.copy())
    bpy.ops.object.select_all(action="SELECT")
    advice = readiness.of_selection(bpy.context)
    assert sorted(each.text.partition("{}")[0] for each in advice) == [
        "Others share the mesh of ",
        "The UVs of ",
    ]
    assert all("and 20 more" in each.names[0] for each in advice)


def seconds(work: Callable[[], object]) -> float:
    """Measure the least of a few tries, on this thread alone: other work on the machine does not count."""

    def once() -> float:
        began = time.thread_time()
        work()
        return time.thread_time() - began

    return min(once() for _ in range(4))


def test_thousands_of_linked_duplicates_are_not_asked_in_turn_at_every_redraw(settings):
    obj = figure()
    twins = [obj.copy() for _ in range(2000)]
    for twin in twins:
        bpy.context.collection.objects.link(twin)
    material.show_image(twins[7], bpy.data.images.new("Painted", 8, 8))
    each = seconds(lambda: [memory.stylized_materials(twin) for twin in twins])
    assert seconds(lambda: recorder.draw(export_panel.PATINA_PT_export)) < each / 2
    assert "patina.export" in recorder.draw(export_panel.PATINA_PT_export).operators
    for twin in twins:
        twin.select_set(True)
    each = seconds(lambda: [readiness._of_object(twin, True, True) for twin in twins])
    assert seconds(lambda: readiness.of_selection(bpy.context)) < each / 2
    assert "and 2000 more" in str(readiness.of_selection(bpy.context))


def test_what_wears_paint_is_found_however_it_wears_it(settings):
    """By a slot of its own, by its mesh's, and by memory alone, while the original is shown."""
    by_slot, by_mesh, by_memory, bare = (figure(name=name) for name in "ABCD")
    for obj in (by_slot, by_memory):
        material.show_image(obj, bpy.data.images.new(obj.name, 8, 8))
    by_mesh.data.materials[0] = by_slot.material_slots[0].material
    select(by_memory)
    bpy.ops.patina.compare(show="ORIGINAL")
    assert memory.wearers() == {by_slot, by_mesh, by_memory}
    assert copies.stylized_in(bpy.context.view_layer) == [by_slot, by_mesh, by_memory]
    select(bare)
    assert not bpy.ops.patina.compare.poll()
    bpy.context.collection.objects.unlink(by_mesh)  # it may be in another scene
    bpy.context.view_layer.update()
    assert copies.stylized_in(bpy.context.view_layer) == [by_slot, by_memory]
