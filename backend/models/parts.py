"""A glTF's triangles as they stand in its scene."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..errors import PatinaError
from . import gltf
from .arrays import Floats, Ints
from .looks import Look, lightness, look_of
from .srgb import to_linear

MAX_UV = 1000.0  # how far from the texture UVs may lie
MAX_FACES = 50_000_000


@dataclass(frozen=True)
class Part:
    """The triangles of one primitive at one place in the scene.

    key: (mesh, primitive), which parts have in common that are instances of one. vertices (V, 3) float64,
    y up; faces (F, 3), counterclockwise, the primitive's own turned round where `flipped`; normals (F, 3, 3),
    or None; uvs (F, 3, 2), v up, as the look's picture is laid on, or None; colors (F, 3, 4), linear and with
    opacity, which multiply it, or None.
    """

    key: tuple[int, int]
    look: Look
    vertices: Floats
    faces: Ints
    normals: Floats | None
    uvs: Floats | None
    colors: Floats | None
    flipped: bool = False

    def own_order(self, corners: Floats) -> Floats:
        """Put `corners` (F, 3, …) of the part's faces in the order of the primitive's; or back."""
        return corners[:, ::-1] if self.flipped else corners


def read_parts(model: gltf.Gltf) -> list[Part]:
    """Read the parts of the scene that is shown first; a skinned mesh as it was modelled, without its pose.

    Raises PatinaError for one without a surface, or with numbers that are none.
    """
    parts: list[Part] = []
    count = 0
    for node, world in _nodes(model.tree):
        if "mesh" not in node:
            continue
        world = world @ _first_instance(model, node)
        for index, primitive in enumerate(model.tree["meshes"][node["mesh"]]["primitives"]):
            faces = gltf.triangles(model, primitive)
            if faces is None or not len(faces):
                continue
            count += len(faces)
            if count > MAX_FACES:
                raise PatinaError(f"{model.name} has too many triangles.", "Export fewer instances.", "model")
            parts.append(_part(model, (node["mesh"], index), primitive, faces, world))
    if not parts:
        raise PatinaError(f"{model.name} has no faces.", "Export a mesh.", "model")
    return parts


def _nodes(tree: dict[str, Any]) -> Iterator[tuple[dict[str, Any], Floats]]:
    """The nodes of the scene, each with its place (4, 4) in it."""
    nodes = tree.get("nodes", [])
    if tree.get("scenes"):
        roots = tree["scenes"][tree.get("scene", 0)].get("nodes", [])
    else:
        below = {child for node in nodes for child in node.get("children", ())}
        roots = [index for index in range(len(nodes)) if index not in below]
    waiting = deque((index, np.eye(4)) for index in roots)
    seen: set[int] = set()
    while waiting:
        index, above = waiting.popleft()
        if index in seen:  # a node has one place; this also ends circles
            continue
        seen.add(index)
        world = above @ _matrix(nodes[index])
        yield nodes[index], world
        waiting += [(child, world) for child in nodes[index].get("children", ())]


def _first_instance(model: gltf.Gltf, node: dict[str, Any]) -> Floats:
    """The place (4, 4), on the node, of the first of the many that EXT_mesh_gpu_instancing draws there.

    It stands for all: they wear the same, and may be thousands.
    """
    found = node.get("extensions", {}).get("EXT_mesh_gpu_instancing", {}).get("attributes", {})
    names = ("TRANSLATION", "ROTATION", "SCALE")
    return _matrix(
        {name.lower(): gltf.accessor(model, found[name])[0].tolist() for name in names if name in found}
    )


def _matrix(node: dict[str, Any]) -> Floats:
    if "matrix" in node:
        return np.array(node["matrix"], float).reshape(4, 4).T
    x, y, z, w = np.array(node.get("rotation", (0, 0, 0, 1)), float)
    matrix = np.eye(4)
    matrix[:3, :3] = (
        (1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)),
        (2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)),
        (2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)),
    )
    matrix[:3, :3] *= np.array(node.get("scale", (1, 1, 1)), float)
    matrix[:3, 3] = node.get("translation", (0, 0, 0))
    return matrix


def _part(
    model: gltf.Gltf, key: tuple[int, int], primitive: dict[str, Any], faces: Ints, world: Floats
) -> Part:
    look = look_of(model, primitive.get("material"))
    if not look.chosen:
        level = float(to_linear(np.array(lightness(model, primitive) / 255)))
        look = replace(look, factor=np.array((level, level, level, 1.0)))
    found = primitive["attributes"]
    read = {
        name: np.asarray(gltf.accessor(model, index), float)
        for name, index in found.items()
        if name in ("POSITION", "NORMAL", "COLOR_0", f"TEXCOORD_{look.uv_map}")
    }
    count = len(read["POSITION"])
    if faces.max() >= count or any(len(values) != count for values in read.values()):
        raise PatinaError(
            f"{model.name} has faces that name vertices it has not.",
            "Export it again from where it came from.",
            "model",
        )
    places = read["POSITION"] @ world[:3, :3].T + world[:3, 3] + 0.0  # +0.0: -0 and 0 are one place
    if not np.isfinite(places[faces]).all():
        raise PatinaError(
            f"{model.name} has a coordinate that is not a number.",
            "Clean the mesh up and export again.",
            "model",
        )
    mirrored = np.linalg.det(world[:3, :3]) < 0
    if mirrored:
        faces = faces[:, ::-1]
    normals: Floats | None = None
    if "NORMAL" in read:
        # What stands upright on a surface is turned by the cofactors, which need no inverse.
        x, y, z = world[:3, :3].T
        turn: Floats = np.column_stack((np.cross(y, z), np.cross(z, x), np.cross(x, y)))
        turned = read["NORMAL"] @ turn.T * (-1 if mirrored else 1)
        length = np.linalg.norm(turned, axis=1, keepdims=True)
        turned = turned / np.where(length > 0, length, 1)
        normals = np.nan_to_num(turned)[faces]
    uvs = read.get(f"TEXCOORD_{look.uv_map}")
    if uvs is not None:
        uvs = (uvs @ look.transform[:, :2].T + look.transform[:, 2])[faces] * (1, -1) + (0, 1)
        check_uvs(uvs, model.name)
    colors = read.get("COLOR_0")
    if colors is not None:
        colors = np.nan_to_num(colors).clip(0, 1)
        if colors.shape[1] == 3:
            colors = np.column_stack((colors, np.ones(len(colors))))
        colors = None if np.allclose(colors, 1, atol=1e-3) else colors[faces]
    return Part(key, look, places, faces, normals, uvs, colors, bool(mirrored))


def z_up(places: Floats) -> Floats:
    """Turn (…, 3) with y up so that z is up."""
    return places[..., [0, 2, 1]] * (1, -1, 1)


def y_up(places: Floats) -> Floats:
    """Turn (…, 3) with z up so that y is up."""
    return places[..., [0, 2, 1]] * (1, 1, -1)


def check_uvs(uvs: Floats, named: str) -> None:
    """Raise PatinaError, beginning with `named`, for UVs that are no places in or near a texture."""
    if not np.isfinite(uvs).all():
        raise PatinaError(f"{named} has a UV that is not a number.", "Unwrap it again.", "model")
    if np.abs(uvs).max(initial=0) > MAX_UV:
        raise PatinaError(
            f"{named} has a UV {np.abs(uvs).max():.3g} textures away.",
            f"Move it to within {MAX_UV:.0f}, or unwrap it again.",
            "model",
        )
