"""`backend stylize` from model files to a model that wears the result; the bar that shows the way."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
import trimesh
from export_models import sphere, write
from PIL import Image

from backend.__main__ import main
from backend.cli.options import weighted_path
from backend.protocol import FAILED, FINISHED, Event, read_job
from backend.rendering.mesh import read_mesh
from backend.rendering.texels import locate
from backend.result import report
from backend.terminal import ProgressBar, clock, progress_line

SMALL = ["--texture-size", "64", "--quality", "draft", "--steps", "2"]


@pytest.fixture
def ball(tmp_path):
    return write(sphere(2), tmp_path / "ball.glb")


@pytest.fixture
def style(tmp_path):
    path = tmp_path / "monet.jpg"
    Image.effect_noise((96, 96), 80).convert("RGB").save(path)
    return path


def test_a_model_comes_back_in_its_new_clothes(ball, style, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(report, "VIEWS", 2)
    out = tmp_path / "new" / "out"
    assert main(["stylize", str(ball), "--style", str(style), "--out", str(out), *SMALL]) == FINISHED
    said = capsys.readouterr()
    assert said.out.strip() == str(out / "model.glb")
    assert "step 2/2" in said.err
    (mesh,) = trimesh.load_scene(out / "model.glb", process=False).geometry.values()
    (before,) = trimesh.load_scene(ball, process=False).geometry.values()
    assert np.allclose(mesh.vertices, before.vertices)
    assert np.allclose(mesh.visual.uv, before.visual.uv)
    worn = np.asarray(mesh.visual.material.baseColorTexture.convert("RGB"))
    used = locate(read_mesh(out / "mesh.npz"), 64).used  # the model has gutters of its own
    assert (worn == np.asarray(Image.open(out / "texture.png")))[used].all()
    job = read_job(out)
    assert (job.name, job.content, job.styles[0].image) == ("ball", "content.png", "style_0.jpg")
    assert json.loads((out / "report.json").read_text())["steps"] == 2
    assert not list(out.glob("*.part"))


def naked(path: Path) -> Path:
    """A glTF without UVs."""
    trimesh.creation.icosphere(1).export(path)
    return path


def flat(path: Path) -> Path:
    """An OBJ whose UVs are all one point."""
    lines = ["v 0 0 0", "v 1 0 0", "v 0 1 0", "v 0 0 1", "vt 0 0", "f 1/1 2/1 3/1", "f 1/1 2/1 4/1"]
    path.write_text("\n".join(lines) + "\n")
    return path


def obj(coordinate: str, uv: str) -> str:
    return f"v 0 0 0\nv 1 0 {coordinate}\nv 0 1 0\nvt 0 0\nvt 1 0\nvt 0 {uv}\nf 1/1 2/2 3/3\n"


WRONG = {
    "no such model": (["nowhere.glb"], "no file"),
    "no such style": (["ball.glb", "--style", "nowhere.jpg"], "nowhere.jpg does not exist"),
    "an empty style": (["ball.glb", "--style", "empty.png"], "empty.png is empty"),
    "no picture": (["ball.glb", "--style", "letter.png"], "letter.png cannot be read as a picture"),
    "a tiny style": (["ball.glb", "--style", "tiny.png"], "tiny.png is 1 × 1 pixels"),
    "no such content": (["ball.glb", "--content", "nowhere.png"], "nowhere.png does not exist"),
    "no UVs": (["naked.glb"], "naked.glb has no UV map"),
    "UVs all in one place": (["flat.obj"], "flat.obj has no UV map, or one that covers nothing"),
    "a coordinate that is NaN": (["nan.obj"], "nan.obj has a coordinate that is not a number"),
    "a UV that is NaN": (["nan_uv.obj"], "nan_uv.obj has a UV that is not a number"),
    "a torn model": (["torn.glb"], "torn.glb cannot be read"),
    "too much strength": (["ball.glb", "--strength", "2"], "strength is 2.0"),
    "a negative seed": (["ball.glb", "--seed", "-1"], "seed is -1"),
    "no steps": (["ball.glb", "--steps", "0"], "steps is 0"),
    "a style without weight": (["ball.glb", "--style", "monet.jpg:0"], "the weight 0.0"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_is_named_before_anything_is_written(what, ball, style, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    naked(tmp_path / "naked.glb")
    flat(tmp_path / "flat.obj")
    (tmp_path / "nan.obj").write_text(obj("nan", "1"))
    (tmp_path / "nan_uv.obj").write_text(obj("0", "nan"))
    (tmp_path / "torn.glb").write_bytes(ball.read_bytes()[:2000])
    (tmp_path / "empty.png").touch()
    (tmp_path / "letter.png").write_text("Dear Theo,")
    Image.new("RGB", (1, 1)).save(tmp_path / "tiny.png")
    arguments, said = WRONG[what]
    if "--style" not in arguments:
        arguments = [*arguments, "--style", "monet.jpg"]
    assert main(["stylize", *arguments, "--out", "out"]) == FAILED
    errors = capsys.readouterr().err
    assert errors.startswith("patina: ")
    assert said in errors
    assert len(errors.strip().splitlines()) == 2  # what is wrong, and the cure
    assert not (tmp_path / "out").exists()


def test_a_folder_that_cannot_be_made_is_named(ball, style, tmp_path, capsys):
    (tmp_path / "file").write_text("mine")
    assert (
        main(["stylize", str(ball), "--style", str(style), "--out", str(tmp_path / "file" / "out")]) == FAILED
    )
    errors = capsys.readouterr().err
    assert f"{tmp_path / 'file' / 'out'} cannot be written: Not a directory" in errors
    assert "Choose a folder" in errors
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize(
    ("text", "path", "weight"),
    [
        ("a.png", "a.png", 1.0),
        ("a.png:2", "a.png", 2.0),
        ("a.png:0.5", "a.png", 0.5),
        ("a:b.png", "a:b.png", 1.0),
        ("dir/a.png:1e2", "dir/a.png", 100.0),
    ],
)
def test_a_style_may_have_a_weight(text, path, weight):
    assert weighted_path(text) == (Path(path), weight)


HALVES = [(0.0, 0.0, 1.0, 0.5), (0.0, 0.5, 1.0, 0.5)]


@pytest.mark.parametrize(
    ("arguments", "crops"),
    [
        (["--style", "a", "--crop", "0", "0", "1", "0.5", "--style", "b"], [HALVES[0], None]),
        (["--style", "a", "--style", "b", "--crop", "0", "0.5", "1", "0.5"], [None, HALVES[1]]),
    ],
)
def test_a_crop_is_of_the_style_before_it(arguments, crops, ball, style, tmp_path, monkeypatch):
    monkeypatch.setattr("backend.__main__.do_job", lambda *_: FAILED)
    named = [str(style) if word in "ab" else word for word in arguments]
    assert main(["stylize", str(ball), *named, "--out", str(tmp_path / "out"), *SMALL]) == FAILED
    assert [one.crop for one in read_job(tmp_path / "out").styles] == crops


def test_exemplars_and_ends_have_their_crops_in_order(style, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("backend.__main__.do_job", lambda *_: FAILED)
    pictures, parts = [str(style)] * 2, [["--crop", *map(str, half)] for half in HALVES]
    for out, words in {"a": ["synthesize", *pictures], "b": ["interpolate", "--style", *pictures]}.items():
        main([*words, *parts[0], *parts[1], "--out", str(tmp_path / out)])
        assert [one.crop for one in read_job(tmp_path / out).styles] == HALVES
    assert main(["synthesize", *pictures, *parts[0] * 3, "--out", str(tmp_path / "c")]) == FAILED
    assert "3 --crop for 2 pictures" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--crop", "0", "0", "1", "1", "--style", "a"], "comes after the --style"),
        (["--style", "a", *["--crop", "0", "0", "1", "1"] * 2], "twice for one --style"),
        (["--style", "a", "--crop", "0", "0", "1"], "expected 4 arguments"),
        (["--style", "a", "--colors", "both"], "'both' is none of style, object, or a number from 0 to 1"),
        (["--style", "a", "--colors", "1.5"], "a number from 0 to 1"),
    ],
)
def test_crops_and_colours_that_make_no_sense_are_usage_errors(arguments, said, capsys):
    with pytest.raises(SystemExit) as left:
        main(["stylize", "ball.glb", *arguments, "--out", "out"])
    assert left.value.code == 2
    assert said in capsys.readouterr().err


def test_a_part_beyond_the_picture_or_too_small_to_have_strokes_is_refused(ball, style, tmp_path, capsys):
    for crop, said in {
        ("0.5", "0", "0.6", "1"): "gives monet.jpg the crop (0.5, 0.0, 0.6, 1.0)",
        ("0", "0", "0.1", "1"): "monet.jpg is 10 × 96 pixels, too small",
    }.items():
        words = ["--style", str(style), "--crop", *crop, "--out", str(tmp_path / "out")]
        assert main(["stylize", str(ball), *words]) == FAILED
        assert said in capsys.readouterr().err.replace(str(style.parent) + "/", "")
        assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("word", "share"), [("style", 0.0), ("object", 1.0), ("0.5", 0.5)])
def test_colours_are_a_word_or_a_share_and_the_shape_is_followed(
    word, share, ball, style, tmp_path, monkeypatch
):
    monkeypatch.setattr("backend.__main__.do_job", lambda *_: FAILED)
    photo = tmp_path / "photo.png"
    Image.new("RGB", (64, 64)).save(photo)
    for source, extra, follow in ((ball, ["--follow-shape", "0.3"], 0.3), (photo, [], None)):
        out = tmp_path / source.stem
        main(["stylize", str(source), "--style", str(style), "--colors", word, *extra, "--out", str(out)])
        assert (read_job(out).colors, read_job(out).follow_shape) == (share, follow)


def test_a_line_says_how_far_it_is():
    event = Event("progress", stage="painting", step=30, steps=90, fraction=0.5, seconds_left=75.4)
    assert progress_line(event) == f"[{'#' * 12}{'.' * 12}]  50%  painting  step 30/90  1:15 left"
    assert progress_line(Event("progress", fraction=7.0)).count("#") == 24
    assert (clock(0), clock(59.9), clock(3600)) == ("0:00", "0:59", "60:00")


def test_into_a_file_the_bar_writes_a_line_every_tenth():
    stream = io.StringIO()
    bar = ProgressBar(stream)
    for step in range(100):
        bar.show(Event("progress", stage="painting", step=step, steps=100, fraction=step / 100))
    bar.end()
    lines = stream.getvalue().splitlines()
    assert len(lines) == 10
    assert "\r" not in stream.getvalue()


def test_on_a_terminal_the_bar_stays_on_its_line(monkeypatch):
    stream = io.StringIO()
    monkeypatch.setattr(stream, "isatty", lambda: True)
    bar = ProgressBar(stream)
    for step in (1, 2):
        bar.show(Event("progress", stage="painting", step=step, steps=2, fraction=step / 2))
    assert "\n" not in stream.getvalue()
    assert stream.getvalue().count("\r") == 2
    bar.end()
    bar.end()
    assert stream.getvalue().endswith("\n")
    assert stream.getvalue().count("\n") == 1
