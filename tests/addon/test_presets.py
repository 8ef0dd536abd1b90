"""Presets: those that are shipped, and saving, loading and removing one's own by Blender's operators."""

from __future__ import annotations

from pathlib import Path

import bpy
import pytest
from bl_ext.user_default.patina.addon import job_fields, style_files
from bl_ext.user_default.patina.addon.ui import presets

SHIPPED = sorted((presets.SHIPPED / "presets" / presets.SUBFOLDER).glob("*.py"))


def load(path: Path) -> None:
    done = bpy.ops.script.execute_preset(filepath=str(path), menu_idname="PATINA_PT_presets")
    assert done == {"FINISHED"}


def values() -> dict[str, object]:
    settings = bpy.context.scene.patina
    found = {}
    for name in presets.values(settings):
        value = getattr(settings, name)
        if isinstance(value, bpy.types.PropertyGroup):
            value = {key: getattr(value, key) for key in presets.values(value)}
        elif settings.bl_rna.properties[name].type == "COLLECTION":
            value = [(item.style, item.style_file, item.weight, tuple(item.crop)) for item in value]
        found[name] = value
    return found


def test_there_is_a_dozen_and_blender_finds_them():
    assert len(SHIPPED) >= 12
    found = {Path(place).resolve() for place in bpy.utils.preset_paths(presets.SUBFOLDER)}
    assert SHIPPED[0].parent.resolve() in found
    assert all(path.stem[0].isupper() for path in SHIPPED)  # the menu shows the name as it is


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_a_shipped_preset_gives_a_job_that_can_be_done(path):
    settings = bpy.context.scene.patina
    bpy.ops.patina.style_add()
    settings.mode, settings.steps, settings.seed, settings.target.class_name = "texture", 7, 5, "lion"
    load(path)
    assert (settings.steps, settings.seed, len(settings.mixed)) == (0, 5, 0)
    fields = job_fields.of(settings, settings.mode)
    assert style_files.of(settings, settings.mode) or fields["targets"]
    loaded = values()
    presets.reset(settings)
    assert loaded != values()


def test_one_is_saved_loaded_and_removed():
    settings = bpy.context.scene.patina
    settings.network, settings.layers, settings.strength = "googlenet", {"mixed4a", "conv2d2"}, 0.75
    bpy.ops.patina.style_add()
    settings.mixed[0].weight = 3
    settings.target_to.class_name = "lion"
    settings.style_file, settings.style = "/pictures/a 'quoted' one.png", "FILE"
    wanted = values()
    assert bpy.ops.patina.preset_add(name="Mine, at 75 %") == {"FINISHED"}
    path = find_own()
    presets.reset(settings)
    assert values() != wanted
    load(path)
    assert values() == wanted
    assert bpy.ops.patina.preset_add(name=path.stem, remove_name=True) == {"FINISHED"}
    assert not path.exists()


def find_own() -> Path:
    folders = bpy.utils.preset_paths(presets.SUBFOLDER)
    return next(path for folder in folders for path in Path(folder).glob("Mine*.py"))


def test_a_shipped_one_is_not_removed():
    bpy.ops.patina.preset_add(name="Starry_Night", remove_name=True)
    assert any(path.stem == "Starry_Night" and path.is_file() for path in SHIPPED)
