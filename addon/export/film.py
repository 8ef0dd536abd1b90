"""Stylized objects in motion → a film: turned around, or as the scene's camera sees them.

Blender renders it, in a scene of its own, so that nothing of the artist's is changed: MP4 by its FFmpeg; the
frames of a WebP or a GIF are put together by the backend.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import bpy
from mathutils import Vector

from ...backend.protocol import PatinaError
from .. import backend_verbs, folders

ELEVATION = 0.25  # radians that the camera of a turn stands above
MARGIN = 1.1  # around what it sees
SUFFIXES = {"MP4": ".mp4", "WEBP": ".webp", "GIF": ".gif"}


@dataclass
class Film:
    """A film to be rendered: its scene, what was made for it, and where it goes."""

    scene: bpy.types.Scene
    target: Path
    made: list[bpy.types.ID] = field(default_factory=list)
    frames: tempfile.TemporaryDirectory[str] | None = None  # of what the backend puts together

    def discard(self) -> None:
        """Remove all that was made for it, but the film."""
        bpy.data.scenes.remove(self.scene)
        for each in self.made:
            bpy.data.batch_remove([each])
        if self.frames is not None:
            self.frames.cleanup()


def turn(context: bpy.types.Context, objects: Sequence[bpy.types.Object], frames: int, size: int) -> Film:
    """Prepare a film of `objects`, turned around once in so many frames, in squares of `size` pixels."""
    before = context.scene
    scene = bpy.data.scenes.new("Patina Film")
    film = Film(scene, Path())
    scene.render.engine = before.render.engine
    if scene.render.engine == "CYCLES":
        scene.cycles.samples, scene.cycles.use_denoising = before.cycles.samples, before.cycles.use_denoising
    scene.view_settings.view_transform = "Standard"  # the colours as they were painted
    scene.frame_start, scene.frame_end = before.frame_start, before.frame_start + frames - 1
    for obj in objects:
        scene.collection.objects.link(obj)
    corners = [obj.matrix_world @ Vector(corner) for obj in objects for corner in obj.bound_box]
    low, high = (Vector(map(choose, zip(*corners, strict=True))) for choose in (min, max))
    camera, sun = bpy.data.cameras.new("Patina Film"), bpy.data.lights.new("Patina Film", "SUN")
    sun.energy = 3.0
    rig, eye, light = (bpy.data.objects.new("Patina Film", data) for data in (None, camera, sun))
    world = bpy.data.worlds.new("Patina Film")
    world.color = (0.4, 0.4, 0.4)
    film.made += [rig, eye, light, camera, sun, world]
    scene.world, scene.camera = world, eye
    for obj in (rig, eye, light):
        scene.collection.objects.link(obj)
    rig.location = (low + high) / 2
    away = MARGIN * max((high - low).length / 2, 1e-3) / math.sin(camera.angle / 2)
    camera.clip_start, camera.clip_end = away / 100, 4 * away
    eye.parent = light.parent = rig
    eye.location = (0, -away * math.cos(ELEVATION), away * math.sin(ELEVATION))
    eye.rotation_euler = (math.pi / 2 - ELEVATION, 0, 0)
    light.rotation_euler = (math.radians(50), 0, math.radians(-35))  # it goes along: the object turns in it
    driver = rig.driver_add("rotation_euler", 2).driver
    driver.expression = f"(frame - {scene.frame_start}) * {-2 * math.pi / frames!r}"
    scene.render.resolution_x = scene.render.resolution_y = size
    _same_pace(scene, before)
    return film


def of_scene(context: bpy.types.Context) -> Film:
    """Prepare a film of the scene's frames, as its camera sees them. Raises PatinaError without one."""
    if context.scene.camera is None:
        raise PatinaError(
            f"The scene {context.scene.name} has no camera.", "Add one (Add > Camera).", "camera"
        )
    return Film(context.scene.copy(), Path())


def _same_pace(scene: bpy.types.Scene, before: bpy.types.Scene) -> None:
    scene.render.fps, scene.render.fps_base = before.render.fps, before.render.fps_base


def write_to(film: Film, target: Path, kind: str) -> None:
    """Set where `film` goes, and as what: MP4, or one of SUFFIXES. Raises PatinaError without a backend."""
    film.target = target
    render, image = film.scene.render, film.scene.render.image_settings
    share, even = render.resolution_percentage / 100, 2 if kind == "MP4" else 1  # as H.264 wants
    sides = (math.ceil(side * share / even) * even for side in (render.resolution_x, render.resolution_y))
    render.resolution_x, render.resolution_y = sides
    render.resolution_percentage, render.use_overwrite, render.use_placeholder = 100, True, False
    if kind == "MP4":
        if hasattr(image, "media_type"):  # from Blender 5.0 on
            image.media_type = "VIDEO"
        image.file_format = "FFMPEG"
        render.ffmpeg.format, render.ffmpeg.codec = "MPEG4", "H264"
        render.ffmpeg.constant_rate_factor, render.ffmpeg.audio_codec = "HIGH", "NONE"
        render.filepath = str(target)
        return
    folders.backend_python()  # told now, and not after minutes of rendering
    if hasattr(image, "media_type"):
        image.media_type = "IMAGE"
    image.file_format, image.color_mode, image.color_depth = "PNG", "RGB", "8"
    film.frames = tempfile.TemporaryDirectory(prefix="patina-film-", ignore_cleanup_errors=True)
    render.filepath = str(Path(film.frames.name) / "frame_")


def put_together(film: Film) -> None:
    """Have the backend make the film of the frames, where that is still to be done. Raises PatinaError."""
    if film.frames is not None:
        frames = sorted(map(str, Path(film.frames.name).glob("frame_*.png")))
        fps = film.scene.render.fps / film.scene.render.fps_base
        backend_verbs.run("film", *frames, "--out", str(film.target), "--fps", f"{min(fps, 100):g}")
    if not film.target.is_file():
        raise PatinaError(f"{film.target} was not written.", "See what Blender says on the console.", "film")


def render(film: Film, ended: Callable[[PatinaError | None], None]) -> None:
    """Render `film`; `ended` is told how that went. With a window it goes on by itself, with Blender's own
    progress and its own way to cancel it (Esc); then there is no film, and nothing is left of it."""
    if bpy.app.background:
        bpy.ops.render.render(animation=True, scene=film.scene.name)
        _end(film, True, ended)
        return
    handlers = bpy.app.handlers
    lists = handlers.render_complete, handlers.render_cancel

    def after(done: bool) -> Callable[..., None]:
        def hear(*_: object) -> None:
            for each, heard in zip(lists, heards, strict=True):
                each.remove(heard)
            bpy.app.timers.register(lambda: _end(film, done, ended), first_interval=0.1)

        return hear

    heards = after(True), after(False)
    for each, heard in zip(lists, heards, strict=True):
        each.append(heard)
    bpy.ops.render.render("INVOKE_DEFAULT", animation=True, scene=film.scene.name)


def _end(film: Film, done: bool, ended: Callable[[PatinaError | None], None]) -> None:
    error = None
    try:
        if done:
            put_together(film)
    except PatinaError as problem:
        error = problem
    finally:
        film.discard()
    ended(error)
