"""Blender images to files and back: the colours that Pillow then sees are the ones that were meant."""

from __future__ import annotations

from pathlib import Path

import bpy
import numpy as np
import pytest
from bl_ext.user_default.patina.addon.scene import image, result
from bl_ext.user_default.patina.backend.errors import PatinaError
from PIL import Image

COLORS = np.random.default_rng(1).integers(0, 256, (5, 7, 3), np.uint8)  # top row first, as in a file


def blender_image(colors: np.ndarray, **options: bool) -> bpy.types.Image:
    """A generated image of float colours (H, W, 4), bottom row first."""
    result = bpy.data.images.new("Test", colors.shape[1], colors.shape[0], alpha=True, **options)
    result.pixels.foreach_set(np.ascontiguousarray(colors, np.float32).ravel())
    return result


def saved(picture: bpy.types.Image, folder: Path) -> np.ndarray:
    image.save_srgb(picture, folder / "content.png")
    with Image.open(folder / "content.png") as file:
        assert file.format == "PNG"
        return np.asarray(file.convert("RGB"))


@pytest.mark.parametrize("suffix", ["png", "bmp", "tga"])
def test_a_file_comes_through_bit_for_bit(tmp_path, suffix):
    Image.fromarray(COLORS).save(tmp_path / f"in.{suffix}")
    picture = bpy.data.images.load(str(tmp_path / f"in.{suffix}"))
    assert np.array_equal(saved(picture, tmp_path), COLORS)
    assert not picture.is_dirty
    assert len(bpy.data.images) == 1


def test_alpha_does_not_touch_the_colours(tmp_path):
    alpha = np.full((5, 7, 1), 99, np.uint8)
    Image.fromarray(np.concatenate((COLORS, alpha), axis=2)).save(tmp_path / "in.png")
    picture = bpy.data.images.load(str(tmp_path / "in.png"))
    assert np.array_equal(saved(picture, tmp_path), COLORS)


def test_grey(tmp_path):
    Image.fromarray(COLORS[..., 0]).save(tmp_path / "in.png")
    picture = bpy.data.images.load(str(tmp_path / "in.png"))
    assert np.array_equal(saved(picture, tmp_path), np.repeat(COLORS[..., :1], 3, axis=2))


def test_unsaved_paint_counts(tmp_path):
    Image.fromarray(COLORS).save(tmp_path / "in.png")
    picture = bpy.data.images.load(str(tmp_path / "in.png"))
    picture.pack()
    picture.pixels.foreach_set(np.tile(np.float32((1, 0, 0, 1)), 35))
    assert (saved(picture, tmp_path) == (255, 0, 0)).all()


def test_linear_values_are_encoded(tmp_path):
    """Half of the light is sRGB 188 (IEC 61966-2-1), as floats and as bytes that are no colours."""
    half = np.full((2, 2, 4), 0.5)
    half[..., 3] = 1
    assert (saved(blender_image(half, float_buffer=True), tmp_path) == 188).all()
    plain = blender_image(half)
    assert (saved(plain, tmp_path) == 128).all()
    plain.colorspace_settings.name = "Non-Color"
    plain.pixels.foreach_set(half.astype(np.float32).ravel())
    assert saved(plain, tmp_path) == pytest.approx(188, abs=1)  # the 8 bits say 128/255


def test_bright_and_broken_floats_are_clipped(tmp_path):
    colors = np.ones((1, 3, 4))
    colors[0, :, :3] = [[9.0], [-1.0], [np.nan]]
    assert saved(blender_image(colors, float_buffer=True), tmp_path)[0, :, 0].tolist() == [255, 0, 0]


def test_a_plain_colour(tmp_path):
    image.save_color((0.5, 0.0, 1.0), tmp_path / "content.png")
    with Image.open(tmp_path / "content.png") as file:
        assert (np.asarray(file.convert("RGB")) == (188, 0, 255)).all()
    assert not bpy.data.images


def test_a_missing_file_is_named(tmp_path):
    Image.fromarray(COLORS).save(tmp_path / "lost.png")
    picture = bpy.data.images.load(str(tmp_path / "lost.png"))
    (tmp_path / "lost.png").unlink()
    picture.reload()
    with pytest.raises(PatinaError, match=r"lost\.png cannot be read") as error:
        image.save_srgb(picture, tmp_path / "content.png")
    assert "Find Missing Files" in error.value.cure
    assert not (tmp_path / "content.png").exists()


def test_an_unwritable_place_is_named(tmp_path):
    picture = blender_image(np.ones((2, 2, 4)))
    (tmp_path / "content.png").mkdir()
    with pytest.raises(PatinaError, match=r"content\.png cannot be written"):
        image.save_srgb(picture, tmp_path / "content.png")
    assert len(bpy.data.images) == 1


def test_a_result_is_packed_and_needs_no_file(tmp_path):
    Image.fromarray(COLORS).save(tmp_path / "texture.png")
    picture = result.load_packed(tmp_path / "texture.png", "Fox Stylized")
    (tmp_path / "texture.png").unlink()
    bpy.data.materials.new("Keeps it").use_fake_user = True
    picture.use_fake_user = True
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "scene.blend"))
    picture = bpy.data.images["Fox Stylized"]
    assert picture.packed_file
    assert picture.colorspace_settings.name == "sRGB"
    assert np.array_equal(saved(picture, tmp_path), COLORS)
    bpy.ops.file.unpack_all(method="USE_ORIGINAL")
    assert (tmp_path / "textures" / "Fox_Stylized.png").is_file()


def test_a_result_that_is_no_image(tmp_path):
    (tmp_path / "texture.png").write_text("no image")
    with pytest.raises(PatinaError, match=r"texture\.png"):
        result.load_packed(tmp_path / "texture.png", "Fox Stylized")
    assert not bpy.data.images
