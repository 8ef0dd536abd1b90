"""Hostile input, guided by coverage: `python tests/faults/guided.py KIND SEED COUNT`.

Atheris (libFuzzer for Python) changes a file byte by byte, and keeps what reaches code of the backend that
nothing reached before. Each case is judged as in `hostile`, and a line of JSON tells what came of all.
It needs `pip install atheris`, for which there are wheels on Linux alone.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
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

MAX_BYTES = 1 << 16  # of a case
# Of each kind: the name of the file, and which kind of `hostile` reads it.
KINDS = {
    "job": ("job.json", "job"),
    "event": ("line", "event"),
    "npz": ("mesh.npz", "npz"),
    "picture": ("style.jpg", "picture"),
    "glb": ("model.glb", "model"),
    "gltf": ("model.gltf", "model"),
    "obj": ("model.obj", "model"),
    "ply": ("model.ply", "model"),
    "cppn": ("picture.cppn", "cppn"),
    "pickle": ("weights.pkl", "weights"),
}
SEED_COUNT = 60  # cases of `hostile` that it begins with


def begin_with(kind: str, corpus: Path, folder: Path) -> None:
    """Fill `corpus` with files that have something wrong with them, as `hostile` makes them."""
    name, made = KINDS[kind]
    for case in range(SEED_COUNT):
        hostile.KINDS[made][0](folder, np.random.default_rng((0, case)))
        if (folder / name).is_file():
            (corpus / str(case)).write_bytes((folder / name).read_bytes())
        for left in folder.iterdir():
            left.unlink()
    if kind in ("glb", "obj", "ply"):
        (corpus / "whole").write_bytes(hostile.model_bytes(kind))
    if kind == "gltf":  # which names it
        whole = hostile.model_bytes("glb")
        (folder / "data.bin").write_bytes(whole[28 + int.from_bytes(whole[12:16], "little") :])


def main(kind: str, seed: int, count: int) -> None:
    """Try `count` cases. Does not return."""
    name, made = KINDS[kind]
    read: Callable[[Path], object] = hostile.KINDS[made][1]
    found: dict[str, Any] = {"kind": kind, "seed": seed, "cases": 0, "read": 0, "refused": 0, "wrong": []}
    folder, corpus = (Path(tempfile.mkdtemp()).resolve() for _ in range(2))
    begin_with(kind, corpus, folder)
    watch = hostile.Watch(folder)

    def case(data: bytes) -> None:
        (folder / name).write_bytes(data)
        ending, wrong = hostile.attempt(read, folder if kind == "job" else folder / name, watch)
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
    atheris.Setup([sys.argv[0], *options, str(corpus)], case)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
