"""Procedural materials of the still life: colours made by nodes alone, without any image."""

from __future__ import annotations

from collections.abc import Sequence

import bpy

Color = tuple[float, float, float]


def noise(
    name: str, colors: Sequence[tuple[float, Color]], scale: float, **shader: float
) -> bpy.types.Material:
    """Clouds of `colors`, given with their places 0..1 on a ramp."""
    return _of_texture(name, "ShaderNodeTexNoise", {"Scale": scale, "Detail": 4.0}, "Fac", colors, shader)


def cells(
    name: str, colors: Sequence[tuple[float, Color]], scale: float, **shader: float
) -> bpy.types.Material:
    """Round spots: the distance to the nearest of many points."""
    return _of_texture(name, "ShaderNodeTexVoronoi", {"Scale": scale}, "Distance", colors, shader)


def waves(
    name: str,
    colors: Sequence[tuple[float, Color]],
    scale: float,
    distortion: float,
    turn: Sequence[float] = (0, 0, 0),
    **shader: float,
) -> bpy.types.Material:
    """Bands across the object's X axis, turned by `turn` (radians)."""
    inputs = {"Scale": scale, "Distortion": distortion, "Detail": 3.0}
    return _of_texture(name, "ShaderNodeTexWave", inputs, "Fac", colors, shader, turn)


def plain(name: str, color: Color, **shader: float) -> bpy.types.Material:
    """One colour."""
    material, principled = _material(name, shader)
    principled.inputs["Base Color"].default_value = (*color, 1)
    return material


def by_height(
    name: str, colors: Sequence[tuple[float, Color]], low: float, high: float, **shader: float
) -> bpy.types.Material:
    """A ramp from the object's z = `low` to `high`, its bounds blurred by noise."""
    material, principled = _material(name, shader)
    tree = material.node_tree
    place, split = tree.nodes.new("ShaderNodeTexCoord"), tree.nodes.new("ShaderNodeSeparateXYZ")
    tree.links.new(place.outputs["Object"], split.inputs[0])
    clouds = tree.nodes.new("ShaderNodeTexNoise")
    clouds.inputs["Scale"].default_value = 3.0
    tree.links.new(place.outputs["Object"], clouds.inputs["Vector"])
    spread = tree.nodes.new("ShaderNodeMath")
    spread.operation = "MULTIPLY_ADD"
    tree.links.new(clouds.outputs["Fac"], spread.inputs[0])
    spread.inputs[1].default_value = 0.4 * (high - low)
    tree.links.new(split.outputs["Z"], spread.inputs[2])
    across = tree.nodes.new("ShaderNodeMapRange")
    across.inputs["From Min"].default_value = low + 0.2 * (high - low)
    across.inputs["From Max"].default_value = high + 0.2 * (high - low)
    tree.links.new(spread.outputs[0], across.inputs["Value"])
    _ramp(tree, across.outputs["Result"], colors, principled)
    return material


def _of_texture(
    name: str,
    kind: str,
    inputs: dict[str, float],
    output: str,
    colors: Sequence[tuple[float, Color]],
    shader: dict[str, float],
    turn: Sequence[float] = (0, 0, 0),
) -> bpy.types.Material:
    material, principled = _material(name, shader)
    tree = material.node_tree
    texture, place = tree.nodes.new(kind), tree.nodes.new("ShaderNodeTexCoord")
    mapping = tree.nodes.new("ShaderNodeMapping")
    mapping.inputs["Rotation"].default_value = turn
    tree.links.new(place.outputs["Object"], mapping.inputs["Vector"])
    tree.links.new(mapping.outputs["Vector"], texture.inputs["Vector"])
    for socket, value in inputs.items():
        texture.inputs[socket].default_value = value
    _ramp(tree, texture.outputs[output], colors, principled)
    return material


def _ramp(
    tree: bpy.types.NodeTree,
    value: bpy.types.NodeSocket,
    colors: Sequence[tuple[float, Color]],
    principled: bpy.types.Node,
) -> None:
    ramp = tree.nodes.new("ShaderNodeValToRGB")
    stops = ramp.color_ramp.elements
    while len(stops) < len(colors):
        stops.new(1.0)
    for stop, (place, color) in zip(stops, colors, strict=True):
        stop.position, stop.color = place, (*color, 1)
    tree.links.new(value, ramp.inputs["Fac"])
    tree.links.new(ramp.outputs["Color"], principled.inputs["Base Color"])


def _material(name: str, shader: dict[str, float]) -> tuple[bpy.types.Material, bpy.types.Node]:
    """A new material with a Principled BSDF, whose inputs `shader` names with _ for spaces."""
    material = bpy.data.materials.new(name)
    if bpy.app.version < (5, 0):
        material.use_nodes = True
    principled = next(node for node in material.node_tree.nodes if node.type == "BSDF_PRINCIPLED")
    for key, value in ({"roughness": 0.6} | shader).items():
        principled.inputs[key.replace("_", " ").title()].default_value = value
    return material, principled
