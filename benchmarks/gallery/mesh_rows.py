"""The rows on a mesh: the fox."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from backend import dream, stylize
from backend.command_line import write_content, write_mesh
from backend.dream import in_colors_of
from backend.export.model import read_model
from backend.images import read_image
from backend.imagine import look
from backend.networks import classes
from backend.objectives import feature_visualization as features
from backend.objectives.alignment import interpolation
from backend.objectives.deepdream import deepdream
from backend.objectives.texture import octaves, statistics, texture
from backend.parameterizations.alpha import Alpha
from backend.parameterizations.cppn import CPPN
from backend.parameterizations.fourier import Fourier
from backend.parameterizations.laplacian import Laplacian
from backend.parameterizations.pixel import Pixel
from backend.parameterizations.relief import ReliefSkin
from backend.parameterizations.shared import Aligned
from backend.parameterizations.skins import Skin, SpaceSkin, TextureSkin
from backend.protocol import TEXTURE_FILE, Event, Job, Style
from backend.rendering import transforms
from backend.rendering.flat import Flat
from backend.report import seam_ratio

from .flat_rows import CLASSIFIER, Numbers
from .workshop import (
    ROOT,
    SEED,
    fox,
    held_out,
    network,
    paint,
    painted,
    painting,
    portrait,
    sheet,
    shown,
    top5,
)

SIDE = 512  # texels


def _fixed(texture: Tensor) -> TextureSkin:
    """A skin that shows `texture` (1, 3, S, S) as it is."""
    return TextureSkin(Pixel(1, 3, *texture.shape[2:], texture))


def mesh_dreams() -> Numbers:
    """A class, a channel, DeepDream, a texture and a CPPN on the fox."""
    tiles: list[tuple[str, Tensor]] = [("the fox", portrait(_fixed(fox()[1]))[0])]
    numbers: dict[str, object] = {}
    vgg, lite = network("vgg16"), network(CLASSIFIER)

    def show(what: str, skin: Skin) -> None:
        tiles.append((what, portrait(skin)[0]))
        if isinstance(skin, TextureSkin):
            ratio = seam_ratio(fox()[0], skin.texture()[0, :3])
            numbers[f"seam ratio, {what}"] = None if ratio is None else round(ratio, 2)

    for name in ("daisy", "monarch"):
        torch.manual_seed(SEED)
        skin = TextureSkin(Laplacian(1, 3, SIDE, SIDE))
        painted(skin, CLASSIFIER, features.class_(lite, name), 200, 0.06, views=4)
        views = torch.cat([shown(skin, view, torch.full((3, 224, 224), 0.5)) for view in held_out(12)])
        found = top5(CLASSIFIER, views, classes.index(name))
        numbers[f"{name} in the top 5 on held-out views"] = f"{sum(found)} of 12"
        show(f"class {name}", skin)
    torch.manual_seed(SEED)
    skin = TextureSkin(Laplacian(1, 3, SIDE, SIDE))
    painted(skin, "vgg16", features.channel(vgg, "relu4_3", 20), 60, 0.06, views=2)
    show("channel relu4_3:20", skin)
    skin = TextureSkin(Fourier(1, 3, SIDE, SIDE, fox()[1]))
    painted(skin, "vgg16", deepdream(vgg, "relu5_1"), 30, 0.05, views=2)
    show("DeepDream relu5_1", skin)
    torch.manual_seed(SEED)
    exemplar = painting("poppies", 160)
    target = statistics([(look(vgg, exemplar, octaves(vgg.style_layers, 2)), 1.0)])
    skin = TextureSkin(Laplacian(1, 3, SIDE, SIDE))
    painted(skin, "vgg16", texture(target), 70, 0.06, views=2)
    show("texture of Poppies", skin)
    torch.manual_seed(SEED)
    space = SpaceSkin(CPPN(3))
    target = statistics([(look(vgg, painting("starry_night", 160), vgg.style_layers), 1.0)])
    painted(space, "vgg16", texture(target), 90, 0.008, views=2)
    show("CPPN of space, Starry Night", space)
    torch.manual_seed(SEED)
    clear = TextureSkin(Alpha(Laplacian(1, 3, SIDE, SIDE), Laplacian(1, 1, SIDE, SIDE)))
    painted(clear, "vgg16", features.channel(vgg, "relu4_3", 20), 60, 0.06, views=2)
    show("channel relu4_3:20, RGBA", clear)
    numbers["mean alpha on the mesh"] = round(float(clear.texture()[:, 3].mean()), 3)
    sheet("mesh_dreams", tiles, 4, 256)
    return numbers


def mesh_frames() -> Numbers:
    """Four aligned textures between two channels."""
    vgg = network("vgg16")
    ends = [features.channel(vgg, "relu4_3", index) for index in (10, 20)]
    torch.manual_seed(SEED)
    skin = TextureSkin(Aligned(4, 256, 256))
    painted(skin, "vgg16", interpolation(*ends, 4), 40, 0.08, views=1)
    sheet("mesh_frames", [(f"frame {i}", picture) for i, picture in enumerate(portrait(skin))], 4, 224)
    return {}


def mesh_relief() -> Numbers:
    """Colour and height together, under a random light in every view."""
    vgg, mesh = network("vgg16"), fox()[0]
    style = painting("starry_night", 160)
    target = statistics([(look(vgg, style, vgg.style_layers), 1.0)])
    torch.manual_seed(SEED)
    start = in_colors_of(fox()[1], [style])
    random = np.random.default_rng(SEED)
    skin = ReliefSkin(Laplacian(1, 3, SIDE, SIDE, start), Laplacian(1, 1, SIDE, SIDE), mesh, random)
    painted(skin, "vgg16", texture(target), 70, 0.06, views=2)
    maps = skin.texture()
    heights = maps[:, 3:].expand(-1, 3, -1, -1)
    span = torch.quantile(heights.flatten()[::16], torch.tensor([0.02, 0.98]))
    heights = ((heights - span[0]) / (span[1] - span[0])).clamp(0, 1)
    tiles = [
        ("colour alone", portrait(_fixed(maps[:, :3]))[0]),
        ("height alone", portrait(_fixed(heights))[0]),
    ]
    tiles += [(f"both, light {i}", portrait(skin)[0]) for i in (1, 2)]
    sheet("mesh_relief", tiles, 4, 256)
    return {"height, 2 % to 98 % of texels": [round(float(v), 3) for v in span]}


def mesh_style() -> Numbers:
    """The Starry Night on the fox through its renderings, against a texture made without any."""
    mesh, own = fox()
    with tempfile.TemporaryDirectory() as folder:
        ours = _stylized(Path(folder), "vgg16", "pyramid")
        other = _stylized(Path(folder), "squeezenet", "fourier", 60)
    vgg = network("vgg16")
    style = painting("starry_night", 256)
    target = statistics([(look(vgg, style, vgg.style_layers), 1.0)])
    torch.manual_seed(SEED)
    canvas = Flat(Fourier(1, 3, SIDE, SIDE), transforms.shifted)
    paint(canvas, "vgg16", texture(target), 40, 0.08)
    naive = canvas.picture()
    results = {"through renderings": ours, "squeezenet, fourier": other, "naive, in 2-D": naive}
    tiles = [("the fox", portrait(_fixed(own))[0])]
    tiles += [(what, portrait(_fixed(result))[0]) for what, result in results.items()]
    sheet("mesh_style", tiles, 4, 256)
    ratios = {what: seam_ratio(mesh, result[0]) for what, result in results.items()}
    numbers: Numbers = {"seam ratio": {k: round(v, 2) for k, v in ratios.items() if v is not None}}
    numbers["naive over ours"] = round(
        (ratios["naive, in 2-D"] or 0) / (ratios["through renderings"] or 1), 2
    )
    return numbers


def _stylized(folder: Path, name: str, parameterization: str, steps: int | None = None) -> Tensor:
    """(1, 3, SIDE, SIDE): the fox's texture by a job of the command line's kind."""
    surface = read_model(ROOT / "tests" / "assets" / "fox.gltf")
    write_mesh(surface, folder / "mesh.npz")
    job = Job(
        mesh="mesh.npz",
        content=write_content(surface, None, folder),
        styles=(Style(str(ROOT / "addon" / "styles" / "starry_night.jpg")),),
        texture_size=SIDE,
        quality="draft",
        network=name,
        parameterization=parameterization,
        steps=steps,
        device="cpu",
    )
    events: list[Event] = []
    (stylize if parameterization == "pyramid" else dream).run(job, folder, events.append, lambda: False)
    return read_image(folder / TEXTURE_FILE, "texture", "texture")[None]
