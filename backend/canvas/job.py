"""Every job but a mesh's style transfer on a pyramid: dreams, syntheses, frames, flat pictures."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from .. import networks
from ..conversation import Cancelled
from ..machine.devices import device_name, pick_device
from ..painting.job import PREVIEW_SECONDS, check_loss, check_texels, palette_of, write_report
from ..parameterizations import cppn
from ..pictures.images import read_image, resize, resize_shorter, save, to_pillow
from ..pictures.palette import moments, recolor, transport
from ..protocol import (
    CPPN_FILE,
    HEIGHT_FILE,
    IMAGE_FILE,
    NORMAL_FILE,
    PREVIEW_FILE,
    REPORT_FILE,
    TEXTURE_FILE,
    Event,
    Job,
    PatinaError,
)
from ..rendering.mesh import Mesh, read_mesh
from ..rendering.texels import Texels, locate
from ..result import report
from ..result.finish import finish
from ..result.textures import write_preview
from . import build
from .background import smooth_noise
from .goals import objective_of
from .loop import imagine
from .relief import DEPTH, normal_map

STEPS = {"stylize": 200, "dream": 200, "synthesize": 200, "interpolate": 150}
DEEPDREAM_STEPS = 24
CLASS_STEPS = 600  # on a mesh, where there is much to see
QUALITY_STEPS = {"draft": 0.4, "standard": 1.0, "final": 2.5}


def run(job: Job, folder: Path, emit: Callable[[Event], None], cancelled: Callable[[], bool]) -> None:
    """Do `job`, whose files lie in `folder`; pictures or textures and the report are written there.

    Raises PatinaError for input that cannot be used, Cancelled once `cancelled` says so.
    """
    began = time.perf_counter()
    device = pick_device(job.device)
    if job.task == "morph":
        frames = morph(job, folder)
        names = write_pictures(frames, folder, IMAGE_FILE)
        distance = frame_distance(networks.load(job.network, device), frames)
        write_report(distance | _basics(job, device_name(device), began), folder / REPORT_FILE)
        emit(Event("finished", path=names[0], report=REPORT_FILE))
        return
    emit(Event("started", message=f"{device_name(device)}, {job.network}"))
    torch.manual_seed(job.seed)
    network = networks.load(job.network, device, style_layers=job.layers)
    content = read_content(job, folder)
    place = place_of(job, folder, emit)
    start = start_of(job, folder, content)
    painted = canvas_of(job, place, start, content, device)
    texels = place[1] if place is not None else None
    styles = read_styles(job, folder, build.NEAR.size if job.mesh else _shorter(painted))
    if job.colors == "object" and content is not None and job.task == "stylize":
        used = texels.used if texels is not None else np.ones(content.shape[2:], bool)
        styles = [(palette_of(image[0], content[0], used)[None], weight) for image, weight in styles]
    styles = [(image.to(device), weight) for image, weight in styles]
    goal = objective_of(job, network, styles, content is not None and job.task == "stylize")
    steps = job.steps or default_steps(job)
    previewed = time.perf_counter()

    def on_step(step: int, loss: float) -> None:
        nonlocal previewed
        if cancelled():
            raise Cancelled
        check_loss(loss, step)
        now = time.perf_counter()
        left = (now - began) * (steps / step - 1)
        emit(
            Event(
                "progress",
                stage=job.task,
                step=step,
                steps=steps,
                fraction=step / steps,
                seconds_left=round(left, 1),
                loss=round(loss, 5),
            )
        )
        if now - previewed > PREVIEW_SECONDS:
            shown = painted.pictures(texels, job.texture_size)[0, :3]
            write_preview(shown, folder / PREVIEW_FILE)
            emit(Event("preview", path=PREVIEW_FILE))
            previewed = now

    random = torch.Generator().manual_seed(job.seed)
    losses = imagine(painted.canvas, network, goal, steps, build.rate_of(job), random, on_step)
    result = painted.pictures(texels, job.texture_size)
    measured: dict[str, Any] = {"loss": {"first": losses[0], "last": losses[-1]}, "steps": steps}
    if place is not None:
        seen = painted.seen(job.texture_size)
        before = start[0] if start is not None else torch.zeros_like(result[0])
        result = torch.stack([finish(texture, before, seen, *place) for texture in result])
        measured |= measure(job, folder, place, seen, result[:, :3], device)
    if job.relief:
        assert place is not None
        measured["relief_depth"] = write_relief(result[0, 3], place[0], folder)
        result = result[:, :3]
    if job.task == "interpolate":
        measured |= frame_distance(network, result)
    names = write_pictures(result, folder, TEXTURE_FILE if job.mesh else IMAGE_FILE)
    if painted.cppn is not None:
        cppn.write(folder / CPPN_FILE, painted.cppn)
    if job.transparent:
        measured["mean_alpha"] = round(float(result[:, 3].mean()), 4)
    write_report(measured | _basics(job, device_name(device), began), folder / REPORT_FILE)
    emit(Event("finished", path=names[0], report=REPORT_FILE))


def _basics(job: Job, device: str, began: float) -> dict[str, Any]:
    return {
        "seconds": {"total": round(time.perf_counter() - began, 2)},
        "peak_memory_mb": round(report.peak_memory() / 1e6),
        "seed": job.seed,
        "device": device,
        "versions": report.versions(),
        "job": asdict(job),
    }


def default_steps(job: Job) -> int:
    """Steps where the job names none."""
    if any(target.kind == "deepdream" for target in job.targets):
        return round(DEEPDREAM_STEPS * QUALITY_STEPS[job.quality])
    if job.task == "dream" and job.mesh is not None and build.of_class(job):
        return round(CLASS_STEPS * QUALITY_STEPS[job.quality])
    return round(STEPS[job.task] * QUALITY_STEPS[job.quality])


def place_of(job: Job, folder: Path, emit: Callable[[Event], None]) -> tuple[Mesh, Texels] | None:
    """The mesh, and its texels' places on it. Raises PatinaError where it cannot be painted."""
    if job.mesh is None:
        return None
    mesh = read_mesh(folder / job.mesh, job.name)
    texels = locate(mesh, job.texture_size)
    check_texels(texels, [job.name], job, emit)
    return mesh, texels


def size_of(job: Job, content: Tensor | None) -> tuple[int, int]:
    """Height and width of the result."""
    if job.mesh is not None:
        return job.texture_size, job.texture_size
    return (content.shape[2], content.shape[3]) if content is not None else (job.image_size, job.image_size)


def start_of(job: Job, folder: Path, content: Tensor | None) -> Tensor | None:
    """What the canvas begins as, (1, 3, H, W); or None.

    The content, or clouds, in the styles' colours; on a mesh without content their mean colour, for clouds
    would be cut at its seams.
    """
    keeps = job.colors == "object" and content is not None
    if not job.styles or job.task == "interpolate" or keeps:
        return content
    exemplars = [image for image, _ in read_styles(job, folder, 256)]
    if content is None and job.mesh is not None:
        mean = torch.stack([image.mean((0, 2, 3)) for image in exemplars]).mean(0)
        return mean.view(1, 3, 1, 1).expand(1, 3, *size_of(job, None))
    if content is None:
        content = smooth_noise(1, *size_of(job, None), torch.Generator().manual_seed(job.seed))
    return in_colors_of(content, exemplars)


def canvas_of(
    job: Job,
    place: tuple[Mesh, Texels] | None,
    start: Tensor | None,
    content: Tensor | None,
    device: torch.device,
) -> build.Painted:
    """The canvas that the job paints on."""
    if place is None:
        return build.flat(job, *size_of(job, content), start, content, device)
    return build.surface(job, *place, start, content, device)


def measure(
    job: Job,
    folder: Path,
    place: tuple[Mesh, Texels],
    seen: NDArray[np.bool_],
    textures: Tensor,
    device: torch.device,
) -> dict[str, Any]:
    """The report's measures of finished `textures` (B, 3, S, S); lists where there are frames."""
    mesh, texels = place
    ratios = [report.seam_ratio(mesh, texture) for texture in textures]
    found: dict[str, list[float | None]] = {
        "seam_ratio": [None if ratio is None else round(ratio, 4) for ratio in ratios]
    }
    if job.styles:
        span = build.NEAR.size * build.PIXEL
        styles = [(image[0], weight) for image, weight in read_styles(job, folder, build.NEAR.size)]
        whole = sum(weight for _, weight in styles)
        shares = [weight / whole for _, weight in styles]
        found["style_distance"] = []
        for i, texture in enumerate(textures):
            if job.task == "interpolate":
                shares = [1 - i / (len(textures) - 1), i / (len(textures) - 1)]
            wanted = [(image, share) for (image, _), share in zip(styles, shares, strict=True)]
            judge = report.Judge(mesh, job.rasterizer, wanted, build.PIXEL, span, device)
            found["style_distance"].append(round(judge.style_distance(judge.look(texture)), 4))
    plain = {key: values[0] if len(values) == 1 else values for key, values in found.items()}
    return {"coverage": round(float(seen[texels.used].mean()), 5)} | plain


def in_colors_of(picture: Tensor, exemplars: list[Tensor]) -> Tensor:
    """`picture` (1, 3, H, W) in the exemplars' colours: a start that the first steps can use."""
    palette = torch.cat([image[0].flatten(1).T for image in exemplars])
    return recolor(picture[0], transport(moments(picture[0].flatten(1).T), moments(palette)))[None]


def _shorter(painted: build.Painted) -> int:
    return min(painted.pictures(None, 0).shape[2:])


def read_content(job: Job, folder: Path) -> Tensor | None:
    """The picture, or the object's present texture, that the job starts from: (1, 3, H, W), or None."""
    if job.content is None or job.task not in ("stylize", "dream"):
        return None
    if job.task == "dream" and all(target.kind != "deepdream" for target in job.targets):
        return None  # a dream from nothing
    image = read_image(folder / job.content, "content picture", "content")
    if job.mesh is not None:
        return resize(image, job.texture_size, job.texture_size)[None]
    scale = min(1.0, job.image_size / max(image.shape[1:]))
    return resize(image, round(image.shape[1] * scale), round(image.shape[2] * scale))[None]


def read_styles(job: Job, folder: Path, shorter: int) -> list[tuple[Tensor, float]]:
    """The style images (1, 3, H, W), at most `shorter` pixels on their shorter sides, and their weights."""
    found = []
    for style in job.styles:
        image = read_image(folder / style.image, "style image", "styles")
        found.append((resize_shorter(image, min(shorter, min(image.shape[1:])))[None], style.weight))
    return found


def frame_distance(network: networks.Network, frames: Tensor) -> dict[str, list[float]]:
    """The report's measure of frames (N, 3 or 4, H, W)."""
    return {"frame_distance": [round(d, 4) for d in report.frame_distances(network, frames[:, :3])]}


def write_pictures(pictures: Tensor, folder: Path, name: str) -> list[str]:
    """Write each of (B, 3 or 4, H, W) as a PNG: `name`, or name_0, name_1, … where there are several."""
    path = folder / name
    names = [name] if len(pictures) == 1 else [f"{path.stem}_{i}{path.suffix}" for i in range(len(pictures))]
    for picture, each in zip(pictures, names, strict=True):
        image = to_pillow(picture[:3])
        if len(picture) == 4:
            image.putalpha(to_pillow(picture[3:].expand(3, -1, -1)).convert("L"))
        save(image, folder / each)
    return names


def write_relief(height: Tensor, mesh: Mesh, folder: Path) -> float:
    """Write `height` (S, S) as 16 bits of grey from low to high, and normals.

    Gives the way from low to high in scene units.
    """
    low, high = height.min(), height.max()
    texel = mesh.texel / len(height)
    grey = ((height - low) / (high - low).clamp_min(1e-6) * 65535).round().numpy().astype(np.uint16)
    pictures = {HEIGHT_FILE: Image.fromarray(grey), NORMAL_FILE: to_pillow(normal_map(height, texel))}
    for name, picture in pictures.items():
        save(picture, folder / name)
    return float(high - low) * DEPTH * mesh.unit


def morph(job: Job, folder: Path) -> Tensor:
    """The frames (N, C, S, S) between two CPPNs for flat pictures, ends included."""
    first, second = (cppn.read(folder / path) for path in job.cppns)
    for end, path in zip((first, second), job.cppns, strict=True):
        if end.dimensions != 2:
            raise PatinaError(
                f"{Path(path).name} paints a surface, not a flat picture.",
                "Name a CPPN of a flat dream.",
                "cppns",
            )
    size = job.image_size
    with torch.no_grad():
        return torch.cat(
            [cppn.morph(first, second, i / (job.frames - 1)).image(size, size) for i in range(job.frames)]
        )
