"""When a finished job has to wait: the names that say so are real, and it can still be cancelled."""

from __future__ import annotations

from pathlib import Path

import bpy
from bl_ext.user_default.patina.addon import hands, jobs
from bl_ext.user_default.patina.addon.scene.records import Prepared


def is_known(name: str) -> bool:
    group, verb = name.split("_OT_")
    try:
        return bool(getattr(getattr(bpy.ops, group.lower()), verb).get_rna_type())
    except (KeyError, AttributeError):
        return False


def test_every_operator_that_a_job_waits_for_exists_in_this_blender():
    names = hands.STROKES | hands.TOOLS
    if bpy.app.version < (4, 3):
        later = {name for name in names if name.startswith("GREASE_PENCIL")}
        names = names - later | hands.EARLIER_STROKES
    else:
        names = names | hands.LATER_TOOLS
    if bpy.app.version >= (5, 0):
        names = names | hands.LATEST_TOOLS
    assert not {name for name in names if not is_known(name)}
    groups = {family: family.split("_OT_") for family in hands.FAMILIES}
    found = {
        family: [verb for verb in dir(getattr(bpy.ops, group.lower())) if verb.startswith(first)]
        for family, (group, first) in groups.items()
    }
    assert all(verbs for family, verbs in found.items() if family != "GPENCIL_OT_primitive_")


def test_without_a_window_nothing_has_to_wait():
    assert not hands.are_busy()


def test_a_job_that_waits_for_the_artist_can_be_cancelled(cube):
    run = jobs.Run(Prepared(Path("job"), "Cube"), Path("python"), jobs.PAINTED)
    jobs.queue.append(run)
    jobs.cancel()
    assert (jobs.queue, run.state) == ([], jobs.CANCELLED)
    assert not any(pair.stylized for pair in cube.patina.slots)
