"""What a job's settings make: the canvas, its styles, what it begins with, and what is optimised for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from .. import networks
from ..objectives.objective import Objective
from ..pictures.images import read_image, resize, within
from ..pictures.palette import moments, recolor, transport
from ..pictures.styles import Styles, read_styles
from ..protocol.job import Job
from ..rendering.form import kept_of
from ..rendering.mesh import Mesh, read_mesh
from ..rendering.texels import Texels, check_texels, locate
from ..session import JobSession
from . import build
from .background import smooth_noise
from .goals import objective_of


@dataclass(frozen=True)
class Aim:
    """What a job's settings make: the canvas that it paints on, the mesh if there is one, the styles in the
    colours that are wanted, the start (1, 3, H, W), and what is optimised for."""

    painted: build.CanvasSetup
    subject: tuple[Mesh, Texels] | None
    styles: Styles | None
    start: Tensor | None
    goal: Objective


def aim_of(session: JobSession, network: networks.Network) -> Aim:
    """Make what the session's job asks for, which `network` looks at. Raises PatinaError for what cannot be
    used."""
    job, folder = session.job, session.folder
    content = read_content(job, folder)
    subject = read_subject(job, folder, session.message)
    whole = read_styles(job, folder) if job.styles else None
    kept = content
    if subject is not None and job.task == "stylize":
        kept = with_form(content, *subject, job.follow_shape)
    start = start_of(whole, kept, job.colors if content is not None else 0.0, job)
    painted = canvas_of(job, subject, start, kept, session.device)
    styles = whole and styles_of(job, whole, content, subject and subject[1])
    pairs = [(image[None].to(session.device), share) for image, share in styles] if styles else []
    goal = objective_of(job, network, pairs, kept is not None and job.task == "stylize")
    return Aim(painted, subject, styles, start, goal)


def read_content(job: Job, folder: Path) -> Tensor | None:
    """Read the picture, or the present texture, that the job starts from: (1, 3, H, W), or None."""
    if job.content is None or job.task not in ("stylize", "dream"):
        return None
    if job.task == "dream" and all(target.kind != "deepdream" for target in job.targets):
        return None  # a dream from nothing
    image = read_image(folder / job.content, "content picture", "content")
    if job.mesh is not None:
        return resize(image, job.texture_size, job.texture_size)[None]
    return within(image, job.image_size)[None]


def read_subject(job: Job, folder: Path, tell: Callable[[str], None]) -> tuple[Mesh, Texels] | None:
    """Read the mesh, and locate its texels on it. Raises PatinaError where it cannot be painted."""
    if job.mesh is None:
        return None
    mesh = read_mesh(folder / job.mesh, job.name)
    texels = locate(mesh, job.texture_size)
    check_texels(texels, [job.name], job.texture_size, tell)
    return mesh, texels


def size_of(job: Job, content: Tensor | None) -> tuple[int, int]:
    """Decide the height and width of the result."""
    if job.mesh is not None:
        return job.texture_size, job.texture_size
    return (content.shape[2], content.shape[3]) if content is not None else (job.image_size, job.image_size)


def styles_of(job: Job, styles: Styles, content: Tensor | None, texels: Texels | None) -> Styles:
    """Scale the styles to what views show, and move their colours to the content's as far as the job says."""
    styles = styles.within(build.NEAR.size if job.mesh else min(size_of(job, content)))
    if job.colors == 0 or content is None or job.task != "stylize":
        return styles
    colors = content[0].flatten(1) if texels is None else content[0][:, torch.from_numpy(texels.used)]
    return styles.recolored(colors.T, job.colors)


def with_form(content: Tensor | None, mesh: Mesh, texels: Texels, follow: float | None) -> Tensor | None:
    """Find what is to be kept of the mesh and its `content` (see `kept_of`): (1, 3, S, S), or None."""
    own = None if content is None else content[0]
    base = torch.zeros(3, *texels.used.shape) if own is None else own
    kept = kept_of([own], base, mesh, texels, follow)
    return None if kept is None else kept[None]


def start_of(styles: Styles | None, content: Tensor | None, own: float, job: Job) -> Tensor | None:
    """Make what the canvas begins as, (1, 3, H, W); or None.

    The content, or clouds, in the styles' colours, but for the share `own` of the way there; on a mesh
    without content their mean colour, for clouds would be cut at its seams.
    """
    if styles is None or job.task == "interpolate" or own == 1:
        return content
    exemplars = styles.within(256)
    if content is None and job.mesh is not None:
        return exemplars.mean_color.view(1, 3, 1, 1).expand(1, 3, *size_of(job, None))
    if content is None:
        content = smooth_noise(1, *size_of(job, None), torch.Generator().manual_seed(job.seed))
    return in_colors_of(content, exemplars).lerp(content, own)


def in_colors_of(picture: Tensor, exemplars: Styles) -> Tensor:
    """Move `picture` (1, 3, H, W) to the exemplars' colours: a start that the first steps can use."""
    palette = torch.cat([image.flatten(1).T for image in exemplars.images])
    return recolor(picture[0], transport(moments(picture[0].flatten(1).T), moments(palette)))[None]


def canvas_of(
    job: Job,
    subject: tuple[Mesh, Texels] | None,
    start: Tensor | None,
    content: Tensor | None,
    device: torch.device,
) -> build.CanvasSetup:
    """Make the canvas that the job paints on."""
    if subject is None:
        return build.flat(job, *size_of(job, content), start, content, device)
    return build.surface(job, *subject, start, content, device)
