"""Stylized objects as assets: their previews, tags and catalogue, and the file otherwise as it was."""

from __future__ import annotations

import json
import os
import sys

import bpy
import numpy as np
import pytest
import recorder
from bl_ext.user_default.patina.addon import asset_browser, dropped_styles, history, jobs, problems
from bl_ext.user_default.patina.addon.scene import material


@pytest.fixture
def red(cube) -> bpy.types.Object:
    """A cube that wears a red picture, signed as a result is."""
    image = bpy.data.images.new("Cube Stylized", 16, 16)
    image.pixels.foreach_set(np.tile(np.array([1, 0, 0, 1], np.float32), 256))
    image.pack()
    material.show_image(cube, image)
    image[history.FOLDER_KEY], image[history.JOB_KEY] = "20260101-cube", "{}"
    image[history.SETTINGS_KEY] = json.dumps({"style": "great_wave", "seed": 7})
    return cube


def names() -> dict[str, list[str]]:
    kinds = ("objects", "materials", "images", "worlds", "cameras", "scenes", "meshes")
    return {kind: sorted(block.name for block in getattr(bpy.data, kind)) for kind in kinds}


def test_an_object_and_its_material_become_assets(red, tmp_path):
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "library.blend"))
    catalogues = tmp_path / asset_browser.CATALOGUES_FILE
    catalogues.write_text("VERSION 1\n\n11111111-2222-3333-4444-555555555555:Mine:Mine")
    before = names()
    assert bpy.ops.patina.mark_as_asset() == {"FINISHED"}
    assert names() == before
    for block in (red, red.material_slots[0].material):
        about = block.asset_data
        assert {tag.name for tag in about.tags} == {"The Great Wave", "Katsushika Hokusai", "seed 7"}
        assert about.catalog_id == asset_browser.CATALOGUE
        pixels = np.empty(4 * asset_browser.portrait.__defaults__[0] ** 2, np.float32)
        block.preview.image_pixels_float.foreach_get(pixels)
        colors = pixels.reshape(-1, 4)
        inside = colors[colors[:, 3] > 0.9]
        assert 0.1 < len(inside) / len(colors) < 0.9
        assert np.median(inside[:, 0]) > 0.5 > 0.35 > np.median(inside[:, 1])
    assert bpy.ops.patina.mark_as_asset() == {"FINISHED"}
    lines = catalogues.read_text().splitlines()
    assert lines[-2:] == [
        "11111111-2222-3333-4444-555555555555:Mine:Mine",
        f"{asset_browser.CATALOGUE}:Patina:Patina",
    ]
    expected = [red.name], [red.material_slots[0].material.name]
    bpy.ops.wm.save_mainfile()
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    with bpy.data.libraries.load(str(tmp_path / "library.blend"), assets_only=True) as (there, _):
        assert (there.objects, there.materials) == expected


ODD = (None, 3, True, 1.5, [1], {"a": 1}, "", "é" * 300, "x" * 100_000, "\ud800", "a\0b", "/a/\n\t.png")


@pytest.mark.parametrize("key", ["style", "style_file", "seed"])
def test_an_asset_of_odd_settings_has_the_tags_that_can_be_had(key, red):
    """A result in a .blend of somebody else says anything of how it was made."""
    image = history.signed_image(red)
    for value in ODD:
        own = "FILE" if key == "style_file" else "great_wave"
        image[history.SETTINGS_KEY] = json.dumps({"style": own, "seed": 7} | {key: value})
        known, _ = history.signed_with(image)
        red.asset_mark()
        asset_browser.describe(red.asset_data, known)
        tags = {tag.name for tag in red.asset_data.tags}
        assert "seed 7" in tags or key == "seed"
        assert "The Great Wave" in tags or key != "seed"
        assert "" not in tags
        red.asset_clear()


@pytest.mark.skipif(sys.platform != "linux", reason="names of files are text elsewhere")
def test_a_style_whose_file_has_a_name_that_is_no_text_becomes_an_asset(tmp_path):
    settings, file = bpy.context.scene.patina, tmp_path / os.fsdecode(b"caf\xe9.png")
    picture = bpy.data.images.new("mine", 4, 4)
    picture.save(filepath=str(tmp_path / "mine.png"))
    (tmp_path / "mine.png").rename(file)
    settings.style_file, settings.style = str(file), "FILE"
    assert bpy.ops.patina.mark_style_as_asset() == {"FINISHED"}
    (tree,) = bpy.data.node_groups
    assert "caf?" in {tag.name for tag in tree.asset_data.tags}


def test_it_is_in_blenders_own_menu(red):
    drawn = recorder.Recorder()
    bpy.types.VIEW3D_MT_object_asset.draw._draw_funcs[-1](type("Menu", (), {"layout": drawn}), bpy.context)
    assert drawn.operators == ["patina.mark_as_asset", "patina.mark_style_as_asset"]


@pytest.mark.parametrize("own", [False, True])
def test_a_style_dragged_onto_an_object_of_another_file_paints_it(own, tmp_path):
    settings = bpy.context.scene.patina
    settings.style, settings.seed, settings.strength = "great_wave", 7, 0.3
    if own:
        picture = bpy.data.images.new("mine", 40, 20)
        picture.pixels.foreach_set(np.tile(np.array([1, 0, 0, 1], np.float32), 800))
        picture.save(filepath=str(tmp_path / "mine.png"))
        settings.style_file, settings.style = str(tmp_path / "mine.png"), "FILE"
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "library.blend"))
    assert bpy.ops.patina.mark_style_as_asset() == {"FINISHED"}
    assert asset_browser.CATALOGUE in (tmp_path / asset_browser.CATALOGUES_FILE).read_text()
    (tree,) = bpy.data.node_groups
    assert {tag.name for tag in tree.asset_data.tags} >= {"mine" if own else "The Great Wave", "seed 7"}
    pixels = np.empty(4 * tree.preview.image_size[0] * tree.preview.image_size[1], np.float32)
    tree.preview.image_pixels_float.foreach_get(pixels)
    assert (tuple(tree.preview.image_size) == (40, 20)) == own
    assert pixels.reshape(-1, 4)[:, :3].std(0).max() > 0.1 or (own and pixels.reshape(-1, 4)[0, 0] > 0.9)
    bpy.ops.wm.save_mainfile()
    (tmp_path / "mine.png").unlink(missing_ok=True)  # it comes along

    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    bpy.ops.mesh.primitive_cube_add()
    cube = bpy.context.object
    bpy.ops.mesh.primitive_cube_add(location=(5, 0, 0))
    with bpy.data.libraries.load(str(tmp_path / "library.blend"), assets_only=True) as (there, wanted):
        wanted.node_groups = there.node_groups
    cube.modifiers.new("Style", "NODES").node_group = wanted.node_groups[0]  # as Blender does on a drop
    bpy.context.view_layer.update()
    assert bpy.app.timers.is_registered(dropped_styles._soon)
    bpy.app.timers.unregister(dropped_styles._soon)
    results = dropped_styles.apply_dropped()
    assert len(results) == 1, problems.shown
    (result,) = results
    assert [obj.name for obj in result.objects] == [cube.name]
    assert not cube.modifiers
    job = json.loads((result.folder / "job.json").read_text())
    assert (job["seed"], round(job["strength"], 2)) == (7, 0.3)
    assert job["styles"][0]["image"].endswith(".png" if own else ".jpg")
    result.cancel()
    jobs.pump()


def test_what_is_not_stylized_is_no_asset(cube):
    with pytest.raises(RuntimeError, match="No stylized object is selected"):
        bpy.ops.patina.mark_as_asset()
    assert cube.asset_data is None
