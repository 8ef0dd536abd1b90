"""Pictures as cameras, scanners and painting programs write them."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageCms
from world_models import opacity, picture

from backend.__main__ import main
from backend.errors import PatinaError
from backend.pictures import png
from backend.pictures.decode import numbers, shallow
from backend.pictures.images import read_as_it_is, read_image
from backend.protocol.events import FINISHED

SIZE = (48, 32)


def read(path: Path, field: str = "content", **how: object) -> np.ndarray:
    return read_image(path, "picture", field, **how).permute(1, 2, 0).numpy() * 255


@pytest.mark.parametrize("kind", ["png", "webp", "tif", "jpg"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_photos_stand_upright(orientation, kind, tmp_path):
    """Pillow's own turning is the truth."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    how = {"webp": {"lossless": True}, "jpg": {"quality": 95, "subsampling": 0}}.get(kind, {})
    path = tmp_path / f"a.{kind}"
    picture(*SIZE).save(path, exif=exif, **how)
    turned = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_270,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_90,
    }
    wanted = picture(*SIZE)
    if orientation in turned:
        wanted = wanted.transpose(turned[orientation])
    found = read(path)
    assert found.shape == (*wanted.size[::-1], 3)
    assert np.abs(found - np.asarray(wanted)).max() <= (12 if kind == "jpg" else 1)
    assert np.array_equal(read_as_it_is(path, "picture", "content"), found.round())
    width, height = wanted.size
    part = read(path, crop=(0.5, 0.0, 0.5, 0.5))
    quarter = np.asarray(wanted)[: height // 2, width // 2 :]
    assert np.abs(part - quarter).max() <= (12 if kind == "jpg" else 1)
    half = read(path, most=SIZE[0] * SIZE[1] // 4)
    small = np.asarray(wanted.reduce(2))
    assert half.shape == small.shape
    assert np.abs(half - small).max() <= 12


def test_a_profile_says_what_the_numbers_mean(tmp_path):
    """A linear space: its half is sRGB's 188."""
    linear = profile_of_gamma(1.0)
    Image.new("RGB", SIZE, (128, 128, 128)).save(tmp_path / "linear.png", icc_profile=linear)
    assert np.abs(read(tmp_path / "linear.png") - 188).max() <= 2
    holes = Image.new("RGBA", SIZE, (128, 128, 128, 0))
    holes.save(tmp_path / "holes.png", icc_profile=linear)
    assert read(tmp_path / "holes.png").min() == 255


def profile_of_gamma(gamma: float) -> bytes:
    """An ICC profile with sRGB's primaries and a plain power as its curve."""
    data = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    curve = b"curv" + bytes(4) + (1).to_bytes(4, "big") + round(gamma * 256).to_bytes(2, "big") + bytes(2)
    start = len(data)
    data += curve
    data[:4] = len(data).to_bytes(4, "big")
    for entry in range(int.from_bytes(data[128:132], "big")):
        place = 132 + 12 * entry
        if data[place : place + 4] in (b"rTRC", b"gTRC", b"bTRC"):
            data[place + 4 : place + 12] = start.to_bytes(4, "big") + len(curve).to_bytes(4, "big")
    return bytes(data)


def test_the_profile_of_srgb_changes_hardly_a_bit(tmp_path):
    own = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    picture(*SIZE).save(tmp_path / "a.png", icc_profile=own)
    assert np.abs(read(tmp_path / "a.png") - np.asarray(picture(*SIZE))).max() < 1.1


def test_a_profile_that_is_none_changes_nothing(tmp_path):
    picture(*SIZE).save(tmp_path / "a.png", icc_profile=b"no profile at all")
    assert np.abs(read(tmp_path / "a.png") - np.asarray(picture(*SIZE))).max() <= 0.5


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (np.linspace(0, 65535, 16 * 32).astype(np.uint16), "png"),
        (np.linspace(0, 65535, 16 * 32).astype(np.uint16), "tif"),
        (np.linspace(0, 65535, 16 * 32).astype(np.int32), "tif"),
        (np.linspace(0, 2**31 - 1, 16 * 32).astype(np.int32), "tif"),
        (np.linspace(0, 1, 16 * 32).astype(np.float32), "tif"),
        (np.linspace(0, 255, 16 * 32).astype(np.float32), "tif"),
    ],
)
def test_deep_pictures_have_all_their_greys(values, kind, tmp_path):
    path = tmp_path / f"deep.{kind}"
    Image.fromarray(values.reshape(16, 32)).save(path)
    ramp = np.linspace(0, 255, 16 * 32).reshape(16, 32)
    assert np.abs(read(path) - ramp[..., None]).max() < 1
    with Image.open(path) as image:
        assert np.abs(np.asarray(shallow(image), float) - ramp).max() <= 1


def test_floats_that_are_no_numbers_are_black_and_light_without_end_is_white(tmp_path):
    values = np.full((16, 16), 0.5, np.float32)
    values[0, 0], values[1, 1] = np.nan, 1e9
    Image.fromarray(values).save(tmp_path / "odd.tif")
    found = read(tmp_path / "odd.tif")
    assert np.isfinite(found).all()
    assert found[0, 0, 0] == 0
    assert found[1, 1, 0] == 255


def test_a_small_content_is_enlarged_and_a_small_style_refused(tmp_path):
    Image.new("RGB", (4, 8), (200, 100, 50)).save(tmp_path / "small.png")
    found = read(tmp_path / "small.png")
    assert found.shape == (32, 16, 3)
    assert np.abs(found - (200, 100, 50)).max() <= 1
    with pytest.raises(PatinaError, match="too small to have strokes"):
        read(tmp_path / "small.png", "styles")
    Image.new("RGB", (1, 5000)).save(tmp_path / "line.png")
    with pytest.raises(PatinaError, match="1 × 5000"):
        read(tmp_path / "line.png")


def test_a_plain_picture_is_read_to_the_bit(tmp_path):
    noise = Image.effect_noise(SIZE, 90).convert("RGB")
    noise.save(tmp_path / "noise.png")
    found = read_image(tmp_path / "noise.png", "picture", "content")
    stream = io.BytesIO()
    noise.save(stream, "PNG")
    assert torch.equal((found * 255).round().byte().permute(1, 2, 0), torch.from_numpy(np.array(noise)))


def test_a_photo_keeps_its_opacity(tmp_path):
    opacity(picture(*SIZE)).save(tmp_path / "photo.png")
    picture(64, 64, seed=3).save(tmp_path / "style.png")
    words = ["stylize", str(tmp_path / "photo.png"), "--style", str(tmp_path / "style.png"), "--size", "64"]
    assert main([*words, "--steps", "1", "--out", str(tmp_path / "out")]) == FINISHED
    with Image.open(tmp_path / "out" / "image.png") as image:
        assert image.mode == "RGBA"
        wanted = opacity(picture(*SIZE)).getchannel("A").resize(image.size, Image.Resampling.BOX)
        assert np.abs(np.asarray(image)[..., 3].astype(int) - np.asarray(wanted)).mean() < 4


def grid(width: int, height: int, channels: int, kind: type = np.uint8) -> np.ndarray:
    """(height, width, channels): all sorts of numbers."""
    top = np.iinfo(kind).max
    return np.random.default_rng(5).integers(0, top, (height, width, channels), kind, endpoint=True)


@pytest.mark.parametrize(
    "values",
    [
        *(grid(*size, 3) for size in ((6, 4), (1, 1), (3, 200))),
        *(grid(17, 33, 4), grid(6, 4, 1)),
        *(grid(6, 4, channels, np.uint16) for channels in (1, 3, 4)),
    ],
    ids=lambda values: "x".join(map(str, values.shape[1::-1])) + f"x{values.shape[2]} {values.dtype}",
)
def test_at_strength_0_a_picture_comes_back_as_it_was(values, tmp_path):
    """At any size, however small, with what is beneath full transparency and all 16 bits."""
    (tmp_path / "photo.png").write_bytes(png.encode(values))
    picture(64, 64, seed=3).save(tmp_path / "style.png")
    words = ["stylize", str(tmp_path / "photo.png"), "--style", str(tmp_path / "style.png")]
    assert main([*words, "--strength", "0", "--out", str(tmp_path / "out")]) == FINISHED
    with Image.open(tmp_path / "out" / "image.png") as image:
        found = numbers(image)
    assert (found.dtype, found.shape[:2]) == (values.dtype, values.shape[:2])
    assert np.array_equal(found, np.broadcast_to(values, found.shape))
