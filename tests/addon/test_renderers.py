"""Materials with an output for each renderer: the result is read and shown in both."""

from __future__ import annotations

import bpy
import numpy as np
import pytest
from bl_ext.user_default.patina.addon.export import copies
from bl_ext.user_default.patina.addon.scene import maps, material, nodes
from bl_ext.user_default.patina.addon.scene.textures import read, write_contents


@pytest.fixture
def own() -> bpy.types.Image:
    image = bpy.data.images.new("Own", 8, 8)
    image.pixels.foreach_set(np.tile(np.float32((0, 0, 1, 1)), 64))
    return image


@pytest.fixture
def bought(cube, own) -> bpy.types.Material:
    """A material as shops sell them: a Principled BSDF for Cycles, a Diffuse BSDF for EEVEE."""
    mat = cube.material_slots[0].material
    tree = mat.node_tree
    picture = tree.nodes.new("ShaderNodeTexImage")
    picture.image = own
    tree.nodes["Material Output"].target = "CYCLES"
    tree.links.new(picture.outputs["Color"], tree.nodes["Principled BSDF"].inputs["Base Color"])
    output, diffuse = tree.nodes.new("ShaderNodeOutputMaterial"), tree.nodes.new("ShaderNodeBsdfDiffuse")
    output.target = "EEVEE"
    tree.links.new(picture.outputs["Color"], diffuse.inputs["Color"])
    tree.links.new(diffuse.outputs[0], output.inputs["Surface"])
    return mat


def images_seen(mat: bpy.types.Material, renderer: str) -> set[str]:
    output = mat.node_tree.get_output_node(renderer)
    return {node.image.name for node in nodes.upstream(output) if material.is_image(node)}


def test_the_image_of_both_outputs_is_read(bought, own):
    assert material.base_color(bought) == material.BaseColor(own)


def test_an_image_that_one_renderer_alone_shows_is_read(cube, bought, own):
    cycles = bought.node_tree.get_output_node("CYCLES").inputs["Surface"]
    bought.node_tree.links.remove(cycles.links[0])
    assert material.base_color(bought) == material.BaseColor(own)


def test_colours_that_nodes_make_are_baked(cube, bought, tmp_path):
    tree = bought.node_tree
    gamma = tree.nodes.new("ShaderNodeInvert")
    picture = next(node for node in tree.nodes if material.is_image(node))
    tree.links.new(picture.outputs["Color"], gamma.inputs["Color"])
    tree.links.new(gamma.outputs[0], tree.nodes["Principled BSDF"].inputs["Base Color"])
    tree.links.new(gamma.outputs[0], tree.nodes["Diffuse BSDF"].inputs["Color"])
    depsgraph = bpy.context.evaluated_depsgraph_get()
    source = read(cube, depsgraph)
    (name,) = write_contents(cube, source, depsgraph, tmp_path, 16)
    baked = bpy.data.images.load(str(tmp_path / name))
    assert [round(value, 1) for value in baked.pixels[:3]] == [1, 1, 0]


def test_both_renderers_show_the_result(cube, bought):
    material.show_image(cube, bpy.data.images.new("Painted", 8, 8))
    shown = cube.material_slots[0].material
    assert images_seen(shown, "CYCLES") == images_seen(shown, "EEVEE") == {"Painted"}
    assert {node.image.name for node in copies.image_nodes(shown)} == {"Painted"}


def test_both_renderers_show_holes_and_relief(cube, bought):
    painted, height, normal = (bpy.data.images.new(name, 8, 8) for name in ("Painted", "Height", "Normal"))
    material.show_image(cube, painted)
    shown = cube.material_slots[0].material
    maps.link_alpha(shown)
    maps.link_relief(shown, height, normal)
    for renderer in ("CYCLES", "EEVEE"):
        assert images_seen(shown, renderer) == {"Painted", "Normal"}
        output = shown.node_tree.get_output_node(renderer)
        fed = [link.from_socket.name for node in nodes.upstream(output) for link in links_into(node)]
        assert "Alpha" in fed, renderer


def links_into(node: bpy.types.Node) -> list[bpy.types.NodeLink]:
    return [link for socket in node.inputs for link in socket.links]


def test_a_material_without_a_colour_gets_one_for_both(cube, bought):
    for output in nodes.outputs(bought.node_tree):
        bought.node_tree.links.remove(output.inputs["Surface"].links[0])
    material.show_image(cube, bpy.data.images.new("Painted", 8, 8))
    shown = cube.material_slots[0].material
    assert images_seen(shown, "CYCLES") == images_seen(shown, "EEVEE") == {"Painted"}
