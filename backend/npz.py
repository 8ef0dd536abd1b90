"""NumPy's .npz files, read with care: a job folder's mesh and checkpoint, whoever wrote them."""

from __future__ import annotations

import io
import math
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .reading import MAX_BYTES, regular

_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


def read(path: Path, needed: Iterable[str], optional: Iterable[str] = ()) -> dict[str, NDArray[Any]]:
    """Read the arrays of these names. No object in it is ever built, and no array is larger than its bytes.

    Raises FileNotFoundError, and ValueError with the reason for anything that is no such file.
    """
    try:
        with regular(path) as stream, zipfile.ZipFile(stream) as archive:
            there = {info.filename: info for info in archive.infolist()}
            wanted = [*needed, *(name for name in optional if f"{name}.npy" in there)]
            for name in wanted:
                if f"{name}.npy" not in there:
                    raise ValueError(f"it lacks {name}")
            if sum(there[f"{name}.npy"].file_size for name in wanted) > MAX_BYTES:
                raise ValueError(f"it holds more than {MAX_BYTES / 1e6:.0f} MB")
            return {name: _array(archive.read(f"{name}.npy")) for name in wanted}
    except (FileNotFoundError, MemoryError):
        raise
    except Exception as error:  # damaged files fail the readers in many ways
        raise ValueError(str(error) or type(error).__name__) from None


def _array(data: bytes) -> NDArray[Any]:
    """The array in a .npy file's bytes."""
    stream = io.BytesIO(data)
    version = np.lib.format.read_magic(stream)
    if version not in _HEADERS:
        raise ValueError(f"it is of version {version}")
    shape, is_fortran, dtype = _HEADERS[version](stream)
    if dtype.kind not in "biuf":
        raise ValueError(f"it holds {dtype}")
    count = math.prod(shape)
    if min(shape, default=0) < 0 or count * dtype.itemsize > len(data) - stream.tell():
        raise ValueError("it is cut short")
    array = np.frombuffer(data, dtype, count, stream.tell()).astype(dtype.newbyteorder("="))
    return array.reshape(shape, order="F" if is_fortran else "C")
