"""The jobs that run and wait."""

from __future__ import annotations

import bpy
from bpy.app.translations import pgettext_iface as iface

from ...backend.protocol.choices import QUALITIES
from ...backend.terminal import clock
from .. import jobs

STAGES = (
    "Looking",
    "Adapting",
    "Composing",
    "Painting",
    "Refining",
    "Finishing",
)  # of the backend, for the translations


def state(run: jobs.Run) -> str:
    """Write the stage and the time left, in a few words."""
    if run.state == jobs.PAINTED:
        return iface("Finished, waiting for you")
    event = run.progress
    stage = iface(event.stage.capitalize() if event.stage else "Starting")
    if event.seconds_left is None:
        return stage
    return iface("{}, {} left").format(stage, clock(event.seconds_left))


def draw(layout: bpy.types.UILayout) -> None:
    """Draw the running job with its progress, and those that wait; nothing where there are none."""
    if not jobs.queue:
        return
    run = jobs.queue[0]
    column = layout.column(align=True)
    column.label(text=run.object_name)
    column.progress(factor=run.progress.fraction, text=state(run))
    row = column.row(align=True)
    row.operator("patina.enough", icon="CHECKMARK")
    row.operator("patina.cancel", icon="CANCEL")
    if (
        jobs.has_enough() and run.progress.reached in QUALITIES
    ):  # below, so that no button moves when it comes
        quality = iface(run.progress.reached.capitalize())
        column.label(text=iface("{} is reached: Enough takes it").format(quality), icon="CHECKMARK")
    for place, waiting in enumerate(jobs.queue[1:], 1):
        row = layout.row(align=True)
        row.label(text=waiting.object_name, icon="TIME")
        part = row.row(align=True)
        part.enabled = place > 1
        _move(part, waiting, -1, "TRIA_UP")
        part = row.row(align=True)
        part.enabled = place < len(jobs.queue) - 1
        _move(part, waiting, 1, "TRIA_DOWN")
        row.operator("patina.queue_remove", text="", icon="X").folder = str(waiting.folder)


def _move(layout: bpy.types.UILayout, run: jobs.Run, by: int, icon: str) -> None:
    move = layout.operator("patina.queue_move", text="", icon=icon)
    move.folder, move.by = str(run.folder), by


def draw_status_bar(self: bpy.types.Header, context: bpy.types.Context) -> None:
    """Draw the running job, at the right of Blender's status bar."""
    if not jobs.queue:
        return
    run = jobs.queue[0]
    row = self.layout.row(align=True)
    row.ui_units_x = 14
    more = f" (+{len(jobs.queue) - 1})" if len(jobs.queue) > 1 else ""
    row.progress(factor=run.progress.fraction, text=f"{run.object_name}: {state(run)}{more}")
    row.operator("patina.enough", text="", icon="CHECKMARK")
    row.operator("patina.cancel", text="", icon="CANCEL")


def register() -> None:
    bpy.types.STATUSBAR_HT_header.append(draw_status_bar)


def unregister() -> None:
    bpy.types.STATUSBAR_HT_header.remove(draw_status_bar)
