"""The frames of stylized materials that move → atlases, put together by the backend."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import bpy

from ...backend.errors import PatinaError
from ...backend.export.files import check_target
from .. import backend_verbs
from ..scene import atlas


def write(
    context: bpy.types.Context, obj: bpy.types.Object, target: Path, overwrite: bool, play: bool
) -> list[Path]:
    """Write an atlas for each material of `obj` that moves, and give the files; `target` is the first.

    Beside each a .json says how its frames lie, and how fast they follow each other. play: the materials show
    them, too. Raises PatinaError.
    """
    moving = atlas.moving(obj)
    if not moving:
        raise PatinaError(
            f"{obj.name} shows no frames one after the other.", "Choose the mode Animate.", obj.name
        )
    files = [target] + [target.with_stem(f"{target.stem}_{k}") for k in range(2, len(moving) + 1)]
    for file in files:
        check_target(file, overwrite)
        check_target(file.with_suffix(".json"), overwrite)
    for stylized, file in zip(moving, files, strict=True):
        timing, shown = atlas.timing_of(stylized, context.scene)
        grid = _put_together(stylized, file, atlas.frames_per_second(timing, context.scene))
        if play:
            atlas.play(stylized, file, grid, timing, shown)
    return files


def _put_together(stylized: bpy.types.Material, target: Path, fps: float) -> atlas.Grid:
    """Have the backend write the atlas of one material. Raises PatinaError."""
    with tempfile.TemporaryDirectory(prefix="patina-atlas-", ignore_cleanup_errors=True) as apart:
        frames = map(str, atlas.frames_of(stylized, Path(apart)))
        backend_verbs.run("atlas", *frames, "--out", str(target), "--fps", f"{fps:.6g}")
    try:
        known = json.loads(target.with_suffix(".json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise PatinaError(f"The atlas was not written: {error}.", "", "atlas") from None
    return atlas.Grid(known["frames"], known["columns"], known["rows"])
