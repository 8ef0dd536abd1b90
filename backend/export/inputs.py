"""The files that a model is read from, so that none of them is ever written to. Standard library only."""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import unquote

from ..errors import PatinaError
from ..models import through_blender
from ..models.beside import named_file
from ..reading import is_file, read_bytes

_NAMING = re.compile(
    r"^[ \t]*(?:mtllib|map_\w+|bump|disp|decal|norm|refl|comment[ \t]+TextureFile)[ \t]+(.*)", re.I | re.M
)


def files_of(model: Path) -> list[Path]:
    """List `model` and the files that it names, those that are there: buffers, pictures, material libraries.

    What cannot be understood names none: to say what is wrong with it is for who reads it. A format that only
    Blender reads may name any picture beside it.
    """
    found = [model]
    with suppress(OSError, ValueError, TypeError, AttributeError, RecursionError, struct.error):
        if model.suffix.lower() in (".glb", ".gltf"):
            found += _of_gltf(model)
        elif model.suffix.lower() in (".obj", ".ply"):
            found += [file for name in _named(model) for file in (name, *_named(name))]
        elif model.suffix.lower() in through_blender.SUFFIXES:
            layers = through_blender.USD if model.suffix.lower() in through_blender.USD else ()
            kinds = (*through_blender.PICTURES, *layers)
            found += sorted(file for file in model.parent.iterdir() if file.suffix.lower() in kinds)
    return [file for file in found if is_file(file)]


def _of_gltf(model: Path) -> Iterator[Path]:
    data = read_bytes(model)
    if data[:4] == b"glTF":
        data = data[20 : 20 + struct.unpack_from("<I", data, 12)[0]]
    tree = json.loads(data.decode("utf-8-sig"))
    for entry in (*tree.get("buffers", ()), *tree.get("images", ())):
        uri = entry.get("uri", "data:")
        if not uri.startswith("data:"):
            yield model.parent / unquote(uri)


def _named(file: Path) -> Iterator[Path]:
    """The files that lines of an OBJ, an MTL or a PLY's head name.

    A name may hold spaces, and options may stand before it: so whatever a line ends in is tried.
    """
    if file.suffix.lower() not in (".obj", ".mtl", ".ply"):
        return
    text = read_bytes(file).decode("utf-8", "surrogateescape")
    if file.suffix.lower() == ".ply":
        text = text.partition("end_header")[0]
    for rest in _NAMING.findall(text):
        words = rest.replace("\\", "/").split()
        for first in range(len(words)):
            found = named_file(file, " ".join(words[first:]))
            if found is not None:
                yield found


def keep(inputs: Iterable[Path], outputs: Iterable[Path]) -> None:
    """Raise PatinaError if one of `outputs` is one of `inputs`, be it by a link or in another case."""
    read = {_identity(file): file for file in inputs if is_file(file)}
    for file in outputs:
        if is_file(file) and _identity(file) in read:
            raise PatinaError(
                f"{file} would be written over, and {_reader(read[_identity(file)], file)}.",
                "Choose another folder or name (--out).",
                "out",
            )


def _reader(read: Path, file: Path) -> str:
    return "it is read" if read.name == file.name else f"{read.name} is read from it"


def _identity(file: Path) -> tuple[int, int]:
    status = file.stat()
    return status.st_dev, status.st_ino
