"""Stylized objects and their materials as assets of the file, with a preview, tags and a catalogue."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy
import numpy as np

from ..backend.errors import PatinaError, readable
from ..backend.writing import write_bytes
from . import history, styles
from .scene import memory
from .scene.portrait import portrait

CATALOGUE = "6f0c7a52-3b1e-4d0b-9c44-3f2a7b1de8a1"  # its number, the same in every library
CATALOGUES_FILE = "blender_assets.cats.txt"
_HEAD = "# This is an Asset Catalog Definition file for Blender.\n\nVERSION 1\n\n"


def mark(obj: bpy.types.Object) -> list[bpy.types.ID]:
    """Make `obj` and its stylized materials assets, and give them. Raises PatinaError."""
    stylized = memory.stylized_materials(obj)
    image = history.signed_image(obj)
    if not stylized or image is None:
        raise PatinaError(f"{obj.name} is not stylized.", "Press Stylize first.", obj.name)
    pixels = np.ascontiguousarray(portrait([obj])).ravel()
    settings, _ = history.signed_with(image)
    marked: list[bpy.types.ID] = [obj, *dict.fromkeys(stylized)]
    for block in marked:
        block.asset_mark()
        describe(block.asset_data, settings)
        _show(block, pixels)
    return marked


def describe(about: bpy.types.AssetMetaData, settings: dict[str, Any]) -> None:
    """Have an asset's `about` say what its result, or its style, is set to."""
    about.catalog_id = CATALOGUE
    about.description = ", ".join(tags_of(settings))
    for tag in tags_of(settings):
        about.tags.new(tag, skip_if_exists=True)


def _show(block: bpy.types.ID, pixels: np.ndarray) -> None:
    """Give `block` a preview: RGBA, the lowest row first."""
    side = int((len(pixels) // 4) ** 0.5)
    preview = block.preview_ensure()
    preview.image_size = (side, side)
    preview.image_pixels_float.foreach_set(pixels)


def tags_of(settings: dict[str, Any]) -> list[str]:
    """List the tags of a result, whose settings may be anything: its style, the painter, the seed."""
    style = settings.get("style")
    if isinstance(style, str) and style in styles.PAINTINGS:
        title, who = styles.PAINTINGS[style]
        found = [title, who.split(",")[0]]
    else:
        found = [Path(str(settings.get("style_file") or "")).stem]
    if isinstance(settings.get("seed"), int):
        found.append(f"seed {settings['seed']}")
    return [readable(tag) for tag in found if tag]


def write_catalogue(folder: Path) -> None:
    """Have the asset library in `folder` know the catalogue; what it knows already stays. Raises OSError."""
    path = folder / CATALOGUES_FILE
    text = path.read_text(encoding="utf-8", errors="surrogateescape") if path.is_file() else _HEAD
    if CATALOGUE not in text:
        end = "" if text.endswith("\n") else "\n"
        write_bytes(path, f"{text}{end}{CATALOGUE}:Patina:Patina\n".encode(errors="surrogateescape"))
