"""The last step on an object by itself: what is plain, painted over with pieces of the styles like it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch.nn.functional as F
from torch import Tensor

from ..pictures.styles import Styles
from ..protocol.job import Job
from ..rendering.sampling import enlarge
from ..rendering.texels import locate
from ..rendering.views import Viewing
from .covering import cover
from .stroke_finish import strength_of
from .subject import Subject

NO_PIECES = "Pieces could not be laid"
MAX_SIDE = 2048  # texels along a side of what is painted over


def in_pieces(
    texture: Tensor, subject: Subject, styles: Styles, viewing: Viewing, job: Job, check: Callable[[], None]
) -> Tensor:
    """Paint over the colours of `texture` (C, tiles · S, S) with pieces of `styles`, but for landmarks.

    As far as `job` is strong, and only if motifs may appear. What several objects have stays, as each has
    colours of its own, and so does what the artist drew. check: is called as pieces are laid; may raise to
    end it.
    """
    mesh, share = subject.mesh, strength_of(job)
    parts = np.unique(mesh.objects[mesh.mapped])
    if not job.motifs or len(parts) != 1 or not share or not subject.texels.used.any():
        return texture
    side = min(subject.size, MAX_SIDE)
    texels = subject.texels if side == subject.size else locate(mesh, side, len(subject.names))
    before, original = (
        F.adaptive_avg_pool2d(part[:3], (len(subject.names) * side, side))
        for part in (texture, subject.original)
    )
    scaled = list(styles.within(viewing.style_width / mesh.texel * side))
    width, angle, random = viewing.style_width, viewing.stroke_angle, np.random.default_rng(job.seed)
    after = cover(mesh, texels, scaled, width, angle, random, lambda *_: check(), (before, original))
    change = share * enlarge(after - before, subject.size)
    if subject.drawn is not None:
        change = change * (1 - subject.drawn[1])
    texture = texture.clone()
    texture[:3] = (texture[:3] + change).clamp(0, 1)
    return texture
