"""Runs on their way, from whatever operator prepared them."""

from __future__ import annotations

from collections.abc import Sequence

import bpy

from ...backend.terminal import ProgressBar
from .. import jobs


def submit(operator: bpy.types.Operator, runs: Sequence[jobs.Run]) -> set[str]:
    """Submit `runs`, and give what `operator` is to return.

    With a window the timer sees to the rest. Without one they are done here, with a bar on the terminal, and
    the operator reports what they had to say.
    """
    for run in runs:
        jobs.submit(run)
    if not bpy.app.background:
        return {"FINISHED"}
    bar = ProgressBar()
    jobs.run_to_end(lambda run: bar.show(run.progress, run.object_name))
    bar.end()
    for run in runs:
        for note in run.notes:
            operator.report({"WARNING"}, note)
        if run.error:
            operator.report({"ERROR"}, str(run.error))
    return {"FINISHED"} if all(run.state == jobs.FINISHED for run in runs) else {"CANCELLED"}
