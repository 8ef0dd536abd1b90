"""The loss of a stage's views, and its gradient: style over all so far, landmarks view by view."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..machine.parallel import Map
from ..networks import Network, mixed_precision
from ..networks.network import Layer
from ..objectives import style_losses
from ..objectives.landmarks import AREAS, Landmarks, contrast_of, landmark_error, landmarks_of
from ..objectives.palette import palette_loss
from ..objectives.style import Loss, Samples, subsample
from ..pictures.styles import Styles
from ..rendering.gbuffer import GBuffer
from .bank import BankedView
from .material import lit
from .pyramid import Pyramid

GRID = 32  # units along the side of a square of a layer that are enough for the statistics of its features
PALETTE_STRIDE = 3  # of the pixels whose colours are counted
RANGE_WEIGHT = 10.0  # keeps colours that a screen cannot show from growing

PLAIN = 96  # pixels a side of a plain picture, whose middle features see no border
PALETTE = "palette"  # what is compared besides the layers


@dataclass(frozen=True)
class _Term:
    """One term of the loss: the features it compares, and its weight."""

    keys: list[str]
    loss: Loss


@dataclass(frozen=True)
class _ForwardPass:
    """What the network sees in some of a step's views."""

    colors: list[Tensor]  # of each view: (P, C), the leaf that was shown
    samples: dict[str, Tensor]  # (1, C, 1, N): what is compared with the style's, of all views in a row
    weights: dict[str, Tensor]  # (1, 1, N)
    own: Tensor  # (): the loss of each view by itself: its landmarks, its colours' range


def crop_of(network: Network) -> tuple[int, int]:
    """Decide how many pixels around the surface views keep for `network`, and what sides are multiples of.

    As many as features are kept away from its border (see `layer_mask`), in whole units of the deepest layer
    that is compared. With three times as many, gradients were the same.
    """
    layers = [network.layer(name) for name in network.style_layers]
    multiple = max(layer.stride for layer in layers)
    return -(-max(map(_erosion, layers)) // multiple) * multiple, multiple


def _erosion(layer: Layer) -> int:
    """How far from the surface's border a layer's units count, in pixels."""
    return layer.receptive_field // 10


class Score:
    """The loss of views: their style, palette and landmarks, and colours that a screen cannot show."""

    def __init__(self, network: Network, styles: Styles, style_loss: str, content_weight: float) -> None:
        """styles: at the scale of the views; style_loss: one of choices.STYLE_LOSSES.

        content_weight: of the content error, relative to the style's.
        """
        self.network, self.styles, self.content_weight = network, styles, content_weight
        self.layers = list(network.style_layers)
        self.erosion = {name: _erosion(network.layer(name)) for name in self.layers}
        samples = self._samples()
        parts = 2 if styles.images[0].device.type == "cpu" else 1  # to be compared side by side
        shares = [list(samples)[i::parts] for i in range(min(parts, len(samples)))]
        self.terms = [
            _Term(keys, style_losses.make(style_loss, [samples[key] for key in keys])) for keys in shares
        ]
        self.terms.append(_Term([PALETTE], palette_loss(list(styles))))
        self.mean = styles.mean_color

    @torch.no_grad()
    def _samples(self) -> dict[str, Samples]:
        seen = [(self._features(image[None], self.layers), share) for image, share in self.styles]
        return {name: [(one[name], share) for one, share in seen] for name in self.layers}

    def _features(self, images: Tensor, layers: list[str]) -> dict[str, Tensor]:
        with mixed_precision(images.device):
            found: dict[str, Tensor] = self.network(images, layers)
        return found

    @torch.no_grad()
    def landmarks(self, gbuffer: GBuffer, colors: Tensor, window: int) -> Landmarks:
        """Note what is to be kept of a view.

        `colors` (P, 6): what its pixels show at the start, and what the original shows there, whose contrast
        says where the landmarks are. window: pixels a side of what the view was before it was cropped.
        """
        background = self.mean[:, None, None].expand(3, gbuffer.height, gbuffer.width)
        start, original = (gbuffer.image(part, background)[None] for part in colors.tensor_split(2, 1))
        layer, mask = self.network.content_layer, gbuffer.mask.float()[None]
        contrast = contrast_of(original, mask, self.styles.shorter)
        # Areas, and what errors are relative to, are the whole view's: a cropped one is held no more closely.
        down, across = (max(1, round(AREAS * side / window)) for side in (gbuffer.height, gbuffer.width))
        kept = landmarks_of(self._features(start, [layer])[layer], start, contrast, mask, (down, across))
        share = gbuffer.height * gbuffer.width / window**2
        return replace(kept, unit=(share * kept.unit.square() + (1 - share) * self._plain).sqrt())

    @cached_property
    def _plain(self) -> Tensor:
        """The mean square () of the features that are kept, where nothing but one colour is seen."""
        layer = self.network.content_layer
        found = self._features(self.mean[:, None, None].expand(1, 3, PLAIN, PLAIN), [layer])[layer].float()
        return found[..., found.shape[2] // 2, found.shape[3] // 2].square().mean()

    def gradients(
        self, texture: Pyramid, batch: list[BankedView], share: float, random: np.random.Generator, each: Map
    ) -> tuple[Tensor, list[Tensor]]:
        """Judge `batch`, the `share` of a step's views: gives the loss (), and its gradients, view by view.

        A gradient (D, 3) is that on the rows of the view's patch; `texture` is only read. A processor
        looks at the views side by side, and then compares the layers side by side; nothing depends on
        which is done first. A card looks at all views at once.
        """
        backgrounds = [self._background(view.gbuffer, random) for view in batch]
        shift = (random.random(), random.random())
        views = list(zip(batch, backgrounds, strict=True))
        groups = [[view] for view in views] if texture.rows.device.type == "cpu" else [views]
        own_share = 1 / max(1, sum(view.light is None for view in batch))
        passes = each(lambda group: self._forward(texture, group, shift, own_share), groups)
        compared = each(lambda term: _compare(term, passes, share), self.terms)
        gradients = {key: gradient for _, found in compared for key, gradient in found.items()}

        def back(index: int) -> list[Tensor]:
            one = passes[index]
            own = torch.full_like(one.own, share)
            wanted = [gradients[key][index] for key in one.samples]
            on_colors = torch.autograd.grad([*one.samples.values(), one.own], one.colors, [*wanted, own])
            return [
                texture.backward(view.patch, gradient)
                for (view, _), gradient in zip(groups[index], on_colors, strict=True)
            ]

        on_rows = [gradient for some in each(back, range(len(passes))) for gradient in some]
        own = torch.stack([one.own.detach() for one in passes]).sum()
        return own + torch.stack([loss for loss, _ in compared]).sum(), on_rows

    def _forward(
        self,
        texture: Pyramid,
        views: list[tuple[BankedView, Tensor]],
        shift: tuple[float, float],
        share: float,
    ) -> _ForwardPass:
        colors, images = [], []
        own = torch.zeros((), device=texture.rows.device)
        for view, background in views:
            shown = texture.sample(view.patch).requires_grad_()
            colors.append(shown)
            astray = F.mse_loss(shown, shown.detach().clamp(0, 1), reduction="sum")
            own = own + RANGE_WEIGHT * astray / max(1, shown.numel())  # a view may show nothing
            if view.backdrop.shape[1]:
                shown = view.backdrop[:, 1:] + view.backdrop[:, :1] * shown
            if view.light is not None and view.look is not None:
                shown = lit(shown, view.look, view.light)
            images.append(view.gbuffer.image(shown[:, :3], background))
        stack = torch.stack(images)
        # Under a light, neither the palette nor the landmarks are the paint's own.
        counts = torch.stack([view.mask * view.facing * (view.light is None) for view, _ in views])
        samples = {PALETTE: _in_a_row(stack[..., ::PALETTE_STRIDE, ::PALETTE_STRIDE])}
        weights = {PALETTE: counts[..., ::PALETTE_STRIDE, ::PALETTE_STRIDE].reshape(1, 1, -1)}
        kept = self.content_weight and any(view.light is None for view, _ in views)
        content = [self.network.content_layer] if kept else []
        features = self._features(stack, [*self.layers, *content])
        for name in self.layers:
            height, width = features[name].shape[2:]
            stride = max(1, round(math.sqrt(height * width) / GRID))
            y, x = (int(part * stride) for part in shift)
            counts = torch.cat([view.weigh((height, width), self.erosion[name]) for view, _ in views])
            samples[name] = _in_a_row(subsample(features[name], stride, (y, x)))
            weights[name] = counts[:, y::stride, x::stride].reshape(1, 1, -1)
        for layer in content:
            own = own + self.content_weight * share * _landmark_error(features[layer], stack, views)
        return _ForwardPass(colors, samples, weights, own)

    def _background(self, view: GBuffer, random: np.random.Generator) -> Tensor:
        """Cut a random piece (3, H, W) out of a style, so that the network sees no outline to fight."""
        image = self.styles.images[random.choice(len(self.styles.images), p=self.styles.shares)]
        height, width = image.shape[1:]
        if height < view.height or width < view.width:
            times = max(-(-view.height // height), -(-view.width // width))
            image = image.repeat(1, times, times)
            height, width = image.shape[1:]
        y, x = random.integers(height - view.height + 1), random.integers(width - view.width + 1)
        return image[:, y : y + view.height, x : x + view.width]


def _in_a_row(features: Tensor) -> Tensor:
    """Lay units of `features` (B, C, h, w) out in one row, (1, C, 1, N): views may differ in size."""
    return features.permute(0, 2, 3, 1).reshape(1, 1, -1, features.shape[1]).permute(0, 3, 1, 2)


def _landmark_error(features: Tensor, images: Tensor, views: list[tuple[BankedView, Tensor]]) -> Tensor:
    """Add up the errors of the views' landmarks: ()."""
    errors = [
        landmark_error(features[i : i + 1], images[i : i + 1], view.mask[None], view.landmarks)
        for i, (view, _) in enumerate(views)
        if view.landmarks is not None and view.light is None
    ]
    return torch.stack(errors).sum() if errors else features.new_zeros(())


def _compare(
    term: _Term, passes: list[_ForwardPass], share: float
) -> tuple[Tensor, dict[str, tuple[Tensor, ...]]]:
    """Evaluate one loss term over all views.

    Gives its value, and for each key and forward pass the gradient, scaled by `share`.
    """
    value, leaves = _loss(term, passes)
    gradients = torch.autograd.grad(value, leaves, torch.full_like(value, share))
    split = [
        torch.split(gradient, [one.samples[key].shape[3] for one in passes], 3)
        for key, gradient in zip(term.keys, gradients, strict=True)
    ]
    return value.detach(), dict(zip(term.keys, split, strict=True))


def _loss(term: _Term, passes: list[_ForwardPass]) -> tuple[Tensor, list[Tensor]]:
    leaves = [
        torch.cat([one.samples[key].detach() for one in passes], 3).requires_grad_() for key in term.keys
    ]
    weights = [torch.cat([one.weights[key] for one in passes], 2) for key in term.keys]
    return term.loss(leaves, weights), leaves
