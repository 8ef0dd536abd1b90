"""An object's base colour: found in its materials, and replaced in copies of them.

The artist's material, its nodes and images are never changed. Each slot gets a copy of its material
with one image node more; the object remembers both (`remembered.PatinaObject`), so that they can be
compared and the next stylization starts from the artist's own again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import bpy

from ...backend.errors import PatinaError
from . import memory, nodes
from .nodes import source

DEFAULT_COLOR = (0.8, 0.8, 0.8)  # what Blender gives a new material, and shows on an object without one
SUFFIX = " Stylized"
LABEL = "Patina"  # of the image node that colours a stylized material


@dataclass(frozen=True)
class BaseColor:
    """What a material's surface is coloured by: an image, a plain linear colour, or nodes to be baked.

    `uv_map` is the map that the image's node names, if it does. `ends`: beyond 0..1 of it the image does not
    repeat. `squares`: its pixels are shown as squares.
    """

    image: bpy.types.Image | None = None
    color: tuple[float, float, float] = DEFAULT_COLOR
    uv_map: str | None = None
    baked: bool = False
    ends: bool = False
    squares: bool = False


def base_color(material: bpy.types.Material | None) -> BaseColor:
    """Read the base colour of one material, that of an empty slot too."""
    if material is None:
        return BaseColor()
    if not has_nodes(material):
        return BaseColor(color=tuple(material.diffuse_color[:3]))
    surface = nodes.surface(material.node_tree)
    found = {_input_color(place) for place in nodes.color_inputs(surface)} if surface else set()
    if not found:
        return BaseColor()
    return found.pop() if len(found) == 1 else BaseColor(baked=True)


def _input_color(place: nodes.Input) -> BaseColor:
    at, output = nodes.origin(place)
    if output is None:
        value = at.socket.default_value
        plain = (value,) * 3 if isinstance(value, float) else tuple(value[:3])
        return BaseColor(color=plain)
    node = output.node
    still = is_image(node) and node.image.source not in ("SEQUENCE", "MOVIE")  # which have their frames baked
    if still and output.name == "Color" and node.projection == "FLAT":
        mapped, uv_map = _mapping(nodes.Input(node.inputs["Vector"], at.scope))
        if mapped and node.extension == "REPEAT":
            return BaseColor(node.image, uv_map=uv_map, squares=node.interpolation == "Closest")
        if mapped:
            return BaseColor(uv_map=uv_map, baked=True, ends=True)
    return BaseColor(baked=True)


def _mapping(vector: nodes.Input) -> tuple[bool, str | None]:
    """Whether `vector` is a UV map as it is, and its name (None: the one active for rendering)."""
    _, output = nodes.origin(vector)
    if output is None:
        return not vector.socket.is_linked, None
    node = output.node
    if node.type == "UVMAP" and not node.from_instancer:
        return True, node.uv_map or None
    if node.type == "TEX_COORD" and not node.from_instancer:
        return output.name == "UV", None
    return False, None


def has_nodes(material: bpy.types.Material) -> bool:
    """Whether nodes make the surface; from Blender 5 on they always do."""
    used = bpy.app.version >= (5, 0) or material.use_nodes
    return bool(used and material.node_tree and material.node_tree.nodes)


def is_image(node: bpy.types.Node | None) -> bool:
    return node is not None and node.type == "TEX_IMAGE" and node.image is not None


def check_paintable(obj: bpy.types.Object) -> None:
    """Raise PatinaError unless the materials of `obj` can be replaced."""
    if obj.library:
        raise PatinaError(
            f"{obj.name} is linked from {obj.library.name} and cannot be changed here.",
            "Make it local (Object > Relations > Make Local), or make a library override.",
            obj.name,
        )
    if not obj.material_slots and obj.data.library:
        raise PatinaError(
            f"The mesh of {obj.name} is linked from {obj.data.library.name} and has no slot for a material.",
            "Make it local: Object > Relations > Make Local, Selected Objects and Data.",
            obj.name,
        )


def show_image(obj: bpy.types.Object, image: bpy.types.Image, uv_map: str | None = None) -> None:
    """Colour all of `obj` by `image`, as `show_images` does."""
    show_images(obj, dict.fromkeys(range(max(1, len(obj.material_slots))), (image, uv_map)))


def show_images(obj: bpy.types.Object, images: Mapping[int, tuple[bpy.types.Image, str | None]]) -> None:
    """Colour slots of `obj` by images: put a copy of its material, with the image linked, into each.

    `images` gives each slot its image, and the UV map to name in the node tree; None if the one active
    for rendering applies.
    """
    mesh = obj.data
    if not obj.material_slots:
        mesh.materials.append(None)
    images = {slot: shown for slot, shown in images.items() if slot < len(obj.material_slots)}
    memory.update(obj)
    originals = {slot: memory.original_material(obj, slot) for slot in images}
    pairs = obj.patina.slots
    for index in reversed([index for index, pair in enumerate(pairs) if pair.slot in images]):
        pairs.remove(index)
    copies: dict[object, bpy.types.Material] = {}
    for slot, shown in images.items():
        original = originals[slot]
        if (original, shown) not in copies:
            copies[original, shown] = stylized_copy(original, obj.name, *shown)
        if mesh.users > 1 or mesh.library:  # others wear this mesh: only this object may change
            obj.material_slots[slot].link = "OBJECT"
        obj.material_slots[slot].material = copies[original, shown]
        pair = pairs.add()
        pair.slot, pair.original, pair.stylized = slot, original, copies[original, shown]


def stylized_copy(
    original: bpy.types.Material | None, name: str, image: bpy.types.Image, uv_map: str | None
) -> bpy.types.Material:
    """Copy `original` (or make a new material named after `name`), with `image` as its base colour.

    Mixed shaders all get it, those inside groups too; their other inputs stay as they are.
    """
    if original is None:
        material = bpy.data.materials.new(name + SUFFIX)
    else:
        material = original.copy()
        material.name = original.name + SUFFIX
    if bpy.app.version < (5, 0):
        material.use_nodes = True
    tree = material.node_tree
    nodes.unshare(tree, SUFFIX)
    places = [place for surface in nodes.surfaces(tree) for place in nodes.color_inputs(surface)]
    places = list(dict.fromkeys(places)) or [nodes.Input(add_principled(material))]
    before = source(places[0].socket) if not places[0].scope else None
    node = tree.nodes.new("ShaderNodeTexImage")
    node.image = image
    node.label = LABEL
    # Above the node it takes the place of, or left of the shader or its group.
    shader = places[0].scope[0] if places[0].scope else places[0].socket.node
    place = before.location if before else shader.location
    node.location = (place.x, place.y + 300) if before else (place.x - 300, place.y)
    for at in places:
        nodes.link(node.outputs["Color"], at)
    if uv_map:
        uv_node = tree.nodes.new("ShaderNodeUVMap")
        uv_node.uv_map = uv_map
        uv_node.location = (node.location.x - 200, node.location.y - 100)
        tree.links.new(uv_node.outputs["UV"], node.inputs["Vector"])
    for other in tree.nodes:
        other.select = other == node
    tree.nodes.active = node
    memory.mark(material, original)
    return material


def stylized_node(material: bpy.types.Material) -> bpy.types.Node | None:
    """Find the image node that colours a stylized material, unless the artist has removed it."""
    tree = material.node_tree
    return next((node for node in tree.nodes if is_image(node) and node.label == LABEL), None)


def lies_in_active_map(obj: bpy.types.Object) -> bool:
    """Whether the paint that `obj` shows lies in its active UV map, the only one that Solid shading knows."""
    layers = obj.data.uv_layers
    rendered = next((layer.name for layer in layers if layer.active_render), None)
    shown = {slot.material for slot in obj.material_slots if memory.is_stylized(slot.material)}
    painted = [node for node in map(stylized_node, shown) if node]
    named = [_mapping(nodes.Input(node.inputs["Vector"]))[1] for node in painted]
    return all((name or rendered) == (layers.active and layers.active.name) for name in named)


def add_principled(material: bpy.types.Material) -> bpy.types.NodeSocket:
    """Give `material` a Principled BSDF as its surface; the input for its base colour."""
    tree = material.node_tree
    outputs = nodes.outputs(tree) or [tree.nodes.new("ShaderNodeOutputMaterial")]
    shader = tree.nodes.new("ShaderNodeBsdfPrincipled")
    shader.location = (outputs[0].location.x - 300, outputs[0].location.y)
    for output in outputs:
        tree.links.new(shader.outputs["BSDF"], output.inputs["Surface"])
    return shader.inputs["Base Color"]


def compare(obj: bpy.types.Object) -> None:
    """Show the artist's own materials on `obj`, or, where those are shown, the stylized ones."""
    stylized = memory.shows_stylized(obj)
    memory.update(obj)
    for pair in obj.patina.slots:
        if pair.stylized:
            slot = obj.material_slots[pair.slot]
            shown, hidden = (pair.stylized, pair.original) if stylized else (pair.original, pair.stylized)
            if slot.material == shown:  # what the artist has put there since stays
                slot.material = hidden
