"""Yardstick 1: how soon a job is as good as the recipe of 2018 is in the end.

Ours is timed as whole jobs from files to files, each with more steps than the last, until one reaches
the peer's final style distance. Right before and after, the peer takes some steps: its run's seconds are
its steps times the faster of these, so that both sides of the ratio know the same machine.
"""

from __future__ import annotations

from typing import Any

from backend.pictures.images import read_image

from . import jobs, lucid_recipe
from .judging import judge, style_distance
from .results import record
from .subjects import SCRATCH, painting, subject, viewing_of

PAIRS = (
    ("fox", "starry_night"),
    ("suzanne", "composition_viii"),
    ("fox", "composition_viii"),
    ("suzanne", "starry_night"),
)
# Settings of ours, cheapest first.
LADDER: tuple[dict[str, Any], ...] = (
    {"quality": "draft", "steps": 20},
    {"quality": "draft", "steps": 45},
    {"quality": "draft"},
    {"quality": "standard"},
)
PROBE = 5  # steps of the peer beside ours


def measure(name: str, style_name: str) -> None:
    """Run the peer to its end (or find it there), then ours, and record both curves."""
    who, style = subject(name), painting(style_name)
    span = viewing_of(who, style).style_width
    judged = judge(who, style)
    folder = SCRATCH / "lucid" / f"{name}_{style_name}"
    run = lucid_recipe.peer(who, style, span, folder)
    peer = [
        (step, style_distance(judged, read_image(folder / f"{step:03}.png", "", "")))
        for step in sorted(run.pictures)
    ]
    probe = lucid_recipe.Recipe(who, style, span)
    probe.steps(1)
    beside = [probe.timed(PROBE)]
    ours = []
    for settings in LADDER:
        done = jobs.paint(who, style, **settings)
        label = f"{settings['quality']} {done['steps']}"
        ours.append((label, done["seconds"]["job"], done["style_distance"], done["seconds"]["processor"]))
    beside.append(probe.timed(PROBE))
    step_seconds = min(clock for clock, _ in beside)
    whole = lucid_recipe.STEPS * step_seconds
    processor = lucid_recipe.STEPS * min(used for _, used in beside)
    reached = next((job for job in ours if job[2] <= peer[-1][1]), None)
    record(
        "time_to_quality",
        {
            f"{name} {style_name}": {
                "peer": [(round(step * step_seconds, 1), round(value, 4)) for step, value in peer],
                "peer_seconds": round(whole),
                "peer_seconds_of_its_own_run": round(run.seconds),
                "peer_step_seconds_beside_ours": [[round(s, 3) for s in pair] for pair in beside],
                "peer_distance": round(peer[-1][1], 4),
                "start": round(style_distance(judged, jobs.start(who, style)), 4),
                "ours": ours,
                "reached_by": reached and reached[0],
                "seconds_to_reach": reached and reached[1],
                "times_faster": reached and round(whole / reached[1], 1),
                "times_less_processor_time": reached and round(processor / reached[3], 1),
            }
        },
    )
