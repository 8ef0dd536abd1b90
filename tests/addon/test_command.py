"""`blender --command patina`, as Blender calls it: what is done, said and returned, in words and in JSON."""

from __future__ import annotations

import json
from pathlib import Path

import bpy
import pytest
from bl_ext.user_default.patina.addon import command
from PIL import Image

TINY = ("--set", "quality=sketch", "--set", "texture_size=256")


@pytest.fixture
def file(cube, tmp_path) -> Path:
    """A saved file with a cube and a sphere."""
    bpy.ops.mesh.primitive_uv_sphere_add(segments=8, ring_count=6, location=(3, 0, 0))
    path = tmp_path / "objects.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(path))
    return path


def said(capsys: pytest.CaptureFixture[str]) -> dict:
    return json.loads(capsys.readouterr().out.splitlines()[-1])


def test_paint_export_and_apply(file, tmp_path, capsys):
    out = tmp_path / "painted.blend"
    words = [
        "stylize",
        str(file),
        "--objects",
        "Cube",
        "--style",
        "great_wave",
        *TINY,
        "--out",
        str(out),
        "--json",
    ]
    assert command.main(words) == 0
    made = said(capsys)
    assert made["file"] == str(out)
    (result,) = made["results"]
    assert (result["state"], result["objects"]) == ("finished", ["Cube"])
    assert Image.open(result["textures"][0]).size == (256, 256)
    assert result["report"]["seconds"]["total"] > 0

    glb = tmp_path / "painted.glb"
    assert command.main(["export", str(out), "--for", "web", "--out", str(glb), "--json"]) == 0
    assert said(capsys) == {"file": str(glb)}
    assert glb.read_bytes()[:4] == b"glTF"
    assert command.main(["export", str(out), "--for", "web", "--out", str(glb)]) == 1  # it exists
    assert "exists already" in capsys.readouterr().err
    assert command.main(["export", str(file), "--for", "web", "--out", str(tmp_path / "bare.glb")]) == 1

    worn = tmp_path / "worn.blend"
    words = ["apply", result["folder"], str(file), "--objects", "Cube", "--out", str(worn), "--json"]
    assert command.main(words) == 0
    assert said(capsys)["file"] == str(worn)
    bpy.ops.wm.open_mainfile(filepath=str(worn))
    assert [slot.stylized.patina.stylized for slot in bpy.data.objects["Cube"].patina.slots] == [True]
    assert not bpy.data.objects["Sphere"].patina.slots


@pytest.mark.parametrize(
    ("words", "code", "error"),
    [
        (["stylize", "FILE"], 1, "There is no style."),
        (["stylize", "FILE", "--style", "poppies", "--objects", "Teapot"], 1, "no object 'Teapot'"),
        (["stylize", "FILE", "--style", "poppies", "--set", "qualty=draft"], 1, "Did you mean quality?"),
        (["stylize", "FILE", "--preset", "No Such"], 1, "There are: A Hint of Paint"),
        (["stylize", "FILE", "--style", "poppies", "--out", "FILE"], 1, "exists already"),
        (["stylize", "no.blend", "--style", "poppies"], 1, "There is no file no.blend"),
        (["apply", "nothing", "FILE"], 1, "There is no result for an object"),
        (["stylize", "FILE", "--style", "poppies", "--set", "quality"], 2, "is no NAME=VALUE"),
        (["varnish", "FILE"], 2, "invalid choice"),
        (["setup"], 1, "Blender may not go online"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_written(file, capsys, words, code, error):
    before = file.read_bytes()
    assert command.main([str(file) if word == "FILE" else word for word in words]) == code
    assert error in capsys.readouterr().err
    assert file.read_bytes() == before
    assert not file.with_name("objects_patina.blend").exists()


def test_an_error_as_json_names_its_cure(file, capsys):
    assert command.main(["stylize", str(file), "--style", "poppies", "--objects", "Teapot", "--json"]) == 1
    told = said(capsys)
    assert "no object 'Teapot'" in told["error"]
    assert told["cure"].startswith("Name objects")


def test_a_preset_gives_all_that_it_sets(file):
    command._open(file)
    panel = bpy.context.scene.patina
    panel.strength = 0.9
    assert command._preset("Ink Poppies")["style"] == "poppies"
    assert command._preset("A Hint of Paint")["strength"] != 0.9
    assert panel.strength == pytest.approx(0.9)
