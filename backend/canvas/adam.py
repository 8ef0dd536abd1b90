"""The optimiser of every canvas."""

from __future__ import annotations

import torch
from torch import nn

MAX_GRADIENT = 1e15  # its square is a number, too


class Adam:
    """Steps of Adam on a module's parameters, whose gradients are zero after each."""

    def __init__(self, module: nn.Module) -> None:
        self.adam = torch.optim.Adam(module.parameters())

    def __call__(self, rate: float) -> bool:
        """Take a step; whether it was one: a gradient that is no number changes nothing."""
        gradients = [
            p.grad for group in self.adam.param_groups for p in group["params"] if p.grad is not None
        ]
        if not all(bool((gradient.abs() < MAX_GRADIENT).all()) for gradient in gradients):
            self.forget()
            return False
        for group in self.adam.param_groups:
            group["lr"] = rate
        self.adam.step()
        self.forget()
        return True

    def forget(self) -> None:
        """Have the gradients be zero, without a step."""
        self.adam.zero_grad()
