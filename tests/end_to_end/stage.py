"""A picture of an object before and after, from four sides, rendered by Cycles on a light background."""

from __future__ import annotations

import contextlib
import math
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import bpy
import numpy as np
from mathutils import Matrix, Vector
from PIL import Image

AZIMUTHS = (70, 25, -70, -150)  # degrees that the object is turned by; it faces the camera at 0
ELEVATION = 12  # degrees that the camera looks down
GAP = 0.10  # between the figures, of the object's height
BACKGROUND = (245, 243, 239)  # sRGB
INK = (0.03, 0.03, 0.035)


def before_and_after(
    obj: bpy.types.Object,
    before: Sequence[bpy.types.Material | None],
    after: Sequence[bpy.types.Material | None],
    path: Path,
    width: int = 1600,
    samples: int = 14,
) -> None:
    """Render `obj` (facing -Y) with the materials `before`, and below that with `after`, into `path`.

    The picture is `width` pixels wide and as high as the figures need. It has a scene of its own,
    which is removed again.
    """
    scene = bpy.data.scenes.new("Stage")
    made: list[bpy.types.ID] = []
    try:
        size = _arrange(scene, obj, (("Before", before), ("After", after)), made)
        _light(scene, made)
        _camera(scene, size, made)
        _render(scene, size, path, width, samples)
    finally:
        bpy.data.batch_remove([*made, scene])


def _arrange(
    scene: bpy.types.Scene,
    obj: bpy.types.Object,
    rows: Sequence[tuple[str, Sequence[bpy.types.Material | None]]],
    made: list[bpy.types.ID],
) -> tuple[float, float]:
    """Place the figures, upright in the XZ plane and as the camera along +Y shall see them.

    Gives the width and the height of the whole.
    """
    evaluated = obj.evaluated_get(bpy.context.evaluated_depsgraph_get())
    mesh = bpy.data.meshes.new_from_object(evaluated)
    mesh.transform(evaluated.matrix_world)
    made.append(mesh)
    points = np.empty(len(mesh.vertices) * 3, np.float32)
    mesh.vertices.foreach_get("co", points)
    points = points.reshape(-1, 3)
    tilt = Matrix.Rotation(math.radians(ELEVATION), 3, "X")
    turns = [tilt @ Matrix.Rotation(math.radians(azimuth), 3, "Z") for azimuth in AZIMUTHS]
    boxes = [((seen := points @ np.array(turn).T).min(axis=0), seen.max(axis=0)) for turn in turns]

    height = max(high[2] - low[2] for low, high in boxes)
    gap = GAP * height
    label = 0.09 * height
    top = 0.0
    for name, materials in rows:
        made += _write(scene, name, label, (gap, top - gap - 0.5 * label))
        x = gap + 3.2 * label
        for turn, (low, high) in zip(turns, boxes, strict=True):
            figure = bpy.data.objects.new(name, mesh)
            scene.collection.objects.link(figure)
            made.append(figure)
            for slot, material in zip(figure.material_slots, materials, strict=True):
                slot.link, slot.material = "OBJECT", material
            place = Vector((x - low[0], 0, top - gap - height / 2 - (low[2] + high[2]) / 2))
            figure.matrix_world = Matrix.Translation(place) @ turn.to_4x4()
            x += high[0] - low[0] + gap
        top -= height + gap
    return x, gap - top


def _write(scene: bpy.types.Scene, text: str, size: float, place: tuple[float, float]) -> list[bpy.types.ID]:
    """Lettering at `place` (x, z)."""
    curve = bpy.data.curves.new(text, "FONT")
    curve.body, curve.size = text, size
    ink = bpy.data.materials.new("Ink")
    if bpy.app.version < (5, 0):
        ink.use_nodes = True
    nodes = ink.node_tree.nodes
    nodes.clear()
    emission = nodes.new("ShaderNodeEmission")
    emission.inputs["Color"].default_value = (*INK, 1)
    output = nodes.new("ShaderNodeOutputMaterial")
    ink.node_tree.links.new(emission.outputs[0], output.inputs[0])
    curve.materials.append(ink)
    letters = bpy.data.objects.new(text, curve)
    letters.location, letters.rotation_euler = (place[0], 0, place[1]), (math.pi / 2, 0, 0)
    scene.collection.objects.link(letters)
    return [letters, curve, ink]


def _light(scene: bpy.types.Scene, made: list[bpy.types.ID]) -> None:
    """An even sky, which the camera does not see, and a soft sun from the upper left."""
    world = bpy.data.worlds.new("Stage")
    if bpy.app.version < (5, 0):
        world.use_nodes = True
    nodes = world.node_tree.nodes
    nodes.clear()
    sky, output = nodes.new("ShaderNodeBackground"), nodes.new("ShaderNodeOutputWorld")
    sky.inputs["Color"].default_value = (0.75, 0.75, 0.75, 1)
    world.node_tree.links.new(sky.outputs[0], output.inputs[0])
    scene.world = world
    light = bpy.data.lights.new("Sun", "SUN")
    light.energy, light.angle = 1.5, math.radians(20)
    sun = bpy.data.objects.new("Sun", light)
    sun.rotation_euler = (math.radians(50), math.radians(-15), math.radians(-35))
    scene.collection.objects.link(sun)
    made += [sun, light, world]


def _camera(scene: bpy.types.Scene, size: tuple[float, float], made: list[bpy.types.ID]) -> None:
    """An orthographic camera that frames the rectangle of `size` below and right of the origin."""
    data = bpy.data.cameras.new("Camera")
    data.type, data.sensor_fit, data.ortho_scale = "ORTHO", "HORIZONTAL", size[0]
    data.clip_start, data.clip_end = size[0] * 0.1, size[0] * 10
    camera = bpy.data.objects.new("Camera", data)
    camera.location = (size[0] / 2, -4 * size[0], -size[1] / 2)
    camera.rotation_euler = (math.pi / 2, 0, 0)
    scene.collection.objects.link(camera)
    scene.camera = camera
    made += [camera, data]


def _render(scene: bpy.types.Scene, size: tuple[float, float], path: Path, width: int, samples: int) -> None:
    scene.render.engine = "CYCLES"
    scene.cycles.device = "CPU"
    scene.cycles.samples = samples
    scene.cycles.max_bounces = 2
    scene.cycles.use_denoising = True  # guided by albedo and normals: the texture stays sharp
    scene.view_settings.view_transform = "Standard"
    scene.render.resolution_x = width
    scene.render.resolution_y = round(width * size[1] / size[0])
    scene.render.dither_intensity = 0  # it would cost the PNG half its size
    scene.render.image_settings.file_format = "PNG"
    scene.render.image_settings.color_mode = "RGBA"
    scene.render.film_transparent = True
    scene.render.filepath = str(path)
    with quiet():
        bpy.ops.render.render(scene=scene.name, write_still=True)
    with Image.open(path) as figures:
        figures.load()
    picture = Image.new("RGBA", figures.size, BACKGROUND)
    picture.alpha_composite(figures)
    picture.convert("RGB").save(path, optimize=True)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep Blender's own lines, which it prints past Python, off the terminal."""
    sys.stdout.flush()
    stdout = os.dup(1)
    with Path(os.devnull).open("w") as nowhere:
        os.dup2(nowhere.fileno(), 1)
        try:
            yield
        finally:
            os.dup2(stdout, 1)
            os.close(stdout)
