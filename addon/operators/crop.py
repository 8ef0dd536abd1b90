"""Drawing on a style's picture the part that counts."""

from __future__ import annotations

from typing import Any

import bpy
import gpu
from bpy.app.translations import pgettext_iface as iface
from gpu_extras.batch import batch_for_shader

from ...backend.errors import PatinaError
from .. import style_files
from ..scene.image import find

MIN_SIDE = 0.02  # of the picture: less was a click
LINE_WIDTH = 2.0  # of the line, in pixels
LIGHT, DARK = (1.0, 1.0, 1.0, 1.0), (0.0, 0.0, 0.0, 0.6)  # seen on any picture

Point = tuple[float, float]
Crop = tuple[float, float, float, float]


def part_between(first: Point, second: Point) -> Crop:
    """Make the rectangle with two opposite corners (u, v), v up, as far as it lies on the picture.

    It is x, y, width and height, y down from the picture's top.
    """
    (left, right), (bottom, top) = (
        sorted(min(max(end, 0.0), 1.0) for end in ends) for ends in zip(first, second, strict=True)
    )
    return left, 1 - top, right - left, top - bottom


def editor(context: bpy.types.Context) -> bpy.types.Area:
    """Find an Image Editor: this one, one of this window, or one in a new window."""
    if context.area and context.area.ui_type == "IMAGE_EDITOR":
        return context.area
    for area in context.window.screen.areas:
        if area.ui_type == "IMAGE_EDITOR":
            return area
    bpy.ops.wm.window_new()
    area = context.window_manager.windows[-1].screen.areas[0]
    area.ui_type = "IMAGE_EDITOR"
    return area


class PATINA_OT_crop(bpy.types.Operator):
    """Show the picture in an Image Editor, and draw with the mouse the part that counts"""

    bl_idname = "patina.crop"
    bl_label = "Draw the Part"
    bl_options = {"UNDO", "INTERNAL"}

    choice: bpy.props.StringProperty(
        name="Style", description="Which of the styles, by its path in the scene", default="patina"
    )
    part: bpy.props.FloatVectorProperty(
        name="Part",
        description="The rectangle's left and upper edge, its width and height, as shares of the picture",
        size=4,
        min=0.0,
        max=1.0,
        options={"SKIP_SAVE"},
    )

    def execute(self, context: bpy.types.Context) -> set[str]:
        choice = context.scene.path_resolve(self.choice)
        choice.crop, choice.use_crop = self.part, True
        return {"FINISHED"}

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        try:
            path = style_files.style_path(context.scene.path_resolve(self.choice))
            there = set(bpy.data.images)
            image = bpy.data.images.load(str(path), check_existing=True)
        except (PatinaError, RuntimeError) as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        windows = len(context.window_manager.windows)
        self.area = editor(context)
        self.is_new = len(context.window_manager.windows) > windows
        self.window = next(
            window
            for window in context.window_manager.windows
            if any(area == self.area for area in window.screen.areas)
        )
        self.region = next(region for region in self.area.regions if region.type == "WINDOW")
        space = self.area.spaces.active
        self.image, self.is_ours = image.session_uid, image not in there
        self.image_before = space.image.session_uid if space.image else 0
        space.image = image
        self.corners: list[Point] = []
        self.drawing = bpy.types.SpaceImageEditor.draw_handler_add(
            self.draw, (self.region,), "WINDOW", "POST_PIXEL"
        )
        with context.temp_override(window=self.window, area=self.area, region=self.region):
            bpy.ops.image.view_all(fit_view=True)
            self.area.header_text_set(iface("Drag over the part that counts. Esc: as before."))
            context.window.cursor_modal_set("CROSSHAIR")
            context.window_manager.modal_handler_add(self)
        return {"RUNNING_MODAL"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        if event.type in {"ESC", "RIGHTMOUSE"} or not any(
            area == self.area for area in self.window.screen.areas
        ):
            self.leave()
            return {"CANCELLED"}
        here = self.region.view2d.region_to_view(event.mouse_x - self.region.x, event.mouse_y - self.region.y)
        if event.type == "LEFTMOUSE" and event.value == "PRESS":
            self.corners = [here, here]
        elif event.type == "MOUSEMOVE" and self.corners:
            self.corners[1] = here
        elif event.type == "LEFTMOUSE" and event.value == "RELEASE" and self.corners:
            part = part_between(self.corners[0], here)
            if min(part[2:]) >= MIN_SIDE:
                self.leave()
                self.part = part
                return self.execute(context)
            self.corners = []
        else:
            return {"RUNNING_MODAL"}
        self.area.tag_redraw()
        return {"RUNNING_MODAL"}

    def cancel(self, context: bpy.types.Context) -> None:
        """Blender calls it when a file is opened meanwhile, or its window closed."""
        self.clear()

    def leave(self) -> None:
        """Take what was put on the screen away; the artist's own editor shows again what it showed."""
        self.clear()
        image, space = find(uid=self.image), self.area.spaces.active
        if self.is_new or image is None or space.type != "IMAGE_EDITOR" or space.image != image:
            return
        space.image = find(uid=self.image_before)
        if self.is_ours and image.users <= 1:  # one is kept for having been shown
            bpy.data.images.remove(image)

    def clear(self) -> None:
        """Take the cursor, the words and the lines away."""
        bpy.types.SpaceImageEditor.draw_handler_remove(self.drawing, "WINDOW")
        self.window.cursor_modal_restore()
        self.area.header_text_set(None)
        self.area.tag_redraw()

    def draw(self, region: Any) -> None:
        """The rectangle so far, over the picture. Blender calls it for every Image Editor."""
        if not self.corners or bpy.context.region != region:
            return
        (left, bottom), (right, top) = (
            region.view2d.view_to_region(*corner, clip=False) for corner in self.corners
        )
        corners = [(left, bottom), (right, bottom), (right, top), (left, top), (left, bottom)]
        shader = gpu.shader.from_builtin("UNIFORM_COLOR")
        batch = batch_for_shader(shader, "LINE_STRIP", {"pos": corners})
        gpu.state.blend_set("ALPHA")
        for width, color in ((2 * LINE_WIDTH, DARK), (LINE_WIDTH, LIGHT)):
            gpu.state.line_width_set(width)
            shader.uniform_float("color", color)
            batch.draw(shader)
        gpu.state.line_width_set(1.0)
        gpu.state.blend_set("NONE")


classes = (PATINA_OT_crop,)
