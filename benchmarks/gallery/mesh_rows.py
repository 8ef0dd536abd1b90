"""The rows on a mesh: the fox, by the jobs that the command line makes."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from backend.canvas import transforms
from backend.canvas.flat import Flat
from backend.canvas.relief import DEPTH, ReliefTexture
from backend.networks import classes
from backend.networks.octaves import features_of
from backend.objectives.texture import statistics, texture
from backend.parameterizations.fourier import Fourier
from backend.parameterizations.pixel import Pixel
from backend.protocol.parts import Target
from backend.result.report import seam_ratio

from .flat_rows import CLASSIFIER, SECOND, Numbers
from .workshop import (
    SEED,
    SIDE,
    fixed,
    fox,
    held_out,
    network,
    on_fox,
    paint,
    painting,
    painting_file,
    portrait,
    sheet,
    shown,
    top5,
)

BEHIND = 0.6 + np.pi  # radians round, of the other side's portrait


def mesh_classes() -> Numbers:
    """Two classes, seen from both sides, and who recognises them on views that no step saw."""
    tiles: list[tuple[str, Tensor]] = []
    numbers: Numbers = {}
    for name in ("daisy", "monarch"):
        result, measured = on_fox(task="dream", targets=(Target("class", name=name),), network=CLASSIFIER)
        texture = fixed(result)
        tiles += [(f"class {name}", portrait(texture)[0]), ("from behind", portrait(texture, BEHIND)[0])]
        found: dict[str, object] = {}
        for what, framing in (("close", "surface"), ("whole", "bounding_box")):
            grey = torch.full((3, 224, 224), 0.5)
            views = torch.cat([shown(texture, *seen, grey) for seen in held_out(12, framing)])
            for judge in (CLASSIFIER, SECOND):
                found[f"{judge}'s top 5, {what} views"] = (
                    f"{sum(top5(judge, views, classes.index(name)))} of 12"
                )
        numbers[name] = found | {key: measured[key] for key in ("seam_ratio", "coverage")}
    sheet("mesh_classes", tiles, 4, 256)
    return numbers


def mesh_dreams() -> Numbers:
    """A channel, DeepDream, a texture, a CPPN and RGBA on the fox."""
    channel = Target("channel", layer="relu4_3", channel=20)
    jobs = {
        "channel relu4_3:20": {"task": "dream", "targets": (channel,), "steps": 60},
        "DeepDream relu5_1": {
            "task": "dream",
            "targets": (Target("deepdream", layer="relu5_1"),),
            "parameterization": "fourier",
        },
        "texture of Poppies": {
            "task": "synthesize",
            "styles": (painting_file("poppies"),),
            "scales": 2,
            "steps": 60,
        },
        "CPPN of space, relu4_3:20": {
            "task": "dream",
            "targets": (channel,),
            "parameterization": "cppn",
            "steps": 100,
        },
        "channel relu4_3:20, RGBA": {
            "task": "dream",
            "targets": (channel,),
            "transparent": True,
            "steps": 60,
        },
    }
    tiles: list[tuple[str, Tensor]] = [("the fox", portrait(fixed(fox()[1]))[0])]
    numbers: Numbers = {}
    for what, fields in jobs.items():
        result, measured = on_fox(**fields)
        tiles.append((what, portrait(fixed(result))[0]))
        keys = ("seam_ratio", "coverage", "style_distance", "mean_alpha")
        numbers[what] = {key: measured[key] for key in keys if key in measured}
    sheet("mesh_dreams", tiles, 3, 256)
    return numbers


def mesh_frames() -> Numbers:
    """Four aligned textures between two channels."""
    ends = [Target("channel", layer="relu4_3", channel=index) for index in (10, 20)]
    result, measured = on_fox(
        task="interpolate", targets=tuple(ends), parameterization="shared", steps=40, framing="surface"
    )
    tiles = [(f"frame {i}", portrait(fixed(frame[None]))[0]) for i, frame in enumerate(result)]
    sheet("mesh_frames", tiles, 4, 224)
    return {key: measured[key] for key in ("seam_ratio", "coverage", "frame_distance")}


def mesh_relief() -> Numbers:
    """Colour and height together, under a random light in every view."""
    result, measured = on_fox(styles=(painting_file("starry_night"),), relief=True, strength=0.9, steps=50)
    mesh, colors, heights = fox()[0], result[:, :3], result[:, 3:]
    heights = heights * measured["relief_depth"] / mesh.unit / DEPTH

    def lit(paint: Tensor, seed: int) -> Tensor:
        maps = Pixel(1, 3, SIDE, SIDE, paint), Pixel(1, 1, SIDE, SIDE, heights)
        return portrait(ReliefTexture(*maps, mesh, np.random.default_rng(seed)))[0]

    tiles = [
        ("colour alone", portrait(fixed(colors))[0]),
        ("height alone, light 1", lit(torch.full_like(colors, 0.6), SEED)),
        *((f"both, light {i}", lit(colors, SEED + i - 1)) for i in (1, 2)),
    ]
    sheet("mesh_relief", tiles, 4, 256)
    depth = round(measured["relief_depth"] / mesh.unit / 2, 4)
    kept = {key: measured[key] for key in ("seam_ratio", "coverage", "style_distance")}
    return kept | {"depth of the relief, over the diagonal": depth}


def mesh_style() -> Numbers:
    """The Starry Night on the fox through its renderings, against a texture made without any."""
    starry = (painting_file("starry_night"),)
    ours = on_fox(styles=starry, quality="standard")
    other = on_fox(styles=starry, network="squeezenet", parameterization="fourier", strength=0.9, steps=60)
    vgg, style = network("vgg16"), painting("starry_night", 256)
    target = statistics([(features_of(vgg, style, vgg.style_layers), 1.0)])
    torch.manual_seed(SEED)
    canvas = Flat(Fourier(1, 3, SIDE, SIDE), transforms.shifted)
    paint(canvas, "vgg16", texture(target), 40, 0.08)
    naive = canvas.picture()
    results = {"through renderings": ours[0], "squeezenet, fourier": other[0], "naive, in 2-D": naive}
    tiles = [("the fox", portrait(fixed(fox()[1]))[0])]
    tiles += [(what, portrait(fixed(result))[0]) for what, result in results.items()]
    sheet("mesh_style", tiles, 4, 256)
    ratios = {what: seam_ratio(fox()[0], result[0]) or 0.0 for what, result in results.items()}
    return {
        "seam ratio": {what: round(ratio, 2) for what, ratio in ratios.items()},
        "style distance": {
            what: measured["style_distance"]
            for what, (_, measured) in (("through renderings", ours), ("squeezenet, fourier", other))
        },
        "naive over ours": round(ratios["naive, in 2-D"] / ratios["through renderings"], 2),
    }
