"""Paint the selected meshes in the chosen style."""

# No `from __future__ import annotations` here: see `properties`.

from collections.abc import Mapping, Sequence
from typing import Any

import bpy

from ...backend.errors import PatinaError
from .. import folders, job_fields, jobs, problems, steering
from ..given import given, of_operator, properties_of
from ..properties.settings import PatinaSettings
from ..scene import job, mesh, sets, viewpoint
from ..scene.stage import object_mode
from ..scope import PatinaScope
from . import make_paintable
from .submit import submit


def begin(
    context: bpy.types.Context, values: Mapping[str, Any], anew: bool = False
) -> tuple[list[jobs.Run], list[tuple[str, PatinaError]]]:
    """Make the selection paintable and prepare its jobs, with `values` in place of what the panel is set to.

    anew: nothing else of the panel counts either. Gives what `write_jobs` gives. Raises PatinaError.
    """
    with object_mode(context):
        settings, scope = context.scene.patina, context.scene.patina_scope
        unwrap = bool(values.get("unwrap", True if anew else settings.unwrap))
        if make_paintable.needed(context, unwrap):  # an undo step of its own
            bpy.ops.patina.make_paintable("EXEC_DEFAULT", True, unwrap=unwrap)
        with given(settings, values, anew), given(scope, values, anew):
            return write_jobs(context, steered=not values and not anew)


def write_jobs(
    context: bpy.types.Context, steered: bool = True
) -> tuple[list[jobs.Run], list[tuple[str, PatinaError]]]:
    """Write the jobs of the selected meshes, each in a folder of its own, ready to be submitted.

    steered: by the panel, while they run. Gives also, by their names, the objects that cannot be painted.
    Raises PatinaError if none can.
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
        asked = steering.asked(context.scene, prepared) if steered else None
        runs.append(jobs.Run(prepared, python, asked=asked))
    if not runs:
        raise errors[0][1]
    return runs, errors


def tell(errors: Sequence[tuple[str, PatinaError]]) -> None:
    """Show in the panel what cannot be painted."""
    for name, error in errors:
        problems.tell(error, name)


def prepare(context: bpy.types.Context) -> list[jobs.Run]:
    """Write the jobs of the selected meshes, as the panel is set; what cannot be painted is told of.

    Raises PatinaError if none can.
    """
    runs, errors = write_jobs(context)
    tell(errors)
    return runs


class PATINA_OT_stylize(bpy.types.Operator):
    """Paint the selected objects as set above. Each gets a new image, packed into the .blend, in a copy of \
its material; your own materials and images stay as they are"""

    bl_idname = "patina.stylize"
    bl_label = "Stylize"
    # What a script sets here counts for this once, and the panel stays as it is.
    __annotations__ = properties_of(PatinaSettings, PatinaScope)

    def execute(self, context: bpy.types.Context) -> set[str]:
        problems.clear("stylize")
        for obj in context.selected_objects:
            problems.clear(obj.name)
        try:
            runs, errors = begin(context, of_operator(self))
            tell(errors)
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
