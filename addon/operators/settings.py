"""Small changes of the settings that take more than a click on a property."""

from __future__ import annotations

import bpy
from bpy_extras.io_utils import ImportHelper

from .. import properties, recent, styles


class PATINA_OT_new_seed(bpy.types.Operator):
    """Take another random seed: the next result is another variation"""

    bl_idname = "patina.new_seed"
    bl_label = "New Seed"
    bl_options = {"UNDO", "INTERNAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        context.scene.patina.seed = properties.new_seed()
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
    """Add a key at the present frame of the scene: another painting, from there on"""

    bl_idname = "patina.key_add"
    bl_label = "Add Key"
    bl_options = {"UNDO", "INTERNAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        scene, settings = context.scene, context.scene.patina
        frames = {key.frame for key in settings.style_keys}
        taken = {key.style for key in settings.style_keys}
        free = (frame for frame in (scene.frame_current, scene.frame_end) if frame not in frames)
        key = settings.style_keys.add()
        key.frame = next(free, max(frames, default=0) + 1)
        key.strength = settings.strength
        wanted = (settings.style, *styles.PAINTINGS)
        key.style = next((name for name in wanted if name not in taken), settings.style)
        key.style_file = settings.style_file
        settings.style_key_index = len(settings.style_keys) - 1
        return {"FINISHED"}


class _OfKey:
    """What is done to the active key."""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        settings = context.scene.patina
        return 0 <= settings.style_key_index < len(settings.style_keys)


class PATINA_OT_key_remove(_OfKey, bpy.types.Operator):
    """Remove the active key"""

    bl_idname = "patina.key_remove"
    bl_label = "Remove Key"
    bl_options = {"UNDO", "INTERNAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        settings = context.scene.patina
        settings.style_keys.remove(settings.style_key_index)
        settings.style_key_index = max(0, min(settings.style_key_index, len(settings.style_keys) - 1))
        return {"FINISHED"}


class PATINA_OT_key_move(_OfKey, bpy.types.Operator):
    """Put the active key at the present frame of the scene"""

    bl_idname = "patina.key_move"
    bl_label = "Key to Present Frame"
    bl_options = {"UNDO", "INTERNAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        settings = context.scene.patina
        settings.style_keys[settings.style_key_index].frame = context.scene.frame_current
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
