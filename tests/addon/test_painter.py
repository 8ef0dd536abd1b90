"""The painter that stays, and what the queue makes of it: with the real backend, at a step or two."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import bpy
import numpy as np
import pytest
from bl_ext.user_default.patina.addon import folders, history, installation, jobs, problems, steering, studio
from bl_ext.user_default.patina.addon.operators import stylize as stylizing
from bl_ext.user_default.patina.addon.painter import Painter
from bl_ext.user_default.patina.addon.scene import image as images
from bl_ext.user_default.patina.addon.scene import masks, material
from bl_ext.user_default.patina.backend.errors import PatinaError
from bl_ext.user_default.patina.backend.protocol.job_file import read_job

MAX_SECONDS = 240  # of a job on a busy machine


@pytest.fixture(autouse=True)
def panel(_clean_file) -> bpy.types.PropertyGroup:
    """The panel's properties, for the quickest of jobs: nothing changes."""
    panel = bpy.context.scene.patina
    panel.quality, panel.texture_size, panel.strength = "draft", "256", 0.0
    return panel


@pytest.fixture(autouse=True)
def _settings() -> None:
    yield
    settings = folders.preferences()
    settings.keep_painter, settings.idle_minutes, settings.leave_for_renders = True, 10, False


def submitted() -> jobs.Run:
    (run,) = stylizing.prepare(bpy.context)
    jobs.submit(run)
    jobs.pump()
    return run


def pump(until=lambda: not jobs.queue, seconds: float = MAX_SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < deadline
        jobs.pump()
        time.sleep(0.01)


def painted() -> jobs.Run:
    run = submitted()
    pump()
    assert run.state == jobs.FINISHED, run.error
    return run


def gone_seconds() -> float:
    """Tell what two and a half seconds of a free core are where so many processes wait for each."""
    busy = os.getloadavg()[0] / (os.cpu_count() or 1) if hasattr(os, "getloadavg") else 1.0
    return 2.5 * max(1.0, busy)


def waits_for_the_end_of(painter: Painter) -> bool:
    deadline = time.monotonic() + gone_seconds()
    while painter.is_running and time.monotonic() < deadline:
        time.sleep(0.01)
    return not painter.is_running


def test_the_next_job_has_the_same_painter_which_says_what_it_holds(cube):
    first = painted()
    painter = studio.painter
    assert painted().process.pid == first.process.pid == painter.pid
    deadline = time.monotonic() + 5
    while studio.memory() < 1e8 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert 1e8 < studio.memory() < 1e11
    assert bpy.ops.patina.let_painter_go() == {"FINISHED"}
    assert waits_for_the_end_of(painter)
    assert studio.memory() == 0
    assert painted().process.pid != painter.pid


def test_a_job_that_fails_and_one_that_is_cancelled_leave_the_painter(cube, panel, tmp_path):
    painted()
    painter = studio.painter
    panel.style, panel.style_file = "FILE", str(tmp_path / "style.png")
    (tmp_path / "style.png").write_text("no image")
    run = submitted()
    pump()
    assert run.state == jobs.FAILED
    panel.style, panel.strength, panel.steps = "starry_night", 0.5, 100_000
    run = submitted()
    pump(until=lambda: run.progress.step > 0)
    assert bpy.ops.patina.cancel() == {"FINISHED"}
    pump(seconds=gone_seconds())
    assert run.state == jobs.CANCELLED
    panel.strength, panel.steps = 0.0, 0
    stays = painter.is_running  # on a busy machine a step may take longer than a cancel waits for
    assert (painted().process.pid == painter.pid) == stays
    assert not list(run.folder.glob("*.part"))


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
@pytest.mark.parametrize("state", ["starting", "waiting", "painting", "deaf"])
def test_a_painter_that_dies_costs_its_job_alone(cube, panel, state):
    if state == "starting":
        studio.stop()
    else:
        painted()
    if state != "waiting":
        panel.strength, panel.steps = 0.5, 100_000
        run = submitted()
        if state != "starting":
            pump(until=lambda: run.progress.step > 0)
    painter = studio.painter
    os.kill(painter.pid, signal.SIGSTOP if state == "deaf" else signal.SIGKILL)
    if state == "waiting":
        assert waits_for_the_end_of(painter)
    elif state == "deaf":
        bpy.ops.patina.cancel()
        pump(seconds=gone_seconds())
        assert run.state == jobs.CANCELLED
        assert not painter.is_running
    else:
        pump()
        assert run.state == jobs.FAILED
        assert "SIGKILL" in problems.shown[-1].message
    panel.strength, panel.steps = 0.0, 0
    assert painted().process.pid != painter.pid


def test_it_goes_when_nobody_asks_for_anything_and_at_once_where_it_is_not_to_stay(cube):
    folders.preferences().keep_painter = False
    studio.stop()
    run = painted()
    assert waits_for_the_end_of(studio.painter)
    folders.preferences().keep_painter = True
    assert painted().process.pid != run.process.pid
    assert studio.painter.is_running
    studio.painter.idle_seconds = 0.2  # minutes are too long for a test
    painted()
    assert waits_for_the_end_of(studio.painter)


def test_what_it_was_started_with_has_changed(cube, monkeypatch):
    """A variable that the backend reads; its set-up, which an update replaces."""
    first = painted()
    monkeypatch.setenv("PATINA_CHANGED", "1")
    second = painted()
    assert second.process.pid != first.process.pid
    assert not first.process._painter.is_running
    monkeypatch.setattr(installation, "_start", lambda verb, python, arguments: None)
    installation.begin(installation.VERIFY)
    assert studio.painter.is_running
    installation.begin(installation.REPAIR)
    assert studio.painter is None
    assert not second.process._painter.is_running


def test_it_goes_for_a_render_if_asked_and_never_with_a_job(cube, panel):
    painted()
    painter = studio.painter
    for handler in bpy.app.handlers.render_init:
        handler(None)
    assert painter.is_running
    folders.preferences().leave_for_renders = True
    panel.strength, panel.steps = 0.5, 100_000
    run = submitted()
    pump(until=lambda: run.progress.step > 0)
    studio._on_render()
    step = run.progress.step
    pump(until=lambda: run.progress.step > step)
    bpy.ops.patina.cancel()
    pump(seconds=gone_seconds())
    studio._on_render()
    assert waits_for_the_end_of(painter)


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="counts open files in /proc")
def test_each_job_has_its_own_log_and_no_file_stays_open(cube):
    painted()
    before = open_files()
    assert (painted().folder / jobs.LOG_FILE).is_file()
    deadline = time.monotonic() + 5
    while open_files() > before and time.monotonic() < deadline:
        time.sleep(0.05)
    assert open_files() <= before


def test_enough_takes_what_there_is_and_history_goes_on(cube, panel):
    panel.strength, panel.steps = 0.5, 100_000
    run = submitted()
    assert not bpy.ops.patina.enough.poll()
    pump(until=lambda: run.progress.step > 0)
    assert bpy.ops.patina.enough() == {"FINISHED"}
    pump()
    assert run.state == jobs.FINISHED
    assert material.stylized_node(cube.material_slots[0].material).image.name == "Cube Stylized"
    (entry,) = (entry for entry in history.entries if entry.folder == run.folder)
    assert (entry.is_whole, entry.lacks_steps) == (True, True)
    prepared = history.go_on(entry, None)
    assert read_job(prepared.folder).resume == history.RESUME_FILE


def test_what_changes_in_the_panel_is_taken_up_while_it_paints_if_its_object_is_selected(cube, panel):
    panel.strength, panel.steps = 0.3, 100_000
    run = submitted()
    pump(until=lambda: run.progress.step > 1)
    cube.select_set(False)
    panel.strength = 0.5
    pump(until=lambda: run.progress.step > 3)
    assert read_job(run.folder).strength == pytest.approx(0.3)
    cube.select_set(True)
    step = run.progress.step
    pump(until=lambda: run.progress.step > step)
    panel.strength = 0.6
    panel.strength, panel.palette = 0.8, 0.5
    pump(until=lambda: run.progress.stage == "adapting")
    job = read_job(run.folder)
    assert (job.strength, job.colors, job.seed) == (pytest.approx(0.8), 0.5, 0)
    pump(until=lambda: run.progress.step > 0 and run.progress.stage != "adapting")
    assert bpy.ops.patina.enough() == {"FINISHED"}
    pump()
    assert run.state == jobs.FINISHED, run.error
    assert not run.notes
    (entry,) = (entry for entry in history.entries if entry.folder == run.folder)
    assert entry.settings["strength"] == pytest.approx(0.8)


def test_another_painting_or_seed_is_handed_over_in_files_of_its_own(cube, panel):
    panel.strength, panel.steps = 0.3, 100_000
    run = submitted()
    pump(until=lambda: run.progress.step > 1)
    before = (run.folder / read_job(run.folder).styles[0].image).read_bytes()
    panel.style, panel.seed = "great_wave", 5
    pump(until=lambda: run.progress.stage == "adapting")
    job = read_job(run.folder)
    assert job.seed == 5
    assert job.styles[0].image == "style_1.jpg"
    assert (run.folder / "style.jpg").read_bytes() == before
    pump(until=lambda: run.progress.step > 0)
    bpy.ops.patina.enough()
    pump()
    assert run.state == jobs.FINISHED, run.error
    assert not run.notes


def weights_of(run: jobs.Run) -> np.ndarray:
    with np.load(run.folder / read_job(run.folder).mesh) as arrays:
        return arrays["weights"] if "weights" in arrays else np.ones(0)


def test_a_mask_that_changes_is_taken_up_as_the_artist_leaves_its_mode(cube, panel):
    scope = bpy.context.scene.patina_scope
    panel.strength, panel.steps, scope.mask = 0.3, 100_000, "FACES"
    for face in cube.data.polygons:
        face.select = face.index < 3
    run = submitted()
    pump(until=lambda: run.progress.step > 1)
    assert weights_of(run).mean() == 0.5
    bpy.ops.object.mode_set(mode="EDIT")
    pump(until=lambda: steering._watched.touched)
    bpy.ops.mesh.select_all(action="SELECT")
    bpy.ops.object.mode_set(mode="OBJECT")
    pump(until=lambda: run.progress.stage == "adapting")
    assert read_job(run.folder).mesh == "mesh_1.npz"
    assert weights_of(run).mean() == 1.0
    picture = bpy.data.images.new("Where", 8, 8)
    picture.pixels = [1.0] * (4 * 32) + [0.0, 0.0, 0.0, 1.0] * 32
    scope.mask_image, scope.mask = picture, "IMAGE"
    pump(until=lambda: read_job(run.folder).mask)
    assert read_job(run.folder).mesh == "mesh_2.npz"
    assert weights_of(run).size == 0
    scope.mask = "NONE"
    pump(until=lambda: read_job(run.folder).mask is None)
    pump(until=lambda: not list(run.folder.glob("mask*.png")))
    pump(until=lambda: run.progress.step > 0)
    bpy.ops.patina.enough()
    pump()
    assert run.state == jobs.FINISHED, run.error
    assert not run.notes


def test_a_mask_that_begins_while_a_job_runs_is_taken_up(cube, panel):
    panel.strength, panel.steps = 0.3, 100_000
    for face in cube.data.polygons:
        face.select = face.index < 3
    run = submitted()
    pump(until=lambda: run.progress.step > 1)
    assert weights_of(run).size == 0
    bpy.context.scene.patina_scope.mask = "FACES"
    pump(until=lambda: run.progress.stage == "adapting")
    assert weights_of(run).mean() == 0.5
    pump(until=lambda: run.progress.step > 0 and run.progress.stage != "adapting")
    bpy.ops.patina.enough()
    pump()
    assert run.state == jobs.FINISHED, run.error
    assert not run.notes
    where = masks.read(run.folder / "mask.png")
    assert where.shape == (256, 256)
    shown = images.read_pixels(history.signed_image(cube))[..., :3]
    assert np.ptp(shown[where == 0], axis=0).max() < 0.01
    assert np.ptp(shown[where == 1], axis=0).min() > 0.1


def test_what_is_drawn_on_a_result_goes_into_the_job_that_goes_on_with_it(cube, panel):
    panel.strength, panel.steps = 0.5, 2
    run = painted()
    entry = history.find(str(run.folder))
    assert read_job(history.go_on(entry, 3).folder).drawn is None
    image = history.signed_image(cube)
    pixels = images.read_pixels(image).copy()
    pixels[140:160, 40:200, :3] = (0.9, 0.1, 0.05)
    image.pixels.foreach_set(pixels.ravel())
    image.update()
    assert bpy.ops.patina.history_go_on(folder=str(run.folder), steps=2) == {"FINISHED"}
    pump()
    after = jobs.ended[-1]
    assert after.state == jobs.FINISHED, after.error
    job = read_job(after.folder)
    where = masks.read(after.folder / job.drawn_mask)
    assert where[140:160, 40:200].min() == 1
    assert where.sum() == 20 * 160
    new = history.signed_image(cube)
    assert new[history.FOLDER_KEY] == after.folder.name
    shown = images.read_pixels(new)[142:158, 44:196, :3]
    assert np.abs(shown - (0.9, 0.1, 0.05)).mean() < 0.06
    # Gone on with once more, it is still what the artist drew.
    again = history.go_on(history.find(str(after.folder)), 2)
    known = masks.read(again.folder / read_job(again.folder).drawn_mask)
    assert known.sum() == 20 * 160


def test_what_is_drawn_on_one_of_several_tiles_is_kept_once_it_is_saved(panel):
    bpy.ops.mesh.primitive_grid_add(x_subdivisions=2, y_subdivisions=1, calc_uvs=True)
    obj = bpy.context.object
    corners = np.empty(2 * len(obj.data.loops), np.float32)
    obj.data.uv_layers[0].uv.foreach_get("vector", corners)
    corners[::2] *= 2  # over the tiles 1001 and 1002
    obj.data.uv_layers[0].uv.foreach_set("vector", corners)
    panel.strength, panel.steps = 0.5, 2
    run = painted()
    image = history.signed_image(obj)
    # Asked for its size a tile is loaded, as it is where it is painted on; else Blender packs none.
    assert [(tile.number, *tile.size) for tile in image.tiles] == [(1001, 256, 256), (1002, 256, 256)]
    pixels = images.read_pixels(image).copy()  # those of the first tile
    pixels[40:60, 40:200, :3] = (0.9, 0.1, 0.05)
    image.pixels.foreach_set(pixels.ravel())
    entry = history.find(str(run.folder))
    with pytest.raises(PatinaError, match="is not saved"):
        history.go_on(entry, 2)
    image.pack()
    assert bpy.ops.patina.history_go_on(folder=str(run.folder), steps=2) == {"FINISHED"}
    pump()
    after = jobs.ended[-1]
    assert after.state == jobs.FINISHED, after.error
    first, second = read_job(after.folder).tiles
    where = masks.read(after.folder / first.drawn_mask)
    assert where[40:60, 40:200].min() == 1
    assert where.sum() == 20 * 160
    assert second.drawn is None
    with images.tile(history.signed_image(obj), 1001, after.folder / "new.tile") as new:
        shown = images.read_pixels(new)[42:58, 44:196, :3]
    assert np.abs(shown - (0.9, 0.1, 0.05)).mean() < 0.06


def test_each_result_that_is_taken_is_one_step_and_an_undo_goes_to_before_the_job(cube, panel):
    def worn() -> str | None:
        image = history.signed_image(bpy.data.objects["Cube"])
        return image and image[history.FOLDER_KEY]

    panel.strength, panel.steps = 0.5, 100_000
    bpy.ops.ed.undo_push(message="Before")
    run = submitted()
    pump(until=lambda: run.progress.step > 1)
    panel.strength = 0.8
    pump(until=lambda: run.progress.stage == "adapting")
    pump(until=lambda: run.progress.stage != "adapting" and run.progress.step > 0)
    bpy.ops.patina.enough()
    pump()
    rest = jobs.Run(history.go_on(history.find(str(run.folder)), None), run.python)
    jobs.submit(rest)
    pump(until=lambda: rest.progress.step > 0)
    bpy.ops.patina.enough()
    pump()
    assert worn() == rest.folder.name
    bpy.ops.ed.undo()
    assert worn() == run.folder.name
    bpy.ops.ed.undo()
    assert worn() is None
    bpy.ops.ed.redo()
    assert worn() == run.folder.name


def test_a_sketch_goes_on_as_a_draft(cube, panel):
    panel.quality, panel.strength = "sketch", 0.5
    run = painted()
    (entry,) = (entry for entry in history.entries if entry.folder == run.folder)
    assert (entry.is_whole, entry.lacks_steps) == (True, True)
    assert read_job(history.go_on(entry, None).folder).quality == "draft"
