"""Stylized objects to files: by Blender's exporters and by the backend, and the artist's scene as it was."""

from __future__ import annotations

import base64
import io
import json
import re
import struct
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

import bpy
import numpy as np
import pytest
import recorder
from bl_ext.user_default.patina.addon import problems
from bl_ext.user_default.patina.addon.export import copies, engines, presets, printing, proof, run, textures
from bl_ext.user_default.patina.addon.scene import material, memory
from bl_ext.user_default.patina.addon.ui import export as export_panel
from bl_ext.user_default.patina.backend.errors import PatinaError
from bl_ext.user_default.patina.backend.web import page
from PIL import Image


def stylize(obj: bpy.types.Object, size: int = 256, color: tuple[float, float, float] | None = None):
    """Wear a picture of known pixels as `apply` would put it on; gives its pixels, top row first."""
    y, x = np.mgrid[:size, :size] / size
    pixels = np.stack((x, y, 0.5 + 0.5 * np.sin(20 * x * y), np.ones_like(x)), -1).astype(np.float32)
    if color:
        pixels[..., :3] = color
    image = bpy.data.images.new(f"{obj.name} Stylized", size, size, alpha=False)
    image.pixels.foreach_set(pixels[::-1].ravel())
    image.pack()
    material.show_image(obj, image)
    return pixels


def state() -> dict:
    """Names of everything in the file, and what is selected."""
    return {
        "selected": sorted(obj.name for obj in bpy.context.selected_objects),
        "active": bpy.context.view_layer.objects.active and bpy.context.view_layer.objects.active.name,
        **{
            kind: sorted(block.name for block in getattr(bpy.data, kind))
            for kind in ("objects", "meshes", "materials", "images", "armatures", "actions", "shape_keys")
        },
        "worn": {obj.name: [slot.name for slot in obj.material_slots] for obj in bpy.data.objects},
    }


def glb(path: Path) -> tuple[dict, bytes]:
    data = path.read_bytes()
    size = struct.unpack_from("<I", data, 12)[0]
    return json.loads(data[20 : 20 + size]), data[28 + size :]


def picture(tree: dict, binary: bytes, index: int = 0) -> Image.Image:
    view = tree["bufferViews"][tree["images"][index]["bufferView"]]
    start = view.get("byteOffset", 0)
    return Image.open(io.BytesIO(binary[start : start + view["byteLength"]]))


@pytest.fixture
def settings() -> bpy.types.PropertyGroup:
    return bpy.context.scene.patina_export


# Names and textures


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("Fox", "Fox"),
        ("a/b\\c:d*?", "a_b_c_d__"),
        ("..", "_"),
        ("", "_"),
        ("con", "con_"),
        ("Füchsin 狐", "Füchsin 狐"),
        ("x" * 300, "x" * 100),
    ],
)
def test_file_names_that_every_system_takes(name, stem):
    assert presets.file_stem(name) == stem


def test_file_names_are_never_shared():
    assert presets.file_stems(["a/b", "a:b", "A_B"]) == ["a_b", "a_b_2", "A_B_3"]


def test_resizing_takes_means():
    pixels = np.random.default_rng(0).random((12, 20, 4)).astype(np.float32)
    halves = pixels.reshape(6, 2, 10, 2, 4).mean(axis=(1, 3))
    assert textures.resized(pixels, 10, 6) == pytest.approx(halves, abs=1e-6)
    odd = textures.resized(pixels, 7, 16)
    assert odd.shape == (16, 7, 4)
    assert odd.mean(axis=(0, 1)) == pytest.approx(pixels.mean(axis=(0, 1)), abs=1e-5)


# Engines


def test_glb_of_the_fox_keeps_rig_animation_and_name(fox, settings, tmp_path):
    pixels = stylize(fox)
    before = state()
    settings.preset = "GODOT"
    assert bpy.ops.patina.export(filepath=str(tmp_path / "fox.glb")) == {"FINISHED"}
    assert state() == before
    tree, binary = glb(tmp_path / "fox.glb")
    assert len(tree["animations"]) == 3
    assert len(tree["skins"]) == 1
    assert "fox" in {node["name"] for node in tree["nodes"]}
    assert len(tree["images"]) == 1  # the original's picture is not taken along
    image = picture(tree, binary)
    assert (image.format, image.size) == ("PNG", (256, 256))
    assert "srgb" in image.info  # with any intent: that of Blender 5.2 is its own
    uvs = engine_uvs(fox)
    from bl_ext.user_default.patina.backend.export import gutters

    mask = gutters.coverage(uvs, 256, 256)
    off = np.abs(np.asarray(image.convert("RGB")) / 255 - pixels[..., :3])
    assert off[mask].max() < 1 / 255


def engine_uvs(obj: bpy.types.Object) -> np.ndarray:
    mesh = obj.data
    mesh.calc_loop_triangles()
    return np.array(
        [[mesh.uv_layers[0].uv[loop].vector for loop in tri.loops] for tri in mesh.loop_triangles]
    )


def test_exported_textures_have_gutters_for_every_mip_level(fox, settings, tmp_path):
    stylize(fox, 1024)
    preset = presets.PRESETS["GODOT"]
    written = engines.export(bpy.context, [fox], preset, tmp_path / "a.glb", 1024, "PNG", False)
    assert len(written.bleed["fox Stylized"]) == 6
    assert max(written.bleed["fox Stylized"]) < 2.0


def test_web_glb_is_webp_and_capped(cube, settings, tmp_path):
    stylize(cube, 200)
    settings.preset = "WEB"
    assert (settings.texture_size, settings.texture_format) == ("1024", "WEBP")
    settings.texture_size = "256"
    bpy.ops.patina.export(filepath=str(tmp_path / "cube.glb"))
    tree, binary = glb(tmp_path / "cube.glb")
    assert tree["textures"][0]["extensions"]["EXT_texture_webp"]["source"] == 0
    assert (picture(tree, binary).format, picture(tree, binary).size) == ("WEBP", (256, 256))


def test_only_the_chosen_uv_map_goes_out(cube, settings, tmp_path):
    stylize(cube)
    second = cube.data.uv_layers.new(name="Second")
    second.uv.foreach_set("vector", np.full(len(second.uv) * 2, 0.25, np.float32))
    chosen = cube.data.uv_layers[0].name
    cube.data.uv_layers[0].active_render = True
    bpy.ops.patina.export(filepath=str(tmp_path / "cube.glb"))
    tree, _ = glb(tmp_path / "cube.glb")
    attributes = tree["meshes"][0]["primitives"][0]["attributes"]
    assert "TEXCOORD_0" in attributes
    assert "TEXCOORD_1" not in attributes
    assert tree["accessors"][attributes["TEXCOORD_0"]]["count"] >= 8  # not all in one place
    assert [layer.name for layer in cube.data.uv_layers] == [chosen, "Second"]


def test_the_original_shown_for_comparison_is_not_what_goes_out(cube, settings, tmp_path):
    stylize(cube, color=(1.0, 0.0, 0.0))
    material.compare(cube)
    assert not memory.shows_stylized(cube)
    bpy.ops.patina.export(filepath=str(tmp_path / "cube.glb"))
    assert picture(*glb(tmp_path / "cube.glb")).convert("RGB").getpixel((99, 99)) == (255, 0, 0)
    assert not memory.shows_stylized(cube)


IMPORTERS = {
    "UNITY": lambda path: bpy.ops.import_scene.fbx(filepath=str(path)),
    "UNREAL": lambda path: bpy.ops.import_scene.fbx(filepath=str(path)),
    "USD": lambda path: bpy.ops.wm.usd_import(filepath=str(path)),
    "USDZ": lambda path: bpy.ops.wm.usd_import(filepath=str(path)),
    "OBJ": lambda path: bpy.ops.wm.obj_import(filepath=str(path)),
}


@pytest.mark.parametrize("preset", IMPORTERS)
def test_each_format_comes_back_with_size_and_texture(fox, settings, tmp_path, preset):
    stylize(fox)
    # OBJ has no bones: it holds the pose that is shown.
    size = sorted(fox.dimensions if preset == "OBJ" else size_at_rest(fox))
    before = state()
    settings.preset = preset
    path = tmp_path / "out" / f"fox{presets.PRESETS[preset].suffix}"
    path.parent.mkdir()
    assert bpy.ops.patina.export(filepath=str(path)) == {"FINISHED"}
    assert state() == before
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    IMPORTERS[preset](path)
    mesh = next(obj for obj in bpy.data.objects if obj.type == "MESH")
    back = mesh.dimensions if preset == "OBJ" else size_at_rest(mesh)
    assert sorted(back) == pytest.approx(size, rel=1e-3)
    images = [
        node.image
        for slot in mesh.material_slots
        for node in slot.material.node_tree.nodes
        if material.is_image(node)
    ]
    assert [tuple(image.size) for image in images] == [(256, 256)]
    if preset == "OBJ":
        assert {file.name for file in path.parent.iterdir()} == {"fox.obj", "fox.mtl", "fox_Stylized.png"}
    if preset != "OBJ":  # which has no bones
        assert any(obj.type == "ARMATURE" for obj in bpy.data.objects)


def size_at_rest(obj: bpy.types.Object) -> np.ndarray:
    for armature in bpy.data.armatures:
        armature.pose_position = "REST"
    bpy.context.view_layer.update()
    evaluated = obj.evaluated_get(bpy.context.evaluated_depsgraph_get())
    corners = [evaluated.matrix_world @ vertex.co for vertex in evaluated.data.vertices]
    for armature in bpy.data.armatures:
        armature.pose_position = "POSE"
    return np.ptp(np.array(corners), axis=0)


def test_one_file_each_and_all_stylized(settings, tmp_path):
    for name, x in (("a/b", 0), ("a:b", 3), ("plain", 6)):
        bpy.ops.mesh.primitive_cube_add(location=(x, 0, 0))
        bpy.context.object.name = name
        if name != "plain":
            stylize(bpy.context.object)
    bpy.ops.object.select_all(action="DESELECT")
    settings.preset, settings.scope, settings.files = "GODOT", "ALL", "EACH"
    before = state()
    bpy.ops.patina.export(filepath=str(tmp_path / "whatever.glb"))
    assert state() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a_b.glb", "a_b_2.glb"]
    settings.files = "ONE"
    bpy.ops.patina.export(filepath=str(tmp_path / "all"))
    assert {node["name"] for node in glb(tmp_path / "all.glb")[0]["nodes"]} == {"a/b", "a:b"}


# Soft proof


def test_soft_proof_shows_and_goes_and_is_not_exported(cube, settings, tmp_path):
    stylize(cube, color=(0.0, 0.0, 0.4))
    before = state()
    bpy.ops.patina.soft_proof()
    assert proof.is_on([cube])
    node = next(iter(proof.stylized_nodes([cube])))
    shown = np.array(node.image.pixels[:3])
    assert shown.max() > 0.2
    assert abs(shown - (0, 0, 0.4)).max() > 0.1
    bpy.ops.patina.export(filepath=str(tmp_path / "cube.glb"))
    assert picture(*glb(tmp_path / "cube.glb")).convert("RGB").getpixel((9, 9)) == (0, 0, 102)
    bpy.ops.patina.soft_proof()
    assert not proof.is_on([cube])
    assert state() == before


# Printing


def test_print_of_the_posed_fox(fox, settings, tmp_path):
    stylize(fox)
    bpy.context.scene.frame_set(12)
    settings.preset, settings.size_mm = "PRINT_3MF", 60.0
    before = state()
    assert bpy.ops.patina.export(filepath=str(tmp_path / "fox.3mf")) == {"FINISHED"}
    assert state() == before
    depsgraph = bpy.context.evaluated_depsgraph_get()
    evaluated = fox.evaluated_get(depsgraph)
    corners = np.array([evaluated.matrix_world @ vertex.co for vertex in evaluated.data.vertices])
    size = np.ptp(corners, axis=0)
    assert printing.last_check["size_mm"] == pytest.approx(60 * size / size.max(), abs=0.05)
    with zipfile.ZipFile(tmp_path / "fox.3mf") as archive:
        name = next(name for name in archive.namelist() if name.endswith(".png"))
        assert Image.open(io.BytesIO(archive.read(name))).size == (256, 256)


def test_print_check_names_holes_and_repair_closes_them(cube, settings, tmp_path):
    bpy.ops.mesh.primitive_ico_sphere_add(subdivisions=4, calc_uvs=True)
    ball = bpy.context.object
    mesh = ball.data
    import bmesh

    edit = bmesh.new()
    edit.from_mesh(mesh)
    edit.faces.ensure_lookup_table()
    bmesh.ops.delete(edit, geom=[edit.faces[7]], context="FACES_ONLY")
    edit.to_mesh(mesh)
    edit.free()
    stylize(ball)
    settings.preset = "PRINT_STL"
    bpy.ops.patina.print_check()
    assert levels()["watertight"] == "problem"
    settings.repair = True
    bpy.ops.patina.export(filepath=str(tmp_path / "ball.stl"))
    assert levels()["watertight"] == "ok"
    assert len(mesh.polygons) == 1279  # the artist's own still has its hole


def levels() -> dict[str, str]:
    return {finding["check"]: finding["level"] for finding in printing.last_check["findings"]}


def test_a_print_goes_on_by_itself_and_is_cancelled_at_once(cube, settings, tmp_path):
    bpy.ops.object.modifier_add(type="SUBSURF")
    cube.modifiers[0].levels = 7  # a hundred thousand triangles, which take the check seconds
    stylize(cube)
    settings.preset = "PRINT_PLY"
    (prepared,) = run.prints(bpy.context, tmp_path / "cube.ply", False)
    folder = Path(prepared.folder.name)
    printing.begin([prepared])
    stages = []
    end = time.monotonic() + 60
    while "checking" not in stages and time.monotonic() < end:
        assert printing.pump()
        stages.append(printing.progress.stage)
        time.sleep(0.02)
    assert {"starting", "reading", "checking"} >= set(stages)
    assert not bpy.ops.patina.print_check.poll()
    assert recorder.draw(export_panel.PATINA_PT_export).operators == ["patina.print_cancel"]
    start = time.monotonic()
    assert bpy.ops.patina.print_cancel() == {"FINISHED"}
    while printing.pump():
        time.sleep(0.02)
    assert time.monotonic() - start < 5
    assert not folder.exists()
    assert list(tmp_path.iterdir()) == []
    assert printing.message == "Cancelled."
    assert bpy.ops.patina.print_check.poll()
    drawn = recorder.draw(export_panel.PATINA_PT_export)
    assert drawn.operators == ["patina.print_check", "patina.soft_proof", "patina.export"]
    assert "Cancelled." in drawn.texts


@pytest.mark.parametrize("left", ["", "no JSON"])
def test_a_print_whose_report_cannot_be_read_keeps_no_later_one_waiting(cube, tmp_path, left):
    report = tmp_path / "report.json"
    if left:
        report.write_text(left)
    event = json.dumps({"kind": "finished", "report": str(report)})
    ended = [
        printing.Print(tempfile.TemporaryDirectory(), [sys.executable, "-c", f"print({event!r})"])
        for _ in range(2)
    ]
    printing.begin(ended)
    printing.run_to_end()
    assert all("The print ended without a result" in str(each.error) for each in ended)
    assert [problem.source for problem in problems.shown] == [printing.SOURCE]
    assert bpy.ops.patina.print_check.poll()


def test_print_with_a_relief(cube, settings, tmp_path):
    stylize(cube)
    height = bpy.data.images.new("Height", 64, 64, is_data=True)
    settings.preset, settings.size_mm = "PRINT_STL", 10.0
    volumes = {}
    for name, grey, relief in (
        ("flat", 0.0, 0.5),
        ("half", 0.5, 0.5),
        ("as half", 1.0, 0.25),
        ("full", 1.0, 0.5),
    ):
        height.pixels.foreach_set(np.full(64 * 64 * 4, grey, np.float32))
        settings.height, settings.relief_mm = height, relief
        bpy.ops.patina.export(filepath=str(tmp_path / f"{name}.stl"))
        volumes[name] = printing.last_check["volume_cm3"]
    assert volumes["flat"] == pytest.approx(1.0)
    assert volumes["half"] == pytest.approx(volumes["as half"], rel=1e-3)
    assert volumes["flat"] + 1.5 / 8 < volumes["full"] < 1.1**3


# Bad input


def refused(message: str, **options) -> None:
    before = state()
    with pytest.raises(RuntimeError, match=message):
        bpy.ops.patina.export(**options)
    assert state() == before


def test_nothing_stylized_yet(cube, tmp_path):
    refused("stylized yet.*press Stylize", filepath=str(tmp_path / "a.glb"))
    bpy.ops.object.select_all(action="DESELECT")
    refused("stylized yet.*press Stylize", filepath=str(tmp_path / "a.glb"))


def test_the_only_stylized_object_need_not_be_selected(cube, settings, tmp_path):
    stylize(cube)
    bpy.ops.object.select_all(action="DESELECT")
    bpy.ops.patina.export(filepath=str(tmp_path / "a.glb"))
    assert [node["name"] for node in glb(tmp_path / "a.glb")[0]["nodes"]] == ["Cube"]
    other = cube.copy()
    bpy.context.scene.collection.objects.link(other)
    refused("None of the selected.*Select Cube", filepath=str(tmp_path / "b.glb"))


def test_a_suffix_in_capitals_is_one(cube, tmp_path):
    stylize(cube)
    bpy.ops.patina.export(filepath=str(tmp_path / "Model.GLB"))
    assert [path.name for path in tmp_path.iterdir()] == ["Model.glb"]


def test_edit_mode(cube, tmp_path):
    stylize(cube)
    bpy.ops.object.mode_set(mode="EDIT")
    refused("Cube is in Edit Mode.*Tab", filepath=str(tmp_path / "a.glb"))


def test_nothing_of_the_file_browsers_is_of_another_kind():
    """It fills in what has these names; Blender crashes where that is no collection, or no text."""
    kinds = {prop.identifier: prop.type for prop in bpy.ops.patina.export.get_rna_type().properties}
    assert kinds.get("files", "COLLECTION") == "COLLECTION"
    assert {kinds.get(name, "STRING") for name in ("directory", "filename", "filepath")} == {"STRING"}


def test_an_unsaved_file_and_a_missing_folder(cube, tmp_path):
    stylize(cube)
    refused("never saved.*Save the file first", filepath="//a.glb")
    refused("no folder .*nowhere", filepath=str(tmp_path / "nowhere" / "a.glb"))
    refused("no file name", filepath="/")
    refused("too long", filepath=str(tmp_path / ("x" * 300)))


@pytest.mark.parametrize("preset", ["GODOT", "OBJ", "PRINT_3MF"])
def test_an_existing_file_is_only_replaced_when_asked(cube, settings, tmp_path, preset):
    stylize(cube)
    settings.preset = preset
    path = tmp_path / f"a{presets.PRESETS[preset].suffix}"
    path.write_bytes(b"precious")
    refused("exists already.*tick Replace", filepath=str(path))
    assert path.read_bytes() == b"precious"
    assert list(tmp_path.iterdir()) == [path]
    assert bpy.ops.patina.export(filepath=str(path), overwrite=True) == {"FINISHED"}
    assert path.stat().st_size > 500


def test_a_file_beside_an_obj_is_kept_too(cube, settings, tmp_path):
    stylize(cube)
    settings.preset = "OBJ"
    (tmp_path / "a.mtl").write_bytes(b"precious")
    refused("a.mtl exists already", filepath=str(tmp_path / "a.obj"))
    assert [path.name for path in tmp_path.iterdir()] == ["a.mtl"]


def test_a_lost_texture_leaves_all_as_it_was(cube, tmp_path):
    stylize(cube)
    node = next(iter(proof.stylized_nodes([cube])))
    node.image = bpy.data.images.new("Lost", 8, 8)
    node.image.source = "FILE"
    node.image.filepath = str(tmp_path / "lost.png")
    refused("Lost cannot be read", filepath=str(tmp_path / "a.glb"))
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_leaves_what_was_there(cube, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", str(disk)]
    if sys.platform != "linux" or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("needs the right to mount a small disk")
    try:
        stylize(cube)
        (disk / "a.glb").write_bytes(b"the old one")
        with pytest.raises(RuntimeError, match="No space left on device"):
            bpy.ops.patina.export(filepath=str(disk / "a.glb"), overwrite=True)
        assert (disk / "a.glb").read_bytes() == b"the old one"
        assert [path.name for path in disk.iterdir()] == ["a.glb"]
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_half_a_file_is_noticed(tmp_path):
    for suffix, half in (
        (".glb", b"glTF" + bytes(40)),
        (".fbx", b"Kaydara"),
        (".usdz", b"PK"),
        (".usdc", b""),
    ):
        (tmp_path / f"a{suffix}").write_bytes(half)
        with pytest.raises(PatinaError, match="no whole"):
            engines._check_whole(tmp_path / f"a{suffix}")


def test_a_hidden_skeleton_goes_out_and_stays_hidden(fox, settings, tmp_path):
    stylize(fox)
    skeleton = fox.find_armature()
    skeleton.hide_set(True)
    bpy.ops.patina.export(filepath=str(tmp_path / "fox.glb"))
    assert glb(tmp_path / "fox.glb")[0]["skins"]
    assert skeleton.hide_get()


def test_objects_that_share_a_mesh(cube, settings, tmp_path):
    other = cube.copy()
    other.location.x = 3
    bpy.context.scene.collection.objects.link(other)
    stylize(cube, color=(1, 0, 0))
    stylize(other, color=(0, 1, 0))
    settings.scope = "ALL"
    before = state()
    with copies.copies(bpy.context, [cube, other]) as made:
        assert {obj.data.name for obj in made} <= {"Cube", "Cube.001"}
    assert state() == before
    bpy.ops.patina.export(filepath=str(tmp_path / "two.glb"))
    tree, binary = glb(tmp_path / "two.glb")
    assert {picture(tree, binary, i).convert("RGB").getpixel((9, 9)) for i in (0, 1)} == {
        (255, 0, 0),
        (0, 255, 0),
    }


@pytest.mark.parametrize("preset", ["GODOT", "UNITY", "OBJ", "USDZ"])
def test_what_objects_share_they_share_in_the_file(cube, settings, tmp_path, preset):
    """Three objects, two of them with one mesh, one material and one picture."""
    bpy.ops.mesh.primitive_plane_add(calc_uvs=True, location=(0, 6, 0))
    plane = bpy.context.object
    plane.data.materials.append(cube.data.materials[0])
    stylize(cube)
    plane.data.materials[0] = cube.material_slots[0].material
    twin = cube.copy()
    twin.location.x = 3
    bpy.context.scene.collection.objects.link(twin)
    settings.scope, settings.preset = "ALL", preset
    before = state()
    with copies.copies(bpy.context, [cube, twin, plane], lambda image, _: image.copy()) as made:
        assert [obj.name for obj in made] == ["Cube", twin.name.removesuffix(" (kept)"), "Plane"]
        assert made[0].data == made[1].data
        assert len({obj.material_slots[0].material for obj in made}) == 1
        assert not any("(kept)" in obj.data.name for obj in made)
        assert made[0].material_slots[0].material.name == "Paint Stylized"
    assert state() == before
    suffix = presets.PRESETS[preset].suffix
    bpy.ops.patina.export(filepath=str(tmp_path / f"all{suffix}"))
    assert b"(kept)" not in b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    if preset == "GODOT":
        tree, _ = glb(tmp_path / "all.glb")
        assert [len(tree[kind]) for kind in ("nodes", "meshes", "materials", "images")] == [3, 2, 1, 1]


def test_what_carries_objects_is_exported_with_its_motion(cube, settings, tmp_path):
    """A model of parts, as game assets are: an empty carries a body, the body an arm that turns."""
    root = bpy.data.objects.new("Root", None)
    bpy.context.scene.collection.objects.link(root)
    root.location.x = 5
    bpy.ops.mesh.primitive_plane_add(calc_uvs=True)
    arm = bpy.context.object
    arm.name, arm.parent, cube.parent = "Arm", cube, root
    arm.location, cube.location.y = (1, 0, 0), 2
    for frame, angle in ((1, 0.0), (20, 1.0)):
        arm.rotation_euler.z = angle
        arm.keyframe_insert("rotation_euler", frame=frame)
    bpy.context.view_layer.update()
    stylize(cube)
    stylize(arm)
    settings.scope = "ALL"
    before = state()
    bpy.ops.patina.export(filepath=str(tmp_path / "parts.glb"))
    assert state() == before
    assert [arm.parent, cube.parent] == [cube, root]
    tree, _ = glb(tmp_path / "parts.glb")
    nodes = {node["name"]: node for node in tree["nodes"]}
    below = {
        name: {tree["nodes"][i]["name"] for i in node.get("children", ())} for name, node in nodes.items()
    }
    assert below == {"Root": {"Cube"}, "Cube": {"Arm"}, "Arm": set()}
    assert nodes["Arm"]["translation"] == pytest.approx([1, 0, 0], abs=1e-5)
    (animation,) = tree["animations"]
    assert {tree["nodes"][channel["target"]["node"]]["name"] for channel in animation["channels"]} == {"Arm"}


def test_a_page_holds_the_object_before_and_after(fox, settings, tmp_path):
    """In its own colours and in the painting's, whichever it shows; and the file is as it was."""
    if not page.has_viewer():
        settings.preset = "PAGE"
        stylize(fox)
        refused("built without the viewer", filepath=str(tmp_path / "fox.html"))
        return
    stylize(fox)
    material.compare(fox)
    before = state()
    assert bpy.ops.patina.export(filepath=str(tmp_path / "fox.html"), preset="PAGE") == {"FINISHED"}
    assert state() == before
    assert [path.name for path in tmp_path.iterdir()] == ["fox.html"]
    text = (tmp_path / "fox.html").read_text()
    data = json.loads(re.search(r"= (\{.*\});\n", text)[1])
    assert data["name"] == "fox"
    pictures = []
    for which in ("before", "after"):
        (tmp_path / f"{which}.glb").write_bytes(base64.b64decode(data[which].split(",")[1]))
        tree, binary = glb(tmp_path / f"{which}.glb")
        assert [len(tree.get(kind, [])) for kind in ("meshes", "images", "skins", "animations")] == [
            1,
            1,
            0,
            0,
        ]
        pictures.append(picture(tree, binary).convert("RGB"))
    assert pictures[0].tobytes() != pictures[1].tobytes()
