"""The pictures whose style is taken, as one value."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from ..protocol.job import Job
from ..protocol.parts import Style
from .images import read_image, resize_shorter
from .orientation import LUMINANCE, stroke_angle
from .palette import gamut, moments, recolor, transport

MAX_PIXELS = 1 << 25  # of a style that are kept: of more, no view shows anything
PALETTE_SIDE = 256  # of each picture scaled down, whose colours are drawn from


@dataclass(frozen=True)
class Styles:
    """Style images (3, H, W) with shares that sum to 1. Iterating gives (image, share) pairs."""

    images: tuple[Tensor, ...]
    shares: tuple[float, ...]

    def __iter__(self) -> Iterator[tuple[Tensor, float]]:
        return zip(self.images, self.shares, strict=True)

    @property
    def shorter(self) -> int:
        """The largest shorter side, in pixels: no view shows more of the styles than that."""
        return max(min(image.shape[1:]) for image in self.images)

    @property
    def mean_color(self) -> Tensor:
        """(3,): the mean colour of all."""
        zero = torch.zeros(3, device=self.images[0].device)
        return sum((image.mean((1, 2)) * share for image, share in self), zero)

    @property
    def gamut(self) -> Tensor | None:
        """(3, 3): what of a change of colour stays among the styles' own; None: all of it (see `gamut`)."""
        away = [image.flatten(1) - self.mean_color[:, None] for image in self.images]
        spread = sum(share * one @ one.T / one.shape[1] for one, share in zip(away, self.shares, strict=True))
        assert isinstance(spread, Tensor)
        return gamut(spread)

    @property
    def stroke_angle(self) -> float:
        """The angle that most strokes run at, counterclockwise from the right."""
        return stroke_angle(list(self))

    def at(self, shorter: float) -> Styles:
        """Scale every image so that its shorter side is `shorter` pixels."""
        return replace(self, images=tuple(resize_shorter(image, shorter) for image in self.images))

    def within(self, shorter: float) -> Styles:
        """Scale every image down so that its shorter side is at most `shorter` pixels."""
        return replace(
            self,
            images=tuple(resize_shorter(image, min(shorter, min(image.shape[1:]))) for image in self.images),
        )

    def to(self, device: torch.device) -> Styles:
        """Move the images to `device`."""
        return replace(self, images=tuple(image.to(device) for image in self.images))

    def palette(self, count: int, random: torch.Generator) -> Tensor:
        """Draw colours from the images by their shares: (count, 3)."""
        side = PALETTE_SIDE
        colors = torch.cat([F.adaptive_avg_pool2d(image, side).flatten(1).T for image in self.images])
        weights = torch.cat([torch.full((side * side,), share) for share in self.shares])
        return colors[torch.multinomial(weights, count, replacement=True, generator=random)]

    def blended(self, other: Styles, share: float) -> Styles:
        """Mix these styles with a `share` of the `other` ones."""
        return Styles(
            (*self.images, *other.images),
            (*(own * (1 - share) for own in self.shares), *(own * share for own in other.shares)),
        )

    def recolored(self, colors: Tensor, share: float) -> Styles:
        """Move the images to `colors` (N, 3), but keep their strokes' contrast where these have less.

        Each colour goes `share` of its way, 0..1, so the palettes lie on the geodesic of optimal transport
        between the two (displacement interpolation, McCann 1997). What has `colors`, and is moved the rest
        of the way to the images' own, comes to the same palette.
        """
        moved = (image.lerp(_recolored(image, colors), share) for image in self.images)
        return replace(self, images=tuple(moved))


def _recolored(image: Tensor, colors: Tensor) -> Tensor:
    mean, covariance = moments(colors)
    own = moments(image.flatten(1).T)
    light = torch.from_numpy(LUMINANCE)
    missing = (0.5 * light @ own[1] @ light - light @ covariance @ light).clamp_min(0)
    return recolor(image, transport(own, (mean, covariance + missing)))


def read_styles(job: Job, folder: Path) -> Styles:
    """Read the job's style images from `folder`, once and at their own size.

    Raises PatinaError for one that cannot be used.
    """
    total = sum(style.weight for style in job.styles)
    images = tuple(read_style(style, folder) for style in job.styles)
    return Styles(images, tuple(style.weight / total for style in job.styles))


def read_style(style: Style, folder: Path) -> Tensor:
    """Read the part of a style's picture that counts. Raises PatinaError as `read_image` does."""
    return read_image(folder / style.image, "style image", "styles", style.crop, MAX_PIXELS)
