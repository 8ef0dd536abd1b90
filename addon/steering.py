"""What changes in the panel while a job runs, handed to it: it goes on by that, or starts over.

Only where what the job is for is selected, or shown in an editor: what is set for another is none of its
business.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import Any

import bpy

from ..backend.errors import PatinaError
from ..backend.protocol.job_file import read_job, write_job
from ..backend.protocol.parts import Style
from ..backend.protocol.requests import STEERED
from . import job_fields, modes, style_files
from .painter import Sitting
from .process import beside
from .scene import masks, picture, records, sets
from .scene.records import Prepared
from .settings import dump

QUIET_SECONDS = 0.4  # that nothing changes before it is taken up: a slider passes many values
# Fields that say what sort of job it is: with another one a change waits for the next press.
KIND = ("task", "parameterization", "network", "relief", "reflectance", "transparent")


@dataclass(frozen=True)
class Asked:
    """What of a job can change under way: its fields but for the styles, these by their files, its mask."""

    fields: dict[str, Any]
    styles: tuple[Style, ...]
    mask: masks.Chosen


@dataclass
class _Watched:
    """A running job, what the panel was set to, since when, and whether that has been taken up.

    touched: whether the artist has been in a mode since in which what a mask covers changes. files: what
    becomes of a mask, while that is being written.
    """

    job: str
    panel: tuple[dict[str, Any], masks.Chosen]
    since: float = 0.0
    is_settled: bool = True
    touched: bool = False
    files: Future[dict[str, Any]] | None = None


_watched: _Watched | None = None


def asked(scene: bpy.types.Scene, job: Prepared) -> Asked | None:
    """Read from the panel what `job` may be steered by; None where it asks for another sort of job."""
    settings, flat = scene.patina, not job.members
    mode = modes.FLAT_MODES[settings.picture_mode] if flat else settings.mode
    try:
        fields = job_fields.of(settings, mode, picture=flat)
        written = read_job(job.folder)
        if fields.get("strength") == 0 or written.plays or _kind(fields) != _kind(vars(written)):
            return None
        is_exemplar = flat and mode == "texture"  # which is the picture itself
        files = () if is_exemplar else tuple(style_files.of(settings, mode))
    except PatinaError:  # the button would tell
        return None
    steered = {name: fields[name] for name in STEERED if name in fields}
    return Asked(steered, files, masks.chosen(scene.patina_scope, sets.present(job.members)))


def _kind(fields: Mapping[str, Any]) -> list[Any]:
    return [fields.get(name) or None for name in KIND]


def watch(job: Prepared, sitting: Sitting, before: Asked) -> Asked | None:
    """Look whether the panel asks for something else than `before`, and hand that to the running job.

    Gives what it goes by then; None where nothing has changed, or not for long enough. Costs a moment, as it
    is called at every tick: files of a mask are written beside. Raises OSError, and PatinaError, where the
    job cannot be written.
    """
    global _watched
    if not _is_chosen(job):
        _watched = None
        return None
    scene = bpy.context.scene
    panel = dump(scene.patina), masks.chosen(scene.patina_scope, objects := sets.present(job.members))
    if _watched is None or _watched.job != job.folder.name:  # it begins as it was asked for
        _watched = _Watched(job.folder.name, panel)
    state, now = _watched, time.monotonic()
    is_at_it = panel[1].kind != "NONE" and any(obj.mode != "OBJECT" for obj in objects)
    if panel != state.panel or is_at_it:
        state.panel, state.since, state.is_settled = panel, now, False
        state.touched = state.touched or is_at_it or state.files is not None
        state.files = None
    if state.is_settled or now - state.since < QUIET_SECONDS:
        return None
    if state.files is not None and not state.files.done():
        return None
    wanted = asked(scene, job)
    if wanted is None:
        state.is_settled, state.files = True, None
        return None
    if state.files is None and (state.touched or wanted.mask != before.mask):
        state.is_settled, state.touched = True, False  # should it fail
        state.files, state.is_settled = _mask_files(job), False
        return None
    state.is_settled, files, state.files = True, state.files, None
    changes = _changes(job, before, wanted) | (files.result() if files else {})
    if not changes:
        return None
    write_job(job.folder, replace(read_job(job.folder), **changes))
    records.write(job, panel[0])
    sitting.steer()
    return wanted


def _is_chosen(job: Prepared) -> bool:
    if not job.members:
        return picture.is_shown(job.picture)
    uids = {member.uid for member in job.members}
    selected = bpy.context.view_layer.objects.selected  # which may hold what was just removed, as None
    return any(obj is not None and obj.session_uid in uids for obj in selected)


def _mask_files(job: Prepared) -> Future[dict[str, Any]]:
    """Have the files of the mask as it is now written beside; gives the job's fields that change by that."""
    context, written = bpy.context, read_job(job.folder)
    members = [(member, obj) for member in job.members for obj in sets.present([member])]
    depsgraph = context.evaluated_depsgraph_get()
    read = masks.read_now(job.folder, written, context.scene.patina_scope, members, depsgraph)
    return beside(lambda: masks.write_now(job.folder, written, read))


def _changes(job: Prepared, before: Asked, wanted: Asked) -> dict[str, Any]:
    """The job's fields that change, but for those of its mask; pictures are copied into its folder."""
    changes = {name: value for name, value in wanted.fields.items() if value != before.fields.get(name)}
    if wanted.styles == before.styles:
        return changes
    there = read_job(job.folder).styles
    if [(style.image, style.crop) for style in before.styles] == [(s.image, s.crop) for s in wanted.styles]:
        pairs = zip(there, wanted.styles, strict=True)
        return changes | {"styles": tuple(replace(style, weight=now.weight) for style, now in pairs)}
    return changes | {"styles": style_files.copy_styles(list(wanted.styles), job.folder)}
