"""What the rows share: networks, meshes, the loop, views of a result, and sheets of pictures."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw
from torch import Tensor, nn

from backend import networks
from backend.export.model import read_model
from backend.images import read_image, resize, resize_shorter, to_pillow
from backend.imagine import imagine
from backend.networks import LOGITS, Network
from backend.objectives.objective import Objective, Seen
from backend.parameterizations.fourier import Fourier
from backend.parameterizations.skins import Skin
from backend.rendering import camera, rasterizer
from backend.rendering.blending import over
from backend.rendering.flat import Flat
from backend.rendering.gbuffer import GBuffer, render
from backend.rendering.mesh import Mesh, build_mesh
from backend.rendering.surface import Surface
from backend.rendering.transforms import Transform
from backend.rendering.view import Canvas
from backend.rendering.views import ViewMaker

ROOT = Path(__file__).parents[2]
FIGURES = ROOT / "docs" / "gallery"
CPU = torch.device("cpu")
SEED = 0
CAPTION = 14  # pixels under a picture
LARGEST = 300_000  # bytes of a figure


@cache
def network(name: str) -> Network:
    return networks.load(name, CPU)


@cache
def painting(name: str, shorter: int) -> Tensor:
    """(1, 3, H, W): one of the shipped paintings."""
    path = ROOT / "addon" / "styles" / f"{name}.jpg"
    return resize_shorter(read_image(path, "painting", "styles"), shorter)[None]


@cache
def fox() -> tuple[Mesh, Tensor]:
    """The fox, and its own texture (1, 3, 512, 512)."""
    surface = read_model(ROOT / "tests" / "assets" / "fox.gltf")
    picture = torch.from_numpy(np.asarray(surface.textures[0].convert("RGB")).copy())
    texture = resize(picture.permute(2, 0, 1).float() / 255, 512, 512)[None]
    return build_mesh(surface.vertices, surface.faces, surface.uvs, name="fox"), texture


def generator(seed: int = SEED) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def paint(canvas: Canvas, name: str, goal: Objective, steps: int, rate: float) -> list[float]:
    """Optimise; gives the losses."""
    return imagine(canvas, network(name), goal, steps, rate, generator())


def dreamt(name: str, goal: Objective, size: int, steps: int, transform: Transform) -> Tensor:
    """(1, 3, size, size): a flat picture from nothing, as a spectrum."""
    torch.manual_seed(SEED)
    canvas = Flat(Fourier(1, 3, size, size), transform)
    paint(canvas, name, goal, steps, 0.05)
    return canvas.picture()


def painted(skin: Skin, name: str, goal: Objective, steps: int, rate: float, views: int = 3) -> None:
    """Optimise `skin` on the fox."""
    random = np.random.default_rng(SEED)
    canvas = Surface(skin, ViewMaker(fox()[0], "embree", random), 160, random, views)
    paint(canvas, name, goal, steps, rate)


@torch.no_grad()
def value(name: str, goal: Objective, images: Tensor) -> float:
    """The objective itself (minus the loss) for `images`, in float32."""
    return -float(goal(Seen(network(name)(images, goal.layers))).mean())


def held_out(count: int, window: float = 0.9, size: int = 224) -> list[GBuffer]:
    """Views of the fox's surface that no row optimises on."""
    make = ViewMaker(fox()[0], "embree", np.random.default_rng(424242))
    return [make(window, size) for _ in range(count)]


@torch.no_grad()
def shown(skin: Skin, view: GBuffer, background: Tensor) -> Tensor:
    """(B, 3, H, W): what `skin` looks like from there."""
    images = []
    for values in torch.split(skin.sample(skin.look(view)), skin.channels, 1):
        if values.shape[1] == 4:
            behind = background.flatten(1).T[view.pixels]
            values = over(values[:, :3], values[:, 3:], behind)
        images.append(view.image(values, background))
    return torch.stack(images)


def portrait(skin: Skin, turn: float = 0.6, size: int = 256) -> Tensor:
    """(B, 3, size, size): the fox from the side, `turn` radians round, on a light ground."""
    mesh = fox()[0]
    backward = np.array([np.cos(turn), np.sin(turn), 0.25])
    eye = camera.look_at(np.zeros(3), backward, 1.75, 2 * size)
    view = render(mesh, rasterizer.create("embree", mesh), eye)
    large = shown(skin, view, torch.full((3, 2 * size, 2 * size), 0.93))
    return nn.functional.avg_pool2d(large, 2)


def top5(name: str, images: Tensor, index: int) -> list[bool]:
    """For each image: is the class among the network's first five?"""
    with torch.no_grad():
        logits = network(name)(images, [LOGITS])[LOGITS]
    return (logits.topk(5).indices == index).any(1).tolist()


def sheet(name: str, tiles: list[tuple[str, Tensor]], columns: int, side: int = 256) -> None:
    """Write docs/gallery/name.jpg: captioned tiles, each (3, H, W) scaled to `side` pixels high."""
    pictures = [(text, to_pillow(tile)) for text, tile in tiles]
    pictures = [
        (text, image.resize((round(image.width * side / image.height), side), Image.Resampling.LANCZOS))
        for text, image in pictures
    ]
    width = max(image.width for _, image in pictures)
    rows = -(-len(pictures) // columns)
    page = Image.new("RGB", (columns * (width + 4) - 4, rows * (side + CAPTION + 4) - 4), "white")
    draw = ImageDraw.Draw(page)
    for i, (text, image) in enumerate(pictures):
        x, y = i % columns * (width + 4), i // columns * (side + CAPTION + 4)
        page.paste(image, (x, y))
        draw.text((x + 2, y + side + 1), text, "black")
    FIGURES.mkdir(parents=True, exist_ok=True)
    for quality in (92, 85, 75, 60):
        page.save(FIGURES / f"{name}.jpg", quality=quality)
        if (FIGURES / f"{name}.jpg").stat().st_size < LARGEST:
            return
