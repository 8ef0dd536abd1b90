"""What a job reports of its textures: how near they are to the style and to what was there before."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ..pictures.styles import Styles
from ..rendering.texels import each_tile
from ..rendering.views import Viewing
from ..result import report
from .aim import MIN_STYLE_PIXELS
from .subject import Subject

JUDGED_PIXEL = 1.5  # of a held-out view, in those of the finest stage


def judged_viewing(viewing: Viewing) -> Viewing:
    """Decide how results are looked at to be measured."""
    pixel = min(JUDGED_PIXEL * viewing.pixel, viewing.style_width / MIN_STYLE_PIXELS)
    return replace(viewing, pixel=pixel)


def measure(
    subject: Subject, styles: Styles, viewing: Viewing, start: Tensor, result: Tensor
) -> dict[str, Any]:
    """Measure style and content distance and seam ratio, and the same of what was there before.

    That is what is kept, or without any the `start` (3, tiles · S, S). Of several textures also the style
    distance of each. See `report`.
    """
    mesh = subject.mesh
    judge = report.Judge(mesh, styles, judged_viewing(viewing), subject.mask)
    before = start if subject.kept is None else subject.kept
    seen, seen_before = judge.activations(result), judge.activations(before)
    found = {
        "style_distance": judge.style_distance(seen),
        "style_distance_before": judge.style_distance(seen_before),
        "content_distance": None if subject.kept is None else judge.content_distance(seen, seen_before),
        "seam_ratio": report.seam_ratio(mesh, result),
        "seam_ratio_before": report.seam_ratio(mesh, before),
    }
    rounded: dict[str, Any] = {k: None if value is None else round(value, 4) for k, value in found.items()}
    if subject.tiled:
        each = [judge.style_distance_of(tile, seen) for tile in range(len(subject.names))]
        rounded["tiles"] = [{"style_distance": value and round(value, 4)} for value in each]
    return rounded


def by_tile(subject: Subject, files: list[str], seen: NDArray[np.bool_]) -> list[dict[str, Any]]:
    """Make the report's part on each texture. `seen` (tiles · S, S): texels that views moved."""
    found = []
    parts = zip(subject.names, files, each_tile(seen), each_tile(subject.to_paint), strict=True)
    for name, file, saw, inside in parts:
        coverage = round(float(saw[inside].mean()), 5) if inside.any() else None
        found.append({"name": name, "texture": file, "coverage": coverage})
    return found
