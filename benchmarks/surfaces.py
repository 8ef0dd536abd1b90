"""Yardsticks 3 to 6 of whole jobs: the three qualities, seams, and how much of the surface is painted."""

from __future__ import annotations

from typing import Any

from . import jobs
from .judging import near_and_far
from .pictures import STAND, STANDS, portrait, sheet
from .results import record
from .subjects import painting, subject

MEASURES = ("style_distance", "content_distance", "seam_ratio", "seam_ratio_before", "coverage", "steps")
SURFACES = (("fox", "starry_night"), ("suzanne", "composition_viii"), ("islands", "starry_night"))
QUALITIES = ("draft", "standard", "final")


def qualities(name: str, style: str) -> None:
    """A mesh in all three, and a picture of them side by side: docs/benchmarks/qualities_NAME.jpg."""
    who, textures = subject(name), {}
    for quality in QUALITIES:
        done = jobs.paint(who, painting(style), quality=quality)
        record("qualities", {f"{name} {quality}": _seconds(done) | {k: done[k] for k in MEASURES}})
        textures[quality] = jobs.texture(who, painting(style), quality=quality)
    for looked, numbers in near_and_far(who, painting(style), textures).items():
        record("near_and_far", {f"{name} {looked}": numbers})
    tiles = [
        (quality, portrait(who.mesh, texture, 448, STANDS.get(name, STAND)))
        for quality, texture in textures.items()
    ]
    sheet(f"qualities_{name}", tiles, len(QUALITIES))


def _seconds(done: dict[str, Any]) -> dict[str, float]:
    return {"seconds": done["seconds"]["job"], "processor_seconds": done["seconds"]["processor"]}


def surfaces() -> None:
    """Seam ratio and coverage at Standard: landmarks on seams, concavities, many small islands."""
    for name, style in SURFACES:
        done = jobs.paint(subject(name), painting(style), quality="standard")
        numbers = {k: done[k] for k in MEASURES} | _seconds(done)
        record("surfaces", {f"{name} {style}": numbers})
