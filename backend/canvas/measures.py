"""What a job on a canvas reports of its pictures: how near they are to the style, and to each other."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from .. import networks
from ..pictures.styles import Styles
from ..protocol.job import Job
from ..rendering.mesh import Mesh
from ..rendering.views import Viewing
from ..result import report
from . import build


def measure(
    job: Job, mesh: Mesh | None, styles: Styles | None, pictures: Tensor, device: torch.device
) -> dict[str, Any]:
    """Measure finished `pictures` (B, 3, H, W), the textures of `mesh` if there is one, for the report.

    `styles`, at the size and in the colours that were optimised for. Gives lists where there are frames.
    """
    found: dict[str, list[float | None]] = {}
    if mesh is not None:
        ratios = [report.seam_ratio(mesh, picture) for picture in pictures]
        found["seam_ratio"] = [None if ratio is None else round(ratio, 4) for ratio in ratios]
    if styles is not None:
        found["style_distance"] = []
        for i, picture in enumerate(pictures):
            wanted = styles
            if job.task == "interpolate":
                share = i / (len(pictures) - 1)
                wanted = replace(styles, shares=(1 - share, share))
            found["style_distance"].append(round(style_distance(job, mesh, wanted, picture, device), 4))
    return {key: values[0] if len(values) == 1 else values for key, values in found.items()}


def style_distance(
    job: Job, mesh: Mesh | None, styles: Styles, picture: Tensor, device: torch.device
) -> float:
    """Measure the style distance of `picture` (3, H, W): of views of the `mesh` that wears it, or its own."""
    if mesh is None:
        return report.picture_style_distance(picture, styles, device)
    judge = report.Judge(
        mesh, styles, Viewing(build.PIXEL, build.NEAR.size * build.PIXEL, device, job.rasterizer)
    )
    return judge.style_distance(judge.activations(picture))


def frame_distance(network: networks.Network, frames: Tensor) -> dict[str, list[float]]:
    """Measure for the report how far frames (N, 3 or 4, H, W) are apart."""
    return {"frame_distance": [round(d, 4) for d in report.frame_distances(network, frames[:, :3])]}
