"""What went wrong, each with its cure, as a button where there is one."""

from __future__ import annotations

import bpy

from .. import folders, problems
from ..installation import SET_UP, may_allow, may_begin
from ..scene.mesh import UNWRAP
from .text import wrapped


def draw(layout: bpy.types.UILayout, width: float) -> None:
    """Draw all that is told, the latest first."""
    for problem in reversed(problems.shown):
        box = layout.box()
        row = box.row()
        column = row.column()
        wrapped(column, problem.message, width - 30, "ERROR" if problem.is_error else "INFO")
        dismiss = row.operator("patina.dismiss", text="", icon="X", emboss=False)
        dismiss.number = problems.shown.index(problem)
        if problem.cure:
            wrapped(box, problem.cure, width, "BLANK1")
        draw_cure(box, problem)


def draw_cure(layout: bpy.types.UILayout, problem: problems.Problem) -> None:
    """Draw the button that mends it, or that leads to where it can be mended."""
    if problem.field == "backend":
        if may_allow() and "online" in may_begin(SET_UP):
            _draw_online(layout)
        row = layout.row(align=True)
        row.operator("patina.set_up", text="Set Up Backend", icon="IMPORT")
        row.operator("preferences.addon_show", text="", icon="PREFERENCES").module = folders.PACKAGE
    elif problem.field == "network":  # weights that are not here; the next job fetches them, if it may
        if may_allow():
            _draw_online(layout)
        layout.operator("patina.choose_weights_file", icon="FILEBROWSER")
    elif problem.cure == UNWRAP:  # names the object
        unwrap = layout.operator("patina.unwrap", icon="UV")
        unwrap.object = problem.field
    elif problem.folder:
        show = layout.operator("wm.path_open", text="Open the Job's Folder", icon="FILE_FOLDER")
        show.filepath = problem.folder


def _draw_online(layout: bpy.types.UILayout) -> None:
    row = layout.row()
    row.use_property_split = False
    system = bpy.context.preferences.system
    row.prop(system, "use_online_access", text="Allow Online Access", toggle=True, icon="INTERNET")
