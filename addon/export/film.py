"""Stylized objects in motion → a film: turned around, or as the scene's camera sees them.

Blender renders it, in a scene of its own, so that nothing of the artist's is changed: MP4 by its FFmpeg; the
frames of a WebP or a GIF are put together by the backend. All is made in a folder for the while, and what is
whole takes its place: however a film ends, there is no half of one, and what came to be there meanwhile
stays.
"""

from __future__ import annotations

import atexit
import contextlib
import math
import shutil
import struct
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import bpy
from mathutils import Vector

from ...backend.errors import PatinaError
from ...backend.writing import replacing
from .. import backend_verbs, folders, jobs, problems

ELEVATION = 0.25  # radians that the camera of a turn stands above
MARGIN = 1.1  # around what it sees
SUFFIXES = {"MP4": ".mp4", "WEBP": ".webp", "GIF": ".gif"}
SOURCE = "film"  # whose problems these are
MADE_FOR = "patina_film"  # a property of what is made for a film: an undo makes all references to it stale
_KINDS = ("scenes", "objects", "cameras", "lights", "worlds")  # of that
_TICK_SECONDS = 0.2
_LEAST_ROOM = 1 << 20  # bytes; with less, a disk is full
State = tuple[int, ...]  # by which one version of a file is told from all others


@dataclass
class Film:
    """A film to be rendered, where it goes, and how far it is."""

    scene: str
    frames: int
    fps: float
    target: Path
    before: State | None  # of what is at the target as the film begins, which may be replaced
    folder: tempfile.TemporaryDirectory[str]  # of what is not whole yet
    written: int = 0  # of the frames
    cancelled: bool = False
    joining: subprocess.Popen[str] | None = None  # the backend, putting frames together

    @property
    def whole(self) -> Path:
        """Where it lies until it takes its place."""
        return Path(self.folder.name, "film" + self.target.suffix)


current: Film | None = None


def turn(
    context: bpy.types.Context, objects: Sequence[bpy.types.Object], frames: int, size: int
) -> bpy.types.Scene:
    """Make a scene of `objects`, turned around once in so many frames, in squares of `size` pixels."""
    before = context.scene
    scene = bpy.data.scenes.new("Patina Film")
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
    for made in (scene, rig, eye, light, camera, sun, world):
        made[MADE_FOR] = True
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
    scene.render.fps, scene.render.fps_base = before.render.fps, before.render.fps_base
    return scene


def of_scene(context: bpy.types.Context) -> bpy.types.Scene:
    """Copy the scene, to be filmed as its camera sees it. Raises PatinaError without one."""
    if context.scene.camera is None:
        raise PatinaError(
            f"The scene {context.scene.name} has no camera.", "Add one (Add > Camera).", "camera"
        )
    scene = context.scene.copy()
    scene[MADE_FOR] = True
    return scene


def render(scene: bpy.types.Scene, target: Path, kind: str) -> None:
    """Render `scene` as the file `target`, of one of SUFFIXES.

    With a window it goes on by itself, with Blender's own progress and way to cancel (Esc), and tells by a
    problem or a note how it ended. Raises PatinaError where it cannot begin; without a window, where it
    fails.
    """
    global current
    if kind != "MP4":
        folders.backend_python()  # told now, and not after minutes of rendering
    problems.clear(SOURCE)
    work = tempfile.TemporaryDirectory(prefix="patina-film-", dir=bpy.app.tempdir, ignore_cleanup_errors=True)
    frames = len(range(scene.frame_start, scene.frame_end + 1, scene.frame_step))
    fps = scene.render.fps / scene.render.fps_base
    current = Film(scene.name, frames, fps, target, _state(target), work)
    _set_output(scene, current, kind)
    if bpy.app.background:
        try:
            with contextlib.suppress(RuntimeError):  # then frames are missing
                bpy.ops.render.render(animation=True, scene=scene.name)
            while _advance():
                time.sleep(_TICK_SECONDS)
        finally:
            leave()
        return
    if bpy.ops.render.render("INVOKE_DEFAULT", animation=True, scene=scene.name) != {"RUNNING_MODAL"}:
        leave()
        raise PatinaError("Blender does not begin to render.", "End what it renders, and try again.", SOURCE)
    bpy.app.timers.register(_tick, first_interval=_TICK_SECONDS, persistent=True)


def _set_output(scene: bpy.types.Scene, film: Film, kind: str) -> None:
    render, image = scene.render, scene.render.image_settings
    share, even = render.resolution_percentage / 100, 2 if kind == "MP4" else 1  # as H.264 wants
    sides = (math.ceil(side * share / even) * even for side in (render.resolution_x, render.resolution_y))
    render.resolution_x, render.resolution_y = sides
    render.resolution_percentage, render.use_overwrite, render.use_placeholder = 100, True, False
    render.use_file_extension = True
    if kind == "MP4":
        if hasattr(image, "media_type"):  # from Blender 5.0 on
            image.media_type = "VIDEO"
        image.file_format = "FFMPEG"
        render.ffmpeg.format, render.ffmpeg.codec = "MPEG4", "H264"
        render.ffmpeg.constant_rate_factor, render.ffmpeg.audio_codec = "HIGH", "NONE"
        render.filepath = str(film.whole)
        return
    if hasattr(image, "media_type"):
        image.media_type = "IMAGE"
    image.file_format, image.color_mode, image.color_depth = "PNG", "RGB", "8"
    render.filepath = str(Path(film.folder.name) / "frame_")


def cancel() -> None:
    """End the film that is being made; nothing is left of it."""
    if current is None:
        return
    current.cancelled = True
    if current.joining is not None:
        current.joining.kill()
    scene = bpy.data.scenes.get(current.scene)
    if scene is not None and bpy.app.is_job_running("RENDER"):
        with bpy.context.temp_override(scene=scene):
            bpy.ops.scene.delete()  # scripts have no other way to end a render


def _tick() -> float | None:
    try:
        more = _advance()
    except PatinaError as error:
        problems.tell(error, SOURCE)
        more = False
    if not more:
        leave()
    jobs.redraw()
    return _TICK_SECONDS if more else None


def _advance() -> bool:
    """Take the film forward, and tell whether more is to be done. Raises PatinaError where that fails."""
    film = current
    assert film is not None
    if film.joining is None:
        if bpy.app.is_job_running("RENDER"):
            return True
        _sweep()
        if film.written < film.frames and shutil.disk_usage(film.folder.name).free < _LEAST_ROOM:
            raise PatinaError(
                f"There is no room left on the disk of {bpy.app.tempdir}, where films are rendered.",
                "Make some, or choose another folder in Preferences > File Paths > Temporary Files.",
                SOURCE,
            )
        if film.written < film.frames and bpy.app.background:  # where nobody can have ended it
            raise PatinaError("The film was not rendered.", "See what Blender says on the console.", SOURCE)
        if film.written == film.frames and film.target.suffix != SUFFIXES["MP4"] and not film.cancelled:
            pictures = sorted(map(str, Path(film.folder.name).glob("frame_*.png")))
            fps = f"{min(film.fps, 100):g}"
            film.joining = backend_verbs.start("film", *pictures, "--out", str(film.whole), "--fps", fps)
            return True
    elif film.joining.poll() is None:
        return True
    elif not film.cancelled:
        backend_verbs.finish("film", film.joining)
    if film.cancelled or film.written < film.frames:
        problems.note(
            f"The film ended after {film.written} of {film.frames} frames; there is no file.", SOURCE
        )
        return False
    if film.target.suffix == SUFFIXES["MP4"] and not _is_whole(film.whole):  # Blender says nothing of that
        raise PatinaError(
            "The film was not written as a whole.", f"Make room on the disk of {bpy.app.tempdir}.", SOURCE
        )
    place = _take_its_place(film)
    stays = "" if place == film.target else f"; {film.target.name} came to be there meanwhile, and stays"
    problems.note(f"Wrote {place}{stays}", SOURCE)
    return False


def _is_whole(path: Path) -> bool:
    """Whether an MP4 is boxes to its very end, the last thing written, its index, among them."""
    if not path.is_file():
        return False
    found, place, size = set(), 0, path.stat().st_size
    with path.open("rb") as stream:
        while place < size:
            stream.seek(place)
            length, name = struct.unpack(">I4s", stream.read(8).ljust(8, b"\0"))
            if length == 1:  # it follows, in 64 bits
                (length,) = struct.unpack(">Q", stream.read(8).ljust(8, b"\0"))
            if length < 8:
                return False
            found.add(name)
            place += length
    return place == size and b"moov" in found


def _state(path: Path) -> State | None:
    """Tell which version of a file is at `path`; None: nothing is."""
    try:
        found = path.lstat()
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def _take_its_place(film: Film) -> Path:
    """Put the whole film where it was asked to be, or beside what came to be there since it began, and give
    its place. Raises PatinaError."""
    taken = None
    try:
        if film.before is None or film.before != _state(film.target):
            taken = _take_free_name(film.target)
        place = taken or film.target
        with film.whole.open("rb") as source, replacing(place) as stream:
            shutil.copyfileobj(source, stream)
        return place
    except OSError as error:
        if taken is not None:
            taken.unlink(missing_ok=True)
        raise PatinaError(
            f"{film.target} cannot be written: {error.strerror or error}.",
            "Choose a folder that can be written, on a disk with room.",
            SOURCE,
        ) from None


def _take_free_name(path: Path) -> Path:
    """Make an empty file at `path`, or, where anything is there, at the first of _2, _3 … that is free, so
    that nobody else takes the name. Raises OSError."""
    number, place = 1, path
    while True:
        try:
            place.open("xb").close()
            return place
        except FileExistsError:
            number += 1
            place = path.with_name(f"{path.stem}_{number}{path.suffix}")


def leave() -> None:
    """Leave nothing of a film but its file."""
    _forget()
    _sweep()


def _forget() -> None:
    global current
    film, current = current, None
    if film is not None:
        if film.joining is not None:
            film.joining.kill()
        film.folder.cleanup()


def _sweep() -> None:
    for kind in _KINDS:
        data = getattr(bpy.data, kind)
        for each in [each for each in data if MADE_FOR in each]:
            data.remove(each)


@bpy.app.handlers.persistent
def _on_write(scene: bpy.types.Scene, *_: object) -> None:
    if current is not None and scene.name == current.scene:
        current.written += 1


@bpy.app.handlers.persistent
def _on_other_file(*_: object) -> None:
    """What an undo, or a file that was saved meanwhile, brings back of a film goes again."""
    if current is None:
        _sweep()


_HANDLERS = {"render_write": _on_write} | dict.fromkeys(
    ("undo_post", "redo_post", "load_post"), _on_other_file
)


def stop() -> None:
    """Leave nothing running: Blender ends, or the add-on is switched off.

    A timer that is still registered when Blender ends would hang it.
    """
    if bpy.app.timers.is_registered(_tick):
        bpy.app.timers.unregister(_tick)
    _forget()


def register() -> None:
    atexit.register(stop)
    for name, handler in _HANDLERS.items():
        getattr(bpy.app.handlers, name).append(handler)


def unregister() -> None:
    for name, handler in _HANDLERS.items():
        getattr(bpy.app.handlers, name).remove(handler)
    atexit.unregister(stop)
    cancel()
    stop()  # and no sweep: as Blender quits, it crashes
