"""An OBJ's other maps are kept, as glTF has them."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from backend.models import files, gltf, texture_uses
from backend.models.parts import read_parts

SQUARE = (
    "mtllib m.mtl\nusemtl m\nv 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\n"
    "vt 0 0\nvt 1 0\nvt 1 1\nvt 0 1\nf 1/1 2/2 3/3 4/4\n"
)


def noise(path: Path, mode: str, seed: int) -> Path:
    channels = {"L": (), "RGB": (3,), "RGBA": (4,)}[mode]
    pixels = np.random.default_rng(seed).integers(0, 256, (16, 24, *channels), np.uint8)
    Image.fromarray(pixels, mode).save(path)
    return path


def model(folder: Path, *lines: str) -> gltf.Gltf:
    (folder / "m.mtl").write_text("\n".join(("newmtl m", *lines)) + "\n")
    (folder / "m.obj").write_text(SQUARE)
    return files.read(folder / "m.obj")


def material(found: gltf.Gltf) -> dict:
    (only,) = found.tree["materials"]
    return only


def picture(found: gltf.Gltf, use: dict) -> bytes:
    return gltf.image_bytes(found, texture_uses.source(found.tree["textures"][use["index"]]))


def test_normals_and_light_are_kept_byte_for_byte(tmp_path):
    noise(tmp_path / "c.png", "RGB", 0)
    normal, light = noise(tmp_path / "n.png", "RGB", 1), noise(tmp_path / "e.jpg", "RGB", 2)
    lines = ("map_Kd c.png", "map_Bump -bm 0.5 n.png", "Ke 1 0.5 0", "map_Ke e.jpg", "Pr 0.25", "Pm 1")
    found = model(tmp_path, *lines)
    made = material(found)
    assert picture(found, made["normalTexture"]) == normal.read_bytes()
    assert made["normalTexture"]["scale"] == 0.5
    assert picture(found, made["emissiveTexture"]) == light.read_bytes()
    assert made["emissiveFactor"] == [1, 0.5, 0]
    surface = made["pbrMetallicRoughness"]
    assert (surface["roughnessFactor"], surface["metallicFactor"]) == (0.25, 1)
    assert not found.notes
    mimes = {image["mimeType"] for image in found.tree["images"]}
    assert mimes == {"image/png", "image/jpeg"}


def test_roughness_and_metal_become_one_picture(tmp_path):
    noise(tmp_path / "r.png", "L", 1)
    noise(tmp_path / "m.png", "L", 2)
    found = model(tmp_path, "map_Pr r.png", "map_Pm m.png")
    surface = material(found)["pbrMetallicRoughness"]
    data = picture(found, surface["metallicRoughnessTexture"])
    pixels = np.asarray(Image.open(io.BytesIO(data)))
    assert np.array_equal(pixels[..., 1], np.asarray(Image.open(tmp_path / "r.png")))
    assert np.array_equal(pixels[..., 2], np.asarray(Image.open(tmp_path / "m.png")))
    assert (surface["roughnessFactor"], surface["metallicFactor"]) == (1, 1)


def test_opacity_is_laid_into_the_colours(tmp_path):
    noise(tmp_path / "c.png", "RGB", 0)
    noise(tmp_path / "o.png", "L", 1)
    found = model(tmp_path, "map_Kd c.png", "map_d o.png")
    (part,) = read_parts(found)
    assert part.look.has_alpha
    data = picture(found, material(found)["pbrMetallicRoughness"]["baseColorTexture"])
    pixels = np.asarray(Image.open(io.BytesIO(data)))
    assert np.array_equal(pixels[..., :3], np.asarray(Image.open(tmp_path / "c.png")))
    assert np.array_equal(pixels[..., 3], np.asarray(Image.open(tmp_path / "o.png")))


def test_a_picture_with_its_own_opacity_is_see_through_where_the_material_says_so(tmp_path):
    noise(tmp_path / "c.png", "RGBA", 0)
    assert material(model(tmp_path, "map_Kd c.png", "map_d c.png"))["alphaMode"] == "BLEND"
    assert "alphaMode" not in material(model(tmp_path, "map_Kd c.png"))


@pytest.mark.parametrize(("line", "opacity"), [("Tr 0.25", 0.75), ("Tr 1.0", 1), ("Tr 0", 1), ("d 0.5", 0.5)])
def test_what_old_programs_call_wholly_transparent_is_opaque(line, opacity, tmp_path):
    factor = material(model(tmp_path, "Kd 1 0 0", line))["pbrMetallicRoughness"]["baseColorFactor"]
    assert factor == [1, 0, 0, opacity]


def test_what_cannot_be_kept_is_said(tmp_path):
    for name, mode in (("c", "RGB"), ("h", "L"), ("n", "RGB")):
        noise(tmp_path / f"{name}.png", mode, 0)
    height = model(tmp_path, "map_Kd c.png", "map_Bump h.png")
    assert "normalTexture" not in material(height)
    assert height.notes == ["The height map of m is left out; a normal map would be kept."]
    gone = model(tmp_path, "map_Kd c.png", "map_Ke gone.png")
    assert gone.notes == ["The picture gone.png of m (emission) is not there, and is left out."]
    moved = model(tmp_path, "map_Kd -s 2 2 c.png", "norm n.png")
    assert moved.notes == [
        "The picture n.png of m (normal) is laid otherwise than its colours, and is left out."
    ]


def test_what_gltf_has_no_place_for_is_said_of_what_is_used(tmp_path):
    noise(tmp_path / "c.png", "RGB", 0)
    lines = ("map_Kd c.png", "map_Ka c.png", "map_aat on", "map_Ks -s 2 2 shine.png", "map_Ns n.png")
    found = model(tmp_path, *lines, "refl -type sphere sky.hdr", "newmtl unused", "map_Ks other.png")
    assert found.notes == [
        "The picture shine.png of m (map_Ks) has no place in glTF, and is left out.",
        "The picture n.png of m (map_Ns) has no place in glTF, and is left out.",
        "The picture sky.hdr of m (refl) has no place in glTF, and is left out.",
    ]
    assert "baseColorTexture" in material(found)["pbrMetallicRoughness"]
