"""The peer: style transfer onto a mesh as Lucid's notebook does it (Mordvintsev et al. 2018), in PyTorch.

A Fourier texture of 1024² with decorrelated colours; every step one new 512² view of the whole object on
black; mean L1 between moving averages of Gram matrices (decay .95, the newest view's gradient) and the
style's; content: 100 times the mean L1 between activations of the view in the object's own texture and in
this one. Adam .05, 400 steps, float32. The network, its weights and its layers are ours.

In its favour: background does not count in the Grams, the painting is scaled to the size at which the
judge holds it, and an object without a texture has no content term.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from backend import networks
from backend.objectives.style import MovingAverage, gram, layer_mask
from backend.parameterizations.fourier import Fourier
from backend.pictures.images import read_image, resize_shorter, write_image
from backend.rendering import camera, rasterizer
from backend.rendering.camera import ARTICLE_SPAN
from backend.rendering.gbuffer import render
from backend.rendering.sampling import Levels, Taps, gather, taps

from .subjects import DEVICE, SIZE, Subject, synchronize

STEPS, RATE, VIEW, CONTENT, SEED = 400, 0.05, 512, 100.0, 0
PART = 20  # steps between two pictures for the judge


@dataclass
class Run:
    """Where a run is: steps done, seconds that they took, set-up included, and those of each picture."""

    step: int
    seconds: float
    pictures: dict[int, float]


class Recipe:
    """One run. `steps` goes on from where it is; `save` and `restore` let a run be cut into pieces."""

    def __init__(self, who: Subject, style: Path, span: float) -> None:
        """`span`: what the style's shorter side covers on the surface."""
        began = time.perf_counter()
        torch.manual_seed(SEED)
        self.random = np.random.default_rng(SEED)
        self.network = networks.load("vgg16", DEVICE, average_pooling=True)
        self.layers = list(self.network.style_layers)
        self.mesh, self.rasterize = who.mesh, rasterizer.create("embree", who.mesh)
        self.texture = Fourier(1, 3, SIZE, SIZE).to(DEVICE)
        self.adam = torch.optim.Adam(self.texture.parameters(), RATE)
        picture = read_image(style, "painting", "styles")
        picture = resize_shorter(picture, span / (ARTICLE_SPAN / VIEW)).to(DEVICE)
        with torch.no_grad():
            looks = self.network(picture[None], self.layers)
            self.targets = {name: gram(looks[name]) for name in self.layers}
        self.averages = {name: MovingAverage(0.95) for name in self.layers}
        own = who.content()
        self.content = None if own is None else own.flatten(1).T.contiguous().to(DEVICE)
        self.levels = Levels(SIZE, SIZE)
        self.run = Run(0, time.perf_counter() - began, {})

    def _view(self) -> tuple[Tensor, Tensor, Taps]:
        """A new view: its pixels (P,), mask (1, H, W), and where it reads the texture, bilinearly."""
        seen = render(self.mesh, self.rasterize, camera.around(VIEW, self.random), DEVICE)
        where = taps(seen.uv, torch.zeros_like(seen.footprint), self.levels, laplacian=False)
        return seen.pixels, seen.mask.float()[None], where

    @staticmethod
    def _image(pixels: Tensor, colors: Tensor) -> Tensor:
        image = torch.zeros(VIEW * VIEW, 3, device=DEVICE).index_copy(0, pixels, colors)
        return image.T.reshape(1, 3, VIEW, VIEW)

    def _loss(self) -> Tensor:
        pixels, mask, where = self._view()
        rows = self.texture()[0].flatten(1).T.contiguous()
        image = self._image(pixels, torch.einsum("pkc,pk->pc", rows[where.rows], where.weights))
        names = [*self.layers, self.network.content_layer]
        seen = self.network(image, names)
        loss = torch.zeros(())
        for name in self.layers:
            size = (seen[name].shape[2], seen[name].shape[3])
            found = self.averages[name](gram(seen[name], layer_mask(mask, size, 0)))
            loss = loss + (found - self.targets[name]).abs().mean()
        if self.content is not None:
            with torch.no_grad():
                before = self.network(self._image(pixels, gather(self.content, where)), names[-1:])
            loss = loss + CONTENT * (seen[names[-1]] - before[names[-1]]).abs().mean()
        return loss

    def steps(self, count: int) -> None:
        """Take `count` steps."""
        start = time.perf_counter()
        for _ in range(count):
            self.adam.zero_grad()
            loss = self._loss()
            loss.backward()
            self.adam.step()
        synchronize()
        self.run.step += count
        self.run.seconds += time.perf_counter() - start

    def timed(self, count: int) -> tuple[float, float]:
        """Seconds a step, over `count` more: the clock's, and the processor's of all cores together."""
        before, used = self.run.seconds, time.process_time()
        self.steps(count)
        return (self.run.seconds - before) / count, (time.process_time() - used) / count

    @torch.no_grad()
    def picture(self) -> Tensor:
        """(3, SIZE, SIZE): the texture so far."""
        return self.texture()[0].clamp(0, 1).cpu()

    def save(self, folder: Path) -> None:
        """Write the picture so far, and all that changes."""
        folder.mkdir(parents=True, exist_ok=True)
        write_image(self.picture(), folder / f"{self.run.step:03}.png")
        self.run.pictures[self.run.step] = self.run.seconds
        averages = {name: (average.weight, average.sum) for name, average in self.averages.items()}
        state = {
            "texture": self.texture.state_dict(),
            "adam": self.adam.state_dict(),
            "averages": averages,
            "random": json.dumps(self.random.bit_generator.state),
            "run": vars(self.run),
        }
        torch.save(state, folder / "state.part")
        (folder / "state.part").replace(folder / "state.pt")

    def restore(self, folder: Path) -> None:
        """Go on from where `save` was last called."""
        state = torch.load(folder / "state.pt", weights_only=True, map_location=DEVICE)
        self.texture.load_state_dict(state["texture"])
        self.adam.load_state_dict(state["adam"])
        for name, (weight, total) in state["averages"].items():
            self.averages[name].weight, self.averages[name].sum = weight, total
        self.random.bit_generator.state = json.loads(state["random"])
        self.run = Run(**state["run"])


def peer(who: Subject, style: Path, span: float, folder: Path) -> Run:
    """The recipe's run from start to end, a picture every PART steps kept in `folder`, off the clock.

    One that was cut off goes on from its last picture.
    """
    recipe = Recipe(who, style, span)
    if (folder / "state.pt").exists():
        recipe.restore(folder)
    while recipe.run.step < STEPS:
        recipe.steps(PART)
        recipe.save(folder)
        print(
            f"  peer, {who.name}, {style.stem}: {recipe.run.step} steps, {recipe.run.seconds:.0f} s",
            flush=True,
        )
    return recipe.run
