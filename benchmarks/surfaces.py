"""Yardsticks 3 to 6 of whole jobs: the three qualities, seams, and how much of the surface is painted."""

from __future__ import annotations

from typing import Any

from . import jobs
from .pictures import portrait, sheet
from .results import record
from .subjects import painting, subject

MEASURES = ("style_distance", "content_distance", "seam_ratio", "seam_ratio_before", "coverage", "steps")
SURFACES = (("fox", "starry_night"), ("suzanne", "composition_viii"), ("islands", "starry_night"))


def qualities() -> None:
    """The fox in all three, and pictures of them side by side."""
    for quality in ("draft", "standard", "final"):
        done = jobs.paint(subject("fox"), painting("starry_night"), quality=quality)
        record("qualities", {quality: _seconds(done) | {k: done[k] for k in MEASURES}})
    pictures()


def _seconds(done: dict[str, Any]) -> dict[str, float]:
    return {"seconds": done["seconds"]["job"], "processor_seconds": done["seconds"]["processor"]}


def pictures() -> None:
    """docs/benchmarks/qualities.jpg, of the textures that the last run left."""
    who = subject("fox")
    tiles = []
    for quality in ("draft", "standard", "final"):
        texture = jobs.texture(who, painting("starry_night"), quality=quality)
        tiles.append((quality, portrait(who.mesh, texture, 448, "fox")))
    sheet("qualities", tiles, 3)


def surfaces() -> None:
    """Seam ratio and coverage at Standard: landmarks on seams, concavities, many small islands."""
    for name, style in SURFACES:
        done = jobs.paint(subject(name), painting(style), quality="standard")
        numbers = {k: done[k] for k in MEASURES} | _seconds(done)
        record("surfaces", {f"{name} {style}": numbers})
