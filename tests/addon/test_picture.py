"""The Image Editor's panel: the jobs of flat images, and what comes back."""

from __future__ import annotations

import time
from types import SimpleNamespace

import bpy
import numpy as np
import pytest
import recorder
from bl_ext.user_default.patina.addon import folders, history, jobs, problems
from bl_ext.user_default.patina.addon.operators import paint_image
from bl_ext.user_default.patina.addon.scene import image as images
from bl_ext.user_default.patina.addon.scene import masks, picture
from bl_ext.user_default.patina.addon.ui import image_editor
from bl_ext.user_default.patina.backend.errors import PatinaError
from bl_ext.user_default.patina.backend.protocol.job import Job
from bl_ext.user_default.patina.backend.protocol.job_file import read_job

MODES = ("stylize", "dream", "deepdream", "texture")


@pytest.fixture(autouse=True)
def settings(_clean_file) -> bpy.types.PropertyGroup:
    settings = bpy.context.scene.patina
    settings.picture_size, settings.steps = 64, 2
    return settings


@pytest.fixture
def photo() -> bpy.types.Image:
    image = bpy.data.images.new("Photo", 96, 64)
    image.pixels.foreach_set(np.random.default_rng(0).random(96 * 64 * 4, np.float32))
    return image


def written(image: bpy.types.Image | None) -> Job:
    return read_job(paint_image.prepare(bpy.context.scene.patina, image).folder)


@pytest.mark.parametrize("mode", ["stylize", "texture"])
def test_of_a_sequence_the_frame_that_the_editor_shows_is_painted(settings, mode, tmp_path):
    settings.picture_mode = mode
    for number in (1, 2, 3):
        pixels = np.zeros((16, 16, 3))
        pixels[..., number - 1] = 0.8
        images.write_png(pixels, tmp_path / f"own_{number:03}.png")
    own = bpy.data.images.load(str(tmp_path / "own_001.png"))
    own.source = "SEQUENCE"
    areas = (area for screen in bpy.data.screens for area in screen.areas if area.ui_type == "IMAGE_EDITOR")
    editor = next(areas).spaces.active
    editor.image, user = own, editor.image_user
    user.frame_duration = 3
    for frame in (2, 3, 1):
        user.frame_current = frame  # as an editor in a window has it
        folder = paint_image.prepare(settings, own, user).folder
        file = folder / ("style.png" if mode == "texture" else "content.png")
        color = images.read_pixels(bpy.data.images.load(str(file)))[8, 8, :3]
        assert np.abs(color - 0.8 * np.eye(3)[frame - 1]).max() < 0.01
    user.frame_current = 9
    with pytest.raises(PatinaError, match=r"Frame 9 of own_001\.png is not there"):
        paint_image.prepare(settings, own, user)


def shown(image: bpy.types.Image | None = None) -> tuple[set[str], recorder.Recorder]:
    space = SimpleNamespace(image=image)
    drawn = [
        recorder.draw(panel, space=space)
        for panel in (image_editor.PATINA_PT_image, image_editor.PATINA_PT_image_advanced)
    ]
    return {name for layout in drawn for _, name in layout.props}, drawn[0]


SHOWN = {
    "stylize": {"style", "strength", "palette", "layers", "use_crop", "style_loss"},
    "dream": {"class_name", "kind"},
    "deepdream": set(),
    "texture": {"tileable", "layers"},
}
NEVER = {
    *("style_size", "motifs", "relief", "material", "follow_shape", "texture_size", "views", "unwrap"),
    "present",
    "reflectance",
}


@pytest.mark.parametrize("mode", MODES)
def test_each_mode_shows_its_own_settings_only(settings, photo, mode):
    settings.picture_mode, settings.steps = mode, 0
    names, layout = shown(photo)
    assert names & (set().union(*SHOWN.values()) | NEVER) == SHOWN[mode]
    assert {"picture_size", "seed"} <= names
    assert ("quality" in names) == (mode != "texture")  # which is sewn, and is so in seconds
    assert "patina.paint_image" in layout.operators


def test_without_an_image_it_says_so(settings):
    assert "Open an image" in " ".join(shown()[1].texts)
    settings.picture_mode = "dream"
    assert "Open an image" not in " ".join(shown()[1].texts)


def test_the_jobs(settings, photo):
    job = written(photo)
    assert (job.task, job.content, job.mesh, job.parameterization) == (
        "stylize",
        "content.png",
        None,
        "pixel",
    )
    settings.picture_mode = "dream"
    job = written(None)
    assert (job.task, job.content, job.targets[0].name, job.image_size) == ("dream", None, "daisy", 64)
    settings.picture_mode = "deepdream"
    job = written(photo)
    assert (job.targets[0].kind, job.content) == ("deepdream", "content.png")
    settings.picture_mode = "texture"
    job = written(photo)
    assert (job.task, job.tileable, job.scales) == ("synthesize", True, 3)
    assert [style.image for style in job.styles] == ["style.png"]


def test_no_image_is_an_error_with_its_cure(settings):
    with pytest.raises(RuntimeError, match="No image is open here"):
        bpy.ops.patina.paint_image()
    assert [problem.field for problem in problems.shown] == ["image"]
    assert not folders.jobs().is_dir() or not list(folders.jobs().iterdir())


def test_a_deepdream_is_a_new_image_in_the_editor_of_the_old(settings, photo):
    settings.picture_mode = "deepdream"
    editor = next(
        area.spaces.active
        for screen in bpy.data.screens
        for area in screen.areas
        if area.ui_type == "IMAGE_EDITOR"
    )
    editor.image = photo
    assert bpy.ops.patina.paint_image(image="Photo") == {"FINISHED"}
    made = bpy.data.images["Photo DeepDream"]
    assert tuple(made.size) == (64, 43)
    assert made.packed_file
    assert bpy.data.images["Photo"] == photo
    assert editor.image == made
    assert jobs.ended[-1].state == jobs.FINISHED


def test_from_history_a_flat_result_is_shown_in_an_editor_and_saved(photo, tmp_path):
    run = paint_image.prepare(bpy.context.scene.patina, photo)
    images.write_png(np.broadcast_to(np.float32((1, 0, 0)), (8, 8, 3)), run.texture)
    history.add(run.folder)
    for editor in picture._editors():
        editor.image = photo
    assert bpy.ops.patina.history_apply(folder=str(run.folder)) == {"FINISHED"}
    shown = bpy.data.images["Photo Stylized"]
    assert [editor.image for editor in picture._editors()].count(shown) == 1
    for editor in picture._editors():
        editor.image = photo
    for _ in range(2):  # the first time, what an editor has shown is still saved
        bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "file.blend"))
        bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "file.blend"))
    assert bpy.data.images["Photo Stylized"].pixels[0] == 1


def pump(until, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < deadline
        jobs.pump()
        time.sleep(0.01)


def test_a_photograph_is_steered_ended_and_gone_on_with(settings, photo):
    settings.picture_mode, settings.quality, settings.steps = "stylize", "draft", 100_000
    areas = (area for screen in bpy.data.screens for area in screen.areas if area.ui_type == "IMAGE_EDITOR")
    editor = next(areas).spaces.active
    editor.image = photo
    run = paint_image.prepare(settings, photo)
    jobs.submit(run)
    pump(until=lambda: run.progress.step > 1)
    editor.image = None
    settings.strength = 0.6
    step = run.progress.step
    pump(until=lambda: run.progress.step > step + 2)
    assert read_job(run.folder).strength == 0.5
    editor.image = photo
    pump(until=lambda: run.progress.step > step + 4)
    settings.strength = 0.8
    pump(until=lambda: run.progress.stage == "adapting")
    assert round(read_job(run.folder).strength, 3) == 0.8
    pump(until=lambda: run.progress.stage != "adapting" and run.progress.step > 0)
    assert bpy.ops.patina.enough() == {"FINISHED"}
    pump(until=lambda: not jobs.queue)
    assert (run.state, run.notes) == (jobs.FINISHED, [])
    assert editor.image == bpy.data.images["Photo Stylized"]
    entry = history.find(str(run.folder))
    assert entry.lacks_steps
    rest = jobs.Run(history.go_on(entry, None), run.python)
    jobs.submit(rest)
    pump(until=lambda: rest.progress.step > 0)
    assert bpy.ops.patina.enough() == {"FINISHED"}
    pump(until=lambda: not jobs.queue)
    assert rest.state == jobs.FINISHED, rest.error
    assert editor.image == bpy.data.images["Photo Stylized.001"]  # in place of the one that it goes on with


def test_what_is_drawn_on_a_painted_picture_is_kept_when_it_goes_on(photo):
    run = paint_image.prepare(bpy.context.scene.patina, photo)
    jobs.submit(run)
    pump(until=lambda: not jobs.queue)
    assert run.state == jobs.FINISHED, run.error
    entry, image = history.find(str(run.folder)), bpy.data.images["Photo Stylized"]
    assert read_job(history.go_on(entry, 2).folder).drawn is None
    pixels = images.read_pixels(image).copy()
    pixels[20:26, 10:54, :3] = (0.9, 0.1, 0.05)
    image.pixels.foreach_set(pixels.ravel())
    image.update()
    for expected in ("Photo Stylized.001", "Photo Stylized.002"):  # gone on with once more, it is still drawn
        assert bpy.ops.patina.history_go_on(folder=str(run.folder), steps=2) == {"FINISHED"}
        pump(until=lambda: not jobs.queue)
        run = jobs.ended[-1]
        assert run.state == jobs.FINISHED, run.error
        assert masks.read(run.folder / read_job(run.folder).drawn_mask).sum() == 6 * 44
        shown = images.read_pixels(bpy.data.images[expected])[21:25, 12:52, :3]
        assert np.abs(shown - (0.9, 0.1, 0.05)).mean() < 0.06


def test_a_render_result_says_what_to_do(tmp_path):
    scene = bpy.context.scene
    scene.render.engine, scene.cycles.samples, scene.cycles.use_denoising = "CYCLES", 1, False
    scene.render.resolution_x = scene.render.resolution_y = 16
    camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    scene.collection.objects.link(camera)
    scene.camera = camera
    bpy.ops.render.render()
    with pytest.raises(PatinaError, match="Save As"):
        images.read_pixels(bpy.data.images["Render Result"])
