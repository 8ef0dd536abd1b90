"""An object and the artist's settings → a job folder."""

from __future__ import annotations

import re
import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import bpy
import numpy as np

from ...backend.protocol import Job, PatinaError, Style, Tile, write_job
from .. import styles
from ..properties import PatinaSettings
from . import textures

KEEP_DAYS = 7


@dataclass(frozen=True)
class Written:
    """A job on disk: its folder, and what is not in there but needed when its texture comes back."""

    folder: Path
    textures: tuple[textures.Texture, ...]  # in the order of the job's tiles
    notes: list[str]  # what the artist should know


def write(
    obj: bpy.types.Object, settings: PatinaSettings, depsgraph: bpy.types.Depsgraph, jobs: Path
) -> Written:
    """Write a job for `obj` into a new folder under `jobs`. Raises PatinaError, and then leaves no folder."""
    style = style_path(settings)
    source = textures.read(obj, depsgraph)
    size = int(settings.texture_size)
    try:
        jobs.mkdir(parents=True, exist_ok=True)
        stem = re.sub(r"[^\w-]+", "_", obj.name, flags=re.ASCII)[:32]
        folder = Path(tempfile.mkdtemp(prefix=f"{time.strftime('%Y%m%d-%H%M%S')}-{stem}-", dir=jobs))
    except OSError as error:
        raise _unwritable(jobs, error) from None
    try:
        np.savez(folder / "mesh.npz", **source.arrays)
        contents = textures.write_contents(obj, source, depsgraph, folder, size)
        tiles = [Tile(t.name, content) for t, content in zip(source.textures, contents, strict=True)]
        style_copy = shutil.copyfile(style, folder / f"style{style.suffix.lower()}")
        job = Job(
            name=obj.name,
            mesh="mesh.npz",
            content=contents[0] if len(tiles) == 1 else None,
            tiles=tuple(tiles) if len(tiles) > 1 else (),
            styles=(Style(style_copy.name),),
            texture_size=size,
            quality=settings.quality,
            strength=round(settings.strength, 4),
            colors=settings.colors,
            seed=settings.seed,
            steps=settings.steps or None,
        )
        write_job(folder, job)
    except OSError as error:
        remove(folder)
        raise _unwritable(folder, error) from None
    except BaseException:
        remove(folder)
        raise
    return Written(folder, source.textures, source.notes)


def style_path(settings: PatinaSettings) -> Path:
    """The chosen style's file. Raises PatinaError if there is none."""
    if settings.style != styles.OWN_IMAGE:
        return styles.path(settings.style)
    if not settings.style_file:
        raise PatinaError(
            "No style image is chosen.", "Choose an image file, or one of the paintings.", "style"
        )
    path = Path(bpy.path.abspath(settings.style_file))
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "does not exist"
        raise PatinaError(f"The style image {path} {what}.", "Choose an image file.", "style")
    return path


def remove(folder: Path) -> None:
    """Remove a job's folder."""
    shutil.rmtree(folder, ignore_errors=True)


def remove_old(jobs: Path) -> None:
    """Remove job folders of which nothing has changed for KEEP_DAYS."""
    oldest = time.time() - KEEP_DAYS * 86400
    for folder in jobs.iterdir() if jobs.is_dir() else ():
        if folder.is_dir() and folder.stat().st_mtime < oldest:
            remove(folder)


def _unwritable(folder: Path, error: OSError) -> PatinaError:
    return PatinaError(
        f"{folder} cannot be written: {error.strerror or error}.",
        "Make room on the disk, or allow writing to that folder.",
        "jobs",
    )
