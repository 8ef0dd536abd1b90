"""A plugin for Patina: an objective, a parameterization and a preset. See plugins.md."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from backend.networks import Network
from backend.objectives.objective import Features, Objective
from backend.plugins import objective, parameterization, preset
from backend.protocol.parts import Target


@objective("mirror")
def mirror(network: Network, target: Target) -> Objective:
    """The layer sees the same at the left as at the right, mirrored."""
    layer = network.layer(target.layer or network.content_layer).name

    def loss(features: Features) -> Tensor:
        seen = features.activations[layer].float()
        error = (seen - seen.flip(-1)).square().flatten(1).mean(1)
        return error / seen.square().flatten(1).mean(1).clamp_min(1e-6)

    return Objective((layer,), loss)


@parameterization("mosaic", rate=0.1)
class Mosaic(nn.Module):
    """Square stones of 8 pixels, each of one colour."""

    def __init__(
        self, batch: int, channels: int, height: int, width: int, start: Tensor | None = None
    ) -> None:
        super().__init__()
        self.size = height, width
        stones = max(1, height // 8), max(1, width // 8)
        if start is None:
            colors = torch.randn(batch, channels, *stones) * 0.01
        else:
            colors = nn.functional.interpolate(start, stones, mode="area").clamp(0.02, 0.98).logit()
        self.colors = nn.Parameter(colors)

    def forward(self) -> Tensor:
        """(B, C, H, W) in 0..1."""
        return nn.functional.interpolate(self.colors.sigmoid(), self.size, mode="nearest")


preset("mirrored daisy", "--class daisy --objective mirror:2 --parameterization own:mosaic")
