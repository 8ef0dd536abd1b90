"""Every job but a mesh's style transfer on a pyramid: dreams, syntheses, frames, flat pictures."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from .. import networks
from ..parameterizations import cppn
from ..pictures.images import save, to_pillow
from ..protocol.files import (
    CHECKPOINT_FILE,
    CPPN_FILE,
    HEIGHT_FILE,
    IMAGE_FILE,
    NORMAL_FILE,
    PREVIEW_FILE,
    TEXTURE_FILE,
)
from ..protocol.job import Job
from ..rendering.mesh import Mesh
from ..result.finish import finish
from ..result.maps import write_maps
from ..result.textures import write_preview
from ..session import JobSession, Progress, lesser
from . import build, checkpoint, morph
from .aim import Aim, aim_of
from .checkpoint import Kept
from .loop import imagine
from .measures import frame_distance, measure
from .relief import DEPTH, normal_map

CHECKPOINT_SECONDS = 8.0  # between two checkpoints, at least
CHECKPOINT_PAUSE = 20.0  # times as long as the last took to write
STEPS = {"stylize": 200, "dream": 200, "synthesize": 200, "interpolate": 150}
DEEPDREAM_STEPS = 24
CLASS_STEPS = 600  # on a mesh, where there is much to see, be it a frame's
REFLECTANCE = ("roughness", "metalness")  # a dream's channels beside its colours
QUALITY_STEPS = {"sketch": 0.1, "draft": 0.4, "standard": 1.0, "final": 2.5}


def run(session: JobSession) -> None:
    """Do the session's job; pictures or textures and the report are written to its folder.

    Raises PatinaError for input that cannot be used, Cancelled once the job is asked to end.
    """
    job, folder = session.job, session.folder
    if job.task == "morph":
        morph.run(session)
        return
    session.start(job.network)
    # Averages give style finer gradients than maxima (Gatys et al. 2016), on every canvas as on the pyramid;
    # a dream wants the network as it was trained, and a synthesis with averages kept specks.
    network = session.network(average_pooling=job.task == "stylize")
    aim = aim_of(session, network)
    kept = Kept()
    if job.resume:
        kept = checkpoint.read(folder / job.resume, aim.painted.canvas)
    losses, kept = _imagine(session, network, aim, kept, steps_left(job, kept))
    while session.wishes.steered:
        aim, kept = _steered(session, network, aim, kept)
        left = steps_left(replace(session.job, resume=None), kept)
        losses, kept = _imagine(session, network, aim, kept, left)
    _finish(session, network, aim, losses, kept)


def _imagine(
    session: JobSession, network: networks.Network, aim: Aim, before: Kept, left: range
) -> tuple[list[float], Kept]:
    """Take the steps that are `left`, or as many as are enough: their losses, and how far it is then.

    However it ends, another job can go on from there.
    """
    job, canvas = session.job, aim.painted.canvas
    random = torch.Generator().manual_seed(job.seed)
    if before.random is not None:
        random.set_state(before.random)
    taken = left.start

    def keep() -> Kept:
        now = Kept(taken, left.stop, random.get_state())
        _keep(session, aim, now)
        return now

    follow = _follower(session, aim, left, keep)

    def count(step: int, loss: float) -> bool:
        nonlocal taken
        taken = step
        return follow(step, loss)

    rate = build.rate_of(job)
    try:
        losses = imagine(canvas, network, aim.goal, left, rate, random, count, session.message)
    finally:
        now = keep()
    return losses, now


def _keep(session: JobSession, aim: Aim, now: Kept) -> None:
    write = partial(checkpoint.write, session.folder / CHECKPOINT_FILE, aim.painted.canvas, now)
    session.without_fail("A checkpoint, to go on from, could not be written", write)


def steps_left(job: Job, kept: Kept) -> range:
    """Tell which steps are to be taken from `kept` on: the job's, or further ones, or those it lacks."""
    if not job.resume:
        return range(job.steps or default_steps(job))
    if job.steps:
        return range(kept.done, kept.done + job.steps)
    planned = kept.planned if kept.done < kept.planned else default_steps(job)
    return range(kept.done, max(kept.done, planned))


def _steered(session: JobSession, network: networks.Network, aim: Aim, kept: Kept) -> tuple[Aim, Kept]:
    """Take up what the job's file says now, on what there is by now or from the start.

    What cannot be taken up is told, and all goes on as it was.
    """
    session.wishes.steered = False
    session.adapting()
    before = session.job

    def take() -> tuple[Aim, Kept]:
        starts_over = session.take_settings()
        now = aim_of(session, network)
        if not starts_over:
            now.painted.canvas.adam.take(aim.painted.canvas.adam)
            now.painted.canvas.recall(aim.painted.canvas.made)
        return now, Kept()

    taken = session.without_fail("The new settings could not be taken up", take)
    if taken is None:
        session.job = before
        return aim, kept
    return taken


def _finish(
    session: JobSession, network: networks.Network, aim: Aim, losses: list[float], kept: Kept
) -> None:
    """Write pictures or textures, and the report."""
    job, folder, painted, subject, styles = session.job, session.folder, aim.painted, aim.subject, aim.styles
    result = painted.pictures(subject and subject[1], job.texture_size)
    measured: dict[str, Any] = {"steps": kept.done}
    measured["ended_early"] = job.quality == "sketch" or session.wishes.enough
    if losses:
        measured["loss"] = {"first": losses[0], "last": losses[-1]}
    if subject is not None:
        seen = painted.seen(job.texture_size)
        before = aim.start[0] if aim.start is not None else torch.zeros_like(result[0])
        result = torch.stack([finish(texture, before, seen, *subject) for texture in result])
        measured["coverage"] = round(float(seen[subject[1].used].mean()), 5)
    beside, result = result[0, 3:], result if job.transparent else result[:, :3]
    names = session.write_result(
        partial(_write, job, result, beside, folder), partial(_keep, session, aim, kept)
    )
    if job.relief:
        assert subject is not None
        relief = partial(write_relief, beside[0], subject[0], folder)
        measured["relief_depth"] = session.without_fail("The relief could not be written", relief)
    if painted.cppn is not None:
        formula = partial(cppn.write, folder / CPPN_FILE, painted.cppn)
        session.without_fail("The formula could not be written", formula)
    if not session.wishes.enough:  # who asks for it now does not wait for measures
        judge = partial(measure, job, subject and subject[0], styles, result[:, :3], session.device)
        measured |= session.without_fail("The result could not be measured", judge) or {}
    if job.task == "interpolate":
        between = partial(frame_distance, network, result)
        measured |= session.without_fail("The frames could not be measured", between) or {}
    if job.reflectance:
        assert subject is not None
        on_surface = beside[:, torch.from_numpy(subject[1].used)].mean(1).tolist()
        measured |= {f"mean_{name}": round(x, 4) for name, x in zip(REFLECTANCE, on_surface, strict=True)}
    if job.transparent:
        measured["mean_alpha"] = round(float(result[:, 3].mean()), 4)
    session.finish(names[0], measured)


def _write(job: Job, pictures: Tensor, beside: Tensor, folder: Path) -> list[str]:
    """Write `pictures` (B, 3 or 4, H, W) and the reflectance, if that is what is `beside` them (2, H, W).

    Gives the pictures' names.
    """
    if job.reflectance:
        write_maps(dict(zip(REFLECTANCE, beside[:, None], strict=True)), job.texture_size, folder)
    return write_pictures(pictures, folder, TEXTURE_FILE if job.mesh else IMAGE_FILE)


def _follower(
    session: JobSession, aim: Aim, left: range, keep: Callable[[], object]
) -> Callable[[int, float], bool]:
    """Make what is done after each step: tell the progress, write a preview and, by `keep`, a checkpoint now
    and then; is it enough?"""
    job, began = session.job, time.perf_counter()
    texels = aim.subject and aim.subject[1]
    due = began + CHECKPOINT_SECONDS
    others = {name: default_steps(replace(job, quality=name)) for name in lesser(job.quality)}

    def preview() -> str:
        return _preview(aim.painted.pictures(texels, job.texture_size), session)

    def follow(step: int, loss: float) -> bool:
        nonlocal due
        reached = next((name for name, most in others.items() if step >= most), "")
        step, steps = step - left.start, len(left)
        seconds = (time.perf_counter() - began) * (steps / step - 1)
        session.progress(Progress(job.task, step, steps, step / steps, seconds, loss, reached))
        session.preview(preview)
        if (now := time.perf_counter()) > due:
            keep()
            spent = time.perf_counter() - now
            due = now + spent + max(CHECKPOINT_SECONDS, CHECKPOINT_PAUSE * spent)
        return session.wishes.enough or session.wishes.steered

    return follow


def _preview(pictures: Tensor, session: JobSession, first: int = 0) -> str:
    """Write small ones of textures (B, C, S, S), and name the first: of what plays all, as the frames from
    `first` on, of anything else one."""
    job, names = session.job, [PREVIEW_FILE]
    if job.plays:
        names = [job.frame_files(first + k, PREVIEW_FILE)[0] for k in range(len(pictures))]
    for picture, name in zip(pictures, names, strict=False):
        write_preview(picture[:3], session.folder / name)
    return names[0]


def default_steps(job: Job) -> int:
    """Count the steps of a job that names none."""
    if any(target.kind == "deepdream" for target in job.targets):
        return round(DEEPDREAM_STEPS * QUALITY_STEPS[job.quality])
    if job.mesh is not None and build.of_class(job):
        return round(CLASS_STEPS * QUALITY_STEPS[job.quality])
    return round(STEPS[job.task] * QUALITY_STEPS[job.quality])


def write_pictures(pictures: Tensor, folder: Path, name: str) -> list[str]:
    """Write each of (B, 3 or 4, H, W) as a PNG: `name`, or name_0, name_1, … where there are several."""
    path = folder / name
    names = [name] if len(pictures) == 1 else [f"{path.stem}_{i}{path.suffix}" for i in range(len(pictures))]
    for picture, each in zip(pictures, names, strict=True):
        image = to_pillow(picture[:3])
        if len(picture) == 4:
            image.putalpha(to_pillow(picture[3:].expand(3, -1, -1)).convert("L"))
        save(image, folder / each)
    return names


def write_relief(height: Tensor, mesh: Mesh, folder: Path) -> float:
    """Write `height` (S, S) as 16 bits of grey from low to high, and normals.

    Gives the way from low to high in scene units.
    """
    low, high = height.min(), height.max()
    texel = mesh.texel / len(height)
    grey = ((height - low) / (high - low).clamp_min(1e-6) * 65535).round().numpy().astype(np.uint16)
    pictures = {HEIGHT_FILE: Image.fromarray(grey), NORMAL_FILE: to_pillow(normal_map(height, texel))}
    for name, picture in pictures.items():
        save(picture, folder / name)
    return float(high - low) * DEPTH * mesh.unit
