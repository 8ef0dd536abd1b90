"""The whole of an object's materials: read beside the base colour as maps, and shown in the copies.

Roughness and metalness are what reaches the shaders' inputs; normals, bumps and displacement without geometry
are baked by Cycles as it shades with them, and so is emission. What is one number is a small picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import bpy
import numpy as np

from ...backend.protocol.files import (
    HEIGHT_FILE,
    METALNESS_FILE,
    NORMAL_FILE,
    OWN_FILE,
    ROUGHNESS_FILE,
    numbered,
)
from ...backend.protocol.parts import Maps, Material
from . import bake, colorspace, image, maps, masks, material, memory, nodes, result
from .textures import Source, Texture, uv_name

INPUTS = {"roughness": "Roughness", "metalness": "Metallic"}
BARE = {"roughness": 0.5, "metalness": 0.0}  # of a shader without such an input, and of no shader
SHOWN = {
    "roughness": ROUGHNESS_FILE,
    "metalness": METALNESS_FILE,
    "normal": NORMAL_FILE,
    "height": HEIGHT_FILE,
}
BELOW = {"roughness": 310, "metalness": 620, "normal": 930, "height": 1240}  # in the node editor


def write(
    obj: bpy.types.Object,
    source: Source,
    index: int,
    depsgraph: bpy.types.Depsgraph,
    folder: Path,
    size: int,
    number: int,
) -> Maps:
    """Write the maps of texture `index` of `source` into `folder`, where `number` is in their names.

    What is baked gets (size, size). Raises PatinaError.
    """
    texture = source.textures[index]
    worn = _materials(obj, texture)
    found: dict[str, str] = {}

    def baked(name: str) -> np.ndarray:
        return bake.bake(
            obj, depsgraph, uv_name(obj, texture.uv_map), texture.slots, source.cells[index], size, name
        )

    for name in INPUTS:
        value = _plain(worn, name)
        found[name] = OWN_FILE.format(f"{name}_{number}")
        pixels = baked(name) if value is None else np.full((image.SWATCH, image.SWATCH, 3), value, np.float32)
        sources = [socket for each in worn for socket in _inputs(each, INPUTS[name])]
        image.write_map(pixels, folder / found[name], _is_deep(sources))
    bent = [socket for each in worn for socket in _bending(each)]
    if any(place.socket.is_linked for place in bent):
        found["normal"] = OWN_FILE.format(f"normal_{number}")
        image.write_map(baked("normal"), folder / found["normal"], _is_deep(bent))
    if any(_shines(each) for each in worn):
        found["emission"] = OWN_FILE.format(f"emission_{number}")
        light = colorspace.to_rec709(baked("emission")).clip(0, 1)
        image.write_png(image.linear_to_srgb(light), folder / found["emission"])
    return Maps(**found)


def _materials(obj: bpy.types.Object, texture: Texture) -> list[bpy.types.Material | None]:
    slots = [slot for slot in texture.slots if slot < len(obj.material_slots)]
    return [memory.original_material(obj, slot) for slot in slots] or [None]


def _shaders(worn: bpy.types.Material | None) -> list[nodes.Input]:
    """The base colours of a material, which know their shaders."""
    if worn is None or not material.has_nodes(worn):
        return []
    surface = nodes.surface(worn.node_tree)
    return nodes.color_inputs(surface) if surface else []


def _plain(worn: Sequence[bpy.types.Material | None], name: str) -> float | None:
    """The number that all the materials have; None: nodes or several make it."""
    values: set[float] = set()
    for each in worn:
        if each is not None and not material.has_nodes(each):
            values.add(each.roughness if name == "roughness" else each.metallic)
            continue
        places = [place.socket.node.inputs.get(INPUTS[name]) for place in _shaders(each)]
        for socket, place in zip(places, _shaders(each), strict=True):
            if socket is None:
                values.add(BARE[name])
                continue
            at, output = nodes.origin(nodes.Input(socket, place.scope))
            if output is not None or at.socket is None:
                return None
            values.add(float(at.socket.default_value))
        if not places:
            values.add(BARE[name])
    return values.pop() if len(values) == 1 else None


def _inputs(worn: bpy.types.Material | None, name: str) -> list[nodes.Input]:
    """The inputs of that name of a material's shaders."""
    found = [(place.socket.node.inputs.get(name), place.scope) for place in _shaders(worn)]
    return [nodes.Input(socket, scope) for socket, scope in found if socket is not None]


def _bending(worn: bpy.types.Material | None) -> list[nodes.Input]:
    """The inputs by which nodes turn the normals of a material, or displace it."""
    bent = _inputs(worn, "Normal")
    if worn is not None and material.has_nodes(worn):
        bent += [nodes.Input(output.inputs["Displacement"]) for output in nodes.outputs(worn.node_tree)]
    return bent


def _is_deep(inputs: Sequence[nodes.Input]) -> bool:
    """Whether an image with more than 8 bits a channel feeds one of `inputs`."""
    return any(image_fed.is_float for place in inputs for image_fed in nodes.images(place))


def _shines(worn: bpy.types.Material | None) -> bool:
    """Whether a shader of the material gives light of its own."""
    for place in _shaders(worn):
        shader = place.socket.node
        strength = shader.inputs.get("Emission Strength")
        if strength is not None and (strength.is_linked or strength.default_value > 0):
            return True
    return False


def show(
    obj: bpy.types.Object,
    textures: Sequence[Texture],
    tiles: Sequence[int],
    wanted: Material,
    folder: Path,
    count: int,
    left: Sequence[Path] = (),
) -> list[bpy.types.Image]:
    """Show the maps that a job of `count` textures left in `folder` on `obj`, which wears its colours.

    tiles: which of the job's are `textures`; left: the masks of these, where not all was painted. The new
    images; raises PatinaError, and then leaves none.
    """
    groups: dict[tuple[tuple[int, ...], str | None], list[int]] = {}
    for index, texture in enumerate(textures):
        groups.setdefault((texture.slots, texture.uv_map), []).append(index)
    made: list[bpy.types.Image] = []
    try:
        for (slots, _), members in groups.items():
            shown = {}
            for name, file in SHOWN.items():
                if getattr(wanted, name):
                    paths = {
                        textures[index].udim: _composed(
                            obj,
                            textures[index],
                            name,
                            folder / numbered(file, tiles[index], count),
                            left[index] if left else None,
                        )
                        for index in members
                    }
                    shown[name] = _load(paths, f"{obj.name}{material.SUFFIX} {name.capitalize()}")
                    made.append(shown[name])
            for pair in obj.patina.slots:
                if pair.stylized and (pair.slot in slots or len(groups) == 1):
                    link(pair.stylized, shown)
    except BaseException:
        for each in made:
            bpy.data.images.remove(each)
        raise
    return made


def _composed(obj: bpy.types.Object, texture: Texture, name: str, painted: Path, mask: Path | None) -> Path:
    """The file `painted` or, where a mask left some of the artist's own map, one that has all texels of that.

    It is as large and as deep as the artist's image, if one alone makes the map, laid as the texture is.
    """
    found = None if mask is None or texture.udim else _image_of(obj, texture, name)
    if mask is None or found is None:
        return painted
    own, channels = found
    before = image.read_pixels(own)[..., channels]
    height, width = before.shape[:2]
    new = _read(painted, width, height)[..., : before.shape[2]]
    inside = result.resized(masks.read(mask), width, height)[..., None] > 0
    path = painted.with_name(f"{painted.stem}_over.png")
    after = np.broadcast_to(np.where(inside, new, before), (height, width, 3))
    image.write_map(after, path, own.is_float)
    return path


def _read(path: Path, width: int, height: int) -> np.ndarray:
    """The values (H, W, 3) of a map's file, bottom row first, at that size."""
    loaded = bpy.data.images.load(str(path), check_existing=False)
    try:
        colorspace.assign(loaded, colorspace.DATA)
        if tuple(loaded.size) != (width, height):
            loaded.scale(width, height)
        return image.read_pixels(loaded)[..., :3]
    finally:
        bpy.data.images.remove(loaded)


def _image_of(obj: bpy.types.Object, texture: Texture, name: str) -> tuple[bpy.types.Image, list[int]] | None:
    """Find the image that is the artist's map, and which of its channels; None: it is not one image as it is.

    Of a height there is none: what displaces a material is read as its normals.
    """
    found, uv_map = set(), uv_name(obj, texture.uv_map)
    rendered = next((layer.name for layer in obj.data.uv_layers if layer.active_render), None)
    for worn in _materials(obj, texture):
        for place in _inputs(worn, INPUTS.get(name, name.capitalize())):
            found.add(_shown_by(place, name, uv_map, rendered == uv_map))
    only = found.pop() if len(found) == 1 else None
    return only and (only[0], list(only[1]))


def _shown_by(
    place: nodes.Input, name: str, uv_map: str, is_rendered: bool
) -> tuple[bpy.types.Image, tuple[int, ...]] | None:
    """The image of data that reaches an input as it is, and the channels of it that do.

    uv_map: as which it is to be laid; is_rendered: whether images have that by themselves.
    """
    at, output = nodes.origin(place)
    channels: tuple[int, ...] = (0,)
    if name == "normal":
        bends = output is not None and output.node.type == "NORMAL_MAP" and output.node.space == "TANGENT"
        strength = output.node.inputs["Strength"] if bends else None
        if strength is None or strength.is_linked or strength.default_value != 1 or output.node.uv_map:
            return None
        at, output = nodes.origin(nodes.Input(output.node.inputs["Color"], at.scope))
        channels = (0, 1, 2)
    elif output is not None and output.node.type == "SEPARATE_COLOR" and output.node.mode == "RGB":
        channels = (list(output.node.outputs).index(output),)
        at, output = nodes.origin(nodes.Input(output.node.inputs[0], at.scope))
    if output is None or output.node.type != "TEX_IMAGE" or output.name != "Color":
        return None
    _, way = nodes.origin(nodes.Input(output.node.inputs["Vector"], at.scope))
    shown, is_flat = output.node.image, output.node.projection == "FLAT"
    by_itself = way is None and is_rendered
    as_texture = is_flat and (by_itself or (way is not None and getattr(way.node, "uv_map", "") == uv_map))
    is_plain = shown is not None and shown.source in ("FILE", "GENERATED") and colorspace.is_linear(shown)
    return (shown, channels) if as_texture and is_plain and shown.channels > max(channels) else None


def _load(paths: dict[int, Path], name: str) -> bpy.types.Image:
    if list(paths) == [0]:
        return result.load_packed(paths[0], name, colorspace.DATA)
    return result.load_tiles(paths, name, colorspace.DATA)


def link(stylized: bpy.types.Material, shown: dict[str, bpy.types.Image]) -> None:
    """Link maps to the shaders that the material's texture colours; a height stays beside, for export."""
    tree = stylized.node_tree
    if any(node.label == _label(name) for node in tree.nodes for name in shown):
        return  # slots that share a material
    for name, map in shown.items():
        node = maps.another_image(stylized, map, _label(name), BELOW[name])
        if name == "normal":
            maps.turn([shader.inputs["Normal"] for shader in maps.shaders(stylized, "Normal")], node)
        for shader in maps.shaders(stylized, INPUTS.get(name, "")) if name in INPUTS else ():
            tree.links.new(node.outputs["Color"], shader.inputs[INPUTS[name]])


def is_shown(stylized: bpy.types.Material) -> bool:
    """Whether the material shows roughness or metalness that was painted."""
    labels = {_label(name) for name in INPUTS}
    return any(node.label in labels for node in stylized.node_tree.nodes)


def _label(name: str) -> str:
    return f"Patina {name.capitalize()}"
