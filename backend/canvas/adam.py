"""The optimiser of every canvas."""

from __future__ import annotations

import torch
from torch import Tensor, nn

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

    @property
    def parameters(self) -> list[nn.Parameter]:
        """What it moves."""
        return [parameter for group in self.adam.param_groups for parameter in group["params"]]

    @torch.no_grad()
    def state(self) -> list[dict[str, Tensor]]:
        """Tell of each parameter its `value`, Adam's moments, `mean` and `square`, and its `steps` so far."""
        found = []
        for parameter in self.parameters:
            moments = self.adam.state[parameter]
            none = torch.zeros_like(parameter)
            found.append(
                {
                    "value": parameter.detach(),
                    "mean": moments.get("exp_avg", none),
                    "square": moments.get("exp_avg_sq", none),
                    "steps": torch.as_tensor(moments.get("step", 0.0), dtype=torch.float32),
                }
            )
        return found

    @torch.no_grad()
    def take(self, other: Adam) -> None:
        """Have the values of what `other`, alike, has moved; without its moments, which were towards another
        goal."""
        for mine, theirs in zip(self.parameters, other.parameters, strict=True):
            mine.copy_(theirs)

    @torch.no_grad()
    def restore(self, state: list[dict[str, Tensor]]) -> None:
        """Bring all that it moves, and its moments, to a `state` of the same shapes."""
        for parameter, one in zip(self.parameters, state, strict=True):
            parameter.copy_(one["value"])
            if one["steps"] > 0:
                self.adam.state[parameter] = {
                    "step": one["steps"].clone().cpu(),
                    "exp_avg": one["mean"].to(parameter).clone(),
                    "exp_avg_sq": one["square"].to(parameter).clone(),
                }
