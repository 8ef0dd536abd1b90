"""A picture of objects, rendered apart from the artist's scene."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Sequence
from pathlib import Path

import bpy
import numpy as np
from mathutils import Vector

from ...backend.errors import PatinaError
from .stage import temporary_scene

SIDE = 256
SAMPLES = 16
BACKWARD = Vector((0.6, -1.0, 0.5))  # towards the camera


def portrait(objects: Sequence[bpy.types.Object], side: int = SIDE) -> np.ndarray:
    """Render `objects` where they stand, on nothing: (side, side, 4) float32, the lowest row first.

    Raises PatinaError where Blender cannot render.
    """
    made: list[tuple[object, bpy.types.ID]] = []
    before = set(bpy.data.images)
    with temporary_scene(objects) as scene, tempfile.TemporaryDirectory(prefix="patina-portrait-") as folder:
        try:
            made.append((bpy.data.worlds, _light(scene)))
            camera = _camera(scene, objects)
            made += [(bpy.data.objects, camera), (bpy.data.cameras, camera.data)]
            scene.render.engine = "CYCLES"
            scene.cycles.samples = SAMPLES
            scene.cycles.use_denoising = False  # some builds have no denoiser
            scene.view_settings.view_transform = "Standard"
            render = scene.render
            render.resolution_x = render.resolution_y = side
            render.resolution_percentage = 100
            render.film_transparent = True
            render.image_settings.file_format = "PNG"
            render.filepath = str(Path(folder) / "portrait.png")
            bpy.ops.render.render(scene=scene.name, write_still=True)
            image = bpy.data.images.load(render.filepath)
            pixels = np.empty(4 * side * side, np.float32)
            image.pixels.foreach_get(pixels)
        except RuntimeError as error:
            cure = "See whether Cycles is on, in Preferences > Add-ons."
            raise PatinaError(f"The preview cannot be rendered: {error}", cure, "preview") from None
        finally:
            made += [(bpy.data.images, image) for image in set(bpy.data.images) - before]
            for collection, block in made:
                collection.remove(block)
    return pixels.reshape(side, side, 4)


def _light(scene: bpy.types.Scene) -> bpy.types.World:
    """Light the scene from all sides alike, so that the colours show as they are."""
    world = scene.world = bpy.data.worlds.new("Patina")
    world.use_nodes = True
    background = next(node for node in world.node_tree.nodes if node.type == "BACKGROUND")
    background.inputs["Color"].default_value = (1, 1, 1, 1)
    return world


def _camera(scene: bpy.types.Scene, objects: Sequence[bpy.types.Object]) -> bpy.types.Object:
    """Put a camera into the scene that sees all corners of the objects' boxes."""
    camera = bpy.data.objects.new("Patina", bpy.data.cameras.new("Patina"))
    scene.collection.objects.link(camera)
    scene.camera = camera
    corners = [obj.matrix_world @ Vector(corner) for obj in objects for corner in obj.bound_box]
    middle = sum(corners, Vector()) / len(corners)
    radius = max((corner - middle).length for corner in corners) or 1.0
    distance = radius / math.sin(camera.data.angle / 2)
    camera.location = middle + BACKWARD.normalized() * distance
    camera.rotation_euler = BACKWARD.to_track_quat("Z", "Y").to_euler()
    camera.data.clip_start, camera.data.clip_end = distance / 100, distance * 10
    return camera
