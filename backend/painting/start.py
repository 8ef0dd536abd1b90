"""What a job starts from, and keeps: the object in the styles' colours, half of it painted in one pass."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from ..networks import feedforward
from ..pictures.images import enlarged, within
from ..pictures.palette import commonness, moments, recolor, sliced_transport, transport, within_gamut
from ..pictures.styles import Styles
from ..protocol.job import Job
from ..rendering.sampling import enlarge
from ..rendering.texels import Texels, fill_gutters, locate
from ..rendering.views import Viewing
from ..result.finish import fill_unseen
from .brushwork import brushwork
from .covering import cover
from .one_pass import VIEW_SIZE, Watch, paint_in_one_pass, plain_objects
from .subject import Subject

MAX_SIDE = 1024  # texels along a side of what is painted in one pass: its views show no more
PALETTE_COLORS = 65536  # drawn from the styles
BORDER_WIDTH = 8  # texels along the borders of several textures, in which all that is added fades out
BROKEN_SHARE = 0.4  # share of the broken colours; the rest is painted in one pass
VARIATION = 0.25  # of a plain surface's colours, in standard deviations of the palette
LIGHTNESS_SHARE = 0.6  # share of the content's own lightness that is kept where colours are broken
FREQUENCY = 5.0  # radians of the waves that break colours, a unit of a mesh whose diagonal is 2
WAVE_COUNT = 6


def initial_texture(
    subject: Subject,
    styles: Styles,
    viewing: Viewing,
    job: Job,
    watch: Watch | None = None,
    check: Callable[[], None] = lambda: None,
) -> Tensor:
    """Make what the optimisation begins with and is held to: (3, tiles · S, S).

    The object's colours are moved to the palette of `styles`, which may be the object's own already, and
    plain areas broken up into several of them; more than half of that gives way to what one pass makes of
    views all around. Where its network is not there, the colours must do. A plain object is covered with
    pieces of the styles instead, unless motifs are unwanted. Beside others an object is known by its
    colours, and a view of a small one has strokes that are too small: several get strokes laid on theirs.
    Below strength 0.5 only part of the way. watch: sees how far the views are (see `paint_in_one_pass`);
    check: is called as pieces are laid; either may raise to end it.
    """
    kept, size = subject.original, subject.size
    side = min(size, MAX_SIDE)
    texels = subject.texels if side == size else locate(subject.mesh, side, len(subject.names))
    if job.strength == 0 or not texels.used.any():
        return kept
    coarse = F.adaptive_avg_pool2d(kept, (len(subject.names) * side, side))
    parts = np.unique(subject.mesh.objects[subject.mesh.mapped])
    several, painted = len(parts) > 1, None
    plain: NDArray[np.integer] = np.array([], np.int32)
    # The colours beside the views: one can watch these, and either leaves cores idle for much of the time.
    with ThreadPoolExecutor(1) as beside:
        colors = beside.submit(_recolored, subject, coarse, texels, styles, job)
        if job.motifs and not several:
            plain = plain_objects(subject, coarse, viewing)
        if feedforward.available() and not several:
            painted, seen = paint_in_one_pass(subject, coarse, texels, styles, viewing, plain, watch)
            painted = fill_unseen(painted, seen, texels, subject.mesh.objects[texels.faces])
        start, change = colors.result()
    base = F.adaptive_avg_pool2d(start, (coarse.shape[1], side))
    if painted is not None:
        change = change + (1 - BROKEN_SHARE) * (painted - base - change)
    if several or len(plain):
        scaled = list(styles.within(viewing.style_width / subject.mesh.texel * side))
        random = np.random.default_rng(job.seed)
        if several:
            change = brushwork(subject.mesh, texels, parts, scaled, viewing, base + change, random) - base
        else:
            mesh, width, angle = subject.mesh, viewing.style_width, viewing.stroke_angle
            change = cover(mesh, texels, scaled, width, angle, random, lambda *_: check()) - base
    change = fill_gutters(change, texels.used)
    if subject.tiled:
        change *= _inside(side).repeat(len(subject.names), 1)
    start = within_gamut((start + enlarge(change, size)).clamp(0, 1), styles.mean_color, styles.gamut)
    return kept.lerp(start, min(1.0, 2 * job.strength))


def _recolored(
    subject: Subject, coarse: Tensor, texels: Texels, styles: Styles, job: Job
) -> tuple[Tensor, Tensor]:
    """Move the colours of what is kept, and break up those of `coarse`, which is the same at `texels`.

    Gives the former (3, tiles · S, S), and what the latter adds to it, as large as `coarse`.
    """
    start, change = subject.original, torch.zeros_like(coarse)
    own = job.colors if subject.colored else 0.0
    if own < 1:
        palette = styles.palette(PALETTE_COLORS, torch.Generator().manual_seed(job.seed))
        moved = transport(moments(subject.colors_of(start)), moments(palette))
        start = recolor(start, moved)
        used = torch.from_numpy(texels.used)
        colors = recolor(coarse, moved)[:, used], coarse[:, used]
        change[:, used] = (1 - own) * broken_colors(*colors, texels.points, palette.T, job.seed)
    return start, change


def _inside(side: int) -> Tensor:
    """(side, side): 1 within a texture, down to 0 at its border.

    Views read across that to the other side of the same texture, which there must not look too different.
    """
    away = (torch.minimum(torch.arange(side), torch.arange(side).flip(0)) / BORDER_WIDTH).clamp(max=1)
    return torch.minimum(away[:, None], away)


def initial_picture(content: Tensor, styles: Styles, job: Job, device: torch.device) -> Tensor:
    """Make what the painting of a flat picture, `content` (3, H, W), begins with and is held to: (3, H, W).

    It is recoloured, which keeps a face that person's; large shapes come from the small pictures that are
    painted first. A sketch, which has none, is broken up and painted in one pass, as in `initial_texture`.
    """
    if job.strength == 0:
        return content
    start, change = content, torch.zeros_like(content)
    if job.colors < 1:
        palette = styles.palette(PALETTE_COLORS, torch.Generator().manual_seed(job.seed))
        moved = transport(moments(content.flatten(1).T), moments(palette))
        start = recolor(content, moved)
        if job.quality == "sketch":
            small = within(content, MAX_SIDE)
            colors = recolor(small, moved).flatten(1), small.flatten(1)
            broken = broken_colors(*colors, _plane(*small.shape[1:]), palette.T, job.seed).view_as(small)
            change = (1 - job.colors) * enlarged(broken, content)
    if job.quality == "sketch" and feedforward.available():
        network = feedforward.load(device)
        vectors = [feedforward.style_vector(network, image.to(device)) for image in styles.images]
        vector = feedforward.blend(vectors, styles.shares)
        painted = feedforward.paint(network, within(content, VIEW_SIZE)[None].to(device), vector)[0].cpu()
        change = change + (1 - BROKEN_SHARE) * (enlarged(painted, content) - start - change)
    start = within_gamut((start + change).clamp(0, 1), styles.mean_color, styles.gamut)
    return content.lerp(start, min(1.0, 2 * job.strength))


def _plane(height: int, width: int) -> NDArray[np.float32]:
    """Place the pixels of a picture whose diagonal is 2: (height · width, 3)."""
    y, x = np.mgrid[:height, :width].astype(np.float32)
    unit = np.hypot(height, width) / 2
    return np.stack([x.ravel() / unit, y.ravel() / unit, np.zeros(height * width, np.float32)], 1)


def broken_colors(
    moved: Tensor, content: Tensor, points: NDArray[np.float32], palette: Tensor, seed: int
) -> Tensor:
    """Make what to add to `moved` (3, N), recoloured `content` (3, N), so that plain areas break up: (3, N).

    Smooth waves over `points` (N, 3), as strong as a colour is common in the content, are added before all
    colours are moved onto the `palette` (3, K). What is rare, an eye or a mouth, keeps one colour.
    """
    random = np.random.default_rng(seed)
    waves = torch.from_numpy(_waves(points, random))
    spread = palette.std(1, keepdim=True) * VARIATION * commonness(content)
    varied = sliced_transport(moved + waves * spread, palette, random)
    return varied + LIGHTNESS_SHARE * (moved - varied).mean(0, keepdim=True) - moved


def _waves(points: NDArray[np.float32], random: np.random.Generator) -> NDArray[np.float32]:
    """(3, N): three smooth random functions of `points` (N, 3), each of mean 0 and deviation about 1."""
    found = []
    across = np.ascontiguousarray(points.T)
    for _ in range(3):
        directions = (FREQUENCY * random.normal(size=(WAVE_COUNT, 3))).astype(np.float32)
        phases = random.uniform(0, 2 * np.pi, WAVE_COUNT).astype(np.float32)
        wave = np.zeros(len(points), np.float32)
        for direction, phase in zip(directions, phases, strict=True):
            wave += np.cos(direction @ across + phase)
        found.append(wave * np.float32(np.sqrt(2 / WAVE_COUNT)))
    waves = np.stack(found)
    return np.asarray(waves - waves.mean(1, keepdims=True))
