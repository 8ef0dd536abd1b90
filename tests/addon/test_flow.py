"""While a job runs and after: the queue, the preview, History, comparing, what is shown of problems."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from dataclasses import replace
from pathlib import Path

import bpy
import numpy as np
import pytest
import recorder
from bl_ext.user_default.patina.addon import folders, history, jobs, keying, preview, problems, settings
from bl_ext.user_default.patina.addon.operators import stylize as stylizing
from bl_ext.user_default.patina.addon.scene import job, material, memory, mesh, sets, split
from bl_ext.user_default.patina.addon.scene.records import Member, Prepared
from bl_ext.user_default.patina.addon.scene.textures import Texture
from bl_ext.user_default.patina.addon.ui import history as history_ui
from bl_ext.user_default.patina.addon.ui import panel as panel_ui
from bl_ext.user_default.patina.addon.ui import progress
from bl_ext.user_default.patina.backend.errors import PatinaError
from bl_ext.user_default.patina.backend.locking import holding
from bl_ext.user_default.patina.backend.pictures import png
from bl_ext.user_default.patina.backend.protocol.events import Event
from bl_ext.user_default.patina.backend.protocol.job_file import read_job
from PIL import Image

PREPARING_SECONDS = 120  # for the backend to load torch on a busy machine


@pytest.fixture(autouse=True)
def panel(_clean_file) -> bpy.types.PropertyGroup:
    """The panel's properties, for the quickest of jobs."""
    panel = bpy.context.scene.patina
    panel.quality, panel.texture_size, panel.steps = "draft", "256", 2
    history.refresh()
    return panel


def names() -> dict[str, list[str]]:
    return {kind: sorted(block.name for block in getattr(bpy.data, kind)) for kind in ("images", "materials")}


def waiting(name: str = "Cube", folder: str = "job") -> jobs.Run:
    """A run that is queued, and never started."""
    run = jobs.Run(Prepared(Path(folder), name), Path("python"))
    jobs.submit(run)
    return run


def of_cube(cube: bpy.types.Object, folder: Path) -> Prepared:
    return Prepared(folder, "Cube", (Member("Cube", cube.session_uid, (Texture("Cube", (0,)),), (0,)),))


def pump_until(done) -> None:
    deadline = time.monotonic() + PREPARING_SECONDS
    while not done():
        jobs.pump()
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture(scope="module")
def painted(tmp_path_factory) -> Path:
    """The folder of a job that was really done, for tests to copy into the jobs' folder."""
    import shutil

    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    bpy.ops.mesh.primitive_cube_add(size=2, calc_uvs=True)
    panel = bpy.context.scene.patina
    panel.quality, panel.texture_size, panel.steps, panel.seed, panel.strength = "draft", "256", 4, 7, 0.25
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATINA_BACKEND", str(Path(__file__).parents[2] / ".env" / "backend"))
        assert bpy.ops.patina.stylize() == {"FINISHED"}
    kept = tmp_path_factory.mktemp("jobs") / jobs.ended[-1].folder.name
    shutil.move(jobs.ended[-1].folder, kept)
    return kept


@pytest.fixture
def result(painted) -> history.Entry:
    """That job's result, in History."""
    import shutil

    shutil.copytree(painted, folders.jobs() / painted.name)
    history.refresh()
    return history.entries[0]


# The queue


def test_a_second_object_waits_its_turn_and_may_be_moved_and_removed():
    a, b, c, d = (waiting(name, name) for name in "ABCD")
    a.state = jobs.RUNNING
    assert bpy.ops.patina.stylize.poll()
    assert bpy.ops.patina.queue_move(folder="D", by=-1) == {"FINISHED"}
    assert jobs.queue == [a, b, d, c]
    assert bpy.ops.patina.queue_move(folder="D", by=-9) == {"FINISHED"}
    assert jobs.queue == [a, d, b, c]  # what runs stays first
    assert bpy.ops.patina.queue_move(folder="D", by=-1) == {"CANCELLED"}
    assert bpy.ops.patina.queue_move(folder="A", by=1) == {"CANCELLED"}
    assert bpy.ops.patina.queue_remove(folder="B") == {"FINISHED"}
    assert bpy.ops.patina.queue_remove(folder="A") == {"CANCELLED"}
    assert (jobs.queue, b.state) == ([a, d, c], jobs.CANCELLED)


def test_cancelling_the_running_job_lets_the_next_one_start(cube, panel):
    panel.steps = 100_000
    (first,) = stylizing.prepare(bpy.context)
    jobs.submit(first)
    jobs.pump()
    panel.steps = 2
    (second,) = stylizing.prepare(bpy.context)
    jobs.submit(second)
    assert bpy.ops.patina.cancel() == {"FINISHED"}
    pump_until(lambda: first.state == jobs.CANCELLED)
    assert jobs.queue == [second]
    pump_until(lambda: second.process)
    assert second.state == jobs.RUNNING


def test_a_job_survives_another_file_and_its_result_waits_in_history(cube, result):
    """The other file has an object of the same name, which is left alone."""
    (run,) = stylizing.prepare(bpy.context)
    jobs.submit(run)
    jobs.pump()
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    bpy.ops.mesh.primitive_cube_add(calc_uvs=True)
    other = bpy.context.object
    members = (replace(run.job.members[0], uid=other.session_uid),)  # numbers start anew with some files
    run.job = replace(run.job, members=members)
    before = names()
    pump_until(lambda: not jobs.queue)
    assert run.state == jobs.FINISHED
    assert names() == before
    assert not other.patina.slots
    assert "apply it from History" in problems.shown[-1].message
    assert not problems.shown[-1].is_error
    assert history.entries[0].folder == run.folder
    assert bpy.ops.patina.history_apply(folder=str(run.folder)) == {"FINISHED"}
    assert memory.shows_stylized(other)


# The preview


def write_preview(pixels: np.ndarray, path: Path) -> None:
    """As the backend does."""
    path.write_bytes(png.encode(pixels, level=0))


def preview_of(run: jobs.Run, color: tuple[int, int, int]) -> None:
    run.folder.mkdir(parents=True, exist_ok=True)
    write_preview(np.full((4, 8, 3), color, np.uint8), run.folder / "preview.png")
    jobs._take(run, Event("preview", path="preview.png"))


def test_a_preview_is_shown_and_leaves_nothing_behind(cube, tmp_path):
    before = names()
    run = jobs.Run(of_cube(cube, tmp_path / "job"), Path("python"))
    jobs.submit(run)
    preview_of(run, (255, 0, 51))
    assert preview.shown.pictures[0].shape[:2] == (4, 8)
    assert np.allclose(preview.shown.pictures[0][0, 0, :3], (1, 0, 0.2))
    preview_of(run, (0, 0, 0))
    assert preview.shown.pictures[0][..., :3].max() == 0
    assert names() == before
    jobs.fail(run, PatinaError("No."))
    assert preview.shown is None
    assert names() == before
    assert not cube.patina.slots


def test_a_preview_does_not_enter_another_file(cube, tmp_path):
    run = jobs.Run(of_cube(cube, tmp_path / "job"), Path("python"))
    jobs.submit(run)
    preview_of(run, (9, 9, 9))
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    assert preview.shown is None
    preview_of(run, (9, 9, 9))
    assert preview.shown is None


def test_undo_and_save_while_a_preview_is_shown(cube, tmp_path):
    bpy.ops.ed.undo_push(message="Cube")
    run = jobs.Run(of_cube(cube, tmp_path / "job"), Path("python"))
    jobs.submit(run)
    preview_of(run, (9, 9, 9))
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "mid.blend"), copy=True)
    with bpy.data.libraries.load(str(tmp_path / "mid.blend")) as (file, _):
        assert (file.materials, file.images) == (["Paint"], [])
    cube.location.x = 1
    bpy.ops.ed.undo_push(message="Move")
    bpy.ops.ed.undo()
    assert preview.shown
    assert sets.find(run.job.members[0], run.job).location.x == 0


def test_the_main_thread_is_not_held_up(cube, tmp_path):
    """By the thread's processor time: a progress event, and a preview of 512², within 30 ms each."""
    run = jobs.Run(of_cube(cube, tmp_path / "job"), Path("python"))
    run.folder.mkdir()
    noise = np.random.default_rng(1).integers(0, 256, (512, 512, 3), np.uint8)
    write_preview(noise, run.folder / "preview.png")
    jobs.submit(run)
    for event in (Event("progress", step=1, steps=2), Event("preview", path="preview.png")):
        start = time.thread_time()
        jobs._take(run, event)
        assert time.thread_time() - start < 0.03
    assert preview.shown.pictures[0].shape == (512, 512, 4)


def test_previews_of_many_textures_are_read_one_a_turn(cube, tmp_path):
    """64 of 256²: no turn of the queue takes longer than one picture may."""
    textures = tuple(Texture(f"Cube {number}", (0,)) for number in range(64))
    member = Member("Cube", cube.session_uid, textures, tuple(range(64)))
    run = jobs.Run(Prepared(tmp_path / "job", "Cube", (member,)), Path("python"))
    run.folder.mkdir()
    noise = np.random.default_rng(1).integers(0, 256, (256, 256, 3), np.uint8)
    for number in range(64):
        noise[:4] = number
        write_preview(noise, run.folder / f"preview_{number}.png")
    start = time.thread_time()
    jobs._take(run, Event("preview", path="preview_0.png"))
    assert time.thread_time() - start < 0.03
    for number in range(1, 64):
        assert preview.shown.pictures[number] is None
        start = time.thread_time()
        jobs._take(
            run, Event("preview", path="preview_0.png")
        )  # again, while the first are still on their way
        preview.advance()
        assert time.thread_time() - start < 0.03
        assert np.allclose(preview.shown.pictures[number][-1, 0, :3] * 255, number)


def test_frames_show_at_their_time_as_soon_as_they_are_there(cube, tmp_path):
    """Where one is not there yet, the one before it stays; before the first, what all begin with."""
    timing = keying.Timing((1, 4, 7, 10), 12)
    run = jobs.Run(replace(of_cube(cube, tmp_path / "job"), timing=timing), Path("python"))
    jobs.submit(run)

    def redness(frame: int) -> int:
        bpy.context.scene.frame_current = frame
        preview.advance()
        return round(255 * float(preview.shown.pictures[0][0, 0, 0]))

    preview_of(run, (99, 0, 0))
    assert [redness(frame) for frame in (1, 12)] == [99, 99]
    for frame in (0, 1, 3):
        write_preview(np.full((4, 8, 3), (100 + frame, 0, 0), np.uint8), run.folder / f"preview_{frame}.png")
        jobs._take(run, Event("preview", path=f"preview_{frame}.png"))
    assert [redness(frame) for frame in (1, 3, 4, 7, 9, 10, 12, 13, 16, 0)] == [
        *(100, 100, 101, 101, 101, 103, 103, 100, 101, 103)
    ]
    jobs.fail(run, PatinaError("No."))
    assert preview.shown is None


def test_each_of_a_set_shows_its_own_preview(cube):
    """Where the one before is hidden or elsewhere by now, too."""
    bpy.ops.mesh.primitive_plane_add(calc_uvs=True, location=(5, 0, 0))
    plane = bpy.context.object
    cube.select_set(True)
    (run,) = stylizing.prepare(bpy.context)
    assert [(member.name, member.uid) for member in run.job.members] == [
        (obj.name, obj.session_uid) for obj in (plane, cube)
    ]
    parts = preview.split(run.folder, 2)
    assert [(member, tile) for member, tile, _ in parts] == [(0, 0), (1, 1)]
    for (member, _, corners), obj in zip(parts, (plane, cube), strict=True):
        middle = np.array(run.job.members[member].world.translation)
        assert np.allclose(corners["position"].mean(axis=(0, 1)), middle, atol=1e-5)
        assert len(corners["uv"]) == sum(len(face.vertices) - 2 for face in obj.data.polygons)


def test_the_triangles_of_a_preview_go_to_the_graphics_card_in_pieces(cube, monkeypatch):
    """One at a redraw, where each takes long; all that there are, and each once."""
    (run,) = stylizing.prepare(bpy.context)
    ((_, _, whole),) = preview.split(run.folder, 1)
    monkeypatch.setattr(preview, "MAX_PIECE", 5)
    monkeypatch.setattr(preview, "PIECE_SECONDS", 1e-9)
    monkeypatch.setattr(preview, "_make_batch", lambda corners: corners)
    shown = preview.Shown(run.folder, run.job.members, [None], [None])
    preview._take_pieces(shown)
    assert not shown.batches  # they are still being read
    shown.pieces.set_result(preview.split(run.folder, 1))
    for count in (1, 2, 3, 3):
        preview._take_pieces(shown)
        assert len(shown.batches) == count
    for name, values in whole.items():
        assert np.array_equal(np.concatenate([part[name] for _, _, part in shown.batches]), values)


# History


def test_a_result_and_its_image_remember_the_settings(cube, result, panel):
    assert result.object_name == "Cube"
    assert result.about.startswith("Draft, 256 px, 4 steps")
    assert result.subject == "The Starry Night"
    assert result.goes_on
    assert bpy.ops.patina.history_apply(folder=str(result.folder)) == {"FINISHED"}
    image = history.signed_image(cube)
    assert json.loads(image[history.JOB_KEY])["seed"] == 7
    assert history.wearer(result.folder) == cube
    for use in (
        lambda: bpy.ops.patina.history_use(folder=str(result.folder)),
        bpy.ops.patina.image_settings_use,
    ):
        panel.seed, panel.strength, panel.steps = 1, 1.0, 0
        assert use() == {"FINISHED"}
        assert (panel.seed, panel.strength, panel.steps) == (7, 0.25, 4)


def test_a_result_remembers_what_it_was_made_from_and_not_what_was_set_later(cube, panel):
    panel.seed = 5
    (run,) = stylizing.prepare(bpy.context)
    panel.seed = 6
    jobs.submit(run)
    assert json.loads((run.folder / "panel.json").read_text())["settings"]["seed"] == 5


def test_history_persists_and_is_read_from_the_disk(result):
    history.unregister()
    assert not history.entries
    history.register()
    assert [entry.folder for entry in history.entries] == [result.folder]
    (result.folder / "texture.png").unlink()
    (result.folder / "checkpoint.npz").unlink()
    history.refresh()
    assert not history.entries


def test_apply_is_one_undo_step_and_stays_packed(cube, result):
    original = cube.material_slots[0].material.name
    bpy.ops.ed.undo_push(message="Before")
    assert bpy.ops.patina.history_apply("EXEC_DEFAULT", True, folder=str(result.folder)) == {"FINISHED"}

    def shown() -> str:
        return bpy.data.objects["Cube"].material_slots[0].material.name

    stylized = shown()
    bpy.ops.ed.undo()
    assert (shown(), names()["images"]) == (original, [])
    bpy.ops.ed.redo()
    assert shown() == stylized
    image = history.signed_image(bpy.data.objects["Cube"])
    assert image.packed_file
    assert history.JOB_KEY in image


def test_a_rerun_goes_on_from_the_checkpoint(cube, result):
    bpy.ops.patina.history_apply(folder=str(result.folder))
    first = history.signed_image(cube)
    assert bpy.ops.patina.history_go_on(folder=str(result.folder), steps=2) == {"FINISHED"}
    run = jobs.ended[-1]
    job = read_job(run.folder)
    assert (job.resume, job.steps, job.seed) == ("resume.npz", 2, 7)
    report = json.loads((run.folder / "report.json").read_text())
    assert report["steps"] == 6
    assert run.job.members[0].uid == cube.session_uid
    assert history.signed_image(cube) != first
    assert history.entries[0].settings == result.settings


def test_a_rerun_without_its_checkpoint_or_what_it_reads_is_refused(result):
    (result.folder / "mesh.npz").unlink()
    with pytest.raises(RuntimeError, match=r"lacks a file of its job: mesh\.npz"):
        bpy.ops.patina.history_go_on(folder=str(result.folder))
    (result.folder / "checkpoint.npz").unlink()
    with pytest.raises(RuntimeError, match="checkpoint of this result is gone"):
        bpy.ops.patina.history_go_on(folder=str(result.folder))
    assert len(list(folders.jobs().iterdir())) == 1
    assert problems.shown[-1].source == "history"


def left_by(name: str, changed: float, *files: str) -> Path:
    """A job's folder with such files in it, last changed then."""
    folder = folders.jobs() / name
    folder.mkdir(parents=True)
    for file in files:
        (folder / file).touch()
    os.utime(folder, (changed, changed))
    return folder


def there() -> list[str]:
    return sorted(path.relative_to(folders.jobs()).as_posix() for path in folders.jobs().rglob("*"))


def test_old_results_stay_without_their_checkpoints_and_old_failures_go(cube):
    week_ago = time.time() - 8 * 86400
    left_by("result", week_ago, "report.json", "checkpoint.npz")
    waits = left_by("waits", week_ago, "job.json")
    works = left_by("works", week_ago, "job.json")
    left_by("failure", week_ago, "checkpoint.npz")
    recent = [left_by(f"recent {k}", week_ago + 60).name for k in range(job.KEEP_WHOLE)]
    with holding(works):  # by a backend, of this Blender or another
        job.remove_old(folders.jobs(), [waits])
    kept = ["result", "result/report.json", "waits", "waits/job.json", "works", "works/job.json"]
    assert there() == [*recent, *kept]


@pytest.mark.parametrize("jump", [-26 * 365 * 86400, -3600, 3600, 3 * 365 * 86400])
def test_a_clock_that_jumps_loses_no_job_of_the_last_hour(jump, cube):
    """They were left before the jump; to the clock they are that much older, or not made yet."""
    left_by("interrupted", time.time() - jump - 600, "checkpoint.npz")
    left_by("result", time.time() - jump - 60, "report.json", "checkpoint.npz")
    before = there()
    for _ in range(2):
        job.remove_old(folders.jobs())
        assert there() == before


def test_what_was_left_while_the_clock_was_wrong_is_as_old_as_when_that_was_seen(cube):
    for name, date in (("1970", 5.0), ("2099", 4070908800.0)):
        left_by(name, date, "checkpoint.npz")
    now = time.time()
    for number in range(job.KEEP_WHOLE):
        left_by(f"later {number}", now)
    job.remove_old(folders.jobs())
    for name in ("1970", "2099"):
        assert abs((folders.jobs() / name).stat().st_mtime - now) < 60
        assert (folders.jobs() / name / "checkpoint.npz").is_file()


def test_a_newer_result_takes_the_earlier_ones_place_and_an_undo_brings_it_back(cube, result):
    """What the artist has changed since stays in the file; nothing else does."""

    def put_on() -> bpy.types.Material:
        bpy.context.view_layer.objects.active = bpy.data.objects["Cube"]
        folder = str(result.folder)
        assert bpy.ops.patina.history_apply("EXEC_DEFAULT", True, folder=folder) == {"FINISHED"}
        return bpy.data.objects["Cube"].material_slots[0].material

    def there() -> tuple[list[str], list[str]]:
        stylized = [mat.name for mat in bpy.data.materials if mat.name != "Paint"]
        return stylized, [image.name for image in bpy.data.images if image.packed_file]

    cube.data.materials[0].name = "Paint"
    bpy.ops.ed.undo_push(message="Before")
    put_on()["mine"] = "the first"
    bpy.ops.ed.undo_push(message="Named")
    once = there()
    assert [len(names) for names in once] == [1, 1]
    assert "mine" not in put_on()
    assert [len(names) for names in there()] == [1, 1]
    bpy.ops.ed.undo()
    first = bpy.data.objects["Cube"].material_slots[0].material
    assert there() == once
    assert first["mine"] == "the first"
    assert material.stylized_node(first).image.packed_file
    bpy.ops.ed.redo()
    worn = bpy.data.objects["Cube"].material_slots[0].material
    shader = next(node for node in worn.node_tree.nodes if node.type == "BSDF_PRINCIPLED")
    shader.inputs["Roughness"].default_value = 0.9
    put_on()
    assert [len(names) for names in there()] == [2, 2]
    assert worn.name in there()[0]


def test_a_result_is_removed(result):
    assert bpy.ops.patina.history_remove(folder=str(result.folder)) == {"FINISHED"}
    assert not result.folder.exists()
    assert not history.entries
    with pytest.raises(RuntimeError, match="There is no result"):
        bpy.ops.patina.history_use(folder=str(result.folder))


def test_settings_survive_as_json(panel):
    panel.seed, panel.palette, panel.use_crop, panel.crop = 5, 0.75, True, (0, 0.25, 0.5, 0.5)
    record = json.loads(json.dumps(settings.dump(panel)))
    panel.seed, panel.palette, panel.crop = 1, 0.0, (0, 0, 1, 1)
    assert settings.restore(panel, record | {"gone": 3, "quality": "no such"}) == ["quality", "gone"]
    assert (panel.seed, panel.palette, tuple(panel.crop)) == (5, 0.75, (0, 0.25, 0.5, 0.5))


@pytest.mark.parametrize(("word", "share"), [("style", 0.0), ("object", 1.0)])
def test_colours_that_older_results_and_presets_call_by_a_word_are_read(panel, word, share):
    panel.palette = 0.5
    assert settings.restore(panel, {"colors": word}) == []
    assert panel.palette == share
    assert "colors" not in settings.dump(panel)


# Comparing


def test_original_stylized_and_split(cube):
    mat = cube.data.materials[0]
    shader = next(node for node in mat.node_tree.nodes if node.type == "BSDF_PRINCIPLED")
    shader.inputs["Base Color"].default_value = (1, 0.5, 0.25, 1)
    material.show_image(cube, bpy.data.images.new("Painted", 4, 4))
    stylized = cube.material_slots[0].material
    before = names()
    assert bpy.ops.patina.compare(show="SPLIT") == {"FINISHED"}
    parted = cube.material_slots[0].material
    assert parted not in (mat, stylized)
    assert split.is_shown(cube)
    assert memory.original_material(cube, 0) == mat
    mix = next(node for node in parted.node_tree.nodes if node.type == "MIX")
    left, right = (next(s for s in mix.inputs if s.name == name and s.enabled) for name in "AB")
    assert tuple(left.default_value) == (1, 0.5, 0.25, 1)
    assert right.links[0].from_node.image.name == "Painted"
    assert bpy.ops.patina.compare(show="SPLIT") == {"FINISHED"}  # twice makes no second one
    for show, worn in (("ORIGINAL", mat), ("STYLIZED", stylized), ("STYLIZED", stylized), ("OTHER", mat)):
        bpy.ops.patina.compare(show=show)
        assert cube.material_slots[0].material == worn
        assert names() == before


def test_a_split_keeps_what_fed_the_colour(cube):
    mat = cube.data.materials[0]
    shader = next(node for node in mat.node_tree.nodes if node.type == "BSDF_PRINCIPLED")
    noise = mat.node_tree.nodes.new("ShaderNodeTexNoise")
    mat.node_tree.links.new(noise.outputs["Color"], shader.inputs["Base Color"])
    material.show_image(cube, bpy.data.images.new("Painted", 4, 4))
    bpy.ops.patina.compare(show="SPLIT")
    mix = next(node for node in cube.material_slots[0].material.node_tree.nodes if node.type == "MIX")
    left = next(s for s in mix.inputs if s.name == "A" and s.enabled)
    assert left.links[0].from_node.name == noise.name


def test_a_split_of_a_shader_in_a_group(cube):
    """The group's own colour is on the left; the stylized material has one that the image goes into."""
    tree = bpy.data.node_groups.new("Shader", "ShaderNodeTree")
    tree.interface.new_socket("Shader", in_out="OUTPUT", socket_type="NodeSocketShader")
    inside = tree.nodes.new("ShaderNodeBsdfDiffuse")
    inside.inputs["Color"].default_value = (1, 0.5, 0.25, 1)
    tree.links.new(inside.outputs[0], tree.nodes.new("NodeGroupOutput").inputs[0])
    mat = cube.data.materials[0]
    group = mat.node_tree.nodes.new("ShaderNodeGroup")
    group.node_tree = tree
    output = next(node for node in mat.node_tree.nodes if node.type == "OUTPUT_MATERIAL")
    mat.node_tree.links.new(group.outputs[0], output.inputs["Surface"])
    material.show_image(cube, bpy.data.images.new("Painted", 4, 4))
    bpy.ops.patina.compare(show="SPLIT")
    mix = next(node for node in cube.material_slots[0].material.node_tree.nodes if node.type == "MIX")
    left = next(s for s in mix.inputs if s.name == "A" and s.enabled)
    assert tuple(left.default_value) == (1, 0.5, 0.25, 1)
    assert mix.outputs[2].links[0].to_node.type == "GROUP"


def test_a_split_is_seen_in_a_render(cube):
    """Red on the left, blue on the right: Cycles, straight on."""
    mat = cube.data.materials[0]
    nodes, links = mat.node_tree.nodes, mat.node_tree.links
    emission = nodes.new("ShaderNodeEmission")
    emission.inputs["Color"].default_value = (1, 0, 0, 1)
    output = next(node for node in nodes if node.type == "OUTPUT_MATERIAL")
    links.new(emission.outputs[0], output.inputs["Surface"])
    nodes.remove(next(node for node in nodes if node.type == "BSDF_PRINCIPLED"))
    blue = bpy.data.images.new("Painted", 4, 4)
    blue.pixels.foreach_set(np.tile(np.float32((0, 0, 1, 1)), 16))
    material.show_image(cube, blue)
    bpy.ops.patina.compare(show="SPLIT")
    scene = bpy.context.scene
    camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    scene.collection.objects.link(camera)
    camera.location = (0, 0, 3)
    scene.camera = camera
    scene.render.engine, scene.cycles.samples, scene.cycles.use_denoising = "CYCLES", 1, False
    scene.render.resolution_x = scene.render.resolution_y = 32
    scene.view_settings.view_transform = "Standard"
    scene.render.filepath = str(folders.jobs().parent / "split.png")
    bpy.ops.render.render(write_still=True)
    pixels = np.asarray(Image.open(scene.render.filepath).convert("RGB")).astype(int)
    Path(scene.render.filepath).unlink()
    assert pixels[16, 8].tolist() == [255, 0, 0]
    assert pixels[16, 24].tolist() == [0, 0, 255]


# Problems


def test_problems_stay_until_dismissed():
    problems.tell(PatinaError("One.", "Mend it.", "x"), "Cube")
    problems.tell(PatinaError("Two."), "Cube")
    problems.tell(PatinaError("One.", "Mend it.", "x"), "Cube")
    assert [problem.message for problem in problems.shown] == ["Two.", "One."]
    assert bpy.ops.patina.dismiss(number=0) == {"FINISHED"}
    assert [problem.message for problem in problems.shown] == ["One."]
    assert bpy.ops.patina.dismiss(number=5) == {"CANCELLED"}
    waiting("Cube")  # another attempt
    assert not problems.shown


def test_notes_of_a_run_are_shown(cube):
    run = waiting("Cube")
    jobs._take(run, Event("message", message="There is little memory."))
    assert [(p.message, p.is_error) for p in problems.shown] == [("There is little memory.", False)]


def test_a_mesh_without_uvs_is_unwrapped_by_the_button_and_painted(panel):
    panel.unwrap = False
    bpy.ops.mesh.primitive_cube_add(calc_uvs=False)
    obj = bpy.context.object
    with pytest.raises(RuntimeError, match="has no UV map"):
        bpy.ops.patina.stylize()
    (problem,) = problems.shown
    assert (problem.cure, problem.field) == (mesh.UNWRAP, obj.name)  # by which the panel knows the button
    assert bpy.ops.patina.unwrap(object=problem.field) == {"FINISHED"}
    assert obj.data.uv_layers.active.name == "Patina"
    assert memory.shows_stylized(obj)
    assert not [problem for problem in problems.shown if problem.is_error]


def test_unwrapping_what_is_gone():
    with pytest.raises(RuntimeError, match="Gone is not in this scene"):
        bpy.ops.patina.unwrap(object="Gone")


# What is drawn of it all


def drawn(panel: type) -> recorder.Recorder:
    return recorder.draw(panel)


def test_the_queue_is_drawn(cube):
    run, _, _ = (waiting(name, name) for name in "ABC")
    run.progress = Event("progress", stage="painting", fraction=0.5, seconds_left=75)
    seen = drawn(panel_ui.PATINA_PT_stylize)
    assert "Painting, 1:15 left" in seen.texts
    assert seen.operators.count("patina.queue_move") == 4
    assert seen.operators.count("patina.queue_remove") == 2
    assert {"patina.stylize", "patina.cancel"} <= set(seen.operators)
    bar = type("Bar", (), {"layout": recorder.Recorder()})()
    progress.draw_status_bar(bar, bpy.context)
    assert "A: Painting, 1:15 left (+2)" in bar.layout.texts


def test_a_lesser_quality_that_is_reached_is_offered(cube):
    run = waiting()
    run.state, told = jobs.RUNNING, "Draft is reached: Enough takes it"
    for step, reached in ((0, ""), (1, ""), (2, "draft"), (3, "best")):
        run.progress = Event("progress", stage="painting", step=step, reached=reached)
        assert (told in drawn(panel_ui.PATINA_PT_stylize).texts) == (reached == "draft")
    run.progress = Event("progress", stage="adapting")  # to other settings
    assert told not in drawn(panel_ui.PATINA_PT_stylize).texts


def test_problems_are_drawn_with_their_cures(cube):
    for number, (cure, field, folder) in enumerate(
        (
            ("Set up.", "backend", ""),
            (mesh.UNWRAP, "Cube", ""),
            ("Fetch.", "network", ""),
            ("Try.", "", "/job"),
        )
    ):
        problems._add(problems.Problem("Cube", f"Problem {number}.", cure, field, folder))
    seen = drawn(panel_ui.PATINA_PT_stylize)
    assert [f"Problem {number}." for number in (3, 2, 1, 0)] == [
        t for t in seen.texts if t.startswith("Problem")
    ]
    assert seen.operators.count("patina.dismiss") == 4
    cures = {"patina.set_up", "patina.unwrap", "patina.choose_weights_file", "wm.path_open"}
    assert cures <= set(seen.operators)
    assert bpy.app.online_access or ("PreferencesSystem", "use_online_access") in seen.props


def test_history_is_drawn_without_reading_the_disk(cube, result, monkeypatch):
    history.entries[:] = [result] * (history_ui.LISTED_RESULTS + 2)
    monkeypatch.setattr(history, "selected", str(result.folder))
    monkeypatch.setattr(history, "read", None)
    seen = drawn(history_ui.PATINA_PT_history)
    assert "2 Older" in seen.texts
    assert result.about in seen.texts
    assert {
        "patina.history_apply",
        "patina.history_use",
        "patina.history_go_on",
        "patina.history_remove",
    } <= set(seen.operators)
    history.entries.clear()
    assert "No results yet" in drawn(history_ui.PATINA_PT_history).texts


def test_the_comparison_is_drawn(cube):
    assert "patina.compare" not in drawn(panel_ui.PATINA_PT_stylize).operators
    material.show_image(cube, bpy.data.images.new("Painted", 4, 4))
    for show in ("STYLIZED", "SPLIT", "ORIGINAL"):
        bpy.ops.patina.compare(show=show)
        assert drawn(panel_ui.PATINA_PT_stylize).operators.count("patina.compare") == 3


# What was interrupted


def left_by_a_kill(cube, panel, steps: int = 400) -> Path:
    """The folder of a job whose backend was killed after some steps, as the system kills it."""
    panel.steps = steps
    (run,) = stylizing.prepare(bpy.context)
    jobs.submit(run)
    pump_until(lambda: run.progress.step > 3 and (run.folder / "checkpoint.npz").is_file())
    os.kill(run.process.pid, signal.SIGKILL)
    pump_until(lambda: not jobs.queue)
    assert run.state == jobs.FAILED
    return run.folder


def test_a_job_whose_backend_was_killed_is_in_history_and_goes_on_to_its_end(cube, panel):
    folder = left_by_a_kill(cube, panel, 12)
    (entry,) = history.entries
    assert (entry.folder, entry.is_whole, entry.goes_on) == (folder, False, True)
    assert bpy.ops.patina.history_go_on(folder=str(folder)) == {"FINISHED"}
    run = jobs.ended[-1]
    assert read_job(run.folder).steps is None
    assert json.loads((run.folder / "report.json").read_text())["steps"] == 12
    assert history.entries[0].folder == run.folder
    assert history.entries[0].is_whole


def test_a_texture_without_a_report_is_a_result_and_a_checkpoint_alone_can_go_on(cube, result):
    """As after a kill while measuring, and while finishing; and as a Blender that died finds them."""
    (result.folder / "report.json").unlink()
    history.unregister()
    history.register()
    (entry,) = history.entries
    assert entry.is_whole
    assert bpy.ops.patina.history_apply(folder=str(entry.folder)) == {"FINISHED"}
    (result.folder / "texture.png").unlink()
    history.refresh()
    (entry,) = history.entries
    assert not entry.is_whole
    with pytest.raises(RuntimeError, match="interrupted before its texture"):
        bpy.ops.patina.history_apply(folder=str(entry.folder))
    with holding(result.folder):  # by a job that is still at work
        history.refresh()
        assert not history.entries


@pytest.mark.parametrize("name", ["job.json", "report.json", "panel.json"])
def test_odd_json_in_a_jobs_folder_never_raises_and_is_told(result, name, cube):
    """Each record with each of its parts replaced by something else, and no records at all."""
    path = result.folder / name
    record = json.loads(path.read_text())
    mutants = ["", "{", "[" * 100_000, "null", "[]", "3", '"x"', '{"members": 3}', '{"settings": []}', "[3]"]
    parts = [(record, key) for key in record]
    parts += [(one, key) for one in record.get("members", ()) for key in one]
    for part, key in parts:
        for odd in (None, 3, -1.5, "x", [], [[]], {}, {"a": 1}, [None], True, 10**400, "\0"):
            known, part[key] = part[key], odd
            mutants.append(json.dumps(record))
            part[key] = known
    for mutant in mutants:
        path.write_text(mutant)
        history.refresh()
        assert history.entries or history.unreadable or name == "job.json"
        for entry in history.entries:
            with contextlib.suppress(RuntimeError):  # the operators' own reports
                bpy.ops.patina.history_use(folder=str(entry.folder))
    history.unreadable.clear()


def test_a_result_whose_record_holds_half_characters_is_listed_and_put_on(cube, result):
    """Blender itself dies of being asked for such a name; a style's file may have one, on Linux."""
    path = result.folder / "panel.json"
    record = json.loads(path.read_text())
    half = "caf\udce9"
    record["settings"] |= {"style": "FILE", "style_file": f"/there/{half}.png"}
    record["members"][0]["name"] = record["name"] = half
    record["members"][0]["textures"][0] |= {"name": half, "uv_map": half, "image": half}
    path.write_text(json.dumps(record))
    (entry,) = [history.read(result.folder)]
    history.entries[:], history.selected = [entry], str(entry.folder)
    try:
        assert "caf?" in drawn(history_ui.PATINA_PT_history).texts
    finally:
        history.selected = ""
    assert bpy.ops.patina.history_apply(folder=str(result.folder)) == {"FINISHED"}
    assert history.go_on(history.read(result.folder), 1).folder.is_dir()


def test_odd_json_in_the_users_folder_is_skipped_and_told(tmp_path, monkeypatch):
    from bl_ext.user_default.patina.addon import recent, timings, user_files

    for module, name in ((timings, "_path"), (recent, "_path")):
        monkeypatch.setattr(module, name, None)
    monkeypatch.setattr(timings, "_records", [])
    monkeypatch.setattr(recent, "files", [])
    user_files.unreadable.clear()
    good = {"device": "cpu", "task": "stylize", "target": "", "flat": False, "quality": "draft"}
    good |= {"steps": 0, "size": 64, "seconds": 3.0, "frames": 1, "paintings": 1}
    odd = (None, 3, "x", [], {}, [None], True, 10**400, float("nan"), "\0" * 5, "x" * 5000)
    try:
        for loader in (timings.load, recent.load):
            for text in ("", "{", "[" * 100_000, "null", "3", '{"a": 1}', "\0"):
                (tmp_path / "kept.json").write_text(text)
                loader(tmp_path / "kept.json")
        assert user_files.unreadable == {"kept.json"}
        mutants = [good | {key: value} for key in good for value in odd]
        (tmp_path / "kept.json").write_text(json.dumps([*odd, *mutants, good]))
        timings.load(tmp_path / "kept.json")
        kind = {key: value for key, value in good.items() if key != "seconds"}
        assert timings.expected(kind).seconds < 1e9
        timings.expected(kind | {"quality": "final", "steps": 3})
        recent.load(tmp_path / "kept.json")
        assert recent.files == []
    finally:
        user_files.unreadable.clear()
