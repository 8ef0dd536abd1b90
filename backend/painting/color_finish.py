"""The last step of a painting's colours: onto the palette of its styles."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from ..pictures.grading import NODES, grade_of, graded
from ..pictures.palette import within_gamut
from ..pictures.styles import Styles
from ..protocol.job import Job
from .stroke_finish import strength_of
from .subject import Subject

COLORS = 30_000  # drawn from the surface, and from the styles
PREVIEW_COLORS, PREVIEW_NODES = 2000, 17  # for what is soon painted over


def in_palette(
    texture: Tensor, seen: NDArray[np.bool_], subject: Subject, styles: Styles, job: Job
) -> Tensor:
    """Grade `texture` (C, tiles · S, S) to the palette of `styles`.

    By its colours where texels are `seen` (tiles · S, S). What several objects have stays, as each has
    colours of its own, and so does what the artist drew.
    """
    grade = grade_to(texture, seen, subject, styles, job)
    return texture if grade is None else graded_by(grade, texture, subject, styles, job)


def grade_to(
    texture: Tensor,
    seen: NDArray[np.bool_],
    subject: Subject,
    styles: Styles,
    job: Job,
    preview: bool = False,
) -> Tensor | None:
    """Find the grade of `texture` (C, tiles · S, S), or a smaller one, to the palette of `styles`.

    For a `preview` by few colours. None if nothing is `seen` (tiles · S, S), or there are several objects.
    Networks see shapes rather than colours: of a painting's strong and bright ones, steps take too little.
    """
    objects = subject.mesh.objects[subject.mesh.mapped]
    if (objects != objects[:1]).any():
        return None
    random = np.random.default_rng(job.seed)
    count, nodes = (PREVIEW_COLORS, PREVIEW_NODES) if preview else (COLORS, NODES)
    colors = subject.surface_colors(texture[:3], seen, count, random)
    if not colors.shape[1]:
        return None
    palette = styles.palette(count, torch.Generator().manual_seed(job.seed)).T
    return grade_of(colors, palette, random, nodes)


def graded_by(grade: Tensor, texture: Tensor, subject: Subject, styles: Styles, job: Job) -> Tensor:
    """Grade `texture` (C, tiles · S, S), or a smaller one, as far as the job's strength says."""
    found = within_gamut(graded(texture[:3], grade), styles.mean_color, styles.gamut)
    share: float | Tensor = strength_of(job)
    if subject.drawn is not None:
        share = share * (1 - F.adaptive_avg_pool2d(subject.drawn[1], (texture.shape[1], texture.shape[2])))
    return torch.cat([texture[:3] + share * (found - texture[:3]), texture[3:]])
