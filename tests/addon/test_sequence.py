"""Frames of a painting as an image sequence: the right file at the right frame, also after save and move."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import bpy
import numpy as np
import pytest
import recorder
from bl_ext.user_default.patina.addon import formulas, history, job_fields, jobs, keying, readiness
from bl_ext.user_default.patina.addon.scene import atlas, maps, material, records, result, sequence, sets
from bl_ext.user_default.patina.addon.scene.textures import Texture
from bl_ext.user_default.patina.addon.ui import export
from bl_ext.user_default.patina.backend.errors import PatinaError
from bl_ext.user_default.patina.backend.protocol.files import CHECKPOINT_FILE
from bl_ext.user_default.patina.backend.protocol.job_file import read_job
from bl_ext.user_default.patina.backend.protocol.parts import Key
from mathutils import Vector

COLORS = ((1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 0))
HOLD = 2


@pytest.fixture
def frames(tmp_path) -> list[Path]:
    """Four plain pictures."""
    files = [tmp_path / f"texture_{k}.png" for k in range(len(COLORS))]
    for color, file in zip(COLORS, files, strict=True):
        image = bpy.data.images.new("plain", 8, 8)
        image.pixels.foreach_set(np.tile(np.float32((*color, 1)), 64))
        image.file_format = "PNG"
        image.save(filepath=str(file))
        bpy.data.images.remove(image)
    return files


def shown_at(obj: bpy.types.Object, frame: int) -> str:
    """The name of the file that `obj` shows at a frame of the scene."""
    bpy.context.scene.frame_set(frame)
    worn = obj.evaluated_get(bpy.context.evaluated_depsgraph_get()).material_slots[0].material
    node = next(node for node in worn.node_tree.nodes if material.is_image(node))
    path = Path(node.image.filepath_from_user(image_user=node.image_user))
    assert path.is_file()
    return path.name


def wear(
    obj: bpy.types.Object, files: list[Path], apart: Path, timing: keying.Timing | None = None
) -> bpy.types.Image:
    image = result.load_packed(files[0], "Cube Stylized")
    material.show_image(obj, image)
    sequence.turn(image, files, apart)
    evenly = keying.evenly(bpy.context.scene.frame_start, len(files), HOLD)
    sequence.play(obj.material_slots[0].material, timing or evenly)
    return image


def numbers(obj: bpy.types.Object, frames: range) -> list[int]:
    return [int(Path(shown_at(obj, frame)).stem[-4:]) for frame in frames]


def test_each_picture_is_held_and_the_last_is_followed_by_the_first(cube, frames, tmp_path):
    bpy.context.scene.frame_start = 3
    wear(cube, frames, tmp_path / "apart")
    assert numbers(cube, range(1, 14)) == [3, 3, 0, 0, 1, 1, 2, 2, 3, 3, 0, 0, 1]


def test_what_does_not_begin_again_stays_as_it_is_at_its_ends(cube, frames, tmp_path):
    wear(cube, frames, tmp_path / "apart", keying.Timing((3, 4, 8, 9)))
    assert numbers(cube, range(1, 12)) == [0, 0, 0, 1, 1, 1, 1, 2, 3, 3, 3]


@pytest.mark.parametrize(
    ("frames", "textures", "period", "places", "starts"),
    [
        ([1, 25], 4, 0, [0, 3], (1, 9, 17, 25)),
        ([1, 5, 25], 4, 0, None, ()),  # the first two have no texture each
        ([1, 9, 25], 4, 0, [0, 1, 3], (1, 9, 17, 25)),
        ([10, 14], 100, 0, [0, 4], (10, 11, 12, 13, 14)),
        ([1, 13], 4, 24, [0, 2], (1, 7, 13, 19)),
        ([1, 24], 4, 24, None, ()),
        ([1, 30], 4, 24, None, ()),
        ([3, 3], 4, 0, None, ()),
        ([3], 4, 0, None, ()),
    ],
)
def test_each_key_shows_from_its_frame_on(frames, textures, period, places, starts):
    if places is None:
        with pytest.raises(PatinaError):
            keying.timing(frames, textures, period)
        return
    assert keying.placed(frames, textures, period) == (places, len(starts))
    assert keying.timing(frames, textures, period) == keying.Timing(starts, period)


def test_when_textures_show_is_remembered_and_nonsense_is_not():
    timing = keying.Timing((1, 5, 6), 24)
    assert records.timing({"starts": [1, 5, 6], "period": 24}) == timing
    assert records.timing(None) is None
    for starts, period in (([], 0), ([5, 1], 0), ([1, 5], 3), ([1, 2**40], 0), (["a"], 0), ([1], None)):
        with pytest.raises(ValueError, match=r"none|follow|shorter"):
            records.timing({"starts": starts, "period": period})


def test_it_plays_once_saved_read_again_and_moved(cube, frames, tmp_path):
    home = tmp_path / "project"
    home.mkdir()
    image = wear(cube, frames, tmp_path / "apart")
    assert image.packed_file is None
    bpy.ops.wm.save_as_mainfile(filepath=str(home / "scene.blend"))
    assert image.filepath.startswith("//textures/")
    shutil.rmtree(tmp_path / "apart")
    for file in frames:
        file.unlink()
    home.rename(tmp_path / "elsewhere")
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "elsewhere" / "scene.blend"))
    assert numbers(bpy.data.objects["Cube"], range(1, 9)) == [0, 0, 1, 1, 2, 2, 3, 3]
    bpy.ops.wm.save_mainfile()  # and all stays where it is
    assert len(list((tmp_path / "elsewhere" / "textures").iterdir())) == 1


def test_beside_a_saved_file_the_frames_lie_at_once(cube, frames, tmp_path):
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"))
    images = [wear(cube, frames, tmp_path / "apart") for _ in range(2)]
    assert not (tmp_path / "apart").exists()
    assert len({image.filepath for image in images}) == 2
    assert all(image.filepath.startswith("//textures/") for image in images)
    assert sequence.files_of(images[0])[3].is_file()


def rendered(obj: bpy.types.Object, at: tuple[int, ...], folder: Path) -> list[tuple[float, ...]]:
    """The colours that a render shows of `obj`, which shines, at frames of the scene."""
    tree, stylized = obj.material_slots[0].material.node_tree, obj.material_slots[0].material
    shine = tree.nodes.new("ShaderNodeEmission")
    tree.links.new(material.stylized_node(stylized).outputs["Color"], shine.inputs[0])
    tree.links.new(shine.outputs[0], tree.get_output_node("ALL").inputs["Surface"])
    scene = bpy.context.scene
    camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    camera.location.z = 3
    scene.collection.objects.link(camera)
    scene.camera, scene.render.engine, scene.cycles.samples = camera, "CYCLES", 1
    scene.render.resolution_x = scene.render.resolution_y = 16
    scene.view_settings.view_transform, scene.cycles.use_denoising = "Standard", False
    found = []
    for frame in at:
        scene.frame_set(frame)
        scene.render.filepath = str(folder / f"render_{frame}.png")
        bpy.ops.render.render(write_still=True)
        pixels = np.empty(16 * 16 * 4, np.float32)
        bpy.data.images.load(scene.render.filepath).pixels.foreach_get(pixels)
        found.append(tuple(pixels.reshape(16, 16, 4)[8, 8, :3].round(1).tolist()))
    return found


def test_a_render_shows_the_frame(cube, frames, tmp_path):
    wear(cube, frames, tmp_path / "apart")
    assert rendered(cube, (1, 4, 9), tmp_path) == [COLORS[0], COLORS[1], COLORS[0]]


def test_a_flip_book_plays_as_the_sequence_did(cube, frames, tmp_path):
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"))
    cube = bpy.data.objects["Cube"]
    for loop in cube.data.uv_layers.active.data:  # they wrap
        loop.uv += Vector((3, -2))
    wear(cube, frames, tmp_path / "apart")
    scene, file = bpy.context.scene, tmp_path / "cube.png"
    scene.render.fps, scene.render.fps_base = 24, 1
    assert bpy.ops.patina.flip_book(filepath=str(file), play=True) == {"FINISHED"}
    known = json.loads(file.with_suffix(".json").read_text())
    assert known == {"frames": 4, "columns": 2, "rows": 2, "width": 8, "height": 8, "fps": 12}
    node = material.stylized_node(cube.material_slots[0].material)
    assert (node.image.source, node.image.filepath) == ("FILE", "//cube.png")
    assert rendered(cube, (1, 4, 5, 8, 9), tmp_path) == [COLORS[k] for k in (0, 1, 2, 3, 0)]
    with pytest.raises(RuntimeError, match="no frames"):
        bpy.ops.patina.flip_book(filepath=str(tmp_path / "again.png"))


def test_a_blend_of_packed_textures_becomes_a_flip_book_too(cube, frames, tmp_path):
    images = [result.load_packed(file, "Cube Stylized") for file in frames]
    material.show_image(cube, images[0])
    scene, stylized = bpy.context.scene, cube.material_slots[0].material
    scene.frame_start, scene.frame_end = 1, 10
    maps.add_frames(stylized, images[1:], scene)
    file = tmp_path / "cube.png"
    assert atlas.moving(cube) == [stylized]
    assert bpy.ops.patina.flip_book(filepath=str(file), play=True) == {"FINISHED"}
    assert not atlas.moving(cube)
    (node,) = (node for node in stylized.node_tree.nodes if material.is_image(node))
    assert [link.to_socket.name for link in node.outputs["Color"].links] == ["Base Color"]
    assert rendered(cube, (1, 3, 4, 7, 10), tmp_path) == [COLORS[k] for k in (0, 0, 1, 2, 3)]
    assert bpy.ops.patina.export(filepath=str(tmp_path / "cube.glb")) == {"FINISHED"}
    wear(cube, frames, tmp_path / "apart")
    with pytest.raises(RuntimeError, match="exists already"):
        bpy.ops.patina.flip_book(filepath=str(file))


def test_the_artists_own_action_is_left_alone(cube, frames, tmp_path):
    tree = cube.material_slots[0].material.node_tree
    value = tree.nodes.new("ShaderNodeValue")
    value.outputs[0].keyframe_insert("default_value", frame=1)
    action = tree.animation_data.action
    wear(cube, frames, tmp_path / "apart")
    worn = cube.material_slots[0].material.node_tree
    assert worn.animation_data.action != action
    assert tree.animation_data.action == action
    curves = maps._curves(tree.animation_data)
    assert [len(curve.keyframe_points) for curve in curves] == [1]
    assert len(maps._curves(worn.animation_data)) == 2


def test_what_boils_is_painted_as_a_style_is(cube):
    settings = bpy.context.scene.patina
    settings.mode, settings.between, settings.frames, settings.boil = "animate", "boil", 6, 0.25
    settings.strength = 0.75
    fields = job_fields.of(settings, settings.mode)
    assert (fields["task"], fields["frames"], fields["boil"]) == ("stylize", 6, 0.25)
    assert fields["strength"] == 0.75
    assert fields["parameterization"] == "pyramid"
    assert "relief" not in fields


def test_a_boiling_object_plays_and_an_interrupted_one_goes_on(cube, tmp_path):
    settings = bpy.context.scene.patina
    settings.mode, settings.between, settings.frames = "animate", "boil", 3
    settings.quality, settings.texture_size = "sketch", "256"
    bpy.ops.patina.stylize()
    (run,) = jobs.ended
    assert run.state == jobs.FINISHED, run.error
    assert numbers(cube, range(1, 8)) == [0, 0, 1, 1, 2, 2, 0]
    image = history.signed_image(cube)
    assert (image.source, image.size[:]) == ("SEQUENCE", (256, 256))
    frame = run.folder / "texture_2.png"
    frame.unlink()  # as if it had been ended before
    (run.folder / CHECKPOINT_FILE).write_bytes(b"")
    entry = history.read(run.folder)
    assert entry.goes_on
    assert not entry.is_whole
    going = history.go_on(entry, None)
    assert sorted(path.name for path in going.folder.glob("texture_*.png")) == [
        "texture_0.png",
        "texture_1.png",
    ]
    assert read_job(going.folder).frames == 3
    assert json.loads((run.folder / "report.json").read_text())["frames"] == 3


def test_a_style_goes_from_key_to_key_at_the_frames_of_the_scene(cube):
    scene, settings = bpy.context.scene, bpy.context.scene.patina
    settings.mode, settings.between, settings.textures = "animate", "keys", 3
    settings.quality, settings.texture_size, settings.network = "sketch", "256", "alexnet"
    for frame, style, strength in ((12, "great_wave", 0.75), (2, "starry_night", 0.0), (22, "great_wave", 1)):
        key = settings.style_keys.add()
        key.frame, key.style, key.strength = frame, style, strength
    settings.style_keys[0].style_size = 2.0
    bpy.ops.patina.stylize()
    settings.style_keys[0].frame = 99  # what is set meanwhile is another matter
    (run,) = jobs.ended
    assert run.state == jobs.FINISHED, run.error
    job = read_job(run.folder)
    assert [style.image for style in job.styles] == ["style.jpg", "style_1.jpg"]
    assert job.keys == (Key(0, (1.0, 0.0), 0.0), Key(1, (0.0, 1.0), 0.75, 2.0), Key(2, (0.0, 1.0), 1.0))
    assert (job.easing, job.loop, job.strength) == ("smooth", False, 1.0)
    assert [numbers(cube, range(frame, frame + 1)) for frame in (1, 11, 12, 21, 22, 60)] == [
        *([0], [0], [1], [1], [2], [2])
    ]
    assert scene.frame_current == 60
    assert history.read(run.folder).job.timing == keying.Timing((2, 12, 22))


def test_dreams_go_from_key_to_key_at_the_frames_of_the_scene(cube):
    scene, settings = bpy.context.scene, bpy.context.scene.patina
    settings.mode, settings.between, settings.textures = "animate", "dream_keys", 4
    settings.texture_size, settings.network, settings.steps = "256", "alexnet", 2
    settings.loop, scene.frame_start, scene.frame_end = True, 1, 12
    for frame, channel in ((7, 2), (1, 1), (10, 1)):
        key = settings.dream_keys.add()
        key.frame, key.kind, key.layer, key.channel = frame, "channel", "relu2", channel
    bpy.ops.patina.stylize()
    (run,) = jobs.ended
    assert run.state == jobs.FINISHED, run.error
    job = read_job(run.folder)
    assert (job.task, job.aligned, job.loop, job.frames) == ("interpolate", True, True, 4)
    assert [target.channel for target in job.targets] == [1, 2]
    assert job.keys == (Key(0, (1.0, 0.0)), Key(2, (0.0, 1.0)), Key(3, (1.0, 0.0)))
    assert numbers(cube, range(1, 14)) == [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3, 0]
    assert history.read(run.folder).is_whole


def test_two_formulas_are_morphed_at_another_size(cube):
    scene, settings = bpy.context.scene, bpy.context.scene.patina
    settings.mode, settings.parameterization, settings.target.kind = "dream", "cppn", "channel"
    settings.network, settings.target.layer, settings.texture_size = "alexnet", "relu2", "256"
    settings.steps = 2
    for channel in (1, 2):
        settings.target.channel = channel
        bpy.ops.patina.stylize()
    assert [run.state for run in jobs.ended] == [jobs.FINISHED] * 2, jobs.ended[0].error
    settings.mode, settings.between, settings.textures, settings.texture_size = (
        "animate",
        "formulas",
        4,
        "512",
    )
    assert readiness.of_settings(settings, "animate")[0].stops
    settings.formula, settings.formula_to = (run.folder.name for run in jobs.ended)
    assert not readiness.of_settings(settings, "animate")
    assert {run.folder.name for run in jobs.ended} <= set(formulas.search("cube"))
    scene.frame_start, scene.frame_end = 1, 10
    bpy.ops.patina.stylize()
    run = jobs.ended[-1]
    assert run.state == jobs.FINISHED, run.error
    assert [numbers(cube, range(frame, frame + 1)) for frame in (1, 3, 4, 7, 10)] == [
        *([0], [0], [1], [2], [3])
    ]
    assert history.read(run.folder).is_whole
    image = history.signed_image(cube)
    assert (image.source, image.size[:]) == ("SEQUENCE", (512, 512))
    settings.formula = "/nowhere/a.cppn"
    with pytest.raises(PatinaError, match="no formula"):
        formulas.path(settings.formula)


def test_frames_that_cannot_be_written_leave_the_image(cube, frames, tmp_path):
    image = result.load_packed(frames[0], "Cube Stylized")
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(PatinaError, match="cannot be written"):
        sequence.turn(image, frames, tmp_path / "file")
    assert image.packed_file is not None
    assert image.source == "FILE"


def test_tiles_of_a_udim_image_are_refused_before_they_are_painted():
    tile = Texture("Cube", (0,), None, 1001, "paint", 0)
    sets.check_can_move("Cube", [Texture("Cube", (0,), None, 0, "paint", 0)])
    with pytest.raises(PatinaError, match="UDIM"):
        sets.check_can_move("Cube", [tile])


def test_an_exported_model_shows_a_painting_and_the_panel_says_so(cube, frames, tmp_path):
    wear(cube, frames, tmp_path / "apart")
    assert "patina.flip_book" in recorder.draw(export.PATINA_PT_export).root.operators
    assert bpy.ops.patina.export(filepath=str(tmp_path / "cube.glb")) == {"FINISHED"}
    data = (tmp_path / "cube.glb").read_bytes()
    tree = json.loads(data[20 : 20 + int.from_bytes(data[12:16], "little")])
    (image,) = tree["images"]
    view = tree["bufferViews"][image["bufferView"]]
    start = 28 + int.from_bytes(data[12:16], "little") + view.get("byteOffset", 0)
    path = tmp_path / "exported.png"
    path.write_bytes(data[start : start + view["byteLength"]])
    seen = bpy.data.images.load(str(path))
    assert tuple(seen.pixels[:3]) == pytest.approx(COLORS[0], abs=0.01)
