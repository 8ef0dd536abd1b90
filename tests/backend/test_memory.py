"""Running out of memory: a step is tried again with less, and the job goes on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from threading import Lock
from typing import Any

import pytest
import torch
from meshes import sphere
from test_stylize_job import JOB, folder_of
from torch import nn

from backend import networks
from backend.__main__ import main
from backend.machine import memory
from backend.painting import optimize
from backend.painting.optimize import Plan, Stage
from backend.painting.pyramid import Pyramid
from backend.painting.subject import Subject
from backend.pictures.styles import Styles
from backend.protocol import FINISHED
from backend.rendering.texels import locate
from backend.rendering.views import Viewing
from backend.session import JobSession, Progress

TOO_MUCH = 1 << 50  # bytes; no machine has them, so the allocator refuses


def test_torchs_own_error_is_known():
    with pytest.raises(RuntimeError) as caught:
        torch.empty(TOO_MUCH, dtype=torch.uint8)
    assert memory.ran_out(caught.value)
    assert memory.ran_out(MemoryError())
    assert not memory.ran_out(RuntimeError("shapes do not fit"))


class Greedy(nn.Module):
    """A real network that asks for more memory than there is when views hold more than `pixels` in all."""

    def __init__(self, network: networks.Network, pixels: int) -> None:
        super().__init__()
        self.network, self.pixels, self.held, self.refused = network, pixels, 0, 0
        self.one_at_a_time = Lock()
        for name in ("style_layers", "content_layer", "layer"):
            setattr(self, name, getattr(network, name))

    def forward(self, images: torch.Tensor, layers: Any) -> Any:
        if images.requires_grad:
            count = images[:, 0].numel()
            with self.one_at_a_time:  # views are looked at side by side
                self.held += count
                if self.held > self.pixels:
                    self.refused += 1
                    self.held = 0  # a step that fails is given up, views before it and all
                    torch.empty(TOO_MUCH, dtype=torch.uint8)
            images.register_hook(lambda gradient: self.let_go(count))
        return self.network(images, layers)

    def let_go(self, count: int) -> None:
        with self.one_at_a_time:
            self.held -= count


def painted(pixels: int, mesh: Any) -> tuple[list[Progress], list[str], Greedy, torch.Tensor]:
    texture = Pyramid(torch.full((3, 64, 64), 0.5))
    network = Greedy(networks.load("alexnet", torch.device("cpu"), average_pooling=True), pixels)
    style = torch.rand(3, 96, 96, generator=torch.Generator().manual_seed(0))
    told: list[str] = []
    subject = Subject(mesh, locate(mesh, 64), texture.texture(), colored=True)
    plan = Plan((Stage("one", 2, 64, 3, 0.05), Stage("two", 1, 64, 3, 0.05)), content_weight=0.5)
    steps = list(
        optimize.paint(
            subject,
            texture,
            subject.content,
            Styles((style,), (1.0,)),
            network,
            Viewing(0.02, 2.0, torch.device("cpu")),
            plan,
            JobSession(JOB, Path(), lambda event: told.append(event.message), lambda: False),
        )
    )
    return steps, told, network, texture.texture()


def test_a_step_that_does_not_fit_is_tried_again_with_less():
    mesh = sphere(2)
    enough, nothing_told, _, _ = painted(1 << 30, mesh)
    assert nothing_told == []
    for pixels, refusals in ((64 * 64, 1), (32 * 32, 3)):  # one view at a time, then smaller views too
        steps, told, network, texture = painted(pixels, mesh)
        assert [s.step for s in steps] == [s.step for s in enough]
        assert network.refused == refusals  # it is not forgotten in the next stage
        assert len(told) == 1
        assert (texture - 0.5).abs().max() > 0.01
        assert texture.isfinite().all()


def test_what_can_not_be_made_to_fit_is_an_error():
    with pytest.raises(RuntimeError, match="memory"):
        painted(100, sphere(2))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a graphics card that torch can use")
def test_a_card_that_is_too_small_does_not_end_the_job(tmp_path, capsys):

    folder = folder_of(tmp_path / "job", replace(JOB, device="cuda"))
    torch.cuda.set_per_process_memory_fraction(1e-4)
    try:
        assert main(["run", str(folder)]) == FINISHED
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert "too little memory" in capsys.readouterr().out
