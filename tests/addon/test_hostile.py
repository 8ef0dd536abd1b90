"""What comes with a .blend that somebody else made, or lies in the user's folder: anything at all."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

import bpy
import pytest
from bl_ext.user_default.patina.addon import folders, history, problems, settings
from bl_ext.user_default.patina.backend.protocol import PatinaError

ANYTHING = (
    *(0, -1, 2**31 - 1, 1.5, float("nan"), float("inf"), True, [1, 2, 3], [0.5] * 16, {"a": 1}, b"\xff\xfe"),
    *("", ".", "..", "/", "../..", "x", "x" * 300_000, "\0", "\n", "[" * 100_000, "null", "[]", "3", "{}"),
    {"a": {"b": {"c": 1}}},
)
RECORDS = (
    *(None, 0, 1.5, "x", [], [1], {}, {"style": []}, 10**400, float("nan"), "x" * 300_000),
    *([{}] * 100_000, [[[]]], {"kind": {"kind": {}}}, [None], ["DEFAULT"], [{"rna_type": {}}]),
)


@pytest.fixture
def worn(cube) -> bpy.types.Image:
    """An image on the cube, as if it were a result."""
    material = bpy.data.materials.new("stylized")
    material.use_nodes = True
    node = material.node_tree.nodes.new("ShaderNodeTexImage")
    node.image = bpy.data.images.new("result", 4, 4)
    slot = cube.patina.slots.add()
    slot.stylized = material
    bpy.context.view_layer.objects.active = cube
    return node.image


@pytest.mark.parametrize("key", [history.FOLDER_KEY, history.JOB_KEY, history.SETTINGS_KEY])
def test_what_an_image_claims_to_be_never_raises_and_leads_nowhere(worn, cube, key, tmp_path):
    sentinel = tmp_path / "mine"
    sentinel.write_text("years of work")
    for value in (*ANYTHING, str(tmp_path), "../" * 20 + str(tmp_path)[1:]):
        for name in (history.FOLDER_KEY, history.JOB_KEY, history.SETTINGS_KEY):
            if name in worn:
                del worn[name]
        worn[history.FOLDER_KEY] = "20260101-000000-Cube-x"
        worn[history.SETTINGS_KEY] = json.dumps({"seed": 3})
        worn[key] = value
        found = history.signed_image(cube)
        if found is not None:
            known, folder = history.signed_with(found)
            assert isinstance(known, dict)
            assert folder is None or folder.parent == folders.jobs()
            with suppress(RuntimeError):  # the operator's own report: it does not know its settings
                bpy.ops.patina.image_settings_use()
        assert history.wearer(Path("/nowhere")) is None
    assert sentinel.read_text() == "years of work"


@pytest.mark.parametrize("value", RECORDS, ids=range(len(RECORDS)))
def test_settings_that_are_none_are_told_and_the_others_set(value):
    """Every property of the panel, given anything."""
    panel = bpy.context.scene.patina
    before = settings.dump(panel)
    record = {prop.identifier: value for prop in panel.bl_rna.properties} | {"no such": value}
    try:
        lost = settings.restore(panel, record)
        assert "no such" in lost
        assert "rna_type" in lost
        assert len(json.dumps(settings.dump(panel))) < 5_000_000
    finally:
        settings.restore(panel, before)


def test_settings_never_reach_into_data_blocks(cube):
    panel = bpy.context.scene.patina
    image = bpy.data.images.new("a mask", 4, 4)
    pointers = [p for p in panel.bl_rna.properties if p.type == "POINTER" and p.identifier != "rna_type"]
    for prop in pointers:
        if getattr(prop.fixed_type, "identifier", "") == "Image":
            setattr(panel, prop.identifier, image)
        record = {"name": "renamed", "filepath": "//x", "filepath_raw": "/x"}
        settings.restore(panel, {prop.identifier: record})
    assert image.name == "a mask"
    assert image.filepath_raw == ""
    assert cube.name == "Cube"


@pytest.mark.parametrize("place", ["elsewhere", "in a link", "above"])
def test_only_results_among_the_results_are_found_and_removed(place, tmp_path):
    """A folder's name may come from anywhere; what is removed with a result is only ever a result."""
    mine = tmp_path / "mine"
    mine.mkdir()
    for name in ("job.json", "report.json", "panel.json"):
        (mine / name).write_text('{"a": 1}')
    (mine / "image.png").write_bytes(b"years of work")
    jobs = folders.jobs()
    jobs.mkdir(parents=True, exist_ok=True)
    named = {"elsewhere": mine, "above": jobs / ".." / "mine", "in a link": jobs / "link"}[place]
    if place == "in a link":
        named.symlink_to(mine)
    try:
        with pytest.raises(RuntimeError):
            bpy.ops.patina.history_remove(folder=str(named))
        with pytest.raises(PatinaError):
            history.find(str(named))
    finally:
        if place == "in a link":
            named.unlink()
    assert (mine / "image.png").read_bytes() == b"years of work"


def test_the_panel_keeps_no_more_than_it_can_show():
    problems.shown.clear()
    try:
        for number in range(200):
            problems.note(f"{number} " + "very " * 40_000, "Cube")
        problems.tell(PatinaError("y" * 210_000, "z" * 210_000), "Cube")
        assert len(problems.shown) <= problems.MAX_SHOWN
        assert all(len(p.message) + len(p.cure) < 3000 for p in problems.shown)
        assert problems.shown[-1].is_error
    finally:
        problems.shown.clear()
