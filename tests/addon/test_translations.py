"""The panel in other languages: nothing is left out, nothing is left over."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import bpy
import pytest
import recorder
from bl_ext.user_default.patina import addon as package
from bl_ext.user_default.patina.addon import scope, styles, translations
from bl_ext.user_default.patina.addon.export import presets
from bl_ext.user_default.patina.addon.export.properties import PatinaExport
from bl_ext.user_default.patina.addon.properties.advanced import NETWORK_NAMES
from bl_ext.user_default.patina.addon.properties.dream import PatinaDreamKey, PatinaTarget
from bl_ext.user_default.patina.addon.properties.settings import MODES, PICTURE_MODES, PatinaSettings
from bl_ext.user_default.patina.addon.properties.style import PatinaKey, PatinaStyle
from bl_ext.user_default.patina.addon.scene import material
from bl_ext.user_default.patina.addon.ui import advanced, export, image_editor, panel
from bl_ext.user_default.patina.addon.ui import scope as scope_panel

ADDON = Path(package.__file__).parent
LANGUAGES = {path.stem: json.loads(path.read_text()) for path in sorted(translations.FOLDER.glob("*.json"))}
OPERATORS = (
    "stylize",
    "new_seed",
    "style_add",
    "style_remove",
    "style_open",
    "key_add",
    "key_remove",
    "key_move",
    "preset_add",
    "paint_image",
    "cancel",
    "enough",
    "compare",
    "mark_as_asset",
    "mark_style_as_asset",
    "crop",
    "dismiss",
    "queue_move",
    "queue_remove",
    "history_select",
    "history_use",
    "history_go_on",
    "history_remove",
    "image_settings_use",
    "unwrap",
    "export",
    "film",
    "film_cancel",
    "flip_book",
    "print_check",
    "print_cancel",
    "soft_proof",
)
# Names, numbers, and what the file holds in no language.
NAMES = re.compile(
    r"\d+ px|\d[\d:–]*|[a-z]+\d.*|block\d+|Unity|Unreal Engine|Godot|USDZ?|OBJ|PNG|JPEG|WebP|"
    + "|".join(NETWORK_NAMES.values())
)


def rna_texts() -> set[str]:
    """Labels and tooltips of all settings and of the panel's operators."""
    found = set()
    choices = PatinaStyle, PatinaTarget
    keys = PatinaKey, PatinaDreamKey
    groups = PatinaSettings, *choices, *keys, scope.PatinaScope, PatinaExport
    for group in groups:
        for prop in group.bl_rna.properties:
            if prop.identifier in ("rna_type", "name"):
                continue
            found |= {prop.name, prop.description}
            if prop.type == "ENUM" and prop.identifier not in ("style", "layers"):
                found |= {text for item in prop.enum_items for text in (item.name, item.description)}
    for name in OPERATORS:
        operator = getattr(bpy.ops.patina, name).get_rna_type()
        found |= {operator.name, operator.description}
    return {text for text in found if text}


def drawn_texts() -> set[str]:
    """What the panels say, in every mode."""
    settings = bpy.context.scene.patina
    bpy.ops.patina.style_add()
    found = set()
    for mode, *_ in MODES:
        settings.mode = mode
        for drawn in (panel.PATINA_PT_stylize, scope_panel.PATINA_PT_scope, advanced.PATINA_PT_advanced):
            found |= set(recorder.draw(drawn).texts) | {drawn.bl_label}
    settings.mode = "animate"
    for settings.between in ("keys", "dream_keys"):
        for _ in range(2):
            found |= set(recorder.draw(panel.PATINA_PT_stylize, width=4000).texts)
            bpy.ops.patina.key_add()
    settings.between = "formulas"
    found |= set(recorder.draw(panel.PATINA_PT_stylize, width=4000).texts)
    for mode, *_ in PICTURE_MODES:
        settings.picture_mode = mode
        for drawn in (image_editor.PATINA_PT_image, image_editor.PATINA_PT_image_advanced):
            space = type("Space", (), {"image": None})
            found |= set(recorder.draw(drawn, width=4000, space=space).texts) | {drawn.bl_label}
    return found


def told_of_exports() -> set[str]:
    """What the export panel says, whatever for, in the language that is set; width enough for one line."""
    found = set()
    for preset in presets.PRESETS:
        bpy.context.scene.patina_export.preset = preset
        found |= set(recorder.draw(export.PATINA_PT_export, width=4000).texts)
    return found | {export.PATINA_PT_export.bl_label}


def source_texts() -> set[str]:
    """Every text in the code that draws, decides what to say, or sets."""
    rooms = ("ui", "operators")
    files = [
        *(path for room in rooms for path in (ADDON / room).glob("*.py")),
        *(ADDON / name for name in ("readiness.py", "preferences.py", "thumbnails.py")),
    ]
    return {
        node.value
        for path in files
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


def test_five_languages():
    assert set(LANGUAGES) == {"de", "fr", "es", "ja", "zh_HANS"}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_label_and_tooltip_has_an_entry(cube, language):
    texts = LANGUAGES[language]
    paintings = {text for painting in styles.PAINTINGS.values() for text in painting}
    said = (drawn_texts() | rna_texts()) - paintings
    said |= {*export.STAGES, *export.ENDS, *told_of_exports()}
    material.show_image(cube, bpy.data.images.new("Painted", 8, 8))
    said |= {re.sub(r"^Export \w+…", "Export {}…", text) for text in told_of_exports()}
    assert not {text for text in said if not NAMES.fullmatch(text)} - set(texts)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_entry_is_used_and_whole(language):
    known = rna_texts() | source_texts() | {"Presets"}
    for text, translated in LANGUAGES[language].items():
        assert text in known, text
        assert translated.strip() == translated != ""
        assert translated.count("{}") == text.count("{}"), text
        if not text.endswith("."):
            assert not translated.endswith((".", "。")), text
    assert list(LANGUAGES[language]) == list(LANGUAGES["de"])


def test_blender_takes_them_and_gives_them_back():
    read = translations.read()
    assert all(("*", "Seed") in texts and ("Operator", "Stylize") in texts for texts in read.values())
    translations.unregister()
    translations.register()
