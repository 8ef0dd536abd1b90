"""Original and stylized side by side: a material that changes from one to the other across the view.

It is a copy of the stylized material in which every socket that the stylized image feeds gets, in the view's
left half, what the original feeds it with. It shows where nodes are drawn (Material Preview, Rendered);
Solid shading knows no nodes. It is made when asked for and removed with the next comparison.
"""

from __future__ import annotations

import bpy

from . import material, memory
from .material import DEFAULT_COLOR, SUFFIX

MIDDLE = 0.5  # of the view's width
SPLIT = " Split"


def show(obj: bpy.types.Object) -> None:
    """Let `obj` show its original materials on the left of the view, its stylized ones on the right."""
    remove(obj)
    made: dict[bpy.types.Material, bpy.types.Material] = {}
    for pair in obj.patina.slots:
        slot = obj.material_slots[pair.slot]
        # What the artist has put there since stays.
        if pair.stylized and slot.material in (pair.original, pair.stylized):
            if pair.stylized not in made:
                made[pair.stylized] = split_copy(pair.original, pair.stylized)
            pair.split = slot.material = made[pair.stylized]


def is_shown(obj: bpy.types.Object) -> bool:
    """Whether any slot of `obj` shows a split."""
    return any(memory.is_split(obj, slot) for slot in range(len(obj.material_slots)))


def remove(obj: bpy.types.Object) -> None:
    """Let `obj` show the stylized materials where it showed a split, and remove that."""
    memory.update(obj)
    splits = set()
    for pair in obj.patina.slots:
        if pair.split:
            splits.add(pair.split)
            if obj.material_slots[pair.slot].material == pair.split:
                obj.material_slots[pair.slot].material = pair.stylized
            pair.split = None
    for split in splits:
        if not split.users:
            bpy.data.materials.remove(split)


def split_copy(original: bpy.types.Material | None, stylized: bpy.types.Material) -> bpy.types.Material:
    """Make the material that changes from `original` to `stylized` in the middle of the view."""
    mixed = stylized.copy()
    mixed.name = stylized.name.removesuffix(SUFFIX) + SPLIT
    nodes, links = mixed.node_tree.nodes, mixed.node_tree.links
    memory.mark(mixed, original, stylized)
    side = _side(mixed)
    fed = [link for link in links if link.from_node.label == material.LABEL]
    for source, target in [(link.from_socket, link.to_socket) for link in fed]:
        mix = nodes.new("ShaderNodeMix")
        mix.data_type = "RGBA"
        mix.location = (target.node.location.x - 180, target.node.location.y)
        factor, a, b = (_enabled(mix.inputs, name) for name in ("Factor", "A", "B"))
        links.new(side, factor)
        links.new(source, b)
        _feed_as_before(original, target, a, mixed)
        links.new(_enabled(mix.outputs, "Result"), target)
    return mixed


def _side(mixed: bpy.types.Material) -> bpy.types.NodeSocket:
    """0 in the left half of the view, 1 in the right."""
    nodes, links = mixed.node_tree.nodes, mixed.node_tree.links
    place, apart, right = (
        nodes.new(kind) for kind in ("ShaderNodeTexCoord", "ShaderNodeSeparateXYZ", "ShaderNodeMath")
    )
    right.operation = "GREATER_THAN"
    right.inputs[1].default_value = MIDDLE
    links.new(place.outputs["Window"], apart.inputs[0])
    links.new(apart.outputs["X"], right.inputs[0])
    return right.outputs[0]


def _enabled(sockets: bpy.types.bpy_prop_collection, name: str) -> bpy.types.NodeSocket:
    """A Mix node has a socket of every name for each data type, of which one is in use."""
    return next(socket for socket in sockets if socket.name == name and socket.enabled)


def _feed_as_before(
    original: bpy.types.Material | None,
    target: bpy.types.NodeSocket,
    into: bpy.types.NodeSocket,
    mixed: bpy.types.Material,
) -> None:
    """Feed `into` with what `original` feeds the socket with that `target` is a copy of.

    Copies of materials have nodes of the same names. Where `original` has no counterpart, its colour being
    made inside a group, its base colour is taken: an image, or a plain colour (grey if it is neither).
    """
    into.default_value = (*DEFAULT_COLOR, 1)
    if original is None:
        return
    if not material.has_nodes(original):
        into.default_value = (*original.diffuse_color[:3], 1)
        return
    node = original.node_tree.nodes.get(target.node.name)
    before = _same(node.inputs, target) if node else None
    if before is None:
        found = material.base_color(original)
        into.default_value = (*found.color, 1)
        if found.image:
            _feed_image(found, into, mixed)
        return
    if not before.is_linked:
        value = before.default_value
        into.default_value = (*value[:3], 1) if hasattr(value, "__len__") else (value, value, value, 1)
        return
    source = before.links[0].from_socket
    feeding = mixed.node_tree.nodes.get(source.node.name)
    counterpart = _same(feeding.outputs, source) if feeding else None
    if counterpart is not None:
        mixed.node_tree.links.new(counterpart, into)


def _feed_image(found: material.BaseColor, into: bpy.types.NodeSocket, mixed: bpy.types.Material) -> None:
    nodes, links = mixed.node_tree.nodes, mixed.node_tree.links
    picture = nodes.new("ShaderNodeTexImage")
    picture.image = found.image
    links.new(picture.outputs["Color"], into)
    if found.uv_map:
        place = nodes.new("ShaderNodeUVMap")
        place.uv_map = found.uv_map
        links.new(place.outputs["UV"], picture.inputs["Vector"])


def _same(
    sockets: bpy.types.bpy_prop_collection, wanted: bpy.types.NodeSocket
) -> bpy.types.NodeSocket | None:
    """The socket among `sockets` that `wanted`, of a node's copy, corresponds to."""
    return next((socket for socket in sockets if socket.identifier == wanted.identifier), None)
