"""The loop: look at the surface, score what the network sees, step the texture; coarse to fine."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from . import memory
from .images import resize_shorter
from .networks import Network, mixed_precision
from .objectives import style_losses
from .objectives.content import content_error
from .objectives.palette import moments, palette_error
from .objectives.style import MovingAverage, layer_mask
from .parameterizations.pyramid import Pyramid
from .rendering.camera import AROUND
from .rendering.gbuffer import GBuffer
from .rendering.mesh import Mesh
from .rendering.sampling import Taps, gather, mipmaps, taps
from .rendering.unseen import Unseen
from .rendering.views import ViewMaker

VIEWS_PER_STEP = 2
SMALLEST_VIEW = 32  # pixels a side; less shows a network nothing
BANK = 40  # views that a stage keeps, each is memory
RENEWED = 8  # of so many views drawn from a full bank, one is new and takes the oldest's place
AIMED = 10  # of those that first fill the last stage's bank, at what no view has seen
VIEWS_PER_OBJECT = 3  # of a stage, at least
PALETTE_STRIDE = 3  # of the pixels whose colours are counted
RANGE_WEIGHT = 10.0  # keeps colours that a screen cannot show from growing
NOISE = 0.7  # of the style's own band energy, in the start
SPAN = 1.2  # a painting's shorter side, in square roots of the surface's area


@dataclass(frozen=True)
class Stage:
    """`steps` steps on views of `size` pixels, each pixel `scale` times as wide as at the finest.

    The network sees each view in so many `octaves`: as it is, at half its size, …
    """

    name: str
    scale: float
    size: int
    steps: int
    rate: float
    octaves: int = 1

    @property
    def pixels(self) -> float:
        """What the network looks at of each view."""
        return self.size**2 * sum(0.25**octave for octave in range(self.octaves))


# Most steps compose, on small views: what is wrong at large stays wrong, and no finer stage can mend it.
STAGES: dict[str, tuple[Stage, ...]] = {
    "draft": (
        Stage("composing", 4, 128, 80, 0.08),
        Stage("painting", 2, 160, 36, 0.04, 2),
        Stage("refining", 1, 192, 20, 0.03, 2),
    ),
    "standard": (
        Stage("composing", 4, 128, 220, 0.06),
        Stage("painting", 2, 160, 100, 0.03, 2),
        Stage("refining", 1, 224, 60, 0.02, 2),
    ),
    "final": (
        Stage("composing", 4, 128, 500, 0.06),
        Stage("painting", 2, 160, 260, 0.03, 2),
        Stage("refining", 1, 224, 160, 0.02, 2),
    ),
}


def stages(quality: str, steps: int | None, objects: int = 1) -> tuple[Stage, ...]:
    """The quality's stages; with `steps` in all, shared out in the same proportion.

    Without, each has at least so many steps that it looks at each of so many objects once.
    """
    chosen = STAGES[quality]
    if steps is None:
        least = -(-objects // VIEWS_PER_STEP)
        return tuple(replace(stage, steps=max(stage.steps, least)) for stage in chosen)
    total = sum(stage.steps for stage in chosen)
    bounds = np.round(np.cumsum([0, *(stage.steps for stage in chosen)]) * steps / total).astype(int)
    shares = np.diff(bounds)
    return tuple(replace(stage, steps=int(n)) for stage, n in zip(chosen, shares, strict=True) if n)


def more(quality: str, steps: int | None) -> tuple[Stage, ...]:
    """The plan of a job that goes on from a checkpoint: the quality's last stage, with `steps` steps."""
    last = STAGES[quality][-1]
    return (replace(last, steps=steps or last.steps),)


@dataclass(frozen=True)
class Progress:
    """Where the loop is: after `step` of `steps` in all."""

    stage: str
    step: int
    steps: int
    fraction: float  # of the time
    seconds_left: float
    loss: float


@dataclass
class Clock:
    """Seconds by part: set-up, views, sampling, network, texture, events."""

    parts: dict[str, float] = field(default_factory=dict)
    _since: float = field(default_factory=time.perf_counter)

    def lap(self, part: str) -> None:
        """Count what has passed since the last lap towards `part`."""
        now = time.perf_counter()
        self.parts[part] = self.parts.get(part, 0.0) + now - self._since
        self._since = now


@dataclass(frozen=True)
class _View:
    """A banked view with all that does not change: where it reads the texture, how the content looks."""

    seen: GBuffer
    taps: Taps
    mask: Tensor  # (H, W)
    facing: Tensor  # (H, W); 0 where nothing is painted
    outside: Tensor  # (P, 4): what shows besides the paint, and the paint's share; (P, 0): all is paint
    content: Tensor | None  # (1, C, h, w)
    weights: dict[str, Tensor]  # of layers' units, (1, h, w): filled as they come up

    def weigh(self, size: tuple[int, int], reach: int) -> Tensor:
        """(1, h, w): how much each unit of a layer of `size` counts; see `layer_mask`."""
        key = f"{size} {reach}"
        if key not in self.weights:
            facing = F.adaptive_avg_pool2d(self.facing[None], size)
            self.weights[key] = layer_mask(self.mask[None], size, reach) * facing
        return self.weights[key]

    def covered(self, size: tuple[int, int]) -> Tensor:
        """(1, h, w): how much of each unit of the content layer shows the surface."""
        if "content" not in self.weights:
            self.weights["content"] = layer_mask(self.mask[None], size, 0)
        return self.weights["content"]


def paint(
    mesh: Mesh,
    texture: Pyramid,
    content: Tensor,
    styles: list[tuple[Tensor, float]],
    network: Network,
    *,
    plan: tuple[Stage, ...],
    pixel: float,
    style_span: float,
    content_weight: float,
    framing: str,
    rasterizer: str,
    seed: int,
    views_per_step: int = VIEWS_PER_STEP,
    report: Callable[[Progress], None],
    tell: Callable[[str], None],
    clock: Clock,
    style_loss: str = "gaussian",
    unseen: Callable[[int], Unseen] | None = None,
    outside: tuple[Tensor, Tensor] | None = None,
    grain: float = 0.0,
) -> int:
    """Optimise `texture` so that views of `mesh` have the styles' statistics and keep the content's features.

    content (3, S, S); styles: images (3, H, W) with weights that sum to 1, each spanning `style_span`
    (the mesh's units) by its shorter side; `pixel`: the width on the surface of the finest stage's
    pixels. `report` is called after every step and may raise to end the loop; `tell` is given what a
    person should know. A step that memory does not suffice for is tried again with views one by one,
    then with smaller views. `outside`: a mask (1, S, S) of what is painted, and what shows where it is
    0, (3, S, S). `grain`: the angle at which views show the mesh's directions. Several textures lie one
    above the other: (C, count · S, S). `unseen` tells, for views that resolve a level of the pyramid, what
    they have yet to see. Gives the level that the finest views resolve.
    """
    device = texture.rows.device
    random = np.random.default_rng(seed)
    if outside is not None:
        content = torch.cat([content, outside[1] * (1 - outside[0]), outside[0]])
    content_rows = mipmaps(content.to(device), texture.levels)
    work = sum(stage.steps * stage.pixels for stage in plan)
    start, done = time.perf_counter(), 0.0
    steps, step, level = sum(stage.steps for stage in plan), 0, 0
    at_once, shrunk = views_per_step, 1  # until memory runs out
    for stage in plan:
        width = pixel * stage.scale if framing == "surface" else AROUND / stage.size
        level = max(0, round(math.log2(width * texture.levels.size / mesh.texel) + 0.6))
        images = [(resize_shorter(image, style_span / width).to(device), w) for image, w in styles]
        score = _Score(network, images, style_loss, content_weight, stage.octaves)
        rest = unseen(level) if unseen and stage is plan[-1] and framing == "surface" else None
        views = ViewMaker(mesh, rasterizer, random, framing, device, grain)
        bank = _Bank(views, width, stage.size // shrunk, texture, content_rows, score, rest)
        clock.lap("set-up")
        for k in range(stage.steps):
            loss = None
            while loss is None:
                try:
                    batch = bank.draw(views_per_step, random)
                    clock.lap("views")
                    loss = _learn(score, texture, batch, at_once, random, clock)
                except RuntimeError as error:
                    if not memory.ran_out(error) or bank.size < 2 * SMALLEST_VIEW:
                        raise
                if loss is None:  # here the failed attempt's tensors are gone with its error
                    if at_once > 1:
                        tell("There is little memory: views are painted one by one, which takes longer.")
                        at_once = 1
                    else:
                        shrunk *= 2
                        size = stage.size // shrunk
                        bank = _Bank(views, width, size, texture, content_rows, score, rest)
                    texture.gradient.zero_()
                    memory.release()
            texture.step([view.taps for view in batch], stage.rate * _cooling(k / stage.steps), level)
            clock.lap("texture")
            step += 1
            done += stage.pixels
            fraction = done / work
            left = (time.perf_counter() - start) * (1 / fraction - 1)
            report(Progress(stage.name, step, steps, fraction, left, loss))
            clock.lap("events")
    return level


def _cooling(done: float) -> float:
    """The learning rate's factor: flat, then a cosine to nearly nothing, so that each stage comes to rest."""
    return 0.02 + 0.49 * (1 + math.cos(math.pi * max(0.0, (done - 0.3) / 0.7)))


class _Bank:
    """Views of a stage, of `size` pixels a side, each `width` wide: made when asked for, kept for a while."""

    def __init__(
        self,
        make: ViewMaker,
        width: float,
        size: int,
        texture: Pyramid,
        content_rows: Tensor,
        score: _Score,
        rest: Unseen | None,
    ) -> None:
        self.make, self.width, self.size = make, width, size
        self.texture, self.content_rows, self.score = texture, content_rows, score
        self.count = max(BANK, VIEWS_PER_OBJECT * len(np.unique(make.mesh.objects)))
        self.rest = rest  # what the last views aim at
        self.views: list[_View] = []
        self.drawn = 0  # from the full bank

    def draw(self, count: int, random: np.random.Generator) -> list[_View]:
        """What a step looks at: `count` new views until there are enough, then mostly ones seen before.

        A texture that only ever sees the same views comes to suit these, and no others.
        """
        return [self._next(random) for _ in range(count)]

    def _next(self, random: np.random.Generator) -> _View:
        if len(self.views) < self.count:
            aim = self.rest.draw(random) if self.rest and len(self.views) >= self.count - AIMED else None
            self.views.append(self._prepare(self.make(self.width * self.size, self.size, aim)))
            return self.views[-1]
        self.drawn += 1
        if self.drawn % RENEWED:
            return self.views[random.integers(self.count)]
        oldest = (self.drawn // RENEWED - 1) % self.count
        self.views[oldest] = self._prepare(self.make(self.width * self.size, self.size))
        return self.views[oldest]

    def _prepare(self, seen: GBuffer) -> _View:
        reference, outside = None, seen.uv[:, :0]
        weights = seen.facing[:, None]
        if self.score.content_weight or self.content_rows.shape[1] > 3:
            where = taps(seen.uv, seen.footprint, self.texture.levels, False, seen.tiles)
            content, outside = gather(self.content_rows, where).tensor_split([3], dim=1)
        if self.score.content_weight:
            paper = self.score.mean[:, None, None].expand(3, seen.size, seen.size)
            reference = self.score.content_features(seen.image(content, paper)[None])
        if outside.shape[1]:
            weights = weights * outside[:, 3:]
        facing = seen.image(weights, torch.zeros(1, seen.size, seen.size, device=seen.uv.device))[0]
        return _View(seen, self.texture.taps(seen), seen.mask.float(), facing, outside, reference, {})


def _learn(
    score: _Score,
    texture: Pyramid,
    batch: list[_View],
    at_once: int,
    random: np.random.Generator,
    clock: Clock,
) -> float:
    """Collect the texture's gradient over `batch`, so many views at once; the loss."""
    total = 0.0
    for i in range(0, len(batch), at_once):
        piece = batch[i : i + at_once]
        loss = score(texture, piece, random, clock) * (len(piece) / len(batch))
        loss.backward()  # type: ignore[no-untyped-call]
        total += float(loss.detach())
        clock.lap("network")
    return total


class _Score:
    """The loss of one stage: style over the views so far, in so many octaves; content view by view.

    The octaves are those of Snelgrove 2017, "High-resolution multi-scale neural texture synthesis".
    """

    def __init__(
        self,
        network: Network,
        styles: list[tuple[Tensor, float]],
        style_loss: str,
        content_weight: float,
        octaves: int,
    ) -> None:
        self.network, self.styles, self.content_weight = network, styles, content_weight
        self.layers = list(network.style_layers)
        self.reach = {name: network.layer(name).receptive_field // 10 for name in self.layers}
        least = min(min(image.shape[1:]) for image, _ in styles)
        self.losses = [
            self._octave(octave, style_loss)
            for octave in range(octaves)
            if not octave or least >> octave >= SMALLEST_VIEW
        ]
        self.palette = torch.stack([moments(image.flatten(1).T) * w for image, w in styles]).sum(0)
        self.average = MovingAverage()
        self.mean = sum(
            (image.mean((1, 2)) * w for image, w in styles), torch.zeros((), device=styles[0][0].device)
        )

    @torch.no_grad()
    def _octave(self, octave: int, style_loss: str) -> dict[str, style_losses.Loss]:
        looks = [(self._look(_halved(image[None], octave), self.layers), w) for image, w in self.styles]
        return {
            name: style_losses.make(style_loss, [(look[name], share) for look, share in looks])
            for name in self.layers
        }

    def _look(self, images: Tensor, layers: list[str]) -> dict[str, Tensor]:
        with mixed_precision(images.device):
            found: dict[str, Tensor] = self.network(images, layers)
        return found

    def content_features(self, images: Tensor) -> Tensor:
        """The content layer's activations, gradient-free."""
        with torch.no_grad():
            layer = self.network.content_layer
            return self._look(images, [layer])[layer]

    def __call__(
        self, texture: Pyramid, batch: list[_View], random: np.random.Generator, clock: Clock
    ) -> Tensor:
        images, excess = [], torch.zeros(())
        for view in batch:
            colors = texture.sample(view.taps)
            excess = excess + (colors - colors.detach().clamp(0, 1)).square().mean()
            if view.outside.shape[1]:
                colors = view.outside[:, :3] + view.outside[:, 3:] * colors
            images.append(view.seen.image(colors, self._paper(view.seen.size, random)))
        stack = torch.stack(images)
        mask = torch.stack([view.mask for view in batch])
        facing = torch.stack([view.facing for view in batch])
        clock.lap("sampling")
        layers = [*self.layers, self.network.content_layer] if self.content_weight else self.layers
        seen = self._look(stack, layers)
        loss = excess * RANGE_WEIGHT
        for octave, losses in enumerate(self.losses):
            found = self._look(_halved(stack, octave), self.layers) if octave else seen
            for name in self.layers:
                size = (found[name].shape[2], found[name].shape[3])
                weights = torch.cat([view.weigh(size, self.reach[name] << octave) for view in batch])
                loss = loss + losses[name](found[name], weights) / len(self.losses)
        few = stack[:, :, ::PALETTE_STRIDE, ::PALETTE_STRIDE].permute(0, 2, 3, 1).reshape(-1, 3)
        colors = moments(few, (mask * facing)[:, ::PALETTE_STRIDE, ::PALETTE_STRIDE].flatten())
        loss = loss + palette_error(self.average(colors), self.palette)
        if self.content_weight:
            features = seen[self.network.content_layer]
            reference = torch.cat([view.content for view in batch if view.content is not None])
            size = (features.shape[2], features.shape[3])
            weights = torch.cat([view.covered(size) for view in batch])
            loss = loss + self.content_weight * content_error(features, reference, weights)
        return loss

    def _paper(self, size: int, random: np.random.Generator) -> Tensor:
        """(3, size, size): a random piece of a style, so that the network sees no outline to fight."""
        image = self.styles[random.choice(len(self.styles), p=[w for _, w in self.styles])][0]
        height, width = image.shape[1:]
        if min(height, width) < size:
            times = -(-size // min(height, width))
            image = image.repeat(1, times, times)
            height, width = image.shape[1:]
        y, x = random.integers(height - size + 1), random.integers(width - size + 1)
        return image[:, y : y + size, x : x + size]


def _halved(images: Tensor, times: int) -> Tensor:
    """`images` (B, 3, H, W) with their sides halved so many times."""
    return F.avg_pool2d(images, 2**times) if times else images
