"""Switching the add-on on, whatever lies in its folders and however Blender was told to."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator

import addon_utils
import bpy
import pytest
import recorder
from bl_ext.user_default.patina.addon import (
    folders,
    history,
    installation,
    job_fields,
    jobs,
    problems,
    recent,
    style_files,
    styles,
    thumbnails,
)
from bl_ext.user_default.patina.addon.ui import export as export_panel
from bl_ext.user_default.patina.addon.ui import panel
from bl_ext.user_default.patina.backend.errors import PatinaError

MODULE = "bl_ext.user_default.patina"


@pytest.fixture
def switched_off() -> Iterator[None]:
    """The add-on off during a test; afterwards on, as it was."""
    addon_utils.disable(MODULE, default_set=True)
    yield
    addon_utils.disable(MODULE, default_set=True)
    assert addon_utils.enable(MODULE, default_set=True)


def is_on() -> bool:
    return hasattr(bpy.types.Scene, "patina") and hasattr(bpy.types, "PATINA_PT_stylize")


def test_odd_folders_among_the_results_do_not_keep_it_off(switched_off):
    later = folders.jobs() / "20990101-000000-Cup-later"
    later.mkdir(parents=True)
    (later / "job.json").write_text(json.dumps({"name": "Cup", "version": 99, "more": {}}))
    texture = {"name": "Cup", "slots": [0], "uv_map": None, "udim": 0, "image": "", "uv_layer": 3}
    member = {"name": "Cup", "textures": [texture], "tiles": [0]}
    (later / "panel.json").write_text(json.dumps({"name": "Cup", "members": [member], "extra": 1}))
    (later / "texture.png").write_bytes(b"")
    (folders.jobs() / "a file").write_bytes(b"\xff")
    if sys.platform == "linux":
        (folders.jobs() / "odd\udcff").mkdir()
    assert addon_utils.enable(MODULE, default_set=True)
    assert is_on()
    assert later.name in history.unreadable


def test_results_that_are_a_file_do_not_keep_it_off(switched_off):
    folders.jobs().parent.mkdir(parents=True, exist_ok=True)
    folders.jobs().write_text("no folder")
    try:
        assert addon_utils.enable(MODULE, default_set=True)
        assert is_on()
        assert history.entries == []
    finally:
        folders.jobs().unlink()


def test_a_failed_registration_leaves_nothing_and_can_be_tried_again(switched_off):
    """One of the last classes is registered already, as after a reload gone wrong."""
    (last,) = export_panel.classes
    handlers = list(bpy.app.handlers.load_post)
    bpy.utils.register_class(last)
    try:
        assert addon_utils.enable(MODULE, default_set=True) is None
    finally:
        bpy.utils.unregister_class(last)
    assert not is_on()
    assert not hasattr(bpy.types.Object, "patina")
    assert list(bpy.app.handlers.load_post) == handlers
    assert addon_utils.enable(MODULE, default_set=True)
    assert is_on()
    ours = [one for one in bpy.app.handlers.load_post if one not in handlers]
    assert 0 < len(ours) == len({(one.__module__, one.__name__) for one in ours})  # each once


def test_without_an_entry_in_the_preferences_all_is_as_at_first(switched_off, monkeypatch, cube):
    """`blender --addons bl_ext.user_default.patina`: farms, application templates."""
    monkeypatch.delenv("PATINA_BACKEND")
    assert addon_utils.enable(MODULE, default_set=False)
    assert MODULE not in bpy.context.preferences.addons
    assert job_fields.device() == "auto"
    assert installation.chosen() == installation.known.suited
    assert folders.backend().parts[-3:] == ("user_default", "patina", "backend")
    for operator in ("set_up", "repair", "remove", "verify", "fetch_weights", "use_other_backend"):
        getattr(bpy.ops.patina, operator).poll()
    problems.tell(PatinaError("The backend is not set up.", "Set it up.", "backend"), "stylize")
    assert "patina.set_up" in recorder.draw(panel.PATINA_PT_stylize).operators


@pytest.mark.skipif(sys.platform != "linux", reason="names of files are text there")
def test_a_style_whose_name_is_no_text_is_listed_and_used(tmp_path, cube):
    file = tmp_path / "gr\udcfcn.jpg"
    file.write_bytes(styles.path("poppies").read_bytes())
    settings = bpy.context.scene.patina
    settings.style_file = str(file)
    settings.style = styles.OWN_IMAGE
    recent._path = tmp_path / recent.FILE
    recent.remember(file)
    recent.load(recent._path)
    assert recent.files == [str(file)]
    thumbnails._menus.clear()
    assert settings.style == styles.OWN_IMAGE
    assert [item[1] for item in thumbnails.style_items("")][-1] == "gr?n.jpg"
    (style,) = style_files.of(settings, "style")
    (copied,) = style_files.copy_styles([style], tmp_path)
    assert (tmp_path / copied.image).read_bytes() == file.read_bytes()
    file.unlink()
    with pytest.raises(RuntimeError, match=r"gr\?n.jpg does not exist"):
        bpy.ops.patina.stylize()
    assert not jobs.queue
    assert "patina.stylize" in recorder.draw(panel.PATINA_PT_stylize).operators
