"""An object's base colour: found in its material, and replaced in a copy of it.

The artist's material, its nodes and images are never changed. Each slot gets a copy of its material
with one image node more; the object remembers both (`properties.PatinaObject`), so that they can be
compared and the next stylization starts from the artist's own again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import bpy
import numpy as np

from ...backend.protocol import PatinaError
from .mesh import get

DEFAULT_COLOR = (0.8, 0.8, 0.8)  # what Blender gives a new material, and shows on an object without one
SUFFIX = " Stylized"


@dataclass(frozen=True)
class BaseColor:
    """What a material's surface is coloured by: an image, or a plain linear colour.

    `uv_map` is the map that the image's node names, if it does; `note` says what is not taken along.
    """

    image: bpy.types.Image | None = None
    color: tuple[float, float, float] = DEFAULT_COLOR
    uv_map: str | None = None
    note: str = ""


def base_color(obj: bpy.types.Object) -> BaseColor:
    """The base colour of `obj`: of the material that most of its faces have, before any stylization."""
    materials = [original_material(obj, slot) for slot in range(len(obj.material_slots))]
    if not any(materials):
        return BaseColor()
    slots = get(obj.data.polygons, "material_index", np.int32, (len(obj.data.polygons),))
    faces = np.bincount(np.clip(slots, 0, len(materials) - 1), minlength=len(materials))
    main = int(faces.argmax())
    found = material_base_color(materials[main]) if materials[main] else BaseColor()
    others = {materials[slot] for slot in np.flatnonzero(faces)} - {materials[main]}
    if any(material is None or material_base_color(material).image != found.image for material in others):
        name = materials[main].name if materials[main] else "none"
        return BaseColor(
            found.image,
            found.color,
            found.uv_map,
            f"{obj.name} has several materials: those of {name}, which most faces have, are read.",
        )
    return found


def material_base_color(material: bpy.types.Material) -> BaseColor:
    """The base colour of one material. Raises PatinaError where its surface cannot take an image."""
    if not has_nodes(material):
        return BaseColor(color=tuple(material.diffuse_color[:3]))
    socket = color_socket(material)
    if socket is None:
        return BaseColor()
    if not socket.is_linked:
        return BaseColor(color=tuple(socket.default_value[:3]))
    direct = source(socket)
    node = direct if is_image(direct) else next(filter(is_image, upstream(direct)), None)
    if node is None:
        return BaseColor(note=f"The base colour of {material.name} is not an image: it is not read.")
    mapping = source(node.inputs["Vector"])
    uv_map = mapping.uv_map or None if mapping and mapping.type == "UVMAP" else None
    note = ""
    if node != direct or (mapping and mapping.type not in ("UVMAP", "TEX_COORD")):
        note = f"{material.name} changes the image {node.image.name} by other nodes: the plain image is read."
    return BaseColor(node.image, uv_map=uv_map, note=note)


def has_nodes(material: bpy.types.Material) -> bool:
    """Whether nodes make the surface; from Blender 5 on they always do."""
    used = bpy.app.version >= (5, 0) or material.use_nodes
    return bool(used and material.node_tree and material.node_tree.nodes)


def is_image(node: bpy.types.Node | None) -> bool:
    return node is not None and node.type == "TEX_IMAGE" and node.image is not None


def color_socket(material: bpy.types.Material) -> bpy.types.NodeSocket | None:
    """The input that takes the colour: Base Color of the first Principled BSDF that the active output shows,
    or Color of the first other shader; None if nothing is shown. Raises PatinaError for a node group."""
    output = material.node_tree.get_output_node("ALL")
    shader = source(output.inputs["Surface"]) if output else None
    if shader is None:
        return None
    nodes = list(upstream(shader))
    for node in nodes:
        if node.type == "BSDF_PRINCIPLED":
            return node.inputs["Base Color"]
    for node in nodes:
        if any(out.type == "SHADER" for out in node.outputs) and "Color" in node.inputs:
            return node.inputs["Color"]
    raise PatinaError(
        f"The material {material.name} has no shader with a colour ({shader.name} makes its surface).",
        "Use a Principled BSDF; a node group can be ungrouped with Ctrl Alt G.",
        material.name,
    )


def source(socket: bpy.types.NodeSocket) -> bpy.types.Node | None:
    """The node that feeds `socket`, seen through reroutes and muted nodes."""
    while socket.is_linked:
        link = socket.links[0]
        node = link.from_node
        if node.type == "REROUTE":
            socket = node.inputs[0]
        elif node.mute:
            inner = next(
                (inner for inner in node.internal_links if inner.to_socket == link.from_socket), None
            )
            if inner is None:
                return None
            socket = inner.from_socket
        else:
            return node
    return None


def upstream(node: bpy.types.Node) -> Iterator[bpy.types.Node]:
    """`node` and all that feeds it, nearest first."""
    seen, nodes = {node}, [node]
    while nodes:
        node = nodes.pop(0)
        yield node
        for socket in node.inputs:
            feeding = source(socket)
            if feeding is not None and feeding not in seen:
                seen.add(feeding)
                nodes.append(feeding)


def original_material(obj: bpy.types.Object, slot: int) -> bpy.types.Material | None:
    """The artist's own material in a slot, also while its stylized copy is shown."""
    shown = obj.material_slots[slot].material
    pair = next((pair for pair in obj.patina.slots if pair.slot == slot), None)
    return pair.original if pair and shown is not None and pair.stylized == shown else shown


def check_paintable(obj: bpy.types.Object) -> None:
    """Raise PatinaError unless the materials of `obj` can be replaced."""
    if obj.library:
        raise PatinaError(
            f"{obj.name} is linked from {obj.library.name} and cannot be changed here.",
            "Make it local: Object > Relations > Make Local, or make a library override.",
            obj.name,
        )
    for slot in range(len(obj.material_slots)):
        material = original_material(obj, slot)
        if material and has_nodes(material):
            color_socket(material)


def show_image(obj: bpy.types.Object, image: bpy.types.Image, uv_map: str | None = None) -> None:
    """Colour all of `obj` by `image`: put a copy of its material, with the image linked, into each slot.

    `uv_map` is named in the node tree if given; otherwise the map active for rendering applies.
    """
    mesh = obj.data
    if not obj.material_slots:
        mesh.materials.append(None)
    originals = [original_material(obj, slot) for slot in range(len(obj.material_slots))]
    copies = {original: stylized_copy(original, obj.name, image, uv_map) for original in originals}
    obj.patina.slots.clear()
    for slot, original in enumerate(originals):
        if mesh.users > 1 or mesh.library:  # others wear this mesh: only this object may change
            obj.material_slots[slot].link = "OBJECT"
        obj.material_slots[slot].material = copies[original]
        pair = obj.patina.slots.add()
        pair.slot, pair.original, pair.stylized = slot, original, copies[original]


def stylized_copy(
    original: bpy.types.Material | None, name: str, image: bpy.types.Image, uv_map: str | None
) -> bpy.types.Material:
    """A copy of `original` (or a new material named after `name`) whose base colour is `image`."""
    if original is None:
        material = bpy.data.materials.new(name + SUFFIX)
    else:
        material = original.copy()
        material.name = original.name + SUFFIX
    if bpy.app.version < (5, 0):
        material.use_nodes = True
    socket = color_socket(material) or add_principled(material)
    nodes, links = material.node_tree.nodes, material.node_tree.links
    before = source(socket)
    node = nodes.new("ShaderNodeTexImage")
    node.image = image
    node.label = "Patina"
    # Above the node it takes the place of, or left of the shader.
    place = before.location if before else socket.node.location
    node.location = (place.x, place.y + 300) if before else (place.x - 300, place.y)
    links.new(node.outputs["Color"], socket)
    if uv_map:
        uv_node = nodes.new("ShaderNodeUVMap")
        uv_node.uv_map = uv_map
        uv_node.location = (node.location.x - 200, node.location.y - 100)
        links.new(uv_node.outputs["UV"], node.inputs["Vector"])
    for other in nodes:
        other.select = other == node
    nodes.active = node
    return material


def add_principled(material: bpy.types.Material) -> bpy.types.NodeSocket:
    """Give `material` a Principled BSDF as its surface; the input for its base colour."""
    nodes = material.node_tree.nodes
    output = material.node_tree.get_output_node("ALL") or nodes.new("ShaderNodeOutputMaterial")
    shader = nodes.new("ShaderNodeBsdfPrincipled")
    shader.location = (output.location.x - 300, output.location.y)
    material.node_tree.links.new(shader.outputs["BSDF"], output.inputs["Surface"])
    return shader.inputs["Base Color"]


def shows_stylized(obj: bpy.types.Object) -> bool:
    """Whether any slot of `obj` shows its stylized material."""
    slots = obj.material_slots
    return any(
        pair.stylized and pair.slot < len(slots) and slots[pair.slot].material == pair.stylized
        for pair in obj.patina.slots
    )


def compare(obj: bpy.types.Object) -> None:
    """Show the artist's own materials on `obj`, or, where those are shown, the stylized ones."""
    stylized = shows_stylized(obj)
    for pair in obj.patina.slots:
        if pair.stylized and pair.slot < len(obj.material_slots):
            slot = obj.material_slots[pair.slot]
            shown, hidden = (pair.stylized, pair.original) if stylized else (pair.original, pair.stylized)
            if slot.material == shown:  # what the artist has put there since stays
                slot.material = hidden
