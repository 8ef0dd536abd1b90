"""PNG of 8 and 16 bits a channel: written, and read back, with every bit."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from backend.pictures.decode import deep_colors, numbers
from backend.pictures.images import read_map
from backend.pictures.png import decode_plain, deep, encode


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


@pytest.mark.parametrize("shape", [(5, 7), (37, 21, 3), (1, 1, 3), (16, 1)])
def test_all_bits_come_back(shape):
    values = np.random.default_rng(0).integers(0, 65536, shape).astype(np.uint16)
    found = numbers(opened(encode(values)))
    assert found.dtype == np.uint16
    assert (found == values.reshape(found.shape)).all()
    assert (
        np.asarray(opened(encode(values)), np.uint16).reshape(found.shape)
        >> (8 if found.shape[2] == 1 else 0)
        == found >> 8
    ).all()  # as Pillow reads it


@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 3), (5, 7, 4), (16, 1)])
def test_what_has_8_bits_is_told_apart(shape):
    values = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    data = encode(values, level=1)
    assert deep_colors(opened(data)) is None
    assert numbers(opened(data)).dtype == np.uint8
    assert (np.asarray(opened(data)).reshape(values.shape) == values).all()


@pytest.mark.parametrize("shape", [(5, 7, 1), (37, 21, 3), (5, 7, 4)])
def test_what_is_not_compressed_is_read_without_a_decoder(shape):
    values = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    data = encode(values, level=0)
    assert (decode_plain(data) == values).all()
    assert (np.asarray(opened(data)).reshape(values.shape) == values).all()
    for end in range(len(data) - 12 - 8):  # of which a chunk says that it is the end, and 8 are of checks
        with pytest.raises(ValueError, match="plain"):
            decode_plain(data[:end])


def test_any_other_picture_is_refused():
    values = np.random.default_rng(0).integers(0, 256, (9, 8, 3)).astype(np.uint8)
    other = io.BytesIO()
    Image.fromarray(values[..., 0]).convert("P").save(other, "PNG")
    vast = bytearray(encode(values, level=0))
    vast[16:24] = b"\x7f\xff\xff\xff" * 2
    none = bytearray(encode(values, level=0))
    none[16:24] = bytes(8)
    filtered, deeper = encode(values, level=1), encode(values.astype(np.uint16), level=0)
    for data in (b"", b"GIF89a", other.getvalue(), bytes(vast), bytes(none), filtered, deeper):
        with pytest.raises(ValueError, match="plain"):
            decode_plain(data)


def test_numbers_are_read_as_parts_of_white(tmp_path):
    values = np.array([[0, 1, 32768, 65535]], np.uint16)
    (tmp_path / "map.png").write_bytes(encode(values))
    found, is_deep = read_map(tmp_path / "map.png", "map", "maps")
    assert is_deep
    assert np.allclose(found[0].numpy(), values / 65535, atol=1e-7)
    assert (deep(values / 65535) == values).all()
    assert (deep(np.array([-1.0, 2.0])) == [0, 65535]).all()
