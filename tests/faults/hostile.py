"""Hostile input, many times over: `python tests/faults/hostile.py KIND SEED COUNT [KIND SEED COUNT …]`.

Each case is a good file (or line, or record) with something wrong with it: bytes flipped, cut, doubled, or a
value replaced by one of a kind that its reader may not think of. How it is judged: wounds.py. Prints a line
of JSON a kind: how many were read, how many refused, what went wrong with the others.
"""

from __future__ import annotations

import io
import json
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "backend"), str(Path(__file__).parent)]

from export_models import torus  # noqa: E402
from meshes import sphere, write_npz  # noqa: E402
from wounds import Random, Watch, attempt, json_bytes, odd, with_bytes_wrong, with_value_wrong  # noqa: E402

from backend.canvas import checkpoint as canvas_checkpoint  # noqa: E402
from backend.canvas.flat import Flat  # noqa: E402
from backend.canvas.transforms import shifted  # noqa: E402
from backend.errors import PatinaError  # noqa: E402
from backend.export import Options, export  # noqa: E402
from backend.export.inputs import files_of  # noqa: E402
from backend.export.model import read_model  # noqa: E402
from backend.networks import weights  # noqa: E402
from backend.painting import brush, checkpoint  # noqa: E402
from backend.painting.pyramid import Pyramid  # noqa: E402
from backend.parameterizations import cppn  # noqa: E402
from backend.parameterizations.pixel import Pixel  # noqa: E402
from backend.pictures.images import read_image  # noqa: E402
from backend.protocol import events  # noqa: E402
from backend.protocol.job import Job  # noqa: E402
from backend.protocol.job_file import read_job  # noqa: E402
from backend.protocol.parts import Style, Target, Tile  # noqa: E402
from backend.rendering.mesh import read_mesh  # noqa: E402
from backend.rendering.texels import locate  # noqa: E402

IN_MEMORY = Path("/dev/shm")  # where no case waits for a disk


# Of each kind: a maker of cases, and a reader. Both get a folder.

JOBS = (
    Job(mesh="mesh.npz", styles=(Style("style.png"), Style("b.png", 2)), tiles=(Tile("a", "a.png"),)),
    Job(task="dream", targets=(Target("direction", layer="a", direction=((1, 0.5), (2, -1.0))),)),
    Job(task="morph", cppns=("a.cppn", "b.cppn"), parameterization="cppn"),
    Job(mesh="mesh.npz", content="c.png", styles=(Style("s.png"),), resume="r.npz", layers=("relu1_2",)),
)


def make_job(folder: Path, random: Random) -> Path:
    record = json.loads(json.dumps(asdict(JOBS[int(random.integers(len(JOBS)))])))
    (folder / "job.json").write_bytes(json_bytes(record, random))
    return folder


@cache
def made(name: str, number: int = 0) -> bytes:
    """The good file `name`, which is made once; `number`: of those of one kind."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        MAKERS[path.name](path, number)
        return path.read_bytes()


def make_npz(folder: Path, random: Random) -> Path:
    path = folder / "mesh.npz"
    path.write_bytes(made(path.name))
    return wound_npz(path, random)


def wound_npz(path: Path, random: Random) -> Path:
    if random.random() < 0.5:
        path.write_bytes(with_bytes_wrong(path.read_bytes(), random))
        return path
    with np.load(path) as file:
        arrays = dict(file)
    name = str(random.choice(list(arrays)))
    array, way = arrays[name], int(random.integers(0, 9))
    if way == 0:
        del arrays[name]
    elif way == 1:
        arrays[name] = array.astype(
            random.choice(["i1", "u8", "f2", "f8", "c8", "U4", "S3", "O", ">f4", "M8[s]"])
        )
    elif way == 2:
        arrays[name] = array[: len(array) // 2] if array.ndim else array.reshape(1)
    elif way == 3:
        arrays[name] = array.reshape(-1)
    elif way == 4 and array.dtype.kind == "f" and array.size:
        flat = array.reshape(-1)
        flat[random.integers(flat.size)] = random.choice([np.nan, np.inf, -np.inf, 3e38, 1e-42, 1e20, 1e6])
    elif way == 5 and array.dtype.kind in "iu" and array.size:
        flat = array.reshape(-1)
        flat[random.integers(flat.size)] = random.choice([-1, 2**30, np.iinfo(np.int8).max])
    elif way == 6 and array.dtype.kind == "f":
        arrays[name] = array * np.float32(random.choice([0, 1e30, 1e-30, -1]))
    elif way == 7:
        arrays[name] = np.zeros((0, *array.shape[1:]), array.dtype)
    else:
        arrays["tiles"] = random.integers(-2, 3, len(arrays.get("faces", [0])))
    np.savez(path, **arrays)
    return path


def read_npz(path: Path) -> None:
    locate(read_mesh(path, "ball"), 64, 1)


def make_checkpoint(folder: Path, random: Random) -> Path:
    """One of a mesh, of a picture, or of another canvas."""
    (folder / "mesh.npz").write_bytes(made("mesh.npz"))
    path = folder / random.choice(("mesh_state.npz", "picture_state.npz", "canvas_state.npz"))
    path.write_bytes(made(path.name))
    return wound_npz(path, random)


def write_mesh_state(path: Path, _: int) -> None:
    write_npz(sphere(1), path.with_name("mesh.npz"))
    mesh = read_mesh(path.with_name("mesh.npz"))
    checkpoint.write(path, Pyramid(torch.rand(3, 64, 64)), mesh, checkpoint.Kept(7, ((9, 7),)))


def write_picture_state(path: Path, _: int) -> None:
    painting = brush.Brush(torch.Generator())
    painting.enter(torch.rand(3, 24, 32), goes_on=False)
    painting.step(torch.rand(3, 24, 32), 0.1)
    brush.write(path, painting, checkpoint.Kept(7, ((9, 7),)))


def write_canvas_state(path: Path, _: int) -> None:
    canvas = small_canvas()
    canvas.pictures().sum().backward()
    canvas.step(0.1)
    canvas_checkpoint.write(path, canvas, canvas_checkpoint.Kept(3, 9, torch.Generator().get_state()))


def small_canvas() -> Flat:
    return Flat(Pixel(1, 3, 16, 16), shifted)


def read_checkpoint(path: Path) -> None:
    if path.stem == "picture_state":
        painting, _ = brush.read(path, 24, 32)
        painting.enter(torch.rand(3, 24, 32), goes_on=True)
        painting.step(torch.rand(3, 24, 32), 0.1)
        assert painting.shown.isfinite().all()
        return
    if path.stem == "canvas_state":
        canvas = small_canvas()
        canvas_checkpoint.read(path, canvas)
        canvas.pictures().sum().backward()
        assert canvas.step(0.1)
        assert canvas.picture().isfinite().all()
        return
    texture = Pyramid(torch.zeros(3, 64, 64))
    checkpoint.read(path, texture, read_mesh(path.with_name("mesh.npz")))
    assert texture.texture().isfinite().all()


def make_event(folder: Path, random: Random) -> Path:
    event = events.Event("progress", "words", stage="painting", step=3, steps=9, fraction=0.3, loss=0.5)
    (folder / "line").write_bytes(json_bytes(asdict(event), random))
    return folder / "line"


def read_event(path: Path) -> None:
    event = events.read_event(path.read_bytes().decode("utf-8", "replace"))
    if event is None:
        raise PatinaError("no event", "none")
    assert f"{event.fraction:.0%} {event.step + event.steps}"
    assert len(event.message + event.cure + event.stage + event.path) < 10_000


PICTURES = ("PNG", "JPEG", "TIFF", "WEBP", "AVIF", "JPEG2000", "BMP", "GIF", "TGA", "PPM")


def make_picture(folder: Path, random: Random) -> Path:
    mode = str(random.choice(["RGB", "L", "RGBA", "P"]))
    format = str(
        random.choice(PICTURES if mode == "RGB" else ("PNG", "TIFF") if mode != "L" else PICTURES[:3])
    )
    (folder / "style.jpg").write_bytes(with_bytes_wrong(picture_bytes(mode, format, random), random))
    return folder / "style.jpg"


def picture_bytes(mode: str, format: str, random: Random) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(random.integers(0, 255, (40, 32, 3), np.uint8)).convert(mode).save(stream, format)
    return stream.getvalue()


def read_picture(path: Path) -> None:
    image = read_image(path, "style image", "styles")
    assert image.isfinite().all()
    assert 0 <= image.min() <= image.max() <= 1


@cache
def model_bytes(kind: str) -> bytes:
    mesh = torus(rings=6, sides=4)
    if kind == "obj":
        return str(mesh.export(file_type=kind, return_texture=False)).encode()
    return bytes(mesh.export(file_type=kind))


def make_model(folder: Path, random: Random) -> Path:
    kind = str(random.choice(["glb", "glb", "gltf", "obj", "ply"]))
    path = folder / f"model.{kind}"
    if kind in ("obj", "ply") or random.random() < 0.3:
        data = model_bytes("glb" if kind == "gltf" else kind)
        path.write_bytes(with_bytes_wrong(data, random))
        return path
    data = model_bytes("glb")
    size = int.from_bytes(data[12:16], "little")
    tree, binary = json.loads(data[20 : 20 + size]), data[28 + size :]
    for _ in range(random.integers(1, 3)):
        tree = with_value_wrong(tree, random)
    if kind == "gltf":
        (folder / "data.bin").write_bytes(binary)
        if isinstance(tree, dict) and random.random() < 0.9:
            tree["buffers"] = [{"byteLength": len(binary), "uri": "data.bin"}]
        path.write_bytes(json.dumps(tree).encode("utf-8", "surrogatepass"))
        return path
    text = json.dumps(tree).encode("utf-8", "surrogatepass")
    text += b" " * (-len(text) % 4)
    head = b"glTF" + (2).to_bytes(4, "little") + (28 + len(text) + len(binary)).to_bytes(4, "little")
    path.write_bytes(
        head
        + len(text).to_bytes(4, "little")
        + b"JSON"
        + text
        + len(binary).to_bytes(4, "little")
        + b"BIN\0"
        + binary
    )
    return path


def read_any_model(path: Path) -> None:
    problems = []
    for read in (
        files_of,
        read_model,
        lambda p: export(p, "game-glb", p.with_name("out.glb"), Options(overwrite=True)),
    ):
        try:
            read(path)
        except PatinaError as error:
            problems.append(error)
    if problems:
        raise problems[0]


def make_cppn(folder: Path, random: Random) -> Path:
    path = folder / "picture.cppn"
    path.write_bytes(made(path.name, int(random.integers(2)) + 2 * int(random.random() < 0.2)))
    if random.random() < 0.7:
        path.write_bytes(with_bytes_wrong(path.read_bytes(), random))
        return path
    record = torch.load(path, weights_only=True)
    record[str(random.choice(list(record)))] = odd(random)
    torch.save(record, path)
    return path


def write_cppn(path: Path, number: int) -> None:
    """One of two or three dimensions; from 2 on, with a number that is none."""
    network = cppn.CPPN(2 + number % 2)
    if number >= 2:
        with torch.no_grad():
            network.hidden[0].weight[0, 0] = (np.nan, np.inf)[number % 2]
    cppn.write(path, network)


def read_cppn(path: Path) -> None:
    network = cppn.read(path)
    with torch.no_grad():
        assert network(torch.zeros(1, network.dimensions)).isfinite().all()


def make_weights(folder: Path, random: Random) -> Path:
    if random.random() < 0.5:
        path = folder / "weights.pth"
        torch.save({"a": torch.rand(3, 3), "b": torch.rand(5)}, path)
    else:
        import pickle

        path = folder / "weights.pkl"
        path.write_bytes(pickle.dumps({"a": [np.ones((3, 3), np.float32)]}, int(random.integers(0, 6))))
    path.write_bytes(with_bytes_wrong(path.read_bytes(), random))
    return path


def read_weights(path: Path) -> None:
    (weights.read_state_dict if path.suffix == ".pth" else weights.read_arrays)(path)


MAKERS: dict[str, Callable[[Path, int], object]] = {
    "mesh.npz": lambda path, _: write_npz(sphere(1), path),
    "mesh_state.npz": write_mesh_state,
    "picture_state.npz": write_picture_state,
    "canvas_state.npz": write_canvas_state,
    "picture.cppn": write_cppn,
}
KINDS: dict[str, tuple[Callable[[Path, Random], Path], Callable[[Path], object]]] = {
    "job": (make_job, read_job),
    "npz": (make_npz, read_npz),
    "checkpoint": (make_checkpoint, read_checkpoint),
    "event": (make_event, read_event),
    "picture": (make_picture, read_picture),
    "model": (make_model, read_any_model),
    "cppn": (make_cppn, read_cppn),
    "weights": (make_weights, read_weights),
}


def main(kind: str, seed: int, count: int, watch: Watch) -> dict[str, Any]:
    """Try `count` cases in the watched folder; what came of them."""
    make, read = KINDS[kind]
    found: dict[str, Any] = {"kind": kind, "seed": seed, "cases": count, "read": 0, "refused": 0, "wrong": []}
    for case in range(count):
        random = np.random.default_rng((seed, case))
        for left in watch.folder.iterdir():
            left.unlink()
        path = make(watch.folder, random)
        began = time.monotonic()
        ending, wrong = attempt(read, path, watch, PatinaError)
        if ending:
            found[ending] += 1
        if wrong and len(found["wrong"]) < 20:
            seconds = round(time.monotonic() - began, 2)
            found["wrong"].append({"case": case, "seconds": seconds, "what": wrong})
    return found


if __name__ == "__main__":
    del __file__  # so that processes for unwrapping, which are begun anew, do not begin by importing this
    with tempfile.TemporaryDirectory(dir=IN_MEMORY if IN_MEMORY.is_dir() else None) as name:
        watch = Watch(Path(name).resolve())
        for kind, seed, count in zip(sys.argv[1::3], sys.argv[2::3], sys.argv[3::3], strict=True):
            print(json.dumps(main(kind, int(seed), int(count), watch)), flush=True)
