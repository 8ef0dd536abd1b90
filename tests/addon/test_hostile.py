"""What comes with a .blend that somebody else made, or lies in the user's folder: anything at all."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from contextlib import suppress
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

import bpy
import numpy as np
import pytest
from bl_ext.user_default.patina.addon import (
    asset_browser,
    dropped_styles,
    folders,
    history,
    problems,
    recent,
    settings,
    style_assets,
    style_files,
    styles,
    timings,
    user_files,
)
from bl_ext.user_default.patina.addon.given import given
from bl_ext.user_default.patina.addon.scene import image, result, sets
from bl_ext.user_default.patina.addon.setup import environment
from bl_ext.user_default.patina.addon.ui.presets import reset
from bl_ext.user_default.patina.backend.errors import PatinaError
from bl_ext.user_default.patina.backend.protocol.job import Job
from bl_ext.user_default.patina.backend.protocol.parts import Style

sys.path.append(str(Path(__file__).parents[1] / "faults"))

import wounds

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


def test_a_report_whose_seconds_have_no_end_teaches_nothing(tmp_path):
    (tmp_path / "report.json").write_text(json.dumps(GOOD_REPORT | {"seconds": {"total": 10**400}}))
    timings.learn(tmp_path)
    assert timings._records == []


@pytest.mark.skipif(sys.platform == "win32", reason="needs pipes with names")
def test_a_pipe_in_the_place_of_a_kept_file_or_a_record_is_not_waited_for(tmp_path):
    """Blender would stand still as it starts."""
    folder = folders.jobs() / "20260101-000000-Cube-x"
    folder.mkdir(parents=True)
    names = ("job.json", "panel.json", "report.json", timings.FILE, recent.FILE, environment.RECORD)
    for name in names:
        os.mkfifo(folder / name)
    (folder / "texture.png").touch()
    timings.load(folder / timings.FILE)
    recent.load(folder / recent.FILE)
    assert user_files.unreadable >= {timings.FILE, recent.FILE}
    user_files.unreadable.clear()
    assert environment.read(folder).state == environment.BROKEN
    timings.learn(folder)
    history.refresh()
    assert history.entries == []


def test_a_style_whose_name_no_file_can_have_is_not_there(cube):
    """As a .blend that somebody else saved may have it: the disk itself refuses to look."""
    panel = bpy.context.scene.patina
    panel.style, panel.style_file = styles.OWN_IMAGE, "/" + "é" * 300
    with pytest.raises(PatinaError, match="does not exist"):
        style_files.style_path(panel)
    with pytest.raises(RuntimeError, match="does not exist"):
        bpy.ops.patina.stylize()


@pytest.mark.skipif(sys.platform == "win32", reason="needs links that anybody may make")
def test_links_among_a_result_of_somebody_else_lead_no_picture_astray(tmp_path):
    """Pictures that are made on the way lie beside the painted ones."""
    mine, folder = tmp_path / "mine", tmp_path / "job"
    mine.write_bytes(b"years of work")
    folder.mkdir()
    own = bpy.data.images.new("own", 4, 4, alpha=True, float_buffer=False)
    deep = bpy.data.images.new("deep", 4, 4, alpha=True, float_buffer=True)
    painted = folder / "texture.png"
    image.write_png(np.full((4, 4, 3), 0.5), painted)
    made = ("texture_over.png", "texture_over.exr", "texture_alpha.png", "result.1001.png", "result.1002.png")
    for name in made:
        (folder / name).symlink_to(mine)
    own.pixels.foreach_set(np.full(64, 0.5, np.float32))
    for original in (own, deep):
        result.composed(original, painted, np.ones((4, 4)))
    result.composed(own, painted, None)
    result.load_tiles({1001: painted, 1002: painted}, "result")
    assert mine.read_bytes() == b"years of work"
    assert not any((folder / name).is_symlink() for name in made)


def test_a_style_that_lies_in_wait_in_somebody_s_file_paints_nothing_when_that_is_opened(cube, tmp_path):
    """As if it had been dragged onto an object while the add-on was off."""
    tree = style_assets.mark(bpy.context.scene.patina)
    bpy.app.handlers.depsgraph_update_post.remove(dropped_styles._look)
    try:
        cube.modifiers.new("Style", "NODES").node_group = tree
        bpy.context.view_layer.update()
        bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "theirs.blend"))
    finally:
        bpy.app.handlers.depsgraph_update_post.append(dropped_styles._look)
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "theirs.blend"))
    bpy.context.view_layer.update()
    bpy.data.objects["Cube"].location.x += 1
    bpy.context.view_layer.update()
    assert style_assets.dropped(bpy.data.objects["Cube"])
    assert not bpy.app.timers.is_registered(dropped_styles._soon)


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


# Many of each, by chance. They are good records with something wrong with them, made again from a seed.

GOOD_JOB = Job(mesh="mesh.npz", content="content.png", styles=(Style("style.jpg"),), texture_size=256)
GOOD_REPORT = {"job": asdict(GOOD_JOB), "steps": 40, "seconds": {"total": 12.5}, "ended_early": False}
GOOD_TIMING = {"device": "cpu", "task": "stylize", "target": "", "flat": False, "quality": "draft"}
GOOD_TIMING |= {"steps": 0, "size": 256, "seconds": 3.5, "frames": 1, "paintings": 1}


@cache
def good_settings() -> dict[str, Any]:
    """What the panel is set to at first; read once, as all that is the same for each case."""
    return settings.dump(bpy.context.scene.patina)


@cache
def good_setup() -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        environment.write(Path(folder), environment.Record(environment.READY, True, "cpu", "x", "3.11.7"))
        return json.loads((Path(folder) / environment.RECORD).read_text())


def wounded_result(random: wounds.Random) -> Path:
    """A job's folder with a result; one of its records is wounded."""
    folder = folders.jobs() / "20260101-000000-Cube-x"
    folder.mkdir(parents=True, exist_ok=True)
    member = {"name": "Cube", "textures": [{"name": "Cube", "slots": [0], "uv_map": "UVMap"}], "tiles": [0]}
    member["world"] = np.eye(4).tolist()
    timing = {"starts": [1, 5, 9], "period": 12}
    known = {"name": "Cube", "members": [member], "settings": good_settings(), "timing": timing}
    good = {"job.json": asdict(GOOD_JOB), "panel.json": known, "report.json": GOOD_REPORT}
    wounded = str(random.choice(list(good)))
    for name, record in good.items():
        whole = json.dumps(record).encode()
        (folder / name).write_bytes(wounds.json_bytes(record, random) if name == wounded else whole)
    for name in ("texture.png", "checkpoint.npz"):
        (folder / name).write_bytes(b"")
    return folder


def read_result(folder: Path) -> None:
    timings.learn(folder)
    entry = history.find(str(folder))
    shown = entry.about + entry.subject + entry.object_name
    assert len(shown.encode("utf-16-le")) <= 3 * 4 * history.MAX_TEXT
    assert len(entry.job.files) <= 1 << 16
    sets.present(entry.job.members)
    history.use_settings(bpy.context.scene.patina, entry.settings, folder)


def wounded_image(random: wounds.Random) -> bpy.types.Image:
    """A signed image, one of whose properties is another's, or no text at all."""
    signed = bpy.data.images.get("result") or bpy.data.images.new("result", 4, 4)
    text = wounds.json_bytes(good_settings(), random).decode("utf-8", "replace").replace("\0", "0")
    signed[history.FOLDER_KEY], signed[history.SETTINGS_KEY] = "20260101-000000-Cube-x", text
    if random.random() < 0.3:
        key = str(random.choice([history.FOLDER_KEY, history.JOB_KEY, history.SETTINGS_KEY]))
        with suppress(TypeError, OverflowError, ValueError, UnicodeError):  # Blender has no such property
            signed[key] = ANYTHING[int(random.integers(len(ANYTHING)))]
    return signed


def read_signed(signed: bpy.types.Image) -> None:
    known, folder = history.signed_with(signed)
    assert folder is None or folder.parent == folders.jobs()
    assert all(tag.encode() for tag in asset_browser.tags_of(known))
    history.use_settings(bpy.context.scene.patina, known, folder)


def wounded_style(random: wounds.Random) -> bpy.types.NodeTree:
    """A style asset, whose settings are wounded."""
    tree = bpy.data.node_groups.get("Style") or bpy.data.node_groups.new("Style", "GeometryNodeTree")
    text = wounds.json_bytes(good_settings(), random).decode("utf-8", "replace").replace("\0", "0")
    tree[style_assets.SETTINGS_KEY] = text
    if random.random() < 0.1:
        with suppress(TypeError, OverflowError, ValueError, UnicodeError):
            tree[style_assets.SETTINGS_KEY] = ANYTHING[int(random.integers(len(ANYTHING)))]
    return tree


def read_style(tree: bpy.types.NodeTree) -> None:
    values = style_assets.settings_of(tree)
    with given(bpy.context.scene.patina, values, anew=True):
        pass


def wounded_user_files(random: wounds.Random) -> Path:
    """The small files of the user's folder, each of them wounded."""
    folder = folders.jobs() / "kept"
    folder.mkdir(parents=True, exist_ok=True)
    good = {timings.FILE: [GOOD_TIMING] * 3, recent.FILE: ["/a.png", "b.jpg"]}
    for name, values in (good | {environment.RECORD: good_setup()}).items():
        (folder / name).write_bytes(wounds.json_bytes(values, random))
    return folder


def read_user_files(folder: Path) -> None:
    timings.load(folder / timings.FILE)
    recent.load(folder / recent.FILE)
    try:
        expected = timings.expected({key: GOOD_TIMING[key] for key in timings.KEYS})
        assert expected is None or expected.seconds >= 0
        assert len(recent.files) <= recent.MAX_FILES
        found = environment.inspect(folder, {"cpu": "x"})
        assert found.state in (environment.ABSENT, environment.BROKEN)
    finally:
        timings._path = recent._path = None


WOUNDED = {
    "results": (wounded_result, read_result),
    "image properties": (wounded_image, read_signed),
    "presets": (wounded_style, read_style),
    "user files": (wounded_user_files, read_user_files),
}
QUICK = 60  # cases of each by `make test`
SHARE = int(os.environ.get("PATINA_FAULTS", "1"))  # times as many, from another seed
SEED = int(os.environ.get("PATINA_SEED", "25")) + SHARE - 1


@pytest.fixture(scope="module")
def watch() -> wounds.Watch:
    """One for all: what is asked to see everything cannot be told to stop."""
    return wounds.Watch(Path(os.environ["BLENDER_USER_RESOURCES"]).resolve())


@pytest.mark.skipif(sys.platform == "win32", reason="signals as POSIX has them")
@pytest.mark.parametrize("kind", WOUNDED)
def test_wounded_records_are_read_or_refused_and_do_nothing_else(kind, watch):
    make, read = WOUNDED[kind]
    panel = bpy.context.scene.patina
    endings, wrong = {"read": 0, "refused": 0, "": 0}, []
    for case in range(QUICK * SHARE):
        random = np.random.default_rng((SEED, case))
        made = make(random)
        ending, what = wounds.attempt(read, made, watch, PatinaError)
        endings[ending] += 1
        if what and len(wrong) < 20:
            wrong.append({"case": case, "what": what})
        reset(panel)
    print({"kind": kind, "seed": SEED, "cases": QUICK * SHARE, **endings, "wrong": wrong})
    assert wrong == []
    assert endings["read"] > 0
