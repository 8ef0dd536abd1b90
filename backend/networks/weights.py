"""Pretrained weights: where they are, that they are the right ones, and how they are read.

Two kinds of place hold weights. Some come inside Python packages and are found without importing
these; the others are torchvision's own files, kept in the environment's folder, or the one that
PATINA_WEIGHTS names, and also found in torch's own cache. They are downloaded only when somebody allows it
(`fetch`). A file counts only if its SHA-256 is the known one, and reading one never runs code that it may
contain.
"""

from __future__ import annotations

import hashlib
import io
import os
import pickle
import pickletools
import shutil
import ssl
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy
import torch
from torch import Tensor

from ..errors import PatinaError
from ..machine.memory import ran_out
from ..reading import read_bytes, regular
from ..writing import going_on, replacing

FOLDER_VARIABLE = "PATINA_WEIGHTS"
_BLOCK = 1 << 20  # bytes


def folder() -> Path:
    """Choose where downloaded weights are kept.

    That is in the environment, with which they leave, unless FOLDER_VARIABLE names another folder.
    """
    if named := os.environ.get(FOLDER_VARIABLE):
        return Path(named)
    return Path(sys.prefix) / "weights" if sys.prefix != sys.base_prefix else _torch_cache()


def _torch_cache() -> Path:
    return Path(torch.hub.get_dir()) / "checkpoints"


def find_packaged(distribution: str, file: str) -> Path | None:
    """Find `file` inside an installed distribution: its path, or None; the package is not imported."""
    try:
        path = Path(str(metadata.distribution(distribution).locate_file(file)))
    except metadata.PackageNotFoundError:
        return None
    return path if path.is_file() else None


def find_downloaded(file: str) -> Path | None:
    """Find a weights file that was downloaded, by us or by torch: its path, or None."""
    return next((path for place in (folder(), _torch_cache()) if (path := place / file).is_file()), None)


def sha256(path: Path) -> str:
    """Compute the file's SHA-256, in hexadecimal."""
    digest = hashlib.sha256()
    with regular(path, sys.maxsize) as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def verify(path: Path, digest: str) -> None:
    """Raise PatinaError unless the file's SHA-256 starts with `digest`."""
    found = sha256(path)
    if not found.startswith(digest):
        raise PatinaError(
            f"The weights {path} are damaged or others (SHA-256 {found[:8]}…, not {digest[:8]}…).",
            "Remove the file and run the set-up, or the download, again.",
            "network",
        )


class _ArraysOnly(pickle.Unpickler):
    """Admits NumPy arrays in plain containers and nothing else, so that a pickle cannot run code."""

    _ADMITTED = frozenset({("multiarray", "_reconstruct"), ("numpy", "ndarray"), ("numpy", "dtype")})

    def find_class(self, module: str, name: str) -> Any:
        # NumPy 2 moved numpy.core to numpy._core; files written before name the old place.
        short = "multiarray" if module in ("numpy.core.multiarray", "numpy._core.multiarray") else module
        if (short, name) not in self._ADMITTED:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which is not an array")
        if short == "multiarray":
            # The very function that ndarray's own pickling names, whatever this NumPy calls its home.
            return numpy.empty(0).__reduce__()[0]
        return getattr(numpy, name)


def read_arrays(path: Path) -> dict[str, Any]:
    """Read a pickle of nested dicts and lists of NumPy arrays. Raises PatinaError for anything else."""
    try:
        data = read_bytes(path)
        _check_claims(data)
        return dict(_ArraysOnly(io.BytesIO(data)).load())
    except Exception as error:  # a damaged file fails the reader in many ways
        if ran_out(error):
            raise
        raise PatinaError(f"The weights {path} cannot be read: {error}.", _AGAIN, "network") from None


def _check_claims(data: bytes) -> None:
    """Raise an error for a pickle that claims more than its bytes hold: its reader would make room first."""
    for opcode, argument, _ in pickletools.genops(data):
        if opcode.name in ("FRAME", "PUT", "BINPUT", "LONG_BINPUT") and int(argument or 0) > len(data):
            raise pickle.UnpicklingError(f"{opcode.name} names {argument} of {len(data)} bytes")


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """Read a torch state dict, on the CPU. Raises PatinaError where the file holds more than tensors."""
    try:
        return dict(torch.load(path, map_location="cpu", weights_only=True))
    except Exception as error:  # a damaged file fails torch's reader in many ways
        if ran_out(error):
            raise
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise PatinaError(f"The weights {path} cannot be read: {reason}", _AGAIN, "network") from None


def read_onnx(path: Path) -> dict[str, Tensor]:
    """Read an ONNX graph's convolutions: NAME.weight (out, in, H, W) and NAME.bias (out), on the CPU.

    Quantized weights are multiplied out (DequantizeLinear, a scale for each output). Raises PatinaError.
    """
    try:
        import onnx
        from onnx import numpy_helper

        graph = onnx.load(path, load_external_data=False).graph
        constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
        for node in graph.node:
            if node.op_type == "DequantizeLinear" and node.input[0] in constants:
                whole, scale, zero = (constants[name] for name in node.input)
                scale, zero = (of.reshape(-1, *(1,) * (whole.ndim - 1)) for of in (scale, zero))
                constants[node.output[0]] = (whole.astype(numpy.float32) - zero.astype(numpy.float32)) * scale
        state = {}
        for node in graph.node:
            if node.op_type == "Conv":
                name = node.input[1].rpartition("/")[0]
                for part, constant in zip(("weight", "bias"), node.input[1:], strict=True):
                    state[f"{name}.{part}"] = torch.from_numpy(numpy.ascontiguousarray(constants[constant]))
    except Exception as error:  # a damaged file fails the reader in many ways
        if ran_out(error):
            raise
        raise PatinaError(f"The weights {path} cannot be read: {error}.", _AGAIN, "network") from None
    if not state:
        raise PatinaError(f"The weights {path} cannot be read: they hold no convolution.", _AGAIN, "network")
    return state


_AGAIN = "Remove the file and run the set-up, or the download, again."


def adopt(source: Path, file: str, digest: str) -> Path:
    """Copy a weights file that a person already has into the weights folder, under the name `file`."""
    if not source.is_file():
        raise PatinaError(f"There is no file {source}.", "Name a weights file.", "weights")
    verify(source, digest)
    target = folder() / file
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with regular(source, sys.maxsize) as stream, replacing(target) as copy:
            shutil.copyfileobj(stream, copy)
    except OSError as error:
        raise PatinaError(
            f"{file} cannot be written to {target.parent}: {error.strerror}.",
            f"Make room there, or set {FOLDER_VARIABLE} to another folder.",
            "weights",
        ) from None
    return target


def _trust() -> ssl.SSLContext:
    """The system's certificates, a studio's own among them. Python's default finds none on some Macs; the
    environment's pip, which is pinned, brings what does."""
    try:
        from pip._vendor import truststore
    except ImportError:
        return ssl.create_default_context()
    return truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def fetch(
    address: str,
    file: str,
    digest: str,
    progress: Callable[[int, int], None] = lambda done, total: None,
    timeout: float = 30.0,
) -> Path:
    """Download `address` into the weights folder as `file` and give its path.

    progress: called with (bytes here, bytes in all); the total is 0 where the server does not say.
    A download that was cut off leaves `file.part` and goes on from there. The file appears under its
    own name only when its SHA-256 starts with `digest`. Raises PatinaError.
    """
    target = folder() / file
    partial = target.with_name(target.name + ".part")
    again = "Check the connection and try again; what is here already is kept."
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with going_on(partial) as stream:
            here = stream.seek(0, os.SEEK_END)
            headers = {"Range": f"bytes={here}-"} if here else {}
            with urllib.request.urlopen(
                urllib.request.Request(address, headers=headers), timeout=timeout, context=_trust()
            ) as reply:
                if reply.status != 206:  # the server sends everything, from the start
                    here = stream.seek(0)
                    stream.truncate()
                total = here + int(reply.headers.get("Content-Length") or 0)
                if shutil.disk_usage(target.parent).free < total - here:
                    raise PatinaError(
                        f"{file} needs {total / 1e6:.0f} MB, which {target.parent} has no room for.",
                        f"Make room there, or set {FOLDER_VARIABLE} to another folder.",
                        "weights",
                    )
                while block := reply.read(_BLOCK):
                    stream.write(block)
                    here += len(block)
                    progress(here, total)
        if here < total:
            raise PatinaError(f"The download of {file} stopped at {here} of {total} bytes.", again, "weights")
    except urllib.error.HTTPError as error:
        if error.code != 416:  # 416: nothing is left to send, so the part may be whole
            _drop_if_empty(partial)
            raise PatinaError(f"{file} cannot be downloaded: {error}.", again, "weights") from None
    except (OSError, urllib.error.URLError) as error:
        reason = getattr(error, "reason", error)
        _drop_if_empty(partial)
        raise PatinaError(f"{file} cannot be downloaded: {reason}.", again, "weights") from None
    try:
        verify(partial, digest)
    except PatinaError:
        partial.unlink()
        raise
    partial.replace(target)
    return target


def _drop_if_empty(partial: Path) -> None:
    if partial.is_file() and not partial.stat().st_size:
        partial.unlink()
