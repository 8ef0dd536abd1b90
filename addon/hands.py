"""What the artist is in the middle of, when nothing may push an undo step or change data.

A stroke in Sculpt Mode or Texture Paint keeps an undo step open until the button is released; a push from
elsewhere takes that step away, and Blender crashes as the stroke ends. What is being moved would come back on
redo after it was cancelled. Other modal operators, such as a render, Blender's own timers and those of other
add-ons, may run for ever and do not mind.
"""

from __future__ import annotations

import bpy

TRANSFORMS = "TRANSFORM_OT_"  # how the names of all of them begin
STROKES = {
    "GREASE_PENCIL_OT_brush_stroke",
    "GREASE_PENCIL_OT_sculpt_paint",
    "GREASE_PENCIL_OT_vertex_brush_stroke",
    "GREASE_PENCIL_OT_weight_brush_stroke",
    "PAINT_OT_image_paint",
    "PAINT_OT_vertex_paint",
    "PAINT_OT_weight_gradient",
    "PAINT_OT_weight_paint",
    "PARTICLE_OT_brush_edit",
    "SCULPT_CURVES_OT_brush_stroke",
    "SCULPT_OT_brush_stroke",
    "SCULPT_OT_cloth_filter",
    "SCULPT_OT_color_filter",
    "SCULPT_OT_expand",
    "SCULPT_OT_mesh_filter",
    "SCULPT_OT_uv_sculpt_grab",
    "SCULPT_OT_uv_sculpt_pinch",
    "SCULPT_OT_uv_sculpt_relax",
}
EARLIER_STROKES = {  # which Blender 4.2 alone has
    "GPENCIL_OT_draw",
    "GPENCIL_OT_sculpt_paint",
    "GPENCIL_OT_vertex_paint",
    "GPENCIL_OT_weight_paint",
}
TOOLS = {  # that change what is edited while the mouse moves
    "CURVES_OT_draw",
    "CURVE_OT_draw",
    "CURVE_OT_pen",
    "MESH_OT_bevel",
    "MESH_OT_bisect",
    "MESH_OT_inset",
    "MESH_OT_knife_tool",
    "MESH_OT_loopcut",
    "POSE_OT_blend_to_neighbor",
    "POSE_OT_blend_with_rest",
    "POSE_OT_breakdown",
    "POSE_OT_push",
    "POSE_OT_relax",
    "UV_OT_minimize_stretch",
    "UV_OT_stitch",
}


def are_busy() -> bool:
    """Whether in any window the artist is painting, sculpting, moving or cutting something right now."""
    return any(
        _holds(operator) or any(_holds(step) for step in operator.macros)
        for window in bpy.context.window_manager.windows
        for operator in window.modal_operators
    )


def _holds(operator: bpy.types.Operator | bpy.types.Macro) -> bool:
    name = operator.bl_idname
    return name.startswith(TRANSFORMS) or name in STROKES | EARLIER_STROKES | TOOLS
