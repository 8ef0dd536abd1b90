"""Jobs and events as files and lines: what survives, what is refused, and by which name."""

from __future__ import annotations

import ast
import json
import math
import re
import sys
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from backend import protocol
from backend.errors import PatinaError
from backend.protocol import rules
from backend.protocol.events import EVENT_KINDS, Event, read_event, write_event
from backend.protocol.files import numbered
from backend.protocol.job import Job
from backend.protocol.job_file import read_job, write_job
from backend.protocol.parts import Style, Tile

BESIDE = ("errors", "writing", "reading", "locking", "suited", "between")  # what the add-on imports, too
JOB = Job(
    name="Füchse 狐", mesh="mesh.npz", styles=(Style("a.jpg", 2.0), Style("b.png")), seed=7, strength=0.3
)


def changed(folder: Path, **values: object) -> Path:
    """A job file of JOB with some of its fields changed."""
    record = asdict(JOB) | values
    (folder / "job.json").write_text(json.dumps(record), encoding="utf-8")
    return folder


def test_a_job_of_several_textures_survives_its_file(tmp_path):
    job = replace(JOB, tiles=(Tile("cup", "content_0.png"), Tile("1002", mask="mask_1.png")), occlusion=True)
    write_job(tmp_path, job)
    assert read_job(tmp_path) == job


@pytest.mark.parametrize("field", ["tiles", "mask", "occlusion"])
@pytest.mark.parametrize("other", [{"mesh": None, "content": "a"}, {"relief": True}, {"task": "synthesize"}])
def test_what_scenes_have_is_for_the_style_of_meshes(field, other):
    values = {"tiles": (Tile("cup"),), "mask": "mask.png", "occlusion": True}
    with pytest.raises(PatinaError) as caught:
        replace(JOB, **{field: values[field]}, **other)
    assert caught.value.field == field


@pytest.mark.parametrize(("word", "share"), [("style", 0.0), ("object", 1.0), (0.25, 0.25), (1, 1)])
def test_colours_are_a_share_and_words_of_older_files_are_still_read(word, share, tmp_path):
    assert read_job(changed(tmp_path, colors=word)).colors == share


def test_a_job_of_older_files_names_no_part_and_no_shape(tmp_path):
    record = asdict(JOB)
    del record["follow_shape"], record["styles"][0]["crop"]
    (tmp_path / "job.json").write_text(json.dumps(record), encoding="utf-8")
    assert read_job(tmp_path) == JOB


def test_a_part_of_a_picture_survives_its_file(tmp_path):
    job = replace(JOB, styles=(Style("a.jpg", crop=(0.25, 0, 0.5, 1)), Style("b.png")), follow_shape=0.5)
    write_job(tmp_path, job)
    assert read_job(tmp_path) == job


@pytest.mark.parametrize("other", [{"mesh": None, "content": "a"}, {"task": "synthesize"}])
def test_a_shape_to_follow_is_a_meshs_in_a_style(other):
    with pytest.raises(PatinaError) as caught:
        replace(JOB, follow_shape=0.5, **other)
    assert caught.value.field == "follow_shape"


@pytest.mark.parametrize("other", [{"mesh": None, "content": "a"}, {"task": "synthesize"}])
def test_motifs_are_shown_or_not_by_the_style_of_a_mesh(other):
    with pytest.raises(PatinaError) as caught:
        replace(JOB, motifs=False, **other)
    assert caught.value.field == "motifs"


def test_a_picture_has_no_stroke_size_in_a_scenes_units():
    with pytest.raises(PatinaError) as caught:
        replace(JOB, mesh=None, content="a", style_size=0.5)
    assert caught.value.field == "style_size"


def test_several_textures_have_several_contents():
    with pytest.raises(PatinaError, match="Give them to the tiles"):
        replace(JOB, tiles=(Tile("cup"),), content="content.png")


def test_several_pictures_have_numbers():
    assert numbered("texture.png", 0, 1) == "texture.png"
    assert [numbered("texture.png", i, 2) for i in (0, 1)] == ["texture_0.png", "texture_1.png"]


def test_a_job_survives_its_file(tmp_path):
    assert write_job(tmp_path, JOB) == tmp_path / "job.json"
    assert read_job(tmp_path) == JOB
    assert [path.name for path in tmp_path.iterdir()] == ["job.json"]


REFUSED = {
    "version": [0, 2, "1", None, 1.5],
    "name": [None, 3],
    "mesh": [3, ["mesh.npz"]],
    "content": [True],
    "network": [None],
    "styles": ["a.jpg", 3, ["a.jpg"], [{}], [{"image": ""}], [{"image": 3}], [{"image": "a", "size": 1}], []]
    + [[{"image": "a", "weight": weight}] for weight in (0, -1, "2", None, math.nan, math.inf, True)]
    + [[{"image": "a", "crop": crop}] for crop in ("all", 3, [], [0, 0, 1], [0, 0, 1, "1"], [0, 0, 1, 1, 1])]
    + [[{"image": "a", "crop": [*crop]}] for crop in ((0, 0, 0, 1), (-0.1, 0, 1, 1), (0.5, 0, 0.6, 1))]
    + [[{"image": "a", "crop": [0, 0.5, 1, share]}] for share in (0.51, 0, -1, math.nan, None, True)],
    "texture_size": [0, 100, 1024.0, "1024", True, 16384, None],
    "quality": ["best", None, 1],
    "strength": [-0.1, 1.1, "0.5", None, math.nan, math.inf, True, 10**400],
    "colors": ["both", -0.1, 1.1, None, math.nan, True],
    "follow_shape": [-0.1, 1.1, "1", math.nan, True],
    "style_size": [-1, "1", math.nan, math.inf],
    "seed": [-1, 2**32, 1.0, "1", None, True],
    "steps": [0, -5, 1.5, "10", 100_001],
    "views": [0, -1, 17, 2.0, "2", True],
    "layers": [3, "relu1_1", [3], [""], None],
    "tiles": ["a", [3], [{}], [{"name": 3}], [{"name": "a", "content": 3}], [{"name": "a", "size": 1}]]
    + [[{"name": "a"}] * 257],
    "mask": [3, True],
    "occlusion": [1, "yes", None],
    "motifs": [0, "no", None],
    "framing": ["close"],
    "rasterizer": ["pencil"],
    "device": ["tpu"],
    "task": ["sculpt", None, []],
    "parameterization": ["voxel", {}],
    "relief": [1, "yes", None],
    "reflectance": [1, "yes", None],
    "cppns": [5, None, "a.cppn"],
    "targets": [5, [3], ["class"], [{}]],
}


@pytest.mark.parametrize(("field", "value"), [(f, v) for f, values in REFUSED.items() for v in values])
def test_a_field_that_is_wrong_is_named(field, value, tmp_path):
    with pytest.raises(PatinaError) as caught:
        read_job(changed(tmp_path, **{field: value}))
    assert caught.value.field == field
    assert field in caught.value.message


def test_an_unknown_field_is_named(tmp_path):
    with pytest.raises(PatinaError, match="unknown field colour") as caught:
        read_job(changed(tmp_path, colour="red"))
    assert caught.value.field == "colour"
    assert caught.value.cure == "Remove it."


def test_another_version_is_told_before_its_other_fields(tmp_path):
    with pytest.raises(PatinaError, match="this backend reads version 1") as caught:
        read_job(changed(tmp_path, version=99, colour="red"))
    assert caught.value.field == "version"
    assert "Update the extension" in caught.value.cure


@pytest.mark.parametrize("text", [None, "", "{", "[]", "3", "null", '"job"', "\ud800"])
def test_what_is_no_job_is_refused(text, tmp_path):
    if text is not None:
        (tmp_path / "job.json").write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(PatinaError) as caught:
        read_job(tmp_path)
    assert caught.value.field == "job"
    assert str(tmp_path) in caught.value.message
    assert caught.value.cure


def test_a_folder_that_is_a_file_is_no_job(tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(PatinaError) as caught:
        read_job(tmp_path / "file")
    assert caught.value.field == "job"


EVENTS = [
    Event("started", message="CPU, embree"),
    Event("progress", stage="painting", step=3, steps=90, fraction=0.25, seconds_left=61.5, loss=0.75),
    Event("preview", path="preview.png"),
    Event("finished", path="texture.png", report="report.json"),
    Event("failed", message="Füchse 狐 🦊 \n \u2028", cure="Choose another.", field="styles"),
    Event("cancelled"),
]


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.kind)
def test_an_event_survives_its_line(event):
    line = write_event(event)
    assert line.isascii()
    assert len(line.splitlines()) == 1
    assert read_event(line) == event
    assert read_event(line + "\n") == event


def test_an_event_says_only_what_it_has():
    assert json.loads(write_event(Event("cancelled"))) == {"kind": "cancelled"}
    assert {event.kind for event in EVENTS} <= set(EVENT_KINDS)


@pytest.mark.parametrize(
    "line", ["", "hello", "3", "null", "[1]", "{}", '{"kind": "party"}', '{"kind": ["a"]}']
)
def test_chatter_is_no_event(line):
    assert read_event(line) is None


def test_a_later_backends_event_is_read_for_what_is_known():
    assert read_event('{"kind": "progress", "step": 2, "mood": "good"}') == Event("progress", step=2)


def test_an_error_says_what_is_wrong_and_what_to_do():
    assert str(PatinaError("It is broken.", "Mend it.", "it")) == "It is broken. Mend it."
    assert str(PatinaError("It is broken.")) == "It is broken."


def test_rules_are_about_what_jobs_have():
    """They are written for whatever comes; a slip of the pen would stay hidden behind an earlier `or`."""
    text = Path(rules.__file__).read_text(encoding="utf-8")
    assert set(re.findall(r"\bjob\.(\w+)", text)) <= {
        *asdict(JOB),
        "kinds",
        "on_pyramid",
        "on_pixels",
        "moves",
        "textures",
    }
    for rule in (*rules.RANGES, *rules.RULES):
        assert not rule.when(JOB), rule
        assert rule.field in asdict(JOB)


def test_the_contract_needs_nothing_but_python():
    """The add-on imports it in Blender's own Python, and with it what it needs and how files are written."""
    contract = Path(protocol.__file__).parent
    files = [*contract.glob("*.py"), *(contract.parent / f"{name}.py" for name in BESIDE)]
    own = {contract.name, *(path.stem for path in files)}
    for path in files:
        text = path.read_text(encoding="utf-8")
        nodes = list(ast.walk(ast.parse(text)))
        names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
        names |= {node.module for node in nodes if isinstance(node, ast.ImportFrom) if node.module}
        assert {name.partition(".")[0] for name in names} <= sys.stdlib_module_names | own
