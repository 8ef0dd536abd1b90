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
import torch.nn.functional as F
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
from .subject import HELD

STYLE_WIDTH = 0.9  # a painting's shorter side, in square roots of the picture's area
FINEST = 2.0  # how much larger than the style images their strokes may be painted
COARSEST = 128  # pixels along the longer side, at most, of the first stage of larger pictures
STEP = math.sqrt(2)  # from a stage's size to the next
SIDE = 1024  # pixels a side of what the network looks at, at most
CALM = 512  # pixels along the longer side, above which stages take far fewer steps, as strokes are there then
BORDER = 8  # pixels that a network is shown beyond a picture's border
PALETTE_STRIDE = 3
SMOOTHNESS = 2.0  # weight of the differences between neighbouring pixels, which otherwise speckle
# Of a network's four style layers: the middle ones, which see strokes, count most; the last, which sees
# motifs, scatters crumbs of them. About what plain Gram matrices weigh in style-transfer-pytorch.
LAYER_WEIGHTS = (0.6, 1.32, 1.52, 0.56)
# Steps of a stage of CALM pixels, and Adam's rate from the first stage to the last. Large shapes of the
# painting come from small pictures, in which steps are cheap.
QUALITIES = {
    "draft": (24, (0.035, 0.02)),
    "standard": (70, (0.03, 0.012)),
    "final": (120, (0.03, 0.01)),
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

    def with_drawn(self, colors: Tensor, share: Tensor) -> Picture:
        """Have what the artist drew, `colors` (3, H, W) as far as `share` (1, H, W) says, be part of what is
        to be recognised, and softly held, as `Subject.with_drawn` does."""
        mask = torch.ones_like(share) if self.mask is None else self.mask
        content, start = (part.lerp(colors, share) for part in (self.content, self.start))
        return Picture(content, start, torch.maximum(mask, share) * (1 - HELD * share))

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
    each, (first, last) = QUALITIES[quality]
    detail = FINEST * styles.shorter / style_side(*picture.content.shape[1:])
    finest = max(min(picture.longer, COARSEST), round(picture.longer * min(1.0, detail)))
    count = max(1, 1 + math.ceil(math.log(finest / COARSEST) / math.log(STEP) - 1e-6))
    planned = []
    for k in range(count):
        side = round(finest / STEP ** (count - 1 - k))
        name = "refining" if k == count - 1 else "painting" if k else "composing"
        rate = first + (last - first) * k / max(1, count - 1)
        steps_here = math.ceil(each * (CALM / min(side, SIDE)) ** (0.5 if side < CALM else 2))
        planned.append(Stage(name, picture.longer / side, side, steps_here, rate))
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
        self.picture, self.network = picture, network
        # What is kept is laid out while the picture is small; then strokes may cross what is finer than they.
        self.content_weight = plan.content_weight * min(1.0, COARSEST / picture.longer)
        self.layers = list(network.style_layers)
        self.shorter = style_side(*picture.content.shape[1:])
        scaled = list(styles.at(self.shorter).to(picture.content.device))
        decay = 0.0 if max(picture.content.shape[1:]) <= SIDE else DECAY
        with torch.no_grad():
            seen = [self._features(_framed(image[None]), self.layers) for image, _ in scaled]
        pairs = list(zip(seen, scaled, strict=True))
        samples = [
            [(_within(found[name], image.shape[2]), share) for found, (image, share) in pairs]
            for name in self.layers
        ]
        weights = LAYER_WEIGHTS if len(samples) == len(LAYER_WEIGHTS) else None
        self.style = style_losses.make(plan.style_loss, samples, decay, weights)
        self.palette = palette_loss(scaled, decay)
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
        framed, counts = _framed(shown), _around(mask)
        content = self.network.content_layer
        features = self._features(framed, [*self.layers, *([content] if self.content_weight else [])])
        seen = [features[name] for name in self.layers]
        loss = self.style(seen, [layer_mask(counts, (f.shape[2], f.shape[3]), 0) for f in seen])
        colors = shown[..., ::PALETTE_STRIDE, ::PALETTE_STRIDE]
        loss = loss + self.palette([colors], [mask[..., ::PALETTE_STRIDE, ::PALETTE_STRIDE]])
        loss = loss + SMOOTHNESS * _unrest(shown)
        if self.content_weight:
            kept = self._kept(window, part, mask)
            loss = loss + self.content_weight * landmark_error(features[content], framed, counts, kept)
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
            whole, start = torch.ones_like(mask), _framed(part.composed(part.start)[None])
            contrast = _around(contrast_of(part.content[None], whole, self.shorter))
            features = self._features(start, [layer])[layer]
            self._landmarks = window, landmarks_of(features, start, contrast, _around(whole))
        return self._landmarks[1]


def _framed(images: Tensor) -> Tensor:
    """Let `images` (B, 3, h, w) go on beyond their border, which a network takes for one in the picture."""
    return F.pad(images, (BORDER,) * 4, mode="replicate")


def _around(weights: Tensor) -> Tensor:
    """Lay zeros around `weights` (…, h, w): nothing counts that is beyond the border."""
    return F.pad(weights, (BORDER,) * 4)


def _within(features: Tensor, width: int) -> Tensor:
    """Cut off what `features` (1, C, h, w) show of the border around a picture of `width` pixels."""
    border = round(BORDER * features.shape[3] / (width + 2 * BORDER))
    return features[:, :, border : features.shape[2] - border, border : features.shape[3] - border]


def _unrest(images: Tensor) -> Tensor:
    """The root mean square difference of neighbouring pixels of `images` (B, 3, H, W): ()."""
    down, right = images.diff(dim=2), images.diff(dim=3)
    return (down.square().mean() + right.square().mean() + 1e-12).sqrt()
