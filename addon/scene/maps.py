"""What a result has beside its colour → nodes in the stylized materials: alpha, relief, frames.

Everything goes into the copies that `material.show_images` made; all images are packed. Files are read by
`load` before anything is shown, so that one that cannot be read leaves the object as it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy

from ...backend.errors import PatinaError
from ...backend.protocol.files import HEIGHT_FILE, NORMAL_FILE, TEXTURE_FILE, numbered
from ...backend.protocol.job_file import read_job
from . import colorspace, material, nodes, result
from .nodes import source

FRAME = "Patina Frame"  # the node whose value says which texture shows
RELIEF_DEPTH = 0.1  # of the bump, in Blender units


def shown_first(files: Sequence[Path]) -> list[Path]:
    """Name the texture files of a job; of the frames of one, which have its name with numbers, the first."""
    firsts = [file.with_name(numbered(file.name, 0, 2)) for file in files]
    return [first if first.is_file() else file for first, file in zip(firsts, files, strict=True)]


@dataclass(frozen=True)
class Maps:
    """What a job made beside its textures: the further frames, and the height and the normals of a relief."""

    frames: tuple[bpy.types.Image, ...] = ()
    relief: tuple[bpy.types.Image, ...] = ()
    is_transparent: bool = False

    @property
    def images(self) -> list[bpy.types.Image]:
        return [*self.frames, *self.relief]

    def discard(self) -> None:
        """Remove the images again."""
        for image in self.images:
            bpy.data.images.remove(image)


def load(folder: Path, name: str) -> Maps:
    """Load what the job in `folder` made beside its textures, as images named after `name`.

    Raises PatinaError where a file of it cannot be read, and then leaves no image.
    """
    job = read_job(folder)
    count = job.frames if job.task == "interpolate" and not job.plays else 1
    frames = [(folder / numbered(TEXTURE_FILE, i, count), f"{name} {i + 1}") for i in range(1, count)]
    relief = (HEIGHT_FILE, NORMAL_FILE) if job.relief else ()
    if not all((folder / file).is_file() for file in relief):  # there was no room for it
        relief = ()
    made: list[bpy.types.Image] = []
    try:
        for path, frame in frames:
            made.append(result.load_packed(path, frame))
        for file in relief:
            made.append(load_data(folder / file, name))
    except PatinaError:
        for image in made:
            bpy.data.images.remove(image)
        raise
    return Maps(tuple(made[: count - 1]), tuple(made[count - 1 :]), job.transparent)


def add(obj: bpy.types.Object, loaded: Maps) -> None:
    """Give the stylized materials of `obj` what was loaded."""
    for each in {pair.stylized for pair in obj.patina.slots if pair.stylized}:
        if loaded.frames:
            add_frames(each, loaded.frames, scene_of(obj))
        if loaded.is_transparent:
            link_alpha(each)
        if loaded.relief:
            link_relief(each, *loaded.relief)


def load_data(path: Path, name: str) -> bpy.types.Image:
    """Load a packed image whose numbers are taken as they are."""
    return result.load_packed(path, f"{name} {path.stem.capitalize()}", colorspace.DATA)


def patina_node(stylized: bpy.types.Material) -> bpy.types.Node:
    """Find the image node that colours a stylized material. Raises PatinaError if it is gone."""
    node = material.stylized_node(stylized)
    if node is None:
        raise PatinaError(f"{stylized.name} no longer shows its texture.", "Stylize again.", stylized.name)
    return node


def shaders(stylized: bpy.types.Material, having: str) -> list[bpy.types.Node]:
    """List the shaders that the texture colours, in the material itself, with an input of that name."""
    found = [link.to_node for link in patina_node(stylized).outputs["Color"].links]
    return [node for node in dict.fromkeys(found) if having in node.inputs]


def another_image(
    stylized: bpy.types.Material, shown: bpy.types.Image, label: str, below: float
) -> bpy.types.Node:
    """Add a further image node, with the coordinates of the first."""
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
    seen = shaders(stylized, "Alpha")
    for shader in seen:
        tree.links.new(node.outputs["Alpha"], shader.inputs["Alpha"])
    for output in nodes.outputs(tree):
        if output.inputs["Surface"].is_linked and not set(seen).intersection(nodes.upstream(output)):
            _let_through(output.inputs["Surface"], node.outputs["Alpha"])


def _let_through(surface: bpy.types.NodeSocket, alpha: bpy.types.NodeSocket) -> None:
    """Mix what an output shows on surfaces with nothing, where `alpha` is 0."""
    tree = surface.id_data
    before = surface.links[0].from_socket
    mix, clear = tree.nodes.new("ShaderNodeMixShader"), tree.nodes.new("ShaderNodeBsdfTransparent")
    mix.location = (surface.node.location.x - 180, surface.node.location.y + 150)
    clear.location = (mix.location.x - 180, mix.location.y + 100)
    tree.links.new(alpha, mix.inputs[0])
    tree.links.new(clear.outputs[0], mix.inputs[1])
    tree.links.new(before, mix.inputs[2])
    tree.links.new(mix.outputs[0], surface)


def link_relief(stylized: bpy.types.Material, height: bpy.types.Image, normal: bpy.types.Image) -> None:
    """Let the relief catch the light: by its normals, or as a bump on normals that the material has already.

    The height stays in the material either way, for displacement and for export.
    """
    height_node = another_image(stylized, height, "Patina Height", 620)
    inputs = [shader.inputs["Normal"] for shader in shaders(stylized, "Normal")]
    for into in [into for into in inputs if into.is_linked]:
        _bump(into, height_node)
    plain = [into for into in inputs if not into.is_linked]
    if plain:
        normal_node = another_image(stylized, normal, "Patina Normal", 310)
        turn(plain, normal_node)


def _bump(into: bpy.types.NodeSocket, height: bpy.types.Node) -> None:
    """Lay the height on the normals that `into` has already."""
    tree = into.id_data
    bump = tree.nodes.new("ShaderNodeBump")
    bump.location = (height.location.x + 300, height.location.y)
    bump.inputs["Distance"].default_value = RELIEF_DEPTH
    tree.links.new(into.links[0].from_socket, bump.inputs["Normal"])
    tree.links.new(height.outputs["Color"], bump.inputs["Height"])
    tree.links.new(bump.outputs["Normal"], into)


def turn(inputs: Sequence[bpy.types.NodeSocket], normal: bpy.types.Node) -> None:
    """Feed `inputs` with the normals of an image."""
    tree = normal.id_data
    turn = tree.nodes.new("ShaderNodeNormalMap")
    turn.location = (normal.location.x + 300, normal.location.y)
    mapping = source(normal.inputs["Vector"])
    if mapping is not None and mapping.type == "UVMAP":
        turn.uv_map = mapping.uv_map
    tree.links.new(normal.outputs["Color"], turn.inputs["Color"])
    for into in inputs:
        tree.links.new(turn.outputs["Normal"], into)


def add_frames(
    stylized: bpy.types.Material, further: Sequence[bpy.types.Image], scene: bpy.types.Scene
) -> None:
    """Blend from the first texture through `further` ones by the node FRAME, keyed over those of `scene`.

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
    key(dial.outputs[0], "default_value", ((scene.frame_start, 0), (scene.frame_end, len(further))))


def scene_of(obj: bpy.types.Object) -> bpy.types.Scene:
    """The scene whose frames count for `obj`: the present one if it is in there."""
    scenes = obj.users_scene
    return bpy.context.scene if bpy.context.scene in scenes or not scenes else scenes[0]


def key(
    owner: Any,
    name: str,
    points: Sequence[tuple[int, Any]],
    turns: bool = False,
    again: bool = False,
) -> None:
    """Key the property `name` of a part of a node tree by `points`, frames and values, in its own action.

    In between it goes evenly; or it `turns`: it stays as it is up to the next point. again: at the last point
    it begins again, and so before the first.
    """
    data = owner.id_data.animation_data
    if data is not None and data.action is not None:  # a copied tree moves by the artist's own action
        _copy_action(data)
    for frame, number in points:
        setattr(owner, name, number)
        owner.keyframe_insert(name, frame=frame)
    setattr(owner, name, points[0][1])
    for curve in curves_of(owner, name):
        for point in curve.keyframe_points:
            point.interpolation = "CONSTANT" if turns else "LINEAR"
        if again:
            curve.modifiers.new("CYCLES")


def curves_of(owner: Any, name: str) -> list[bpy.types.FCurve]:
    """List the curves that move the property `name` of a part of a node tree."""
    data, path = owner.id_data.animation_data, owner.path_from_id(name)
    if data is None or data.action is None:
        return []
    return [curve for curve in _curves(data) if curve.data_path == path]


def _copy_action(data: bpy.types.AnimData) -> None:
    """Have `data` use a copy of its action, a local one where that is linked."""
    slotted = bpy.app.version >= (4, 4)
    slot = data.action_slot.identifier if slotted and data.action_slot else None
    name = data.action.name
    data.action = data.action.copy()
    data.action.name = name + material.SUFFIX
    if slot is not None:
        data.action_slot = data.action.slots[slot]


def _curves(data: bpy.types.AnimData) -> list[bpy.types.FCurve]:
    """The curves of an action; from Blender 4.4 on, of the slot that `data` uses."""
    if bpy.app.version < (4, 4):
        return list(data.action.fcurves)
    return [
        curve
        for layer in data.action.layers
        for strip in layer.strips
        for bag in strip.channelbags
        if bag.slot_handle == data.action_slot_handle
        for curve in bag.fcurves
    ]
