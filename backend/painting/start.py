"""What a job starts from: the content in the styles' colours, with pieces of the styles laid on it."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from ..pictures.palette import moments, recolor, snap, transport
from ..pictures.styles import Styles
from ..protocol import Job
from ..rendering.sampling import enlarge
from ..rendering.texels import locate
from ..rendering.views import Viewing
from .collage import collage
from .subject import Subject

BORDER = 8  # texels along the borders of several textures, in which the pieces fade out
SMALLEST_SIDE = 256  # texels along a side of the pieces
COLORS, TABLE_COLORS = 65536, 4096  # drawn from the styles; those that colours are moved to at last


def initial_texture(subject: Subject, styles: Styles, job: Job) -> Tensor:
    """(3, tiles · S, S): what is kept, its colours moved to the styles' palette as far as the job says.

    Near enough for the first steps to tell. Below strength 0.5 only part of the way. What is not the
    object's own has no palette to keep.
    """
    kept = subject.content if subject.kept is None else subject.kept
    own = job.colors if subject.colored else 0.0
    if own == 1:
        return kept
    palette = styles.palette(COLORS, torch.Generator().manual_seed(job.seed))
    moved = recolor(kept, transport(moments(subject.colors_of(kept)), moments(palette)))
    moved = snap(moved, palette[:TABLE_COLORS])
    return kept.lerp(moved, min(1.0, 2 * job.strength) * (1 - own))


def with_collage(start: Tensor, subject: Subject, styles: Styles, viewing: Viewing, job: Job) -> Tensor:
    """Add to `start` what pieces of the styles have more than their mean colour, to make strokes of.

    As fine as the finest view's pixel shows. Below strength 0.5 only part of it.
    """
    mesh, texels, size = subject.mesh, subject.texels, subject.size
    side = min(size, max(SMALLEST_SIDE, size >> max(0, int(math.log2(viewing.pixel / mesh.texel * size)))))
    if side < size:
        texels = locate(mesh, side, len(subject.names))
    if not texels.used.any():
        return start
    scaled = list(styles.within(viewing.style_width / mesh.texel * side))
    random = np.random.default_rng(job.seed)
    pieces = collage(mesh, texels, scaled, viewing.style_width, viewing.stroke_angle, random)
    pieces -= styles.mean_color[:, None, None]
    if subject.tiled:
        pieces *= _inside(side).repeat(len(subject.names), 1)
    return start + min(1.0, 2 * job.strength) * enlarge(pieces, size)


def _inside(side: int) -> Tensor:
    """(side, side): 1 within a texture, down to 0 at its border.

    Views read across that to the other side of the same texture, which there must not look too different.
    """
    away = (torch.minimum(torch.arange(side), torch.arange(side).flip(0)) / BORDER).clamp(max=1)
    return torch.minimum(away[:, None], away)
