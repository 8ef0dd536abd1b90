"""The next best view: of what no view has seen yet."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..rendering.mesh import Mesh
from ..rendering.texels import Texels
from ..rendering.views import Aim
from .pyramid import Pyramid

SAMPLES = 20_000  # texels that stand for all
ENOUGH = 0.0005  # of them may stay unseen


class Unseen:
    """A sample of the texels to be painted, and which of them no view has moved yet."""

    def __init__(
        self, mesh: Mesh, texels: Texels, painted: NDArray[np.bool_], texture: Pyramid, level: int
    ) -> None:
        """`painted` (tiles · S, S): the used texels that count; `level`: what views resolve on average."""
        self.texture = texture
        chosen = np.flatnonzero(painted[texels.used])
        chosen = chosen[:: max(1, len(chosen) // SAMPLES)]
        self.faces, self.barycentric = texels.faces[chosen], texels.barycentric[chosen].astype(np.float64)
        places = np.flatnonzero(texels.used)[chosen]
        levels = level + mesh.coarser(self.faces)
        self.levels: Tensor = torch.from_numpy(levels).to(texture.rows.device)
        self.places: Tensor = torch.from_numpy(places).to(texture.rows.device)

    def draw(self, random: np.random.Generator) -> Aim | None:
        """One of the unseen: large patches come up most. None where hardly any is left."""
        left = np.flatnonzero(~self.texture.seen_at(self.places, self.levels).cpu().numpy())
        if len(left) <= ENOUGH * len(self.places):
            return None
        at = random.choice(left)
        return int(self.faces[at]), np.array([1 - self.barycentric[at].sum(), *self.barycentric[at]])
