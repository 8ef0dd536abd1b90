"""The rows on flat pictures."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import pairwise
from statistics import mean

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from backend.canvas import transforms
from backend.canvas.background import smooth_noise
from backend.canvas.build import ALPHA_KNEE, CLASS_KNEE, CLASS_RATE, RATES, FlatCPPN
from backend.canvas.flat import Flat
from backend.networks import classes
from backend.networks.octaves import features_of
from backend.objectives import feature_visualization as features
from backend.objectives.alignment import WEIGHT, alignment, interpolation
from backend.objectives.deepdream import deepdream
from backend.objectives.objective import Features, Objective
from backend.objectives.texture import likeness, octaves, statistics, texture
from backend.painting.covering import sew
from backend.parameterizations import cppn
from backend.parameterizations.alpha import Alpha
from backend.parameterizations.cppn import CPPN
from backend.parameterizations.fourier import Fourier
from backend.parameterizations.laplacian import Laplacian
from backend.parameterizations.pixel import Pixel
from backend.parameterizations.shared import Aligned
from backend.pictures.color_space import over
from backend.result.report import frame_distances

from .workshop import (
    SEED,
    board,
    dreamt,
    generator,
    network,
    on_picture,
    paint,
    painting,
    painting_file,
    sheet,
    top5,
    value,
)

Numbers = dict[str, object]

CHOSEN = (
    "daisy", "goldfish", "strawberry", "monarch", "lion",
    "zebra", "pineapple", "ladybug", "hummingbird", "peacock",
)  # fmt: skip
EVERY_97TH = classes.names()[:970:97]
CLASSIFIER, SECOND = "efficientnet_lite0", "squeezenet"


def feature_visualization() -> Numbers:
    """A channel, a neuron, a direction, a class, and a sum, from nothing."""
    vgg, lite = network("vgg16"), network(CLASSIFIER)
    goals = {
        "channel relu4_3:20": ("vgg16", features.channel(vgg, "relu4_3", 20), transforms.robust),
        "neuron relu5_1:7": ("vgg16", features.neuron(vgg, "relu5_1", 7), transforms.robust),
        "direction relu4_3, 10 and 20": (
            "vgg16",
            features.direction(vgg, "relu4_3", {10: 1.0, 20: 1.0}),
            transforms.robust,
        ),
        "class daisy": (CLASSIFIER, features.class_(lite, "daisy"), transforms.zoomed),
        "daisy + goldfish": (
            CLASSIFIER,
            features.class_(lite, "daisy") + features.class_(lite, "goldfish"),
            transforms.zoomed,
        ),
    }
    tiles, numbers = [], {}
    for what, (name, goal, transform) in goals.items():
        size, steps = (224, 160) if transform is transforms.zoomed else (160, 120)
        picture = dreamt(name, goal, size, steps, transform)
        torch.manual_seed(SEED)
        start = value(name, goal, Fourier(1, 3, size, size)().detach())
        numbers[what] = {"start": round(start, 2), "end": round(value(name, goal, picture), 2)}
        tiles.append((what, picture[0]))
    sheet("feature_visualization", tiles, 5, 200)
    return numbers


def class_dreams() -> Numbers:
    """Ten classes, with which the settings were found."""
    return _classes("class_dreams", CHOSEN)


def unchosen_classes() -> Numbers:
    """Ten classes by a rule, so that nobody chose them."""
    return _classes("unchosen_classes", EVERY_97TH)


def _classes(figure: str, names: Sequence[str]) -> Numbers:
    """Dreams of classes by name, judged by the network that dreamt them and by one that did not."""
    tiles, own, second = [], [], []
    for name in names:
        goal = features.class_(network(CLASSIFIER), name)
        picture = dreamt(CLASSIFIER, goal, 224, 160, transforms.zoomed)
        index = classes.index(name)
        own += top5(CLASSIFIER, picture, index)
        second += top5(SECOND, picture, index)
        tiles.append((f"{name}{' *' if second[-1] else ''}", picture[0]))
    sheet(figure, tiles, 5, 200)
    return {
        "in the network's top 5": f"{sum(own)} of {len(names)}",
        "in a second network's top 5": f"{sum(second)} of {len(names)}",
    }


def deep_dream() -> Numbers:
    """Amplify what a layer sees in a painting, with octaves and jitter."""
    photo = painting("summertime", 256)
    goal = deepdream(network("vgg16"), "relu5_1")
    torch.manual_seed(SEED)
    canvas = Flat(Fourier(1, 3, *photo.shape[2:], photo), transforms.octave)
    paint(canvas, "vgg16", goal, 32, 0.05)
    picture = canvas.picture()
    sheet("deepdream", [("before", photo[0]), ("relu5_1, 32 steps", picture[0])], 2, 256)
    return {
        "mean square": {
            n: round(value("vgg16", goal, i), 3) for n, i in (("before", photo), ("after", picture))
        }
    }


def style_goal(name: str, styles: list[tuple[Tensor, float]], weight: float) -> Objective:
    """Gram statistics of weighted styles, and the likeness to the canvas's content."""
    layers = network(name).style_layers
    target = statistics([(features_of(network(name), image, layers), share) for image, share in styles])
    return texture(target) + likeness(network(name).content_layer) * weight


def style_transfer() -> Numbers:
    """One painting in another's style, through each network that is here, and in two styles."""
    starry, wave = painting_file("starry_night"), painting_file("great_wave")
    tiles = [("content", painting("summertime", 256)[0]), ("style", painting("starry_night", 256)[0])]
    for name in ("vgg16", "alexnet", "squeezenet", CLASSIFIER):
        tiles.append((name, on_picture("summertime", styles=(starry,), network=name)))
    tiles.append(("vgg16, with The Great Wave", on_picture("summertime", styles=(starry, wave))))
    sheet("style_transfer", tiles, 4, 256)
    return {}


def nyquist_share(picture: Tensor) -> float:
    """Of the variance of (1, 3, H, W), the share beyond 0.4 cycles a pixel: checkerboards."""
    grey = picture.mean(1)[0]
    power = torch.fft.fft2(grey - grey.mean()).abs().square()
    y, x = (torch.fft.fftfreq(n).abs() for n in grey.shape)
    return float(power[(y[:, None] > 0.4) | (x[None] > 0.4)].sum() / power.sum())


def decorrelation() -> Numbers:
    """The article's Figure 4: a non-VGG network, plain pixels against a decorrelated spectrum."""
    content, starry, name = painting("summertime", 192), painting("starry_night", 192), SECOND
    goal = style_goal(name, [(starry, 1.0)], 0.3)
    tiles, numbers = [], {}
    for what, kind, transform in (
        ("pixels", Pixel, _still),
        ("spectrum", Fourier, _still),
        ("spectrum, with transforms", Fourier, transforms.robust),
    ):
        torch.manual_seed(SEED)
        grey = torch.full_like(content, 0.5) + 0.01 * torch.randn(content.shape)
        canvas = Flat(kind(1, 3, *content.shape[2:], grey), transform, content)
        paint(canvas, name, goal, 200, 0.05)
        picture = canvas.picture()
        with torch.no_grad():
            seen, before = (network(name)(images, goal.layers) for images in (picture, content))
        loss = float(goal(Features(seen, None, before)))
        numbers[what] = {"loss": round(loss, 4), "Nyquist share": round(nyquist_share(picture), 6)}
        middle = F.interpolate(picture[:, :, 60:124, 80:144], (192, 192))[0]
        tiles += [(what, picture[0]), ("enlarged", F.pad(middle, (0, picture.shape[3] - 192), value=1.0))]
    sheet("decorrelation", tiles, 2, 192)
    shares = [each["Nyquist share"] for each in numbers.values()]
    return numbers | {"spectrum's share over pixels'": round(shares[1] / shares[0], 3)}


def _still(images: Tensor, progress: float, random: torch.Generator) -> Tensor:
    return images


def large_scales(image: Tensor) -> Tensor:
    """The log-power of (1, 3, H, W) in three octaves from 1/128 to 1/16 cycle a pixel."""
    window = torch.outer(*(torch.hann_window(n, periodic=False) for n in image.shape[2:]))
    centred = image[0] - image[0].mean((1, 2), keepdim=True)
    power = torch.fft.fft2(centred * window).abs().square().sum(0)
    y, x = (torch.fft.fftfreq(n) for n in image.shape[2:])
    radius = torch.hypot(y[:, None], x[None])
    edges = (1 / 128, 1 / 64, 1 / 32, 1 / 16)
    return torch.stack([power[(radius >= a) & (radius < b)].mean() for a, b in pairwise(edges)]).log()


def texture_synthesis() -> Numbers:
    """More of two paintings: sewn from pieces, and by Gatys's method and Snelgrove's pyramid; and a tile."""
    size, tiles = 128, []
    distances: dict[str, list[float]] = {"Gram (Gatys)": [], "pyramid (Snelgrove)": []}
    for name in ("starry_night", "great_wave"):
        exemplar = painting(name, size)[..., :size]
        tiles += [(name, exemplar[0]), ("in pieces, the default", _sewn(exemplar[0], size))]
        for what, scales in (("Gram (Gatys)", 1), ("pyramid (Snelgrove)", 4)):
            picture = _more_of(exemplar, scales, size)
            distance = (large_scales(picture) - large_scales(exemplar)).abs().mean()
            distances[what].append(round(float(distance), 3))
            tiles.append((what, picture[0]))
    tile = _sewn(painting("starry_night", 256)[0], 224)
    jumps = (tile - tile.roll(1, 2)).abs().mean((0, 1))
    tiles.append(("tileable, twice by twice", tile.tile(1, 2, 2)))
    sheet("texture_synthesis", tiles, 4, 224)
    return {
        "distance of the log-power at large scales to the exemplars'": distances,
        "tile: jump across its border, over jump inside": round(float(jumps[0] / jumps[1:].mean()), 2),
    }


def _sewn(exemplar: Tensor, size: int) -> Tensor:
    """(3, size, size) from pieces of `exemplar` (3, H, W), one that tiles."""
    none = torch.zeros(2, 2)
    return sew(
        [(exemplar, 1.0, none)], size, size, True, np.random.default_rng(0), lambda piece, pieces: None
    )


def _more_of(exemplar: Tensor, scales: int, size: int) -> Tensor:
    """(1, 3, size, size) from the exemplar's mean colour: what is large in it, the objective put there."""
    vgg = network("vgg16")
    target = statistics([(features_of(vgg, exemplar, octaves(vgg.style_layers, scales)), 1.0)])
    start = exemplar.mean((2, 3), keepdim=True) + 0.01 * torch.randn(1, 3, size, size, generator=generator())
    torch.manual_seed(SEED)
    canvas = Flat(Fourier(1, 3, size, size, start), transforms.rolled)
    paint(canvas, "vgg16", texture(target), 45, 0.08)
    return canvas.picture()


def parameterizations() -> Numbers:
    """One class, four parameterizations."""
    goal, size = features.class_(network(CLASSIFIER), "daisy"), 160
    tiles, numbers = [], {}
    for what, kind, rate in (
        ("pixel", Pixel, RATES["pixel"]),
        ("fourier", partial(Fourier, knee=CLASS_KNEE), RATES["fourier"] * CLASS_RATE),
        ("pyramid", Laplacian, RATES["pyramid"]),
    ):
        torch.manual_seed(SEED)
        canvas = Flat(kind(1, 3, size, size), transforms.zoomed)
        paint(canvas, CLASSIFIER, goal, 120, rate)
        tiles.append((what, canvas.picture()[0]))
        numbers[what] = round(value(CLASSIFIER, goal, canvas.picture()), 2)
    trained = trained_cppn("daisy", 0, size, 200)
    with torch.no_grad():
        tiles.append(("cppn", trained.image(size, size)[0]))
    numbers["cppn"] = round(value(CLASSIFIER, goal, tiles[-1][1][None]), 2)
    sheet("parameterizations", tiles, 4, 200)
    return {"the objective, daisy": numbers}


def trained_cppn(name: str, seed: int, size: int, steps: int) -> CPPN:
    """A CPPN that shows a class, or "layer:channel" of VGG-16."""
    torch.manual_seed(seed)
    trained = CPPN()
    layer, _, index = name.partition(":")
    judge = "vgg16" if index else CLASSIFIER
    goal = (
        features.channel(network(judge), layer, int(index))
        if index
        else features.class_(network(judge), name)
    )
    paint(Flat(FlatCPPN(trained, size, size), transforms.robust), judge, goal, steps, 0.005)
    return trained


def cppn_morph() -> Numbers:
    """Frames between the weights of two CPPNs, and one CPPN at two resolutions."""
    first = trained_cppn("relu5_1:20", 0, 112, 160)
    second = CPPN()
    second.load_state_dict(first.state_dict())
    goal = features.channel(network("vgg16"), "relu4_3", 10)
    paint(Flat(FlatCPPN(second, 112, 112), transforms.robust), "vgg16", goal, 160, 0.005)
    with torch.no_grad():
        frames = torch.cat([cppn.morph(first, second, i / 40).image(160, 160) for i in range(41)])
        small, large = first.image(128, 128), first.image(1024, 1024)
    steps = (frames[1:] - frames[:-1]).abs().mean((1, 2, 3))
    whole = (frames[-1] - frames[0]).abs().mean()
    error = (F.avg_pool2d(large, 8) - small).abs().mean()
    sheet("cppn_morph", [(f"t = {i / 40:.1f}", frames[i]) for i in range(0, 41, 8)], 6, 160)
    return {
        "1024² resized to 128², mean difference to 128²": round(float(error), 4),
        "largest step of 40, over the way from end to end": round(float(steps.max() / whole), 3),
    }


def aligned_interpolation() -> Numbers:
    """Five frames from one channel to another, aligned and not."""
    vgg, frames, size = network("vgg16"), 5, 96
    ends = [features.channel(vgg, "relu4_3", index) for index in (10, 20)]
    goal = interpolation(ends, [(1 - i / (frames - 1), i / (frames - 1)) for i in range(frames)])
    tiles, numbers = [], {}
    for what, kind, objective in (
        ("aligned", Aligned(frames, size, size), goal + alignment([vgg.content_layer], frames) * WEIGHT),
        ("independent", None, goal),
    ):
        torch.manual_seed(SEED)
        pictures = kind if kind is not None else Fourier(frames, 3, size, size)
        canvas = Flat(pictures, transforms.robust)
        paint(canvas, "vgg16", objective, 90, 0.05)
        shown = canvas.picture()
        tiles += [(f"{what} {i}", picture) for i, picture in enumerate(shown)]
        numbers[what] = round(mean(frame_distances(network("alexnet"), shown)), 3)
    sheet("aligned_interpolation", tiles, frames, 160)
    return {
        "feature distance of neighbouring frames": numbers,
        "ratio": round(numbers["aligned"] / numbers["independent"], 3),
    }


def transparency() -> Numbers:
    """A daisy that is opaque only where a daisy must be."""
    size, goal = 192, features.class_(network(CLASSIFIER), "daisy")
    torch.manual_seed(SEED)
    picture = Alpha(Fourier(1, 3, size, size, knee=CLASS_KNEE), Fourier(1, 1, size, size, knee=ALPHA_KNEE))
    paint(Flat(picture, transforms.zoomed), CLASSIFIER, goal, 200, RATES["fourier"] * CLASS_RATE)
    with torch.no_grad():
        rgba = picture()
    color, alpha = rgba[:, :3], rgba[:, 3:]
    grounds = [smooth_noise(1, size, size, generator(1000 + i)) for i in range(16)]
    blended = torch.cat([over(color, alpha, ground) for ground in grounds])
    sheet(
        "transparency",
        [
            ("over a board", over(color, alpha, board(size, 0.65, 0.85))[0]),
            ("alpha", alpha[0].expand(3, -1, -1)),
            ("over noise", blended[0]),
            ("over other noise", blended[1]),
        ],
        4,
        200,
    )
    opaque, kept = value(CLASSIFIER, goal, color), value(CLASSIFIER, goal, blended)
    return {
        "mean alpha": round(float(alpha.mean()), 3),
        "objective, opaque": round(opaque, 2),
        "objective, blended over 16 backgrounds": round(kept, 2),
        "kept": round(kept / opaque, 3),
        "in the top 5 over backgrounds": f"{sum(top5(CLASSIFIER, blended, classes.index('daisy')))} of 16",
    }
