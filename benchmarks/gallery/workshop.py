"""What the rows share: networks, meshes, the loop, views of a result, and sheets of pictures."""

from __future__ import annotations

import json
import tempfile
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from backend import networks
from backend.canvas import transforms
from backend.canvas.build import CLASS_KNEE, CLASS_RATE, RATES
from backend.canvas.flat import Flat
from backend.canvas.job import run as run_on_canvas
from backend.canvas.loop import imagine
from backend.canvas.on_surface import SurfaceTexture, UVTexture
from backend.canvas.transforms import Transform
from backend.canvas.view import Canvas
from backend.cli.mesh import contents, fields_of, painted_model, write_mesh
from backend.export.model import read_model
from backend.networks import LOGITS, Network
from backend.objectives.objective import Features, Objective
from backend.painting.job import run as run_painting
from backend.painting.picture_job import run as run_on_picture
from backend.parameterizations.fourier import Fourier
from backend.parameterizations.pixel import Pixel
from backend.pictures.color_space import over
from backend.pictures.images import read_image, resize, resize_shorter, to_pillow
from backend.protocol.files import HEIGHT_FILE, IMAGE_FILE, REPORT_FILE
from backend.protocol.job import Job
from backend.protocol.parts import Style
from backend.rendering import camera, rasterizer
from backend.rendering.camera import Camera
from backend.rendering.gbuffer import GBuffer, render
from backend.rendering.mesh import Mesh, build_mesh
from backend.rendering.views import ViewMaker
from backend.session import JobSession

from ..sheet import write

ROOT = Path(__file__).parents[2]
FIGURES = ROOT / "docs" / "gallery"
FOX = ROOT / "tests" / "assets" / "fox.gltf"
CPU = torch.device("cpu")
SEED = 0
SIDE = 512  # texels of a mesh's texture
PICTURE = 384  # pixels along the longer side of a picture that is painted over


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
    surface = read_model(FOX)
    picture = torch.from_numpy(np.asarray(surface.textures[0].convert("RGB")).copy())
    texture = resize(picture.permute(2, 0, 1).float() / 255, 512, 512)[None]
    return build_mesh(surface.vertices, surface.faces, surface.uvs, name="fox"), texture


def generator(seed: int = SEED) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def paint(canvas: Canvas, name: str, goal: Objective, steps: int, rate: float) -> list[float]:
    """Optimise; gives the losses."""
    return imagine(canvas, network(name), goal, steps, rate, generator())


def dreamt(name: str, goal: Objective, size: int, steps: int, transform: Transform) -> Tensor:
    """(1, 3, size, size): a flat picture from nothing, as a spectrum; softer where the transform zooms."""
    torch.manual_seed(SEED)
    of_class = transform is transforms.zoomed
    canvas = Flat(Fourier(1, 3, size, size, knee=CLASS_KNEE if of_class else None), transform)
    paint(canvas, name, goal, steps, RATES["fourier"] * (CLASS_RATE if of_class else 1))
    return canvas.picture()


def on_fox(**fields: Any) -> tuple[Tensor, dict[str, Any]]:
    """The fox's textures (B, C, SIDE, SIDE), with the height for relief, and the report of such a job."""
    job = Job(mesh="mesh.npz", content="content.png", texture_size=SIDE, device="cpu", seed=SEED, **fields)
    surface = painted_model(FOX, job)
    shown = contents(surface)
    job = replace(job, **{"content": None} | fields_of(surface, shown))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_mesh(surface, folder / "mesh.npz")
        for file, picture in shown.items():
            picture.save(folder / file)
        session = JobSession(job, folder, lambda event: None, lambda: False)
        (run_painting if job.on_pyramid else run_on_canvas)(session)
        measured = json.loads((folder / REPORT_FILE).read_text(encoding="utf-8"))
        pictures = [read(path) for path in sorted(folder.glob("texture*.png"))]
        if job.relief:
            pictures[0] = torch.cat([pictures[0], read(folder / HEIGHT_FILE)])
        return torch.stack(pictures), measured


def on_picture(name: str, **fields: Any) -> Tensor:
    """(3, H, W): a shipped painting, in the style that a job with these fields gives it."""
    content = str(ROOT / "addon" / "styles" / f"{name}.jpg")
    size = {"parameterization": "pixel", "image_size": PICTURE}
    job = Job(content=content, device="cpu", seed=SEED, **size, **fields)
    with tempfile.TemporaryDirectory() as folder:
        run_on_picture(JobSession(job, Path(folder), lambda event: None, lambda: False))
        return read(Path(folder) / IMAGE_FILE)


def read(path: Path) -> Tensor:
    """(C, H, W) in 0..1: a PNG as it is, alpha or 16 bits and all."""
    values = torch.from_numpy(np.asarray(Image.open(path)).astype(np.float32))
    return values[None] / 65535 if values.dim() == 2 else values.permute(2, 0, 1) / 255


def painting_file(name: str) -> Style:
    """A shipped painting, for a job."""
    return Style(str(ROOT / "addon" / "styles" / f"{name}.jpg"))


def fixed(texture: Tensor) -> UVTexture:
    """A texture that shows `texture` (1, C, S, S) as it is."""
    return UVTexture(Pixel(1, *texture.shape[1:], texture))


@torch.no_grad()
def value(name: str, goal: Objective, images: Tensor) -> float:
    """The objective itself (minus the loss) for `images`, in float32."""
    return -float(goal(Features(network(name)(images, goal.layers))).mean())


def held_out(count: int, framing: str, size: int = 224) -> list[tuple[GBuffer, Camera]]:
    """Views of the fox that no row optimises on: 0.9 wide on its surface, or around the whole of it."""
    make = ViewMaker(fox()[0], "embree", np.random.default_rng(424242), framing)
    return [make.taken(0.9, size) for _ in range(count)]


@torch.no_grad()
def shown(texture: SurfaceTexture, view: GBuffer, eye: Camera, background: Tensor) -> Tensor:
    """(B, 3, H, W): what `texture` looks like from there."""
    images = []
    for values in torch.split(texture.sample(texture.prepare(view, eye)), texture.channels, 1):
        if values.shape[1] == 4:
            behind = background.flatten(1).T[view.pixels]
            values = over(values[:, :3], values[:, 3:], behind)
        images.append(view.image(values, background))
    return torch.stack(images)


def portrait(
    texture: SurfaceTexture,
    turn: float = 0.6,
    size: int = 256,
    mesh: Mesh | None = None,
    window: float = 1.75,
) -> Tensor:
    """(B, 3, size, size): the fox, or another `mesh`, from the side, `turn` radians round, before a light
    ground, or a board where it is half transparent. `window` is how wide it is seen, in the mesh's units.

    As engines do, it looks through what turns its back: in some poses a wrist is inside out.
    """
    mesh = mesh or fox()[0]
    backward = np.array([np.cos(turn), np.sin(turn), 0.25])
    eye = camera.look_at(np.zeros(3), backward, window, 2 * size)
    front = np.flatnonzero(((eye.position - mesh.corners[:, 0]) * mesh.face_normals).sum(1) > 0)
    mesh = mesh.only(front)
    view = render(mesh, rasterizer.create("embree", mesh), eye)
    view = replace(view, faces=torch.from_numpy(front)[view.faces])
    ground = (
        board(2 * size, 0.55, 0.9) if texture.channels == 4 else torch.full((3, 2 * size, 2 * size), 0.93)
    )
    large = shown(texture, view, eye, ground)
    return nn.functional.avg_pool2d(large, 2)


def board(size: int, dark: float, light: float) -> Tensor:
    """(3, size, size): squares of 16 pixels, behind what is half transparent."""
    squares = (torch.arange(size)[:, None] // 16 + torch.arange(size)[None] // 16) % 2
    return (dark + (light - dark) * squares).expand(3, -1, -1)


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
    write(FIGURES / f"{name}.jpg", pictures, columns)
