"""An object and the artist's settings → a job folder."""

from __future__ import annotations

import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import bpy
import numpy as np

from ...backend.protocol import CHECKPOINT_FILE, REPORT_FILE, Job, PatinaError, Tile, write_job
from ..properties import PatinaSettings
from . import task, textures

KEEP_DAYS = 7
KEEP_RESULTS = 50


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
    fields = task.fields(settings, settings.mode)
    files = task.style_files(settings, settings.mode)
    source = textures.read(obj, depsgraph)
    if not task.paints_several(fields):
        source = one_texture(obj, source, task.begins_with_texture(fields))
    with new_folder(obj.name, jobs) as folder:
        np.savez(folder / "mesh.npz", **source.arrays)
        contents: list[str | None] = [None]
        if task.begins_with_texture(fields):
            contents = textures.write_contents(obj, source, depsgraph, folder, fields["texture_size"])
        if contents == [None] and task.is_deepdream(settings, settings.mode):
            raise PatinaError(
                f"{obj.name} has no texture to dream from.",
                "Give its material an image or a colour, or switch off From the Present Texture.",
                obj.name,
            )
        tiles = [Tile(t.name, content) for t, content in zip(source.textures, contents, strict=True)]
        job = Job(
            name=obj.name,
            mesh="mesh.npz",
            content=contents[0] if len(tiles) == 1 else None,
            tiles=tuple(tiles) if len(tiles) > 1 else (),
            styles=task.copy_styles(files, folder),
            **fields,
        )
        write_job(folder, job)
    return Written(folder, source.textures, source.notes)


def one_texture(obj: bpy.types.Object, source: textures.Source, content: bool) -> textures.Source:
    """`source` painted into one texture, for tasks that know no more. Raises PatinaError if `content`, what
    it shows now, is asked for and is in several; or if its UVs lie in several tiles."""
    if len(source.textures) > 1 and (content or any(texture.udim for texture in source.textures)):
        raise PatinaError(
            f"{obj.name} shows several textures, or tiles of one; this paints one only.",
            "Choose the mode Style, without Relief and painted as Scales or Automatic (Advanced).",
            obj.name,
        )
    slots = tuple(range(max(1, len(obj.material_slots))))
    arrays = {name: array for name, array in source.arrays.items() if name != "tiles"}
    first = source.textures[0]
    kept = (first.image, first.image_uid) if content else ("", 0)
    whole = textures.Texture(obj.name, slots, first.uv_map, 0, *kept)
    return replace(source, arrays=arrays, textures=(whole,), colors=source.colors[:1], cells=source.cells[:1])


@contextmanager
def new_folder(name: str, jobs: Path) -> Iterator[Path]:
    """A new folder under `jobs` for a job for `name`, which an error removes again. Raises PatinaError."""
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


def remove_old(jobs: Path) -> None:
    """Remove job folders of which nothing has changed for KEEP_DAYS.

    Of results, the newest KEEP_RESULTS stay for longer, without the checkpoints, which are large.
    """
    oldest = time.time() - KEEP_DAYS * 86400
    there = jobs.iterdir() if jobs.is_dir() else ()
    found = [folder for folder in there if folder.is_dir() and not folder.is_symlink()]
    ages: dict[Path, float] = {}
    for folder in found:
        with suppress(OSError):  # another Blender may be removing it
            ages[folder] = folder.stat().st_mtime
    newest = sorted(ages, key=lambda folder: -ages[folder])
    results = [folder for folder in newest if _has_result(folder)][:KEEP_RESULTS]
    for folder in newest:
        if ages[folder] < oldest and folder in results:
            with suppress(OSError):
                (folder / CHECKPOINT_FILE).unlink(missing_ok=True)
        elif ages[folder] < oldest:
            remove(folder)


def _has_result(folder: Path) -> bool:
    return any(next(folder.glob(name), None) for name in (REPORT_FILE, "texture*.png", "image*.png"))


def _unwritable(folder: Path, error: OSError) -> PatinaError:
    return PatinaError(
        f"{folder} cannot be written: {error.strerror or error}.",
        "Make room on the disk, or allow writing to that folder.",
        "jobs",
    )
