"""Geometry with UVs: reading, checking, and what is constant over a triangle."""

from __future__ import annotations

import zipfile
import zlib
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ..protocol import PatinaError

Array = NDArray[np.float32]
MIN_UV_AREA = 1e-12  # below this a triangle has no place in the texture


@dataclass(frozen=True)
class Faces:
    """What is constant over each of F triangles, as tensors on one device (see `Mesh` for what they are).

    corners (F, 3, 3); uvs (F, 3, 2); normals (F, 3); jacobians (F, 2, 3); painted (F,) bool.
    """

    corners: torch.Tensor
    uvs: torch.Tensor
    normals: torch.Tensor
    jacobians: torch.Tensor
    painted: torch.Tensor


@dataclass(frozen=True)
class Mesh:
    """Triangles with one UV per corner, moved and scaled so that the bounding box is centred, its diagonal 2.

    vertices (V, 3); faces (F, 3) int32; uvs (F, 3, 2), v up; normals (F, 3, 3), one per corner.
    `unit`: scene units in one of ours, so that `vertices * unit + center` are the scene's.
    """

    vertices: Array
    faces: NDArray[np.int32]
    uvs: Array
    normals: Array
    unit: float
    center: NDArray[np.float64]
    _on: dict[str, Faces] = field(default_factory=dict, repr=False, compare=False)

    def on(self, device: torch.device | str) -> Faces:
        """The triangles on `device`, moved there once."""
        name = str(device)
        if name not in self._on:
            arrays = self.corners, self.uvs, self.face_normals, self.uv_jacobians, self.painted
            self._on[name] = Faces(*(torch.from_numpy(a).to(device) for a in arrays))
        return self._on[name]

    @cached_property
    def corners(self) -> Array:
        """(F, 3, 3): the corners' positions."""
        return self.vertices[self.faces]

    @cached_property
    def cross(self) -> NDArray[np.float64]:
        """(F, 3): edge cross products, the geometric normals with twice the area as length."""
        c = self.corners.astype(np.float64)
        return np.cross(c[:, 1] - c[:, 0], c[:, 2] - c[:, 0])

    @cached_property
    def areas(self) -> NDArray[np.float64]:
        """(F,): surface areas."""
        return np.asarray(np.linalg.norm(self.cross, axis=1) / 2)

    @cached_property
    def face_normals(self) -> Array:
        """(F, 3): unit geometric normals, by winding."""
        return (self.cross / np.maximum(2 * self.areas, 1e-30)[:, None]).astype(np.float32)

    @cached_property
    def uv_areas(self) -> NDArray[np.float64]:
        """(F,): areas in UV space, unsigned."""
        a, b, c = np.moveaxis(self.uvs.astype(np.float64), 1, 0)
        cross = (b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0]
        return np.asarray(np.abs(cross) / 2)

    @cached_property
    def painted(self) -> NDArray[np.bool_]:
        """(F,): triangles with an area both on the surface and in the texture."""
        return (self.areas > 1e-14) & (self.uv_areas > MIN_UV_AREA)

    @cached_property
    def uv_jacobians(self) -> Array:
        """(F, 2, 3): d uv / d position on the triangle's plane; zero across it."""
        c, t = self.corners.astype(np.float64), self.uvs.astype(np.float64)
        edges = np.stack([c[:, 1] - c[:, 0], c[:, 2] - c[:, 0]], 1)  # (F, 2, 3)
        delta = np.stack([t[:, 1] - t[:, 0], t[:, 2] - t[:, 0]], 2)  # (F, 2 uv, 2 edges)
        gram = edges @ edges.transpose(0, 2, 1)
        gram[~self.painted] = np.eye(2)
        jacobians = delta @ np.linalg.inv(gram) @ edges
        jacobians[~self.painted] = 0
        return jacobians.astype(np.float32)

    @cached_property
    def texel(self) -> float:
        """Length on the surface of a unit of UV, on average: divide by the texture size for a texel's."""
        used = self.painted
        return float(np.sqrt(self.areas[used].sum() / self.uv_areas[used].sum()))


def build_mesh(
    vertices: NDArray[np.floating],
    faces: NDArray[np.integer],
    uvs: NDArray[np.floating],
    normals: NDArray[np.floating] | None = None,
    name: str = "mesh",
) -> Mesh:
    """Check and normalise raw arrays (shapes as in `Mesh`); missing normals become the faces' own.

    Raises PatinaError naming `name` for no faces, bad indices, coordinates or UVs that are not
    finite, and UVs that cover nothing.
    """
    if len(faces) == 0:
        raise PatinaError(f"{name} has no faces.", "Choose an object with a surface.", "mesh")
    if faces.min() < 0 or faces.max() >= len(vertices):
        raise PatinaError(f"{name} has faces that name vertices it has not.", "Export it again.", "mesh")
    if not np.isfinite(vertices).all():
        raise PatinaError(
            f"{name} has a coordinate that is NaN or infinite.", "Delete or move that vertex.", "mesh"
        )
    if not np.isfinite(uvs).all():
        raise PatinaError(f"{name} has a UV that is NaN or infinite.", "Unwrap it again.", "mesh")
    low, high = vertices.astype(np.float64).min(0), vertices.astype(np.float64).max(0)
    center, diagonal = (low + high) / 2, float(np.linalg.norm(high - low))
    if diagonal == 0:
        raise PatinaError(f"{name} has no extent: all its vertices are one point.", "Scale it up.", "mesh")
    unit = diagonal / 2
    mesh = Mesh(
        vertices=((vertices - center) / unit).astype(np.float32),
        faces=np.ascontiguousarray(faces, np.int32),
        uvs=np.ascontiguousarray(uvs, np.float32),
        normals=np.zeros((len(faces), 3, 3), np.float32),
        unit=unit,
        center=center,
    )
    if not mesh.painted.any():
        raise PatinaError(
            f"{name}: its UV map covers nothing (all UVs are zero or on a line).", "Unwrap it.", "mesh"
        )
    if normals is None or not np.isfinite(normals).all():
        normals = np.repeat(mesh.face_normals[:, None], 3, 1)
    mesh.normals[:] = normals
    return mesh


def read_mesh(path: Path, name: str = "") -> Mesh:
    """Read a job's mesh.npz (see protocol). Raises PatinaError for a file that is not one."""
    name = name or path.name
    try:
        with np.load(path, allow_pickle=False) as arrays:
            vertices, faces, uvs, normals = (arrays[k] for k in ("vertices", "faces", "uvs", "normals"))
    except FileNotFoundError:
        raise PatinaError(f"The mesh file {path.name} is missing.", "Export it again.", "mesh") from None
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise PatinaError(f"{path.name} is not a mesh: {error}.", "Export it again.", "mesh") from None
    if faces.dtype.kind not in "iu" or any(a.dtype.kind != "f" for a in (vertices, uvs, normals)):
        raise PatinaError(f"{path.name} has arrays of the wrong type.", "Export it again.", "mesh")
    shapes_fit = (
        vertices.ndim == 2
        and vertices.shape[1:] == (3,)
        and faces.ndim == 2
        and faces.shape[1:] == (3,)
        and uvs.shape == (len(faces), 3, 2)
        and normals.shape == (len(faces), 3, 3)
    )
    if not shapes_fit:
        raise PatinaError(f"{path.name} has arrays of the wrong shape.", "Export it again.", "mesh")
    return build_mesh(vertices, faces, uvs, normals, name)
