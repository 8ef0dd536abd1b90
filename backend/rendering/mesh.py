"""Geometry with UVs: reading, checking, and what is constant over a triangle."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from .. import npz
from ..errors import PatinaError
from ..machine.shelf import digest
from . import triangles

Thing = TypeVar("Thing")
Array = NDArray[np.float32]
MIN_UV_AREA = 1e-12  # below this a triangle has no place in the texture
SHARP = 0.766  # cosine of the angle (40°) to what the faces around have in common, beyond which one is cut
MAX_UV = 1000.0  # how far from the texture UVs may lie


@dataclass(frozen=True)
class Faces:
    """What is constant over each of F triangles, as tensors on one device (see `Mesh` for what they are).

    corners (F, 3, 3); uvs (F, 3, 2); normals (F, 3); jacobians (F, 2, 3); mapped (F,) bool;
    tiles (F,) int64.
    """

    corners: torch.Tensor
    uvs: torch.Tensor
    normals: torch.Tensor
    jacobians: torch.Tensor
    mapped: torch.Tensor
    tiles: torch.Tensor


@dataclass(frozen=True)
class Mesh:
    """Triangles with one UV per corner, moved and scaled so that the bounding box is centred, its diagonal 2.

    vertices (V, 3); faces (F, 3) int32; uvs (F, 3, 2), v up; normals (F, 3, 3), one per corner.
    `unit`: scene units in one of ours. tiles, objects (F,) int32: which texture a face shows, of which
    object it is. `isolated`: each object is looked at alone, and is centred by itself; the largest one's
    diagonal is 2. weights (F, 3): how far to paint; directions (F, 3, 3): along what; None: all, anyhow.
    poses (K, V, 3): where the vertices are at other times (see `poses`); None: it does not move.
    """

    vertices: Array
    faces: NDArray[np.int32]
    uvs: Array
    normals: Array
    unit: float
    tiles: NDArray[np.int32]
    objects: NDArray[np.int32]
    isolated: bool = True
    weights: Array | None = None
    directions: Array | None = None
    poses: Array | None = None
    _made: dict[tuple[Hashable, ...], Any] = field(default_factory=dict, repr=False, compare=False)

    def once(self, what: tuple[Hashable, ...], make: Callable[[], Thing]) -> Thing:
        """Give what `make` makes of the triangles, whatever their weights, when first asked for `what`."""
        if what not in self._made:
            self._made[what] = make()
        found: Thing = self._made[what]
        return found

    def forget(self, what: Hashable) -> None:
        """Let go of all that was made `once` under keys that begin with `what`."""
        for key in [key for key in self._made if key[0] == what]:
            del self._made[key]

    def on(self, device: torch.device | str) -> Faces:
        """Move the triangles to `device`, once."""

        def moved() -> Faces:
            tiles = self.tiles.astype(np.int64)
            arrays = self.corners, self.uvs, self.face_normals, self.uv_jacobians, self.mapped, tiles
            return Faces(*(torch.from_numpy(a).to(device) for a in arrays))

        return self.once(("on", str(device)), moved)

    def only(self, faces: NDArray[np.intp]) -> Mesh:
        """Take the triangles `faces` (indices) alone, with the vertices that they have."""
        used, index = np.unique(self.faces[faces], return_inverse=True)
        return replace(
            self,
            vertices=self.vertices[used],
            faces=index.reshape(-1, 3).astype(np.int32),
            uvs=self.uvs[faces],
            normals=self.normals[faces],
            tiles=self.tiles[faces],
            objects=self.objects[faces],
            weights=None if self.weights is None else self.weights[faces],
            directions=None if self.directions is None else self.directions[faces],
            poses=None if self.poses is None else self.poses[:, used],
            _made={},
        )

    @cached_property
    def digest(self) -> str:
        """A hash of all that it is."""
        arrays = self.vertices, self.faces, self.uvs, self.normals, self.tiles, self.objects
        moves = [] if self.poses is None else [self.poses]
        return digest(*arrays, self.weights, self.directions, self.unit, self.isolated, *moves)

    @cached_property
    def corners(self) -> Array:
        """(F, 3, 3): the corners' positions."""
        return self.vertices[self.faces]

    @cached_property
    def cross(self) -> NDArray[np.float64]:
        """(F, 3): edge cross products, the geometric normals with twice the area as length."""
        return triangles.crosses(self.corners)

    @cached_property
    def areas(self) -> NDArray[np.float64]:
        """(F,): surface areas."""
        return triangles.lengths(self.cross) / 2

    @cached_property
    def face_normals(self) -> Array:
        """(F, 3): unit geometric normals, by winding. Where `spread` has it."""
        across = self.cross if self.poses is None else triangles.crosses(self.spread)
        return (across / np.maximum(2 * self.spread_areas, 1e-30)[:, None]).astype(np.float32)

    @cached_property
    def smooth_normals(self) -> Array:
        """(F, 3, 3): normals at corners, the same on all faces that meet there but for those beyond a sharp
        edge.

        Corners meet where their positions are the same: UV seams and flat shading, which split vertices in
        files, are no edges of the form.
        """
        place = _places(self.vertices)[self.faces].T.ravel()  # all first corners, all second ones, all third
        angles = triangles.angles(self.corners)  # as weights they do not ask how a side is cut up
        normals = np.ascontiguousarray(self.face_normals.T)
        pulls = [np.bincount(place, (angles * normal).ravel()) for normal in normals]
        total = np.asarray(np.stack(pulls), np.float64)
        total /= np.maximum(triangles.lengths(total.T), 1e-30)
        found = np.stack([component[place] for component in total]).reshape(3, 3, -1)  # axis, corner, face
        sharp = (found * normals[:, None]).sum(0) < SHARP
        found = np.where(sharp, normals[:, None], found)
        return np.ascontiguousarray(found.transpose(2, 1, 0), np.float32)

    @cached_property
    def uv_areas(self) -> NDArray[np.float64]:
        """(F,): areas in UV space, unsigned."""
        return triangles.uv_areas(self.uvs)

    @cached_property
    def mapped(self) -> NDArray[np.bool_]:
        """(F,): triangles with an area both on the surface and in the texture."""
        return triangles.are_broad(self.corners, self.areas) & (self.uv_areas > MIN_UV_AREA)

    @cached_property
    def largest(self) -> NDArray[np.intp]:
        """(F,): the pose in which each triangle is largest; 0: as it stands, k: the k-th of `poses`."""
        areas, found = self.areas.copy(), np.zeros(len(self.faces), np.intp)
        for number, vertices in enumerate(() if self.poses is None else self.poses, 1):
            now = triangles.lengths(triangles.crosses(vertices[self.faces])) / 2
            larger = now > areas
            areas[larger], found[larger] = now[larger], number
        return found

    @cached_property
    def spread(self) -> Array:
        """(F, 3, 3): the corners; of triangles that have no area here, where they are largest."""
        if self.poses is None:
            return self.corners
        here, there = self.mapped, np.concatenate([self.vertices[None], self.poses])
        return np.where(here[:, None, None], self.corners, there[self.largest[:, None], self.faces])

    @cached_property
    def spread_areas(self) -> NDArray[np.float64]:
        """(F,): the areas of `spread`."""
        return self.areas if self.poses is None else triangles.lengths(triangles.crosses(self.spread)) / 2

    @cached_property
    def paintable(self) -> NDArray[np.bool_]:
        """(F,): triangles that are mapped in some pose."""
        if self.poses is None:
            return self.mapped
        return triangles.are_broad(self.spread, self.spread_areas) & (self.uv_areas > MIN_UV_AREA)

    @cached_property
    def aims(self) -> NDArray[np.float64]:
        """(F,): how far each face is painted, 0..1."""
        return np.ones(len(self.faces)) if self.weights is None else self.weights.mean(1, dtype=np.float64)

    @cached_property
    def uv_jacobians(self) -> Array:
        """(F, 2, 3): d uv / d position on the triangle's plane; zero across it. Where `spread` has it."""
        jacobians = triangles.jacobians(self.spread, self.uvs)
        jacobians[~self.paintable] = 0
        return jacobians

    @cached_property
    def stretch(self) -> NDArray[np.float64]:
        """(F,): the UV length of a unit on the surface, the way it is longest; 0 where nothing is painted."""
        return triangles.stretches(self.uv_jacobians)

    def coarser(self, faces: NDArray[np.integer]) -> NDArray[np.int64]:
        """Count by how many levels views read the texture of `faces` (N,) more coarsely than on average.

        (N,), at least 0: more than that where the texture is denser.
        """
        levels = np.log2(np.maximum(self.stretch[faces] * self.texel, 1))
        return np.asarray(np.ceil(levels - 1e-3), np.int64)

    @cached_property
    def texel(self) -> float:
        """Length on the surface of a unit of UV, on average: divide by the texture size for a texel's."""
        used = self.mapped
        return float(np.sqrt(self.areas[used].sum() / self.uv_areas[used].sum()))


def _places(points: Array) -> NDArray[np.int64]:
    """Number `points` (N, 3) so that those in the same place have the same number: (N,).

    Sorted by their bits, as numbers of 64 and of 32: many times as fast as by NumPy's `unique`.
    """
    x, y, z = (points + np.float32(0)).view(np.uint32).T  # -0 is 0
    line = x.astype(np.uint64) << np.uint64(32) | y
    order = np.lexsort((z, line))
    line, z = line[order], z[order]
    found = np.empty(len(points), np.int64)
    found[order] = np.cumsum(np.concatenate([[False], (line[1:] != line[:-1]) | (z[1:] != z[:-1])]))
    return found


@dataclass(frozen=True)
class Attributes:
    """What faces and corners may have beyond their place, as in mesh.npz (see `Mesh` for shapes)."""

    tiles: NDArray[np.integer] | None = None
    objects: NDArray[np.integer] | None = None
    weights: NDArray[np.floating] | None = None
    directions: NDArray[np.floating] | None = None


def build_mesh(
    vertices: NDArray[np.floating],
    faces: NDArray[np.integer],
    uvs: NDArray[np.floating],
    normals: NDArray[np.floating] | None = None,
    name: str = "mesh",
    attributes: Attributes | None = None,
    isolated: bool = True,
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
    if np.abs(uvs).max() > MAX_UV:
        raise PatinaError(
            f"{name} has a UV {np.abs(uvs).max():.3g} textures away.",
            f"Move it to within {MAX_UV:.0f}, or unwrap again.",
            "mesh",
        )
    own = attributes or Attributes()
    none = np.zeros(len(faces), np.int32)
    objects = none if own.objects is None else own.objects
    moved, unit = _normalised(vertices, faces, objects if isolated else none, name)
    mesh = Mesh(
        vertices=moved,
        faces=np.ascontiguousarray(faces, np.int32),
        uvs=np.ascontiguousarray(uvs, np.float32),
        normals=np.zeros((len(faces), 3, 3), np.float32),
        unit=unit,
        tiles=none if own.tiles is None else own.tiles.astype(np.int32),
        objects=objects.astype(np.int32),
        isolated=isolated,
        weights=None if own.weights is None else np.nan_to_num(own.weights).clip(0, 1).astype(np.float32),
        directions=None if own.directions is None else np.nan_to_num(own.directions).astype(np.float32),
    )
    if not mesh.mapped.any():
        raise PatinaError(
            f"{name}: its UV map covers nothing (all UVs are zero or on a line).", "Unwrap it.", "mesh"
        )
    if normals is None or not np.isfinite(normals).all():
        normals = np.repeat(mesh.face_normals[:, None], 3, 1)
    mesh.normals[:] = normals
    return mesh


def _normalised(
    vertices: NDArray[np.floating], faces: NDArray[np.integer], objects: NDArray[np.integer], name: str
) -> tuple[Array, float]:
    """Centre each of `objects` (F,), scale the largest one's diagonal to 2: the vertices, and their unit."""
    owner = owners(len(vertices), faces, objects)
    if (owner[faces] != objects[:, None]).any():
        raise PatinaError(f"{name} has a vertex that two objects share.", "Export it again.", "mesh")
    center, diagonal = centers(vertices, owner)
    if not 1e-30 < diagonal < 1e30 and diagonal > 0:
        raise PatinaError(
            f"{name} is {diagonal:.3g} units large.", "Apply a scale that makes it 0.001 to 1000.", "mesh"
        )
    if diagonal == 0:
        raise PatinaError(f"{name} has no extent: all its vertices are one point.", "Scale it up.", "mesh")
    return ((vertices - center) / (diagonal / 2)).astype(np.float32), diagonal / 2


def owners(count: int, faces: NDArray[np.integer], objects: NDArray[np.integer]) -> NDArray[np.int64]:
    """Tell of which of `objects` (F,) each of `count` vertices is; one of no face goes with the first."""
    owner = np.zeros(count, np.int64)
    owner[faces] = objects[:, None]
    return owner


def centers(vertices: NDArray[np.floating], owner: NDArray[np.int64]) -> tuple[NDArray[np.float64], float]:
    """Find the middle of the box around the object, `owner` (V,), of each vertex: (V, 3); and the longest
    diagonal of such a box."""
    order = np.argsort(owner, kind="stable")
    found, starts = np.unique(owner[order], return_index=True)
    points = vertices[order].astype(np.float64)
    low, high = np.minimum.reduceat(points, starts), np.maximum.reduceat(points, starts)
    diagonal = float(np.linalg.norm(high - low, axis=1).max())
    return ((low + high) / 2)[np.searchsorted(found, owner)], diagonal


# What mesh.npz holds (see `protocol`): the kinds of numbers, and a face's share of the shape.
_NEEDED = {"uvs": ("f", (3, 2)), "normals": ("f", (3, 3))}
_OPTIONAL = {"tiles": ("iu", ()), "objects": ("iu", ()), "weights": ("f", (3,)), "directions": ("f", (3, 3))}


def read_mesh(path: Path, name: str = "", tiles: int = 1, isolated: bool = True) -> Mesh:
    """Read a job's mesh.npz (see protocol), whose faces name one of `tiles` textures.

    Raises PatinaError for a file that is not one.
    """
    name = name or path.name
    try:
        arrays = npz.read(path, ("vertices", "faces", *_NEEDED), _OPTIONAL)
    except FileNotFoundError:
        raise PatinaError(f"The mesh file {path.name} is missing.", "Export it again.", "mesh") from None
    except ValueError as error:
        raise PatinaError(f"{path.name} is not a mesh: {error}.", "Export it again.", "mesh") from None
    faces = arrays["faces"]
    rules = {"vertices": ("f", (3,)), "faces": ("iu", (3,))} | _NEEDED | _OPTIONAL
    for key, array in arrays.items():
        kinds, shape = rules[key]
        if array.dtype.kind not in kinds:
            raise PatinaError(f"{path.name} has arrays of the wrong type.", "Export it again.", "mesh")
        if array.shape[1:] != shape or array.ndim == 0 or (key != "vertices" and len(array) != len(faces)):
            raise PatinaError(f"{path.name} has arrays of the wrong shape.", "Export it again.", "mesh")
    named = arrays.get("tiles", np.zeros(1, np.int32))
    if named.size and not 0 <= named.min() <= named.max() < tiles:
        raise PatinaError(
            f"{path.name} has faces that name a texture other than its {tiles}.", "Export it again.", "tiles"
        )
    if "objects" in arrays and arrays["objects"].min(initial=0) < 0:
        raise PatinaError(f"{path.name} has faces of an object below 0.", "Export it again.", "mesh")
    attributes = Attributes(**{key: arrays.pop(key) for key in _OPTIONAL if key in arrays})
    return build_mesh(**arrays, name=name, attributes=attributes, isolated=isolated)
