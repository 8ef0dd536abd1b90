"""Change what waits in the queue."""

from __future__ import annotations

import bpy

from .. import jobs

FOLDER = "The folder of the waiting job"


class PATINA_OT_queue_move(bpy.types.Operator):
    """Let this job start earlier or later"""

    bl_idname = "patina.queue_move"
    bl_label = "Move in the Queue"
    bl_options = {"INTERNAL"}

    folder: bpy.props.StringProperty(name="Job", description=FOLDER)
    by: bpy.props.IntProperty(name="By", description="Places down, or up if negative", default=1)

    def execute(self, context: bpy.types.Context) -> set[str]:
        return {"FINISHED"} if jobs.move(self.folder, self.by) else {"CANCELLED"}


class PATINA_OT_queue_remove(bpy.types.Operator):
    """Take this job out of the queue. Its object stays as it is"""

    bl_idname = "patina.queue_remove"
    bl_label = "Remove from the Queue"
    bl_options = {"INTERNAL"}

    folder: bpy.props.StringProperty(name="Job", description=FOLDER)

    def execute(self, context: bpy.types.Context) -> set[str]:
        return {"FINISHED"} if jobs.remove(self.folder) else {"CANCELLED"}


classes = (PATINA_OT_queue_move, PATINA_OT_queue_remove)
