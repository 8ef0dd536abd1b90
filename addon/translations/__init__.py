"""The panel in other languages: a JSON file each, from the English text to the translation.

Blender looks here for what its own catalogue has not. Messages of errors are English everywhere.
"""

from __future__ import annotations

import json
from pathlib import Path

import bpy

from .. import folders

FOLDER = Path(__file__).parent
# Blender asks in the first for buttons of operators, in the second for all else.
CONTEXTS = (bpy.app.translations.contexts.operator_default, "*")


def read() -> dict[str, dict[tuple[str, str], str]]:
    """Read the translations by locale (the files' names), as `bpy.app.translations.register` takes them."""
    found = {}
    for path in sorted(FOLDER.glob("*.json")):
        texts = json.loads(path.read_text(encoding="utf-8"))
        found[path.stem] = {(context, text): texts[text] for context in CONTEXTS for text in texts}
    return found


def register() -> None:
    bpy.app.translations.register(folders.PACKAGE, read())


def unregister() -> None:
    bpy.app.translations.unregister(folders.PACKAGE)
