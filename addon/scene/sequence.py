"""Frames of a painting → an image sequence in the materials, and beside the file.

The material's image node shows one file of it; which, its offset says, which is keyed, so that it follows the
scene, and can be keyed otherwise. The files lie beside the .blend, named relatively: they go where it goes.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import bpy

from ...backend.errors import PatinaError
from ...backend.reading import is_file
from ..keying import Timing
from . import maps

KEY = "patina_frames"  # of an image: how many there are
FIRST = 0  # number of the first file: Blender reads that of a sequence which nobody shows


def turn(image: bpy.types.Image, files: Sequence[Path], apart: Path) -> None:
    """Have `image`, packed, show `files`, copied to where they may stay; `apart` while no file is saved.

    Raises PatinaError where they cannot be written, and then leaves it as it was.
    """
    first = _copied(files, _folder(image, apart))
    if image.packed_file is not None:
        image.unpack(method="REMOVE")
    image.source = "SEQUENCE"
    image.filepath = _named(first)
    image[KEY] = len(files)


def play(stylized: bpy.types.Material, timing: Timing) -> None:
    """Have a material that shows a sequence go through it as `timing` says."""
    user = maps.patina_node(stylized).image_user
    user.use_auto_refresh = user.use_cyclic = True
    user.frame_duration, user.frame_start = 1, 1  # so that the offset alone says which
    turns = [(start, FIRST - 1 + k) for k, start in enumerate(timing.starts)]
    if timing.period:
        turns.append((timing.starts[0] + timing.period, FIRST - 1))
    maps.key(user, "frame_offset", turns, turns=True, again=bool(timing.period))


def _folder(image: bpy.types.Image, apart: Path) -> Path:
    """Find a folder for the files of `image` that is not there yet: beside the .blend, or else `apart`."""
    home = Path(bpy.path.abspath("//")) / "textures" if bpy.data.filepath else apart
    name, number = bpy.path.clean_name(image.name), 1
    while (folder := home / (name if number == 1 else f"{name}_{number}")).exists():
        number += 1
    return folder


def _copied(files: Sequence[Path], folder: Path) -> Path:
    """Copy `files` into a new `folder`, numbered; gives the first. Raises PatinaError."""
    targets = [folder / f"{folder.name}_{FIRST + k:04}{file.suffix}" for k, file in enumerate(files)]
    try:
        folder.mkdir(parents=True)
        for source, target in zip(files, targets, strict=True):
            shutil.copyfile(source, target)
    except OSError as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise PatinaError(
            f"The frames cannot be written to {folder}: {error.strerror}.",
            "Make room on the disk, or allow writing to that folder.",
            "frames",
        ) from None
    return targets[0]


def _named(path: Path) -> str:
    """Name `path` relatively to the .blend, if it is saved."""
    return bpy.path.relpath(str(path)) if bpy.data.filepath else str(path)


def files_of(image: bpy.types.Image) -> list[Path]:
    """List the files of a sequence of ours; none for another image."""
    count = image.get(KEY)
    if image.source != "SEQUENCE" or not isinstance(count, int):
        return []
    first = Path(bpy.path.abspath(image.filepath))
    stem = first.stem[: -len(f"{FIRST:04}")]
    return [first.with_name(f"{stem}{FIRST + k:04}{first.suffix}") for k in range(count)]


@bpy.app.handlers.persistent
def _on_save(path: str, *_: object) -> None:
    """Bring the sequences of a file that was never saved beside it, as it is saved for the first time.

    What hinders that is told by Blender, which then misses no file: they stay where they are.
    """
    if bpy.data.filepath or not path:
        return
    home = Path(path).parent / "textures"
    for image in bpy.data.images:
        files = files_of(image)
        if files and all(map(is_file, files)) and image.library is None:
            folder, number = home / files[0].parent.name, 1
            while folder.exists():
                number += 1
                folder = home / f"{files[0].parent.name}_{number}"
            try:
                first = _copied(files, folder)
            except PatinaError as error:
                print(f"Patina: {error}")
                continue
            image.filepath = f"//textures/{folder.name}/{first.name}"


def register() -> None:
    bpy.app.handlers.save_pre.append(_on_save)


def unregister() -> None:
    bpy.app.handlers.save_pre.remove(_on_save)
