"""One style-transfer job on a flat picture, from its files to its files."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..pictures.images import read_as_it_is, read_image, resize, within, write_image, write_map
from ..pictures.styles import Styles, read_styles
from ..protocol.files import CHECKPOINT_FILE, IMAGE_FILE, PREVIEW_FILE
from ..protocol.job import Job
from ..result import report
from ..result.textures import PREVIEW_SIDE, write_preview
from ..session import JobSession, lesser
from . import brush as brushes
from . import optimize
from .brush import Brush
from .checkpoint import Kept
from .optimize import Plan, Stage
from .picture import Picture, finished, paint, stages, style_side
from .start import initial_picture
from .stroke_finish import NO_STROKES, picture_in_strokes

CONTENT_WEIGHT = 0.08  # at strength 0.5, in a picture of COARSEST pixels
CHECKPOINT_SECONDS = 8.0  # between two checkpoints, at least
CHECKPOINT_PAUSE = 20.0  # times as long as the last took to write


def run(session: JobSession) -> None:
    """Paint the job's picture; it and the report are written to its folder.

    Raises PatinaError for input that cannot be used, Cancelled once the job is asked to end.
    """
    job, folder = session.job, session.folder
    session.start(job.network)
    content = read_picture(job, folder)
    aim = _aim_of(session, content)
    brush, kept = fresh_brush(job), Kept(0)
    if job.resume:
        brush, kept = brushes.read(folder / job.resume, *content.shape[1:])
        if drawn := read_drawn(job, folder, content):
            brush.draw(*drawn)
    session.clock.lap("set-up")
    if job.strength > 0:
        session.preview(partial(_preview, aim.picture, brush, folder), now=True)
        kept = _optimise(session, aim, brush, kept, job)
    while session.wishes.steered:
        aim, brush, kept = _steered(session, content, aim, brush, kept)
        session.preview(partial(_preview, aim.picture, brush, folder), now=True)
        kept = _optimise(session, aim, brush, kept, replace(session.job, resume=None))
    job, picture = session.job, aim.picture
    result = picture.composed(picture.start)
    if job.strength > 0:
        session.finishing()
        painting = painted(picture, brush).detach().cpu()
        if brush.pixels is not None and not session.wishes.enough:
            shorter = style_side(*painting.shape[1:])
            strokes = partial(picture_in_strokes, painting, aim.styles, shorter, job)
            found = session.without_fail(NO_STROKES, strokes)
            painting = painting if found is None else found
        result = finished(picture, painting)
    session.check()
    keep = partial(_keep, session, brush, kept) if job.strength > 0 else None
    session.write_result(partial(_write, result, job, folder), keep)
    session.clock.lap("finish")
    is_sketch = job.quality == "sketch"
    measured: dict[str, Any] = {}
    if not session.wishes.enough:  # who asks for it now does not wait for measures
        judge = partial(measure, content, result, aim.styles, session.device)
        measured = session.without_fail("The result could not be measured", judge) or {}
    session.clock.lap("report")
    ended_early = is_sketch or session.wishes.enough
    session.finish(IMAGE_FILE, measured | {"steps": kept.steps, "ended_early": ended_early})


@dataclass(frozen=True)
class _Aim:
    """What a job's settings make of its picture; styles: in the colours that are wanted."""

    picture: Picture
    styles: Styles


def _aim_of(session: JobSession, content: Tensor) -> _Aim:
    job, folder = session.job, session.folder
    styles = read_styles(job, folder)
    if job.quality != "sketch":  # now, so that what is wrong with it is told at once
        session.network(average_pooling=True)
    session.check()
    if job.colors > 0:
        styles = styles.recolored(content.flatten(1).T, job.colors)
    start = initial_picture(content, styles, job, session.device)
    session.check()
    picture = Picture(content, start, read_mask(job, folder, content))
    drawn = read_drawn(job, folder, content)
    return _Aim(picture.with_drawn(*drawn) if drawn else picture, styles)


def fresh_brush(job: Job) -> Brush:
    """Make a brush that has painted nothing yet."""
    return Brush(torch.Generator().manual_seed(job.seed))


def painted(picture: Picture, brush: Brush) -> Tensor:
    """Give what `brush` has painted, (3, h, w); the start where that is nothing."""
    return picture.start if brush.pixels is None else brush.shown


def _optimise(session: JobSession, aim: _Aim, brush: Brush, before: Kept, job: Job) -> Kept:
    """Take the steps of `job` from `before` on, or as many as are enough; gives how far it is then.

    However it ends, another job can go on from there.
    """
    plan, whole = plan_of(job, aim.picture, aim.styles, before), _whole(job, aim)
    others = {name: stages(aim.picture, aim.styles, name, None) for name in lesser(job.quality)}
    now = optimize.after(plan, whole, before, 0)
    due = time.perf_counter() + CHECKPOINT_SECONDS
    try:
        if not plan.stages:
            return now
        network = session.network(average_pooling=True)
        for progress in paint(aim.picture, aim.styles, network, plan, session, brush):
            now = optimize.after(plan, whole, before, progress.step)
            session.progress(replace(progress, reached=optimize.reached(whole, now, others)))
            session.preview(partial(_preview, aim.picture, brush, session.folder))
            if session.wishes.enough or session.wishes.steered:
                break
            if (began := time.perf_counter()) > due:
                _keep(session, brush, now)
                spent = time.perf_counter() - began
                due = began + spent + max(CHECKPOINT_SECONDS, CHECKPOINT_PAUSE * spent)
    finally:
        _keep(session, brush, now)
    return now


def _keep(session: JobSession, brush: Brush, now: Kept) -> None:
    write = partial(brushes.write, session.folder / CHECKPOINT_FILE, brush, now)
    session.without_fail("A checkpoint, to go on from, could not be written", write)


def _steered(
    session: JobSession, content: Tensor, aim: _Aim, brush: Brush, kept: Kept
) -> tuple[_Aim, Brush, Kept]:
    """Take up what the job's file says now, on what there is by now or from the start.

    What cannot be taken up is told, and all goes on as it was.
    """
    session.wishes.steered = False
    session.adapting()
    before = session.job

    def take() -> tuple[_Aim, Brush, Kept]:
        starts_over = session.take_settings()
        now = _aim_of(session, content)
        if starts_over:
            return now, fresh_brush(session.job), Kept(0)
        brush.shift(now.picture.start - aim.picture.start)
        return now, brush, Kept(kept.steps)

    taken = session.without_fail("The new settings could not be taken up", take)
    if taken is None:
        session.job = before
        return aim, brush, Kept(kept.steps)
    return taken


def _whole(job: Job, aim: _Aim) -> tuple[Stage, ...]:
    """List the stages of the job's quality, each with its usual steps; a sketch has none: it is the start."""
    return () if job.quality == "sketch" else stages(aim.picture, aim.styles, job.quality, None)


def plan_of(job: Job, picture: Picture, styles: Styles, kept: Kept) -> Plan:
    """Plan what the loop does for the job: further steps if it goes on, or those that an earlier lacks."""
    content_weight = CONTENT_WEIGHT * (1 / job.strength - 1) if job.strength > 0 else 0.0
    planned: tuple[Stage, ...] = ()
    if job.quality != "sketch":
        whole = stages(picture, styles, job.quality, None)
        if job.resume and job.steps is None:
            planned = optimize.remaining(whole, kept)
        elif job.resume and kept.steps:
            planned = optimize.more(whole, job.steps)
        else:
            planned = stages(picture, styles, job.quality, job.steps)
    return Plan(planned, content_weight, job.style_loss, job.seed)


def read_picture(job: Job, folder: Path) -> Tensor:
    """Read the picture that the job starts from, no longer than the job says: (3, H, W)."""
    assert job.content is not None
    return within(read_image(folder / job.content, "content picture", "content"), job.image_size)


def _write(result: Tensor, job: Job, folder: Path) -> None:
    """Write `result` (3, H, W); where nothing was to change, the picture itself, if it is no longer than the
    job says: what was read of it may have been enlarged, and has neither opacity nor 16 bits."""
    if job.strength == 0 and job.drawn is None:
        assert job.content is not None
        own = read_as_it_is(folder / job.content, "content picture", "content")
        if max(own.shape[:2]) <= job.image_size:
            write_map(own, folder / IMAGE_FILE)
            return
    write_image(result, folder / IMAGE_FILE)


def read_mask(job: Job, folder: Path, content: Tensor) -> Tensor | None:
    """Read how far each pixel of `content` (3, H, W) is painted, if the job says: (1, H, W)."""
    if job.mask is None:
        return None
    return resize(read_image(folder / job.mask, "mask", "mask"), *content.shape[1:]).mean(0, keepdim=True)


def read_drawn(job: Job, folder: Path, content: Tensor) -> tuple[Tensor, Tensor] | None:
    """Read what the artist has drawn since an earlier job, if anything, and how far each pixel of `content`
    (3, H, W) is that: (3, H, W) and (1, H, W)."""
    if job.drawn is None or job.drawn_mask is None:
        return None
    colors = read_image(folder / job.drawn, "drawn picture", "drawn")
    mask = read_image(folder / job.drawn_mask, "mask of what is drawn", "drawn").mean(0, keepdim=True)
    size = content.shape[1:]
    return resize(colors, *size), resize(mask, *size)


def measure(content: Tensor, result: Tensor, styles: Styles, device: torch.device) -> dict[str, Any]:
    """Measure the style distance of `result` (3, H, W), and that of the `content` (3, H, W) before it."""
    scaled = styles.at(style_side(*result.shape[1:]))
    found = {
        "style_distance": report.picture_style_distance(result, scaled, device),
        "style_distance_before": report.picture_style_distance(content, scaled, device),
    }
    return {key: round(value, 4) for key, value in found.items()}


def _preview(picture: Picture, brush: Brush, folder: Path) -> str:
    small = picture.at(min(PREVIEW_SIDE, picture.longer))
    shown = small.composed(resize(painted(picture, brush).cpu(), *small.content.shape[1:]))
    write_preview(shown, folder / PREVIEW_FILE)
    return PREVIEW_FILE
