"""Paint the selected meshes in the chosen style."""

from __future__ import annotations

import bpy

from ...backend.protocol import PatinaError
from .. import folders, job_fields, jobs, problems, steering
from ..scene import job, mesh, sets, viewpoint
from ..scene.stage import object_mode
from . import make_paintable
from .submit import submit


def prepare(context: bpy.types.Context) -> list[jobs.Run]:
    """Write the jobs of the selected meshes, each in a folder of its own, ready to be submitted.

    Those that cannot be painted are told of as problems. Raises PatinaError if none can.
    """
    objects = mesh.selected_meshes(context)
    python = folders.backend_python()
    job.remove_old(folders.jobs(), [run.folder for run in jobs.queue])
    depsgraph = context.evaluated_depsgraph_get()
    runs: list[jobs.Run] = []
    errors: list[tuple[str, PatinaError]] = []
    settings, scope = context.scene.patina, context.scene.patina_scope
    for group in sets.groups(objects, job_fields.of(settings, settings.mode), scope):
        try:
            seen = viewpoint.looked_from(context, group)
            prepared = job.write(group, settings, scope, depsgraph, folders.jobs(), seen)
        except PatinaError as error:
            errors.append((group[0].name, error))
            continue
        errors += prepared.failed
        runs.append(jobs.Run(prepared, python, asked=steering.asked(settings)))
    if not runs:
        raise errors[0][1]
    for name, error in errors:
        problems.tell(error, name)
    return runs


class PATINA_OT_stylize(bpy.types.Operator):
    """Paint the selected objects as set above. Each gets a new image, packed into the .blend, in a copy of \
its material; your own materials and images stay as they are"""

    bl_idname = "patina.stylize"
    bl_label = "Stylize"

    def execute(self, context: bpy.types.Context) -> set[str]:
        problems.clear("stylize")
        for obj in context.selected_objects:
            problems.clear(obj.name)
        try:
            with object_mode(context):
                unwrap = context.scene.patina.unwrap
                if make_paintable.needed(context, unwrap):  # an undo step of its own
                    bpy.ops.patina.make_paintable("EXEC_DEFAULT", True, unwrap=unwrap)
                runs = prepare(context)
        except PatinaError as error:
            problems.tell(error, "stylize")
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        selected = {obj.name for obj in context.selected_objects}
        for problem in problems.shown:
            if problem.is_error and problem.source in selected:
                self.report({"WARNING"}, f"{problem.message} {problem.cure}")
        return submit(self, runs)


classes = (PATINA_OT_stylize,)
