"""Ways through a material's nodes: past reroutes and muted nodes, in and out of groups.

A shader that is made in a group has its inputs there; so an input is named together with the group
nodes that it is inside of.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import bpy

# How much a shader says about the colour of a surface. Where two are mixed, those that say less do not count:
# a clear coat does not whiten the paint below, a cut-out has no colour, a glowing rim is light.
BODY, COAT, NONE = 2, 1, 0
COATS = {
    "BSDF_GLOSSY",
    "BSDF_ANISOTROPIC",
    "BSDF_METALLIC",
    "BSDF_GLASS",
    "BSDF_REFRACTION",
    "BSDF_SHEEN",
    "EMISSION",
}
COLORLESS = {"BSDF_TRANSPARENT", "HOLDOUT", "VOLUME_ABSORPTION", "VOLUME_SCATTER", "PRINCIPLED_VOLUME"}


@dataclass(frozen=True)
class Input:
    """An input socket of a node; `scope` holds the group nodes around it, the outermost first."""

    socket: bpy.types.NodeSocket
    scope: tuple[bpy.types.Node, ...] = ()


def origin(at: Input) -> tuple[Input, bpy.types.NodeSocket | None]:
    """Find the input where the way to `at` begins, and the output that feeds it.

    None if its own value counts.
    """
    while at.socket.is_linked:
        output = at.socket.links[0].from_socket
        before = _before(output, at.scope)
        if before is None:
            return at, output
        if before.socket is None:
            return at, None
        at = before
    return at, None


def _before(output: bpy.types.NodeSocket, scope: tuple[bpy.types.Node, ...]) -> Input | None:
    """The input that `output` passes on unchanged (one without a socket if there is none); None if it does
    something."""
    node = output.node
    if node.type == "REROUTE":
        return Input(node.inputs[0], scope)
    if node.mute:
        passed = [link.from_socket for link in node.internal_links if link.to_socket == output]
        return Input(passed[0] if passed else None, scope)
    if node.type == "GROUP":
        tree = node.node_tree
        end = tree and next((n for n in tree.nodes if n.type == "GROUP_OUTPUT" and n.is_active_output), None)
        return Input(_named(end.inputs, output.identifier) if end else None, (*scope, node))
    if node.type == "GROUP_INPUT" and scope:
        return Input(_named(scope[-1].inputs, output.identifier), scope[:-1])
    return None


def _named(sockets: bpy.types.bpy_prop_collection, identifier: str) -> bpy.types.NodeSocket | None:
    return next((socket for socket in sockets if socket.identifier == identifier), None)


def source(socket: bpy.types.NodeSocket) -> bpy.types.Node | None:
    """Find the node of the same tree that feeds `socket`, a group node too, past reroutes and muted nodes."""
    while socket is not None and socket.is_linked:
        output = socket.links[0].from_socket
        if output.node.type not in ("REROUTE",) and not output.node.mute:
            return output.node
        socket = _before(output, ()).socket
    return None


def upstream(node: bpy.types.Node) -> Iterator[bpy.types.Node]:
    """List `node` and all of its tree that feeds it, nearest first."""
    seen, nodes = {node}, [node]
    while nodes:
        node = nodes.pop(0)
        yield node
        for socket in node.inputs:
            feeding = source(socket)
            if feeding is not None and feeding not in seen:
                seen.add(feeding)
                nodes.append(feeding)


def images(at: Input) -> Iterator[bpy.types.Image]:
    """List the images that feed `at`, in groups, too."""
    seen, places = set(), [at]
    while places:
        at, output = origin(places.pop())
        if output is None or (output.node, at.scope) in seen:
            continue
        node = output.node
        seen.add((node, at.scope))
        if node.type == "TEX_IMAGE" and node.image is not None:
            yield node.image
        places += [Input(socket, at.scope) for socket in node.inputs]


def outputs(tree: bpy.types.NodeTree) -> list[bpy.types.Node]:
    """List the active outputs of a material, Cycles' own first: one for all renderers, or one for each."""
    found = [tree.get_output_node(renderer) for renderer in ("CYCLES", "EEVEE", "ALL")]
    return [output for output in dict.fromkeys(found) if output is not None]


def surfaces(tree: bpy.types.NodeTree) -> list[Input]:
    """List the inputs that the outputs of a material show on surfaces."""
    return [Input(output.inputs["Surface"]) for output in outputs(tree)]


def surface(tree: bpy.types.NodeTree) -> Input | None:
    """Choose the first of those with a colour, or the first; None where there is no output."""
    found = surfaces(tree)
    return next((place for place in found if color_inputs(place)), next(iter(found), None))


def color_inputs(at: Input) -> list[Input]:
    """List the inputs that give the shader at `at` its colours: several where shaders are mixed."""
    return list(dict.fromkeys(_ranked(at)[1]))


def _ranked(at: Input) -> tuple[int, list[Input]]:
    at, output = origin(at)
    if output is None:
        return NONE, []
    node = output.node
    if node.type in ("MIX_SHADER", "ADD_SHADER"):
        sides = [_ranked(side) for side in mixed(node, at.scope)]
        best = max((rank for rank, _ in sides), default=NONE)
        return best, [place for rank, places in sides if rank == best for place in places]
    socket = color_of(node)
    if socket is None:
        return NONE, []
    return COAT if node.type in COATS else BODY, [Input(socket, at.scope)]


def mixed(node: bpy.types.Node, scope: tuple[bpy.types.Node, ...]) -> list[Input]:
    """List the sides of a Mix or Add Shader; not one that its factor leaves out."""
    sides = [Input(socket, scope) for socket in node.inputs if socket.type == "SHADER"]
    factor = node.inputs[0]
    if node.type == "MIX_SHADER" and not factor.is_linked and factor.default_value in (0, 1):
        return [sides[int(factor.default_value)]]
    return sides


def color_of(shader: bpy.types.Node) -> bpy.types.NodeSocket | None:
    """Find the input for the colour of a shader node; None where it has none."""
    if shader.type in COLORLESS or not any(out.type == "SHADER" for out in shader.outputs):
        return None
    return shader.inputs.get("Base Color") or shader.inputs.get("Color")


def unshare(tree: bpy.types.NodeTree, suffix: str) -> list[bpy.types.NodeTree]:
    """Give each group of shaders in `tree` nodes of its own, named with `suffix`; the copies."""
    copies = []
    for node in tree.nodes:
        if node.type == "GROUP" and node.node_tree and any(out.type == "SHADER" for out in node.outputs):
            name = node.node_tree.name
            node.node_tree = node.node_tree.copy()
            node.node_tree.name = name + suffix
            copies += [node.node_tree, *unshare(node.node_tree, suffix)]
    return copies


def link(output: bpy.types.NodeSocket, at: Input) -> None:
    """Link `at` to `output` of the outermost tree, through new inputs of the groups in between."""
    for group in at.scope:
        tree = group.node_tree
        item = tree.interface.new_socket(output.node.label or output.name, socket_type="NodeSocketColor")
        group.id_data.links.new(output, _named(group.inputs, item.identifier))
        begin = tree.nodes.new("NodeGroupInput")
        begin.location = (at.socket.node.location.x - 300, at.socket.node.location.y + 100)
        output = _named(begin.outputs, item.identifier)
    at.socket.id_data.links.new(output, at.socket)


def light_fully(tree: bpy.types.NodeTree) -> None:
    """Replace each Shader to RGB of `tree` by the colour of its shader, as it is in full light.

    Cycles, which bakes, does not know that node.
    """
    for node in [node for node in tree.nodes if node.type == "SHADERTORGB"]:
        places = [place for place in color_inputs(Input(node.inputs[0])) if not place.scope]
        if not places:
            continue
        color = places[0].socket
        if not color.is_linked:
            plain = tree.nodes.new("ShaderNodeRGB")
            plain.outputs[0].default_value = color.default_value
        output = color.links[0].from_socket if color.is_linked else plain.outputs[0]
        for target in [link.to_socket for link in node.outputs["Color"].links]:
            tree.links.new(output, target)


def to_emission(at: Input, of: str | None = None) -> None:
    """Make what reaches `at` shine in its colours: each shader becomes an emission, mixed as before.

    of: the input that it shines by instead; a shader without that stays dark. For a tree whose groups are its
    own (`unshare`).
    """
    at, output = origin(at)
    if output is None:
        return
    node, links = output.node, at.socket.id_data.links
    if node.type in ("MIX_SHADER", "ADD_SHADER"):
        sides = mixed(node, at.scope)
        ranks = [_ranked(side)[0] for side in sides]
        best = [side for side, rank in zip(sides, ranks, strict=True) if rank == max(ranks)]
        for side in best:
            to_emission(side, of)
        if len(best) == 1 and best[0].socket.is_linked:
            links.new(best[0].socket.links[0].from_socket, at.socket)
        return
    emission = at.socket.id_data.nodes.new("ShaderNodeEmission")
    color = color_of(node) if of is None else node.inputs.get(of)
    if color is None:
        emission.inputs["Color"].default_value = (0, 0, 0, 1)
    elif color.is_linked:
        links.new(color.links[0].from_socket, emission.inputs["Color"])
    elif color.type == "VALUE":
        emission.inputs["Color"].default_value = (*(color.default_value,) * 3, 1)
    else:
        emission.inputs["Color"].default_value = color.default_value
    links.new(emission.outputs[0], at.socket)
