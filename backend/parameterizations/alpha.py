"""Transparency as a wrapper: any parameterization of colour, with one of opacity beside it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..errors import PatinaError


class Alpha(nn.Module):
    """Colour (B, 3, H, W) and opacity (B, 1, H, W), both in 0..1, as one (B, 4, H, W)."""

    def __init__(self, color: nn.Module, opacity: nn.Module) -> None:
        """Raises PatinaError unless `color` gives three channels and `opacity` one."""
        super().__init__()
        self.color, self.opacity = color, opacity
        with torch.no_grad():
            for part, module, count in (("colour", color, 3), ("alpha", opacity, 1)):
                if (found := module().shape[1]) != count:
                    raise PatinaError(
                        f"The {part} has {found} channels, not {count}.",
                        "Give colour three channels and alpha one.",
                        "parameterization",
                    )

    def forward(self) -> Tensor:
        return torch.cat([self.color(), self.opacity()], 1)
