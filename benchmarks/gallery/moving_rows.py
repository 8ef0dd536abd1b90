"""The rows that move: films of the fox, by the command line's own verbs."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from backend.__main__ import main
from backend.export.model import read_model
from backend.pictures.images import to_pillow
from backend.protocol.events import FINISHED
from backend.protocol.files import REPORT_FILE
from backend.rendering.mesh import Mesh, build_mesh

from .flat_rows import Numbers
from .running import write_run
from .workshop import FIGURES, FOX, SEED, SIDE, fixed, portrait, read

PICTURE = 288  # pixels along a side of a film
WHOLE = 1.9  # of the mesh's units: the fox from snout to tail, square to the side, and as it runs
FPS = 12
STYLES = FOX.parents[2] / "addon" / "styles"
COMMON = ("--texture-size", str(SIDE), "--device", "cpu", "--seed", str(SEED))


def done(verb: str, *words: str | Path) -> tuple[list[Tensor], Numbers]:
    """Do what the command line is asked: the textures (1, 3, S, S) that it leaves, and its report."""
    with tempfile.TemporaryDirectory() as name:
        if main([verb, *map(str, words), *COMMON, "--out", name]) != FINISHED:
            raise SystemExit(f"{verb} failed.")
        report = json.loads(Path(name, REPORT_FILE).read_text(encoding="utf-8"))
        files = sorted(Path(name).glob("texture*.png"), key=lambda path: (len(path.name), path.name))
        return [read(path)[None] for path in files], report


def film(name: str, pictures: Sequence[Tensor], fps: float = FPS) -> None:
    """Write docs/gallery/NAME.webp, which repeats for ever, of pictures (3, H, W)."""
    first, *others = (to_pillow(picture) for picture in pictures)
    first.save(
        FIGURES / f"{name}.webp",
        save_all=True,
        append_images=others,
        duration=round(1000 / fps),
        loop=0,
        quality=70,
        method=6,
    )


def changes(pictures: Sequence[Tensor]) -> dict[str, float]:
    """Measure how evenly a loop of pictures (3, H, W) changes: its mean and largest step, of 255."""
    ring = torch.stack([*pictures, pictures[0]])
    steps = 255 * (ring[1:] - ring[:-1]).abs().mean((1, 2, 3))
    return {"mean": round(float(steps.mean()), 2), "largest": round(float(steps.max()), 2)}


def still(textures: Sequence[Tensor], turn: float = 0.6) -> list[Tensor]:
    """(3, PICTURE, PICTURE) of each: the fox from one side."""
    return [portrait(fixed(texture), turn, PICTURE, window=WHOLE)[0] for texture in textures]


def moving_keys() -> Numbers:
    """As it was, The Starry Night, The Great Wave, and back: 18 textures of three keys."""
    words = []
    for frame, style in ((0, "starry_night.jpg:0"), (6, "starry_night.jpg"), (12, "great_wave.jpg")):
        words += ["--key", str(frame), str(STYLES / style)]
    rest = ("--frames", "18", "--loop", "--easing", "smooth", "--quality", "draft")
    textures, report = done("animate", FOX, *words, *rest)
    pictures = still(textures)
    film("moving_keys", pictures, 8)
    return {
        "change from frame to frame": changes(pictures),
        "peak memory, MB": report["peak_memory_mb"],
    }


def moving_dreams() -> Numbers:
    """Three channels as keys of a loop of twelve textures."""
    words = []
    for frame, channel in ((0, 10), (4, 20), (8, 100)):
        words += ["--key", str(frame), f"channel:relu4_3:{channel}"]
    textures, report = done("animate", FOX, *words, "--frames", "12", "--loop", "--quality", "draft")
    pictures = still(textures)
    film("moving_dreams", pictures, 6)
    return {
        "change from frame to frame": changes(pictures),
        "seam ratio, at most": max(report["seam_ratio"]),
        "peak memory, MB": report["peak_memory_mb"],
    }


def moving_formulas() -> Numbers:
    """Two CPPNs on the fox, and 24 frames of the way from one to the other, there and back."""
    with tempfile.TemporaryDirectory() as name:
        for end, layer, channel in (("a", "relu4_2", "7"), ("b", "relu4_3", "10")):
            words = (
                "--layer",
                layer,
                "--channel",
                channel,
                "--parameterization",
                "cppn",
                "--steps",
                "80",
            )
            if main(["dream", str(FOX), *words, *COMMON, "--out", str(Path(name, end))]) != FINISHED:
                raise SystemExit("dream failed.")
        ends = [Path(name, end, "picture.cppn") for end in ("a", "b")]
        textures, _ = done("morph", *ends, "--mesh", FOX, "--frames", "24")
        sizes = [end.stat().st_size for end in ends]
    pictures = still(textures)
    film("moving_formulas", pictures + pictures[-2:0:-1])
    steps = [255 * float((b - a).abs().mean()) for a, b in pairwise(pictures)]
    return {
        "change from frame to frame": {
            "mean": round(sum(steps) / len(steps), 2),
            "largest": round(max(steps), 2),
        },
        "bytes of a formula": max(sizes),
    }


def moving_turn() -> Numbers:
    """The Starry Night, turned around once in 36 frames."""
    textures, report = done("stylize", FOX, "--style", STYLES / "starry_night.jpg", "--quality", "draft")
    turns = np.linspace(0, 2 * np.pi, 36, endpoint=False)
    film("moving_turn", [still(textures, float(turn))[0] for turn in turns])
    return {name: report[name] for name in ("seam_ratio", "coverage", "style_distance")}


def moving_run() -> Numbers:
    """The fox runs, painted over eight poses, and its strokes boil: four paintings, three frames each."""
    with tempfile.TemporaryDirectory() as name:
        poses = write_run(FOX, 8, Path(name))
        words = (
            "--style",
            STYLES / "starry_night.jpg",
            "--quality",
            "draft",
            "--boil",
            "4",
            "--poses",
            *poses,
        )
        textures, report = done("animate", FOX, *words)
        meshes = _together(write_run(FOX, 24, Path(name)))
    pictures = [
        portrait(fixed(textures[k // 3 % 4]), 0.35, PICTURE, mesh, WHOLE)[0] for k, mesh in enumerate(meshes)
    ]
    film("moving_run", pictures, 24)
    return {name: report[name] for name in ("style_distance", "frame_change")}


def _together(paths: Sequence[Path]) -> list[Mesh]:
    """The models of one fox in several poses, all moved and scaled alike, so that the camera stands still."""
    surfaces = [read_model(path) for path in paths]
    every = np.concatenate([surface.vertices for surface in surfaces])
    low, high = every.min(0), every.max(0)
    found = []
    for surface in surfaces:  # each with vertices and faces of its own: those in one place are one
        mesh = build_mesh(surface.vertices, surface.faces, surface.uvs, name="fox")
        placed = (surface.vertices - (low + high) / 2) / (np.linalg.norm(high - low) / 2)
        found.append(replace(mesh, vertices=placed.astype(np.float32), _on={}))
    return found


ROWS: tuple[Callable[[], Numbers], ...] = (
    moving_keys,
    moving_dreams,
    moving_formulas,
    moving_turn,
    moving_run,
)
