"""Stop the running job, with or without its texture."""

from __future__ import annotations

import bpy

from .. import jobs


class PATINA_OT_cancel(bpy.types.Operator):
    """Stop the running job; the next one starts. The object stays as it was"""

    bl_idname = "patina.cancel"
    bl_label = "Cancel"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return bool(jobs.queue)

    def execute(self, context: bpy.types.Context) -> set[str]:
        jobs.cancel()
        return {"FINISHED"}


class PATINA_OT_enough(bpy.types.Operator):
    """Take the texture as it is now. Go On, in History, continues it"""

    bl_idname = "patina.enough"
    bl_label = "Enough"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return jobs.has_enough()

    def execute(self, context: bpy.types.Context) -> set[str]:
        jobs.enough()
        return {"FINISHED"}


classes = (PATINA_OT_cancel, PATINA_OT_enough)
