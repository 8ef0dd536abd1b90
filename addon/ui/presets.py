"""Presets in Blender's own menu. A preset file sets what differs from the defaults, and leaves the seed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy
from bl_operators.presets import AddPresetBase
from bl_ui.utils import PresetPanel

SHIPPED = Path(__file__).parents[1]  # Blender looks in its `presets`
SUBFOLDER = "patina"
EXCLUDED = {"rna_type", "name", "seed", "mixed_index", "style_key_index", "picture_mode", "colors"}


def values(settings: bpy.types.PropertyGroup) -> list[str]:
    """Name all settings that a preset keeps; the network before the layers, which depend on it."""
    return [name for name in settings.bl_rna.properties.keys() if name not in EXCLUDED]  # noqa: SIM118


def reset(settings: bpy.types.PropertyGroup) -> None:
    """Give every setting that a preset keeps its default."""
    for name in values(settings):
        value = getattr(settings, name)
        if isinstance(value, bpy.types.PropertyGroup):
            reset(value)
        elif settings.bl_rna.properties[name].type == "COLLECTION":
            value.clear()
        else:
            settings.property_unset(name)


class PATINA_PT_presets(PresetPanel, bpy.types.Panel):
    """Load, save and remove presets"""

    bl_label = "Presets"
    preset_subdir = SUBFOLDER
    preset_operator = "script.execute_preset"
    preset_add_operator = "patina.preset_add"

    @staticmethod
    def reset_cb(context: bpy.types.Context, filepath: str) -> None:
        """Blender calls it before it runs the file."""
        reset(context.scene.patina)


class PATINA_OT_preset_add(AddPresetBase, bpy.types.Operator):
    """Save the settings as a preset, or remove one. The seed is no part of it"""

    bl_idname = "patina.preset_add"
    bl_label = "Add Patina Preset"
    preset_menu = "PATINA_PT_presets"
    preset_subdir = SUBFOLDER
    preset_defines = ["settings = bpy.context.scene.patina"]

    @property
    def preset_values(self) -> list[str]:
        return [f"settings.{name}" for name in values(bpy.context.scene.patina)]


def draw_menu(layout: Any) -> None:
    """Draw the menu's button, with the name of the preset that was loaded last."""
    PATINA_PT_presets.draw_menu(layout)


classes = (PATINA_PT_presets, PATINA_OT_preset_add)


def register() -> None:
    bpy.utils.register_preset_path(str(SHIPPED))


def unregister() -> None:
    bpy.utils.unregister_preset_path(str(SHIPPED))
