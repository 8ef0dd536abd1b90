"""What is the artist's stays as it was, and what was made for the artist is not lost."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import bpy
import numpy as np
import pytest
import recorder
from bl_ext.user_default.patina.addon import jobs, styles, thumbnails
from bl_ext.user_default.patina.addon.export import proof
from bl_ext.user_default.patina.addon.operators import apply, paint_image
from bl_ext.user_default.patina.addon.scene import (
    image,
    maps,
    material,
    memory,
    picture,
    result,
    sets,
    textures,
)
from bl_ext.user_default.patina.addon.scene.records import Member, Prepared
from bl_ext.user_default.patina.addon.scene.textures import Texture
from bl_ext.user_default.patina.addon.ui import export as export_panel
from bl_ext.user_default.patina.addon.ui import panel
from bl_ext.user_default.patina.backend.errors import PatinaError
from bl_ext.user_default.patina.backend.protocol.files import TEXTURE_FILE, numbered
from bl_ext.user_default.patina.backend.protocol.job import Job
from bl_ext.user_default.patina.backend.protocol.job_file import write_job
from bl_ext.user_default.patina.backend.protocol.parts import Style


def plain(path: Path, color: tuple[float, ...], size: int = 8) -> Path:
    """A picture of one colour."""
    image.write_png(np.broadcast_to(np.float32(color), (size, size, len(color))), path)
    return path


def corner(of: bpy.types.Image) -> list[float]:
    return [round(value, 2) for value in of.pixels[:3]]


def animated(obj: bpy.types.Object) -> bpy.types.Action:
    """The action that moves the roughness of the material of `obj`."""
    tree = obj.material_slots[0].material.node_tree
    rough = tree.nodes["Principled BSDF"].inputs["Roughness"]
    for frame, value in ((1, 0.1), (50, 0.9)):
        rough.default_value = value
        rough.keyframe_insert("default_value", frame=frame)
    return tree.animation_data.action


def keys(tree: bpy.types.NodeTree) -> list[tuple[str, set[str]]]:
    """The curves of a tree's action, with how their keys are joined."""
    return [
        (curve.data_path, {point.interpolation for point in curve.keyframe_points})
        for curve in maps._curves(tree.animation_data)
    ]


def add_frames(obj: bpy.types.Object) -> bpy.types.NodeTree:
    images = [bpy.data.images.new(f"frame {number}", 8, 8) for number in range(3)]
    material.show_image(obj, images[0])
    worn = obj.material_slots[0].material
    maps.add_frames(worn, images[1:], bpy.context.scene)
    return worn.node_tree


def test_frames_are_keyed_in_an_action_of_their_own(cube):
    action = animated(cube)
    own = cube.material_slots[0].material.node_tree
    before = keys(own)
    tree = add_frames(cube)
    assert own.animation_data.action == action
    assert keys(own) == before
    assert tree.animation_data.action != action
    (rough, curve), (dial, line) = sorted(keys(tree), key=lambda key: "Frame" in key[0])
    assert (rough, curve) == before[0]
    assert maps.FRAME in dial
    assert line == {"LINEAR"}


def test_frames_are_keyed_where_the_artists_action_is_linked(cube, tmp_path):
    action = animated(cube)
    bpy.data.libraries.write(str(tmp_path / "library.blend"), {action})
    with bpy.data.libraries.load(str(tmp_path / "library.blend"), link=True) as (there, here):
        here.actions = there.actions
    linked = here.actions[0]
    data = cube.material_slots[0].material.node_tree.animation_data
    data.action = linked
    if bpy.app.version >= (4, 4):
        data.action_slot = linked.slots[0]
    tree = add_frames(cube)
    assert tree.animation_data.action.library is None
    assert len(keys(tree)) == 2


def test_a_flat_result_is_saved_though_no_editor_shows_it(tmp_path):
    picture.show(plain(tmp_path / "painted.png", (1, 0, 0)), "Photo Stylized", None)
    other = bpy.data.images.new("Other", 8, 8)
    for editor in picture._editors():
        editor.image = other
    for _ in range(2):  # the first time, what an editor has shown is still saved
        bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "file.blend"))
        bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "file.blend"))
    assert corner(bpy.data.images["Photo Stylized"]) == [1, 0, 0]


def test_results_of_like_names_are_unpacked_to_files_of_their_own(tmp_path):
    colors = {"Cup 1": (1, 0, 0), "Cup_1": (0, 1, 0), "Cup.1": (0, 0, 1), "cup 1": (1, 1, 0)}
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "file.blend"))
    (tmp_path / "textures").mkdir()
    plain(tmp_path / "textures" / "Cup_1.png", (1, 1, 1))  # the artist's own
    for name, color in colors.items():
        result.load_packed(plain(tmp_path / f"{color}.png", color), name).use_fake_user = True
    bpy.ops.file.unpack_all(method="USE_LOCAL")
    for name, color in colors.items():
        unpacked = bpy.data.images[name]
        assert not unpacked.packed_file
        unpacked.reload()
        assert corner(unpacked) == list(color), name


def test_the_proof_of_a_result_with_udim_tiles_has_all_tiles(cube, tmp_path):
    colors = {1001: (0, 0, 0.5), 1002: (0.9, 0, 0)}
    files = {number: plain(tmp_path / f"{number}.png", color) for number, color in colors.items()}
    painted = result.load_tiles(files, "Cube Stylized")
    material.show_image(cube, painted)
    bpy.ops.patina.soft_proof()
    node = next(iter(proof.stylized_nodes([cube])))
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "file.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "file.blend"))
    node = next(iter(proof.stylized_nodes([bpy.data.objects["Cube"]])))
    assert node.image.name == "Cube Stylized Proof"
    for number, color in colors.items():
        with image.tile(node.image, number, tmp_path / "alone.png") as alone:
            shown = np.array(corner(alone))
        assert np.abs(shown - color).max() > 0.05  # print has no such colour
        assert shown.argmax() == np.argmax(color)


def test_a_result_of_which_a_frame_is_missing_changes_nothing(cube, tmp_path):
    ends = (Style("s.png"), Style("t.png"))
    job = Job("Cube", mesh="mesh.npz", task="interpolate", styles=ends, frames=3, parameterization="shared")
    write_job(tmp_path, job)
    for frame in (0, 1):
        plain(tmp_path / numbered(TEXTURE_FILE, frame, 3), (1, 0, 0))
    own = cube.material_slots[0].material
    member = Member("Cube", cube.session_uid, (Texture("Cube", (0,)),), (0,))
    with pytest.raises(PatinaError, match=f"{numbered(TEXTURE_FILE, 2, 3)} cannot be read"):
        apply.apply(Prepared(tmp_path, "Cube", (member,)), [member])
    assert cube.material_slots[0].material == own
    assert not cube.patina.slots
    assert not bpy.data.images


@pytest.mark.parametrize("left", ["texture.png", "height.png"])
def test_a_result_that_there_was_no_room_for_the_relief_of_is_shown_without(cube, tmp_path, left):
    write_job(
        tmp_path, Job("Cube", mesh="mesh.npz", task="synthesize", styles=(Style("s.png"),), relief=True)
    )
    plain(tmp_path / "texture.png", (1, 0, 0))
    plain(tmp_path / left, (1, 0, 0))
    member = Member("Cube", cube.session_uid, (Texture("Cube", (0,)),), (0,))
    (shown,) = apply.apply(Prepared(tmp_path, "Cube", (member,)), [member])
    assert corner(shown) == [1, 0, 0]
    nodes = cube.material_slots[0].material.node_tree.nodes
    assert not [node for node in nodes if node.type in {"NORMAL_MAP", "BUMP", "DISPLACEMENT"}]


def transparent(obj: bpy.types.Object, name: str, alpha: float) -> bpy.types.Image:
    """An image of one alpha, whose colour `obj` shows."""
    own = bpy.data.images.new(name, 8, 8, alpha=True)
    own.pixels.foreach_set(np.tile(np.float32((0.2, 0.3, 0.4, alpha)), 64))
    own.pack()
    tree = obj.material_slots[0].material.node_tree
    node = tree.nodes.new("ShaderNodeTexImage")
    node.image = own
    tree.links.new(node.outputs["Color"], tree.nodes["Principled BSDF"].inputs["Base Color"])
    return own


def painted_alpha(obj: bpy.types.Object, textures: tuple[Texture, ...], folder: Path) -> float:
    (made,) = result.show(obj, textures, [plain(folder / "texture.png", (1, 0, 0))])
    return round(made.pixels[3], 2)


def test_the_alpha_is_kept_of_an_image_that_is_renamed_meanwhile(cube, tmp_path):
    own = transparent(cube, "Leaves", 0.4)
    source = textures.read(cube, bpy.context.evaluated_depsgraph_get())
    own.name = "Old Leaves"
    transparent(cube, "Leaves", 0.8)
    assert painted_alpha(cube, source.textures, tmp_path) == 0.4


def test_the_alpha_is_that_of_this_files_image_where_a_linked_one_has_its_name(cube, tmp_path):
    other = transparent(cube, "Leaves", 0.8)
    bpy.data.libraries.write(str(tmp_path / "library.blend"), {other})
    bpy.data.images.remove(other)
    with bpy.data.libraries.load(str(tmp_path / "library.blend"), link=True) as (there, here):
        here.images = there.images
    transparent(cube, "Leaves", 0.4)
    source = textures.read(cube, bpy.context.evaluated_depsgraph_get())
    assert painted_alpha(cube, source.textures, tmp_path) == 0.4
    by_name = replace(source.textures[0], image_uid=0)  # as History knows it
    assert painted_alpha(cube, (by_name,), tmp_path) == 0.4


def test_a_flat_result_takes_the_place_of_an_image_that_is_renamed_meanwhile(tmp_path):
    own = bpy.data.images.new("Photo", 8, 8)
    settings = bpy.context.scene.patina
    settings.picture_mode = "stylize"
    run = paint_image.prepare(settings, own)
    own.name = "Old Photo"
    other = bpy.data.images.new("Photo", 8, 8)
    editor = picture._editors()[0]
    plain(run.texture, (1, 0, 0))
    for image_before, taken in ((own, True), (other, False)):
        editor.image = image_before
        (shown,) = apply.apply(run.job, ())
        assert (editor.image == shown) == taken


def test_frames_are_keyed_in_the_objects_own_scene(cube):
    cube_scene = bpy.context.scene
    cube_scene.frame_start, cube_scene.frame_end = 5, 55
    elsewhere = bpy.data.scenes.new("Elsewhere")
    elsewhere.frame_end = 7
    images = tuple(bpy.data.images.new(f"frame {number}", 8, 8) for number in range(3))
    material.show_image(cube, images[0])
    with bpy.context.temp_override(scene=elsewhere):
        maps.add(cube, maps.Maps(images[1:], (), False))
    tree = cube.material_slots[0].material.node_tree
    (curve,) = maps._curves(tree.animation_data)
    assert [tuple(point.co) for point in curve.keyframe_points] == [(5, 0), (55, 2)]


def test_the_other_turns_objects_that_share_their_materials_once(cube):
    material.show_image(cube, bpy.data.images.new("Painted", 4, 4))
    own, stylized = cube.patina.slots[0].original, cube.material_slots[0].material
    twin = cube.copy()
    bpy.context.collection.objects.link(twin)
    twin.select_set(True)
    for worn in (own, stylized):
        bpy.ops.patina.compare(show="OTHER")
        assert [obj.material_slots[0].material for obj in (cube, twin)] == [worn, worn]


def test_a_file_that_fails_to_open_leaves_a_jobs_object_where_it_is(cube, tmp_path):
    (tmp_path / "broken.blend").write_bytes(b"BLENDER-v402" + bytes(100))
    member = Member("Cube", cube.session_uid, (Texture("Cube", (0,)),), (0,))
    run = jobs.Run(Prepared(tmp_path, "Cube", (member,)), tmp_path)
    with pytest.raises(RuntimeError):
        bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "broken.blend"))
    assert run.is_at_home
    assert sets.find(member, run.job) == bpy.data.objects["Cube"]
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    assert not run.is_at_home


def test_saved_files_keep_their_style_when_a_painting_is_added(monkeypatch):
    """Files hold the numbers of items: 0 to 5 for the first six paintings, 6 for the own image."""
    before = {item[0]: item[4] for item in thumbnails.style_items("")}
    assert [before[name] for name in styles.PAINTINGS] == [0, 1, 2, 3, 4, 5]
    assert before[styles.OWN_IMAGE] == 6
    monkeypatch.setattr(styles, "PAINTINGS", styles.PAINTINGS | {"haystacks": ("Haystacks", "Monet, 1890")})
    monkeypatch.setattr(thumbnails, "_menus", {})
    monkeypatch.setattr(thumbnails, "_previews", None)
    after = {item[0]: item[4] for item in thumbnails.style_items("")}
    assert {name: after[name] for name in before} == before
    assert len(set(after.values())) == len(after)


def test_drawing_and_asking_leave_nothing_on_objects(cube):
    recorder.draw(panel.PATINA_PT_stylize)
    recorder.draw(export_panel.PATINA_PT_export)
    assert not memory.stylized_materials(cube)
    assert not cube.is_property_set("patina")
    assert not cube.material_slots[0].material.is_property_set("patina")
