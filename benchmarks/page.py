"""docs/benchmarks.md and its plots, from docs/benchmarks/results.json."""

from __future__ import annotations

from typing import Any

from backend.painting.measures import JUDGED_PIXEL
from backend.result.report import VIEWS as FEW

from . import blind
from .judging import AWAY, VIEWS
from .results import known
from .subjects import FIGURES, ROOT

INTRO = """# Benchmarks

`make bench` measures this on the machine that it runs on (about 45 minutes on two cores; `make bench-all`
adds two more of the peer's runs, a job at 8192², Suzanne in the three qualities and the losses against each
other) and writes this page; `benchmarks/` says how each number is taken, and
[results.json](benchmarks/results.json) has them all, each with its machine. Nothing here is asserted by a
test. The fox in the pictures: model by PixelMannen, rigging by @tomkranis, conversion by @AsoboStudio with
@scurest, CC-BY 4.0. Style distance, seam ratio and coverage are those of a job's report:
`backend/result/report.py`.
"""


def write() -> None:
    """Write the page and the plots."""
    sections = known()
    parts = [INTRO, comparisons()]
    for name, render in SECTIONS.items():
        if name in sections:
            numbers = {k: v for k, v in sections[name].items() if k not in ("machine", "note")}
            machine = sections[name]["machine"]
            parts.append(render(numbers))
            if note := sections[name].get("note"):
                parts.append(f"{note}\n")
            of = f"{machine['cpu']}, {machine['cores']} cores, networks in {machine['networks']}"
            parts.append(f"*{of}, torch {machine['torch']}.*\n")
    if missing := [name for name in SECTIONS if name not in sections]:
        parts.append(f"Not measured yet: {', '.join(missing)}.\n")
    (ROOT / "docs" / "benchmarks.md").write_text("\n".join(parts), encoding="utf-8")


def table(head: list[str], rows: list[list[Any]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines) + "\n"


def figure(title: str, name: str) -> str:
    """A picture in docs/benchmarks/, if it has been made."""
    return f"\n![{title}](benchmarks/{name})\n" if (FIGURES / name).exists() else ""


def comparisons() -> str:
    """What judges said who did not know which was which."""
    text = """## What is preferred

Objects from four sides in two textures, of which a coin said which is which, beside the painting; told by
judges that had seen neither before (language models that look at pictures): which goes into production, how
sure (.5 to 1), and how painterly, how clean, how true in colour and in landmarks each is (1 to 10). Each vote
is in [votes.json](benchmarks/votes.json). What was tried and lost, and pictures: [pictures.md](pictures.md).
`python -m benchmarks.blind` makes such sheets, and counts.
"""
    head = ["", "of", "judge", "preferred", "sure", "scores"]
    return text + "\n" + table(head, [blind.row(one) for one in blind.known()])


def race(numbers: dict[str, Any]) -> str:
    rows = [
        [pair, n["peer"]["processor_seconds"], quality, n["ours"][quality]["processor_seconds"], times]
        for pair, n in numbers.items()
        for quality, times in n["times_less"].items()
    ]
    text = """## Beside the recipe of 2018

The peer is the recipe of 2018 (`benchmarks/lucid_recipe.py`): 400 steps of one 512² view on a Fourier
texture of 1024², in float32, with the network, layers and weights of ours. Ours are whole jobs, from files to
files; the peer's time is its steps times the seconds of a step right beside ours. Which picture is preferred,
judges say of the sheets that this makes.
"""
    head = ["", "the peer's processor seconds", "ours", "its processor seconds", "times less"]
    return text + "\n" + table(head, rows)


def coherence(numbers: dict[str, Any]) -> str:
    keys = "coherence", "completeness", "floor"
    text = """## Coherence, an alarm

1 - the mean cosine of every patch of the object with the nearest of the painting (coherence), the other way
round (completeness), and of one half of the painting with the other (floor), by features that nobody
optimises. A jump says that something broke; a small gain says nothing.
"""
    rows = [[name, *(n[key] for key in keys)] for name, n in numbers.items()]
    return text + "\n" + table(["", *keys], rows)


def texture_size(n: dict[str, Any]) -> str:
    text = "## Texture size\n\nThe same views at every size: 160² pixels as fine as a texture of 512².\n\n"
    steps = n["step_seconds"]
    first = steps[min(steps, key=int)]
    rows = [[f"{size}²", seconds, f"{seconds / first:.2f}"] for size, seconds in steps.items()]
    text += table(["texture", "processor seconds a step", "over the smallest's"], rows) + "\n"
    rows = [
        [f"{key[4:]}²", *(job[k] for k in ("peak_memory_gb", "set-up", "finish", "report", "coverage"))]
        for key, job in n.items()
        if key.startswith("job_")
    ]
    head = ["short job", "peak memory, GB", "set-up, s", "finish, s", "report, s", "coverage"]
    return text + table(head, rows) if rows else text


def step_shares(n: dict[str, Any]) -> str:
    parts = ", ".join(f"{name} {seconds} s" for name, seconds in n["parts"].items())
    rows = [
        [way, n[f"loop_{key}"], n[f"network_alone_{key}"], f"{n[share]:.1%}"]
        for way, key, share in (
            ("by the clock", "seconds", "not_the_network"),
            ("of processor time", "processor_seconds", "not_the_network_by_processor_time"),
        )
    ]
    text = """## What a step is

The loop of a Standard job on the fox at 1024², and the network's forward and backward passes alone, timed
after every fifth step on views of the same size, as the loop has them: on a processor view by view, side by
side. What the clock says beyond processor time is a core that waits for the other.

"""
    text += table(["", "the loop, s", "the network, s", "not the network"], rows)
    return text + f"\nThe loop's parts (`score` is the network with all around it): {parts}.\n"


def whole_material(n: dict[str, Any]) -> str:
    text = """## The whole material

Steps on the finest views of a Standard job on the fox at 1024², with the colours alone and with roughness,
metalness, normals and height beside them, in turns on the same machine; then the most memory of a short job.

"""
    head = ["processor seconds a step, colour", "whole material", "ratio", "short job", "peak memory, GB"]
    keys = "colour", "whole", "whole_over_colour"
    size = f"{n['job_size']}²" if "job_size" in n else "–"
    return text + table(head, [[*(n[key] for key in keys), size, n.get("peak_memory_gb", "–")]])


def qualities(numbers: dict[str, Any]) -> str:
    keys = "steps", "seconds", "processor_seconds", "style_distance", "content_distance"
    rows = [[name, *("–" if n[key] is None else n[key] for key in keys)] for name, n in numbers.items()]
    head = ["quality", "steps", "seconds", "of processor time", "style distance", "content distance"]
    text = "## The three qualities\n\nThe fox with Starry Night, Suzanne with Composition VIII, 1024².\n\n"
    text += table(head, rows)
    return text + "".join(
        figure(f"Draft, Standard and Final, {name}", f"qualities_{name}.jpg") for name in ("fox", "suzanne")
    )


def near_and_far(numbers: dict[str, Any]) -> str:
    def shown(value: float | list[float]) -> str:
        return f"{value[0]} ± {value[1]}" if isinstance(value, list) else f"{value}"

    ways = ", ".join(f"{away}: {pixels:g}" for away, pixels in AWAY.items())
    text = f"""### From near and far

The style distance again, on {VIEWS} views whose pixels are so many times as wide as those of the finest stage
({ways}); a report has {FEW} of {JUDGED_PIXEL}. "Painting" is what pieces of the painting itself get on the
same views, with the deviation from draw to draw: what differs by less may be no different.
"""
    rows = [[name, *(shown(n[away]) for away in AWAY)] for name, n in numbers.items()]
    return text + "\n" + table(["", *AWAY], rows)


def surfaces(numbers: dict[str, Any]) -> str:
    keys = "seam_ratio", "seam_ratio_before", "coverage", "style_distance"
    rows = [[name, *(n[key] for key in keys)] for name, n in numbers.items()]
    head = ["1024²", "seam ratio", "before", "coverage", "style distance"]
    text = """## Seams and coverage

Seam ratio: the mean jump of colour across UV seams over that across other edges; 1 is seamless. The fox's
own landmarks lie on its seams, so its ratio is to be held against the original's. Coverage is the share
of used texels that some view has moved; the rest is filled from what is nearest on the surface.
"""
    return text + "\n" + table(head, rows)


def circles(numbers: dict[str, Any]) -> str:
    rows = [
        [
            name,
            n["ellipses"],
            n["size"],
            f"{n['size_within_15_percent']:.0%}",
            n["axis_ratio"],
            n["axis_ratio_90_percent"],
        ]
        for name, n in numbers.items()
    ]
    head = ["", "ellipses", "size", "of median size within 15 %", "axis ratio", "90 % below"]
    text = """## Circles stay circles

A style of equal circles; the blobs on held-out views, measured on the surface, so that perspective is undone.
Size is the median diameter over the style's; axis ratio the median of longer over shorter axis.
"""
    return text + "\n" + table(head, rows) + figure("Circles", "circles.jpg")


def style_losses(numbers: dict[str, Any]) -> str:
    rows = [[name, n["style_distance"], n["processor_seconds"]] for name, n in numbers.items()]
    text = """## Style losses

Draft jobs at 1024², the same steps with each. The judge of the style distance compares Gram matrices (of
another network), so it leans towards the Gram loss: the pictures count as much.
"""
    text += "\n" + table(["", "style distance", "seconds of processor time"], rows)
    return text + figure("Style losses", "style_losses.jpg")


def first_paint(numbers: dict[str, Any]) -> str:
    """How soon after the press paint shows."""
    parts = (
        *("exported", "export, of a processor", "handed over", "begun", "looking", "first G-buffer"),
        *("first preview", "second preview", "tenth", "in 5 s", "load"),
    )
    rows = []
    for triangles, times in numbers["seconds"].items():
        for kind, found in times.items():
            found = {"tenth": found.get("previews", "–")[-1]} | found
            rows.append([f"{int(triangles):,}", kind, *(found.get(part, "–") for part in parts)])
    return (
        """## First paint

Seconds from the press of the button, in Blender without a window, for spheres of so many triangles with a
texture of 1024²: until the job is written (and what that took of a processor), until it is handed over, until
the backend begins it, until the object is read and it begins to look, until it knows what the artist's view
sees, and until the first, the second and the tenth preview are read; how many are read within 5 s of the
first, that one with them. Cold: no painter runs yet; warm: one does, and has not seen the object; again: it
has. The load is how many programs wanted the cores at the time. `make bench PIECES=first_paint` measures it
anew.

"""
        + table(["triangles", "painter", *parts], rows)
        + f"\nBlender {numbers['blender']}.\n"
    )


SECTIONS = {
    f.__name__: f
    for f in (
        race,
        coherence,
        texture_size,
        step_shares,
        whole_material,
        qualities,
        near_and_far,
        surfaces,
        circles,
        first_paint,
        style_losses,
    )
}
