"""An object's base colour as a picture, whatever nodes make it: baked by Cycles, without light.

On temporary copies in a scene of their own: each shader becomes an emission of its base colour. Other maps of
the material come in the same way, or as Cycles itself bakes them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

import bpy
import numpy as np

from ...backend.errors import PatinaError
from ...backend.export import gutters
from . import material, memory, nodes
from .mesh import find_uv_layer, get
from .stage import alone

MAX_MAPS = 8  # that a mesh can have
TEMPORARY = "Patina Bake"
PASSES = {"normal": "NORMAL", "emission": "EMIT"}  # of Cycles, on materials as they are
INTO_IMAGE = {"target": "IMAGE_TEXTURES", "use_clear": False, "margin": 0, "normal_space": "TANGENT"}
INPUTS = {
    "color": None,
    "roughness": "Roughness",
    "metalness": "Metallic",
}  # that shine instead of the shader


def bake(
    obj: bpy.types.Object,
    depsgraph: bpy.types.Depsgraph,
    uv_map: str,
    slots: Collection[int],
    cells: Iterable[tuple[int, int]],
    size: int,
    what: str = "color",
) -> np.ndarray:
    """Bake the base colours of the faces with one of `slots`: (size, size, 3), linear, bottom row first.

    what: of PASSES or INPUTS, the map of the material instead of its colour; normals are in tangent space,
    in 0..1. `cells` are the whole-number squares of the UV map `uv_map` that are laid over each other: (0, 0)
    for one that keeps within 0..1. Texels beside the islands continue them. Raises PatinaError.
    """
    copy, name = _copy(obj, depsgraph, uv_map), obj.name
    originals = [memory.original_material(obj, slot) for slot in range(len(obj.material_slots))] or [None]
    made: list[tuple[object, object]] = []
    if uv_map not in copy.data.uv_layers:  # nodes make one that the mesh itself does not name
        uv_map = find_uv_layer(copy.data, name, None).name
    copy.data.uv_layers[uv_map].active = True  # bakes want an active one, too
    try:
        obj.name, copy.name = TEMPORARY, name  # Object Info's Random goes by the name
        with alone(copy) as scene:
            try:
                scene.render.engine = "CYCLES"
            except TypeError:
                raise PatinaError(
                    f"Nodes make the colours of {name}; reading them takes Cycles, which is off.",
                    "Switch on Cycles Render Engine in Preferences > Add-ons.",
                    name,
                ) from None
            scene.cycles.samples = 1
            scene.cycles.use_denoising = scene.cycles.use_adaptive_sampling = False
            target = _image(size, made)
            aside = _image(16, made)  # the bake wants an image in every slot
            shining = [
                _shining(original, target if slot in slots else aside, made, what)
                for slot, original in enumerate(originals)
            ]
            if not copy.material_slots:
                copy.data.materials.append(None)
            for slot, shown in zip(copy.material_slots, shining, strict=True):
                slot.link, slot.material = "DATA", shown
            for cell in cells:
                layer = _shifted(copy.data, uv_map, cell)
                bpy.ops.object.bake(type=PASSES.get(what, "EMIT"), uv_layer=layer, **INTO_IMAGE)
            pixels = np.empty((size, size, 4), np.float32)
            target.pixels.foreach_get(pixels.ravel())
    except RuntimeError as error:
        raise PatinaError(
            f"The colours of {name} cannot be baked: {str(error).strip()}",
            "Give its material one image as its base colour.",
            name,
        ) from None
    finally:
        obj.name = name
        for blocks, block in made:
            blocks.remove(block)
    colors = np.nan_to_num(pixels[..., :3], posinf=1.0, neginf=0.0)
    return gutters.fill(colors, pixels[..., 3] > 0)


def _copy(obj: bpy.types.Object, depsgraph: bpy.types.Depsgraph, uv_map: str) -> bpy.types.Object:
    """A copy of `obj` that renders as the viewport shows it, with data of its own that has `uv_map`."""
    copy = obj.copy()
    if uv_map in obj.data.uv_layers:
        copy.data = obj.data.copy()
        for modifier in copy.modifiers:
            modifier.show_render = modifier.show_viewport and modifier.type != "PARTICLE_SYSTEM"
            if modifier.type in ("SUBSURF", "MULTIRES"):
                modifier.render_levels = modifier.levels
    else:  # a modifier makes the map
        copy.data = bpy.data.meshes.new_from_object(
            obj.evaluated_get(depsgraph), preserve_all_data_layers=True, depsgraph=depsgraph
        )
        copy.modifiers.clear()
        while len(copy.data.materials) < len(obj.material_slots):  # nodes keep those alone that faces use
            copy.data.materials.append(None)
    copy.instance_type = "NONE"
    copy.hide_render = copy.hide_viewport = copy.is_holdout = False
    return copy


def _image(size: int, made: list[tuple[object, object]]) -> bpy.types.Image:
    image = bpy.data.images.new(TEMPORARY, size, size, alpha=True, float_buffer=True)
    made.append((bpy.data.images, image))
    image.pixels.foreach_set(np.zeros(size * size * 4, np.float32))  # where nothing is baked, alpha stays 0
    return image


def _shining(
    original: bpy.types.Material | None,
    image: bpy.types.Image,
    made: list[tuple[object, object]],
    what: str,
) -> bpy.types.Material:
    """A copy of `original` that emits its base colour, or `what` is asked for, with `image` as its target."""
    if original and material.has_nodes(original):
        shining = original.copy()
    else:
        shining = bpy.data.materials.new(TEMPORARY)
        if bpy.app.version < (5, 0):
            shining.use_nodes = True
    made.append((bpy.data.materials, shining))
    tree = shining.node_tree
    groups = nodes.unshare(tree, "")
    made += [(bpy.data.node_groups, group) for group in groups]
    for each in (tree, *groups):
        nodes.light_fully(each)
    surface = nodes.surface(tree)
    if not (original and material.has_nodes(original)) or not surface or not nodes.color_inputs(surface):
        plain = material.base_color(original).color
        material.add_principled(shining).default_value = (*plain, 1)
        surface = nodes.surface(tree)
    if what in INPUTS:
        nodes.to_emission(surface, INPUTS[what])
        for socket in surface.socket.node.inputs:
            for link in socket.links if socket != surface.socket else ():
                tree.links.remove(link)
    target = tree.nodes.new("ShaderNodeTexImage")
    target.image = image
    tree.nodes.active = target
    return shining


def _shifted(mesh: bpy.types.Mesh, uv_map: str, cell: tuple[int, int]) -> str:
    """The UV map of `mesh` that has `cell` of `uv_map` at 0..1."""
    if cell == (0, 0):
        return uv_map
    if TEMPORARY not in mesh.uv_layers:
        if len(mesh.uv_layers) == MAX_MAPS:
            mesh.uv_layers.remove(next(layer for layer in mesh.uv_layers if layer.name != uv_map))
        mesh.uv_layers.new(name=TEMPORARY, do_init=False)
    uvs = get(find_uv_layer(mesh, mesh.name, uv_map).uv, "vector", np.float32, (len(mesh.loops), 2))
    mesh.uv_layers[TEMPORARY].uv.foreach_set("vector", (uvs - np.float32(cell)).ravel())
    return TEMPORARY
