"""The style distance of a job's report, and the same from near and far, and what to hold it against."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from backend.painting.measures import JUDGED_PIXEL
from backend.result import report

from .subjects import DEVICE, Subject, styles_of, viewing_of

AWAY = {"near": 1.0, "far": 2.0}  # widths of a view's pixel, in those of the finest stage
VIEWS = 48  # of each; chance is felt in the few of a report
TRIES = 4


def judge(who: Subject, style: Path, pixels: float = JUDGED_PIXEL, views: int | None = None) -> report.Judge:
    """As a job's report makes it, but for what is given."""
    viewing = viewing_of(who, style)
    judged = replace(viewing, pixel=pixels * viewing.pixel)
    return report.Judge(who.mesh, styles_of(style), judged, views=views)


def style_distance(judged: report.Judge, texture: Tensor) -> float:
    """Of `texture` (3, S, S)."""
    return judged.style_distance(judged.activations(texture))


@torch.no_grad()
def of_pieces(judged: report.Judge, painting: Tensor) -> tuple[float, float]:
    """When views show random pieces of `painting` (3, H, W), at its scale there, in place of the surface.

    Mean and deviation of TRIES draws. It is not 0, as pieces do not hold all, and end at the silhouette.
    """
    whole = torch.cat([painting, painting.flip(2)], 2)  # goes on without edges, where it is too small
    whole = torch.cat([whole, whole.flip(1)], 1)
    whole = whole.repeat(1, *(2 + report.SIZE // side for side in whole.shape[1:]))
    starts = [side - report.SIZE + 1 if side >= report.SIZE else side for side in painting.shape[1:]]
    background = judged.background[:, None, None]
    found = []
    for seed in range(TRIES):
        random, looks = np.random.default_rng(seed), []
        for mask in judged.masks:
            y, x = (random.integers(start) for start in starts)
            piece = whole[:, y : y + report.SIZE, x : x + report.SIZE]
            looks.append(judged.network((piece * mask + background * (1 - mask))[None], report.LAYERS))
        found.append(judged.style_distance(looks))
    return float(np.mean(found)), float(np.std(found))


def near_and_far(who: Subject, style: Path, textures: dict[str, Tensor]) -> dict[str, dict[str, object]]:
    """Of each texture (3, S, S), from each of AWAY; and of pieces of the painting, with their deviation."""
    found: dict[str, dict[str, object]] = {name: {} for name in (*textures, "painting")}
    viewing, styles = viewing_of(who, style), styles_of(style).to(DEVICE)
    for away, pixels in AWAY.items():
        judged = judge(who, style, pixels, VIEWS)
        for name, texture in textures.items():
            found[name][away] = round(style_distance(judged, texture), 3)
        own = of_pieces(judged, styles.at(viewing.style_width / (pixels * viewing.pixel)).images[0])
        found["painting"][away] = [round(value, 3) for value in own]
    return found
