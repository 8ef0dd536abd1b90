"""One style-transfer job on a mesh, from its files to its files."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from .. import networks
from ..conversation import Cancelled
from ..machine.devices import device_name, pick_device
from ..pictures.images import cannot_write, read_image, resize_shorter
from ..pictures.orientation import grain_of
from ..pictures.palette import moments, recolor, snap, transport
from ..protocol import CHECKPOINT_FILE, REPORT_FILE, Event, Job, PatinaError
from ..rendering.mesh import Mesh, read_mesh
from ..rendering.sampling import enlarge
from ..rendering.texels import Texels, each_tile, locate
from ..result import report
from ..result.finish import fill_gutters, finish, mean_texel
from ..result.textures import PREVIEW_SIDE, write_previews, write_textures
from ..writing import write_bytes
from . import checkpoint, optimize, tiles
from .collage import collage
from .optimize import Clock, Progress
from .pyramid import Pyramid
from .unseen import Unseen

PREVIEW_SECONDS = 4.0
PREVIEW_SHARE = (
    15.0  # times as long as previews took goes by before the next; those of many textures are slow
)
CHECKPOINT_SECONDS = 60.0
CONTENT_WEIGHT = 3.0  # at strength 0.5
BORDER = 8  # texels along the borders of several textures, in which what a job starts from fades out
SMALLEST_START = 256  # texels along a side of what a job starts from
JUDGED_PIXEL = 1.5  # of a held-out view, in those of the finest stage


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
    names = [tile.name for tile in tiles.tiles_of(job)]
    mesh = read_mesh(folder / job.mesh, job.name, len(names), apart=not job.occlusion)
    styles = read_styles(job, folder)
    contents, masks = tiles.read_contents(job, folder), tiles.read_masks(job, folder)
    check()
    network = networks.load(job.network, device, True, job.layers)
    texels = locate(mesh, job.texture_size, len(names))
    check_texels(texels, names, job, emit)
    check()

    original = mask = None
    if any(content is not None for content in contents):
        original = tiles.stacked(contents, job.texture_size, mean_color(styles))
        original = fill_gutters(original, texels.used)
    painted = texels.used
    if tiles.is_masked(job, mesh):
        mask = tiles.masked(mesh, texels, masks)
        tiles.write_masks(mesh, contents, masks, job.texture_size, folder)
        mesh = replace(mesh, weights=tiles.aims(mesh, texels, mask))
        painted = texels.used & (mask > 0)
    if job.colors == "object" and original is not None:
        styles = [(palette_of(image, original, painted), weight) for image, weight in styles]
    base = original
    if base is None:
        base = tiles.stacked(contents, job.texture_size, mean_color(styles))
    start = start_of(base, styles, painted, job) if job.colors == "style" else base
    outside = None if mask is None else (torch.from_numpy(mask)[None], base)
    pixel, span = scales(mesh, styles, job)
    grain = 0.0 if mesh.directions is None else grain_of(styles)
    fresh = job.strength > 0 and not job.resume
    texture = Pyramid(begun(start, mesh, texels, styles, pixel, span, grain, job) if fresh else start, device)
    resumed = checkpoint.read(folder / job.resume, texture, mesh) if job.resume else 0
    clock.lap("set-up")

    side = min(PREVIEW_SIDE, job.texture_size)
    small = reduced(outside, side)
    if job.resume:
        plan = optimize.more(job.quality, job.steps)
    else:
        plan = optimize.stages(job.quality, job.steps, len(np.unique(mesh.objects)))
    previewed = kept = time.perf_counter()
    pause = PREVIEW_SECONDS

    def on_progress(progress: Progress) -> None:
        nonlocal previewed, kept, pause
        check()
        check_loss(progress.loss, progress.step)
        values: dict[str, Any] = asdict(progress)
        values = {k: round(v, 5) if isinstance(v, float) else v for k, v in values.items()}
        emit(Event("progress", **values))
        if time.perf_counter() - previewed > pause:
            began_preview = time.perf_counter()
            shown = composed(texture.texture(side).cpu(), small)
            emit(Event("preview", path=write_previews(shown, side, folder)[0]))
            previewed = time.perf_counter()
            pause = max(PREVIEW_SECONDS, PREVIEW_SHARE * (previewed - began_preview))
        if time.perf_counter() - kept > CHECKPOINT_SECONDS or progress.step == progress.steps:
            checkpoint.write(folder / CHECKPOINT_FILE, texture, mesh, resumed + progress.step)
            kept = time.perf_counter()

    level = 0
    if job.strength > 0:
        level = optimize.paint(
            mesh,
            texture,
            start,
            styles,
            network,
            plan=plan,
            pixel=pixel,
            style_span=span,
            style_loss=job.style_loss,
            content_weight=0.0 if original is None else CONTENT_WEIGHT * (1 / job.strength - 1),
            framing=job.framing,
            rasterizer=job.rasterizer,
            seed=job.seed,
            views_per_step=job.views or optimize.VIEWS_PER_STEP,
            report=on_progress,
            tell=lambda message: emit(Event("message", message=message)),
            clock=clock,
            unseen=partial(Unseen, mesh, texels, painted, texture),
            outside=outside,
            grain=grain,
        )

    emit(Event("progress", stage="finishing", fraction=1.0, seconds_left=0.0))
    seen, result = np.ones_like(texels.used), texture.texture().cpu()
    if job.strength > 0:
        # Where a mask ends, paint is carried on, for who composes at its soft edge.
        seen = seen_texels(texture, level, mesh, texels) & (painted | ~texels.used)
        result = finish(result, start, seen, mesh, texels)
    check()
    files = write_textures(result, job.texture_size, folder)
    result = composed(result, outside)
    clock.lap("finish")
    measured = measure(
        mesh, job, result, start, original, styles, pixel, span, device, grain, outside and outside[0]
    )
    check()
    clock.lap("report")
    measured |= {
        "coverage": round(float(seen[painted].mean()), 5),
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
    if job.tiles:
        of_each = by_tile(names, files, seen, painted)
        measured["tiles"] = [a | b for a, b in zip(of_each, measured["tiles"], strict=True)]
    write_report(measured, folder / REPORT_FILE)
    emit(Event("finished", path=files[0], report=REPORT_FILE))


def seen_texels(texture: Pyramid, level: int, mesh: Mesh, texels: Texels) -> NDArray[np.bool_]:
    """(tiles · S, S): the texels that some view moved, as finely as views resolve them.

    `level` is what they resolve on average; where a texture is denser, it is read more coarsely.
    """
    seen = texture.seen(level).cpu().numpy()
    places = torch.from_numpy(np.flatnonzero(texels.used)).to(texture.rows.device)
    levels = torch.from_numpy(level + mesh.coarser(texels.faces)).to(places.device)
    seen[texels.used] = texture.seen_at(places, levels).cpu().numpy()
    return np.asarray(seen)


def check_texels(texels: Texels, names: list[str], job: Job, emit: Callable[[Event], None]) -> None:
    """Raise PatinaError if no texture has a texel to paint; tell of those that have none."""
    bare = [name for name, used in zip(names, each_tile(texels.used), strict=True) if not used.any()]
    for name in bare:
        message = f"{name or 'The mesh'}: its UV islands are smaller than a texel of {job.texture_size}²."
        if len(bare) == len(names):
            raise PatinaError(message, "Use a larger texture, or unwrap it again.", "mesh")
        emit(Event("message", message=f"{message} It is not painted."))


def composed(paint: Tensor, outside: tuple[Tensor, Tensor] | None) -> Tensor:
    """`paint` as the mask lets it show: outside is the mask and what lies under it (see `optimize.paint`)."""
    return paint if outside is None else outside[1].lerp(paint, outside[0])


def reduced(outside: tuple[Tensor, Tensor] | None, side: int) -> tuple[Tensor, Tensor] | None:
    """`outside` for textures of `side`²."""
    if outside is None:
        return None
    mask, under = (
        F.adaptive_avg_pool2d(part, (side * (part.shape[1] // part.shape[2]), side)) for part in outside
    )
    return mask, under


def by_tile(
    names: list[str], files: list[str], seen: NDArray[np.bool_], painted: NDArray[np.bool_]
) -> list[dict[str, Any]]:
    """The report's part on each texture. `seen` and `painted` (tiles · S, S)."""
    found = []
    for name, file, saw, inside in zip(names, files, each_tile(seen), each_tile(painted), strict=True):
        coverage = round(float(saw[inside].mean()), 5) if inside.any() else None
        found.append({"name": name, "texture": file, "coverage": coverage})
    return found


def check_loss(loss: float, step: int) -> None:
    """Raise PatinaError once the optimisation has left the numbers behind."""
    if not math.isfinite(loss):
        raise PatinaError(
            f"The optimisation went astray: at step {step} its loss is {loss:g}.",
            "Try another seed or another strength.",
            "seed",
        )


def read_styles(job: Job, folder: Path) -> list[tuple[Tensor, float]]:
    """The style images (3, H, W) with their shares, which sum to 1."""
    total = sum(style.weight for style in job.styles)
    return [(read_image(folder / s.image, "style image", "styles"), s.weight / total) for s in job.styles]


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


def mean_color(styles: list[tuple[Tensor, float]]) -> Tensor:
    """(3,): the styles' mean colour, where the object has none of its own."""
    return sum((image.mean((1, 2)) * weight for image, weight in styles), torch.zeros(3))


def colors_at(image: Tensor, where: NDArray[np.bool_]) -> Tensor:
    """(U, 3): the colours of `image` (3, H, W) where `where` (H, W) is true."""
    return image[:, torch.from_numpy(where)].T


def start_of(
    content: Tensor, styles: list[tuple[Tensor, float]], painted: NDArray[np.bool_], job: Job
) -> Tensor:
    """The content with its colours moved to the styles' palette: near enough for the first steps to tell.

    `painted`: the texels whose colours count. Below strength 0.5 only part of the way.
    """
    image = torch.cat([F.adaptive_avg_pool2d(style, 256).flatten(1).T for style, _ in styles])
    weights = torch.cat([torch.full((256 * 256,), weight) for _, weight in styles])
    palette = image[torch.multinomial(weights, 65536, replacement=True, generator=generator(job.seed))]
    moved = recolor(content, transport(moments(colors_at(content, painted)), moments(palette)))
    moved = snap(moved, palette[:4096])
    return content.lerp(moved, min(1.0, 2 * job.strength))


def begun(
    start: Tensor,
    mesh: Mesh,
    texels: Texels,
    styles: list[tuple[Tensor, float]],
    pixel: float,
    span: float,
    grain: float,
    job: Job,
) -> Tensor:
    """`start` with what pieces of the styles have more than their mean colour: something to make strokes of.

    As fine as the finest view's `pixel` shows. Below strength 0.5 only part of it.
    """
    size = job.texture_size
    side = min(size, max(SMALLEST_START, size >> max(0, int(math.log2(pixel / mesh.texel * size)))))
    if side < size:
        texels = locate(mesh, side, start.shape[1] // size)
    if not texels.used.any():
        return start
    scaled = [(scaled_style(image, span / mesh.texel * side), share) for image, share in styles]
    pieces = collage(mesh, texels, scaled, span, grain, np.random.default_rng(job.seed))
    pieces -= mean_color(styles)[:, None, None]
    if job.tiles:
        pieces *= _inside(side).repeat(len(pieces[0]) // side, 1)
    return start + min(1.0, 2 * job.strength) * enlarge(pieces, size)


def _inside(side: int) -> Tensor:
    """(side, side): 1 within a texture, down to 0 at its border.

    Views read across that to the other side of the same texture, which there must not look too different.
    """
    away = (torch.minimum(torch.arange(side), torch.arange(side).flip(0)) / BORDER).clamp(max=1)
    return torch.minimum(away[:, None], away)


def palette_of(style: Tensor, content: Tensor, painted: NDArray[np.bool_]) -> Tensor:
    """The style in the object's own colours, its strokes' contrast kept where the object has less."""
    mean, covariance = moments(colors_at(content, painted))
    own = moments(style.flatten(1).T)
    light = torch.tensor([0.299, 0.587, 0.114], dtype=torch.double)
    missing = (0.5 * light @ own[1] @ light - light @ covariance @ light).clamp_min(0)
    return recolor(style, transport(own, (mean, covariance + missing)))


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
    grain: float,
    painted: Tensor | None,
) -> dict[str, Any]:
    """Style and content distance and seam ratio, with the same of what was there before (see `report`).

    Of several textures also the style distance of each. `painted` (1, tiles · S, S): the mask, if any.
    """
    judge = report.Judge(mesh, job.rasterizer, styles, JUDGED_PIXEL * pixel, span, device, grain, painted)
    looks = judge.look(result)
    before = original if original is not None else start
    reference = judge.look(before)
    ratio, ratio_before = report.seam_ratio(mesh, result), report.seam_ratio(mesh, before)
    content = None if original is None else judge.content_distance(looks, reference)
    found: dict[str, Any] = {
        "style_distance": judge.style_distance(looks),
        "style_distance_before": judge.style_distance(reference),
        "content_distance": content,
        "seam_ratio": ratio,
        "seam_ratio_before": ratio_before,
    }
    found = {name: None if value is None else round(value, 4) for name, value in found.items()}
    if job.tiles:
        each = [judge.style_distance_of(tile, looks) for tile in range(len(job.tiles))]
        found["tiles"] = [{"style_distance": value and round(value, 4)} for value in each]
    return found


def write_report(measured: dict[str, Any], path: Path) -> None:
    """Write `measured`, whole or not at all. Raises PatinaError if that cannot be done."""
    text = json.dumps(measured, indent=2, ensure_ascii=False) + "\n"
    try:
        write_bytes(path, text.encode())
    except OSError as error:
        raise cannot_write(path, error) from None
