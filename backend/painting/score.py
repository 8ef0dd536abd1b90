"""What is wrong with a stage's views, and its gradient: style over all so far, content one by one."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..machine.parallel import Each
from ..networks import Network, mixed_precision
from ..objectives import style_losses
from ..objectives.content import Content, content_error, content_of
from ..objectives.palette import palette_loss
from ..objectives.style import Loss, Samples, layer_mask, thinned
from ..rendering.gbuffer import GBuffer
from ..rendering.sampling import Patch
from .pyramid import Pyramid

SMALLEST_VIEW = 32  # pixels a side; less shows a network nothing
GRID = 32  # places along a view that are enough for the statistics of its features
PALETTE_STRIDE = 3  # of the pixels whose colours are counted
RANGE_WEIGHT = 10.0  # keeps colours that a screen cannot show from growing

Key = tuple[str, int]  # a layer and the octave in which it is compared
PALETTE: Key = ("palette", 0)


@dataclass(frozen=True)
class View:
    """A view with all that does not change: what it reads of the texture, how the content looks."""

    seen: GBuffer
    patch: Patch
    mask: Tensor  # (H, W)
    facing: Tensor  # (H, W); 0 where nothing is painted
    outside: Tensor  # (P, 4): what shows besides the paint, and the paint's share; (P, 0): all is paint
    content: Content | None  # of the content layer
    weights: dict[str, Tensor]  # of layers' units, (1, h, w): filled as they come up

    def weigh(self, size: tuple[int, int], reach: int) -> Tensor:
        """(1, h, w): how much each unit of a layer of `size` counts; see `layer_mask`."""
        key = f"{size} {reach}"
        if key not in self.weights:
            facing = F.adaptive_avg_pool2d(self.facing[None], size)
            self.weights[key] = layer_mask(self.mask[None], size, reach) * facing
        return self.weights[key]


@dataclass(frozen=True)
class _Part:
    """Of the losses: what it is of, and what it counts."""

    keys: list[Key]
    loss: Loss
    weight: float


@dataclass(frozen=True)
class _Look:
    """What the network makes of some of a step's views."""

    colors: list[Tensor]  # of each view: (P, 3), the leaf that was shown
    samples: dict[Key, Tensor]  # (B, C, h, w): what is compared with the style's
    weights: dict[Key, Tensor]  # (B, h, w)
    own: Tensor  # the loss of these views that has to do with no others


class Score:
    """What is wrong with views: style in so many octaves, the painting's colours, content, colours' range.

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
        """styles: images (3, H, W) at the scale of the views, with shares that sum to 1.

        style_loss: one of protocol.STYLE_LOSSES; content_weight: of the content error, relative to it.
        """
        self.network, self.styles, self.content_weight = network, styles, content_weight
        self.layers = list(network.style_layers)
        self.reach = {name: network.layer(name).receptive_field // 10 for name in self.layers}
        least = min(min(image.shape[1:]) for image, _ in styles)
        self.octaves = [k for k in range(octaves) if not k or least >> k >= SMALLEST_VIEW]
        samples = {key: value for octave in self.octaves for key, value in self._samples(octave).items()}
        parts = 2 if styles[0][0].device.type == "cpu" else 1  # to be compared side by side
        shares = [list(samples)[i::parts] for i in range(min(parts, len(samples)))]
        self.losses = [
            _Part(keys, style_losses.make(style_loss, [samples[key] for key in keys]), 1 / len(self.octaves))
            for keys in shares
        ]
        self.losses.append(_Part([PALETTE], palette_loss(styles), 1.0))
        self.mean = sum(
            (image.mean((1, 2)) * w for image, w in styles), torch.zeros((), device=styles[0][0].device)
        )

    @torch.no_grad()
    def _samples(self, octave: int) -> dict[Key, Samples]:
        looks = [(self._features(_halved(image[None], octave), self.layers), w) for image, w in self.styles]
        return {(name, octave): [(look[name], share) for look, share in looks] for name in self.layers}

    def _features(self, images: Tensor, layers: list[str]) -> dict[str, Tensor]:
        with mixed_precision(images.device):
            found: dict[str, Tensor] = self.network(images, layers)
        return found

    @torch.no_grad()
    def content(self, image: Tensor, mask: Tensor) -> Content:
        """What is to be kept of `image` (3, H, W) where `mask` (H, W) is."""
        layer = self.network.content_layer
        return content_of(self._features(image[None], [layer])[layer], mask[None])

    def learn(
        self, texture: Pyramid, batch: list[View], share: float, random: np.random.Generator, each: Each
    ) -> Tensor:
        """Collect the texture's gradient over `batch`, which is such a `share` of a step; the loss ().

        A processor looks at the views side by side, and then compares the layers side by side; nothing
        depends on which is done first. A card looks at all views at once.
        """
        papers = [self._paper(view.seen.size, random) for view in batch]
        shift = (random.random(), random.random())
        views = list(zip(batch, papers, strict=True))
        groups = [[view] for view in views] if texture.rows.device.type == "cpu" else [views]
        looks = each(lambda group: self._look(texture, group, shift, 1 / len(batch)), groups)
        found = each(lambda part: _compare(part, looks, share), self.losses)
        pulls = {key: pull for _, gradients in found for key, pull in gradients.items()}

        def back(index: int) -> list[Tensor]:
            look = looks[index]
            own = torch.full_like(look.own, share)
            gradients = [pulls[key][index] for key in look.samples]
            wanted = torch.autograd.grad([*look.samples.values(), look.own], look.colors, [*gradients, own])
            return [texture.slope(view.patch, w) for (view, _), w in zip(groups[index], wanted, strict=True)]

        slopes = [slope for some in each(back, range(len(looks))) for slope in some]
        for view, slope in zip(batch, slopes, strict=True):  # in this order, so sums are the same each time
            texture.collect(view.patch, slope)
        own = torch.stack([look.own.detach() for look in looks]).sum()
        return own + torch.stack([loss for loss, _ in found]).sum()

    def _look(
        self, texture: Pyramid, views: list[tuple[View, Tensor]], shift: tuple[float, float], share: float
    ) -> _Look:
        colors, images = [], []
        own = torch.zeros((), device=texture.rows.device)
        for view, paper in views:
            shown = texture.sample(view.patch).requires_grad_()
            colors.append(shown)
            own = own + RANGE_WEIGHT * F.mse_loss(shown, shown.detach().clamp(0, 1))
            if view.outside.shape[1]:
                shown = view.outside[:, :3] + view.outside[:, 3:] * shown
            images.append(view.seen.image(shown, paper))
        stack = torch.stack(images)
        counts = torch.stack([view.mask * view.facing for view, _ in views])
        samples = {PALETTE: stack[..., ::PALETTE_STRIDE, ::PALETTE_STRIDE]}
        weights = {PALETTE: counts[..., ::PALETTE_STRIDE, ::PALETTE_STRIDE]}
        for octave in self.octaves:
            content = [self.network.content_layer] if self.content_weight and not octave else []
            layers = [*self.layers, *content]
            features = self._features(_halved(stack, octave), layers)
            for name in self.layers:
                height, width = features[name].shape[2:]
                stride = max(1, round(max(height, width) / GRID))
                y, x = (int(part * stride) for part in shift)
                reach = self.reach[name] << octave
                counts = torch.cat([view.weigh((height, width), reach) for view, _ in views])
                samples[name, octave] = thinned(features[name], stride, (y, x))
                weights[name, octave] = counts[:, y::stride, x::stride]
            for layer in content:
                own = own + self.content_weight * share * _content_error(features[layer], views)
        return _Look(colors, samples, weights, own)

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


def _content_error(features: Tensor, views: list[tuple[View, Tensor]]) -> Tensor:
    """The sum over views."""
    errors = [
        content_error(features[i : i + 1], view.content)
        for i, (view, _) in enumerate(views)
        if view.content is not None
    ]
    return torch.stack(errors).sum()


def _compare(part: _Part, looks: list[_Look], share: float) -> tuple[Tensor, dict[Key, tuple[Tensor, ...]]]:
    """A part of the loss, of all views together, and by key its gradient, times `share`, by look."""
    value, leaves = _loss(part, looks)
    bounds = list(accumulate(len(look.colors) for look in looks))[:-1]
    gradients = torch.autograd.grad(value, leaves, torch.full_like(value, share))
    split = [gradient.tensor_split(bounds) for gradient in gradients]
    return value.detach(), dict(zip(part.keys, split, strict=True))


def _loss(part: _Part, looks: list[_Look]) -> tuple[Tensor, list[Tensor]]:
    leaves = [torch.cat([look.samples[key].detach() for look in looks]).requires_grad_() for key in part.keys]
    weights = [torch.cat([look.weights[key] for look in looks]) for key in part.keys]
    return part.weight * part.loss(leaves, weights), leaves


def _halved(images: Tensor, times: int) -> Tensor:
    """`images` (B, 3, H, W) with their sides halved so many times."""
    return F.avg_pool2d(images, 2**times) if times else images
