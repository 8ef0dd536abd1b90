"""The door for pictures: what comes in, what does not, and that no picture is ever run."""

from __future__ import annotations

import ast
import io
import json
import os
import struct
import subprocess
import sys
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from export_models import textured, torus
from PIL import Image

from backend import run
from backend.errors import PatinaError
from backend.export.inputs import files_of
from backend.export.model import read_image as read_picture
from backend.export.model import read_model
from backend.machine import memory
from backend.models import gltf
from backend.pictures import door
from backend.pictures.images import read_image, resize
from backend.protocol.events import FAILED, Event
from backend.protocol.job import Job
from backend.protocol.job_file import write_job
from backend.protocol.parts import Maps, Material, Style, Tile

ROOT = Path(__file__).parents[2]
SUFFIXES = {"JPEG2000": "jp2", "DIB": "bmp"}

# A program that never ends, and that would first write a file.
EPS = b"""%!PS-Adobe-3.0 EPSF-3.0
%%BoundingBox: 0 0 64 64
%%EndComments
(written) (w) file closefile {} loop
showpage
%%EOF
"""


def encoded(format: str) -> bytes:
    stream = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 255, (32, 32, 3), np.uint8)
    Image.fromarray(pixels).save(stream, format)
    return stream.getvalue()


@pytest.mark.parametrize("format", door.FORMATS)
def test_every_format_that_is_meant_comes_in_under_any_name(format, tmp_path):
    (tmp_path / "style.jpg").write_bytes(encoded(format))
    assert read_image(tmp_path / "style.jpg", "style image", "styles").shape == (3, 32, 32)


def test_no_other_format_is_left_in_pillow():
    assert set(Image.OPEN) == set(door.FORMATS)
    Image.init()  # which fills the registry, the first time
    assert set(Image.OPEN) == set(door.FORMATS)


def glb_with(picture: bytes) -> bytes:
    """A model of one triangle that wears `picture`."""
    places = np.array([(0, 0, 0), (1, 0, 0), (0, 1, 0)], "<f4").tobytes()
    uvs = np.array([(0, 0), (1, 0), (0, 1)], "<f4").tobytes()
    tree = {
        "asset": {"version": "2.0"},
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0}],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0, "TEXCOORD_0": 1}, "material": 0}]}],
        "materials": [{"pbrMetallicRoughness": {"baseColorTexture": {"index": 0}}}],
        "textures": [{"source": 0}],
        "images": [{"bufferView": 2, "mimeType": "image/png"}],
        "accessors": [
            {
                "bufferView": 0,
                "componentType": 5126,
                "count": 3,
                "type": "VEC3",
                "min": [0] * 3,
                "max": [1] * 3,
            },
            {"bufferView": 1, "componentType": 5126, "count": 3, "type": "VEC2"},
        ],
        "bufferViews": [{"byteLength": 36}, {"byteLength": 24}, {"byteLength": len(picture)}],
    }
    return gltf.write(gltf.Gltf(tree, [places, uvs, picture], Path()))


@pytest.mark.skipif(sys.platform == "win32", reason="the canary is a shell script")
@pytest.mark.parametrize("verb", ["stylize", "export"])
def test_a_picture_that_is_a_program_is_never_run(verb, tmp_path):
    """A canary lies where Ghostscript is looked for: it writes down that it was called.

    A process for each verb: which libraries are loaded, and when, differs.
    """
    (tmp_path / "bin").mkdir()
    canary = tmp_path / "bin" / "gs"
    canary.write_text(f"#!/bin/sh\ntouch {tmp_path}/called\necho 10.0\n")
    canary.chmod(0o755)
    (tmp_path / "style.jpg").write_bytes(EPS)
    (tmp_path / "model.glb").write_bytes(glb_with(EPS))
    (tmp_path / "plain.glb").write_bytes(glb_with(encoded("PNG")))
    (tmp_path / "model.mtl").write_text("newmtl paint\nmap_Kd style.jpg\n")
    (tmp_path / "model.obj").write_text(
        "mtllib model.mtl\nv 0 0 0\nv 1 0 0\nv 0 1 0\nvt 0 0\nvt 1 0\nvt 0 1\nusemtl paint\nf 1/1 2/2 3/3\n"
    )
    export = ["export", "--out", "out.glb", "--preset", "game-glb"]
    lines = {
        "stylize": [
            ["stylize", "plain.glb", "--style", "style.jpg", "--out", "job"],
            ["stylize", "model.glb", "--style", "style.jpg", "--out", "job"],
        ],
        "export": [
            [*export, "model.glb"],
            [*export, "model.obj"],
            [*export, "plain.glb", "--texture", "style.jpg"],
        ],
    }[verb]
    code = "import json, sys; from backend.__main__ import main\n"
    code += "print([main(words) for words in json.loads(sys.argv[1])])"
    done = subprocess.run(
        [sys.executable, "-B", "-c", code, json.dumps(lines)],
        cwd=tmp_path,
        env=os.environ | {"PATH": f"{tmp_path}/bin:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert len(json.loads(done.stdout.splitlines()[-1])) == len(lines), done.stderr
    assert not (tmp_path / "called").exists()
    subprocess.run([canary], check=True, capture_output=True)
    assert (tmp_path / "called").exists()  # it does sing


def test_only_the_door_opens_pictures():
    """Whoever else calls Pillow's `open`, or a library that does, would let other formats in."""
    found = []
    for path in (ROOT / "backend").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and node.attr == "open":
                owner = node.value
                if isinstance(owner, ast.Name) and owner.id == "Image":
                    found.append(path.name)
    assert found == ["door.py"]


@pytest.mark.parametrize("read", [lambda p: read_image(p, "style image", "styles"), read_picture])
def test_what_is_no_ordinary_file_is_refused_at_once(read, tmp_path):
    places = [tmp_path, tmp_path / "nothing"]
    if sys.platform != "win32":
        os.mkfifo(tmp_path / "pipe.png")
        places += [tmp_path / "pipe.png", Path("/dev/zero"), Path("/dev/stdin")]
    for place in places:
        with pytest.raises(PatinaError) as caught:
            read(place)
        assert caught.value.cure


ELSEWHERE = "../secret.png"
TILE = Tile("a", "content.png", maps=Maps(normal=ELSEWHERE))
ASKING = {
    "style": {"styles": (Style("style.png"), Style(ELSEWHERE))},
    "mesh": {"mesh": ELSEWHERE},
    "content": {"content": ELSEWHERE},
    "mask": {"mask": ELSEWHERE},
    "resume": {"resume": ELSEWHERE},
    "maps": {"material": Material(), "tiles": (TILE,), "content": None},
    "a link": {"content": "link.png"},
}


@pytest.mark.parametrize("what", ASKING)
def test_a_job_reads_nothing_outside_its_folder(what, tmp_path):
    """Its job.json may be somebody else's; a style was read from anywhere."""
    folder = tmp_path / "job"
    folder.mkdir()
    Image.new("RGB", (32, 32)).save(tmp_path / "secret.png")
    if what == "a link" and sys.platform != "win32":
        (folder / "link.png").symlink_to(tmp_path / "secret.png")
    elif what == "a link":
        pytest.skip("needs links that anybody may make")
    job = Job(mesh="mesh.npz", content="content.png", styles=(Style("style.png"),), texture_size=256)
    write_job(folder, replace(job, **ASKING[what]))
    said: list[Event] = []
    assert run.do_job(folder, said.append, lambda: False) == FAILED
    assert "outside its own folder" in said[-1].message
    assert said[-1].cure


@pytest.mark.skipif(sys.platform == "win32", reason="needs pipes with names")
@pytest.mark.parametrize("name", ["model.gltf", "model.glb", "model.obj", "model.ply"])
def test_a_pipe_in_the_place_of_a_model_names_no_files_and_is_not_waited_for(name, tmp_path):
    os.mkfifo(tmp_path / name)
    assert files_of(tmp_path / name) == []


def test_a_model_nested_without_end_names_no_files(tmp_path):
    for name in ("model.gltf", "model.glb"):
        (tmp_path / name).write_bytes(b"[" * 100_000)
        assert files_of(tmp_path / name) == [tmp_path / name]


def test_a_header_that_claims_a_huge_picture_is_refused_before_memory_is_taken(tmp_path):
    """60,000² pixels in 100 bytes, alone and inside a GLB."""
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", 13) + b"IHDR" + header + struct.pack(">I", zlib.crc32(b"IHDR" + header))
    data = b"\x89PNG\r\n\x1a\n" + chunk + struct.pack(">I", 1000) + b"IDAT" + bytes(1000)
    (tmp_path / "huge.png").write_bytes(data)
    (tmp_path / "huge.glb").write_bytes(glb_with(data))
    with pytest.raises(PatinaError, match="60000 × 60000 pixels"):
        read_image(tmp_path / "huge.png", "style image", "styles")
    before = peak()
    for read in (read_model, _game):
        with pytest.raises(PatinaError, match="60000 × 60000 pixels"):
            read(tmp_path / "huge.glb")
    assert peak() - before < 500e6


def test_a_picture_is_no_larger_than_memory_allows(tmp_path, monkeypatch):
    """Of a machine with 1 GB one picture may have half."""
    monkeypatch.setattr(memory, "installed", lambda: 10**9)
    for side, fits in ((7800, True), (8000, False)):
        Image.new("1", (side, side)).save(tmp_path / "large.png")
        if fits:
            with door.opened(tmp_path / "large.png", "It", "styles") as image:
                assert image.size == (side, side)
            continue
        with pytest.raises(PatinaError, match=r"8000 × 8000 pixels, which takes 0\.5 GB .* 1\.0"):
            read_image(tmp_path / "large.png", "style image", "styles")


def test_a_machine_knows_its_memory():
    assert memory.installed() > 2**30


def peak() -> float:
    resource = pytest.importorskip("resource")
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024.0


# Files that a model names


def broken_out(way: str, tmp_path: Path) -> Path:
    """A model in tmp_path/models that names tmp_path/secret in some way."""
    folder = tmp_path / "models"
    (folder / "below").mkdir(parents=True)
    secret = tmp_path / "secret"
    secret.write_bytes(b"the artist's own " * 10)
    (folder / "link.bin").symlink_to(secret)
    (folder / "links").symlink_to(tmp_path)
    if sys.platform != "win32":
        os.mkfifo(folder / "pipe")
    uri = {
        "above": "../secret",
        "above, quoted": "%2e%2e/secret",
        "above, round about": "below/../../secret",
        "absolute": str(secret),
        "a link": "link.bin",
        "a linked folder": "links/secret",
        "a device": "/dev/zero",
        "a pipe": "pipe",
        "a folder": "below",
        "an address": secret.as_uri(),
        "a zero": "a\0b",
    }[way]
    tree, _ = split(glb_with(encoded("PNG")))
    tree["buffers"] = [{"byteLength": 100, "uri": uri}]
    for view in tree["bufferViews"]:
        view |= {"byteOffset": 0, "byteLength": 24 if view["byteLength"] == 24 else 36}
    (folder / "model.gltf").write_text(json.dumps(tree))
    return folder / "model.gltf"


def split(glb: bytes) -> tuple[dict, bytes]:
    size = struct.unpack_from("<I", glb, 12)[0]
    return json.loads(glb[20 : 20 + size]), glb[28 + size :]


WAYS = (
    *("above", "above, quoted", "above, round about", "absolute", "a link", "a linked folder"),
    *("a device", "a pipe", "a folder", "an address", "a zero"),
)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("part", ["buffer", "picture"])
def test_a_gltf_takes_no_file_from_elsewhere_along(way, part, tmp_path):
    path = broken_out(way, tmp_path)
    if part == "picture":
        tree, data = split(glb_with(encoded("PNG")))
        uri = json.loads(path.read_text())["buffers"][0]["uri"]
        tree["images"] = [{"uri": uri}]
        path = path.with_suffix(".glb")
        path.write_bytes(gltf.write(gltf.Gltf(tree, [data[:36], data[36:60], b""], path.parent)))
    for work in (read_model, _game):
        with pytest.raises(PatinaError):
            work(path)


def _game(path: Path) -> None:
    from backend.export import export

    out = path.with_name("out.glb")
    export(path, "game-glb", out)
    assert b"artist's own" not in out.read_bytes()


@pytest.mark.parametrize("name", ["../secret.png", "/dev/zero", "links/secret.png"])
def test_an_obj_takes_no_picture_from_elsewhere_along(name, tmp_path):
    folder = tmp_path / "models"
    folder.mkdir()
    (tmp_path / "secret.png").write_bytes(encoded("PNG"))
    (folder / "links").symlink_to(tmp_path)
    (folder / "model.mtl").write_text(f"newmtl paint\nmap_Kd {name}\n")
    (folder / "model.obj").write_text(
        "mtllib model.mtl\nv 0 0 0\nv 1 0 0\nv 0 1 0\nvt 0 0\nvt 1 0\nvt 0 1\nusemtl paint\nf 1/1 2/2 3/3\n"
    )
    with pytest.raises(PatinaError, match="outside its own folder") as caught:
        read_model(folder / "model.obj")
    assert "beside it" in caught.value.cure


def test_files_beside_a_model_and_below_still_come_along(tmp_path):
    (tmp_path / "tex tures").mkdir()
    (tmp_path / "tex tures" / "paint.png").write_bytes(encoded("PNG"))
    donut = torus()
    textured(donut.vertices, donut.faces, donut.visual.uv, Image.open(tmp_path / "tex tures" / "paint.png"))
    tree, data = split(glb_with(encoded("PNG")))
    (tmp_path / "data.bin").write_bytes(data)
    tree["buffers"] = [{"byteLength": len(data), "uri": "data.bin"}]
    tree["images"] = [{"uri": "tex%20tures/paint.png"}]
    (tmp_path / "model.gltf").write_text(json.dumps(tree))
    assert read_model(tmp_path / "model.gltf").textures[0].size == (32, 32)
    (tmp_path / "model.mtl").write_text("newmtl paint\nmap_Kd tex tures/paint.png\n")
    (tmp_path / "model.obj").write_text(
        "mtllib model.mtl\nv 0 0 0\nv 1 0 0\nv 0 1 0\nvt 0 0\nvt 1 0\nvt 0 1\nusemtl paint\nf 1/1 2/2 3/3\n"
    )
    assert read_model(tmp_path / "model.obj").textures[0].size == (32, 32)


def test_parts_that_overlap_do_not_fill_the_memory(tmp_path):
    """A thousand views of the same megabytes would be gigabytes."""
    tree, _ = split(glb_with(encoded("PNG")))
    (tmp_path / "data.bin").write_bytes(bytes(8_000_000))
    tree["buffers"] = [{"byteLength": 8_000_000, "uri": "data.bin"}]
    tree["bufferViews"] = [{"buffer": 0, "byteLength": 8_000_000}] * 1000
    (tmp_path / "model.gltf").write_text(json.dumps(tree))
    with pytest.raises(PatinaError, match="holds more than"):
        gltf.read(tmp_path / "model.gltf")


def test_a_picture_of_more_pixels_than_are_kept_is_read_at_half_its_size_or_less(tmp_path):
    """In strips, whose edges must not show: each pixel is the mean of those it stands for."""
    pixels = np.random.default_rng(0).integers(0, 255, (2101, 2300, 3), np.uint8)
    path = tmp_path / "large.png"
    Image.fromarray(pixels).save(path, compress_level=0)
    image = read_image(path, "style image", "styles", most=1_300_000)
    assert image.shape == (3, 1051, 1150)
    means = pixels[:2100].reshape(1050, 2, 1150, 2, 3).mean((1, 3)) / 255
    assert np.abs(image[:, :1050].permute(1, 2, 0).numpy() - means).max() < 1e-6
    part = read_image(path, "style image", "styles", (0.5, 0.5, 0.25, 0.25))
    assert np.abs(part.permute(1, 2, 0).numpy() * 255 - pixels[1050:1576, 1150:1725]).max() < 1e-4


def test_a_jpeg_is_scaled_down_by_its_decoder(tmp_path):
    row, column = np.mgrid[0:1024, 0:2048].astype(np.uint8)
    Image.fromarray(np.stack([row, column, row], -1) // 4 * 2).save(tmp_path / "large.jpg", quality=95)
    whole = read_image(tmp_path / "large.jpg", "style image", "styles")
    small = read_image(tmp_path / "large.jpg", "style image", "styles", most=140_000)
    assert small.shape == (3, 256, 512)
    assert (resize(whole, 256, 512) - small).abs().mean() < 0.01
    part = read_image(tmp_path / "large.jpg", "style image", "styles", (0.5, 0, 0.5, 1), most=70_000)
    assert (small[:, :, 256:] - part).abs().max() < 0.02


@pytest.mark.skipif(sys.platform != "linux", reason="its own peak memory, as Linux counts it")
def test_a_large_picture_takes_its_pixels_and_little_more(tmp_path):
    """Of 64 million pixels, for which a job once held 2 GB: Pillow's four bytes each, and what is kept."""
    Image.new("RGBA", (8_000, 8_000), (200, 100, 0, 128)).save(tmp_path / "s.png", compress_level=1)
    code = """
import resource, sys
from pathlib import Path
from backend.pictures.styles import read_style
from backend.protocol.parts import Style
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
before = peak()
image = read_style(Style("s.png"), Path(sys.argv[1]))
print(image.shape[1], round(float(image[0].mean()) * 255), peak() - before)
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    side, red, grown = map(int, done.stdout.split())
    assert (side, red) == (4000, 227)  # over white
    assert grown < 4 * 8_000**2 + 3 * 4 * side**2 * 1.5 + 200e6


@pytest.mark.parametrize("kind", ["float", "whole"])
def test_a_tiff_of_colours_in_32_bits_is_named_with_the_way_out(kind, tmp_path):
    values = np.ones((8, 8, 3), np.float32 if kind == "float" else np.uint32)
    tags = {
        256: (4, 1, 8),  # width, height
        257: (4, 1, 8),
        258: (3, 3, 150),  # bits a channel: where they stand
        259: (3, 1, 1),  # uncompressed
        262: (3, 1, 2),  # RGB
        273: (4, 1, 200),  # where the pixels stand
        277: (3, 1, 3),
        278: (4, 1, 8),
        279: (4, 1, values.nbytes),
        339: (3, 3, 156),  # floats, or whole numbers
    }
    head = struct.pack("<2sHIH", b"II", 42, 8, len(tags))
    head += b"".join(struct.pack("<HHII", tag, *entry) for tag, entry in tags.items()) + bytes(4)
    sample = 3 if kind == "float" else 1
    head = head.ljust(150, b"\0") + struct.pack("<6H", 32, 32, 32, sample, sample, sample)
    path = tmp_path / "light.tif"
    path.write_bytes(head.ljust(200, b"\0") + values.tobytes())
    for source in (path, path.read_bytes()):
        with (
            pytest.raises(PatinaError, match=r"The style light\.tif is a TIFF of a kind.*16 bits"),
            door.opened(source, "The style light.tif", "style") as image,
        ):
            image.load()
