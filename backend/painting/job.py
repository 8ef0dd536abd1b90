"""One style-transfer job on a mesh, from its files to its files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..errors import PatinaError
from ..pictures.styles import read_styles
from ..protocol.job import Job
from ..rendering.texels import CHARTS
from ..result.finish import finish, mean_texel
from ..result.maps import write_maps
from ..result.textures import write_textures
from ..session import JobSession, Progress
from . import checkpoint, optimize, tiles
from .aim import Aim, aim_of, plan_of
from .checkpoint import Kept
from .color_finish import in_palette
from .first_look import Onlooker
from .follower import Follower
from .material import STROKE, THICKNESS, finished, impasto
from .measures import by_tile, measure
from .optimize import Plan
from .piece_finish import NO_PIECES, in_pieces
from .pyramid import Pyramid
from .stroke_finish import NO_STROKES, in_strokes
from .subject import HELD, Subject, read_subject


@dataclass(frozen=True)
class Painting:
    """What there is after the last step, before anything is finished or written."""

    subject: Subject
    texture: Pyramid
    aim: Aim
    plan: Plan
    follow: Follower


def run(session: JobSession) -> None:
    """Paint the job's mesh; the textures and the report are written to its folder.

    Raises PatinaError for input that cannot be used, Cancelled once the job is asked to end.
    """
    _finish(session, paint(session, session.progress))


def paint(session: JobSession, tell: Callable[[Progress], None]) -> Painting:
    """Take all steps of the session's job; `tell` is given where it is. Raises as `run` does."""
    job, folder = session.job, session.folder
    session.start(job.rasterizer)
    styles = read_styles(job, folder)
    onlooker = Onlooker(session, styles)
    onlooker.look()
    subject = read_subject(job, folder, styles, session.message, session.shelf, onlooker.mesh)
    if drawn := tiles.read_drawn(job, folder, subject.texels.used):
        subject = subject.with_drawn(*drawn)
        tiles.add_drawn_to_masks(job, folder)
    session.check()
    is_sketch = job.quality == "sketch"
    if not is_sketch:  # now, so that what is wrong with it is told at once
        session.network(average_pooling=True)
        session.check()
    aim = aim_of(session, job, subject, styles, partial(onlooker.watch, subject))
    subject.mesh.forget(CHARTS)
    texture = Pyramid(_begun(subject, aim), session.device, subject.density)
    kept = checkpoint.read(folder / job.resume, texture, subject.mesh) if job.resume else Kept(0)
    _draw_on(texture, subject)
    session.clock.lap("set-up")
    plan = plan_of(job, subject, kept)
    follow = Follower(session, subject, texture, aim.styles, plan, kept, tell)
    follow.show()
    while job.strength > 0:
        _optimise(session, subject, texture, aim, plan, follow)
        if not session.wishes.steered:
            break
        old, (subject, aim, starts_over) = aim, _steered(session, subject, aim)
        fresh, job = Pyramid(_begun(subject, aim), session.device, subject.density), session.job
        if starts_over:
            texture, kept = fresh, Kept(0)
        else:  # what was painted so far stays on top of what the new settings begin with
            texture.rows += fresh.rows - Pyramid(_begun(subject, old), session.device).rows
            kept = Kept(follow.steps)
        plan = plan_of(replace(job.without_drawn(), resume=None), subject, kept)
        follow = Follower(session, subject, texture, aim.styles, plan, kept, tell)
        follow.show()
    return Painting(subject, texture, aim, plan, follow)


def _draw_on(texture: Pyramid, subject: Subject) -> None:
    """Have `texture` show what the artist drew, where that is."""
    if subject.drawn is not None:
        before, device = texture.texture().cpu(), texture.rows.device
        after = subject.drawn_over(before)
        texture.rows += Pyramid(after, device).rows - Pyramid(before, device).rows


def _stroke_width(subject: Subject, aim: Aim) -> float:
    """A stroke's width, in texels."""
    return STROKE * aim.viewing.style_width * subject.size / subject.mesh.texel


def _begun(subject: Subject, aim: Aim) -> Tensor:
    """What the pyramid shows at first: the start and, of a whole material, the maps that its strokes make."""
    if subject.own is None:
        return aim.start
    width = _stroke_width(subject, aim)
    return torch.cat([aim.start, impasto(subject.own, aim.start, subject.texels.used, width)])


def _with_strokes(subject: Subject, result: Tensor, aim: Aim) -> Tensor:
    """Give the maps of a whole material in `result` (C, tiles · S, S) the strokes of its colours."""
    if subject.own is None:
        return result
    width, used = _stroke_width(subject, aim), subject.texels.used
    before, after = (impasto(subject.own, paint, used, width) for paint in (aim.start, result[:3]))
    return torch.cat([result[:3], (result[3:] + after - before).clamp(0, 1)])


def _write(subject: Subject, aim: Aim, result: Tensor, folder: Path) -> list[str]:
    """Write the textures, and the maps of a whole material; gives the textures' names."""
    size = subject.size
    if subject.own is not None:
        width = aim.viewing.style_width
        maps = finished(subject.own, result[3:], subject.mask, subject.mesh, subject.texels, width)
        write_maps(maps, size, folder, subject.own.deep)
    return write_textures(result[:3], size, folder)


def _height_depth(subject: Subject, aim: Aim) -> dict[str, float]:
    """The report's part on height maps: how far it is from black to white, in scene units."""
    if subject.own is None:
        return {}
    return {"height_depth": THICKNESS * aim.viewing.style_width * subject.mesh.unit}


def _steered(session: JobSession, subject: Subject, aim: Aim) -> tuple[Subject, Aim, bool]:
    """Take up what the job's file says now, and whether that means to start over.

    What cannot be taken up is told, and all stays as it was.
    """
    session.wishes.steered = False
    session.adapting()
    before = session.job

    def take() -> tuple[Subject, Aim, bool]:
        starts_over = session.take_settings()
        job, folder = session.job, session.folder
        styles = read_styles(job, folder)
        onlooker = Onlooker(session, styles)
        if starts_over:
            onlooker.look()
        now = subject
        if _subject_fields(job) != _subject_fields(before):
            now = read_subject(job, folder, styles, session.message, session.shelf)
            if not np.array_equal(now.mesh.corners, subject.mesh.corners):
                raise PatinaError("The mesh is another one.", "Cancel the job, and press the button again.")
            if now.mask is None and subject.mask is not None:
                session.make_room("mask*.png")  # they would say that part of it is not painted
            if subject.drawn is not None:
                now = now.with_drawn(*subject.drawn)
                tiles.add_drawn_to_masks(job, folder)
        return now, aim_of(session, job, now, styles, partial(onlooker.watch, now)), starts_over

    taken = session.without_fail("The new settings could not be taken up", take)
    if taken is None:
        session.job = before
        return subject, aim, False
    return taken


def _subject_fields(job: Job) -> tuple[object, ...]:
    """What the job's subject depends on, of all that may change under way."""
    return job.follow_shape, job.mesh, job.content, job.mask, job.tiles


def _optimise(
    session: JobSession, subject: Subject, texture: Pyramid, aim: Aim, plan: Plan, follow: Follower
) -> None:
    """Take the plan's steps, or as many as are enough; however it ends, another job can go on from there."""
    styles, viewing, wishes = aim.styles, aim.viewing, session.wishes
    try:
        if plan.stages:
            network = session.network(average_pooling=True)
            # What is kept is the start's landmarks, in the colours it was moved to: they are not pulled back.
            for progress in optimize.paint(
                subject, texture, aim.start, styles, network, viewing, plan, session
            ):
                follow(progress)
                if wishes.enough or wishes.steered:
                    return
    finally:
        follow.keep()


def seen_in(session: JobSession, painting: Painting) -> NDArray[np.bool_]:
    """Find the texels (tiles · S, S) that are as some view made them, or as the start where that will do."""
    if stays(session):  # what no view saw is as the start, which painted it, too
        return np.ones_like(painting.subject.texels.used)
    level = optimize.finest_level(painting.plan, painting.aim.viewing, painting.subject)
    return seen_texels(painting.texture, level, painting.subject)


def stays(session: JobSession) -> bool:
    """Whether the texture is the result as it is now."""
    return session.job.quality == "sketch" or session.job.strength == 0 or session.wishes.enough


def sealed(session: JobSession, painting: Painting, texture: Tensor, seen: NDArray[np.bool_]) -> Tensor:
    """Finish gaps and seams of `texture` (C, tiles · S, S), of which views made what is `seen`."""
    subject = painting.subject
    if session.job.strength > 0:
        done = partial(finish, texture, painting.aim.start, seen, subject.mesh, subject.texels)
        found = session.without_fail("Gaps and seams could not be finished", done)
        texture = texture if found is None else found
    session.check()
    return subject.drawn_over(texture, HELD)


def _finish(session: JobSession, painting: Painting) -> None:
    """Write the textures, once gaps and seams are finished, and the report."""
    job, folder, subject, aim, follow = (
        session.job,
        session.folder,
        painting.subject,
        painting.aim,
        painting.follow,
    )
    as_it_is = stays(session)
    session.finishing()
    seen = seen_in(session, painting)
    result = painting.texture.texture().cpu()
    steps_taken = job.strength > 0 and bool(painting.plan.stages)
    finished = steps_taken and not session.wishes.enough  # who asks for the texture now wants what is seen
    if finished:
        strokes = partial(in_strokes, result, subject, aim.styles, aim.viewing, job, session.check)
        found = session.without_fail(NO_STROKES, strokes)
        result = result if found is None else found
    result = _with_strokes(subject, result, aim)
    if steps_taken:
        result = in_palette(result, seen, subject, aim.styles, job)
    if finished:
        pieces = partial(in_pieces, result, subject, aim.styles, aim.viewing, job, session.check)
        found = session.without_fail(NO_PIECES, pieces)
        result = result if found is None else found
    result = sealed(session, painting, result, seen)
    files = session.write_result(partial(_write, subject, aim, result, folder), follow.keep_again)
    session.clock.lap("finish")
    judge = partial(measure, subject, aim.styles, aim.viewing, aim.start, subject.composed(result[:3]))
    measured: dict[str, Any] = {}
    if not as_it_is or job.strength == 0:  # who asks for the texture now does not wait for measures
        measured = session.without_fail("The result could not be measured", judge) or {}
    session.check()
    session.clock.lap("report")
    measured |= {
        "coverage": round(float(seen[subject.to_paint].mean()), 5),
        "texel_size": mean_texel(subject.mesh, job.texture_size),
        "steps": follow.steps,
        "rasterizer": job.rasterizer,
        "ended_early": job.quality == "sketch" or session.wishes.enough,
        **_height_depth(subject, aim),
    }
    if job.tiles:
        of_each = by_tile(subject, files, seen)
        measured["tiles"] = [a | b for a, b in zip(of_each, measured.get("tiles", of_each), strict=True)]
    session.finish(files[0], measured)


def seen_texels(texture: Pyramid, level: int, subject: Subject) -> NDArray[np.bool_]:
    """Find the texels that some view moved, as finely as views resolve them: (tiles · S, S).

    `level` is what they resolve on average; where a texture is denser, it is read more coarsely. Outside
    the mask nothing counts as seen, so that paint is extended there: compositing at its soft edge then has
    colour to blend.
    """
    texels = subject.texels
    seen = texture.seen(level).cpu().numpy()
    indices = torch.from_numpy(np.flatnonzero(texels.used)).to(texture.rows.device)
    levels = torch.from_numpy(level + subject.mesh.coarser(texels.faces)).to(indices.device)
    seen[texels.used] = texture.seen_at(indices, levels).cpu().numpy()
    if subject.drawn is not None:  # the artist has
        seen |= subject.drawn[1][0].numpy() > 0
    return np.asarray(seen & (subject.to_paint | ~texels.used))
