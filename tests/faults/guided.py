"""Hostile input, guided by coverage: `python tests/faults/guided.py KIND SEED COUNT`.

Atheris (libFuzzer for Python) changes a file byte by byte, or, of JSON, value by value, and keeps what
reaches code of the backend that nothing reached before. Each case is judged as in `hostile`, and a line of
JSON tells what came of all.
It needs `pip install atheris`, for which there are wheels on Linux alone.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import atheris
import numpy as np

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[2])]

import PIL.Image  # noqa: E402, F401 - it and torch are not followed: what is looked for is in the backend
import torch  # noqa: E402, F401
import trimesh  # noqa: E402, F401

with atheris.instrument_imports(include=["backend"]):
    import hostile

import wounds  # noqa: E402

MAX_BYTES = 1 << 16  # of a case
# Of each kind: the name of the file that is changed, and which kind of `hostile` reads it.
KINDS = {
    "job": ("job.json", "job"),
    "event": ("line", "event"),
    "npz": ("mesh.npz", "npz"),
    "picture": ("style.jpg", "picture"),
    "glb": ("model.glb", "model"),
    "gltf": ("model.gltf", "model"),
    "obj": ("model.obj", "model"),
    "mtl": ("model.mtl", "model"),
    "ply": ("model.ply", "model"),
    "cppn": ("picture.cppn", "cppn"),
    "pickle": ("weights.pkl", "weights"),
}
JSON = ("job", "event", "gltf")
SEED_COUNT = 60  # cases of `hostile` that it begins with
MTL = b"newmtl a\nKd 0.5 0.4 0.3\nKs 0.1 0.1 0.1\nNs 20\nPr 0.4\nPm 1\nd 0.5\n"
MTL += b"map_Kd -s 2 2 1 -o 0.5 0 0 a.png\n"
MTL += b"bump -bm 0.3 a.png\nmap_Pr -imfchan r a.png\nmap_d a.png\nnewmtl b\nTr 0.5\nKd spectral a.rfl\n"


def begin_with(kind: str, corpus: Path, folder: Path) -> None:
    """Fill `corpus` with whole files, and with some that have something wrong with them.

    The latter are as `hostile` makes them. What a file names is put into `folder`.
    """
    name, made = KINDS[kind]
    for case in range(SEED_COUNT):
        hostile.KINDS[made][0](folder, np.random.default_rng((0, case)))
        if (folder / name).is_file():
            (corpus / str(case)).write_bytes((folder / name).read_bytes())
        for left in folder.iterdir():
            left.unlink()
    if kind in ("glb", "obj", "ply"):
        (corpus / "whole").write_bytes(hostile.model_bytes(kind))
    if kind == "job":
        for number, job in enumerate(hostile.JOBS):
            (corpus / f"whole{number}").write_text(json.dumps(asdict(job)))
    if kind == "gltf":
        whole = hostile.model_bytes("glb")
        size = int.from_bytes(whole[12:16], "little")
        (folder / "data.bin").write_bytes(whole[28 + size :])
        tree = json.loads(whole[20 : 20 + size])
        tree["buffers"][0]["uri"] = "data.bin"
        (corpus / "whole").write_text(json.dumps(tree))
    if kind == "mtl":
        (corpus / "whole").write_bytes(MTL)
        (folder / "a.png").write_bytes(hostile.picture_bytes("RGB", "PNG", np.random.default_rng(0)))
        model = re.sub(rb"(?m)^(mtllib|usemtl) .*\n", b"", hostile.model_bytes("obj"))
        (folder / "model.obj").write_bytes(b"mtllib model.mtl\nusemtl a\n" + model)


def json_changed(data: bytes, most: int, seed: int) -> bytes:
    """A case made of another: if that is JSON, mostly with one of its values changed."""
    random = np.random.default_rng(seed)
    if random.random() < 0.7:
        with suppress(ValueError, RecursionError, TypeError):
            changed = wounds.with_value_wrong(json.loads(data), random)
            return json.dumps(changed).encode("utf-8", "surrogatepass")[:most]
    return bytes(atheris.Mutate(data, most))


def main(kind: str, seed: int, count: int) -> None:
    """Try `count` cases. Does not return."""
    name, made = KINDS[kind]
    read: Callable[[Path], object] = hostile.KINDS[made][1]
    found: dict[str, Any] = {"kind": kind, "seed": seed, "cases": 0, "read": 0, "refused": 0, "wrong": []}
    folder, corpus = (Path(tempfile.mkdtemp()).resolve() for _ in range(2))
    begin_with(kind, corpus, folder)
    path = {"job": folder, "mtl": folder / "model.obj"}.get(kind, folder / name)
    watch = wounds.Watch(folder)

    def case(data: bytes) -> None:
        (folder / name).write_bytes(data)
        ending, wrong = wounds.attempt(read, path, watch, hostile.PatinaError)
        found["cases"] += 1
        if ending:
            found[ending] += 1
        if wrong and len(found["wrong"]) < 20:
            found["wrong"].append({"data": data[:2000].hex(), "what": wrong})
        if found["cases"] == count:
            print(json.dumps(found), flush=True)
            for used in (folder, corpus):
                shutil.rmtree(used)
            os._exit(0)

    options = [f"-runs={count}", f"-seed={seed}", f"-max_len={MAX_BYTES}", "-verbosity=0"]
    how = {"custom_mutator": json_changed} if kind in JSON else {}
    atheris.Setup([sys.argv[0], *options, str(corpus)], case, **how)
    atheris.Fuzz()


if __name__ == "__main__":
    del __file__  # as in `hostile`
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
