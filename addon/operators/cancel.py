"""Stop the running job."""

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


classes = (PATINA_OT_cancel,)
