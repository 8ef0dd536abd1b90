"""Objects and the artist's settings → a job folder; and the folders that are there."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import bpy
import numpy as np

from ...backend.errors import PatinaError
from ...backend.locking import holding
from ...backend.protocol.files import CHECKPOINT_FILE, MESH_FILE, POSES_FILE, REPORT_FILE
from ...backend.protocol.job import Job
from ...backend.protocol.job_file import write_job
from ...backend.protocol.parts import Tile
from .. import job_fields, style_files
from ..properties.settings import PatinaSettings
from ..scope import PatinaScope
from ..settings import dump
from . import poses, records, sets
from .records import Prepared, label
from .viewpoint import Direction

KEEP_DAYS = 7
KEEP_RESULTS = 50
KEEP_WHOLE = 5
FIRST = 1767225600  # 2026: no job is older


def write(
    objects: Sequence[bpy.types.Object],
    settings: PatinaSettings,
    scope: PatinaScope,
    depsgraph: bpy.types.Depsgraph,
    jobs: Path,
    looked_from: Direction | None = None,
) -> Prepared:
    """Write a job for all of `objects`, be it one, into a new folder under `jobs`.

    looked_from: which way the artist is (see `viewpoint`).

    Those that cannot be painted are left out. Raises PatinaError if all are, and then leaves no folder.
    """
    fields = job_fields.of(settings, settings.mode)
    files = style_files.of(settings, settings.mode)
    with new_folder(objects[0].name, jobs) as folder:
        found = sets.gather(objects, fields, scope, depsgraph, folder)
        painted = sets.present(found.members)
        alone = not scope.occlusion or len(painted) == 1
        there, told = None, list[str]()
        if job_fields.paints_several(fields) and scope.over_frames:
            there, told = poses.read(painted, found.arrays["vertices"], depsgraph, stay=alone)
        if there is not None:
            np.savez(folder / POSES_FILE, vertices=there)
        several = len(found.tiles) > 1
        first = Tile("") if several else found.tiles[0]
        if not several:
            found.arrays.pop("tiles")
        np.savez(folder / MESH_FILE, **found.arrays)
        name = label(found.members)
        job = Job(
            name=name,
            mesh=MESH_FILE,
            content=first.content,
            mask=first.mask,
            maps=first.maps,
            tiles=found.tiles if several else (),
            occlusion=not alone,
            poses=None if there is None else POSES_FILE,
            styles=style_files.copy_styles(files, folder),
            cppns=style_files.copy_formulas(settings, settings.mode, folder),
            looked_from=looked_from if job_fields.paints_several(fields) else None,
            **fields,
        )
        notes, failed = (*found.notes, *told), tuple(found.failed)
        timing = job_fields.timing_of(settings, settings.mode)
        prepared = Prepared(folder, name, found.members, notes=notes, failed=failed, timing=timing)
        records.write(prepared, dump(settings))
        write_job(folder, job)
    return prepared


@contextmanager
def new_folder(name: str, jobs: Path) -> Iterator[Path]:
    """Make a new folder under `jobs` for a job for `name`; an error removes it again. Raises PatinaError."""
    try:
        jobs.mkdir(parents=True, exist_ok=True)
        stem = re.sub(r"[^\w-]+", "_", name, flags=re.ASCII)[:32]
        folder = Path(tempfile.mkdtemp(prefix=f"{time.strftime('%Y%m%d-%H%M%S')}-{stem}-", dir=jobs))
    except OSError as error:
        raise _unwritable(jobs, error) from None
    try:
        yield folder
    except OSError as error:
        remove(folder)
        raise _unwritable(folder, error) from None
    except BaseException:
        remove(folder)
        raise


def remove(folder: Path) -> None:
    """Remove a job's folder."""
    shutil.rmtree(folder, ignore_errors=True)


def remove_old(jobs: Path, waiting: Collection[Path] = ()) -> None:
    """Remove job folders of which nothing has changed for KEEP_DAYS.

    Of results, the newest KEEP_RESULTS stay for longer, without the checkpoints, which are large. As a clock
    may be wrong, the newest KEEP_WHOLE stay as they are, those `waiting` to be done, and those at work.
    """
    oldest = time.time() - KEEP_DAYS * 86400
    there = jobs.iterdir() if jobs.is_dir() else ()
    found = [folder for folder in there if folder.is_dir() and not folder.is_symlink()]
    ages: dict[Path, float] = {}
    for folder in found:
        with suppress(OSError):  # another Blender may be removing it
            ages[folder] = _changed(folder)
    newest = sorted(ages, key=lambda folder: -ages[folder])
    results = [folder for folder in newest if _has_result(folder)][:KEEP_RESULTS]
    for folder in newest[KEEP_WHOLE:]:
        if ages[folder] >= oldest or folder in waiting or not is_over(folder):
            continue
        if folder in results:
            with suppress(OSError):
                (folder / CHECKPOINT_FILE).unlink(missing_ok=True)
        else:
            remove(folder)


def _changed(folder: Path) -> float:
    """When something in `folder` was last changed; now, if the clock was wrong then. Raises OSError."""
    now, then = time.time(), folder.stat().st_mtime
    if FIRST < then < now + 86400:
        return then
    os.utime(folder)
    return now


def is_over(folder: Path) -> bool:
    """Tell whether no job, of this Blender or another, is at work in `folder`."""
    try:
        with holding(folder) as alone:
            return alone
    except OSError:
        return False


def _has_result(folder: Path) -> bool:
    return any(next(folder.glob(name), None) for name in (REPORT_FILE, "texture*.png", "image*.png"))


def _unwritable(folder: Path, error: OSError) -> PatinaError:
    return PatinaError(
        f"{folder} cannot be written: {error.strerror or error}.",
        "Make room on the disk, or allow writing to that folder.",
        "jobs",
    )
