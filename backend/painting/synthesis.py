"""More of a texture in pieces of it: one job, from its files to its files."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..pictures.images import write_image
from ..pictures.regular import in_whole, periods, straight
from ..pictures.styles import Styles, read_styles
from ..protocol.files import IMAGE_FILE
from ..protocol.job import Job
from ..rendering.mesh import Mesh, read_mesh
from ..rendering.texels import check_texels, locate
from ..rendering.views import Viewing
from ..result import report
from ..result.finish import finish, mean_texel
from ..result.textures import write_textures
from ..session import JobSession, Progress
from .aim import viewing_of
from .covering import cover, sew
from .measures import judged_viewing


def run(session: JobSession) -> None:
    """Sew the job's picture, or cover its mesh; the result and the report are written to its folder.

    Raises PatinaError for input that cannot be used, Cancelled once the job is asked to end.
    """
    job, folder = session.job, session.folder
    session.start("pieces of the exemplar")
    exemplars = read_styles(job, folder)
    session.check()
    tell = partial(_tell, session, time.perf_counter())
    if job.mesh is None:
        exemplars = exemplars.within(job.image_size)
        picture = sewn(job, exemplars, tell)
        session.finishing()
        session.write_result(partial(write_image, picture, folder / IMAGE_FILE))
        name, judge = IMAGE_FILE, partial(_distance, picture, exemplars, session.device)
    else:
        mesh = read_mesh(folder / job.mesh, job.name)
        viewing = viewing_of(job, mesh, exemplars, session.device)
        texture = covered(job, mesh, exemplars, viewing, session.message, tell)
        session.finishing()
        (name,) = session.write_result(partial(write_textures, texture, job.texture_size, folder))
        judge = partial(_measures, mesh, texture, exemplars, viewing)
    session.clock.lap("finish")
    measured: dict[str, Any] = {}
    if not session.wishes.enough:  # who asks for it now does not wait for measures
        measured = session.without_fail("The result could not be measured", judge) or {}
    session.clock.lap("report")
    session.finish(name, measured)


def sewn(job: Job, exemplars: Styles, tell: Callable[[int, int], None]) -> Tensor:
    """Sew a square picture of the job's size: (3, S, S)."""
    random = np.random.default_rng(job.seed)
    pieces, size = [], job.image_size
    for image, share in exemplars:
        seen = straight(image)
        seen, steps = in_whole(seen, size) if job.tileable else (seen, periods(seen))
        pieces.append((seen, share, steps))
    return sew(pieces, size, size, job.tileable, random, tell)


def covered(
    job: Job,
    mesh: Mesh,
    exemplars: Styles,
    viewing: Viewing,
    message: Callable[[str], None],
    tell: Callable[[int, int], None],
) -> Tensor:
    """Cover `mesh` with pieces of the exemplars: the texture (3, S, S)."""
    texels = locate(mesh, job.texture_size)
    check_texels(texels, [job.name], job.texture_size, message)
    scaled = exemplars.within(viewing.style_width / mesh.texel * job.texture_size)
    straightened = [(straight(image), share) for image, share in scaled]
    random = np.random.default_rng(job.seed)
    texture = cover(mesh, texels, straightened, viewing.style_width, viewing.stroke_angle, random, tell)
    return finish(texture, texture, texels.used, mesh, texels)


def _tell(session: JobSession, began: float, row: int, rows: int) -> None:
    seconds = (time.perf_counter() - began) * (rows / row - 1)
    session.progress(Progress("synthesize", row, rows, row / rows, seconds, 0.0))


def _distance(picture: Tensor, exemplars: Styles, device: torch.device) -> dict[str, Any]:
    return {"style_distance": round(report.picture_style_distance(picture, exemplars, device), 4)}


def _measures(mesh: Mesh, texture: Tensor, exemplars: Styles, viewing: Viewing) -> dict[str, Any]:
    ratio = report.seam_ratio(mesh, texture)
    judge = report.Judge(mesh, exemplars, judged_viewing(viewing))
    return {
        "seam_ratio": None if ratio is None else round(ratio, 4),
        "style_distance": round(judge.style_distance(judge.activations(texture)), 4),
        "texel_size": mean_texel(mesh, texture.shape[2]),
    }
