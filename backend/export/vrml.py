"""VRML97 (ISO/IEC 14772-1) with its PNG in a zip: what older colour printers take."""

from __future__ import annotations

import io

import numpy as np

from .encode import png, zipped
from .model import Model


def vrml_zip(model: Model) -> bytes:
    """Zip model.wrl and texture0.png …, one Shape a texture over the same coordinates, in millimetres."""
    files = {"model.wrl": _wrl(model)}
    return zipped(files | {f"texture{i}.png": png(texture) for i, texture in enumerate(model.textures)})


def _wrl(model: Model) -> bytes:
    text = io.StringIO()
    text.write("#VRML V2.0 utf8\n# Patina. Unit: millimetre. Z is up.\n")
    named = False
    for i in range(len(model.textures)):
        here = model.texture_of == i
        if not here.any():
            continue
        text.write(
            "Shape {\n"
            "appearance Appearance { material Material { }\n"
            f'texture ImageTexture {{ url "texture{i}.png" }} }}\n'
            "geometry IndexedFaceSet {\nsolid TRUE\n"
        )
        if named:
            text.write("coord USE SURFACE\n")
        else:
            text.write("coord DEF SURFACE Coordinate { point [\n")
            np.savetxt(text, model.vertices, "%.6f %.6f %.6f,")
            text.write("] }\n")
            named = True
        places, index = np.unique(model.uvs[here].reshape(-1, 2), axis=0, return_inverse=True)
        text.write("coordIndex [\n")
        np.savetxt(text, model.faces[here], "%d,%d,%d,-1,")
        text.write("]\ntexCoord TextureCoordinate { point [\n")
        np.savetxt(text, places, "%.8f %.8f,")
        text.write("] }\ntexCoordIndex [\n")
        np.savetxt(text, index.reshape(-1, 3), "%d,%d,%d,-1,")
        text.write("]\n}\n}\n")
    return text.getvalue().encode()
