"""Yardstick 7: the style losses against each other, at equal steps and by the clock."""

from __future__ import annotations

from backend.protocol.choices import STYLE_LOSSES

from . import jobs
from .pictures import STAND, STANDS, portrait, sheet
from .results import record
from .subjects import painting, subject

PAIRS = (("fox", "starry_night"),)


def measure() -> None:
    """A Draft job with each loss, and a sheet of pictures."""
    tiles = []
    for name, style in PAIRS:
        for loss in STYLE_LOSSES:
            done = jobs.paint(subject(name), painting(style), quality="draft", style_loss=loss)
            seconds = done["seconds"]["processor"]
            numbers = {"style_distance": done["style_distance"], "processor_seconds": seconds}
            record("style_losses", {f"{name} {style} {loss}": numbers})
            texture = jobs.texture(subject(name), painting(style), quality="draft", style_loss=loss)
            text = f"{loss}: {done['style_distance']:.2f}"
            tiles.append((text, portrait(subject(name).mesh, texture, 320, STANDS.get(name, STAND))))
    sheet("style_losses", tiles, len(STYLE_LOSSES))
