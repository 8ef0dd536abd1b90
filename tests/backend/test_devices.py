"""Nothing of a step stays behind on the processor when the rest is on a graphics card.

There need be no card: torch's fake tensors have shapes and a device but no numbers, and an operation
whose inputs are on two devices is an error as it is on a card. Backward passes cannot run on them.
"""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from typing import Any

import numpy as np
import pytest
import torch
from meshes import sphere
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.fx.experimental.symbolic_shapes import ShapeEnv

from backend import networks
from backend.canvas import build
from backend.canvas.goals import objective_of
from backend.machine.parallel import serial_map
from backend.networks.octaves import features_of
from backend.objectives.objective import Features
from backend.painting import optimize
from backend.painting.pyramid import Pyramid
from backend.painting.score import _loss
from backend.pictures.styles import Styles
from backend.protocol.choices import STYLE_LOSSES
from backend.protocol.job import Job
from backend.protocol.parts import Style, Target
from backend.rendering.camera import Camera
from backend.rendering.gbuffer import GBuffer
from backend.rendering.sampling import mipmaps
from backend.rendering.shading import sky_reflection
from backend.rendering.texels import locate
from backend.rendering.views import ViewMaker

CPU = torch.device("cpu")


def card() -> FakeTensorMode:
    return FakeTensorMode(shape_env=ShapeEnv(), allow_non_fake_inputs=True)


def on_card(thing: Any) -> Any:
    """A tensor's fake on CUDA, or a data class of such; to be called within the mode."""
    if isinstance(thing, Tensor):
        return torch.empty(thing.shape, dtype=thing.dtype, device="cuda")
    if not is_dataclass(thing):
        return thing
    return replace(thing, **{field.name: on_card(getattr(thing, field.name)) for field in fields(thing)})


def move(module: nn.Module) -> nn.Module:
    """`module` with fakes of its parameters and buffers."""
    for part in module.modules():
        for name, parameter in list(part.named_parameters(recurse=False)):
            fake = nn.Parameter(on_card(parameter), parameter.requires_grad)
            part._parameters[name] = fake
        for name, buffer in list(part.named_buffers(recurse=False)):
            part._buffers[name] = on_card(buffer)
    return module


@pytest.fixture(scope="module")
def seen() -> list[tuple[GBuffer, Camera]]:
    sky_reflection(torch.zeros(1), torch.ones(1))  # its table is made once, and not of what is no numbers
    make = ViewMaker(sphere(2), "embree", np.random.default_rng(0))
    return [make.taken(0.5, 64) for _ in range(2)]


def test_a_mixture_of_devices_is_noticed():
    with card(), pytest.raises(RuntimeError, match="device"):
        torch.zeros(3, device="cuda") + torch.zeros(3)


class Made:
    """Gives the views it was made with, one at a time."""

    def __init__(self, views: list[GBuffer]) -> None:
        self.mesh, self._views = sphere(2), iter(views)

    def shots(self, window: float, size: int, aim: object = None) -> None:
        pass

    def render_all(self, shots: None, size: int) -> GBuffer:
        return next(self._views)

    def count(self, view: GBuffer, pixel: float) -> None:
        pass


@pytest.mark.parametrize("style_loss", STYLE_LOSSES)
def test_a_step_of_style_transfer(seen, style_loss):
    real = Pyramid(torch.zeros(3, 64, 64))
    places = [real.patch(view) for view, _ in seen]
    assert all(len(where.rows) for where in places)  # how many there are depends on the numbers
    network = networks.load("alexnet", CPU, average_pooling=True)
    with card():
        texture = Pyramid(torch.zeros(3, 64, 64), "cuda")
        texture.patch = lambda view: on_card(places.pop())
        styles = Styles((torch.zeros(3, 128, 128, device="cuda"),), (1.0,))
        score = optimize.Score(move(network), styles, style_loss, 0.0)
        rows = mipmaps(torch.zeros(6, 64, 64, device="cuda"), texture.levels)
        make = Made([on_card(view) for view, _ in seen])
        bank = optimize.Bank(make, 0.01, 64, texture, rows, score.landmarks, None)
        batch = bank.draw(2, np.random.default_rng(0), serial_map)
        backgrounds = [score._background(view.gbuffer, np.random.default_rng(0)) for view in batch]
        seen_once = score._forward(texture, list(zip(batch, backgrounds, strict=True)), (0.3, 0.6), 0.5)
        losses = [_loss(term, [seen_once])[0] for term in score.terms]  # no gradients without a card
        for view, colors in zip(batch, seen_once.colors, strict=True):
            texture.accumulate(view.patch, texture.backward(view.patch, colors.detach()))
        texture.step([view.patch for view in batch], 0.1, 1)
        kept = score.landmarks(
            batch[0].gbuffer, torch.zeros(len(batch[0].gbuffer.pixels), 6, device="cuda"), 64
        )
        found = [*losses, seen_once.own, kept.features, kept.weights, kept.colors, kept.color_weights]
        for result in (*found, texture.rows, texture.texture(), texture.seen()):
            assert result.device.type == "cuda"


CHANNEL = Target("channel", layer="relu3", channel=3)
OTHER = Target("direction", layer="relu3", direction=((1, 0.5), (2, 1.0)))
JOBS = {
    "fourier": Job(task="dream", targets=(CHANNEL, OTHER), parameterization="fourier"),
    "pixel": Job(task="dream", targets=(CHANNEL,), parameterization="pixel"),
    "pyramid": Job(task="dream", targets=(Target("neuron", layer="relu4", channel=1),)),
    "cppn": Job(task="dream", targets=(CHANNEL,), parameterization="cppn"),
    "transparent": Job(task="dream", targets=(CHANNEL,), transparent=True, parameterization="fourier"),
    "reflectance": Job(task="dream", mesh="mesh.npz", targets=(CHANNEL,), reflectance=True),
    "shared": Job(
        task="interpolate", targets=(CHANNEL, OTHER), aligned=True, frames=3, parameterization="shared"
    ),
    "synthesize": Job(task="synthesize", styles=(Style("x.png"),), scales=2),
    "tileable": Job(task="synthesize", styles=(Style("x.png"),), tileable=True),
}


@pytest.mark.parametrize("name", JOBS.keys() - {"reflectance"})
def test_a_look_at_a_flat_canvas(name):
    job = replace(JOBS[name], network="alexnet", image_size=128)
    canvas = build.flat(job, 128, 128, None, None, CPU).canvas
    canvas.transform = lambda images, progress, random: images  # its random numbers are none on fakes
    network = networks.load("alexnet", CPU)
    goal = None if job.styles else objective_of(job, network, [], False)
    with card(), torch.no_grad():
        move(canvas.pictures)
        move(network)
        if job.styles:
            goal = objective_of(job, network, [(torch.zeros(1, 3, 256, 256, device="cuda"), 1.0)], False)
        view = canvas.draw(0.3, torch.Generator().manual_seed(0), canvas.views)
        loss = goal(Features(features_of(network, view.images, goal.layers), view.mask, None))
        assert loss.device.type == "cuda"


@pytest.mark.parametrize(
    "name", ["fourier", "pyramid", "shared", "cppn", "transparent", "relief", "reflectance"]
)
def test_a_look_at_a_painted_surface(seen, name):
    job = Job(task="synthesize", mesh="mesh.npz", styles=(Style("x.png"),), relief=True, texture_size=64)
    if name != "relief":
        job = replace(JOBS[name], mesh="mesh.npz", texture_size=64)
    mesh = sphere(2)
    texture = build.surface(job, mesh, locate(mesh, 64), None, None, CPU).texture
    places = texture.prepare(*seen[0])
    with card(), torch.no_grad():
        for part in vars(texture).values():
            if isinstance(part, nn.Module):
                move(part)
        assert texture.sample(on_card(places)).device.type == "cuda"
