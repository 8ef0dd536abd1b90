"""The last step where a surface has no colours of its own: what is plain, in pieces of the styles like it."""

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
from .one_pass import plain_objects
from .stroke_finish import strength_of
from .subject import Subject

NO_PIECES = "Pieces could not be laid"
MAX_SIDE = 2048  # texels along a side of what is painted over


def in_pieces(
    texture: Tensor, subject: Subject, styles: Styles, viewing: Viewing, job: Job, check: Callable[[], None]
) -> Tensor:
    """Paint over `texture` (C, tiles · S, S) with pieces of `styles`, but where its form shows.

    As far as `job` is strong, of one object without colours of its own, and only if motifs may appear. What
    the artist drew stays; so does what began as pieces (see `initial_texture`), a material whose other maps
    have the strokes of its colours, and what tiles of one image show, as their borders would be seen. check:
    is called as pieces are laid; may raise to end it.
    """
    mesh, share = subject.mesh, strength_of(job)
    parts = np.unique(mesh.objects[mesh.mapped])
    as_it_is = subject.colored or subject.own is not None or subject.tiled or len(parts) != 1
    if as_it_is or not job.motifs or not share or not subject.texels.used.any():
        return texture
    side = min(subject.size, MAX_SIDE)
    texels = subject.texels if side == subject.size else locate(mesh, side, len(subject.names))
    before, original = (
        F.adaptive_avg_pool2d(part, (len(subject.names) * side, side)) for part in (texture, subject.original)
    )
    if len(plain_objects(subject, original, viewing)):
        return texture
    scaled = list(styles.within(viewing.style_width / mesh.texel * side))
    width, angle, random = viewing.style_width, viewing.stroke_angle, np.random.default_rng(job.seed)
    after = cover(mesh, texels, scaled, width, angle, random, lambda *_: check(), (before, original))
    change = share * enlarge(after - before, subject.size)
    if subject.drawn is not None:
        change = change * (1 - subject.drawn[1])
    return (texture + change).clamp(0, 1)
