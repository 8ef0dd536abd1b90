"""The base colour found in an artist's material, and the image written back into a copy of it."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import bpy
import pytest
from bl_ext.user_default.patina.addon.scene import material, memory
from bl_ext.user_default.patina.backend.errors import PatinaError


@pytest.fixture
def texture() -> bpy.types.Image:
    return bpy.data.images.new("Texture", 4, 4)


def add(mat: bpy.types.Material, kind: str, **inputs: object) -> bpy.types.Node:
    """A new node of `kind`, with what goes into its inputs: sockets are linked, values set."""
    node = mat.node_tree.nodes.new(kind)
    for name, value in inputs.items():
        if isinstance(value, bpy.types.NodeSocket):
            mat.node_tree.links.new(value, node.inputs[name])
        else:
            node.inputs[name].default_value = value
    return node


def image_node(mat: bpy.types.Material, image: bpy.types.Image) -> bpy.types.Node:
    node = add(mat, "ShaderNodeTexImage")
    node.image = image
    return node


def principled(mat: bpy.types.Material) -> bpy.types.Node:
    return next(node for node in mat.node_tree.nodes if node.type == "BSDF_PRINCIPLED")


def link_color(mat: bpy.types.Material, socket: bpy.types.NodeSocket) -> None:
    mat.node_tree.links.new(socket, principled(mat).inputs["Base Color"])


def links(mat: bpy.types.Material) -> list[tuple[str, str]]:
    return [(link.from_socket.path_from_id(), link.to_socket.path_from_id()) for link in mat.node_tree.links]


def found(obj: bpy.types.Object) -> material.BaseColor:
    return material.base_color(memory.original_material(obj, 0) if obj.material_slots else None)


def test_the_fox(fox):
    assert found(fox) == material.BaseColor(bpy.data.images["Image_0"])


def test_plain_colours(cube):
    mat = cube.data.materials[0]
    assert found(cube) == material.BaseColor(color=pytest.approx((0.8, 0.8, 0.8)))
    principled(mat).inputs["Base Color"].default_value = (1, 0.5, 0.25, 1)
    assert found(cube).color == (1, 0.5, 0.25)
    cube.data.materials.clear()
    assert found(cube) == material.BaseColor()


def test_through_reroutes_and_muted_nodes(cube, texture):
    mat = cube.data.materials[0]
    reroute = mat.node_tree.nodes.new("NodeReroute")
    mat.node_tree.links.new(image_node(mat, texture).outputs["Color"], reroute.inputs[0])
    gamma = add(mat, "ShaderNodeGamma", Color=reroute.outputs[0])
    link_color(mat, gamma.outputs["Color"])
    assert found(cube).baked
    gamma.mute = True
    assert found(cube) == material.BaseColor(texture)


def test_the_uv_map_that_the_image_names(cube, texture):
    mat = cube.data.materials[0]
    node = image_node(mat, texture)
    uv_node = add(mat, "ShaderNodeUVMap")
    uv_node.uv_map = "Other"
    mat.node_tree.links.new(uv_node.outputs["UV"], node.inputs["Vector"])
    link_color(mat, node.outputs["Color"])
    assert found(cube).uv_map == "Other"


def test_the_active_output_counts(cube, texture):
    mat = cube.data.materials[0]
    other = add(mat, "ShaderNodeBsdfPrincipled", **{"Base Color": image_node(mat, texture).outputs["Color"]})
    output = add(mat, "ShaderNodeOutputMaterial", Surface=other.outputs["BSDF"])
    assert found(cube).image is None
    next(node for node in mat.node_tree.nodes if node.type == "OUTPUT_MATERIAL").is_active_output = False
    output.is_active_output = True
    assert found(cube).image == texture


def test_a_principled_behind_a_mix_and_another_shader(cube, texture):
    mat = cube.data.materials[0]
    output = next(node for node in mat.node_tree.nodes if node.type == "OUTPUT_MATERIAL")
    mix = add(mat, "ShaderNodeMixShader")
    mat.node_tree.links.new(add(mat, "ShaderNodeEmission").outputs[0], mix.inputs[1])
    mat.node_tree.links.new(principled(mat).outputs[0], mix.inputs[2])
    mat.node_tree.links.new(mix.outputs[0], output.inputs["Surface"])
    link_color(mat, image_node(mat, texture).outputs["Color"])
    assert found(cube).image == texture
    emission = add(mat, "ShaderNodeEmission", Color=(0.25, 0.5, 0, 1))
    mat.node_tree.links.new(emission.outputs[0], output.inputs["Surface"])
    assert found(cube).color == (0.25, 0.5, 0)


def test_write_back_goes_into_a_copy(fox, texture):
    original = fox.material_slots[0].material
    before = links(original)
    material.show_image(fox, texture)
    shown = fox.material_slots[0].material
    assert shown != original
    assert shown.name == "fox_material Stylized"
    node = principled(shown).inputs["Base Color"].links[0].from_node
    assert (node.type, node.image) == ("TEX_IMAGE", texture)
    assert shown.node_tree.nodes.active == node
    assert bpy.data.images["Image_0"] in [n.image for n in shown.node_tree.nodes if n.type == "TEX_IMAGE"]
    assert links(original) == before
    assert original.node_tree.nodes.get("Image Texture").image == bpy.data.images["Image_0"]
    assert found(fox).image == bpy.data.images["Image_0"]


def test_other_inputs_keep_their_links(cube, texture):
    mat = cube.data.materials[0]
    old = image_node(mat, bpy.data.images.new("Old", 4, 4))
    link_color(mat, old.outputs["Color"])
    mat.node_tree.links.new(old.outputs["Alpha"], principled(mat).inputs["Alpha"])
    principled(mat).inputs["Roughness"].default_value = 0.125
    material.show_image(cube, texture)
    shader = principled(cube.material_slots[0].material)
    assert shader.inputs["Alpha"].links[0].from_node.image.name == "Old"
    assert shader.inputs["Roughness"].default_value == 0.125


@pytest.mark.parametrize("slots", ["no slot", "an empty slot", "no nodes", "an empty tree"])
def test_write_back_without_a_material_to_copy(cube, texture, slots):
    mat = cube.data.materials[0]
    if slots == "no slot":
        cube.data.materials.clear()
    elif slots == "an empty slot":
        cube.data.materials[0] = None
    elif slots == "no nodes":
        mat.use_nodes = False
    else:
        mat.node_tree.nodes.clear()
    material.show_image(cube, texture)
    shown = cube.material_slots[0].material
    assert material.stylized_node(shown).image == texture
    material.compare(cube)
    assert cube.material_slots[0].material == (None if slots in ("no slot", "an empty slot") else mat)


def test_other_objects_with_the_same_mesh_or_material_stay(cube, texture):
    twin = cube.copy()
    bpy.context.collection.objects.link(twin)
    mat = cube.data.materials[0]
    material.show_image(cube, texture)
    assert cube.material_slots[0].material.name == "Paint Stylized"
    assert twin.material_slots[0].material == mat
    material.compare(cube)
    assert cube.material_slots[0].material == mat


def test_compare_goes_back_and_forth_and_leaves_later_choices(cube, texture):
    cube.data.materials.append(bpy.data.materials.new("Second"))
    originals = [slot.material for slot in cube.material_slots]
    material.show_image(cube, texture)
    stylized = [slot.material for slot in cube.material_slots]
    assert memory.shows_stylized(cube)
    material.compare(cube)
    assert [slot.material for slot in cube.material_slots] == originals
    assert not memory.shows_stylized(cube)
    material.compare(cube)
    assert [slot.material for slot in cube.material_slots] == stylized
    chosen = bpy.data.materials.new("Chosen since")
    cube.material_slots[1].material = chosen
    material.compare(cube)
    assert [slot.material for slot in cube.material_slots] == [originals[0], chosen]


def test_stylizing_again_starts_from_the_artists_material(cube, texture):
    mat = cube.data.materials[0]
    for _ in range(3):
        material.show_image(cube, texture)
    material.compare(cube)
    assert cube.material_slots[0].material == mat


def test_both_materials_survive_the_file(cube, texture, tmp_path):
    texture.pack()
    material.show_image(cube, texture)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "scene.blend"))
    cube = bpy.data.objects["Cube"]
    assert cube.material_slots[0].material.name == "Paint Stylized"
    material.compare(cube)
    assert cube.material_slots[0].material.name == "Paint"


def test_a_linked_object_is_refused(cube, tmp_path):
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "library.blend"))
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    with bpy.data.libraries.load(str(tmp_path / "library.blend"), link=True) as (_, wanted):
        wanted.objects = ["Cube"]
    with pytest.raises(PatinaError, match=r"Cube is linked from library\.blend") as error:
        material.check_paintable(wanted.objects[0])
    assert "Make Local" in error.value.cure


def test_gltf_export_picks_it_up(fox, texture, tmp_path):
    texture.pixels.foreach_set([1.0, 0.0, 0.0, 1.0] * 16)
    texture.pack()
    material.show_image(fox, texture)
    bpy.ops.export_scene.gltf(filepath=str(tmp_path / "fox.glb"), use_selection=True)
    content = json_of_glb(tmp_path / "fox.glb")
    (mat,) = content["materials"]
    assert mat["name"] == "fox_material Stylized"
    source = content["textures"][mat["pbrMetallicRoughness"]["baseColorTexture"]["index"]]["source"]
    assert content["images"][source]["name"] == "Texture"
    assert len(content["images"]) == 1


def json_of_glb(path: Path) -> dict:
    """The JSON chunk of a binary glTF (glTF 2.0, section 4.4)."""
    data = path.read_bytes()
    magic, version, length, size, kind = struct.unpack_from("<4sIII4s", data)
    assert (magic, version, length, kind) == (b"glTF", 2, len(data), b"JSON")
    return json.loads(data[20 : 20 + size])
