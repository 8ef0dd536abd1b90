"""The loop: look at the surface, score what the network sees, step the texture; coarse to fine."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from torch import Tensor

from ..machine.attempts import Attempt, fitted
from ..machine.parallel import Map, parallel_map
from ..networks import Network
from ..pictures.styles import Styles
from ..rendering.camera import ARTICLE_SPAN
from ..rendering.mesh import Mesh
from ..rendering.sampling import mipmaps
from ..rendering.views import Viewing, ViewMaker
from ..session import Clock, JobSession, Progress
from .bank import Bank, BankedView, cropped_share
from .checkpoint import Kept
from .material import whole_of
from .pyramid import Pyramid
from .score import Score, crop_of
from .subject import Subject
from .unseen import Unseen

VIEWS_PER_STEP = 2
# Where strokes have a direction, which may turn within a view: views so many times smaller, and more of them.
CLOSER, CLOSE_VIEWS = 2, 3
MAX_SKIPPED_STEPS = 3  # steps in a row that may be left out
MAX_GRADIENT = 1e15  # its square is a number, too
STYLE_WIDTH = 0.55  # a painting's shorter side, in square roots of the surface's area


@dataclass(frozen=True)
class Stage:
    """A part of the plan: `steps` steps at the learning rate `rate`, on views of `size` pixels a side.

    scale: how many times as wide on the surface a pixel is as one of the finest views. views: of a step.
    done: how many of the steps an earlier job took; share: of the views' pixels, those that the network looks
    at, on average.
    """

    name: str
    scale: float
    size: int
    steps: int
    rate: float
    views: int = VIEWS_PER_STEP
    done: int = 0
    share: float = 1.0

    @property
    def pixels(self) -> float:
        """How many pixels of each view the network looks at."""
        return self.share * self.size**2


# So fine that strokes have edges, and so wide that most of an object is in a view: coarser ones were softer.
# How that was judged: docs/pictures.md.
_STANDARD = (
    Stage("composing", 2.8, 240, 44, 0.045),
    Stage("painting", 2.0, 288, 36, 0.035),
    Stage("refining", 1.3, 336, 28, 0.025),
)
STAGES: dict[str, tuple[Stage, ...]] = {
    "sketch": (),  # the start is the result
    "draft": (
        Stage("composing", 3.2, 176, 20, 0.05),
        Stage("painting", 2.2, 224, 12, 0.04),
        Stage("refining", 1.5, 272, 8, 0.03),
    ),
    "standard": _STANDARD,
    # More views agree on a step that lays shapes out; of those that refine them, more views only add grain.
    "final": (
        *(replace(stage, views=2 * VIEWS_PER_STEP) for stage in _STANDARD[:-1]),
        replace(_STANDARD[-1], steps=_STANDARD[-1].steps * 3 // 2),
    ),
}


def stages(quality: str, steps: int | None, objects: int = 1) -> tuple[Stage, ...]:
    """Choose the quality's stages; with `steps` in all, shared out in the same proportion.

    Without `steps`, every stage gets enough steps to see each of the `objects` at least once.
    """
    chosen = STAGES[quality]
    if steps is None:
        return tuple(replace(stage, steps=max(stage.steps, -(-objects // stage.views))) for stage in chosen)
    return shared_out(chosen, steps)


def with_views(planned: tuple[Stage, ...], views: int | None) -> tuple[Stage, ...]:
    """Have every step of `planned` look at so many views; None: at its stage's own."""
    return planned if views is None else tuple(replace(stage, views=views) for stage in planned)


def shared_out(planned: tuple[Stage, ...], steps: int) -> tuple[Stage, ...]:
    """Share `steps` out among stages, in the proportion of the steps that are `planned`."""
    total = sum(stage.steps for stage in planned) or 1
    bounds = np.round(np.cumsum([0, *(stage.steps for stage in planned)]) * steps / total).astype(int)
    shares = np.diff(bounds)
    return tuple(replace(stage, steps=int(n)) for stage, n in zip(planned, shares, strict=True) if n)


def more(whole: tuple[Stage, ...], steps: int | None) -> tuple[Stage, ...]:
    """Plan a job that goes on from a checkpoint: the last of the quality's stages, with `steps` steps."""
    return (replace(whole[-1], steps=steps or whole[-1].steps),)


def remaining(whole: tuple[Stage, ...], kept: Kept) -> tuple[Stage, ...]:
    """Plan what an interrupted job lacks of its quality's stages; the last alone, all done, if nothing."""
    if not kept.steps:
        return whole
    pairs = zip(whole, kept.stages, strict=False)
    planned = [replace(stage, steps=steps, done=min(done, steps)) for stage, (steps, done) in pairs if steps]
    lacking = tuple(stage for stage in planned if stage.done < stage.steps)
    return lacking or tuple(planned[-1:]) or more(whole, None)


def after(plan: Plan, whole: tuple[Stage, ...], before: Kept, step: int) -> Kept:
    """Tell how far a job is after `step` steps of its plan, that began where `before` says."""
    left, done = step, dict[tuple[str, int], tuple[int, int]]()
    for stage in plan.stages:
        taken = min(left, stage.steps - stage.done)
        done[stage.name, stage.size] = stage.steps, stage.done + taken
        left -= taken
    return Kept(before.steps + step, tuple(done.get((stage.name, stage.size), (0, 0)) for stage in whole))


def reached(whole: tuple[Stage, ...], now: Kept, others: Mapping[str, tuple[Stage, ...]]) -> str:
    """Name the first of `others`, qualities with their stages, that a job has outdone; "" for none.

    It has looked at as many views as those, as fine or finer, whichever of their stages they are counted
    from. whole: the stages of the job's quality; now: how far it is.
    """
    taken = [(stage.scale, stage.views * done) for stage, (_, done) in zip(whole, now.stages, strict=False)]
    for name, stages_of in others.items():
        if all(
            sum(views for scale, views in taken if scale <= least.scale)
            >= sum(stage.views * stage.steps for stage in stages_of if stage.scale <= least.scale)
            for least in stages_of
        ):
            return name
    return ""


@dataclass(frozen=True)
class Plan:
    """What the loop does: its stages one after the other.

    style_loss: one of choices.STYLE_LOSSES; content_weight: of the content error, relative to the style's.
    """

    stages: tuple[Stage, ...]
    content_weight: float = 0.0
    style_loss: str = "gram"
    seed: int = 0

    @property
    def steps(self) -> int:
        """How many steps are to be taken."""
        return sum(stage.steps - stage.done for stage in self.stages)


def stage_width(stage: Stage, viewing: Viewing) -> float:
    """Compute the width of a pixel of the stage's views on the surface, in the mesh's units."""
    return viewing.pixel * stage.scale if viewing.framing == "surface" else ARTICLE_SPAN / stage.size


def resolved_level(width: float, subject: Subject) -> int:
    """Find the level of the pyramid that views with pixels so wide (the mesh's units) resolve, on average."""
    return max(0, round(math.log2(width * subject.size / subject.mesh.texel) + 0.6))


def finest_level(plan: Plan, viewing: Viewing, subject: Subject) -> int:
    """Find the level that the plan's last views resolve."""
    return resolved_level(stage_width(plan.stages[-1], viewing), subject)


def paint(
    subject: Subject,
    texture: Pyramid,
    kept: Tensor,
    styles: Styles,
    network: Network,
    viewing: Viewing,
    plan: Plan,
    session: JobSession,
) -> Iterator[Progress]:
    """Optimise `texture` so that views of `subject` have the styles' statistics and keep the content's.

    Gives where the loop is after every step; who asks for no more ends it. A step that gives no numbers is
    left out, and after MAX_SKIPPED_STEPS of them in a row there are no more: the texture stays sound. A step
    that memory does not suffice for is tried again with less (see `attempts`). `session` tells of both, and
    its clock counts. kept (3, tiles · S, S): what the content term keeps the features of.
    """
    device = texture.rows.device
    random = np.random.default_rng(plan.seed)
    gamut = styles.gamut
    rows = _content_rows(subject, kept, texture)
    crop = crop_of(network) if device.type == "cpu" else None  # a card looks at all views in one batch
    if crop:
        plan = as_cropped(plan, crop[0], subject.mesh, viewing)
    pace = Pace(plan)
    closer, more_views = (1, 1) if subject.mesh.directions is None else (CLOSER, CLOSE_VIEWS)
    attempt = Attempt(more_views * max(stage.views for stage in plan.stages))
    whole = None
    if subject.own is not None:
        whole = whole_of(subject.own, subject.mesh, texture.levels, viewing.style_width, device)
    side_by_side = VIEWS_PER_STEP if device.type == "cpu" else 1
    for stage in plan.stages:
        width, count = stage_width(stage, viewing), more_views * stage.views
        level = resolved_level(width, subject)
        scaled = styles.at(viewing.style_width / width).to(device)
        score = Score(network, scaled, plan.style_loss, plan.content_weight)
        aims = stage is plan.stages[-1] and viewing.framing == "surface"
        unseen = Unseen(subject, texture, level) if aims else None
        views = ViewMaker(
            *(subject.mesh, viewing.rasterizer, random, viewing.framing, device, viewing.stroke_angle),
            crop,
        )
        keep = score.landmarks if plan.content_weight else None
        bank = Bank(views, width, stage.size // closer, texture, rows, keep, unseen, whole)
        session.clock.lap("set-up")
        with parallel_map(side_by_side) as each:
            for k in range(stage.done, stage.steps):
                judge = partial(_judged, score, bank, count, random, each, session.clock)
                (batch, loss, gradients), attempt = fitted(judge, attempt, bank.size, session.message)
                session.clock.lap("score")
                if not pace.is_sound(loss, gradients):
                    session.message(pace.skip())
                    if pace.skipped == MAX_SKIPPED_STEPS:
                        return
                    yield pace.after(stage, pace.loss)
                    continue
                for view, gradient in zip(batch, gradients, strict=True):  # in order, for the same sums
                    texture.accumulate(view.patch, gradient)
                rate = stage.rate * pace.damping * _cooling(k / stage.steps)
                texture.step([view.patch for view in batch], rate, level, each, gamut)
                session.clock.lap("texture")
                yield pace.after(stage, loss)
                session.clock.lap("events")


def as_cropped(plan: Plan, margin: int, mesh: Mesh, viewing: Viewing) -> Plan:
    """Expect what is left of the views of each stage, cropped to `mesh` and `margin` pixels around it."""
    closer = 1 if mesh.directions is None else CLOSER

    def share(stage: Stage) -> float:
        return cropped_share(mesh, stage_width(stage, viewing), stage.size // closer, margin)

    return replace(plan, stages=tuple(replace(stage, share=share(stage)) for stage in plan.stages))


def _content_rows(subject: Subject, kept: Tensor, texture: Pyramid) -> Tensor:
    """Stack `kept` and the original, as rows of mip-maps: (rows, 6).

    With a mask, also that, and what shows outside it: (rows, 6 + 1 + C).
    """
    parts = [kept, subject.original]
    if subject.mask is not None:
        shown = [subject.content] if subject.own is None else [subject.content, subject.own.painted]
        parts += [subject.mask, *(part * (1 - subject.mask) for part in shown)]
    return mipmaps(torch.cat(parts).to(texture.rows.device), texture.levels)


class Pace:
    """How far the loop is, by what its steps cost, and which steps it had to skip."""

    def __init__(self, plan: Plan) -> None:
        self.steps = plan.steps
        self.work = sum((stage.steps - stage.done) * stage.views * stage.pixels for stage in plan.stages)
        self.start, self.step, self.done = time.perf_counter(), 0, 0.0
        self.loss, self.damping, self.skipped = 0.0, 1.0, 0

    def is_sound(self, loss: float, gradients: Sequence[Tensor]) -> bool:
        """Whether a step can be taken: nothing in it is infinite, or so large that its square would be."""
        sound = math.isfinite(loss) and all(
            bool((gradient.abs() < MAX_GRADIENT).all()) for gradient in gradients
        )
        if sound:
            self.loss, self.skipped = loss, 0
        return sound

    def skip(self) -> str:
        """Count a step that cannot be taken, and halve those that follow; gives what a person should know."""
        self.skipped += 1
        self.damping /= 2
        if self.skipped == MAX_SKIPPED_STEPS:
            count = MAX_SKIPPED_STEPS
            return f"{count} steps in a row gave no numbers: the texture is what it was before them."
        return f"Step {self.step + 1} gave no numbers and is left out; from now on steps are half as large."

    def after(self, stage: Stage, loss: float) -> Progress:
        """Count one more step of `stage`."""
        self.step += 1
        self.done += stage.views * stage.pixels
        fraction = self.done / self.work
        left = (time.perf_counter() - self.start) * (1 / fraction - 1)
        return Progress(stage.name, self.step, self.steps, fraction, left, loss)


def _cooling(done: float) -> float:
    """The learning rate's factor: flat, then a cosine to nearly nothing, so that each stage comes to rest."""
    return 0.02 + 0.49 * (1 + math.cos(math.pi * max(0.0, (done - 0.3) / 0.7)))


def _judged(
    score: Score,
    bank: Bank,
    count: int,
    random: np.random.Generator,
    each: Map,
    clock: Clock,
    attempt: Attempt,
) -> tuple[list[BankedView], float, list[Tensor]]:
    """Draw `count` views and judge them as `attempt` says: the views, their loss, and its gradients."""
    bank.shrink(attempt.shrunk)
    batch = bank.draw(count, random, each)
    clock.lap("views")
    total, gradients = 0.0, list[Tensor]()
    for i in range(0, len(batch), attempt.at_once):
        piece = batch[i : i + attempt.at_once]
        share = len(piece) / len(batch)
        loss, found = score.gradients(bank.texture, piece, share, random, each)
        total += share * float(loss)
        gradients += found
    return batch, total, gradients
