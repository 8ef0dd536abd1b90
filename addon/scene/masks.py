"""What of an object is to be painted: a weight for each corner of its triangles, or a picture in UV space."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import bpy
import numpy as np

from ...backend.errors import PatinaError
from ...backend.pictures import png
from ...backend.protocol.job import Job
from ..scope import PatinaScope
from . import colorspace, image, material, memory
from .mesh import get, of_polygons
from .records import Member

# Of a cover that leaves nothing to paint: what the object lacks, and the cure.
BARE = {
    "FACES": ("has no selected faces", "Select some in Edit Mode."),
    "GROUP": ("has nothing in its active vertex group", "Assign vertices to it, or paint weights."),
    "SLOT": ("has no faces in its active material slot", "Choose another slot, or assign faces."),
}


@dataclass(frozen=True)
class Chosen:
    """Which mask the artist has chosen, without what it covers: its kind in `PatinaScope.mask`, and which of
    the images, groups or slots."""

    kind: str
    which: tuple[int, ...] = ()


def chosen(scope: PatinaScope, objects: Sequence[bpy.types.Object]) -> Chosen:
    """Read which mask is chosen for `objects`. Costs next to nothing."""
    which: tuple[int, ...] = ()
    if scope.mask == "IMAGE":
        which = (scope.mask_image.session_uid if scope.mask_image else 0,)
    elif scope.mask == "GROUP":
        which = tuple(obj.vertex_groups.active_index for obj in objects)
    elif scope.mask == "SLOT":
        which = tuple(obj.active_material_index for obj in objects)
    return Chosen(scope.mask, which)


@dataclass(frozen=True)
class Cover:
    """How far to paint an object, 0..1, as Blender keeps it: by vertex (V,), or by polygon (P,).

    polygons (T,): the one that each triangle is of; None: it is by vertex.
    """

    name: str
    kind: str  # one of `PatinaScope.mask`
    vertices: int
    triangles: int
    values: np.ndarray
    polygons: np.ndarray | None

    def weights(self, faces: np.ndarray) -> np.ndarray:
        """Tell how far to paint at the corners of the triangles `faces` (T, 3): (T, 3) float32.

        Raises PatinaError where nothing is left.
        """
        if self.polygons is None:
            found = self.values[faces]
        else:
            found = np.repeat(self.values[self.polygons].astype(np.float32)[:, None], 3, 1)
        if not found.any():
            what, cure = BARE[self.kind]
            raise PatinaError(f"{self.name} {what}: there is nothing to paint.", cure, self.name)
        return found


@dataclass(frozen=True)
class Now:
    """What is to be painted of the objects of a job: each one's cover, a picture (H, W), or all.

    plain: the colours (3,), in sRGB, of the textures that have no picture of their own, by their places,
    where the job has none yet that can show outside.
    """

    covers: tuple[Cover, ...] = ()
    picture: np.ndarray | None = None
    plain: Mapping[int, np.ndarray] = field(default_factory=dict)


def read_now(
    folder: Path,
    job: Job,
    scope: PatinaScope,
    members: Sequence[tuple[Member, bpy.types.Object]],
    depsgraph: bpy.types.Depsgraph,
) -> Now | None:
    """Read what the mask of `scope` covers of the `members` of a running `job`; None where it can have none.

    Only what Blender must be asked for: all else is for `write_now`. Raises PatinaError where that cannot be.
    """
    if job.mesh is None or not job.on_pyramid:
        return None
    objects = [obj for _, obj in members]
    if scope.mask == "NONE":
        return Now()
    began = any(folder.glob("paint_only*")) or any(tile.mask for tile in job.textures)
    with np.load(folder / job.mesh) as arrays:
        began = began or "weights" in arrays
    if not began and any(map(memory.shows_stylized, objects)):  # the mask is to keep it, and it is not here
        raise PatinaError(
            f"{job.name} wears an earlier result, which the job does not know.", "Press the button again."
        )
    plain = {} if began else _plain(members)
    if scope.mask == "IMAGE":
        return Now(picture=_grey(scope), plain=plain)
    return Now(tuple(cover(obj, depsgraph, scope) for obj in objects), plain=plain)


def _plain(members: Sequence[tuple[Member, bpy.types.Object]]) -> dict[int, np.ndarray]:
    """The colours in sRGB of the textures of `members` that are of one plain colour, by their places."""
    found = {}
    for member, obj in members:
        for texture, place in zip(member.textures, member.tiles, strict=True):
            slots = texture.slots if obj.material_slots else ()
            worn = {memory.original_material(obj, slot) for slot in slots} or {None}
            bases = {material.base_color(each) for each in worn}
            base = bases.pop()
            if not bases and not base.image and not base.baked:
                color = colorspace.to_rec709(np.asarray(base.color, np.float32))
                found[place] = image.linear_to_srgb(color)
    return found


def write_now(folder: Path, job: Job, now: Now | None) -> dict[str, Any]:
    """Write what `now` says into files of the `job` in `folder`: its fields that change by that.

    For any thread: it asks Blender nothing. Raises OSError, and PatinaError where nothing is left to paint,
    or where the objects are others by now.
    """
    if now is None:
        return {}
    with np.load(folder / job.mesh) as file:
        arrays = dict(file)
    changes: dict[str, Any] = {}
    before, after = arrays.pop("weights", np.zeros(0)), _weights(job, now.covers, arrays)
    if not np.array_equal(after, before):
        number = len(list(folder.glob("mesh*.npz")))
        changes["mesh"] = f"mesh_{number}.npz"
        np.savez(folder / changes["mesh"], **arrays, **({"weights": after} if after.size else {}))
    textures = list(job.textures)
    for place, color in now.plain.items():
        name = f"plain_{place}.png"
        (folder / name).write_bytes(_png(np.tile(color, (job.texture_size, job.texture_size, 1))))
        textures[place] = replace(textures[place], content=name)
    if now.plain:
        changes |= {"tiles": tuple(textures)} if job.tiles else {"content": textures[0].content}
    name = None
    if now.picture is not None:
        data = _png(now.picture)
        there = job.textures[0].mask
        name = there if there and (folder / there).read_bytes() == data else None
        if name is None:
            name = f"paint_only_{len(list(folder.glob('paint_only*')))}.png"
            (folder / name).write_bytes(data)
    if job.tiles and any(tile.mask != name for tile in job.tiles):
        changes["tiles"] = tuple(replace(tile, mask=name) for tile in textures)
    elif not job.tiles and job.mask != name:
        changes["mask"] = name
    return changes


def _weights(job: Job, covers: Sequence[Cover], arrays: Mapping[str, np.ndarray]) -> np.ndarray:
    """How far to paint at the corners of the mesh `arrays`, (T, 3) in 0..1; (0,) where all is covered."""
    if not covers:
        return np.zeros(0)
    faces = arrays["faces"]
    of_object = arrays.get("objects", np.zeros(len(faces), np.int32))
    starts = np.cumsum([0, *(cover.vertices for cover in covers)])
    parts = [faces[of_object == number] - start for number, start in enumerate(starts[:-1])]
    if starts[-1] != len(arrays["vertices"]) or [len(part) for part in parts] != [
        cover.triangles for cover in covers
    ]:
        raise PatinaError(f"{job.name} is not what it was when the job began.", "Press the button again.")
    return np.concatenate([cover.weights(part) for cover, part in zip(covers, parts, strict=True)])


def _png(pixels: np.ndarray) -> bytes:
    """Encode grey (H, W), or colours (H, W, 3), in 0..1, bottom row first, as a PNG of 8 bits."""
    return png.encode(np.rint(pixels[::-1] * 255).astype(np.uint8), level=1)


def weights(
    obj: bpy.types.Object, depsgraph: bpy.types.Depsgraph, faces: np.ndarray, scope: PatinaScope
) -> np.ndarray | None:
    """Tell how far to paint at the corners of the triangles `faces` (T, 3) of `obj`: (T, 3) float32 in 0..1.

    None where all is painted, or where a picture says how far. Raises PatinaError where nothing is left.
    """
    return None if scope.mask in ("NONE", "IMAGE") else cover(obj, depsgraph, scope).weights(faces)


def cover(obj: bpy.types.Object, depsgraph: bpy.types.Depsgraph, scope: PatinaScope) -> Cover:
    """Read how far to paint `obj`, with its modifiers, where faces, a group or a slot say so.

    Raises PatinaError without a group.
    """
    evaluated = obj.evaluated_get(depsgraph)
    mesh = evaluated.to_mesh()
    try:
        vertices, triangles = len(mesh.vertices), len(mesh.loops) - 2 * len(mesh.polygons)
        polygons = None
        if scope.mask == "GROUP":
            values = _group(obj, mesh)
        else:
            mesh.calc_loop_triangles()
            polygons = get(mesh.loop_triangle_polygons, "value", np.int32, (len(mesh.loop_triangles),))
            if scope.mask == "FACES":
                values = of_polygons(mesh, ".select_poly", bool)
            else:
                values = of_polygons(mesh, "material_index", np.int32) == obj.active_material_index
    finally:
        evaluated.to_mesh_clear()
    return Cover(obj.name, scope.mask, vertices, triangles, values, polygons)


def _group(obj: bpy.types.Object, mesh: bpy.types.Mesh) -> np.ndarray:
    """(V,) float32: the active vertex group's weights on the evaluated `mesh`."""
    group = obj.vertex_groups.active
    if group is None:
        raise PatinaError(
            f"{obj.name} has no vertex group.", "Make one in Properties > Data > Vertex Groups.", obj.name
        )
    found = np.zeros(len(mesh.vertices), np.float32)
    for vertex in mesh.vertices:
        for membership in vertex.groups:
            if membership.group == group.index:
                found[vertex.index] = membership.weight
    return found


def write_picture(scope: PatinaScope, path: Path) -> str | None:
    """Write the mask picture, its values as they are, to `path`, and give its name; None where there is none.

    Raises PatinaError if it cannot be read.
    """
    if scope.mask != "IMAGE":
        return None
    write(_grey(scope), path)
    return path.name


def write(grey: np.ndarray, path: Path) -> None:
    """Write `grey` (H, W) in 0..1, bottom row first, to `path` as a PNG of 8 bits. Raises OSError."""
    path.write_bytes(_png(grey))


def _grey(scope: PatinaScope) -> np.ndarray:
    """Read the values (H, W) in 0..1 of the chosen mask image, bottom row first. Raises PatinaError."""
    if scope.mask_image is None:
        raise PatinaError("No mask image is chosen.", "Choose one, or paint all.", "mask")
    pixels = image.read_pixels(scope.mask_image)
    return np.asarray(pixels[..., : min(3, pixels.shape[2])].mean(2).clip(0, 1))


def read(path: Path) -> np.ndarray:
    """Read the mask that a job has left: (H, W) in 0..1, bottom row first. Raises PatinaError."""
    loaded = bpy.data.images.load(str(path), check_existing=False)
    try:
        colorspace.assign(loaded, colorspace.DATA)
        return image.read_pixels(loaded)[..., 0]
    finally:
        bpy.data.images.remove(loaded)
