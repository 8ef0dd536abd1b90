"""The pictures and formulas that are chosen, as files, and copies of them in a job's folder."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import bpy

from ..backend.errors import PatinaError
from ..backend.protocol.parts import Style
from ..backend.reading import is_file, is_folder
from . import formulas, recent, styles
from .modes import choices, has_keys, morphs, uses_mixture, uses_styles
from .properties.settings import PatinaSettings
from .properties.style import StyleChoice


def of(settings: PatinaSettings, mode: str) -> list[Style]:
    """List the pictures that the job needs, by their paths. Raises PatinaError for one that is missing."""
    if not uses_styles(settings, mode):
        return []
    chosen = choices(settings, mode)
    if has_keys(settings, mode):
        return list(dict.fromkeys(map(picture_of, chosen)))
    weighted = uses_mixture(settings, mode) and len(chosen) > 1
    return [picture_of(choice, round(choice.weight, 4) if weighted else 1.0) for choice in chosen]


def picture_of(choice: StyleChoice, weight: float = 1.0) -> Style:
    """Make the entry of a chosen picture, by its path. Raises PatinaError for one that is missing."""
    return Style(str(style_path(choice)), weight, crop_of(choice))


def crop_of(choice: StyleChoice) -> tuple[float, float, float, float] | None:
    """Read the part of the picture that counts, cut off where it would leave the picture; None: all.

    Raises PatinaError where nothing is left of it.
    """
    if not choice.use_crop:
        return None
    x, y, width, height = (round(share, 5) for share in choice.crop)
    width, height = round(min(width, 1 - x), 5), round(min(height, 1 - y), 5)
    if width <= 0 or height <= 0:
        raise PatinaError(
            "The chosen part of the style has no width or no height.",
            "Draw it anew, or switch Only a Part off.",
            "style",
        )
    return x, y, width, height


def copy_styles(files: list[Style], folder: Path) -> tuple[Style, ...]:
    """Copy the pictures into the job's folder, beside those that are there, and give their entries.

    Raises OSError.
    """
    copied = []
    first = len(list(folder.glob("style*")))
    for number, style in enumerate(files, first):
        path = Path(style.image)
        suffix = path.suffix.lower() if path.suffix.isascii() else ""
        name = f"style_{number}{suffix}" if number else f"style{suffix}"
        shutil.copyfile(path, folder / name)
        copied.append(replace(style, image=name))
        if path.parent != styles.FOLDER:
            recent.remember(path)
    return tuple(copied)


def style_path(choice: StyleChoice) -> Path:
    """Find the file of a chosen style. Raises PatinaError if there is none."""
    if choice.style in styles.PAINTINGS:
        return styles.path(choice.style)
    if not choice.style_file:
        raise PatinaError(
            "No style image is chosen.", "Choose an image file, or one of the paintings.", "style"
        )
    path = Path(bpy.path.abspath(choice.style_file))
    if not is_file(path):
        what = "is a folder" if is_folder(path) else "does not exist"
        raise PatinaError(f"The style image {path} {what}.", "Choose an image file.", "style")
    return path


def copy_formulas(settings: PatinaSettings, mode: str, folder: Path) -> tuple[str, ...]:
    """Copy the formulas that a job goes between into its folder, and name them; none of another job.

    Raises PatinaError, OSError.
    """
    if not morphs(settings, mode):
        return ()
    files = [formulas.path(name) for name in (settings.formula, settings.formula_to)]
    names = ("a.cppn", "b.cppn")
    for file, name in zip(files, names, strict=True):
        shutil.copyfile(file, folder / name)
    return names
