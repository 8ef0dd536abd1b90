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
_LEFT = 1  # the filter that takes from each pixel the one before it


def encode(values: NDArray[np.uint8] | NDArray[np.uint16], level: int = 6) -> bytes:
    """Encode a picture, top row first, with the bits it has.

    values: (H, W) or (H, W, 1), grey; (H, W, 3); (H, W, 4), with opacity.
    level: of zlib's compression, 1 (fast) to 9.
    """
    height, width = values.shape[:2]
    channels, size = values[0, 0].size, values.dtype.itemsize
    data = values.astype(values.dtype.newbyteorder(">")).reshape(height, -1).view(np.uint8)
    rows = np.empty((height, 1 + data.shape[1]), np.uint8)
    rows[:, 0], rows[:, 1:] = _LEFT, data
    rows[:, 1 + size * channels :] -= data[:, : -size * channels]
    header = struct.pack(">IIBBBBB", width, height, 8 * size, _KINDS[channels], 0, 0, 0)
    parts = (b"IHDR", header), (b"IDAT", zlib.compress(rows.tobytes(), level)), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(name, content) for name, content in parts)


def deep(values: NDArray[np.floating[Any]]) -> NDArray[np.uint16]:
    """Turn values in 0..1 into numbers of 16 bits; others are clipped."""
    return np.round(np.asarray(values, np.float64).clip(0, 1) * 65535).astype(np.uint16)


def chunk(name: bytes, data: bytes) -> bytes:
    """Encode a chunk of a PNG."""
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
