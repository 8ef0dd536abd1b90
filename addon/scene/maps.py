"""What a result has beside its colour → nodes in the stylized materials: alpha, relief, frames.

Everything goes into the copies that `material.show_image` made; all images are packed.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import bpy

from ...backend.protocol import HEIGHT_FILE, NORMAL_FILE, TEXTURE_FILE, PatinaError, numbered, read_job
from . import material, result
from .nodes import source

FRAME = "Patina Frame"  # the node whose value says which texture shows
RELIEF_DEPTH = 0.1  # of the bump, in Blender units


def shown_first(files: Sequence[Path]) -> list[Path]:
    """The texture files of a job; of the frames of one, which have its name with numbers, the first."""
    frame = files[0].with_name(numbered(TEXTURE_FILE, 0, 2))
    return [frame] if len(files) == 1 and frame.is_file() else list(files)


def add_maps(obj: bpy.types.Object, folder: Path) -> None:
    """Give the stylized materials of `obj` what the job in `folder` made beside its first texture.

    Raises PatinaError where a file of it cannot be read.
    """
    job = read_job(folder)
    materials = {pair.stylized for pair in obj.patina.slots if pair.stylized}
    name = obj.name + material.SUFFIX
    if job.task == "interpolate":
        paths = [folder / numbered(TEXTURE_FILE, i, job.frames) for i in range(1, job.frames)]
        images = [result.load_packed(path, f"{name} {i}") for i, path in enumerate(paths, 2)]
        for each in materials:
            add_frames(each, images)
    if job.transparent:
        for each in materials:
            link_alpha(each)
    if job.relief:
        height, normal = (load_data(folder / file, name) for file in (HEIGHT_FILE, NORMAL_FILE))
        for each in materials:
            link_relief(each, height, normal)


def load_data(path: Path, name: str) -> bpy.types.Image:
    """A packed image whose numbers are taken as they are."""
    return result.load_packed(path, f"{name} {path.stem.capitalize()}", "Non-Color")


def patina_node(stylized: bpy.types.Material) -> bpy.types.Node:
    """The image node that colours a stylized material. Raises PatinaError if it is gone."""
    node = material.stylized_node(stylized)
    if node is None:
        raise PatinaError(f"{stylized.name} no longer shows its texture.", "Stylize again.", stylized.name)
    return node


def principled(stylized: bpy.types.Material) -> bpy.types.Node | None:
    """The shader that the texture colours, where it is in the material itself and has such inputs."""
    links = patina_node(stylized).outputs["Color"].links
    return next((link.to_node for link in links if "Alpha" in link.to_node.inputs), None)


def another_image(
    stylized: bpy.types.Material, shown: bpy.types.Image, label: str, below: float
) -> bpy.types.Node:
    """A further image node, with the coordinates of the first."""
    first, tree = patina_node(stylized), stylized.node_tree
    node = tree.nodes.new("ShaderNodeTexImage")
    node.image, node.label, node.select = shown, label, False
    node.location = (first.location.x, first.location.y - below)
    if first.inputs["Vector"].is_linked:
        tree.links.new(first.inputs["Vector"].links[0].from_socket, node.inputs["Vector"])
    return node


def link_alpha(stylized: bpy.types.Material) -> None:
    """Let the texture's alpha decide where the surface is to be seen."""
    tree, node = stylized.node_tree, patina_node(stylized)
    shader = principled(stylized)
    if shader is not None:
        tree.links.new(node.outputs["Alpha"], shader.inputs["Alpha"])
        return
    surface = tree.get_output_node("ALL").inputs["Surface"]
    before = surface.links[0].from_socket
    mix, clear = tree.nodes.new("ShaderNodeMixShader"), tree.nodes.new("ShaderNodeBsdfTransparent")
    mix.location = (surface.node.location.x - 180, surface.node.location.y + 150)
    clear.location = (mix.location.x - 180, mix.location.y + 100)
    tree.links.new(node.outputs["Alpha"], mix.inputs[0])
    tree.links.new(clear.outputs[0], mix.inputs[1])
    tree.links.new(before, mix.inputs[2])
    tree.links.new(mix.outputs[0], surface)


def link_relief(stylized: bpy.types.Material, height: bpy.types.Image, normal: bpy.types.Image) -> None:
    """Let the relief catch the light: by its normals, or as a bump on normals that the material has already.

    The height stays in the material either way, for displacement and for export.
    """
    tree, shader = stylized.node_tree, principled(stylized)
    height_node = another_image(stylized, height, "Patina Height", 620)
    into = shader.inputs.get("Normal") if shader is not None else None
    if into is None:
        return
    if into.is_linked:
        bump = tree.nodes.new("ShaderNodeBump")
        bump.location = (height_node.location.x + 300, height_node.location.y)
        bump.inputs["Distance"].default_value = RELIEF_DEPTH
        tree.links.new(into.links[0].from_socket, bump.inputs["Normal"])
        tree.links.new(height_node.outputs["Color"], bump.inputs["Height"])
        tree.links.new(bump.outputs["Normal"], into)
        return
    normal_node = another_image(stylized, normal, "Patina Normal", 310)
    turn = tree.nodes.new("ShaderNodeNormalMap")
    turn.location = (normal_node.location.x + 300, normal_node.location.y)
    mapping = source(normal_node.inputs["Vector"])
    if mapping is not None and mapping.type == "UVMAP":
        turn.uv_map = mapping.uv_map
    tree.links.new(normal_node.outputs["Color"], turn.inputs["Color"])
    tree.links.new(turn.outputs["Normal"], into)


def add_frames(stylized: bpy.types.Material, further: Sequence[bpy.types.Image]) -> None:
    """Blend from the first texture through `further` ones by the node FRAME, keyed over the scene's frames.

    At 0 it shows the first, at 1 the second, in between a blend of both, and so on.
    """
    tree, node = stylized.node_tree, patina_node(stylized)
    into = [link.to_socket for link in node.outputs["Color"].links]
    dial = tree.nodes.new("ShaderNodeValue")
    dial.name = dial.label = FRAME
    dial.location = (node.location.x, node.location.y + 160)
    shown = node.outputs["Color"]
    for number, each in enumerate(further, 1):
        other = another_image(stylized, each, f"Patina {number + 1}", 310 * number)
        share = tree.nodes.new("ShaderNodeMath")
        share.operation, share.use_clamp = "SUBTRACT", True
        share.location = (other.location.x + 260, other.location.y + 120)
        share.inputs[1].default_value = number - 1
        mix = tree.nodes.new("ShaderNodeMix")
        mix.data_type = "RGBA"
        mix.location = (other.location.x + 440, other.location.y + 160)
        tree.links.new(dial.outputs[0], share.inputs[0])
        tree.links.new(share.outputs[0], mix.inputs[0])
        tree.links.new(shown, mix.inputs[6])
        tree.links.new(other.outputs["Color"], mix.inputs[7])
        shown = mix.outputs[2]
    for socket in into:
        tree.links.new(shown, socket)
    _key(dial.outputs[0], len(further))


def _key(value: bpy.types.NodeSocket, last: int) -> None:
    """Key `value` from 0 to `last` over the scene's frames, in even steps."""
    scene = bpy.context.scene
    for frame, number in ((scene.frame_start, 0), (scene.frame_end, last)):
        value.default_value = number
        value.keyframe_insert("default_value", frame=frame)
    value.default_value = 0
    action = value.id_data.animation_data.action
    curves = action.fcurves if hasattr(action, "fcurves") else _slotted_curves(action)
    for curve in curves:
        for point in curve.keyframe_points:
            point.interpolation = "LINEAR"


def _slotted_curves(action: bpy.types.Action) -> list[bpy.types.FCurve]:
    """Blender 5 keeps an action's curves by layer, strip and slot."""
    return [
        curve
        for layer in action.layers
        for strip in layer.strips
        for bag in strip.channelbags
        for curve in bag.fcurves
    ]
