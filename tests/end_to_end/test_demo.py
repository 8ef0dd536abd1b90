"""The demo on a small budget: from the installed zip to the files that it leaves."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).parents[2]
SIDE = 256
WIDTH = 480


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder that the demo has filled, and what it said. The extension comes from a zip built here."""
    dist, out = tmp_path_factory.mktemp("dist"), tmp_path_factory.mktemp("demo")
    run(ROOT / "tools" / "extension.py", "build", dist)
    (archive,) = dist.glob("patina-*.zip")
    arguments = ["--quality", "draft", "--texture-size", SIDE, "--steps", 6, "--width", WIDTH]
    return out, run(Path(__file__).with_name("demo.py"), "--zip", archive, "--out", out, *arguments)


def run(script: Path, *arguments: object) -> str:
    """What a script says; it must succeed. Blender's user folder is the script's own affair."""
    command = [sys.executable, "-B", str(script), *map(str, arguments)]
    environment = {name: value for name, value in os.environ.items() if name != "BLENDER_USER_RESOURCES"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_progress_is_told(demo):
    said = demo[1]
    assert "Install the extension" in said
    assert "fox [########################] 100%" in said
    assert "step 6/6" in said or "step 5/6" in said


def test_texture_and_report(demo):
    folder, _ = demo
    with Image.open(folder / "texture.png") as file:
        assert (file.size, file.mode) == ((SIDE, SIDE), "RGB")
        assert np.asarray(file).std() > 10
    report = json.loads((folder / "report.json").read_text())
    assert report["steps"] == 6
    assert 0 < report["coverage"] <= 1
    assert report["style_distance"] < report["style_distance_before"]


def test_glb_wears_the_texture(demo):
    folder, _ = demo
    data = (folder / "fox_stylized.glb").read_bytes()
    magic, version, length, size = struct.unpack_from("<4sIII", data)
    assert (magic, version, length) == (b"glTF", 2, len(data))
    content, binary = json.loads(data[20 : 20 + size]), data[28 + size :]
    (image,) = content["images"]
    view = content["bufferViews"][image["bufferView"]]
    start = view.get("byteOffset", 0)
    inside = BytesIO(binary[start : start + view["byteLength"]])
    with Image.open(inside) as worn, Image.open(folder / "texture.png") as texture:
        assert np.array_equal(np.asarray(worn.convert("RGB")), np.asarray(texture))
    assert content["animations"]  # the rig came along


def test_picture_has_two_rows_that_differ(demo):
    folder, _ = demo
    with Image.open(folder / "before_after.png") as file:
        assert file.width == WIDTH
        pixels = np.asarray(file.convert("RGB")).astype(int)
    background = pixels[0, 0]
    assert (background > 230).all()
    before, after = np.array_split(pixels, 2)
    painted = [row[(np.abs(row - background) > 30).any(axis=-1)] for row in (before, after)]
    for row in painted:
        assert len(row) > 0.1 * before.size / 3
    assert painted[0].mean(axis=0)[0] - painted[1].mean(axis=0)[0] > 30  # a fox's red is gone


def test_scene_opens_without_the_add_on(demo):
    folder, _ = demo
    script = (
        "import bpy, sys; bpy.ops.wm.open_mainfile(filepath=sys.argv[1]);"
        "fox = bpy.data.objects['fox']; image = bpy.data.images['fox Stylized'];"
        "print(fox.material_slots[0].material.name, tuple(image.size), bool(image.packed_file))"
    )
    command = [sys.executable, "-B", "-c", script, str(folder / "fox_stylized.blend")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert f"fox_material Stylized ({SIDE}, {SIDE}) True" in done.stdout, done.stdout + done.stderr
