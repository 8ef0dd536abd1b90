"""Any material: what nodes make of the base colour is read, and the result takes its place in a copy."""

from __future__ import annotations

from pathlib import Path

import bpy
import numpy as np
import pytest
from bl_ext.user_default.patina.addon.scene import material, textures
from PIL import Image

SIZE = 64
RED, GREEN, BLUE, WHITE = (1, 0, 0, 1), (0, 1, 0, 1), (0, 0, 1, 1), (1, 1, 1, 1)


@pytest.fixture
def plane() -> bpy.types.Object:
    """A square of side 2 with one quad, its UVs the unit square, and a material of its own."""
    bpy.ops.mesh.primitive_plane_add(size=2, calc_uvs=True)
    obj = bpy.context.object
    obj.data.materials.append(new_material("Paint"))
    return obj


def new_material(name: str) -> bpy.types.Material:
    mat = bpy.data.materials.new(name)
    mat.use_nodes = True
    return mat


def add(tree: bpy.types.NodeTree, kind: str, **inputs: object) -> bpy.types.Node:
    """A new node; what goes into its inputs: sockets are linked, values set. Numbers count the inputs."""
    node = tree.nodes.new(kind)
    for name, value in inputs.items():
        socket = node.inputs[int(name[1:]) if name[0] == "_" else name]
        if isinstance(value, bpy.types.NodeSocket):
            tree.links.new(value, socket)
        else:
            socket.default_value = value
    return node


def shader(mat: bpy.types.Material) -> bpy.types.Node:
    return next(node for node in mat.node_tree.nodes if node.type == "BSDF_PRINCIPLED")


def show(mat: bpy.types.Material, socket: bpy.types.NodeSocket) -> None:
    mat.node_tree.links.new(socket, mat.node_tree.get_output_node("ALL").inputs["Surface"])


def state() -> list[object]:
    """All that reading a colour must leave as it was."""
    scene = bpy.context.scene
    blocks = ("scenes", "objects", "meshes", "materials", "node_groups", "images")
    return [
        scene.render.engine,
        scene.render.bake.margin,
        bpy.context.view_layer.objects.active,
        [obj.name for obj in bpy.context.selected_objects],
        [[(layer.name, layer.active) for layer in mesh.uv_layers] for mesh in bpy.data.meshes],
        [
            [(link.from_node.name, link.to_node.name) for link in m.node_tree.links]
            for m in bpy.data.materials
        ],
        *(sorted(block.name for block in getattr(bpy.data, kind)) for kind in blocks),
    ]


def read(obj: bpy.types.Object, folder: Path, size: int = SIZE) -> list[np.ndarray | None]:
    """The colours 0..255 (H, W, 3) of a job's content pictures, top row first; all else stays as it was."""
    bpy.context.view_layer.update()
    before = state()
    depsgraph = bpy.context.evaluated_depsgraph_get()
    source = textures.read(obj, depsgraph)
    names = textures.write_contents(obj, source, depsgraph, folder, size)
    assert state() == before
    pictures = []
    for name in names:
        if name:
            with Image.open(folder / name) as file:
                pictures.append(np.asarray(file.convert("RGB")).astype(int))
        else:
            pictures.append(None)
    return pictures


def quads(mat: bpy.types.Material, scale: float = 2) -> bpy.types.NodeSocket:
    """A checkerboard of red and blue that divides the UV square in `scale` a side."""
    coordinates = add(mat.node_tree, "ShaderNodeTexCoord")
    checker = add(mat.node_tree, "ShaderNodeTexChecker", Vector=coordinates.outputs["UV"], Scale=scale)
    checker.inputs["Color1"].default_value, checker.inputs["Color2"].default_value = RED, BLUE
    return checker.outputs["Color"]


def is_checker(picture: np.ndarray, one=(255, 0, 0), other=(0, 0, 255)) -> bool:
    h = SIZE // 2
    first, second = (np.tile(np.asarray(color), (h, h, 1)) for color in (one, other))
    return bool(np.abs(picture - np.block([[[first], [second]], [[second], [first]]])).max() <= 1)


def test_a_procedural_colour_is_baked_without_light_or_metal(plane, tmp_path):
    mat = plane.data.materials[0]
    mat.node_tree.links.new(quads(mat), shader(mat).inputs["Base Color"])
    shader(mat).inputs["Metallic"].default_value = 1
    shader(mat).inputs["Emission Strength"].default_value = 5
    (picture,) = read(plane, tmp_path)
    assert picture.shape == (SIZE, SIZE, 3)
    assert is_checker(picture)


def test_an_image_changed_by_other_nodes(plane, tmp_path):
    mat = plane.data.materials[0]
    image = bpy.data.images.new("Half", 4, 4)
    image.pixels.foreach_set([0.5, 0.5, 0.5, 1.0] * 16)
    node = add(mat.node_tree, "ShaderNodeTexImage")
    node.image = image
    gamma = add(mat.node_tree, "ShaderNodeGamma", Color=node.outputs["Color"], Gamma=2.0)
    mat.node_tree.links.new(gamma.outputs["Color"], shader(mat).inputs["Base Color"])
    (picture,) = read(plane, tmp_path)
    linear = ((0.5 + 0.055) / 1.055) ** 2.4
    assert picture == pytest.approx(255 * (1.055 * (linear**2) ** (1 / 2.4) - 0.055), abs=1)


def test_vertex_colours(plane, tmp_path):
    """Interpolated between the corners: red grows with u, green with v."""
    layer = plane.data.color_attributes.new("Col", "FLOAT_COLOR", "CORNER")
    uvs = np.array([loop.uv[:] for loop in plane.data.uv_layers[0].data])
    colors = np.zeros((4, 4))
    colors[:, :2], colors[:, 3] = uvs, 1
    layer.data.foreach_set("color", colors.ravel())
    mat = plane.data.materials[0]
    node = add(mat.node_tree, "ShaderNodeVertexColor")
    node.layer_name = "Col"
    mat.node_tree.links.new(node.outputs["Color"], shader(mat).inputs["Base Color"])
    (picture,) = read(plane, tmp_path)
    linear = (np.arange(SIZE) + 0.5) / SIZE
    ramp = 255 * np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    assert np.abs(picture[..., 0] - ramp[None]).max() < 6
    assert np.abs(picture[..., 1] - ramp[::-1, None]).max() < 6
    assert picture[..., 2].max() == 0


def test_mixed_shaders_are_mixed_and_coats_do_not_count(plane, tmp_path):
    mat = plane.data.materials[0]
    tree = mat.node_tree
    tree.links.new(quads(mat), shader(mat).inputs["Base Color"])
    green = add(tree, "ShaderNodeBsdfDiffuse", Color=GREEN)
    mix = add(tree, "ShaderNodeMixShader", Fac=0.25, _1=shader(mat).outputs[0], _2=green.outputs[0])
    gloss = add(tree, "ShaderNodeBsdfGlossy", Color=WHITE)
    coat = add(tree, "ShaderNodeMixShader", Fac=0.5, _1=mix.outputs[0], _2=gloss.outputs[0])
    cut = add(
        tree,
        "ShaderNodeMixShader",
        Fac=0.5,
        _1=add(tree, "ShaderNodeBsdfTransparent").outputs[0],
        _2=coat.outputs[0],
    )
    show(mat, cut.outputs[0])
    (picture,) = read(plane, tmp_path)
    high, low = (255 * (1.055 * share ** (1 / 2.4) - 0.055) for share in (0.75, 0.25))
    assert is_checker(picture, (high, low, 0), (0, low, high))


def shader_group(name: str) -> bpy.types.NodeTree:
    """A group with a colour as input and a shader as output, which has the square of that colour."""
    tree = bpy.data.node_groups.new(name, "ShaderNodeTree")
    tree.interface.new_socket("Tint", in_out="INPUT", socket_type="NodeSocketColor")
    tree.interface.new_socket("Shader", in_out="OUTPUT", socket_type="NodeSocketShader")
    begin, end = tree.nodes.new("NodeGroupInput"), tree.nodes.new("NodeGroupOutput")
    gamma = add(tree, "ShaderNodeGamma", Color=begin.outputs[0], Gamma=2.0)
    inner = add(tree, "ShaderNodeBsdfPrincipled", **{"Base Color": gamma.outputs[0], "Roughness": 0.125})
    tree.links.new(inner.outputs[0], end.inputs[0])
    return tree


def test_a_shader_in_nested_groups(plane, tmp_path):
    inner = shader_group("Inner")
    outer = bpy.data.node_groups.new("Outer", "ShaderNodeTree")
    outer.interface.new_socket("Shader", in_out="OUTPUT", socket_type="NodeSocketShader")
    group = add(outer, "ShaderNodeGroup")
    group.node_tree = inner
    group.inputs["Tint"].default_value = (0.5, 1, 0, 1)
    end = outer.nodes.new("NodeGroupOutput")
    outer.links.new(group.outputs[0], end.inputs[0])
    mat = plane.data.materials[0]
    node = add(mat.node_tree, "ShaderNodeGroup")
    node.node_tree = outer
    show(mat, node.outputs[0])
    (picture,) = read(plane, tmp_path)
    assert np.abs(picture - (137, 255, 0)).max() <= 1  # 0.5² of the light

    texture = bpy.data.images.new("Texture", 4, 4)
    texture.pixels.foreach_set([0.0, 0.0, 1.0, 1.0] * 16)
    material.show_image(plane, texture)
    shown = plane.material_slots[0].material
    assert material.stylized_node(shown).image == texture
    assert shown.node_tree.nodes.active.image == texture  # on the outside, where exporters look
    assert material.base_color(shown) == material.BaseColor(texture)
    assert [node.node_tree.name for node in shown.node_tree.nodes if node.type == "GROUP"] == [
        "Outer Stylized"
    ]
    assert [len(tree.interface.items_tree) for tree in (inner, outer)] == [2, 1]  # the artist's own
    copy = bpy.data.node_groups["Inner Stylized"]
    assert (
        next(n for n in copy.nodes if n.type == "BSDF_PRINCIPLED").inputs["Roughness"].default_value == 0.125
    )
    plane.patina.slots.clear()  # as if the copy were an artist's material
    shown.patina.stylized = False
    (picture,) = read(plane, tmp_path)
    assert (picture == (0, 0, 255)).all()


def test_the_result_replaces_all_mixed_colours(plane):
    mat = plane.data.materials[0]
    tree = mat.node_tree
    green = add(tree, "ShaderNodeBsdfDiffuse", Color=GREEN, Roughness=0.25)
    mix = add(tree, "ShaderNodeMixShader", Fac=0.5, _1=shader(mat).outputs[0], _2=green.outputs[0])
    show(mat, mix.outputs[0])
    normal = add(tree, "ShaderNodeNormalMap")
    tree.links.new(normal.outputs[0], shader(mat).inputs["Normal"])
    texture = bpy.data.images.new("Texture", 4, 4)
    material.show_image(plane, texture)
    shown = plane.material_slots[0].material
    assert material.base_color(shown) == material.BaseColor(texture)
    kept = shader(shown).inputs["Normal"].links[0].from_node
    assert kept.type == "NORMAL_MAP"
    diffuse = next(node for node in shown.node_tree.nodes if node.type == "BSDF_DIFFUSE")
    assert diffuse.inputs["Roughness"].default_value == 0.25
    assert green.inputs["Color"].default_value[:] == GREEN


def test_a_cartoon_is_in_full_light(plane, tmp_path):
    """Shader to RGB, which Cycles does not know, behind a ramp that makes white green."""
    mat = plane.data.materials[0]
    diffuse = add(mat.node_tree, "ShaderNodeBsdfDiffuse", Color=WHITE)
    lit = add(mat.node_tree, "ShaderNodeShaderToRGB", Shader=diffuse.outputs[0])
    ramp = add(mat.node_tree, "ShaderNodeValToRGB", Fac=lit.outputs["Color"])
    ramp.color_ramp.elements[0].color, ramp.color_ramp.elements[1].color = RED, GREEN
    show(mat, add(mat.node_tree, "ShaderNodeEmission", Color=ramp.outputs["Color"]).outputs[0])
    (picture,) = read(plane, tmp_path)
    assert (picture == (0, 255, 0)).all()


def test_object_coordinates_and_modifiers(plane, tmp_path):
    """The colour goes by the place on the surface as it is seen: the copies of an array share the map."""
    mat = plane.data.materials[0]
    coordinates = add(mat.node_tree, "ShaderNodeTexCoord")
    split = add(mat.node_tree, "ShaderNodeSeparateXYZ", _0=coordinates.outputs["Object"])
    above = add(mat.node_tree, "ShaderNodeMath", _0=split.outputs["X"], _1=0.0)
    above.operation = "GREATER_THAN"
    mat.node_tree.links.new(above.outputs[0], shader(mat).inputs["Base Color"])
    plane.modifiers.new("Subdivision", "SUBSURF").subdivision_type = "SIMPLE"
    plane.location, plane.scale = (7, 8, 9), (2, -1, 3)
    (picture,) = read(plane, tmp_path)
    assert (picture[:, : SIZE // 2 - 1] == 0).all()
    assert (picture[:, SIZE // 2 + 1 :] == 255).all()


def test_objects_that_vary_by_their_name_keep_their_own_colour(plane, tmp_path):
    """Object Info's Random is drawn from the name, which a copy has not."""
    mat = plane.data.materials[0]
    info = add(mat.node_tree, "ShaderNodeObjectInfo")
    mat.node_tree.links.new(info.outputs["Random"], shader(mat).inputs["Base Color"])
    (here,) = read(plane, tmp_path)
    plane.name = "Another name"
    (there,) = read(plane, tmp_path)
    assert here.std() == there.std() == 0
    assert here[0, 0, 0] != there[0, 0, 0]
    plane.name = "Plane"
    bpy.data.objects.new("Plane.001", None)  # a copy is now called otherwise
    (again,) = read(plane, tmp_path)
    assert (here == again).all()


@pytest.fixture
def two_slots(plane) -> bpy.types.Object:
    """Two quads beside each other in space; the second one with a material of its own."""
    plane.modifiers.new("Array", "ARRAY").count = 2
    bpy.ops.object.modifier_apply(modifier="Array")
    plane.data.materials.append(new_material("Second"))
    plane.data.polygons[1].material_index = 1
    return plane


def place(obj: bpy.types.Object, polygon: int, low: tuple[float, float], high: tuple[float, float]) -> None:
    """Give a quad the rectangle from `low` to `high` of the UV map."""
    layer = obj.data.uv_layers[0].uv
    for loop in obj.data.polygons[polygon].loop_indices:
        u, v = layer[loop].vector
        layer[loop].vector = [low[0] + u * (high[0] - low[0]), low[1] + v * (high[1] - low[1])]


def test_slots_that_share_a_map_share_a_texture(two_slots, tmp_path):
    place(two_slots, 0, (0, 0), (0.5, 1))
    place(two_slots, 1, (0.5, 0), (1, 1))
    for mat, color in zip(two_slots.data.materials, (RED, BLUE), strict=True):
        shader(mat).inputs["Base Color"].default_value = color
    (picture,) = read(two_slots, tmp_path)
    assert (picture[:, : SIZE // 2 - 1] == (255, 0, 0)).all()
    assert (picture[:, SIZE // 2 + 1 :] == (0, 0, 255)).all()
    source = textures.read(two_slots, bpy.context.evaluated_depsgraph_get())
    assert [texture.slots for texture in source.textures] == [(0, 1)]
    assert "tiles" not in source.arrays


def test_slots_that_overlap_get_a_texture_each(two_slots, tmp_path):
    second = two_slots.data.materials[1]
    second.node_tree.links.new(quads(second), shader(second).inputs["Base Color"])
    first, other = read(two_slots, tmp_path)
    assert first is None  # the colour that nobody has chosen
    assert is_checker(other)
    source = textures.read(two_slots, bpy.context.evaluated_depsgraph_get())
    assert [(t.name, t.slots) for t in source.textures] == [("Plane, Paint", (0,)), ("Plane, Second", (1,))]
    assert source.arrays["tiles"].tolist() == [0, 0, 1, 1]


def test_slots_with_images_keep_their_images_and_maps(two_slots, tmp_path):
    two_slots.data.uv_layers.new(name="Other")
    for mat, color in zip(two_slots.data.materials, (RED, GREEN), strict=True):
        node = add(mat.node_tree, "ShaderNodeTexImage")
        node.image = bpy.data.images.new(mat.name, 8, 4)
        node.image.pixels.foreach_set(list(color) * 32)
        mat.node_tree.links.new(node.outputs["Color"], shader(mat).inputs["Base Color"])
    uv_map = add(two_slots.data.materials[1].node_tree, "ShaderNodeUVMap")
    uv_map.uv_map = "Other"
    two_slots.data.materials[1].node_tree.links.new(uv_map.outputs[0], node.inputs["Vector"])
    pictures = read(two_slots, tmp_path)
    assert [picture.shape for picture in pictures] == [(4, 8, 3), (4, 8, 3)]
    assert [picture[0, 0].tolist() for picture in pictures] == [[255, 0, 0], [0, 255, 0]]
    source = textures.read(two_slots, bpy.context.evaluated_depsgraph_get())
    assert [(t.slots, t.image, t.uv_map) for t in source.textures] == [
        ((0,), "Paint", None),
        ((1,), "Second", "Other"),
    ]


def test_a_material_from_a_modifier_is_told(plane, tmp_path):
    tree = bpy.data.node_groups.new("Set", "GeometryNodeTree")
    tree.interface.new_socket("Geometry", in_out="INPUT", socket_type="NodeSocketGeometry")
    tree.interface.new_socket("Geometry", in_out="OUTPUT", socket_type="NodeSocketGeometry")
    begin, end = tree.nodes.new("NodeGroupInput"), tree.nodes.new("NodeGroupOutput")
    node = add(tree, "GeometryNodeSetMaterial", Geometry=begin.outputs[0], Material=new_material("Geometry"))
    tree.links.new(node.outputs[0], end.inputs[0])
    plane.modifiers.new("Nodes", "NODES").node_group = tree
    bpy.context.view_layer.update()
    with pytest.raises(textures.mesh.PatinaError, match="A modifier gives Plane a material") as error:
        textures.read(plane, bpy.context.evaluated_depsgraph_get())
    assert "Visual Geometry to Mesh" in error.value.cure
