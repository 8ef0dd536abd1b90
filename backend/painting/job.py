"""One style-transfer job on a mesh, from its files to its files."""

from __future__ import annotations

import math
import time
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
from ..machine.shelf import digest
from ..pictures.styles import Styles, read_styles
from ..protocol.files import CHECKPOINT_FILE
from ..protocol.job import Job
from ..rendering.mesh import Mesh
from ..rendering.texels import CHARTS, each_tile
from ..rendering.views import Viewing
from ..result import report
from ..result.finish import finish, mean_texel
from ..result.maps import write_maps
from ..result.textures import PREVIEW_SIDE, write_previews, write_textures
from ..session import JobSession, Progress, lesser
from . import checkpoint, optimize, tiles
from .checkpoint import Kept
from .color_finish import grade_to, graded_by, in_palette
from .first_look import Onlooker
from .material import STROKE, THICKNESS, finished, impasto
from .one_pass import Watch
from .optimize import Plan
from .pyramid import Pyramid
from .start import initial_texture
from .subject import HELD, Subject, read_subject

CHECKPOINT_SECONDS = 8.0
GRADE_SECONDS = 2.0  # after which the previews' grade is found anew: that takes longer than all else of one
CONTENT_WEIGHT = 0.1  # at strength 0.5
JUDGED_PIXEL = 1.5  # of a held-out view, in those of the finest stage
MIN_STYLE_PIXELS = 32  # pixels of the styles' shorter side, of which a network can tell anything
MAX_PIXEL = 1 / 64  # of the finest stage, in the mesh's units: the coarsest still sees the object well
MAX_STYLE_WIDTH = 16.0  # the styles' shorter side, in the mesh's units: eight times the object


@dataclass(frozen=True)
class Aim:
    """What a job's settings make of its subject.

    styles: in the colours that are wanted; start (3, tiles · S, S): what is begun with, and kept.
    """

    styles: Styles
    viewing: Viewing
    start: Tensor


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


def aim_of(
    session: JobSession, job: Job, subject: Subject, styles: Styles, watch: Watch | None = None
) -> Aim:
    """Make what `job` asks for; the start at full strength is kept for the next of its like."""
    original = subject.original
    if job.colors > 0 and subject.colored:
        styles = styles.recolored(subject.colors, job.colors)
    viewing = viewing_of(job, subject.mesh, styles, session.device)
    if job.strength == 0:
        whole = original
    else:
        key = digest(_start_fields(job), subject.mesh.digest, subject.content, subject.mask, subject.kept)
        whole = session.shelf.get(
            ("start", key, digest(*styles.images, styles.shares)),
            lambda: initial_texture(subject, styles, viewing, replace(job, strength=1.0), watch),
            most=1,
        )
    session.check()
    start = subject.drawn_over(original.lerp(whole, min(1.0, 2 * job.strength)))
    return Aim(styles, viewing, start)


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


def _painted(subject: Subject, texture: Pyramid, aim: Aim) -> Tensor:
    """What the pyramid shows, (C, tiles · S, S); the maps of a whole material with the strokes that came."""
    result = texture.texture().cpu()
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


def _start_fields(job: Job) -> Job:
    """The job but for what the start at full strength does not depend on."""
    said = replace(
        job, strength=1.0, style_loss="gram", quality="draft", steps=None, looked_from=None, material=None
    )
    return replace(said.without_drawn(), resume=None)


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
    result = _painted(subject, painting.texture, aim)
    if job.strength > 0 and painting.plan.stages:
        result = in_palette(result, seen, subject, aim.styles, job)
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


def viewing_of(job: Job, mesh: Mesh, styles: Styles, device: torch.device) -> Viewing:
    """Decide how the job looks at its mesh.

    No view need be finer than the texture's texels or the styles' pixels. Raises PatinaError for a style
    size at which the texture or the object shows nothing of the styles.
    """
    texel = mesh.texel / job.texture_size
    least = MIN_STYLE_PIXELS * texel
    most = max(MAX_STYLE_WIDTH, 2 * least)
    if job.style_size:
        width = job.style_size / mesh.unit
        if not least <= width <= most:
            raise _no_such_size(job, least * mesh.unit, most * mesh.unit, width > most)
    else:
        width = max(least, optimize.STYLE_WIDTH * float(np.sqrt(mesh.areas[mesh.mapped].sum())))
    pixel = max(texel, min(width / styles.shorter, MAX_PIXEL))
    angle = 0.0 if mesh.directions is None else styles.stroke_angle
    return Viewing(pixel, width, device, job.rasterizer, job.framing, angle)


def _no_such_size(job: Job, least: float, most: float, large: bool) -> PatinaError:
    why = "large for the object" if large else f"small for a texture of {job.texture_size}²"
    low, high = 1.006 * least, 0.994 * most  # so that they still fit when rounded
    return PatinaError(
        f"A stroke size of {job.style_size:g} is too {why}.",
        f"Use {low:.3g} to {high:.3g}, or 0 to fit the painting to the object"
        + ("." if large else "; or a larger texture."),
        "style_size",
    )


def plan_of(job: Job, subject: Subject, kept: Kept) -> Plan:
    """Plan what the loop does for the job.

    These are further steps where it asks for some, or those that an earlier job lacks.
    """
    if job.resume and job.steps is None:
        stages = optimize.remaining(optimize.STAGES[job.quality], kept)
    elif job.resume and kept.steps:
        stages = optimize.more(optimize.STAGES[job.quality] or optimize.STAGES["draft"], job.steps)
    else:
        stages = optimize.stages(job.quality, job.steps, len(np.unique(subject.mesh.objects)))
    weighs = subject.kept is not None and job.strength > 0
    content_weight = CONTENT_WEIGHT * (1 / job.strength - 1) if weighs else 0.0
    views = job.views or optimize.VIEWS_PER_STEP
    seed = (job.seed + kept.steps) % 2**32  # other views than the earlier job began with
    return Plan(stages, content_weight, job.style_loss, views, seed)


class Follower:
    """What is done beside the loop: progress told, previews and checkpoints written now and then."""

    def __init__(
        self,
        session: JobSession,
        subject: Subject,
        texture: Pyramid,
        styles: Styles,
        plan: Plan,
        before: Kept,
        tell: Callable[[Progress], None],
    ) -> None:
        """before: how far `texture` was at first; tell: is given how far it is."""
        self.session, self.subject, self.texture, self.plan = session, subject, texture, plan
        self.styles, self.tell = styles, tell
        self.side = min(PREVIEW_SIDE, subject.size)
        objects = len(np.unique(subject.mesh.objects))
        self._others = {name: optimize.stages(name, None, objects) for name in lesser(session.job.quality)}
        self._before = self._now = before
        self._kept: Kept | None = before if before.steps else None
        self._kept_at = self._graded_at = -math.inf
        self._grade: Tensor | None = None

    def __call__(self, progress: Progress) -> None:
        whole = optimize.STAGES[self.session.job.quality]
        self._now = optimize.after(self.plan, whole, self._before, progress.step)
        self.tell(replace(progress, reached=optimize.reached(whole, self._now, self._others)))
        self.session.preview(self._preview)
        if time.perf_counter() - self._kept_at > CHECKPOINT_SECONDS:
            self.keep()

    @property
    def steps(self) -> int:
        """Those taken, with an earlier job's."""
        return self._now.steps

    def show(self) -> None:
        """Write a preview now, for who looks on."""
        if self.session.job.looked_from:
            self.session.preview(self._preview, now=True)

    def keep(self) -> None:
        """Write a checkpoint, unless there is one of this step."""
        if self._now != self._kept:
            path, mesh = self.session.folder / CHECKPOINT_FILE, self.subject.mesh
            write = partial(checkpoint.write, path, self.texture, mesh, self._now)
            self.session.without_fail("A checkpoint, to go on from, could not be written", write)
            self._kept, self._kept_at = self._now, time.perf_counter()

    def keep_again(self) -> None:
        """Write the checkpoint, which has been removed."""
        self._kept = self._before
        self.keep()

    def _preview(self) -> str:
        shown, subject, job = self.texture.texture(self.side)[:3].cpu(), self.subject, self.session.job
        if job.looked_from and job.strength > 0 and self.plan.stages:  # as the result will be
            if time.perf_counter() - self._graded_at > GRADE_SECONDS:
                used = subject.texels.used
                self._grade = grade_to(shown, used, subject, self.styles, job, preview=True)
                self._graded_at = time.perf_counter()
            if self._grade is not None:
                shown = graded_by(self._grade, shown, subject, self.styles, job)
        return write_previews(subject.composed(shown), self.side, self.session.folder)[0]


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


def judged_viewing(viewing: Viewing) -> Viewing:
    """Decide how results are looked at to be measured."""
    pixel = min(JUDGED_PIXEL * viewing.pixel, viewing.style_width / MIN_STYLE_PIXELS)
    return replace(viewing, pixel=pixel)


def measure(
    subject: Subject, styles: Styles, viewing: Viewing, start: Tensor, result: Tensor
) -> dict[str, Any]:
    """Measure style and content distance and seam ratio, and the same of what was there before.

    That is what is kept, or without any the `start` (3, tiles · S, S). Of several textures also the style
    distance of each. See `report`.
    """
    mesh = subject.mesh
    judge = report.Judge(mesh, styles, judged_viewing(viewing), subject.mask)
    before = start if subject.kept is None else subject.kept
    seen, seen_before = judge.activations(result), judge.activations(before)
    found = {
        "style_distance": judge.style_distance(seen),
        "style_distance_before": judge.style_distance(seen_before),
        "content_distance": None if subject.kept is None else judge.content_distance(seen, seen_before),
        "seam_ratio": report.seam_ratio(mesh, result),
        "seam_ratio_before": report.seam_ratio(mesh, before),
    }
    rounded: dict[str, Any] = {k: None if value is None else round(value, 4) for k, value in found.items()}
    if subject.tiled:
        each = [judge.style_distance_of(tile, seen) for tile in range(len(subject.names))]
        rounded["tiles"] = [{"style_distance": value and round(value, 4)} for value in each]
    return rounded


def by_tile(subject: Subject, files: list[str], seen: NDArray[np.bool_]) -> list[dict[str, Any]]:
    """Make the report's part on each texture. `seen` (tiles · S, S): texels that views moved."""
    found = []
    parts = zip(subject.names, files, each_tile(seen), each_tile(subject.to_paint), strict=True)
    for name, file, saw, inside in parts:
        coverage = round(float(saw[inside].mean()), 5) if inside.any() else None
        found.append({"name": name, "texture": file, "coverage": coverage})
    return found
