"""Export a stylized fox to every format, and render it by Blender, for `test_proof.py` to judge.

.env/blender/bin/python tests/export/export_all.py out/export
"""

# ruff: noqa: E402 - the add-on can be imported only once it is switched on

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
os.environ.setdefault("PATINA_BACKEND", str(ROOT / ".env" / "backend"))
sys.path.insert(0, str(ROOT / "tests" / "addon"))
import conftest  # noqa: F401 - switches the add-on on, as the add-on's tests have it

# isort: split
import bpy
import numpy as np
from bl_ext.user_default.patina.addon.export.presets import PRESETS
from bl_ext.user_default.patina.addon.scene import material
from mathutils import Matrix, Vector

SIZE = 256  # of the renders
DIRECTION = Vector((1.0, -1.3, 0.7))  # from the object to the camera, z up
FRAME = 0.9  # the longest side of the bounding box times this fills the picture
GREY = 0.5  # background, linear
SUN, SUN_STRENGTH = Vector((0.4, -1.0, 0.9)), 3.0  # from the object to the sun; of what is seen under light
PALETTE = ((0.9, 0.2, 0.1), (0.9, 0.7, 0.5), (0.1, 0.6, 0.3), (0.2, 0.3, 0.8))


def main(out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    bpy.ops.import_scene.gltf(filepath=str(ROOT / "tests" / "assets" / "fox.gltf"))
    bpy.ops.object.select_all(action="DESELECT")
    fox = bpy.data.objects["fox"]
    fox.select_set(True)
    bpy.context.view_layer.objects.active = fox
    fox.find_armature().select_set(True)
    bpy.ops.export_scene.gltf(
        filepath=str(out / "before.glb"), use_selection=True, export_apply=True, export_image_format="AUTO"
    )
    fox.find_armature().select_set(False)
    material.show_image(fox, painted(fox))
    skeleton, scene = fox.find_armature().data, bpy.context.scene
    skeleton.pose_position = "REST"
    render(fox, out / "blender_rest.png")
    skeleton.pose_position = "POSE"
    for pose, frame in (("start", scene.frame_start), ("stride", 12)):
        scene.frame_set(frame)
        render(fox, out / f"blender_{pose}.png")
    # It stays in mid-stride, so that a lost pose would show.
    backend_glbs(out / "backend")
    settings = bpy.context.scene.patina_export
    for name, preset in PRESETS.items():
        if preset.operator == "page":  # which is looked at by tests/farm/test_page.py
            continue
        settings.preset = name
        folder = out / name.lower()
        folder.mkdir()
        path = folder / f"fox{preset.suffix}"
        bpy.ops.patina.export(filepath=str(path))
        if preset.suffix == ".zip":
            with zipfile.ZipFile(path) as archive:
                archive.extractall(folder)
    figure(out / "figure")
    whole(out / "whole")


def figure(folder: Path) -> None:
    """A figure of the low-poly kind, of parts that move, coloured by points of one palette: painted by one
    press, and written for Godot."""
    folder.mkdir()
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    root = bpy.data.objects.new("figure", None)
    bpy.context.collection.objects.link(root)
    worn = palette(folder / "palette.png")
    torso = part("torso", (0, 0, 1.2), (0.7, 0.4, 1.0), worn, root, 0)
    part("head", (0, 0, 0.8), (0.5, 0.5, 0.5), worn, torso, 1)
    for side, x in (("left", 0.5), ("right", -0.5)):
        part(f"arm-{side}", (x, 0, 0), (0.2, 0.2, 0.9), worn, torso, 2)
        leg = part(f"leg-{side}", (x / 2, 0, 0.3), (0.3, 0.3, 0.7), worn, root, 3)
        for frame, angle in ((1, 0.5), (12, -0.5), (24, 0.5)):
            leg.rotation_euler.x = angle * x
            leg.keyframe_insert("rotation_euler", frame=frame)
        leg.animation_data.action.name = "walk"
    settings = bpy.context.scene.patina
    settings.quality, settings.texture_size, settings.steps = "draft", "256", 12
    bpy.ops.object.select_all(action="SELECT")
    bpy.context.view_layer.objects.active = torso
    assert bpy.ops.patina.stylize() == {"FINISHED"}
    export = bpy.context.scene.patina_export
    export.preset, export.scope = "GODOT", "ALL"
    bpy.ops.patina.export(filepath=str(folder / "figure.glb"))


def whole(folder: Path) -> None:
    """A gilded ball whose whole material is painted by one press: seen by Cycles under a sun, and written."""
    folder.mkdir()
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    bpy.ops.mesh.primitive_uv_sphere_add(segments=64, ring_count=32, calc_uvs=True)
    ball = bpy.context.object
    bpy.ops.object.shade_smooth()
    gilt = bpy.data.materials.new("gilt")
    gilt.use_nodes = True
    shader = gilt.node_tree.nodes["Principled BSDF"]
    shader.inputs["Base Color"].default_value = (0.8, 0.6, 0.2, 1)
    shader.inputs["Metallic"].default_value = 1.0
    ball.data.materials.append(gilt)
    settings = bpy.context.scene.patina
    settings.quality, settings.texture_size, settings.steps = "draft", "256", 12
    settings.material = True
    assert bpy.ops.patina.stylize() == {"FINISHED"}
    export = bpy.context.scene.patina_export
    export.preset, export.scope = "GODOT", "ALL"
    bpy.ops.patina.export(filepath=str(folder / "ball.glb"))
    render(ball, folder.parent / "blender_whole.png", lit=True)


def palette(file: Path) -> bpy.types.Material:
    """A material that shows four colours, a quarter each, of one picture."""
    pixels = np.ones((8, 8, 4), np.float32)
    for color, value in enumerate(PALETTE):
        pixels[4 * (color // 2) :, 4 * (color % 2) :, :3] = value
    image = bpy.data.images.new("Palette", 8, 8)
    image.pixels.foreach_set(pixels.ravel())
    image.filepath_raw, image.file_format = str(file), "PNG"
    image.save()
    made = bpy.data.materials.new("colormap")
    made.use_nodes = True
    texture = made.node_tree.nodes.new("ShaderNodeTexImage")
    texture.image = image
    shader = made.node_tree.nodes["Principled BSDF"]
    made.node_tree.links.new(texture.outputs["Color"], shader.inputs["Base Color"])
    return made


def part(name, place, size, worn: bpy.types.Material, parent, color: int) -> bpy.types.Object:
    """A box whose UVs are all one point of the palette."""
    bpy.ops.mesh.primitive_cube_add(size=1, calc_uvs=True)
    obj = bpy.context.object
    obj.name = obj.data.name = name
    obj.data.transform(Matrix.Diagonal((*size, 1)))
    obj.parent, obj.location = parent, place
    obj.data.materials.append(worn)
    point = (0.25 + 0.5 * (color % 2), 0.25 + 0.5 * (color // 2))
    obj.data.uv_layers[0].uv.foreach_set("vector", np.tile(np.float32(point), len(obj.data.loops)))
    return obj


def backend_glbs(folder: Path) -> None:
    """The fox as the command line writes it, without Blender."""
    folder.mkdir()
    for format in ("png", "jpeg", "webp"):
        command = [Path(os.environ["PATINA_BACKEND"]) / "bin" / "python", "-m", "backend", "export"]
        command += [ROOT / "tests" / "assets" / "fox.gltf", "--preset", "game-glb"]
        command += ["--texture-format", format, "--out", folder / f"{format}.glb"]
        subprocess.run(command, cwd=ROOT, check=True)


def painted(fox: bpy.types.Object) -> bpy.types.Image:
    """The fox's own picture, half covered by a painting: strokes of every colour, on known places."""
    own = material.base_color(fox.material_slots[0].material).image
    pixels = np.empty((own.size[1], own.size[0], 4), np.float32)
    own.pixels.foreach_get(pixels.ravel())
    painting = bpy.data.images.load(str(ROOT / "addon" / "styles" / "starry_night.jpg"))
    painting.scale(*own.size)
    strokes = np.empty_like(pixels)
    painting.pixels.foreach_get(strokes.ravel())
    bpy.data.images.remove(painting)
    image = bpy.data.images.new("fox Stylized", *own.size, alpha=False)
    image.pixels.foreach_set((0.4 * pixels + 0.6 * strokes).ravel())
    image.pack()
    return image


def render(obj: bpy.types.Object, path: Path, lit: bool = False) -> None:
    """The object's picture from DIRECTION, by Cycles: without any light, or under the sun alone."""
    bpy.context.view_layer.update()
    mesh = bpy.data.meshes.new_from_object(obj.evaluated_get(bpy.context.evaluated_depsgraph_get()))
    mesh.transform(obj.matrix_world)
    if not lit:
        node = next(n for n in obj.material_slots[0].material.node_tree.nodes if n.label == "Patina")
        mesh.materials.clear()
        mesh.materials.append(shadeless(node.image))
    corners = np.array([vertex.co for vertex in mesh.vertices])
    longest = float(np.ptp(corners, axis=0).max())
    middle = Vector((corners.min(axis=0) + corners.max(axis=0)) / 2)

    scene = bpy.data.scenes.new("Proof")
    scene.collection.objects.link(bpy.data.objects.new("Proof", mesh))
    camera = bpy.data.cameras.new("Proof")
    camera.type, camera.ortho_scale, camera.clip_end = "ORTHO", FRAME * longest, 100 * longest
    scene.camera = bpy.data.objects.new("Camera", camera)
    scene.collection.objects.link(scene.camera)
    back = DIRECTION.normalized()
    right = Vector((0, 0, 1)).cross(back).normalized()
    turn = Matrix((right, back.cross(right), back)).transposed().to_4x4()
    scene.camera.matrix_world = Matrix.Translation(middle + 10 * longest * back) @ turn
    scene.world = bpy.data.worlds.new("Proof")
    scene.world.use_nodes = True
    scene.world.node_tree.nodes["Background"].inputs["Color"].default_value = (GREY, GREY, GREY, 1)

    if lit:
        light_by_sun(scene)

    scene.render.engine = "CYCLES"
    scene.cycles.samples, scene.cycles.use_denoising = 64, False
    scene.cycles.pixel_filter_type, scene.cycles.max_bounces = "BOX", 0
    scene.cycles.use_adaptive_sampling = False
    scene.render.resolution_x = scene.render.resolution_y = SIZE
    scene.render.dither_intensity = 0.0
    scene.view_settings.view_transform = "Standard"
    scene.render.image_settings.file_format = "PNG"
    scene.render.filepath = str(path)
    bpy.ops.render.render(write_still=True, scene=scene.name)
    bpy.data.scenes.remove(scene)


def light_by_sun(scene: bpy.types.Scene) -> None:
    """Let a sun without shadows be all the light there is: the background is only seen."""
    sun = bpy.data.lights.new("Proof", "SUN")
    sun.energy, sun.angle, sun.use_shadow = SUN_STRENGTH, 0.0, False
    shining = bpy.data.objects.new("Proof Sun", sun)
    shining.rotation_euler = (-SUN).to_track_quat("-Z", "Y").to_euler()
    scene.collection.objects.link(shining)
    seen = scene.world.cycles_visibility
    seen.diffuse = seen.glossy = seen.transmission = False


def shadeless(image: bpy.types.Image) -> bpy.types.Material:
    made = bpy.data.materials.new("Proof")
    made.use_nodes = True
    nodes, links = made.node_tree.nodes, made.node_tree.links
    nodes.clear()
    texture = nodes.new("ShaderNodeTexImage")
    texture.image = image
    light, output = nodes.new("ShaderNodeEmission"), nodes.new("ShaderNodeOutputMaterial")
    links.new(texture.outputs["Color"], light.inputs["Color"])
    links.new(light.outputs["Emission"], output.inputs["Surface"])
    return made


if __name__ == "__main__":
    main(Path(sys.argv[1]))
