"""The same surface at other times: a walk's steps, a face's expressions.

A mesh has one texture for all of them. Views look at one pose each, so what is painted suits them all, and
what only one shows is painted, too. Poses are kept as places of vertices alone; one that is looked at is a
mesh of its own for as long.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .. import npz
from ..errors import PatinaError
from ..protocol.files import MAX_POSES
from .mesh import Array, Mesh, centers, owners

MAX_COORDINATE = 1e30
MAX_GROWTH = 1000.0  # of a pose's box, over that of the mesh as it stands
CURE = "Export it again."


def read_poses(path: Path, mesh: Mesh) -> Mesh:
    """Read a job's poses.npz (see protocol): `mesh` with its poses, those that show anything.

    Raises PatinaError for a file that is not one, or of another mesh.
    """
    try:
        vertices = npz.read(path, ("vertices",))["vertices"]
    except FileNotFoundError:
        raise PatinaError(f"The file of poses {path.name} is missing.", CURE, "poses") from None
    except ValueError as error:
        raise PatinaError(f"{path.name} holds no poses: {error}.", CURE, "poses") from None
    if vertices.dtype.kind != "f" or vertices.ndim != 3 or vertices.shape[2] != 3:
        raise PatinaError(f"{path.name} has an array of the wrong type or shape.", CURE, "poses")
    if not 1 <= len(vertices) <= MAX_POSES:
        raise PatinaError(
            f"{path.name} holds {len(vertices)} poses.", f"Give at least 1, at most {MAX_POSES}.", "poses"
        )
    if vertices.shape[1] != len(mesh.vertices):
        raise PatinaError(
            f"{path.name} has {vertices.shape[1]} vertices in a pose, the mesh has {len(mesh.vertices)}.",
            CURE,
            "poses",
        )
    return with_poses(mesh, vertices, path.name)


def with_poses(mesh: Mesh, vertices: NDArray[np.floating], name: str = "mesh") -> Mesh:
    """Give `mesh` the poses `vertices` (K, V, 3), in scene units; each of them is centred as it is.

    Raises PatinaError, naming `name`, for places that are none, or out of all proportion.
    """
    if not (np.abs(vertices) < MAX_COORDINATE).all():  # NaN is not
        raise PatinaError(f"{name} has a coordinate that is NaN, infinite or far too large.", CURE, "poses")
    owner = owners(len(mesh.vertices), mesh.faces, mesh.objects if mesh.isolated else 0 * mesh.objects)
    found = []
    for pose in vertices:
        center, diagonal = centers(pose, owner)
        if not diagonal < MAX_GROWTH * 2 * mesh.unit:
            raise PatinaError(
                f"{name} has a pose more than {MAX_GROWTH:.0f} times as large as the mesh.",
                "Leave that frame out.",
                "poses",
            )
        found.append(((pose - center) / mesh.unit).astype(np.float32))
    moving = replace(mesh, poses=np.stack(found), _made={})
    shown = [k for k in range(len(found)) if posed(moving, k + 1).mapped.any()]
    return replace(moving, poses=np.stack(found)[shown] if shown else None, _made={})


def posed(mesh: Mesh, number: int) -> Mesh:
    """Give `mesh` in one of its poses, from 1 on, as one that does not move; 0: as it stands.

    Strokes' directions go along with the triangles. Normals have no length: they are the triangles' own.
    """
    if number == 0 or mesh.poses is None:
        return mesh
    there = replace(
        mesh,
        vertices=np.ascontiguousarray(mesh.poses[number - 1]),
        normals=np.broadcast_to(np.float32(0), mesh.normals.shape),
        poses=None,
        _made={},
    )
    if mesh.directions is None:
        return there
    return replace(there, directions=_carried(mesh.directions, mesh, there), _made={})


def _carried(directions: Array, mesh: Mesh, there: Mesh) -> Array:
    """(F, 3, 3): directions at corners of `mesh`, as its triangles take them along to where they are `there`.

    What points out of a triangle's plane is left out; one without an area has none.
    """
    before, after = (
        (each.corners[:, 1:] - each.corners[:, :1]).astype(np.float64) for each in (mesh, there)
    )  # (F, 2 edges, 3)
    gram = before @ before.transpose(0, 2, 1)
    gram[~mesh.mapped] = np.eye(2)
    shares = directions.astype(np.float64) @ before.transpose(0, 2, 1) @ np.linalg.inv(gram)  # (F, 3, 2)
    return np.where(mesh.mapped[:, None, None], shares @ after, 0).astype(np.float32)
