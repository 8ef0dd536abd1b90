"""Films of stylized objects, rendered by Blender, and that nothing of the artist's is changed."""

from __future__ import annotations

from pathlib import Path

import bpy
import numpy as np
import pytest
from bl_ext.user_default.patina.addon.scene import material

KINDS = ("scenes", "objects", "cameras", "lights", "worlds", "materials")


@pytest.fixture
def stylized(cube) -> bpy.types.Object:
    """A cube that wears a red texture, in a scene that renders fast."""
    image = bpy.data.images.new("red", 8, 8)
    image.pixels.foreach_set(np.tile(np.float32((1, 0, 0, 1)), 64))
    material.show_image(cube, image)
    scene = bpy.context.scene
    scene.render.engine, scene.cycles.samples, scene.cycles.use_denoising = "CYCLES", 1, False
    return cube


def counted() -> dict[str, int]:
    return {kind: len(getattr(bpy.data, kind)) for kind in KINDS}


def test_a_turn_is_a_film_of_so_many_frames(stylized, tmp_path):
    before, settings = counted(), bpy.context.scene.render.filepath
    assert bpy.ops.patina.film(filepath=str(tmp_path / "turn"), frames=3, size=33) == {"FINISHED"}
    assert (counted(), bpy.context.scene.render.filepath) == (before, settings)
    clip = bpy.data.movieclips.load(str(tmp_path / "turn.mp4"))
    assert (clip.frame_duration, clip.size[:]) == (3, (34, 34))
    with pytest.raises(RuntimeError, match="there already"):
        bpy.ops.patina.film(filepath=str(tmp_path / "turn.mp4"), frames=3, size=32)


def test_the_scenes_frames_become_a_webp(stylized, tmp_path):
    scene = bpy.context.scene
    with pytest.raises(RuntimeError, match="no camera"):
        bpy.ops.patina.film(filepath=str(tmp_path / "scene.webp"), what="SCENE", kind="WEBP")
    camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    camera.location.z = 5
    scene.collection.objects.link(camera)
    scene.camera, scene.frame_start, scene.frame_end = camera, 1, 2
    scene.render.resolution_x, scene.render.resolution_y, scene.render.resolution_percentage = 64, 32, 50
    scene.world = bpy.data.worlds.new("Light")
    scene.world.color = (1, 1, 1)
    for frame in (1, 2):
        stylized.location.x = frame
        stylized.keyframe_insert("location", frame=frame)
    before = counted()
    path = tmp_path / "scene.webp"
    assert bpy.ops.patina.film(filepath=str(path), what="SCENE", kind="WEBP") == {"FINISHED"}
    assert counted() == before
    assert (scene.render.resolution_x, scene.render.image_settings.file_format) == (64, "PNG")
    data = path.read_bytes()
    assert (data[:4], data.count(b"ANMF")) == (b"RIFF", 2)


def test_without_a_stylized_object_there_is_no_film(cube, tmp_path):
    with pytest.raises(RuntimeError, match="stylized"):
        bpy.ops.patina.film(filepath=str(tmp_path / "none"))
    assert not list(Path(tmp_path).iterdir())
