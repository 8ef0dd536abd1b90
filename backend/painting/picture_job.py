"""One style-transfer job on a flat picture, from its files to its files."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..pictures.images import read_image, resize, within, write_image
from ..pictures.styles import Styles, read_styles
from ..protocol import IMAGE_FILE, PREVIEW_FILE, Job
from ..result import report
from ..result.textures import PREVIEW_SIDE, write_preview
from ..session import JobSession
from .optimize import Plan
from .picture import Picture, finished, paint, stages, style_side
from .start import initial_picture

CONTENT_WEIGHT = 0.05  # at strength 0.5


def run(session: JobSession) -> None:
    """Paint the job's picture; it and the report are written to its folder.

    Raises PatinaError for input that cannot be used, Cancelled once the job is asked to end.
    """
    job, folder = session.job, session.folder
    session.start(job.network)
    content = read_picture(job, folder)
    styles = read_styles(job, folder)
    network = session.network(average_pooling=True)
    session.check()
    if job.colors > 0:
        styles = styles.recolored(content.flatten(1).T, job.colors)
    start = initial_picture(content, styles, job, session.device)
    session.check()
    picture = Picture(content, start, read_mask(job, folder, content))
    plan = plan_of(job, picture, styles)
    session.clock.lap("set-up")
    result, taken = picture.composed(start), 0
    if job.strength > 0:
        painting = start
        session.preview(partial(_preview, picture, start, folder), now=True)
        for progress, painting in paint(picture, styles, network, plan, session):
            taken = progress.step
            session.progress(progress)
            session.preview(partial(_preview, picture, painting, folder))
            if session.wishes.enough:
                break
        session.finishing()
        result = finished(picture, painting)
    session.check()
    session.write_result(partial(write_image, result, folder / IMAGE_FILE))
    session.clock.lap("finish")
    measured: dict[str, Any] = {}
    if not session.wishes.enough:  # who asks for it now does not wait for measures
        judge = partial(measure, content, result, styles, session.device)
        measured = session.without_fail("The result could not be measured", judge) or {}
    session.clock.lap("report")
    session.finish(IMAGE_FILE, measured | {"steps": taken})


def plan_of(job: Job, picture: Picture, styles: Styles) -> Plan:
    """Plan what the loop does for the job."""
    content_weight = CONTENT_WEIGHT * (1 / job.strength - 1) if job.strength > 0 else 0.0
    is_sketch = job.quality == "sketch"  # the start is the result
    planned = () if is_sketch else stages(picture, styles, job.quality, job.steps)
    return Plan(planned, content_weight, job.style_loss, 1, job.seed)


def read_picture(job: Job, folder: Path) -> Tensor:
    """Read the picture that the job starts from, no longer than the job says: (3, H, W)."""
    assert job.content is not None
    return within(read_image(folder / job.content, "content picture", "content"), job.image_size)


def read_mask(job: Job, folder: Path, content: Tensor) -> Tensor | None:
    """Read how far each pixel of `content` (3, H, W) is painted, if the job says: (1, H, W)."""
    if job.mask is None:
        return None
    return resize(read_image(folder / job.mask, "mask", "mask"), *content.shape[1:]).mean(0, keepdim=True)


def measure(content: Tensor, result: Tensor, styles: Styles, device: torch.device) -> dict[str, Any]:
    """Measure the style distance of `result` (3, H, W), and that of the `content` (3, H, W) before it."""
    scaled = styles.at(style_side(*result.shape[1:]))
    found = {
        "style_distance": report.picture_style_distance(result, scaled, device),
        "style_distance_before": report.picture_style_distance(content, scaled, device),
    }
    return {key: round(value, 4) for key, value in found.items()}


def _preview(picture: Picture, painting: Tensor, folder: Path) -> str:
    small = picture.at(min(PREVIEW_SIDE, picture.longer))
    shown = small.composed(resize(painting.cpu(), *small.content.shape[1:]))
    write_preview(shown, folder / PREVIEW_FILE)
    return PREVIEW_FILE
