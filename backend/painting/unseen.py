"""The next best view: of what no view has seen yet."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ..rendering.views import Aim
from .pyramid import Pyramid
from .subject import Subject

SAMPLES = 20_000  # texels that stand for all
UNSEEN_SHARE = 0.0005  # of them that may stay unseen


class Unseen:
    """A sample of the texels to be painted, and which of them no view has moved yet."""

    def __init__(self, subject: Subject, texture: Pyramid, level: int) -> None:
        """`level`: what views resolve on average."""
        self.texture, texels = texture, subject.texels
        chosen = np.flatnonzero(subject.to_paint[texels.used])
        chosen = chosen[:: max(1, len(chosen) // SAMPLES)]
        self.faces, self.barycentric = texels.faces[chosen], texels.barycentric[chosen].astype(np.float64)
        indices = np.flatnonzero(texels.used)[chosen]
        levels = level + subject.mesh.coarser(self.faces)
        self.levels: Tensor = torch.from_numpy(levels).to(texture.rows.device)
        self.indices: Tensor = torch.from_numpy(indices).to(texture.rows.device)

    def draw(self, random: np.random.Generator) -> Aim | None:
        """Draw one of the unseen: large patches come up most. None where hardly any is left."""
        left = np.flatnonzero(~self.texture.seen_at(self.indices, self.levels).cpu().numpy())
        if len(left) <= UNSEEN_SHARE * len(self.indices):
            return None
        at = random.choice(left)
        return int(self.faces[at]), np.array([1 - self.barycentric[at].sum(), *self.barycentric[at]])
