"""What a job's settings make of its subject: how that is looked at, what is begun with, which steps."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from ..errors import PatinaError
from ..machine.shelf import digest
from ..pictures.styles import Styles
from ..protocol.job import Job
from ..rendering.mesh import Mesh
from ..rendering.views import Viewing
from ..session import JobSession
from . import optimize
from .checkpoint import Kept
from .one_pass import Watch
from .optimize import Plan
from .start import initial_texture
from .subject import Subject

CONTENT_WEIGHT = 0.1  # at strength 0.5
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
            lambda: initial_texture(
                subject, styles, viewing, replace(job, strength=1.0), watch, session.check
            ),
            most=1,
        )
    session.check()
    start = subject.drawn_over(original.lerp(whole, min(1.0, 2 * job.strength)))
    return Aim(styles, viewing, start)


def _start_fields(job: Job) -> Job:
    """The job but for what the start at full strength does not depend on."""
    said = replace(
        job, strength=1.0, style_loss="gram", quality="draft", steps=None, looked_from=None, material=None
    )
    return replace(said.without_drawn(), resume=None)


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
    seed = (job.seed + kept.steps) % 2**32  # other views than the earlier job began with
    return Plan(optimize.with_views(stages, job.views), content_weight, job.style_loss, seed)
