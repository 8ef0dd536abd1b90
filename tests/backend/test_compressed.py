"""Compressed glTF files, packed by the encoders beside the decoders, are read as if they were not."""

from __future__ import annotations

import json
import struct
import sys
from pathlib import Path

import DracoPy
import meshopt
import numpy as np
import pytest
import trimesh
from world_models import Writer, one

from backend.errors import PatinaError
from backend.models import gltf
from backend.models.parts import read_parts


def with_draco(path: Path) -> Path:
    """A cube whose one primitive is packed, with nothing uncompressed beside it."""
    writer = one()
    (primitive,) = writer.tree["meshes"][0]["primitives"]
    numbers = {name: values(writer, index) for name, index in primitive["attributes"].items()}
    data = DracoPy.encode(
        numbers["POSITION"],
        values(writer, primitive["indices"]).reshape(-1, 3),
        quantization_bits=14,
        normals=numbers["NORMAL"].astype(float),
        tex_coord=numbers["TEXCOORD_0"].astype(float),
    )
    kinds = {"POSITION": 0, "NORMAL": 1, "TEXCOORD_0": 3}  # as Draco numbers them
    ids = {each["attribute_type"]: each["unique_id"] for each in DracoPy.decode(data).attributes}
    record = {
        "bufferView": writer.view(data),
        "attributes": {name: ids[kind] for name, kind in kinds.items()},
    }
    primitive["extensions"] = {"KHR_draco_mesh_compression": record}
    for index in (*primitive["attributes"].values(), primitive["indices"]):
        del writer.tree["accessors"][index]["bufferView"]
    return written(writer, "KHR_draco_mesh_compression", path)


def with_meshopt(path: Path) -> Path:
    """A cube whose numbers are packed view by view; the buffer that they stand for has no bytes."""
    writer = one()
    size = len(writer.data)
    (primitive,) = writer.tree["meshes"][0]["primitives"]
    for index in (*primitive["attributes"].values(), primitive["indices"]):
        found = values(writer, index)
        mode = "TRIANGLES" if index == primitive["indices"] else "ATTRIBUTES"
        view = writer.tree["bufferViews"][writer.tree["accessors"][index]["bufferView"]]
        start = len(writer.data)
        writer.data += meshopt.encode_gltf_buffer(found, mode)
        view["buffer"] = 1
        about = {"buffer": 0, "byteOffset": start, "byteLength": len(writer.data) - start, "mode": mode}
        about |= {"count": len(found), "byteStride": found.itemsize * found.shape[1]}
        view["extensions"] = {"EXT_meshopt_compression": about}
    return written(writer, "EXT_meshopt_compression", path, size)


def values(writer: Writer, index: int) -> np.ndarray:
    about = writer.tree["accessors"][index]
    view = writer.tree["bufferViews"][about["bufferView"]]
    data = bytes(writer.data[view["byteOffset"] : view["byteOffset"] + view["byteLength"]])
    return np.frombuffer(data, {5123: "<u2", 5126: "<f4"}[about["componentType"]]).reshape(about["count"], -1)


def written(writer: Writer, extension: str, path: Path, fallback: int = 0) -> Path:
    writer.use(extension)
    writer.tree["extensionsRequired"] = [extension]
    data = writer.glb()
    if fallback:
        empty = {"byteLength": fallback, "extensions": {extension: {"fallback": True}}}
        data = with_buffer(data, empty)
    path.write_bytes(data)
    return path


def with_buffer(data: bytes, buffer: dict) -> bytes:
    """A GLB with another buffer on its list."""
    size = struct.unpack_from("<I", data, 12)[0]
    tree = json.loads(data[20 : 20 + size])
    tree["buffers"].append(buffer)
    text = json.dumps(tree).encode()
    text += b" " * (-len(text) % 4)
    rest = data[20 + size :]
    return data[:8] + struct.pack("<II", 20 + len(text) + len(rest), len(text)) + b"JSON" + text + rest


def shape(path: Path) -> np.ndarray:
    """The corners of all triangles and their UVs, in an order of their own."""
    (part,) = read_parts(gltf.read(path))
    rows = np.concatenate([part.vertices[part.faces], part.uvs], axis=2).reshape(len(part.faces), -1)
    rows = np.array(
        [min(np.roll(row.reshape(3, 5), k, 0).round(3).tolist() for k in range(3)) for row in rows]
    )
    return np.array(sorted(rows.reshape(len(rows), -1).tolist()))


@pytest.mark.parametrize("packed", [with_draco, with_meshopt])
def test_it_is_read_as_if_it_were_not_compressed(packed, tmp_path):
    (tmp_path / "plain.glb").write_bytes(one().glb())
    plain, found = shape(tmp_path / "plain.glb"), shape(packed(tmp_path / "packed.glb"))
    assert len(found) == 12
    assert np.abs(found - plain).max() < 0.002


@pytest.mark.parametrize("packed", [with_draco, with_meshopt])
def test_it_is_written_without_compression(packed, tmp_path):
    model = gltf.read(packed(tmp_path / "packed.glb"))
    (tmp_path / "again.glb").write_bytes(gltf.write(model))
    again = gltf.read(tmp_path / "again.glb")
    assert "compression" not in str(again.tree)
    assert np.array_equal(shape(tmp_path / "again.glb"), shape(tmp_path / "packed.glb"))
    assert len(trimesh.load_scene(tmp_path / "again.glb").to_mesh().faces) == 12


@pytest.mark.parametrize("packed", [with_draco, with_meshopt])
def test_compressed_twins_of_what_stands_uncompressed_are_left_out(packed, tmp_path):
    """Nothing says that a reader must know the extension, so that it finds all without."""
    data = packed(tmp_path / "packed.glb").read_bytes()
    tree = json.loads(data[20 : 20 + int.from_bytes(data[12:16], "little")])
    both = gltf.read(tmp_path / "packed.glb")
    pairs = [*zip(both.tree["bufferViews"], tree["bufferViews"], strict=False)]
    pairs += zip(both.tree["meshes"][0]["primitives"], tree["meshes"][0]["primitives"], strict=True)
    for plain, twin in pairs:
        plain |= {key: twin[key] for key in ("extensions",) if key in twin}
    both.tree["extensionsUsed"] = tree["extensionsUsed"]
    (tmp_path / "both.glb").write_bytes(gltf.write(both))
    assert b"_compression" in (tmp_path / "both.glb").read_bytes()
    (tmp_path / "again.glb").write_bytes(gltf.write(gltf.read(tmp_path / "both.glb")))
    assert b"_compression" not in (tmp_path / "again.glb").read_bytes()
    assert np.array_equal(shape(tmp_path / "again.glb"), shape(tmp_path / "packed.glb"))


@pytest.mark.parametrize(("packed", "package"), [(with_draco, "DracoPy"), (with_meshopt, "meshopt")])
def test_without_the_package_it_is_named(packed, package, tmp_path, monkeypatch):
    path = packed(tmp_path / "packed.glb")
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(PatinaError, match=rf"packed.glb has compressed geometry.*pip install {package}"):
        gltf.read(path)


@pytest.mark.parametrize("packed", [with_draco, with_meshopt])
def test_what_is_damaged_is_an_error_that_names_the_file(packed, tmp_path):
    path = packed(tmp_path / "packed.glb")
    whole = path.read_bytes()
    start = 28 + int.from_bytes(whole[12:16], "little")
    rng = np.random.default_rng(0)
    refused = 0
    for _ in range(60):
        torn = bytearray(whole)
        for place in rng.integers(start + 3000, len(whole), 8):
            torn[place] = rng.integers(256)
        path.write_bytes(torn)
        try:
            shape(path)
        except PatinaError as error:
            refused += "packed.glb" in error.message
    assert refused > 10
