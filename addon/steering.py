"""What changes in the panel while a job runs, handed to it: it goes on by that from its texture as it is.

Only where the job's object is selected: what is set for another is none of its business.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Any

import bpy

from ..backend.protocol import STEERED, PatinaError, Style, read_job, write_job
from . import job_fields
from .painter import Sitting
from .scene import records
from .scene.records import Prepared
from .settings import dump

QUIET_SECONDS = 0.4  # that nothing changes before it is taken up: a slider passes many values


@dataclass(frozen=True)
class Asked:
    """What of a job can change under way: its fields but for the styles, and these by their files."""

    fields: dict[str, Any]
    styles: tuple[Style, ...]


_last: tuple[str, dict[str, Any]] | None = None  # the job, and what the panel was set to
_since = 0.0
_is_settled = True


def asked(settings: bpy.types.PropertyGroup) -> Asked | None:
    """Read from the panel what a job may be steered by; None where it asks for nothing that can be."""
    try:
        fields = job_fields.of(settings, settings.mode)
        if not job_fields.paints_several(fields) or not fields["strength"]:
            return None
        files = tuple(job_fields.style_files(settings, settings.mode))
    except PatinaError:  # the button would tell
        return None
    return Asked({name: fields[name] for name in STEERED if name in fields}, files)


def watch(job: Prepared, sitting: Sitting, before: Asked) -> Asked | None:
    """Look whether the panel asks for something else than `before`, and hand that to the running job.

    Gives what it goes by then; None where nothing has changed, or not for long enough. Costs a moment, as it
    is called at every tick. Raises OSError, and PatinaError, where the job cannot be written.
    """
    global _last, _since, _is_settled
    if not _is_selected(job):
        _last = None
        return None
    settings = bpy.context.scene.patina
    now = job.folder.name, dump(settings)
    if now != _last:
        _is_settled = _last is None or _last[0] != job.folder.name  # a job begins as it was asked for
        _last, _since = now, time.monotonic()
    if _is_settled or time.monotonic() - _since < QUIET_SECONDS:
        return None
    _is_settled = True
    wanted = asked(settings)
    if wanted is None or wanted == before:
        return None
    _hand_over(job, before, wanted, now[1])
    sitting.steer()
    return wanted


def _is_selected(job: Prepared) -> bool:
    uids = {member.uid for member in job.members}
    selected = bpy.context.view_layer.objects.selected  # which may hold what was just removed, as None
    return any(obj is not None and obj.session_uid in uids for obj in selected)


def _hand_over(job: Prepared, before: Asked, wanted: Asked, panel: dict[str, Any]) -> None:
    """Write what is `wanted` into the job's files."""
    written = read_job(job.folder)
    if [(style.image, style.crop) for style in before.styles] == [(s.image, s.crop) for s in wanted.styles]:
        pairs = zip(written.styles, wanted.styles, strict=True)
        styles = tuple(replace(style, weight=now.weight) for style, now in pairs)
    else:
        styles = job_fields.copy_styles(list(wanted.styles), job.folder)
    records.write(job, panel)
    write_job(job.folder, replace(written, styles=styles, **wanted.fields))
