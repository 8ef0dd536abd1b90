"""What of the selection is painted: a part of the panel in the 3D viewport's sidebar."""

from __future__ import annotations

import bpy

from .. import modes


class PATINA_PT_scope(bpy.types.Panel):
    bl_idname = "PATINA_PT_scope"
    bl_label = "Selection"
    bl_category = "Patina"
    bl_parent_id = "PATINA_PT_stylize"
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_options = {"DEFAULT_CLOSED"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        settings = context.scene.patina
        return modes.look_of(settings, settings.mode) == "style"

    def draw(self, context: bpy.types.Context) -> None:
        layout, scope = self.layout, context.scene.patina_scope
        layout.use_property_split = True
        layout.use_property_decorate = False

        column = layout.column(heading="Several Objects")
        column.prop(scope, "together")
        column = column.column()
        column.active = scope.together
        column.prop(scope, "share")
        column.prop(scope, "occlusion")

        column = layout.column(heading="Poses")
        column.prop(scope, "over_frames")

        column = layout.column()
        column.prop(scope, "mask")
        if scope.mask == "IMAGE":
            column.prop(scope, "mask_image")
        elif scope.mask in ("GROUP", "SLOT") and context.object:
            column.label(text=_chosen(context.object, scope.mask), icon=_ICONS[scope.mask])

        column = layout.column()
        column.prop(scope, "direction")
        if scope.direction == "IMAGE":
            column.prop(scope, "direction_image")
        elif scope.direction == "CURVES":
            column.prop(scope, "direction_curves")


_ICONS = {"GROUP": "GROUP_VERTEX", "SLOT": "MATERIAL"}


def _chosen(obj: bpy.types.Object, mask: str) -> str:
    """What the object's own settings make of the mask."""
    if mask == "GROUP":
        return obj.vertex_groups.active.name if obj.vertex_groups.active else "No vertex group"
    slot = obj.active_material
    return slot.name if slot else f"Slot {obj.active_material_index + 1}"


classes = (PATINA_PT_scope,)
