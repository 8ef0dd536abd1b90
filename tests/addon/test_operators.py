"""The operators, with the real backend at a few steps: what an artist presses, and what can go wrong then."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
import venv
from pathlib import Path

import bpy
import numpy as np
import pytest
from bl_ext.user_default.patina.addon import folders, jobs, problems
from bl_ext.user_default.patina.addon.operators import stylize as stylizing
from bl_ext.user_default.patina.addon.scene import image, job, material, memory
from bl_ext.user_default.patina.addon.setup import environment
from PIL import Image

PREPARING_SECONDS = 60  # for the backend to load torch on a busy machine


@pytest.fixture(autouse=True)
def settings(_clean_file) -> bpy.types.PropertyGroup:
    """The panel's properties, for the quickest of jobs."""
    settings = bpy.context.scene.patina
    settings.quality, settings.texture_size, settings.steps = "draft", "256", 3
    return settings


def gone_seconds() -> float:
    """Tell what two seconds of a free core are where so many processes wait for each."""
    busy = os.getloadavg()[0] / (os.cpu_count() or 1) if hasattr(os, "getloadavg") else 1.0
    return 2.0 * max(1.0, busy)


def snapshot() -> dict[str, object]:
    """What of the scene a failed job must not have touched."""
    return {
        "objects": [(obj.name, [slot.material for slot in obj.material_slots]) for obj in bpy.data.objects],
        "materials": {
            mat.name: len(mat.node_tree.nodes) if mat.node_tree else 0 for mat in bpy.data.materials
        },
        "images": sorted(image.name for image in bpy.data.images),
        "pairs": [len(obj.patina.slots) for obj in bpy.data.objects],
    }


def press(error: str) -> problems.Problem:
    """Press the button, expect an error with these words and an untouched scene; what the panel shows."""
    before = snapshot()
    with pytest.raises(RuntimeError, match=error):
        bpy.ops.patina.stylize("EXEC_DEFAULT", True)
    assert snapshot() == before
    assert not jobs.queue
    assert problems.shown[-1].cure
    return problems.shown[-1]


def job_folders() -> list[Path]:
    return list(folders.jobs().iterdir()) if folders.jobs().is_dir() else []


def test_stylize_undo_redo_compare(fox, settings):
    settings.palette, settings.seed, settings.strength = 1.0, 7, 0.25
    original = fox.material_slots[0].material.name
    bpy.ops.ed.undo_push(message="Before")
    assert bpy.ops.patina.stylize("EXEC_DEFAULT", True) == {"FINISHED"}

    run = jobs.ended[-1]
    assert (run.state, problems.shown, jobs.queue) == (jobs.FINISHED, [], [])
    job = json.loads((run.folder / "job.json").read_text())
    wanted = {
        "name": "fox",
        "quality": "draft",
        "texture_size": 256,
        "colors": 1.0,
        "seed": 7,
        "strength": 0.25,
    }
    assert {key: job[key] for key in wanted} == wanted
    with Image.open(run.texture) as file:
        assert file.size == (256, 256)
        written = np.asarray(file.convert("RGB"))
    assert written.std() > 5  # not one colour
    assert json.loads(run.report.read_text())["coverage"] > 0

    def shown() -> str:
        return bpy.data.objects["fox"].material_slots[0].material.name

    stylized = "fox_material Stylized"
    assert shown() == stylized
    texture = bpy.data.images["fox Stylized"]
    assert texture.packed_file
    pixels = np.empty(256 * 256 * 4, np.float32)
    texture.pixels.foreach_get(pixels)
    assert np.array_equal((pixels.reshape(256, 256, 4)[::-1, :, :3] * 255).round(), written)

    bpy.ops.ed.undo()
    assert shown() == original
    assert "fox Stylized" not in bpy.data.images
    bpy.ops.ed.redo()
    assert shown() == stylized
    assert bpy.data.images["fox Stylized"].packed_file
    bpy.data.objects["fox"].select_set(True)
    assert bpy.ops.patina.compare() == {"FINISHED"}
    assert shown() == original
    assert bpy.ops.patina.compare() == {"FINISHED"}
    assert shown() == stylized


def test_without_strength_plain_colours_stay_as_they_are(cube, settings):
    """One that nobody has chosen, and one that somebody has: neither gets the light of its form."""
    bpy.context.scene.patina_scope.together = False
    settings.strength = 0.0
    red = cube.copy()
    red.data = cube.data.copy()
    red.data.materials[0] = cube.data.materials[0].copy()
    shader = red.data.materials[0].node_tree.nodes["Principled BSDF"]
    shader.inputs["Base Color"].default_value = (0.8, 0.02, 0.02, 1)
    bpy.context.collection.objects.link(red)
    red.select_set(True)
    assert bpy.ops.patina.stylize() == {"FINISHED"}
    for obj, color in ((cube, (0.8, 0.8, 0.8)), (red, (0.8, 0.02, 0.02))):
        made = material.stylized_node(obj.material_slots[0].material).image
        pixels = image.read_pixels(made)[..., :3]
        assert np.abs(pixels - image.linear_to_srgb(np.array(color))).max() < 0.01, obj.name


def test_every_selected_mesh_gets_its_own(cube):
    bpy.context.scene.patina_scope.together = False
    bpy.ops.mesh.primitive_monkey_add(calc_uvs=True)
    monkey = bpy.context.object
    cube.select_set(True)
    assert bpy.ops.patina.stylize() == {"FINISHED"}
    images = [material.stylized_node(obj.material_slots[0].material).image for obj in (monkey, cube)]
    assert [image.name for image in images] == ["Suzanne Stylized", "Cube Stylized"]


def test_a_style_that_is_no_image(cube, settings, tmp_path):
    settings.style, settings.style_file = "FILE", str(tmp_path / "style.png")
    (tmp_path / "style.png").write_text("no image")
    press("style")
    assert jobs.ended[-1].state == jobs.FAILED
    assert len(job_folders()) == 1  # kept, to look into


def test_cancel_is_over_within_two_seconds(cube, settings):
    settings.quality, settings.texture_size, settings.steps = "standard", "1024", 100_000
    before = snapshot()
    (run,) = stylizing.prepare(bpy.context)
    jobs.submit(run)
    pump_until(lambda: run.progress.step > 0)
    start = time.monotonic()
    assert bpy.ops.patina.cancel() == {"FINISHED"}
    pump_until(lambda: not jobs.queue)
    assert time.monotonic() - start < gone_seconds()
    assert run.state == jobs.CANCELLED
    assert snapshot() == before
    assert not bpy.ops.patina.cancel.poll()


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
@pytest.mark.parametrize("moment", ["as it starts", "as it paints"])
def test_the_backend_is_killed(cube, settings, moment):
    settings.quality, settings.steps = "standard", 100_000

    def kill() -> None:
        while not (jobs.queue and jobs.queue[0].process):
            time.sleep(0.01)
        while moment == "as it paints" and not jobs.queue[0].progress.step:
            time.sleep(0.01)
        os.kill(jobs.queue[0].process.pid, signal.SIGKILL)

    threading.Thread(target=kill, daemon=True).start()
    assert (
        "smaller texture" in press("Cube: The backend ended unexpectedly .killed by signal 9, SIGKILL").cure
    )


def test_the_object_is_deleted_meanwhile(cube):
    (run,) = stylizing.prepare(bpy.context)
    jobs.submit(run)
    jobs.pump()
    bpy.data.objects.remove(cube)
    pump_until(lambda: not jobs.queue)
    assert run.state == jobs.FAILED
    assert "Cube is no longer in this file" in problems.shown[-1].message
    assert str(run.texture) in problems.shown[-1].cure
    assert run.texture.is_file()
    assert not bpy.data.images


def test_the_object_is_renamed_and_another_takes_its_name(cube):
    (run,) = stylizing.prepare(bpy.context)
    jobs.submit(run)
    jobs.pump()
    cube.name = "Die"
    bpy.ops.mesh.primitive_cube_add(calc_uvs=True)
    assert bpy.context.object.name == "Cube"
    pump_until(lambda: not jobs.queue)
    assert run.state == jobs.FINISHED
    assert memory.shows_stylized(cube)
    assert not bpy.context.object.patina.slots


def test_a_backend_that_was_never_set_up(cube, monkeypatch, tmp_path):
    monkeypatch.setenv("PATINA_BACKEND", str(tmp_path))
    error = press("not set up yet")
    assert error.field == "backend"
    assert "Preferences > Add-ons > Patina" in error.cure
    assert not job_folders()


def test_a_backend_whose_packages_are_gone(cube, monkeypatch, tmp_path):
    """An import error: the environment's record says that it is whole, but there is nothing in it."""
    venv.create(tmp_path / "backend", with_pip=False)
    record = environment.read(folders.backend())
    environment.write(tmp_path / "backend", record)
    monkeypatch.setenv("PATINA_BACKEND", str(tmp_path / "backend"))
    error = press("Cube: The backend.*No module named")
    assert "et up the backend again" in error.cure
    assert error.field == "backend"


def test_nothing_selected(cube):
    cube.select_set(False)
    press("Nothing is selected. Select a mesh object.")


def test_not_a_mesh():
    bpy.ops.object.light_add()
    press("is not a mesh")


def test_one_bad_object_among_several_is_told_and_the_others_start(cube, settings):
    settings.unwrap = False
    bpy.ops.mesh.primitive_cube_add(calc_uvs=False)
    bad = bpy.context.object
    cube.select_set(True)
    assert bpy.ops.patina.stylize() == {"FINISHED"}
    assert [run.object_name for run in jobs.ended] == ["Cube"]
    (problem,) = problems.shown
    assert (problem.source, problem.message) == (bad.name, f"{bad.name} has no UV map.")


@pytest.mark.parametrize(
    ("file", "words"), [("", "No style image is chosen"), ("gone.png", "does not exist")]
)
def test_no_style_image(cube, settings, tmp_path, file, words):
    settings.style, settings.style_file = "FILE", file and str(tmp_path / file)
    assert press(words).field == "style"
    assert not job_folders()


def test_the_jobs_folder_cannot_be_made(cube):
    folders.jobs().parent.mkdir(parents=True, exist_ok=True)
    folders.jobs().write_text("in the way")
    try:
        assert str(folders.jobs()) in press("cannot be written").message
    finally:
        folders.jobs().unlink()


@pytest.mark.skipif(sys.platform == "win32", reason="resource limits")
def test_the_disk_is_full(cube):
    """A limit on the size of files stops a write half-way, as a full disk does."""
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (500, before[1]))
    try:
        press("cannot be written.*Make room on the disk")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not job_folders()


def test_old_jobs_are_removed(cube):
    old, *new = (folders.jobs() / f"job {number}" for number in range(1 + job.KEEP_WHOLE))
    for folder in (old, *new):
        folder.mkdir(parents=True)
    week_ago = time.time() - 8 * 86400
    os.utime(old, (week_ago, week_ago))
    (run,) = stylizing.prepare(bpy.context)
    assert set(job_folders()) == {*new, run.folder}


def pump_until(done) -> None:
    """Take the queue forward as the timer does."""
    deadline = time.monotonic() + PREPARING_SECONDS
    while not done():
        jobs.pump()
        assert time.monotonic() < deadline
        time.sleep(0.02)
