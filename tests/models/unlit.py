"""What Blender shows of a model file, without light: renders of its base colours, from all sides."""

from __future__ import annotations

import runpy
import tempfile
from pathlib import Path

import bpy
import numpy as np
from mathutils import Vector

ROOT = Path(__file__).parents[2]
IMPORTERS = runpy.run_path(str(ROOT / "addon" / "as_glb.py"))["IMPORTERS"]  # of what Blender alone reads
SIDE = 96
WAYS = ((1, 0, 0), (-1, 0, 0), (0, 1, 0), (0, -1, 0), (0.1, 0, 1), (0.1, 0, -1), (1, 1, 1), (-1, -0.7, 0.5))
BLUE = (0.0, 0.0, 1.0)  # behind the object, and through its holes


def unlit(path: Path) -> np.ndarray:
    """(8, SIDE, SIDE, 3), 0..255: the model by its own importer, opacity over BLUE."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    import_model(path)
    for obj in bpy.context.scene.objects:
        if obj.type == "MESH":
            _fill_slots(obj)
    _come_near()
    for material in bpy.data.materials:
        if material.node_tree:
            _shine(material.node_tree)
    _stage()
    return _rendered()


def import_model(path: Path) -> None:
    """Import it by Blender's importer of its kind."""
    kind = path.suffix.lower()
    if kind == ".obj":
        bpy.ops.wm.obj_import(filepath=str(path))
    elif kind == ".ply":
        bpy.ops.wm.ply_import(filepath=str(path))
    elif kind in IMPORTERS:
        IMPORTERS[kind](str(path))
    else:
        bpy.ops.import_scene.gltf(filepath=str(path))


def materials_seen() -> dict[str, np.ndarray]:
    """Masks (8, SIDE, SIDE) of the materials that what `unlit` showed last wears, by their names."""
    scene = bpy.context.scene
    scene.view_settings.view_transform, scene.cycles.samples = "Raw", 1
    slots = [slot for obj in scene.objects for slot in obj.material_slots if slot.material]
    trees = {slot.material.name: slot.material.node_tree for slot in slots}
    for number, tree in enumerate(trees.values(), 1):
        output = next(node for node in tree.nodes if node.type == "OUTPUT_MATERIAL")
        emission = tree.nodes.new("ShaderNodeEmission")
        emission.inputs[0].default_value = (number / 255, 0, 0, 1)
        tree.links.new(emission.outputs[0], output.inputs[0])
    shown = np.round(_rendered()[..., 0])
    return {name: shown == number for number, name in enumerate(trees, 1)}


def _come_near() -> None:
    """Move what is far from the origin there: a renderer has 32 bits, too."""
    roots = [obj for obj in bpy.context.scene.objects if obj.parent is None]
    for obj in roots:
        if obj.location.length > 1e5:
            obj.location = (0, 0, 0)
    bpy.context.view_layer.update()


def _fill_slots(obj: bpy.types.Object) -> None:
    """Where there is no material, the colours of vertices, or the grey of Blender's own."""
    if not obj.material_slots:
        obj.data.materials.append(None)
    for slot in obj.material_slots:
        if slot.material is None:
            slot.material = bpy.data.materials.new("plain")
            if bpy.app.version < (5, 0):
                slot.material.use_nodes = True
            if obj.data.color_attributes:
                tree = slot.material.node_tree
                colors = tree.nodes.new("ShaderNodeVertexColor")
                colors.layer_name = obj.data.color_attributes[0].name
                tree.links.new(colors.outputs["Color"], _principled(tree).inputs["Base Color"])


def _principled(tree: bpy.types.NodeTree) -> bpy.types.Node | None:
    return next((node for node in tree.nodes if node.type == "BSDF_PRINCIPLED"), None)


def _shine(tree: bpy.types.NodeTree) -> None:
    """Let the base colour shine, where it is opaque."""
    output = next((node for node in tree.nodes if node.type == "OUTPUT_MATERIAL"), None)
    shader = _principled(tree)
    if output is None or shader is None:
        return
    emission = tree.nodes.new("ShaderNodeEmission")
    mix = tree.nodes.new("ShaderNodeMixShader")
    clear = tree.nodes.new("ShaderNodeBsdfTransparent")
    for source, target in (
        (shader.inputs["Base Color"], emission.inputs[0]),
        (shader.inputs["Alpha"], mix.inputs[0]),
    ):
        if source.links:
            tree.links.new(source.links[0].from_socket, target)
        else:
            target.default_value = source.default_value
    tree.links.new(clear.outputs[0], mix.inputs[1])
    tree.links.new(emission.outputs[0], mix.inputs[2])
    tree.links.new(mix.outputs[0], output.inputs[0])


def _stage() -> None:
    """Make ready to render, before a world that is BLUE."""
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.cycles.samples, scene.cycles.use_denoising = 16, False
    scene.cycles.filter_width, scene.cycles.transparent_max_bounces = 0.01, 64
    scene.render.resolution_x = scene.render.resolution_y = SIDE
    scene.view_settings.view_transform, scene.render.dither_intensity = "Standard", 0
    scene.render.image_settings.file_format = "PNG"
    scene.world = bpy.data.worlds.new("blue")
    if bpy.app.version < (5, 0):
        scene.world.use_nodes = True
    scene.world.node_tree.nodes["Background"].inputs[0].default_value = (*BLUE, 1)
    camera = bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
    scene.collection.objects.link(camera)
    scene.camera = camera


def _rendered() -> np.ndarray:
    scene = bpy.context.scene
    low, high = _bounds()
    middle, radius = Vector((low + high) / 2), float(np.linalg.norm(high - low)) / 2
    camera = scene.camera
    camera.data.type, camera.data.ortho_scale = "ORTHO", 2.1 * radius
    camera.data.clip_start, camera.data.clip_end = radius / 100, radius * 10
    found = []
    with tempfile.TemporaryDirectory() as folder:
        scene.render.filepath = f"{folder}/view.png"
        for way in WAYS:
            direction = Vector(way).normalized()
            camera.location = middle + direction * 3 * radius
            camera.rotation_euler = (-direction).to_track_quat("-Z", "Y").to_euler()
            bpy.ops.render.render(write_still=True)
            image = bpy.data.images.load(scene.render.filepath)
            pixels = np.empty(SIDE * SIDE * 4, np.float32)
            image.pixels.foreach_get(pixels)
            found.append(pixels.reshape(SIDE, SIDE, 4)[::-1, :, :3] * 255)
            bpy.data.images.remove(image)
    return np.stack(found)


def is_far() -> bool:
    """Whether the vertices lie where Blender's 32 bits do not tell them apart."""
    low, high = _bounds()
    return bool(np.abs((low, high)).max() > 1e5 * (high - low).max())


def _bounds() -> tuple[np.ndarray, np.ndarray]:
    depsgraph = bpy.context.evaluated_depsgraph_get()
    points = []
    for obj in bpy.context.scene.objects:
        if obj.type == "MESH" and not obj.hide_render:
            evaluated = obj.evaluated_get(depsgraph)
            mesh = evaluated.to_mesh()
            places = np.empty(3 * len(mesh.vertices))
            mesh.vertices.foreach_get("co", places)
            world = np.array(evaluated.matrix_world)
            points.append(places.reshape(-1, 3) @ world[:3, :3].T + world[:3, 3])
    return np.concatenate(points).min(axis=0), np.concatenate(points).max(axis=0)


def difference(before: np.ndarray, after: np.ndarray) -> float:
    """The mean difference of two renders over the object, in steps of 255."""
    behind = np.array(BLUE) * 255
    seen = (np.abs(before - behind).max(-1) > 2) | (np.abs(after - behind).max(-1) > 2)
    return float(np.abs(before - after).mean(-1)[seen].mean())
