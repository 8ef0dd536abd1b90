"""One style-transfer job on a mesh, from its files to its files."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from . import checkpoint, colors, networks, optimize, report
from .finish import fill_gutters, finish, mean_texel
from .images import cannot_write, read_image, resize, resize_shorter, write_image
from .optimize import Clock, Progress
from .parameterizations.pyramid import Pyramid
from .protocol import CHECKPOINT_FILE, PREVIEW_FILE, REPORT_FILE, TEXTURE_FILE, Event, Job, PatinaError
from .rendering.mesh import Mesh, read_mesh
from .rendering.texels import Texels, locate

PREVIEW_SECONDS = 4.0
CHECKPOINT_SECONDS = 60.0
PREVIEW_SIDE = 512
CONTENT_WEIGHT = 0.8  # at strength 0.5
JUDGED_PIXEL = 1.5  # of a held-out view, in those of the finest stage


class Cancelled(Exception):
    """The job was asked to end."""


def run(job: Job, folder: Path, emit: Callable[[Event], None], cancelled: Callable[[], bool]) -> None:
    """Do `job`, whose files lie in `folder`; the texture and the report are written there.

    Raises PatinaError for input that cannot be used, Cancelled once `cancelled` says so.
    """
    clock = Clock()
    began = time.perf_counter()

    def check() -> None:
        if cancelled():
            raise Cancelled

    device = pick_device(job.device)
    emit(Event("started", message=f"{device_name(device)}, {job.rasterizer}"))
    torch.manual_seed(job.seed)
    assert job.mesh is not None
    mesh = read_mesh(folder / job.mesh, job.name)
    styles = read_styles(job, folder)
    original = read_content(job, folder)
    check()
    network = networks.load(job.network, device, average_pooling=True)
    texels = locate(mesh, job.texture_size)
    if not texels.used.any():
        raise PatinaError(
            f"{job.name or 'The mesh'}: its UV islands are smaller than a texel of {job.texture_size}².",
            "Use a larger texture, or unwrap it again.",
            "mesh",
        )
    check()

    original = None if original is None else fill_gutters(original, texels.used)
    if job.colors == "object" and original is not None:
        styles = [(palette_of(image, original, texels), weight) for image, weight in styles]
    base = original if original is not None else mean_color(styles, job.texture_size)
    start = start_of(base, styles, texels, job) if job.colors == "style" else base
    texture = Pyramid(start, device)
    pixel, span = scales(mesh, styles, job)
    resumed = 0
    if job.resume:
        resumed = checkpoint.read(folder / job.resume, texture, mesh)
    elif job.strength > 0:
        texels_across = span / (mesh.texel / job.texture_size)
        largest = max(styles, key=lambda style: style[1])[0]
        exemplar = scaled_style(largest, texels_across)
        texture.roughen(exemplar, optimize.NOISE * min(1.0, 2 * job.strength), generator(job.seed))
    clock.lap("set-up")

    plan = (optimize.more if job.resume else optimize.stages)(job.quality, job.steps)
    previewed = kept = time.perf_counter()

    def on_progress(progress: Progress) -> None:
        nonlocal previewed, kept
        check()
        check_loss(progress.loss, progress.step)
        values: dict[str, Any] = asdict(progress)
        values = {k: round(v, 5) if isinstance(v, float) else v for k, v in values.items()}
        emit(Event("progress", **values))
        if time.perf_counter() - previewed > PREVIEW_SECONDS:
            write_preview(texture.texture(), folder / PREVIEW_FILE)
            emit(Event("preview", path=PREVIEW_FILE))
            previewed = time.perf_counter()
        if time.perf_counter() - kept > CHECKPOINT_SECONDS or progress.step == progress.steps:
            checkpoint.write(folder / CHECKPOINT_FILE, texture, mesh, resumed + progress.step)
            kept = time.perf_counter()

    if job.strength > 0:
        optimize.paint(
            mesh,
            texture,
            start,
            styles,
            network,
            plan=plan,
            pixel=pixel,
            style_span=span,
            content_weight=0.0 if original is None else CONTENT_WEIGHT * (1 / job.strength - 1),
            framing=job.framing,
            rasterizer=job.rasterizer,
            seed=job.seed,
            report=on_progress,
            tell=lambda message: emit(Event("message", message=message)),
            clock=clock,
        )

    emit(Event("progress", stage="finishing", fraction=1.0, seconds_left=0.0))
    seen, result = np.ones_like(texels.used), texture.texture().cpu()
    if job.strength > 0:
        seen = texture.seen().cpu().numpy()
        result = finish(result, start, seen, mesh, texels)
    check()
    write_image(result, folder / TEXTURE_FILE)
    clock.lap("finish")
    measured = measure(mesh, job, result, start, original, styles, pixel, span, device)
    check()
    clock.lap("report")
    measured |= {
        "coverage": round(float(seen[texels.used].mean()), 5),
        "texel_size": mean_texel(mesh, job.texture_size),
        "seconds": {k: round(v, 2) for k, v in clock.parts.items()}
        | {"total": round(time.perf_counter() - began, 2)},
        "peak_memory_mb": round(report.peak_memory() / 1e6),
        "steps": resumed + sum(stage.steps for stage in plan),
        "seed": job.seed,
        "device": device_name(device),
        "rasterizer": job.rasterizer,
        "versions": report.versions(),
        "job": asdict(job),
    }
    write_report(measured, folder / REPORT_FILE)
    emit(Event("finished", path=TEXTURE_FILE, report=REPORT_FILE))


def check_loss(loss: float, step: int) -> None:
    """Raise PatinaError once the optimisation has left the numbers behind."""
    if not math.isfinite(loss):
        raise PatinaError(
            f"The optimisation went astray: at step {step} its loss is {loss:g}.",
            "Try another seed or another strength.",
            "seed",
        )


def pick_device(name: str) -> torch.device:
    """The device called `name`; `auto` takes the fastest there is. Raises PatinaError if it is not there."""
    available = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name == "auto":
        name = next(n for n in ("cuda", "mps", "cpu") if available[n])
    if not available[name]:
        raise PatinaError(
            f"This machine has no {name} device that torch can use.", "Use auto or cpu.", "device"
        )
    return torch.device(name)


def device_name(device: torch.device) -> str:
    """The device as a person knows it."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return (
        f"{device.type.upper()} ({torch.get_num_threads()} threads)" if device.type == "cpu" else "Apple GPU"
    )


def read_styles(job: Job, folder: Path) -> list[tuple[Tensor, float]]:
    """The style images (3, H, W) with their shares, which sum to 1."""
    total = sum(style.weight for style in job.styles)
    return [(read_image(folder / s.image, "style image", "styles"), s.weight / total) for s in job.styles]


def read_content(job: Job, folder: Path) -> Tensor | None:
    """The object's present base colour at the texture's size, (3, S, S), or None."""
    if job.content is None:
        return None
    image = read_image(folder / job.content, "content texture", "content")
    return resize(image, job.texture_size, job.texture_size)


def generator(seed: int) -> torch.Generator:
    """A random stream that depends on `seed` alone."""
    return torch.Generator().manual_seed(seed)


def scales(mesh: Mesh, styles: list[tuple[Tensor, float]], job: Job) -> tuple[float, float]:
    """In the mesh's units: the width of the finest view's pixel, and what the styles' shorter side spans.

    No view need be finer than the texture's texels or the style's own pixels.
    """
    span = (
        job.style_size / mesh.unit
        if job.style_size
        else optimize.SPAN * float(np.sqrt(mesh.areas[mesh.painted].sum()))
    )
    shorter = max(min(image.shape[1:]) for image, _ in styles)
    return max(mesh.texel / job.texture_size, span / shorter), span


def scaled_style(image: Tensor, shorter: float) -> Tensor:
    """`image` (3, H, W) with a shorter side of `shorter` pixels, but no larger than it is."""
    return resize_shorter(image, min(shorter, min(image.shape[1:])))


def mean_color(styles: list[tuple[Tensor, float]], size: int) -> Tensor:
    """(3, size, size): the styles' mean colour, where the object has none of its own."""
    mean = sum((image.mean((1, 2)) * weight for image, weight in styles), torch.zeros(3))
    return mean[:, None, None].expand(3, size, size).clone()


def used_colors(image: Tensor, texels: Texels) -> Tensor:
    """(U, 3): the colours of `image` (3, S, S) at the used texels."""
    return image[:, torch.from_numpy(texels.used)].T


def start_of(content: Tensor, styles: list[tuple[Tensor, float]], texels: Texels, job: Job) -> Tensor:
    """The content with its colours moved to the styles' palette: near enough for the first steps to tell.

    Below strength 0.5 only part of the way.
    """
    image = torch.cat([F.adaptive_avg_pool2d(style, 256).flatten(1).T for style, _ in styles])
    weights = torch.cat([torch.full((256 * 256,), weight) for _, weight in styles])
    palette = image[torch.multinomial(weights, 65536, replacement=True, generator=generator(job.seed))]
    moved = colors.recolor(
        content, colors.transport(colors.moments(used_colors(content, texels)), colors.moments(palette))
    )
    moved = colors.snap(moved, palette[:4096])
    return content.lerp(moved, min(1.0, 2 * job.strength))


def palette_of(style: Tensor, content: Tensor, texels: Texels) -> Tensor:
    """The style in the object's own colours, its strokes' contrast kept where the object has less."""
    mean, covariance = colors.moments(used_colors(content, texels))
    own = colors.moments(style.flatten(1).T)
    light = torch.tensor([0.299, 0.587, 0.114], dtype=torch.double)
    missing = (0.5 * light @ own[1] @ light - light @ covariance @ light).clamp_min(0)
    return colors.recolor(style, colors.transport(own, (mean, covariance + missing)))


def measure(
    mesh: Mesh,
    job: Job,
    result: Tensor,
    start: Tensor,
    original: Tensor | None,
    styles: list[tuple[Tensor, float]],
    pixel: float,
    span: float,
    device: torch.device,
) -> dict[str, Any]:
    """Style and content distance and seam ratio, with the same of what was there before (see `report`)."""
    judge = report.Judge(mesh, job.rasterizer, styles, JUDGED_PIXEL * pixel, span, device)
    looks = judge.look(result)
    before = original if original is not None else start
    reference = judge.look(before)
    ratio, ratio_before = report.seam_ratio(mesh, result), report.seam_ratio(mesh, before)
    return {
        "style_distance": round(judge.style_distance(looks), 4),
        "style_distance_before": round(judge.style_distance(reference), 4),
        "content_distance": None if original is None else round(judge.content_distance(looks, reference), 4),
        "seam_ratio": None if ratio is None else round(ratio, 4),
        "seam_ratio_before": None if ratio_before is None else round(ratio_before, 4),
    }


def write_preview(texture: Tensor, path: Path) -> None:
    """Write a small, quickly compressed picture of `texture` so far."""
    side = min(PREVIEW_SIDE, texture.shape[-1])
    write_image(F.adaptive_avg_pool2d(texture, side), path, compress_level=1)


def write_report(measured: dict[str, Any], path: Path) -> None:
    """Write `measured` beside `path` and rename it. Raises PatinaError if that cannot be done."""
    beside = path.with_name(path.name + ".part")
    try:
        beside.write_text(json.dumps(measured, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        beside.replace(path)
    except OSError as error:
        with suppress(OSError):
            beside.unlink()
        raise cannot_write(path, error) from None
