"""A flat picture painted as a whole, coarse to fine, in its own pixels.

Coarse to fine after Gatys et al. 2017, "Controlling Perceptual Factors"; Adam on pixels that are kept to what
a screen shows, and the average of the last steps as the result, after style-transfer-pytorch (Crowson 2021).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from ..machine.attempts import Attempt, fitted
from ..networks import Network, mixed_precision
from ..objectives import style_losses
from ..objectives.landmarks import Landmarks, contrast_of, landmark_error, landmarks_of
from ..objectives.palette import palette_loss
from ..objectives.style import DECAY, layer_mask
from ..pictures.images import enlarged, resize
from ..pictures.styles import Styles
from ..session import JobSession, Progress
from .brush import Brush
from .optimize import MAX_SKIPPED_STEPS, Pace, Plan, Stage, shared_out

STYLE_WIDTH = 0.75  # a painting's shorter side, in square roots of the picture's area
FINEST = 2.0  # how much larger than the style images their strokes may be painted
COARSEST = 192  # pixels along the longer side, at least, of the first stage
STEP = math.sqrt(2)  # from a stage's size to the next
SIDE = 1024  # pixels a side of what the network looks at, at most
CALM = 362  # pixels along the longer side, above which stages take fewer steps, as strokes are there by then
PALETTE_STRIDE = 3
SMOOTHNESS = 1.0  # weight of the differences between neighbouring pixels, which otherwise speckle
# Steps of a stage, how many stages there are at most, and Adam's rate from the first to the last.
QUALITIES = {
    "draft": (24, 2, (0.04, 0.03)),
    "standard": (40, 4, (0.03, 0.02)),
    "final": (80, 5, (0.03, 0.015)),
}


@dataclass(frozen=True)
class Picture:
    """What is painted: content (3, H, W) as it is; start (3, H, W), which is kept; mask (1, H, W), or None,
    how far each pixel is painted."""

    content: Tensor
    start: Tensor
    mask: Tensor | None = None

    @property
    def longer(self) -> int:
        """Pixels along its longer side."""
        return max(self.content.shape[1:])

    def composed(self, paint: Tensor) -> Tensor:
        """Lay `paint` (3, H, W) over the content as the mask lets it show."""
        return paint if self.mask is None else self.content.lerp(paint, self.mask)

    def at(self, longer: int) -> Picture:
        """Scale it so that its longer side is so many pixels."""
        size = [max(1, round(side * longer / self.longer)) for side in self.content.shape[1:]]
        mask = None if self.mask is None else resize(self.mask, *size)
        return Picture(resize(self.content, *size), resize(self.start, *size), mask)

    def to(self, device: torch.device) -> Picture:
        """Move it to `device`."""
        mask = None if self.mask is None else self.mask.to(device)
        return Picture(self.content.to(device), self.start.to(device), mask)

    def part(self, window: Window) -> Picture:
        """Cut out what `window` shows of it."""
        mask = None if self.mask is None else self.mask[window]
        return Picture(self.content[window], self.start[window], mask)


Window = tuple[slice, slice, slice]


def style_side(height: int, width: int) -> float:
    """Compute the shorter side, in pixels, of style images beside a picture of `height` and `width`."""
    return STYLE_WIDTH * math.sqrt(height * width)


def stages(picture: Picture, styles: Styles, quality: str, steps: int | None) -> tuple[Stage, ...]:
    """Choose the quality's stages for a picture; with `steps` in all, shared out in the same proportion.

    The last is as large as the picture, but no larger than the styles have detail for.
    """
    each, most, (first, last) = QUALITIES[quality]
    detail = FINEST * styles.shorter / style_side(*picture.content.shape[1:])
    finest = max(min(picture.longer, COARSEST), round(picture.longer * min(1.0, detail)))
    count = max(1, min(most, 1 + math.floor(math.log(finest / COARSEST) / math.log(STEP) + 1e-6)))
    planned = []
    for k in range(count):
        side = round(finest / STEP ** (count - 1 - k))
        name = "refining" if k == count - 1 else "painting" if k else "composing"
        rate = first + (last - first) * k / max(1, count - 1)
        planned.append(Stage(name, picture.longer / side, side, math.ceil(each * min(1, CALM / side)), rate))
    return tuple(planned) if steps is None else shared_out(tuple(planned), steps)


def paint(
    picture: Picture, styles: Styles, network: Network, plan: Plan, session: JobSession, brush: Brush
) -> Iterator[Progress]:
    """Optimise a picture so that it has the styles' statistics and keeps its start's landmarks.

    Gives where the loop is after every step; `brush` has the painting (3, h, w), which `finished` makes the
    picture's size. Steps without numbers, and memory that does not suffice, are as in `optimize.paint`.
    """
    pace, attempt = Pace(plan), Attempt(1)
    gamut = styles.gamut
    gamut = None if gamut is None else gamut.to(session.device)
    for stage in plan.stages:
        small = picture.at(stage.size).to(session.device)
        brush.enter(small.start, goes_on=stage.done > 0)
        assert brush.pixels is not None
        score = _Score(small, styles, network, plan)
        session.clock.lap("set-up")
        for _ in range(stage.done, stage.steps):
            judge = partial(score.gradient, brush.pixels, brush.random)
            (loss, gradient), attempt = fitted(judge, attempt, SIDE, session.message)
            session.clock.lap("score")
            if pace.is_sound(loss, [gradient]):
                brush.step(gradient, stage.rate * pace.damping, gamut)
            else:
                session.message(pace.skip())
                if pace.skipped == MAX_SKIPPED_STEPS:
                    return
            session.clock.lap("texture")
            yield pace.after(stage, pace.loss)


def finished(picture: Picture, painting: Tensor) -> Tensor:
    """Bring `painting` (3, h, w) to the picture's size: (3, H, W); what is finer is the start's."""
    painting = painting.detach().cpu()
    coarse = resize(picture.start, *painting.shape[1:])
    return picture.composed((picture.start + enlarged(painting - coarse, picture.start)).clamp(0, 1))


class _Score:
    """The loss of a picture at one size: its style, palette, landmarks and smoothness."""

    def __init__(self, picture: Picture, styles: Styles, network: Network, plan: Plan) -> None:
        """picture: at that size, on the network's device."""
        self.picture, self.network, self.content_weight = picture, network, plan.content_weight
        self.layers = list(network.style_layers)
        self.shorter = style_side(*picture.content.shape[1:])
        scaled = styles.at(self.shorter).to(picture.content.device)
        decay = 0.0 if max(picture.content.shape[1:]) <= SIDE else DECAY
        with torch.no_grad():
            seen = [(self._features(image[None], self.layers), share) for image, share in scaled]
        samples = [[(one[name], share) for one, share in seen] for name in self.layers]
        self.style = style_losses.make(plan.style_loss, samples, decay)
        self.palette = palette_loss(list(scaled), decay)
        self._landmarks: tuple[Window, Landmarks] | None = None

    def _features(self, images: Tensor, layers: list[str]) -> dict[str, Tensor]:
        with mixed_precision(images.device):
            found: dict[str, Tensor] = self.network(images, layers)
        return found

    def gradient(self, painting: Tensor, random: torch.Generator, attempt: Attempt) -> tuple[float, Tensor]:
        """Judge `painting` (3, h, w), or a random part of it if it is too large: the loss, its gradient."""
        window = self._window(SIDE // attempt.shrunk, random)
        part = self.picture.part(window)
        mask = torch.ones_like(part.content[:1]) if part.mask is None else part.mask
        shown = part.composed(painting[window])[None]
        content = self.network.content_layer
        features = self._features(shown, [*self.layers, *([content] if self.content_weight else [])])
        seen = [features[name] for name in self.layers]
        loss = self.style(seen, [layer_mask(mask, (f.shape[2], f.shape[3]), 0) for f in seen])
        colors = shown[..., ::PALETTE_STRIDE, ::PALETTE_STRIDE]
        loss = loss + self.palette([colors], [mask[..., ::PALETTE_STRIDE, ::PALETTE_STRIDE]])
        loss = loss + SMOOTHNESS * _unrest(shown)
        if self.content_weight:
            kept = self._kept(window, part, mask)
            loss = loss + self.content_weight * landmark_error(features[content], shown, mask, kept)
        (gradient,) = torch.autograd.grad(loss, painting)
        return float(loss.detach()), gradient

    def _window(self, side: int, random: torch.Generator) -> Window:
        spans = []
        for length in self.picture.content.shape[1:]:
            corner = int(torch.randint(max(0, length - side) + 1, (), generator=random))
            spans.append(slice(corner, corner + side))
        return slice(None), spans[0], spans[1]

    @torch.no_grad()
    def _kept(self, window: Window, part: Picture, mask: Tensor) -> Landmarks:
        if self._landmarks is None or self._landmarks[0] != window:
            layer = self.network.content_layer
            whole, start = torch.ones_like(mask), part.composed(part.start)[None]
            contrast = contrast_of(part.content[None], whole, self.shorter)
            features = self._features(start, [layer])[layer]
            self._landmarks = window, landmarks_of(features, start, contrast, whole)
        return self._landmarks[1]


def _unrest(images: Tensor) -> Tensor:
    """The root mean square difference of neighbouring pixels of `images` (B, 3, H, W): ()."""
    down, right = images.diff(dim=2), images.diff(dim=3)
    return (down.square().mean() + right.square().mean() + 1e-12).sqrt()
