"""The optimiser of every canvas."""

from __future__ import annotations

import torch
from torch import nn


class Adam:
    """Steps of Adam on a module's parameters, whose gradients are zero after each."""

    def __init__(self, module: nn.Module) -> None:
        self.adam = torch.optim.Adam(module.parameters())

    def __call__(self, rate: float) -> None:
        for group in self.adam.param_groups:
            group["lr"] = rate
        self.adam.step()
        self.adam.zero_grad()
