"""A style in several frames: it boils, or goes from key to key.

A boiling painting is one that is painted anew for every frame, as drawn animation is: what is large stays,
and strokes are others. So there is one painting, and each frame begins with it, its strokes moved a little
along the surface by a smooth random field; then it takes steps of its own, on views of its own, in which
only the fine levels of the pyramid may change. What all frames share is held by the coarse ones (Mordvintsev
et al. 2018, "Differentiable Image Parameterizations": shared parameters keep the frames' landmarks in place).

Keys are paintings of the same object, each begun with the one before it, so that strokes lie where they lay.
A frame between two of them begins with their blend; its steps turn a double exposure into strokes again.

Only the keys' paintings and one frame are in memory; a frame that is done is on disk.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from torch import Tensor

from ..between import between
from ..objectives.landmarks import contrast_of
from ..pictures.images import write_image
from ..pictures.styles import Styles, read_styles
from ..protocol.files import PREVIEW_FILE, TEXTURE_FILE
from ..protocol.job import Job
from ..protocol.parts import Key
from ..rendering.texels import fill_gutters
from ..rendering.views import Viewing
from ..result.report import Judge
from ..result.textures import write_preview
from ..session import JobSession, Progress
from . import optimize
from .aim import Aim, aim_of, plan_of
from .checkpoint import Kept
from .color_finish import in_palette
from .job import Painting, paint, sealed, seen_in, stays
from .measures import judged_viewing
from .optimize import Plan, Stage
from .pyramid import Pyramid
from .subject import Subject

STROKE = 1 / 32  # the width of a stroke, in widths of the styles' shorter side
REACH = 1.5  # how far strokes move at a boil of 1, in widths of a stroke, as a standard deviation
WAVELENGTH = 6.0  # of the field that moves them, in widths of a stroke: what lies nearer moves together
WAVE_COUNT = 16
NEIGHBOURS = 3  # texels that a moved one is mixed of
# Steps of a frame; its painting has the quality's own.
STEPS = {"sketch": 0, "draft": 6, "standard": 14, "final": 24}
STAGES = 2  # of the quality, the last ones, that a frame's steps are shared out to
JUDGED_VIEWS = 6


@dataclass(frozen=True)
class Posed:
    """A key's painting: how the texture looks there, (3, tiles · S, S), and what it was painted for."""

    texture: Tensor
    aim: Aim
    strength: float


def run(session: JobSession) -> None:
    """Paint the frames of the session's job; each is written to its folder as soon as it is done.

    Raises PatinaError for input that cannot be used, Cancelled once the job is asked to end: then the frames
    that are done are there.
    """
    job, folder = session.job, session.folder
    if not job.resume:  # frames of another job, of which there may have been more
        session.make_room(TEXTURE_FILE.replace(".", "_*."))
    account = _Account(session, job)
    painting, posed = _keys(session, job, account)
    seen = seen_in(session, painting)
    widest = max((pose.aim.viewing for pose in posed), key=lambda viewing: viewing.style_width)
    strokes = Strokes(painting.subject, widest)
    measures = _Measures(session, painting) if not stays(session) else None
    for frame in range(job.frames):
        names = job.frame_files(frame)
        there = job.resume and all((folder / name).is_file() for name in names)
        if not there:
            begun, weight = begin(job, frame, posed, strokes)
            done = begun.texture
            if begun.strength > 0 and not stays(session) and weight > 0:
                done = _repainted(session, painting, begun, frame, account, strokes)
            result = begun.texture.lerp(done, weight)
            if begun.strength > 0:
                result = sealed(session, replace(painting, aim=begun.aim), result, seen)
            session.write_result(partial(_write, result, job.texture_size, session, names))
            shown = painting.subject.composed(result)
            session.preview(partial(_preview, shown, session, frame), now=True)
            if measures is not None:
                judge = partial(measures.add, begun.aim, shown)
                session.without_fail("A frame could not be measured", judge)
        account.frame(frame)
    measured = (
        {} if measures is None else session.without_fail("The frames could not be measured", measures.found)
    )
    session.finish(
        job.frame_files(0)[0],
        {"frames": job.frames, "steps": painting.follow.steps, "rasterizer": job.rasterizer}
        | (measured or {}),
    )


class _Account:
    """How far a job in frames is: its paintings first, then frame by frame."""

    def __init__(self, session: JobSession, job: Job) -> None:
        self.session, self.job = session, job
        stages = optimize.STAGES[job.quality]
        planned = job.steps or sum(stage.steps for stage in stages)
        self.painting = max(1, planned)
        self.each = frame_steps(job)
        self.paintings = max(1, len(job.keys))
        self.steps = self.paintings * self.painting + job.frames * (self.each + 1)
        self.before = 0
        self.began = session.now()

    def __call__(self, progress: Progress) -> None:
        """Tell how far one painting, or one frame, is."""
        self.tell(progress.stage, min(progress.step, self.painting), progress.loss)

    def tell(self, stage: str, step: int, loss: float = 0.0) -> None:
        """Tell that so many steps of what is under way are done. Raises Cancelled."""
        done = self.before + step
        share = max(done, 1) / self.steps
        left = (self.session.now() - self.began) * (1 / share - 1)
        self.session.progress(Progress(stage, done, self.steps, share, left, loss))

    def painted(self) -> None:
        """Count a key's painting as done."""
        self.before += self.painting

    def frame(self, frame: int) -> None:
        """Count a frame as done."""
        self.before = self.paintings * self.painting + (frame + 1) * (self.each + 1)
        self.tell("frames", 0)


def frame_steps(job: Job) -> int:
    """Decide how many steps a frame takes: in a job that says its own, in the same proportion."""
    planned = sum(stage.steps for stage in optimize.STAGES[job.quality])
    if job.steps is None or not planned:
        return STEPS[job.quality]
    return math.ceil(STEPS[job.quality] * job.steps / planned)


def frame_stages(job: Job) -> tuple[Stage, ...]:
    """Plan the steps of a frame: those of the quality's last stages, which set strokes."""
    last = optimize.shared_out(optimize.STAGES[job.quality][-STAGES:], frame_steps(job))
    return optimize.with_views(last, job.views or optimize.VIEWS_PER_STEP)


def _keys(session: JobSession, job: Job, account: _Account) -> tuple[Painting, list[Posed]]:
    """Paint every key, or the one style of a job without: the first's painting, and what each looks like.

    A key of strength 0 is the object as it was; the texture of the painting is that of the first that is not.
    """
    keys = job.keys or (Key(0),)
    whole = read_styles(job, session.folder)
    session.job = at_key(job, keys[0])
    painting = paint(session, account)
    session.job = job
    account.painted()
    texture, aim = painting.texture, painting.aim
    posed = [_posed(texture, aim, painting.subject, at_key(job, keys[0]))]
    for key in keys[1:]:
        own = at_key(job, key)
        before, aim = aim, aim_of(session, own, painting.subject, _weighted(whole, key))
        after = Pyramid(aim.start, session.device, painting.subject.density)
        after.rows += texture.rows - Pyramid(before.start, session.device).rows
        texture = after
        if own.strength > 0:
            plan = plan_of(replace(own, resume=None), painting.subject, Kept(0))
            _optimise(session, painting.subject, texture, aim, plan, account)
            if not any(one.strength for one in posed):
                painting = replace(painting, texture=texture, plan=plan)
        else:
            texture = Pyramid(aim.start, session.device, painting.subject.density)
        account.painted()
        posed.append(_posed(texture, aim, painting.subject, own))
    return painting, posed


def _posed(texture: Pyramid, aim: Aim, subject: Subject, job: Job) -> Posed:
    """Look at what was painted for the `job` of a key, in the palette of its styles."""
    shown = texture.texture().cpu()
    if job.strength > 0 and job.quality != "sketch":
        shown = in_palette(shown, subject.texels.used, subject, aim.styles, job)
    return Posed(shown, aim, job.strength)


def at_key(job: Job, key: Key) -> Job:
    """Make the job that paints `key` alone: its strength, stroke size, and the styles that count."""
    weights = key.weights or tuple(style.weight for style in job.styles)
    pairs = zip(job.styles, weights, strict=True)
    styles = tuple(replace(style, weight=weight) for style, weight in pairs if weight)
    still: dict[str, Any] = {
        "boil": 0.0,
        "keys": (),
        "loop": False,
        "easing": Job.easing,
        "frames": Job.frames,
    }
    size = job.style_size if key.style_size is None else key.style_size
    return replace(job, styles=styles, strength=strength_of(job, key), style_size=size, **still)


def strength_of(job: Job, key: Key) -> float:
    """Decide the strength at `key`."""
    return job.strength if key.strength is None else key.strength


def _weighted(styles: Styles, key: Key) -> Styles:
    """Take those of `styles` that count at `key`, with their shares there."""
    weights = key.weights or styles.shares
    pairs = [(image, w / sum(weights)) for image, w in zip(styles.images, weights, strict=True) if w]
    return Styles(tuple(image for image, _ in pairs), tuple(share for _, share in pairs))


def _optimise(
    session: JobSession,
    subject: Subject,
    texture: Pyramid,
    aim: Aim,
    plan: Plan,
    tell: Callable[[Progress], None],
    held: int = 0,
) -> None:
    """Take the plan's steps on `texture`, or as many as are enough; its last `held` rows stay as they are."""
    if not plan.stages:
        return
    first = len(texture.rows) - held
    shared = texture.rows[first:].clone()
    network = session.network(average_pooling=True)
    for progress in optimize.paint(
        subject, texture, aim.start, aim.styles, network, aim.viewing, plan, session
    ):
        texture.rows[first:] = shared
        tell(progress)
        if session.wishes.enough:
            return


def begin(job: Job, frame: int, posed: Sequence[Posed], strokes: Strokes) -> tuple[Posed, float]:
    """Make what a frame begins with, and how much of what its steps make of that counts.

    At a key nothing does, unless it boils: there it is the key's own painting.
    """
    first, second, share = between(job, frame)
    one, other = posed[first], posed[second]
    if share:
        styles = one.aim.styles.blended(other.aim.styles, share)
        viewing = between_viewings(one.aim.viewing, other.aim.viewing, share)
        aim = Aim(styles, viewing, one.aim.start.lerp(other.aim.start, share))
        strength = one.strength + share * (other.strength - one.strength)
        one = Posed(one.texture.lerp(other.texture, share), aim, strength)
    if not job.boil or not one.strength:
        return one, 4 * share * (1 - share)
    return replace(one, texture=strokes.moved(one.texture, job.boil, job.seed, frame)), 1.0


def between_viewings(one: Viewing, other: Viewing, share: float) -> Viewing:
    """Look at strokes of a size between those of two keys: sizes go by ratios."""

    def mean(a: float, b: float) -> float:
        return float(a ** (1 - share) * b**share)

    return replace(
        one, pixel=mean(one.pixel, other.pixel), style_width=mean(one.style_width, other.style_width)
    )


class Strokes:
    """What moves a painting's strokes along the surface, and leaves landmarks and what is larger."""

    def __init__(self, subject: Subject, viewing: Viewing) -> None:
        texels, mesh = subject.texels, subject.mesh
        self.used, self.points = texels.used, texels.points
        self.width = STROKE * viewing.style_width
        self.texel = mesh.texel / subject.size  # its width on the surface
        # The pyramid's first level that strokes do not show in: two of them fit in a texel.
        self.level = max(1, round(math.log2(2 * self.width / self.texel)))
        self.parts: list[tuple[NDArray[np.intp], cKDTree]] = []  # by object: its texels, and their places
        objects = mesh.objects[texels.faces]
        for part in np.unique(objects):
            own = np.flatnonzero(objects == part)
            self.parts.append((own, cKDTree(texels.points[own])))
        inside = torch.from_numpy(texels.used)
        style = viewing.style_width / self.texel
        contrast = contrast_of(subject.original[None], inside[None].float(), style)[0, 0]
        self.free = 1 - contrast[inside].numpy()[:, None]  # (U, 1): 0 where a landmark is

    def rows_held(self, texture: Pyramid) -> int:
        """Count the rows of `texture` that are of levels in which no stroke shows: its last ones."""
        levels = texture.levels
        level = min(self.level, len(levels.sides) - 1)
        return levels.rows - levels.offsets[level]

    def moved(self, texture: Tensor, amount: float, seed: int, frame: int) -> Tensor:
        """Move the strokes of `texture` (3, tiles · S, S) for a frame, by an `amount` of 0..1."""
        random = np.random.default_rng((seed, frame))
        reach = amount * REACH * self.width
        field = reach * self.free * waves(self.points, random, WAVELENGTH * self.width)
        filled = fill_gutters(texture, self.used)
        pyramid = Pyramid(filled)
        pyramid.rows[: len(pyramid.rows) - self.rows_held(pyramid)] = 0
        coarse = pyramid.texture()
        fine = (filled - coarse)[:, torch.from_numpy(self.used)].numpy()
        found = np.empty_like(fine)
        for own, tree in self.parts:
            count = min(NEIGHBOURS, len(own))
            distance, index = tree.query(self.points[own] + field[own], k=count, workers=1)
            distance, index = distance.reshape(len(own), -1), index.reshape(len(own), -1)
            weights = 1 / (distance + 0.25 * self.texel)
            weights /= weights.sum(1, keepdims=True)
            found[:, own] = np.einsum("cnk,nk->cn", fine[:, own][:, index], weights)
        change = torch.zeros_like(texture)
        change[:, torch.from_numpy(self.used)] = torch.from_numpy(found)
        return (coarse + fill_gutters(change, self.used)).clamp(0, 1)


def waves(points: NDArray[np.float32], random: np.random.Generator, wavelength: float) -> NDArray[np.float32]:
    """Make a smooth random field at `points` (N, 3): (N, 3), each component of deviation 1."""
    found = []
    for _ in range(3):
        directions = random.normal(size=(WAVE_COUNT, 3))
        directions *= 2 * np.pi / wavelength / np.linalg.norm(directions, axis=1, keepdims=True)
        phases = random.uniform(0, 2 * np.pi, WAVE_COUNT)
        angles = points @ directions.T.astype(np.float32) + phases.astype(np.float32)
        found.append(np.cos(angles).sum(1) * np.sqrt(2 / WAVE_COUNT))
    return np.stack(found, 1).astype(np.float32)


def _repainted(
    session: JobSession, painting: Painting, begun: Posed, frame: int, account: _Account, strokes: Strokes
) -> Tensor:
    """Take a frame's own steps from what it begins with, in levels that show strokes: (3, tiles · S, S)."""
    job, subject = session.job, painting.subject
    texture = Pyramid(begun.texture, session.device, subject.density)
    plan = plan_of(replace(job, strength=begun.strength, resume=None), subject, Kept(0))
    # Frames between keys look from the same sides, so that none differs by what it was shown.
    seed = (job.seed + 1 + (frame if job.boil else 0)) % 2**32
    plan = replace(plan, stages=frame_stages(job), seed=seed)
    _optimise(session, subject, texture, begun.aim, plan, account, strokes.rows_held(texture))
    return texture.texture().cpu()


def _write(texture: Tensor, size: int, session: JobSession, names: Sequence[str]) -> None:
    for tile, name in zip(torch.split(texture, size, 1), names, strict=True):
        write_image(tile, session.folder / name)


def _preview(texture: Tensor, session: JobSession, frame: int) -> str:
    """Write small pictures of a frame that is done, (3, tiles · S, S), and name the first."""
    names = session.job.frame_files(frame, PREVIEW_FILE)
    for tile, name in zip(torch.split(texture, session.job.texture_size, 1), names, strict=True):
        write_preview(tile, session.folder / name)
    return names[0]


class _Measures:
    """What the report says of frames: how near each is to its style, and how far from the one before."""

    def __init__(self, session: JobSession, painting: Painting) -> None:
        viewing = judged_viewing(painting.aim.viewing)
        subject = painting.subject
        self.session, self.viewing = session, viewing
        self.judge = Judge(subject.mesh, painting.aim.styles, viewing, subject.mask, JUDGED_VIEWS)
        self.style: list[float] = []
        self.change: list[float] = []
        self.seen: list[dict[str, Tensor]] | None = None
        self.first: list[dict[str, Tensor]] | None = None  # the unit of changes: another key may have more

    def add(self, aim: Aim, texture: Tensor) -> None:
        """Judge the next frame, `texture` (3, tiles · S, S), by what it was painted for."""
        viewing = replace(self.viewing, style_width=aim.viewing.style_width)
        judge = self.judge.aimed_at(aim.styles, viewing)
        seen = judge.activations(texture)
        self.style.append(round(judge.style_distance(seen), 4))
        if self.seen is not None:
            self.change.append(round(judge.content_distance(seen, self.seen, self.first), 4))
        self.first, self.seen = self.first or seen, seen

    def found(self) -> dict[str, Any]:
        """Give what was measured."""
        return {"style_distance": self.style, "frame_change": self.change}
