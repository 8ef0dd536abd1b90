"""Models of formats that Blender alone reads reach the command line through a Blender that is named."""

from __future__ import annotations

import io
import json
import sys

import bpy
import numpy as np
import pytest
from bl_ext.user_default.patina.backend.errors import PatinaError
from bl_ext.user_default.patina.backend.models import through_blender
from PIL import Image

COLORS = np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8)


@pytest.fixture(autouse=True)
def blender(monkeypatch):
    monkeypatch.setenv(through_blender.VARIABLE, sys.executable)


@pytest.fixture
def fbx(cube, tmp_path):
    """A cube of 2 × 4 × 6 whose picture lies beside it."""
    Image.fromarray(COLORS).save(tmp_path / "wood.png")
    cube.scale = (1, 2, 3)
    tree = cube.data.materials[0].node_tree
    node = tree.nodes.new("ShaderNodeTexImage")
    node.image = bpy.data.images.load(str(tmp_path / "wood.png"))
    tree.links.new(node.outputs["Color"], tree.nodes["Principled BSDF"].inputs["Base Color"])
    bpy.ops.export_scene.fbx(filepath=str(tmp_path / "crate.fbx"), path_mode="RELATIVE")
    return tmp_path / "crate.fbx"


def test_an_fbx_comes_with_its_shape_and_its_picture(fbx):
    data = through_blender.glb(fbx)
    size = int.from_bytes(data[12:16], "little")
    tree, binary = json.loads(data[20 : 20 + size]), data[28 + size :]
    (mesh,), (image,), (node,) = tree["meshes"], tree["images"], tree["nodes"]
    (primitive,) = mesh["primitives"]
    assert tree["accessors"][primitive["indices"]]["count"] == 36
    places = tree["accessors"][primitive["attributes"]["POSITION"]]
    extent = np.subtract(places["max"], places["min"]) * node.get("scale", 1)
    assert sorted(extent.round(3).tolist()) == [2, 4, 6]
    view = tree["bufferViews"][image["bufferView"]]
    picture = Image.open(io.BytesIO(binary[view["byteOffset"] :][: view["byteLength"]]))
    assert np.array_equal(np.asarray(picture.convert("RGB")), COLORS)


def test_a_picture_that_is_gone_is_named(fbx):
    (fbx.parent / "wood.png").unlink()
    with pytest.raises(PatinaError, match=r"crate.fbx names the picture wood.png, which is not there"):
        through_blender.glb(fbx)


@pytest.mark.skipif(bpy.app.version < (5, 0), reason="it reads Collada")
def test_a_blender_without_an_importer_for_it_says_which_has_one(tmp_path):
    (tmp_path / "chair.dae").write_text("<COLLADA/>")
    with pytest.raises(PatinaError, match=r"cannot read chair.dae: it has no importer for it") as error:
        through_blender.glb(tmp_path / "chair.dae")
    assert "before 5.0" in error.value.cure


def test_what_is_no_blender_is_named(tmp_path, monkeypatch):
    (tmp_path / "chair.fbx").write_bytes(b"Kaydara FBX Binary")
    monkeypatch.setenv(through_blender.VARIABLE, str(tmp_path / "blender"))
    with pytest.raises(PatinaError, match=r"Blender cannot be run as .*blender: No such file"):
        through_blender.glb(tmp_path / "chair.fbx")
