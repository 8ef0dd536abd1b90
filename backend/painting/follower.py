"""What is done beside the loop: progress told, previews and checkpoints written now and then."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
from torch import Tensor

from ..pictures.styles import Styles
from ..protocol.files import CHECKPOINT_FILE
from ..result.textures import PREVIEW_SIDE, write_previews
from ..session import JobSession, Progress, lesser
from . import checkpoint, optimize
from .checkpoint import Kept
from .color_finish import grade_to, graded_by
from .optimize import Plan
from .pyramid import Pyramid
from .subject import Subject

CHECKPOINT_SECONDS = 8.0
GRADE_SECONDS = 2.0  # after which the previews' grade is found anew: that takes longer than all else of one


class Follower:
    """What is done beside the loop: progress told, previews and checkpoints written now and then."""

    def __init__(
        self,
        session: JobSession,
        subject: Subject,
        texture: Pyramid,
        styles: Styles,
        plan: Plan,
        before: Kept,
        tell: Callable[[Progress], None],
    ) -> None:
        """before: how far `texture` was at first; tell: is given how far it is."""
        self.session, self.subject, self.texture, self.plan = session, subject, texture, plan
        self.styles, self.tell = styles, tell
        self.side = min(PREVIEW_SIDE, subject.size)
        objects = len(np.unique(subject.mesh.objects))
        job = session.job
        self._whole = optimize.with_views(optimize.STAGES[job.quality], job.views)
        self._others = {
            name: optimize.with_views(optimize.stages(name, None, objects), job.views)
            for name in lesser(job.quality)
        }
        self._before = self._now = before
        self._kept: Kept | None = before if before.steps else None
        self._kept_at = self._graded_at = -math.inf
        self._grade: Tensor | None = None

    def __call__(self, progress: Progress) -> None:
        self._now = optimize.after(self.plan, self._whole, self._before, progress.step)
        self.tell(replace(progress, reached=optimize.reached(self._whole, self._now, self._others)))
        self.session.preview(self._preview)
        if time.perf_counter() - self._kept_at > CHECKPOINT_SECONDS:
            self.keep()

    @property
    def steps(self) -> int:
        """Those taken, with an earlier job's."""
        return self._now.steps

    def show(self) -> None:
        """Write a preview now, for who looks on."""
        if self.session.job.looked_from:
            self.session.preview(self._preview, now=True)

    def keep(self) -> None:
        """Write a checkpoint, unless there is one of this step."""
        if self._now != self._kept:
            path, mesh = self.session.folder / CHECKPOINT_FILE, self.subject.mesh
            write = partial(checkpoint.write, path, self.texture, mesh, self._now)
            self.session.without_fail("A checkpoint, to go on from, could not be written", write)
            self._kept, self._kept_at = self._now, time.perf_counter()

    def keep_again(self) -> None:
        """Write the checkpoint, which has been removed."""
        self._kept = self._before
        self.keep()

    def _preview(self) -> str:
        shown, subject, job = self.texture.texture(self.side)[:3].cpu(), self.subject, self.session.job
        if job.looked_from and job.strength > 0 and self.plan.stages:  # as the result will be
            if time.perf_counter() - self._graded_at > GRADE_SECONDS:
                used = subject.texels.used
                self._grade = grade_to(shown, used, subject, self.styles, job, preview=True)
                self._graded_at = time.perf_counter()
            if self._grade is not None:
                shown = graded_by(self._grade, shown, subject, self.styles, job)
        return write_previews(subject.composed(shown), self.side, self.session.folder)[0]
