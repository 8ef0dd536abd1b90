"""Yardstick 1: how soon a job has a picture that is preferred to the one the recipe of 2018 ends with.

Ours is timed as whole jobs from files to files. Right before and after, the peer takes some steps: its run's
seconds are its steps times the faster of these, so that both sides of the ratio know the same machine. What
is preferred, judges say: a sheet of each quality beside the peer's end goes to out/benchmarks/race/sheets.
"""

from __future__ import annotations

from . import blind, jobs, lucid_recipe
from .results import record
from .subjects import SCRATCH, painting, subject, viewing_of

PAIRS = (
    ("fox", "starry_night"),
    ("suzanne", "composition_viii"),
    ("fox", "composition_viii"),
    ("suzanne", "starry_night"),
)
QUALITIES = ("draft", "standard")
PROBE = 5  # steps of the peer beside ours


def measure(name: str, style_name: str) -> None:
    """Run the peer to its end (or find it there), then ours; record the times, and make the sheets."""
    who, style = subject(name), painting(style_name)
    span = viewing_of(who, style).style_width
    folder = SCRATCH / "race" / f"{name}_{style_name}"
    run = lucid_recipe.peer(who, style, span, folder)
    probe = lucid_recipe.Recipe(who, style, span)
    probe.steps(1)
    beside, ours = [probe.timed(PROBE)], {}
    for quality in QUALITIES:
        seconds = jobs.paint(who, style, quality=quality)["seconds"]
        ours[quality] = {"seconds": seconds["job"], "processor_seconds": seconds["processor"]}
        last = folder / f"{max(run.pictures):03}.png"
        new = jobs.folder(who, style, quality=quality) / "texture.png"
        blind.sheet(SCRATCH / "race" / "sheets" / quality, who.mesh, name, style, new, last)
    beside.append(probe.timed(PROBE))
    peer = {
        "seconds": round(lucid_recipe.STEPS * min(clock for clock, _ in beside)),
        "processor_seconds": round(lucid_recipe.STEPS * min(used for _, used in beside)),
        "seconds_of_its_own_run": round(run.seconds),
    }
    times = {
        quality: round(peer["processor_seconds"] / one["processor_seconds"], 1)
        for quality, one in ours.items()
    }
    record("race", {f"{name} {style_name}": {"peer": peer, "ours": ours, "times_less": times}})
