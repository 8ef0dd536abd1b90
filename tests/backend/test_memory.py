"""Running out of memory: a step is tried again with less, and the job goes on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import pytest
import torch
from meshes import sphere
from test_stylize_job import JOB, folder_of
from torch import nn

from backend import networks
from backend.__main__ import main
from backend.canvas import transforms
from backend.canvas.flat import Flat
from backend.canvas.loop import _judged, imagine
from backend.canvas.on_surface import UVTexture
from backend.canvas.surface import Sight, Surface
from backend.machine import memory
from backend.machine.attempts import Attempt
from backend.objectives.deepdream import deepdream
from backend.painting import optimize
from backend.painting.optimize import Plan, Stage
from backend.painting.pyramid import Pyramid
from backend.painting.subject import Subject
from backend.parameterizations.pixel import Pixel
from backend.pictures.styles import Styles
from backend.protocol.events import FINISHED
from backend.rendering.texels import locate
from backend.rendering.views import Viewing, ViewMaker
from backend.session import JobSession, Progress

TOO_MUCH = 1 << 50  # bytes; no machine has them, so the allocator refuses


@pytest.fixture(autouse=True)
def two_threads():
    """Views are looked at side by side, each on a thread of its own, so that both ask for memory at once."""
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(threads)


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

    def forward(self, images: torch.Tensor, layers: Any, **options: Any) -> Any:
        if images.requires_grad:
            count = images[:, 0].numel()
            with self.one_at_a_time:  # views are looked at side by side
                self.held += count
                if self.held > self.pixels:
                    self.refused += 1
                    self.held = 0  # a step that fails is given up, views before it and all
                    torch.empty(TOO_MUCH, dtype=torch.uint8)
            images.register_hook(lambda gradient: self.let_go(count))
        return self.network(images, layers, **options)

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
        assert len(told) == min(refusals, 2)  # one by one, smaller: each once
        assert (texture - 0.5).abs().max() > 0.01
        assert texture.isfinite().all()


def on_canvas(pixels: int, canvas: Flat | Surface) -> tuple[list[float], list[str], Greedy]:
    network = Greedy(networks.load("alexnet", torch.device("cpu")), pixels)
    told: list[str] = []
    goal = deepdream(network.network, "relu2")
    generator = torch.Generator().manual_seed(0)
    losses = imagine(canvas, network, goal, 12, 0.05, generator, tell=told.append)
    return losses, told, network


@pytest.mark.parametrize(("pixels", "refusals"), [(1 << 30, 0), (72 * 72, 1), (36 * 36, 2)])
def test_a_picture_too_large_for_memory_is_painted_piece_by_piece(pixels, refusals):
    picture = Pixel(1, 3, 136, 96, torch.full((1, 3, 136, 96), 0.5))
    before = picture().detach()
    losses, told, network = on_canvas(pixels, Flat(picture, transforms.shifted))
    assert len(losses) == 12
    assert network.refused == refusals
    assert len(told) == min(refusals, 1)
    moved = (picture().detach() - before).abs()[0].amax(0) > 0.01
    assert all(part.any() for half in moved.chunk(2) for part in half.chunk(2, 1))  # pieces lie everywhere
    assert picture().isfinite().all()


@pytest.mark.parametrize(("pixels", "refusals"), [(1 << 30, 0), (64 * 64, 1), (32 * 32, 2)])
def test_a_canvas_on_a_surface_takes_less_at_a_time(pixels, refusals):
    """Views one by one give the same step; then they are smaller pieces at the same scale."""
    texture = UVTexture(Pixel(1, 3, 64, 64, torch.full((1, 3, 64, 64), 0.5)))
    make = ViewMaker(sphere(2), "embree", np.random.default_rng(0))
    canvas = Surface(texture, make, Sight(64, 2, (0.5, 1.2), 8), np.random.default_rng(1))
    losses, told, network = on_canvas(pixels, canvas)
    assert len(losses) == 12
    assert network.refused == refusals
    assert len(told) == refusals
    sides = {view.width for view in canvas.shown()}
    assert sides == ({64, 32} if refusals == 2 else {64})
    assert texture.current().isfinite().all()
    assert (texture.current() - 0.5).abs().max() > 0.05


def test_views_one_by_one_give_the_gradients_of_all_at_once():
    found = []
    for at_once in (2, 1):
        texture = UVTexture(Pixel(1, 3, 64, 64, torch.full((1, 3, 64, 64), 0.5)))
        make = ViewMaker(sphere(2), "embree", np.random.default_rng(0))
        canvas = Surface(texture, make, Sight(64, 2, (0.5, 1.2), 8), np.random.default_rng(1))
        network = networks.load("alexnet", torch.device("cpu"))
        goal = deepdream(network, "relu2")
        _judged(canvas, network, goal, 0.0, torch.Generator().manual_seed(0), False, Attempt(at_once))
        found.append(next(texture.textures.parameters()).grad.clone())
    assert found[0].abs().max() > 0
    assert torch.allclose(*found, rtol=1e-3, atol=1e-4 * float(found[0].abs().max()))


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
