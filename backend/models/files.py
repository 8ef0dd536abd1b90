"""Model files of every kind, read as glTF."""

from __future__ import annotations

import io
import logging
import re
from pathlib import Path

import numpy as np
import trimesh

from .. import npz
from ..errors import PatinaError
from ..reading import read_bytes
from . import gltf, obj, through_blender
from .arrays import Floats
from .beside import beside
from .build import Material, Piece, assembled
from .parts import y_up
from .srgb import to_linear

SUFFIXES = (".glb", ".gltf", ".obj", ".ply", ".npz")  # the last: a job's mesh

_TEXTURE = re.compile(r"^comment\s+TextureFile\s+(.+?)\s*$", re.M | re.I)
logging.getLogger("trimesh").addHandler(logging.NullHandler())  # what goes wrong is told by us


def read(path: Path) -> gltf.Gltf:
    """Read the model at `path`. What is no glTF becomes one, y up, of one mesh.

    Raises PatinaError naming the file.
    """
    suffix = path.suffix.lower()
    if suffix not in (*SUFFIXES, *through_blender.SUFFIXES):
        known = f"Use one of: {', '.join(SUFFIXES[:-1])}."
        raise PatinaError(f"{path.name} is not a model that can be read.", known, "model")
    if not path.is_file():
        raise PatinaError(f"There is no file {path}.", "Check the path.", "model")
    try:
        if suffix in (".glb", ".gltf"):
            return gltf.read(path)
        if suffix in through_blender.SUFFIXES:
            return gltf.parse(through_blender.glb(path), path.parent, path.name)
        return {".obj": obj.read, ".ply": _ply, ".npz": _npz}[suffix](path)
    except (PatinaError, MemoryError):
        raise
    except Exception as error:  # a damaged file is stumbled over in many ways
        why = str(error) or type(error).__name__
        raise PatinaError(
            f"{path.name} cannot be read: {why}.", "Export it again from where it came from.", "model"
        ) from error


def _npz(path: Path) -> gltf.Gltf:
    arrays = npz.read(path, ("vertices", "faces", "uvs"))
    vertices, faces, uvs = arrays["vertices"], arrays["faces"], arrays["uvs"]
    fits = vertices.shape[1:] == (3,) and faces.shape[1:] == (3,) and uvs.shape == (len(faces), 3, 2)
    if not fits or faces.dtype.kind not in "iu":
        raise ValueError("its arrays do not fit together")
    if len(faces) and not 0 <= faces.min() <= faces.max() < len(vertices):
        raise ValueError("it has faces that name vertices it has not")
    return assembled(path, [Piece(y_up(vertices[faces].astype(float)), uvs.astype(float))])


def _ply(path: Path) -> gltf.Gltf:
    """A PLY as Blender writes it, z up; with the picture that it names, or else its vertices' colours."""
    data = read_bytes(path)
    head, mark, body = data.partition(b"end_header")
    texture = _TEXTURE.search(head.decode("latin-1"))
    data = head.replace(b"TextureFile", b"texture file") + mark + body  # which trimesh would want to open
    mesh = _loaded(data, fix_texture=False)
    if not isinstance(mesh, trimesh.Trimesh) or not len(mesh.faces):
        raise PatinaError(f"{path.name} has no faces.", "Export a mesh, not points.", "model")
    faces = mesh.faces
    if not 0 <= faces.min() <= faces.max() < len(mesh.vertices):
        raise ValueError("it has faces that name vertices it has not")
    uvs = _ply_uvs(mesh)
    if uvs is not None:  # where faces say them, this has more vertices, to which no colours belong
        uvs = _ply_uvs(_loaded(data, fix_texture=True))
    material = colors = None
    if texture and uvs is not None:
        material = Material(path.stem, (1.0, 1.0, 1.0, 1.0), beside(path, texture[1]))
    else:
        colors = _ply_colors(mesh)
    return assembled(
        path,
        [
            Piece(
                y_up(mesh.vertices[faces].astype(float)),
                uvs,
                y_up(np.asarray(mesh.vertex_normals)[faces]),
                None if colors is None else colors[faces],
                material,
            )
        ],
    )


def _loaded(data: bytes, fix_texture: bool) -> trimesh.Trimesh:
    return trimesh.load_mesh(io.BytesIO(data), file_type="ply", process=False, fix_texture=fix_texture)


def _ply_uvs(mesh: trimesh.Trimesh) -> Floats | None:
    """(F, 3, 2): the UVs of the corners, or None."""
    uv = getattr(mesh.visual, "uv", None)
    return None if uv is None or not len(uv) else np.asarray(uv, float)[mesh.faces]


def _ply_colors(mesh: trimesh.Trimesh) -> Floats | None:
    """(V, 4), linear and with opacity: the colours of the vertices, or None."""
    rows = mesh.metadata["_ply_raw"]["vertex"]["data"]
    try:
        channels = [np.asarray(rows[name]) for name in ("red", "green", "blue")]
    except (KeyError, ValueError):
        return None
    if len(channels[0]) != len(mesh.vertices):
        return None
    values = np.stack(channels, -1)
    values = values / (1 if np.issubdtype(values.dtype, np.floating) and values.max() <= 1 else 255)
    values = np.nan_to_num(values.reshape(-1, 3)).clip(0, 1)
    return np.column_stack((to_linear(values), np.ones(len(values))))
