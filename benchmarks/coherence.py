"""An alarm: does every patch of a painted object look like one of the painting, and the other way round?

Coherence after Kwatra et al. 2005, "Texture Optimization for Example-Based Synthesis", and completeness after
Simakov et al. 2008, "Summarizing Visual Data Using Bidirectional Similarity", on features of the judging
network, which nobody optimises. Mud, double exposures and coloured noise are patches that no painting has. On
surfaces it agrees with the eye roughly: something to look into, not a goal.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from backend.objectives.style import layer_mask
from backend.pictures.images import read_image
from backend.result import report

from . import jobs
from .judging import judge
from .results import record
from .subjects import painting, subject

PAIRS = (("fox", "starry_night"), ("suzanne", "composition_viii"))
LAYERS = report.LAYERS[:3]
SCALES = (0.5, 0.7, 1.0, 1.4)  # of the painting, so that the size of strokes is free
KEPT = 8000  # patches of either side
CHUNK = 2048
LEAST = 48  # pixels of the painting's shorter side, of which it has patches

Patches = dict[str, Tensor]  # of each layer (C, N)


def measure() -> None:
    """Of the fox and Suzanne at Standard, beside the painting's own halves."""
    for name, style in PAIRS:
        who, path = subject(name), painting(style)
        jobs.paint(who, path, quality="standard")
        found = alarm(judge(who, path), read_image(path, "", ""), jobs.texture(who, path, quality="standard"))
        record("coherence", {f"{name} {style}": found})


def alarm(judged: report.Judge, style: Tensor, texture: Tensor) -> dict[str, float]:
    """Measure coherence and completeness of `texture` (3, S, S) to `style` (3, H, W): lower is better.

    The floor is what a painter would get: one half of the painting against the other.
    """
    shown = seen(judged, texture)
    whole = of_painting(judged, style, SCALES)
    halves = [of_painting(judged, half, SCALES) for half in style.chunk(2, 2)]
    floor = (distance(halves[0], halves[1]) + distance(halves[1], halves[0])) / 2
    found = {"coherence": distance(shown, whole), "completeness": distance(whole, shown), "floor": floor}
    return {key: round(value, 3) for key, value in found.items()}


def seen(judged: report.Judge, texture: Tensor) -> Patches:
    """What views of the surface show, silhouettes left out."""
    found: dict[str, list[Tensor]] = {layer: [] for layer in LAYERS}
    for mask, features in zip(judged.masks, judged.activations(texture), strict=True):
        for layer in LAYERS:
            size = (features[layer].shape[2], features[layer].shape[3])
            inside = layer_mask(mask[None], size, 2)[0] > 0.99
            found[layer].append(features[layer][0][:, inside])
    return {layer: torch.cat(columns, 1) for layer, columns in found.items()}


@torch.no_grad()
def of_painting(judged: report.Judge, image: Tensor, scales: tuple[float, ...]) -> Patches:
    """What the judge sees in `image` (3, H, W), at so many times the views' size."""
    found: dict[str, list[Tensor]] = {layer: [] for layer in LAYERS}
    shorter = report.SIZE
    for scale in scales:
        if shorter * scale < LEAST:
            continue
        size = [round(side * shorter * scale / min(image.shape[1:])) for side in image.shape[1:]]
        small = F.interpolate(image[None], size, mode="bilinear", antialias=True)
        for layer, features in judged.network(small, LAYERS).items():
            found[layer].append(features[0].flatten(1))
    return {layer: torch.cat(columns, 1) for layer, columns in found.items()}


def distance(some: Patches, others: Patches) -> float:
    """Measure 1 - the mean cosine of `some` patches with their nearest of `others`, over the layers."""
    found = []
    for layer in LAYERS:
        mean = others[layer].mean(1, keepdim=True)
        a, b = (F.normalize(_kept(one[layer]) - mean, dim=0) for one in (some, others))
        best = [(a[:, k : k + CHUNK].T @ b).amax(1) for k in range(0, a.shape[1], CHUNK)]
        found.append(1 - float(torch.cat(best).mean()))
    return sum(found) / len(found)


def _kept(columns: Tensor) -> Tensor:
    random = torch.Generator().manual_seed(0)
    return columns[:, torch.randperm(columns.shape[1], generator=random)[:KEPT]]
