"""Small changes of the settings that take more than a click on a property."""

from __future__ import annotations

from typing import Any

import bpy
from bpy_extras.io_utils import ImportHelper

from .. import modes, recent, styles
from ..properties.settings import PatinaSettings, new_seed


class PATINA_OT_new_seed(bpy.types.Operator):
    """Take another random seed: the next result is another variation"""

    bl_idname = "patina.new_seed"
    bl_label = "New Seed"
    bl_options = {"UNDO", "INTERNAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        context.scene.patina.seed = new_seed()
        return {"FINISHED"}


class PATINA_OT_style_add(bpy.types.Operator):
    """Mix in one more style"""

    bl_idname = "patina.style_add"
    bl_label = "Mix In Another Style"
    bl_options = {"UNDO", "INTERNAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        settings = context.scene.patina
        taken = {settings.style, *(choice.style for choice in settings.mixed)}
        choice = settings.mixed.add()
        choice.style = next((name for name in styles.PAINTINGS if name not in taken), styles.OWN_IMAGE)
        settings.mixed_index = len(settings.mixed) - 1
        return {"FINISHED"}


class PATINA_OT_style_remove(bpy.types.Operator):
    """Take the active style out of the mixture"""

    bl_idname = "patina.style_remove"
    bl_label = "Remove Style"
    bl_options = {"UNDO", "INTERNAL"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        settings = context.scene.patina
        return 0 <= settings.mixed_index < len(settings.mixed)

    def execute(self, context: bpy.types.Context) -> set[str]:
        settings = context.scene.patina
        settings.mixed.remove(settings.mixed_index)
        settings.mixed_index = max(0, min(settings.mixed_index, len(settings.mixed) - 1))
        return {"FINISHED"}


class PATINA_OT_style_open(bpy.types.Operator, ImportHelper):
    """Choose any image file as the style: a painting, a photograph of a material, a drawing"""

    bl_idname = "patina.style_open"
    bl_label = "Open Style Image"
    bl_options = {"UNDO", "INTERNAL"}

    filter_image: bpy.props.BoolProperty(default=True, options={"HIDDEN", "SKIP_SAVE"})
    filter_folder: bpy.props.BoolProperty(default=True, options={"HIDDEN", "SKIP_SAVE"})
    choice: bpy.props.StringProperty(
        name="Style",
        description="Which of the styles, by its path in the scene",
        default="patina",
        options={"HIDDEN", "SKIP_SAVE"},
    )

    def execute(self, context: bpy.types.Context) -> set[str]:
        choice = context.scene.path_resolve(self.choice)
        choice.style_file, choice.style = self.filepath, styles.OWN_IMAGE
        recent.remember(self.filepath)
        return {"FINISHED"}


class PATINA_OT_key_add(bpy.types.Operator):
    """Add a key at the present frame of the scene: another painting, or dream, from there on"""

    bl_idname = "patina.key_add"
    bl_label = "Add Key"
    bl_options = {"UNDO", "INTERNAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        scene, settings = context.scene, context.scene.patina
        items, index = modes.key_list(settings)
        keys = getattr(settings, items)
        frames = {key.frame for key in keys}
        free = (frame for frame in (scene.frame_current, scene.frame_end) if frame not in frames)
        frame = next(free, max(frames, default=0) + 1)
        begun = _new_dream(settings) if items == "dream_keys" else _new_painting(settings)
        key = keys.add()
        for name, value in begun.items():
            setattr(key, name, value)
        key.frame = frame
        setattr(settings, index, len(keys) - 1)
        return {"FINISHED"}


def _new_painting(settings: PatinaSettings) -> dict[str, Any]:
    """What a new key begins with: a painting that no other key has, if there is one."""
    taken = {key.style for key in settings.style_keys}
    wanted = (settings.style, *styles.PAINTINGS)
    style = next((name for name in wanted if name not in taken), settings.style)
    return {"style": style, "style_file": settings.style_file, "strength": settings.strength}


def _new_dream(settings: PatinaSettings) -> dict[str, Any]:
    """What a new key begins with: what the panel dreams of, and each further one the next channel."""
    like = settings.dream_keys[-1] if settings.dream_keys else settings.target
    found = {name: getattr(like, name) for name in ("kind", "class_name", "layer", "channel")}
    return found | {"channel": found["channel"] + (len(settings.dream_keys) > 0)}


class _OfKey:
    """What is done to the active key."""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        settings = context.scene.patina
        items, index = modes.key_list(settings)
        return 0 <= getattr(settings, index) < len(getattr(settings, items))


class PATINA_OT_key_remove(_OfKey, bpy.types.Operator):
    """Remove the active key"""

    bl_idname = "patina.key_remove"
    bl_label = "Remove Key"
    bl_options = {"UNDO", "INTERNAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        settings = context.scene.patina
        items, index = modes.key_list(settings)
        keys, active = getattr(settings, items), getattr(settings, index)
        keys.remove(active)
        setattr(settings, index, max(0, min(active, len(keys) - 1)))
        return {"FINISHED"}


class PATINA_OT_key_move(_OfKey, bpy.types.Operator):
    """Put the active key at the present frame of the scene"""

    bl_idname = "patina.key_move"
    bl_label = "Key to Present Frame"
    bl_options = {"UNDO", "INTERNAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        settings = context.scene.patina
        items, index = modes.key_list(settings)
        getattr(settings, items)[getattr(settings, index)].frame = context.scene.frame_current
        return {"FINISHED"}


classes = (
    PATINA_OT_new_seed,
    PATINA_OT_style_add,
    PATINA_OT_style_remove,
    PATINA_OT_style_open,
    PATINA_OT_key_add,
    PATINA_OT_key_remove,
    PATINA_OT_key_move,
)
