"""PNG of 8 or 16 bits a channel; of 16, Pillow writes grey alone.

NumPy and the standard library only: the add-on imports it inside Blender.
"""

from __future__ import annotations

import struct
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

_KINDS = {1: 0, 3: 2, 4: 6}  # types of picture, by their channels
_CHANNELS = {kind: channels for channels, kind in _KINDS.items()}
_LEFT = 1  # the filter that takes from each pixel the one before it
_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def encode(values: NDArray[np.uint8] | NDArray[np.uint16], level: int = 6) -> bytes:
    """Encode a picture, top row first, with the bits it has.

    values: (H, W) or (H, W, 1), grey; (H, W, 3); (H, W, 4), with opacity.
    level: of zlib's compression, 1 (fast) to 9; 0: none, and rows as they are, which `decode_plain` reads.
    """
    height, width = values.shape[:2]
    channels, size = values[0, 0].size, values.dtype.itemsize
    data = values.astype(values.dtype.newbyteorder(">")).reshape(height, -1).view(np.uint8)
    rows = np.empty((height, 1 + data.shape[1]), np.uint8)
    rows[:, 0], rows[:, 1:] = _LEFT if level else 0, data
    if level:
        rows[:, 1 + size * channels :] -= data[:, : -size * channels]
    header = struct.pack(">IIBBBBB", width, height, 8 * size, _KINDS[channels], 0, 0, 0)
    parts = (b"IHDR", header), (b"IDAT", zlib.compress(rows.tobytes(), level)), (b"IEND", b"")
    return _SIGNATURE + b"".join(chunk(name, content) for name, content in parts)


def decode_plain(data: bytes) -> NDArray[np.uint8]:
    """Decode a picture (H, W, C) of 8 bits that `encode` wrote with level 0. Raises ValueError for any other.

    What needs no arithmetic takes a tenth of the time of a decoder for all that a PNG may be.
    """
    if data[:8] != _SIGNATURE or data[37:41] != b"IDAT":
        raise ValueError("no plain PNG")
    width, height, bits, kind, *others = struct.unpack(">IIBBBBB", data[16:29])
    channels = _CHANNELS.get(kind, 0)
    count = height * (1 + width * channels)
    if bits != 8 or any(others) or not channels or not 0 < count < len(data):
        raise ValueError(f"no plain PNG of 8 bits: {width} × {height}, {bits} bits, of kind {kind}")
    try:
        pixels = zlib.decompressobj().decompress(data[41:], count)
    except zlib.error as error:
        raise ValueError(f"no plain PNG: {error}") from None
    rows = np.frombuffer(pixels, np.uint8)
    if rows.size != count or rows[:: count // height].any():
        raise ValueError("no plain PNG: it is cut off, or its rows are filtered")
    return rows.reshape(height, -1)[:, 1:].reshape(height, width, channels)


def deep(values: NDArray[np.floating[Any]]) -> NDArray[np.uint16]:
    """Turn values in 0..1 into numbers of 16 bits; others are clipped."""
    return np.round(np.asarray(values, np.float64).clip(0, 1) * 65535).astype(np.uint16)


def chunk(name: bytes, data: bytes) -> bytes:
    """Encode a chunk of a PNG."""
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
