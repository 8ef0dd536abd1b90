"""The last step of a painting's colours: onto the palette of its styles."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..pictures.grading import grade_of, graded
from ..pictures.palette import within_gamut
from ..pictures.styles import Styles
from ..protocol import Job
from .subject import Subject

COLORS = 30_000  # drawn from the surface, and from the styles


def in_palette(
    texture: Tensor, seen: NDArray[np.bool_], subject: Subject, styles: Styles, job: Job
) -> Tensor:
    """Grade the colours of `texture` (C, tiles · S, S), where it is `seen`, to the palette of `styles`.

    Networks see shapes rather than colours: of a painting's strong and bright ones, steps take too little.
    What several objects have stays, as each has colours of its own, and so does what the artist drew.
    """
    objects = subject.mesh.objects[subject.mesh.mapped]
    random = np.random.default_rng(job.seed)
    colors = subject.surface_colors(texture[:3], seen, COLORS, random)
    if not colors.shape[1] or (objects != objects[0]).any():
        return texture
    palette = styles.palette(COLORS, torch.Generator().manual_seed(job.seed)).T
    found = graded(texture[:3], grade_of(colors, palette, random))
    found = within_gamut(found, styles.mean_color, styles.gamut)
    share = min(1.0, 2 * job.strength) ** 2  # squared, as what steps begin with is as far already
    taken = share if subject.drawn is None else share * (1 - subject.drawn[1])
    return torch.cat([texture[:3] + taken * (found - texture[:3]), texture[3:]])
