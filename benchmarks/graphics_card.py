"""What a graphics card makes of it: the yardsticks there, and whole jobs through every rasterizer; a table.

`benchmarks/gpu.sh` runs this, with PATINA_DEVICE=cuda. Everything is recorded in
docs/benchmarks/results_cuda.json.
"""

from __future__ import annotations

import importlib.util

import torch

from . import jobs, race, step_shares, texture_size
from .results import known, record
from .subjects import DEVICE, machine, painting, subject

JOBS = (("standard", 1024), ("final", 4096))


def main() -> None:
    """Measure all of it and print the table."""
    jobs.paint(subject("fox"), painting("starry_night"), quality="draft", steps=4)  # the card warms up
    rasterizers = ["embree"]
    if DEVICE.type == "cuda" and importlib.util.find_spec("nvdiffrast"):
        rasterizers.append("nvdiffrast")
    for rasterizer in rasterizers:
        for quality, size in JOBS:
            whole_job(rasterizer, quality, size)
    race.measure("fox", "starry_night")
    texture_size.measure()
    step_shares.measure()
    print(table())


def whole_job(rasterizer: str, quality: str, size: int) -> None:
    """From files to files, with the most memory that the card held."""
    settings = {"quality": quality, "texture_size": size, "rasterizer": rasterizer}
    if DEVICE.type == "cuda":
        torch.cuda.reset_peak_memory_stats(DEVICE)
    done = jobs.paint(subject("fox"), painting("starry_night"), **settings)
    numbers = {key: done[key] for key in ("style_distance", "seam_ratio", "coverage", "seconds")}
    numbers["peak_memory_gb"] = round(done["peak_memory_mb"] / 1000, 2)
    record("whole_jobs", {f"{quality} {size}, {rasterizer}": numbers})


def table() -> str:
    """What was measured beside what it should be."""
    found = known()
    beside = found["race"]["fox starry_night"]
    sizes = found["texture_size"]
    rows = [
        (f"{name}: seconds", job["seconds"]["job"], "10" if "1024" in name else "60")
        for name, job in found["whole_jobs"].items()
        if name != "machine"
    ]
    rows += [
        (f"{name}: peak memory, GB", job["peak_memory_gb"], "6" if "4096" in name else "")
        for name, job in found["whole_jobs"].items()
        if name != "machine"
    ]
    rows += [
        (
            "the recipe of 2018 over Standard, in seconds",
            beside["times_less"]["standard"],
            "at least 5",
        ),
        ("a step at 4096² over one at 512²", sizes["4096_over_512"], "1.25"),
        ("a step at 8192² over one at 512²", sizes["8192_over_512"], ""),
        ("share of a step that is not the network", found["step_shares"]["not_the_network"], "0.15"),
    ]
    lines = [" · ".join(str(value) for value in machine().values())]
    lines += [f"{name:<48}{value!s:>10}   {wanted}" for name, value, wanted in rows]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
