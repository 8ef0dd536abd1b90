"""One export or print check, as the scene's settings say, and what the backend found at the last one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy

from ...backend.protocol import PatinaError
from . import engines, printing
from .copies import stylized_objects
from .presets import PRESETS, file_stems

REPLACE = "Choose another name, or tick Replace Existing Files."
last_check: dict[str, Any] | None = None  # the latest report of the backend, for the panel


def export(context: bpy.types.Context, path: Path, overwrite: bool) -> list[Path]:
    """Write the stylized objects as the scene's export settings say, and give the files.

    `path` is the file, or, where each object has a file of its own, lies in their folder. Raises PatinaError.
    """
    global last_check
    settings = context.scene.patina_export
    preset = PRESETS[settings.preset]
    files = []
    for target, group in _groups(context, path, overwrite):
        if preset.backend:
            last_check = printing.export(context, group, preset.backend, target, settings, overwrite)
            files.append(target)
        else:
            size, form = int(settings.texture_size), settings.texture_format
            files += engines.export(context, group, preset, target, size, form, overwrite).files
    return files


def _groups(
    context: bpy.types.Context, path: Path, overwrite: bool
) -> list[tuple[Path, list[bpy.types.Object]]]:
    """Share the stylized objects out among files. Raises PatinaError for a file that must not be replaced."""
    settings = context.scene.patina_export
    suffix = PRESETS[settings.preset].suffix
    objects = stylized_objects(context, settings.scope)
    if settings.files != "EACH":
        stem = path.stem if path.suffix.lower() == suffix else path.name
        return [(path.with_name(stem + suffix), objects)]
    stems = file_stems([obj.name for obj in objects])
    groups = [(path.with_name(stem + suffix), [obj]) for stem, obj in zip(stems, objects, strict=True)]
    existing = [target for target, _ in groups if target.exists()]
    if existing and not overwrite:  # before the first is written
        raise PatinaError(f"{existing[0]} exists already.", REPLACE, "out")
    return groups


def check(context: bpy.types.Context) -> dict[str, Any]:
    """Have the backend look at the stylized objects for printing; gives its report. Raises PatinaError."""
    global last_check
    settings = context.scene.patina_export
    last_check = printing.check(context, stylized_objects(context, settings.scope), settings)
    return last_check


def unregister() -> None:
    """Forget the report: it is of a file that may be closed."""
    global last_check
    last_check = None
