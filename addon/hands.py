"""What the artist is in the middle of, when nothing may push an undo step or change data.

A stroke in Sculpt Mode or Texture Paint keeps an undo step open until the button is released; a push from
elsewhere takes that step away, and Blender crashes as the stroke ends. What is being moved would come back on
redo after it was cancelled. Other modal operators, such as a render, Blender's own timers and those of other
add-ons, may run for ever and do not mind.
"""

from __future__ import annotations

import bpy

FAMILIES = (  # how the names of all of them begin
    "TRANSFORM_OT_",
    "GREASE_PENCIL_OT_primitive_",
    "GPENCIL_OT_primitive_",
)
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
    "GPENCIL_OT_fill",
    "GPENCIL_OT_interpolate",
    "GPENCIL_OT_sculpt_paint",
    "GPENCIL_OT_vertex_paint",
    "GPENCIL_OT_weight_paint",
}
TOOLS = {  # that change what is edited while the mouse moves
    "CLIP_OT_slide_marker",
    "CLIP_OT_slide_plane_marker",
    "CURVES_OT_draw",
    "CURVE_OT_draw",
    "CURVE_OT_pen",
    "GRAPH_OT_blend_offset",
    "GRAPH_OT_blend_to_default",
    "GRAPH_OT_blend_to_ease",
    "GRAPH_OT_blend_to_neighbor",
    "GRAPH_OT_breakdown",
    "GRAPH_OT_butterworth_smooth",
    "GRAPH_OT_decimate",
    "GRAPH_OT_ease",
    "GRAPH_OT_gaussian_smooth",
    "GRAPH_OT_match_slope",
    "GRAPH_OT_push_pull",
    "GRAPH_OT_scale_average",
    "GRAPH_OT_scale_from_neighbor",
    "GRAPH_OT_shear",
    "GRAPH_OT_time_offset",
    "GREASE_PENCIL_OT_fill",
    "MASK_OT_slide_point",
    "MASK_OT_slide_spline_curvature",
    "MESH_OT_bevel",
    "MESH_OT_bisect",
    "MESH_OT_inset",
    "MESH_OT_knife_tool",
    "MESH_OT_loopcut",
    "MESH_OT_point_normals",
    "NODE_OT_resize",
    "OBJECT_OT_transform_axis_target",
    "PAINTCURVE_OT_slide",
    "PAINT_OT_grab_clone",
    "POSELIB_OT_blend_pose_asset",
    "POSE_OT_blend_to_neighbor",
    "POSE_OT_blend_with_rest",
    "POSE_OT_breakdown",
    "POSE_OT_push",
    "POSE_OT_relax",
    "SEQUENCER_OT_slip",
    "UV_OT_minimize_stretch",
    "UV_OT_stitch",
}
LATER_TOOLS = {  # which Blender 4.2 has not yet
    "GREASE_PENCIL_OT_interpolate",
    "GREASE_PENCIL_OT_texture_gradient",
}
LATEST_TOOLS = {  # which Blender 5 alone has
    "CURVES_OT_pen",
    "GREASE_PENCIL_OT_pen",
}
KNOWN = STROKES | EARLIER_STROKES | TOOLS | LATER_TOOLS | LATEST_TOOLS


def are_busy() -> bool:
    """Whether in any window the artist is painting, sculpting, moving or cutting something right now."""
    return any(
        _holds(operator) or any(_holds(step) for step in operator.macros)
        for window in bpy.context.window_manager.windows
        for operator in window.modal_operators
    )


def _holds(operator: bpy.types.Operator | bpy.types.Macro) -> bool:
    return operator.bl_idname.startswith(FAMILIES) or operator.bl_idname in KNOWN
