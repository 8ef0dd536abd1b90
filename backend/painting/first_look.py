"""A first look at what a job makes, within a second of its beginning: the side that the artist sees, painted.

One view of each object is painted in one pass (`one_pass`) and laid on a small texture, of which the rest
shows the object's colours moved to the styles'. It is a preview: nothing that comes later depends on it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..machine.shelf import Shelf
from ..networks import feedforward
from ..pictures.palette import moments, recolor, transport
from ..pictures.styles import Styles
from ..protocol.job import Job
from ..rendering import camera
from ..rendering.mesh import Mesh
from ..rendering.shape import from_above
from ..rendering.texels import fill_gutters
from ..rendering.views import Viewing, corners_of, framed
from ..result.textures import write_previews
from ..session import NO_PREVIEW, JobSession
from .one_pass import SoFar, paint_views, view_size
from .subject import Subject, mesh_of, read_subject

SIDE = 512  # texels along a texture's side, where there are few
MAX_TEXELS = 4 * SIDE**2  # of all textures
MAX_OBJECTS = 4  # that are painted, the largest; the others show their colours
MIN_SIDE = 64
PALETTE_COLORS = 4096


class Onlooker:
    """What is shown to who looks on, before there is anything to optimise; nothing where nobody does."""

    def __init__(self, session: JobSession, styles: Styles) -> None:
        self.session, self.styles = session, styles
        self.shown: Tensor | None = None  # (3, tiles · side, side)
        self.mesh: Mesh | None = None  # what was looked at, which is the job's

    def look(self) -> None:
        """Show what can be seen at once. Raises Cancelled."""
        job = self.session.job
        if job.looked_from and job.strength > 0 and not job.resume:
            self.shown = self.session.without_fail(NO_PREVIEW, self._first_look)
            if self.shown is not None:
                self.session.preview(self._write, now=True)
        self.session.check()

    def watch(self, subject: Subject, so_far: SoFar) -> None:
        """Show now and then what there is `so_far` over what was shown. Raises Cancelled."""
        if self.shown is not None:
            self.session.preview(lambda: self._lay(subject, so_far))
        self.session.check()

    def _first_look(self) -> Tensor:
        session = self.session
        job, folder, shelf = session.job, session.folder, session.shelf
        self.mesh = mesh_of(job, folder, shelf)
        return first_look(job, folder, self.styles, session.device, shelf, session.looking, self.mesh)

    def _lay(self, subject: Subject, so_far: SoFar) -> str:
        """Show what is painted where it was seen, as far as the mask lets it."""
        assert self.shown is not None
        size = self.shown.shape[1], self.shown.shape[2]
        painted, seen = so_far(size[1])
        paint = torch.from_numpy(seen)[None].float()
        if subject.mask is not None:
            paint = paint * F.adaptive_avg_pool2d(subject.mask, size)
        self.shown = self.shown.lerp(painted, paint)
        return self._write()

    def _write(self) -> str:
        assert self.shown is not None
        return write_previews(self.shown, self.shown.shape[2], self.session.folder)[0]


def first_look(
    job: Job,
    folder: Path,
    styles: Styles,
    device: torch.device,
    shelf: Shelf | None = None,
    tell: Callable[[str], None] = lambda stage: None,
    known: Mesh | None = None,
) -> Tensor:
    """Paint what is seen from `job.looked_from`: (3, tiles · side, side), of a side as small as suits.

    shelf, known: see `read_subject`. tell: is given "looking" once the object is read, and "painting" at each
    view, once its G-buffer is there. Raises PatinaError for what cannot be painted.
    """
    assert job.looked_from is not None
    side = min(SIDE, job.texture_size)
    while side > MIN_SIDE and len(job.textures) * side**2 > MAX_TEXELS:
        side //= 2
    # The light in hollows takes seconds; for a look that from above will do.
    small = replace(job, texture_size=side, follow_shape=0.0, poses=None)
    subject = read_subject(small, folder, styles, lambda text: None, shelf, known)
    tell("looking")
    texels, mesh = subject.texels, subject.mesh
    content = subject.content if subject.colored else _lit(subject)
    if job.colors < 1 or not subject.colored:
        palette = styles.palette(PALETTE_COLORS, torch.Generator().manual_seed(job.seed))
        content = recolor(content, transport(moments(subject.colors_of(content)), moments(palette)))
    viewing = Viewing(0.0, 0.0, device, job.rasterizer)
    toward = np.array(job.looked_from)
    looks = []
    for part in _largest(mesh):
        middle, window = framed(corners_of(mesh, part))
        looks.append((part, camera.look_at(middle, toward, window, view_size(content))))
    if feedforward.available() and looks:
        content, _ = paint_views(mesh, content, texels, styles, viewing, looks, seen=lambda: tell("painting"))
    return subject.composed(fill_gutters(content, texels.used))


def _lit(subject: Subject) -> Tensor:
    """(3, tiles · S, S): an object without colours, grey under a light from above."""
    used, texels = torch.from_numpy(subject.texels.used), subject.texels
    lit = torch.zeros_like(subject.content)
    lit[:, used] = torch.from_numpy(from_above(subject.mesh.face_normals[texels.faces]))
    return lit


def _largest(mesh: Mesh) -> list[int]:
    """The objects with the most to paint."""
    areas = np.bincount(mesh.objects, np.where(mesh.mapped, mesh.areas, 0.0) * mesh.aims)
    return [int(part) for part in np.argsort(-areas)[:MAX_OBJECTS] if areas[part] > 0]
