"""Make stylized objects, and styles, assets."""

from __future__ import annotations

from pathlib import Path

import bpy

from ...backend.errors import PatinaError
from .. import asset_browser, style_assets
from ..scene import memory


class PATINA_OT_mark_as_asset(bpy.types.Operator):
    """Make the selected stylized objects and their materials assets, with a preview and tags, in the \
catalogue Patina"""

    bl_idname = "patina.mark_as_asset"
    bl_label = "Mark as Asset"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        cls.poll_message_set("No stylized object is selected")
        return any(memory.stylized_materials(obj) for obj in context.selected_objects)

    def execute(self, context: bpy.types.Context) -> set[str]:
        objects = [obj for obj in context.selected_objects if memory.stylized_materials(obj)]
        try:
            for obj in objects:
                asset_browser.mark(obj)
            if bpy.data.filepath:
                asset_browser.write_catalogue(Path(bpy.data.filepath).parent)
        except PatinaError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        except OSError as error:
            self.report({"WARNING"}, f"The catalogue cannot be written: {error.strerror}.")
        return {"FINISHED"}


class PATINA_OT_mark_style_as_asset(bpy.types.Operator):
    """Make an asset of the style and all else that the panel is set to: an object that it is dragged onto \
is painted so"""

    bl_idname = "patina.mark_style_as_asset"
    bl_label = "Mark Style as Asset"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            style_assets.mark(context.scene.patina)
            if bpy.data.filepath:
                asset_browser.write_catalogue(Path(bpy.data.filepath).parent)
        except PatinaError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        except OSError as error:
            self.report({"WARNING"}, f"The catalogue cannot be written: {error.strerror}.")
        return {"FINISHED"}


classes = (PATINA_OT_mark_as_asset, PATINA_OT_mark_style_as_asset)


def _draw(self: bpy.types.Menu, context: bpy.types.Context) -> None:
    """Draw it in Blender's own menu, Object > Asset."""
    self.layout.separator()
    self.layout.operator("patina.mark_as_asset", text="Mark Stylized as Asset")
    self.layout.operator("patina.mark_style_as_asset")


def register() -> None:
    bpy.types.VIEW3D_MT_object_asset.append(_draw)


def unregister() -> None:
    bpy.types.VIEW3D_MT_object_asset.remove(_draw)
