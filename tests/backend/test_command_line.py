"""`backend stylize` from model files to a model that wears the result; the bar that shows the way."""

from __future__ import annotations

import base64
import io
import json
import math
import os
import re
import sys
from pathlib import Path

import numpy as np
import pytest
import trimesh
from export_models import sphere, write
from PIL import Image

from backend.__main__ import main
from backend.cli.job_folder import keep_inputs
from backend.cli.options import weighted_path
from backend.errors import PatinaError
from backend.models import gltf, through_blender
from backend.protocol.events import FAILED, FINISHED, Event
from backend.protocol.job import Job
from backend.protocol.job_file import read_job, write_job
from backend.protocol.parts import Style
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


MISSING = {
    "gone.gltf": {"images": [{"uri": "nowhere.png"}]},
    "packed.gltf": {"extensionsRequired": ["KHR_draco_mesh_compression"]},
}


def changed_gltf(source: Path, target: Path, fields: dict) -> None:
    """Write `source` as JSON with other `fields`."""
    model = gltf.read(source)
    model.tree |= fields
    data = gltf.write(model)
    start = 20 + int.from_bytes(data[12:16], "little")
    tree = json.loads(data[20:start])
    tree["buffers"][0]["uri"] = "data:;base64," + base64.b64encode(data[start + 8 :]).decode()
    target.write_text(json.dumps(tree))


WRONG = {
    "no such model": (["nowhere.glb"], "no file"),
    "no such style": (["ball.glb", "--style", "nowhere.jpg"], "nowhere.jpg does not exist"),
    "an empty style": (["ball.glb", "--style", "empty.png"], "empty.png is empty"),
    "no picture": (["ball.glb", "--style", "letter.png"], "letter.png cannot be read as a picture"),
    "a tiny style": (["ball.glb", "--style", "tiny.png"], "tiny.png is 1 × 1 pixels"),
    "no such content": (["ball.glb", "--content", "nowhere.png"], "nowhere.png does not exist"),
    "no UVs": (["naked.glb", "--keep-uvs"], "naked.glb has no UV map"),
    "UVs all in one place": (
        ["flat.obj", "--keep-uvs"],
        "flat.obj has no UV map, or one that covers nothing",
    ),
    "another program's model": (["chair.fbx"], "chair.fbx is of a kind that only Blender reads"),
    "a picture that is gone": (["gone.obj"], "gone.obj names the picture nowhere.png, which is not there"),
    "a glTF's picture that is gone": (["gone.gltf"], "gone.gltf names the file nowhere.png, which cannot be"),
    "compressed geometry": (["packed.gltf"], "packed.gltf has compressed geometry (Draco)"),
    "a coordinate that is NaN": (["nan.obj"], "nan.obj has a coordinate that is not a number"),
    "a UV that is NaN": (["nan_uv.obj"], "nan_uv.obj has a UV that is not a number"),
    "a torn model": (["torn.glb"], "torn.glb cannot be read"),
    "too much strength": (["ball.glb", "--strength", "2"], "patina: --strength is 2.0"),
    "a negative seed": (["ball.glb", "--seed", "-1"], "patina: --seed is -1"),
    "no steps": (["ball.glb", "--steps", "0"], "patina: --steps is 0"),
    "a negative stroke size": (["ball.glb", "--style-size", "-1"], "patina: --style-size is -1.0"),
    "a style without weight": (["ball.glb", "--style", "monet.jpg:0"], "the weight 0.0"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_is_named_before_anything_is_written(what, ball, style, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "DracoPy", None)  # which does not come with the set-up
    monkeypatch.delenv(through_blender.VARIABLE, raising=False)
    naked(tmp_path / "naked.glb")
    flat(tmp_path / "flat.obj")
    (tmp_path / "nan.obj").write_text(obj("nan", "1"))
    (tmp_path / "nan_uv.obj").write_text(obj("0", "nan"))
    (tmp_path / "chair.fbx").write_bytes(b"Kaydara FBX Binary")
    (tmp_path / "gone.mtl").write_text("newmtl m\nmap_Kd nowhere.png\n")
    (tmp_path / "gone.obj").write_text("mtllib gone.mtl\nusemtl m\n" + obj("0", "1"))
    for name, fields in MISSING.items():
        changed_gltf(ball, tmp_path / name, fields)
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


def described_obj(folder: Path) -> Path:
    """An OBJ with an MTL whose picture is called as a result is."""
    (folder / "model.obj").write_text("mtllib the ball.mtl\nusemtl m\n" + obj("0", "1"))
    (folder / "the ball.mtl").write_text('newmtl m\nmap_Kd -s 1 1 1 -clamp on "texture.png"\n')
    Image.effect_noise((32, 32), 80).save(folder / "texture.png")
    return folder / "model.obj"


def described_gltf(folder: Path) -> Path:
    """A glTF whose picture is called as a result is, with a space in its folder's name."""
    for name, data in trimesh.Scene(sphere(2)).export(file_type="gltf").items():
        (folder / name).write_bytes(data)
    tree = json.loads((folder / "model.gltf").read_text())
    tree["images"] = [{"uri": "my%20pictures/texture.png"}]
    (folder / "model.gltf").write_text(json.dumps(tree))
    (folder / "my pictures").mkdir()
    Image.effect_noise((32, 32), 80).save(folder / "my pictures" / "texture.png")
    return folder / "model.gltf"


# What is called as a result is, the folder given as --out, and the rest of the words; {} is the folder.
READ = {
    "the model": ("model.glb", ".", ["stylize", "{}/model.glb", "--style", "{}/monet.jpg"]),
    "an OBJ's picture": ("texture.png", ".", ["stylize", "{}/model.obj", "--style", "{}/monet.jpg"]),
    "a glTF's picture": (
        "my pictures/texture.png",
        "my pictures",
        ["stylize", "{}/model.gltf", "--style", "{}/monet.jpg"],
    ),
    "the style": ("style_0.jpg", ".", ["stylize", "{}/other.glb", "--style", "{}/style_0.jpg"]),
    "another style": ("style_9.jpg", ".", ["synthesize", "{}/style_9.jpg"]),
    "the content": (
        "content.png",
        ".",
        ["stylize", "{}/other.glb", "--style", "{}/monet.jpg", "--content", "{}/content.png"],
    ),
    "a photo": ("image.png", ".", ["dream", "{}/image.png", "--deepdream"]),
    "a picture of a function": ("b.cppn", ".", ["morph", "{}/b.cppn", "{}/b.cppn"]),
}


@pytest.mark.parametrize("how", ["itself", "a symbolic link", "a hard link"])
@pytest.mark.parametrize("what", READ)
def test_what_is_read_is_never_written_over(what, how, ball, style, tmp_path, capsys):
    name, folder, words = READ[what]
    described_obj(tmp_path)
    described_gltf(tmp_path)
    for copy in ("model.glb", "other.glb"):
        (tmp_path / copy).write_bytes(ball.read_bytes())
    for copy in ("style_0.jpg", "style_9.jpg", "content.png", "image.png"):
        Image.open(style).save(tmp_path / copy)
    (tmp_path / "b.cppn").write_bytes(b"some weights")
    out = tmp_path / folder
    if how != "itself":
        out = tmp_path / "elsewhere"
        out.mkdir()
        link = out / Path(name).name.upper()  # where case is ignored, that is the same file
        if how == "a hard link":
            link.hardlink_to(tmp_path / name)
        else:
            link.symlink_to(tmp_path / name)
    before = {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}
    assert main([*(word.format(tmp_path) for word in words), "--out", str(out)]) == FAILED
    errors = capsys.readouterr().err
    assert Path(name).name.lower() in errors.lower()
    assert "would be written over" in errors
    assert {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()} == before


def test_what_a_job_left_beside_an_fbx_is_written_anew_unless_it_names_it(tmp_path):
    model, mine = tmp_path / "x.fbx", tmp_path / "texture.png"
    model.write_bytes(b"Kaydara FBX Binary")
    mine.write_bytes(b"a picture")
    with pytest.raises(PatinaError, match=r"texture.png would be written over, and it is read"):
        keep_inputs(tmp_path, [model])
    write_job(tmp_path, Job("x", mesh="mesh.npz", styles=(Style("style_0.jpg"),)))
    keep_inputs(tmp_path, [model])
    with pytest.raises(PatinaError, match="would be written over"):
        keep_inputs(tmp_path, [model, mine])
    model.write_bytes(b"Kaydara FBX Binary texture.png")
    with pytest.raises(PatinaError, match="would be written over"):
        keep_inputs(tmp_path, [model])
    packed = tmp_path / "x.usdc"  # in which no name can be read: it counts which was there first
    packed.write_bytes(b"PXR-USDC")
    os.utime(packed, (1e9, 1e9))
    keep_inputs(tmp_path, [packed])
    os.utime(packed, (4e9, 4e9))
    with pytest.raises(PatinaError, match="would be written over"):
        keep_inputs(tmp_path, [packed])


def test_links_in_the_folder_for_results_lose_what_they_lead_to_no_byte(ball, style, tmp_path, monkeypatch):
    monkeypatch.setattr(report, "VIEWS", 2)
    mine, out = tmp_path / "mine.png", tmp_path / "out"
    mine.write_bytes(b"a picture of my own")
    out.mkdir()
    for name in ("style_0.jpg", "content.png", "texture.png", "model.glb", "mesh.npz", "preview.png"):
        (out / name).symlink_to(mine)
    assert main(["stylize", str(ball), "--style", str(style), "--out", str(out), *SMALL]) == FINISHED
    assert mine.read_bytes() == b"a picture of my own"


def test_results_beside_what_they_are_made_from_are_welcome(ball, style, tmp_path, monkeypatch):
    monkeypatch.setattr(report, "VIEWS", 2)
    for _ in range(2):  # the second time over the first time's results
        words = ["stylize", str(ball), "--style", str(style), "--out", str(tmp_path), *SMALL]
        assert main([*words, "--network", "alexnet"]) == FINISHED


ODD = os.fsdecode("grüße é".encode("latin-1"))  # no UTF-8, as names on old disks are


@pytest.mark.skipif(sys.platform != "linux", reason="names are bytes on Linux alone")
def test_names_that_are_no_text_are_read_written_and_told(ball, style, tmp_path, monkeypatch, capsysbinary):
    monkeypatch.setattr(report, "VIEWS", 2)
    model, picture, out = (tmp_path / f"{ODD}{end}" for end in (".glb", ".pn\udcfc", ""))
    data = gltf.read(ball)
    data.tree["nodes"][0]["name"] = "gr\udcfcn"  # JSON can say it
    model.write_bytes(gltf.write(data))
    style.rename(picture)
    words = ["stylize", str(model), "--style", str(picture), "--out", str(out), *SMALL]
    assert main([*words, "--network", "alexnet"]) == FINISHED
    assert capsysbinary.readouterr().out.splitlines()[-1] == os.fsencode(out / "model.glb")
    assert json.loads((out / "job.json").read_text())["name"] == "gr??e ?"
    assert gltf.read(out / "model.glb").tree["nodes"][0]["name"] == "gr\udcfcn"
    export = ["export", str(model), "--texture", str(out / "texture.png"), "--preset", "game-glb"]
    assert main([*export, "--out", str(tmp_path / f"{ODD}2.glb")]) == FINISHED
    assert main([*export, "--out", str(tmp_path / f"{ODD}2.glb")]) == FAILED
    assert "gr??e ?2.glb exists already" in capsysbinary.readouterr().err.decode()


def test_names_longer_than_a_disk_takes_are_refused(ball, style, tmp_path, capsys):
    long, out = tmp_path / ("x" * 300), str(tmp_path / "out")
    for words in (
        ["stylize", f"{long}.glb", "--style", str(style), "--out", out],
        ["stylize", str(ball), "--style", f"{long}.png", "--out", out],
        ["stylize", str(ball), "--style", str(style), "--out", str(long)],
        ["stylize", f"{long}.png", "--style", str(style), "--out", out],
        ["stylize", str(ball), "--style", str(style), "--out", out, "--plugin", f"{long}.py"],
        ["morph", f"{long}.cppn", f"{long}.cppn", "--out", out],
        ["weights", "--from", f"{long}.pth"],
        ["export", f"{long}.glb", "--preset", "game-glb", "--out", f"{out}.glb"],
        ["export", str(ball), "--preset", "game-glb", "--texture", f"{long}.png", "--out", f"{out}.glb"],
        ["export", str(ball), "--preset", "game-glb", "--out", f"{long}.glb"],
        ["run", str(long)],
    ):
        assert main(words) == FAILED, words
        told = capsys.readouterr()
        assert "too long" in (told.err + told.out).lower(), words
        assert "Traceback" not in told.err


@pytest.mark.parametrize("size", ["1e-9", "0.001", "0.3", "100", "1e9"])
def test_a_stroke_size_that_shows_nothing_is_refused_with_those_that_work(
    size, ball, style, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(report, "VIEWS", 2)
    arguments = ["stylize", str(ball), "--style", str(style), "--out", str(tmp_path / "out"), *SMALL]
    assert main([*arguments, "--style-size", size]) == FAILED
    what, cure = capsys.readouterr().err.strip().splitlines()[-2:]
    assert f"stroke size of {float(size):g} is too {'small' if float(size) < 1 else 'large'}" in what
    low, high = re.search(r"Use (\S+) to (\S+),", cure).groups()
    near = low if float(size) < 1 else high
    assert main([*arguments, "--style-size", near]) == FINISHED
    losses = json.loads((tmp_path / "out" / "report.json").read_text())
    assert all(math.isfinite(losses[name]) for name in ("style_distance", "content_distance"))


def test_a_stroke_size_of_0_is_one_as_the_sentence_about_others_says(ball, style, tmp_path, monkeypatch):
    monkeypatch.setattr("backend.__main__.do_job", lambda *_: FAILED)
    out = tmp_path / "out"
    main(["stylize", str(ball), "--style", str(style), "--style-size", "0", "--out", str(out)])
    assert not read_job(out).style_size


def test_a_style_of_sixteen_pixels_is_enough(ball, tmp_path, monkeypatch):
    monkeypatch.setattr(report, "VIEWS", 2)
    Image.effect_noise((16, 16), 80).convert("RGB").save(tmp_path / "stamp.png")
    arguments = ["stylize", str(ball), "--style", str(tmp_path / "stamp.png"), "--out", str(tmp_path / "out")]
    assert main([*arguments, *SMALL]) == FINISHED


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


def test_a_photo_has_the_quality_that_is_asked_for_and_no_other_content(style, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("backend.__main__.do_job", lambda *_: FAILED)
    words = ["stylize", str(style), "--style", str(style), "--quality", "final"]
    main([*words, "--out", str(tmp_path / "a")])
    job = read_job(tmp_path / "a")
    assert (job.quality, job.content, job.mesh) == ("final", "content.jpg", None)
    assert main([*words, "--content", str(style), "--out", str(tmp_path / "b")]) == FAILED
    assert "monet.jpg is a picture, and so its own content." in capsys.readouterr().err
    assert not (tmp_path / "b").exists()


SUITED = {
    "a mesh's style": (["stylize", "{ball}", "--style", "{style}"], "vgg16", "pyramid"),
    "a photo's style": (["stylize", "{style}", "--style", "{style}"], "vgg16", "pixel"),
    "a class": (["dream", "--class", "daisy"], "efficientnet_lite0", "fourier"),
    "a class on a mesh": (["dream", "{ball}", "--class", "daisy"], "efficientnet_lite0", "pyramid"),
    "a mesh's deepdream": (["dream", "{ball}", "--deepdream"], "vgg16", "fourier"),
    "a texture": (["synthesize", "{style}"], "vgg16", "pieces"),
    "a texture on a mesh": (["synthesize", "{style}", "--mesh", "{ball}"], "vgg16", "pieces"),
    "a texture by its statistics": (["synthesize", "{style}", "--scales", "2"], "vgg16", "fourier"),
    "a texture in relief": (["synthesize", "{style}", "--mesh", "{ball}", "--relief"], "vgg16", "pyramid"),
    "frames": (["interpolate", "--style", "{style}", "{style}"], "vgg16", "shared"),
    "another": (["dream", "--class", "daisy", "--network", "resnet50"], "resnet50", "fourier"),
}


@pytest.mark.parametrize("what", SUITED)
def test_what_nobody_chose_is_what_suits(what, ball, style, tmp_path, monkeypatch):
    monkeypatch.setattr("backend.__main__.do_job", lambda *_: FAILED)
    words, network, parameterization = SUITED[what]
    main([*(word.format(ball=ball, style=style) for word in words), "--out", str(tmp_path / "out")])
    job = read_job(tmp_path / "out")
    assert (job.network, job.parameterization) == (network, parameterization)


@pytest.mark.parametrize(
    "verb", [["dream", "--class", "daisy"], ["interpolate", "--class", "fox", "--class", "daisy"]]
)
def test_no_verb_paints_a_mesh_that_is_to_keep_uvs_that_it_has_not(verb, tmp_path, capsys):
    model = str(naked(tmp_path / "naked.glb"))
    words = [verb[0], model, *verb[1:], "--keep-uvs", "--out", str(tmp_path / "out")]
    assert main(words) == FAILED
    assert "naked.glb has no UV map" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


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
