"""OBJ with its MTL and PNG in a zip, as print services ask for it."""

from __future__ import annotations

import io

import numpy as np

from .encode import png, zipped
from .model import Model


def obj_zip(model: Model) -> bytes:
    """Zip model.obj, model.mtl and texture0.png …: vertices stay welded, UVs have an index of their own."""
    files = {"model.obj": _obj(model), "model.mtl": _mtl(model)}
    return zipped(files | {f"texture{i}.png": png(texture) for i, texture in enumerate(model.textures)})


def _obj(model: Model) -> bytes:
    text = io.StringIO()
    text.write("# Patina. Unit: millimetre. Z is up.\nmtllib model.mtl\no model\n")
    np.savetxt(text, model.vertices, "v %.6f %.6f %.6f")
    places, index = np.unique(model.uvs.reshape(-1, 2), axis=0, return_inverse=True)
    np.savetxt(text, places, "vt %.8f %.8f")
    corners = np.stack((model.faces, index.reshape(-1, 3)), -1).reshape(-1, 6) + 1
    for i in range(len(model.textures)):
        text.write(f"usemtl texture{i}\n")
        np.savetxt(text, corners[model.texture_of == i], "f %d/%d %d/%d %d/%d")
    return text.getvalue().encode()


def _mtl(model: Model) -> bytes:
    materials = (
        f"newmtl texture{i}\nKa 0 0 0\nKd 1 1 1\nKs 0 0 0\nillum 1\nmap_Kd texture{i}.png\n"
        for i in range(len(model.textures))
    )
    return "\n".join(materials).encode()
