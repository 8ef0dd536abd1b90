"""One export or print check, as the scene's settings say."""

from __future__ import annotations

from pathlib import Path

import bpy

from ...backend.errors import PatinaError
from . import engines, printing, web_page
from .copies import stylized_objects
from .presets import PRESETS, file_stems

REPLACE = "Choose another name, or tick Replace Existing Files."


def export(context: bpy.types.Context, path: Path, overwrite: bool) -> list[Path]:
    """Write the stylized objects for an engine, as the scene's export settings say, and give the files.

    `path` is the file, or, where each object has a file of its own, lies in their folder. Raises PatinaError.
    """
    settings = context.scene.patina_export
    size, form = int(settings.texture_size), settings.texture_format
    files: list[Path] = []
    preset = PRESETS[settings.preset]
    write = web_page.export if preset.operator == "page" else engines.export
    for target, group in _groups(context, path, overwrite):
        files += write(context, group, preset, target, size, form, overwrite).files
    return files


def prints(context: bpy.types.Context, path: Path, overwrite: bool) -> list[printing.Print]:
    """Prepare the prints that the scene's export settings ask for; `path` as for `export`.

    Raises PatinaError.
    """
    settings = context.scene.patina_export
    preset = PRESETS[settings.preset].backend
    return [
        printing.prepare(context, group, preset, target, settings, overwrite)
        for target, group in _groups(context, path, overwrite)
    ]


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


def check(context: bpy.types.Context) -> printing.Print:
    """Prepare a print check of the stylized objects. Raises PatinaError."""
    settings = context.scene.patina_export
    return printing.prepare_check(context, stylized_objects(context, settings.scope), settings)
