"""Films of stylized objects, rendered by Blender, and that nothing of the artist's is changed."""

from __future__ import annotations

import errno
import resource
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import bpy
import numpy as np
import pytest
from bl_ext.user_default.patina.addon import problems
from bl_ext.user_default.patina.addon.export import film
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


def artists(scene: bpy.types.Scene) -> dict[str, object]:
    """What a film could change: how the scene renders, where it stands, what it shows, in which materials."""
    found = {name: getattr(scene, name) for name in ("frame_current", "frame_start", "frame_end", "camera")}
    for part in (scene.render, scene.render.image_settings, scene.render.ffmpeg, scene.view_settings):
        for prop in part.bl_rna.properties:
            if prop.type in ("BOOLEAN", "INT", "FLOAT", "STRING", "ENUM"):
                found[f"{part.bl_rna.identifier}.{prop.identifier}"] = str(getattr(part, prop.identifier))
    for obj in scene.objects:
        place = [tuple(row) for row in obj.matrix_world]
        worn = [slot.material for slot in obj.material_slots]
        found[obj.name] = place, worn, obj.hide_render, obj.hide_get(), obj.select_get()
    return found


def temporary() -> list[Path]:
    return list(Path(bpy.app.tempdir).glob("patina-film-*"))


@contextmanager
def meanwhile(do: Callable[[], object]) -> Iterator[None]:
    """Have something done before each frame is rendered."""

    def handler(*_: object) -> None:
        do()

    bpy.app.handlers.render_pre.append(handler)
    try:
        yield
    finally:
        bpy.app.handlers.render_pre.remove(handler)


def test_what_a_film_is_of_stays_as_it_was(stylized, tmp_path):
    scene = bpy.context.scene
    scene.frame_set(7)
    scene.render.filepath, scene.render.resolution_percentage = "//mine_", 50
    scene.render.use_file_extension, scene.render.image_settings.file_format = False, "JPEG"
    before = artists(scene)
    assert bpy.ops.patina.film(filepath=str(tmp_path / "a"), frames=2, size=16, kind="GIF") == {"FINISHED"}
    assert artists(scene) == before
    assert [path.name for path in tmp_path.iterdir()] == ["a.gif"]
    assert (temporary(), [problem.message for problem in problems.shown]) == (
        [],
        [f"Wrote {tmp_path / 'a.gif'}"],
    )


@pytest.mark.parametrize("kind", ["MP4", "WEBP"])
def test_where_no_more_can_be_written_there_is_no_film(stylized, tmp_path, kind):
    before = counted(), artists(bpy.context.scene)
    old = tmp_path / f"old.{kind.lower()}"
    old.write_bytes(b"as it was")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300, limits[1]))  # as a disk that is full: writing fails
    try:
        with pytest.raises(RuntimeError, match="film was not"):
            bpy.ops.patina.film(filepath=str(old), frames=3, size=64, kind=kind, overwrite=True)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert (counted(), artists(bpy.context.scene)) == before
    assert old.read_bytes() == b"as it was"
    assert [path.name for path in tmp_path.iterdir()] == [old.name]
    assert (temporary(), film.current) == ([], None)


def test_a_place_that_cannot_be_written_is_told(stylized, tmp_path):
    before = counted()
    with pytest.raises(RuntimeError, match="no folder"):
        bpy.ops.patina.film(filepath=str(tmp_path / "missing" / "a.mp4"), frames=2, size=16)
    folder = tmp_path / "gone"
    folder.mkdir()
    with (
        meanwhile(lambda: shutil.rmtree(folder, ignore_errors=True)),
        pytest.raises(RuntimeError, match="cannot be written"),
    ):
        bpy.ops.patina.film(filepath=str(folder / "b.mp4"), frames=2, size=16)
    assert (counted(), temporary(), list(tmp_path.iterdir())) == (before, [], [])


@pytest.mark.parametrize("there", ["nothing", "an old film"])
def test_what_came_to_be_there_while_a_film_was_made_stays(stylized, tmp_path, there):
    """Somebody saves a file of that name, where there was none or an old one that may be replaced."""
    target, second, third = (tmp_path / f"a{end}.mp4" for end in ("", "_2", "_3"))
    second.mkdir()
    if there != "nothing":
        target.write_bytes(b"old")
    with meanwhile(lambda: target.write_bytes(b"newer")):
        bpy.ops.patina.film(filepath=str(target), frames=2, size=16, overwrite=there != "nothing")
    assert target.read_bytes() == b"newer"
    assert {path.name for path in tmp_path.iterdir()} == {target.name, second.name, third.name}
    assert len(third.read_bytes()) > 100
    assert list(second.iterdir()) == []
    (told,) = (problem.message for problem in problems.shown)
    assert told == f"Wrote {third}; {target.name} came to be there meanwhile, and stays"


def test_what_was_there_before_a_film_is_replaced_where_it_may_be(stylized, tmp_path):
    target = tmp_path / "a.mp4"
    target.write_bytes(b"old")
    assert bpy.ops.patina.film(filepath=str(target), frames=2, size=16, overwrite=True) == {"FINISHED"}
    assert [path.name for path in tmp_path.iterdir()] == [target.name]
    assert len(target.read_bytes()) > 100


@pytest.mark.parametrize("appears", [False, True])
def test_a_film_that_cannot_be_copied_leaves_no_empty_file(stylized, tmp_path, monkeypatch, appears):
    """As on a full disk, be its name free or another that is."""

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(film.shutil, "copyfileobj", full)
    target = tmp_path / "a.mp4"
    with (
        meanwhile(lambda: appears and target.write_bytes(b"newer")),
        pytest.raises(RuntimeError, match="No space left"),
    ):
        bpy.ops.patina.film(filepath=str(target), frames=2, size=16)
    assert [path.name for path in tmp_path.iterdir()] == [target.name] * appears


def test_what_was_saved_during_a_film_has_nothing_of_it(stylized, tmp_path):
    before = counted()
    film.turn(bpy.context, [stylized], 3, 16)
    assert counted() != before
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "meanwhile.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "meanwhile.blend"))
    assert counted() == before
