"""Palettes moved onto each other; pictures read from and written to files."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import zlib

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.linalg import sqrtm

from backend.errors import PatinaError
from backend.pictures import palette as palettes
from backend.pictures.door import MAX_SIDE
from backend.pictures.images import read_image, resize, resize_shorter, write_image
from backend.pictures.styles import Styles


def palette(seed: int, count: int = 4000) -> torch.Tensor:
    """(count, 3): a slanted cloud of colours within .2 to .8."""
    random = np.random.default_rng(seed)
    cloud = random.normal(size=(count, 3)) @ random.normal(size=(3, 3))
    return torch.from_numpy(0.5 + 0.3 * cloud / np.abs(cloud).max()).float()


def test_transport_moves_mean_and_covariance_exactly():
    source, target = palettes.moments(palette(1)), palettes.moments(palette(2))
    matrix, offset = (part.double() for part in palettes.transport(source, target))
    assert torch.allclose(matrix @ source[0] + offset, target[0], atol=1e-6)
    assert torch.allclose(matrix @ source[1] @ matrix.T, target[1], atol=1e-6)
    assert torch.allclose(matrix, matrix.T, atol=1e-6)  # optimal: the gradient of a convex function
    assert torch.linalg.eigvalsh(matrix).min() > 0


def test_transport_to_oneself_moves_nothing():
    matrix, offset = palettes.transport(palettes.moments(palette(1)), palettes.moments(palette(1)))
    assert torch.allclose(matrix, torch.eye(3), atol=1e-5)
    assert torch.allclose(offset, torch.zeros(3), atol=1e-5)


def test_a_single_colour_is_moved_not_stretched():
    plain = palettes.moments(torch.full((100, 3), 0.2))
    matrix, offset = palettes.transport(plain, palettes.moments(torch.full((100, 3), 0.7)))
    assert torch.allclose(matrix, torch.eye(3), atol=1e-5)
    assert torch.allclose(offset, torch.full((3,), 0.5), atol=1e-5)


def test_half_way_between_palettes_lies_on_the_geodesic_from_either_side(monkeypatch):
    """Mean and covariance of Gaussians half way are in closed form (McCann 1997); at the ends all is kept."""
    monkeypatch.setattr(palettes, "MIN_VARIANCE", 1e-9)  # which is added to both, and would be seen here
    style, content = (palette(seed).T.reshape(3, 40, 100) for seed in (1, 2))
    ends = [palettes.moments(image.flatten(1).T) for image in (style, content)]
    light = torch.tensor([0.299, 0.587, 0.114], dtype=torch.double)
    assert light @ ends[1][1] @ light > 0.5 * light @ ends[0][1] @ light  # none of its contrast is missing
    product = root(root(ends[0][1]) @ ends[1][1] @ root(ends[0][1]))
    # (1 - t)² S + t² T + t (1 - t) (A S + S A), with A S = S^½ (S^½ T S^½)^½ S^-½
    cross = root(ends[0][1]) @ product @ torch.linalg.inv(root(ends[0][1]))
    middle = (ends[0][1] + ends[1][1] + cross + cross.T) / 4
    for found in (
        moved(style, content, 0.5),
        content.lerp(palettes.recolor(content, palettes.transport(ends[1], ends[0])), 0.5),
    ):
        mean, covariance = palettes.moments(found.flatten(1).T)
        assert torch.allclose(mean, (ends[0][0] + ends[1][0]) / 2, atol=2e-3)
        assert torch.allclose(covariance, middle, atol=1e-3)
    assert torch.equal(moved(style, content, 0.0), style)
    mean, covariance = palettes.moments(moved(style, content, 1.0).flatten(1).T)
    assert torch.allclose(mean, ends[1][0], atol=2e-3)
    assert torch.allclose(covariance, ends[1][1], atol=1e-3)


def moved(style: torch.Tensor, content: torch.Tensor, share: float) -> torch.Tensor:
    return Styles((style,), (1.0,)).recolored(content.flatten(1).T, share).images[0]


def root(matrix: torch.Tensor) -> torch.Tensor:
    return torch.from_numpy(sqrtm(matrix.numpy()).real)


def test_recoloured_pictures_stay_within_what_a_screen_shows():
    image = torch.rand(3, 8, 8)
    found = palettes.recolor(image, (2 * torch.eye(3), torch.tensor([-0.5, 0.0, 0.5])))
    assert torch.allclose(found[0], (2 * image[0] - 0.5).clamp(0, 1))
    assert found.max() <= 1


def test_sliced_transport_gives_one_gaussian_the_others_moments():
    """Between Gaussians it is a linear map, which moments alone tell."""
    random = np.random.default_rng(0)
    source, target = (0.5 + 0.1 * torch.from_numpy(random.normal(size=(20_000, 3))).float() for _ in range(2))
    target = target @ torch.tensor([[0.9, 0.3, 0.0], [0.0, 0.5, 0.2], [0.0, 0.0, 1.2]]) - 0.1
    found = palettes.sliced_transport(source.T, target.T, random)
    assert torch.allclose(found.mean(1), target.mean(0), atol=0.004)
    assert torch.allclose(torch.cov(found), torch.cov(target.T), atol=6e-4)


def test_sliced_transport_finds_what_moments_cannot_tell():
    """Of two clouds in the palette each takes its share of the colours, and nothing lies between them."""
    random = np.random.default_rng(0)
    clouds = torch.tensor([[0.2, 0.2, 0.3], [0.8, 0.7, 0.7]])
    which = torch.from_numpy(random.random(20_000) < 0.25).long()
    palette = clouds[which] + 0.02 * torch.from_numpy(random.normal(size=(20_000, 3))).float()
    colors = torch.from_numpy(random.random((3, 20_000))).float()
    found = palettes.sliced_transport(colors, palette.T, random)
    near = (found.T[:, None] - clouds).norm(dim=2).min(1)
    assert (near.values < 0.15).float().mean() > 0.95
    assert near.indices.float().mean() == pytest.approx(0.25, abs=0.02)


def test_sliced_transport_onto_itself_moves_nothing():
    own = palette(3).T
    assert (palettes.sliced_transport(own, own, np.random.default_rng(0)) - own).abs().max() < 2e-3


def test_commonness_is_one_where_colours_crowd_and_small_where_one_stands_alone():
    crowd = torch.tensor([0.55, 0.25, 0.75])[:, None].repeat(1, 9990)
    alone = torch.tensor([0.05, 0.95, 0.15])[:, None].repeat(1, 10)
    found = palettes.commonness(torch.cat([crowd, alone], 1))
    assert (found[:9990] == 1).all()
    assert (found[9990:] < 0.05).all()


def test_a_picture_survives_its_file(tmp_path):
    image = torch.rand(3, 20, 30)
    write_image(image, tmp_path / "a.png")
    assert torch.allclose(read_image(tmp_path / "a.png", "picture", "content"), image, atol=0.51 / 255)
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "I", "F"])
def test_every_kind_of_picture_is_read(mode, tmp_path):
    if mode == "I;16":
        picture = Image.fromarray(np.full((20, 20), 32768, np.uint16))
    elif mode == "I":
        picture = Image.new("I", (20, 20), 32768)
    else:
        picture = Image.new("L", (20, 20), 128).convert(mode)
    path = tmp_path / ("a.tif" if mode in ("CMYK", "F", "I") else "a.png")
    picture.save(path)
    found = read_image(path, "picture", "content")
    assert found.shape == (3, 20, 20)
    assert found.dtype == torch.float32
    assert found.mean().item() == pytest.approx(0.5, abs=0.02)


def test_transparency_shows_white(tmp_path):
    Image.new("RGBA", (16, 16), (255, 0, 0, 0)).save(tmp_path / "a.png")
    assert read_image(tmp_path / "a.png", "picture", "content").min() == 1


def png_of_bits(side: int) -> bytes:
    """A black PNG of one bit a pixel: a few kilobytes for any size."""
    row = b"\0" + bytes((side + 7) // 8)
    packer = zlib.compressobj(9)
    data = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def encoded(kind: str, size: tuple[int, int] = (64, 64)) -> bytes:
    out = io.BytesIO()
    Image.effect_noise(size, 80).convert("RGB").save(out, format=kind)
    return out.getvalue()


BAD_PICTURES = {
    "missing": (None, "does not exist"),
    "empty": (b"", "is empty"),
    "truncated JPEG": (encoded("JPEG")[:1500], "cannot be read as a picture"),
    "truncated PNG": (encoded("PNG")[:3000], "cannot be read as a picture"),
    "truncated TIFF": (encoded("TIFF")[:3000], "cannot be read as a picture"),
    "truncated GIF": (encoded("GIF")[:900], "cannot be read as a picture"),
    "header alone": (encoded("PNG")[:20], "cannot be read as a picture"),
    "not a picture": (b"Dear Theo, thank you for your letter. " * 20, "cannot be read as a picture"),
    "one pixel": (encoded("PNG", (1, 1)), "1 × 1 pixels, too small"),
    "a line": (encoded("PNG", (300, 2)), "300 × 2 pixels, too small"),
    "far too large": (png_of_bits(20_000), "20000 × 20000 pixels"),
}


@pytest.mark.parametrize("what", BAD_PICTURES)
def test_what_is_no_picture_is_refused(what, tmp_path):
    data, said = BAD_PICTURES[what]
    if data is not None:
        (tmp_path / "monet.png").write_bytes(data)
    with pytest.raises(PatinaError) as caught:
        read_image(tmp_path / "monet.png", "style image", "styles")
    assert caught.value.message.startswith("The style image monet.png")
    assert said in caught.value.message
    assert caught.value.field == "styles"
    assert caught.value.cure


def test_names_that_no_disk_takes_and_folders_are_refused(tmp_path):
    for path in (tmp_path, tmp_path / ("x" * 300)):
        with pytest.raises(PatinaError):
            read_image(path, "style image", "styles")


def test_the_largest_picture_is_larger_than_any_texture():
    assert MAX_SIDE >= 8192


def test_a_file_where_a_folder_should_be_is_named(tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(PatinaError, match=r"texture\.png cannot be written: Not a directory") as caught:
        write_image(torch.rand(3, 8, 8), tmp_path / "file" / "texture.png")
    assert caught.value.field == "out"
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize(("options", "said"), [("size=64k", "No space left"), ("ro,size=64k", "Read-only")])
def test_a_full_or_read_only_disk_is_named_and_keeps_what_was_there(options, said, tmp_path):
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(tmp_path)]
    if sys.platform != "linux" or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("needs the right to mount a small disk")
    try:
        (tmp_path / "texture.png").write_bytes(b"the old one")
        subprocess.run(["mount", "-o", f"remount,{options}", str(tmp_path)], check=True)
        with pytest.raises(PatinaError, match=said):
            write_image(torch.rand(3, 256, 256), tmp_path / "texture.png")
        assert (tmp_path / "texture.png").read_bytes() == b"the old one"
        assert [path.name for path in tmp_path.iterdir()] == ["texture.png"]
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


def test_resized_pictures_keep_their_mean_and_shape():
    image = torch.rand(3, 40, 80)
    assert resize(image, 40, 80) is image
    assert resize(image, 10, 20).mean().item() == pytest.approx(image.mean().item(), abs=0.01)
    assert resize_shorter(image, 20).shape == (3, 20, 40)
    assert resize_shorter(image, 1).shape == (3, 8, 16)
