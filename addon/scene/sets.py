"""Several objects as one job, and a job's results on several objects."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import bpy
import numpy as np

from ...backend.protocol import MASK_FILE, TEXTURE_FILE, PatinaError, Tile, numbered
from ..scope import PatinaScope
from . import directions, image, masks, material, result, textures

SWATCH = 64  # at least so many pixels has a plain colour that a mask leaves in part


@dataclass(frozen=True)
class Member:
    """One object of a job: its name, its number in this session, and its textures' places in the job."""

    name: str
    uid: int
    textures: tuple[textures.Texture, ...]
    tiles: tuple[int, ...]


@dataclass(frozen=True)
class Set:
    """What a job holds of its objects: the arrays of mesh.npz, the tiles, and whose they are."""

    arrays: dict[str, np.ndarray]
    tiles: tuple[Tile, ...]
    members: tuple[Member, ...]
    notes: list[str]
    failed: list[tuple[str, PatinaError]]  # by the names of the objects that cannot be painted


def write(
    objects: Sequence[bpy.types.Object],
    scope: PatinaScope,
    depsgraph: bpy.types.Depsgraph,
    folder: Path,
    size: int,
) -> Set:
    """Write what `objects` show now into `folder`, for textures of `size`².

    Those that cannot be painted are left out. Raises PatinaError if all are, OSError if files cannot be written.
    """
    arrays: list[dict[str, np.ndarray]] = []
    tiles: list[Tile] = []
    members: list[Member] = []
    notes: list[str] = []
    failed: list[tuple[str, PatinaError]] = []
    shared: dict[object, int] = {}
    for obj in objects:
        try:
            source = textures.read(obj, depsgraph, present=scope.mask != "NONE")
            _limit(obj, source, scope, depsgraph)
            own = folder if len(objects) == 1 else Path(tempfile.mkdtemp(prefix="object_", dir=folder))
            contents = _write_contents(obj, source, scope, depsgraph, own, size)
            mask = masks.write_picture(scope, own / MASK_FILE.replace("mask", "painted"))
        except PatinaError as error:
            failed.append((obj.name, error))
            continue
        places = []
        for texture, content in zip(source.textures, contents, strict=True):
            key = _key(obj, texture) if scope.share and scope.mask == "NONE" else None
            if key is None or key not in shared:
                shared[key] = len(tiles)
                paths = (
                    None if name is None else (own / name).relative_to(folder).as_posix()
                    for name in (content, mask)
                )
                tiles.append(Tile(texture.name, *paths))
            places.append(shared[key])
        local = source.arrays.pop("tiles", np.zeros(len(source.arrays["faces"]), np.int32))
        arrays.append(source.arrays | {"tiles": np.array(places, np.int32)[local]})
        members.append(Member(obj.name, obj.session_uid, source.textures, tuple(places)))
        notes += source.notes
    if not members:
        raise failed[0][1]
    return Set(joined(arrays), tuple(tiles), tuple(members), notes, failed)


def _key(obj: bpy.types.Object, texture: textures.Texture) -> object:
    """What objects have in common that may share a texture; None for one that shows no image."""
    if not texture.image:
        return None
    worn = tuple(material.original_material(obj, slot) for slot in texture.slots)
    return worn, texture.image, texture.uv_map, texture.udim


def _limit(
    obj: bpy.types.Object, source: textures.Source, scope: PatinaScope, depsgraph: bpy.types.Depsgraph
) -> None:
    """Add to the arrays of `source` what limits and directs the painting."""
    found = {
        "weights": masks.weights(obj, depsgraph, source.arrays["faces"], scope),
        "directions": directions.read(source.arrays, scope, depsgraph),
    }
    source.arrays.update({name: array for name, array in found.items() if array is not None})


def _write_contents(
    obj: bpy.types.Object,
    source: textures.Source,
    scope: PatinaScope,
    depsgraph: bpy.types.Depsgraph,
    folder: Path,
    size: int,
) -> list[str | None]:
    """As `textures.write_contents`; where a mask leaves a part, there is always a picture, of the result's size."""
    names = textures.write_contents(obj, source, depsgraph, folder, size)
    if scope.mask == "NONE":
        return names
    for index, color in enumerate(source.colors):
        if not color.image and not color.baked:
            names[index] = numbered("content.png", index, len(names))
            plain = np.broadcast_to(np.asarray(color.color, np.float32), (size, size, 3))
            image.write_png(image.linear_to_srgb(plain), folder / names[index])
    return names


def joined(arrays: Sequence[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """The arrays of one mesh.npz for several objects, which it tells apart by `objects`."""
    if len(arrays) == 1:
        return arrays[0]
    first = np.cumsum([0, *(len(part["vertices"]) for part in arrays)])
    count = [len(part["faces"]) for part in arrays]
    found = {
        name: np.concatenate([part[name] for part in arrays])
        for name in ("vertices", "uvs", "normals", "tiles")
    }
    found["faces"] = np.concatenate(
        [part["faces"] + start for part, start in zip(arrays, first[:-1], strict=True)]
    ).astype(np.int32)
    found["objects"] = np.repeat(np.arange(len(arrays), dtype=np.int32), count)
    for name in ("weights", "directions"):
        if name in arrays[0]:
            found[name] = np.concatenate([part[name] for part in arrays])
    return found


def show(members: Sequence[Member], folder: Path, count: int) -> list[tuple[str, PatinaError]]:
    """Put the `count` textures of the job in `folder` on its members; which could not be painted, and why.

    Members whose textures are the same ones share the images and the copies of the materials.
    """
    failed: list[tuple[str, PatinaError]] = []
    shown: dict[tuple[int, ...], bpy.types.Object] = {}
    for member in members:
        try:
            obj = _find(member, folder)
            first = shown.get(member.tiles)
            files = [folder / numbered(TEXTURE_FILE, tile, count) for tile in member.tiles]
            left = [folder / numbered(MASK_FILE, tile, count) for tile in member.tiles]
            if all(path.is_file() for path in left):
                files, kept = _composed(member, folder, files, left)
                result.show(obj, member.textures, files, kept)
            elif first and _same_materials(obj, first):
                _wear_alike(obj, first)
            else:
                result.show(obj, member.textures, files)
            shown.setdefault(member.tiles, obj)
        except PatinaError as error:
            failed.append((member.name, error))
    return failed


def _find(member: Member, folder: Path) -> bpy.types.Object:
    for obj in bpy.data.objects:
        if obj.session_uid == member.uid:
            return obj
    raise PatinaError(
        f"{member.name} is no longer in this file.", f"Its texture is kept in {folder}.", member.name
    )


def _composed(
    member: Member, folder: Path, files: list[Path], left: list[Path]
) -> tuple[list[Path], dict[int, np.ndarray]]:
    """The painted files, composed where nothing but the job has the original; and the masks of the others."""
    kept = {}
    files = list(files)
    contents = {tile.name: tile.content for tile in read_tiles(folder)}
    for index, (texture, path) in enumerate(zip(member.textures, left, strict=True)):
        mask = masks.read(path)
        if texture.image in bpy.data.images:
            kept[index] = mask
            continue
        content = contents.get(texture.name)
        if content is None:
            raise PatinaError(
                f"{member.name}: the image {texture.image or 'of its job'} is gone.", "Stylize again.", member.name
            )
        before = bpy.data.images.load(str(folder / content), check_existing=False)
        try:
            files[index], _ = result.composed(before, files[index], mask)
        finally:
            bpy.data.images.remove(before)
    return files, kept


def _same_materials(obj: bpy.types.Object, first: bpy.types.Object) -> bool:
    slots = range(len(first.material_slots))
    return len(obj.material_slots) == len(slots) and all(
        material.original_material(obj, slot) == material.original_material(first, slot) for slot in slots
    )


def _wear_alike(obj: bpy.types.Object, first: bpy.types.Object) -> None:
    """Put on `obj` the stylized materials of `first`, whose own ones are the same."""
    material.check_paintable(obj)
    originals = [material.original_material(obj, slot) for slot in range(len(obj.material_slots))]
    obj.patina.slots.clear()
    for other in first.patina.slots:
        slot = obj.material_slots[other.slot]
        if obj.data.users > 1 or obj.data.library:
            slot.link = "OBJECT"
        slot.material = other.stylized
        pair = obj.patina.slots.add()
        pair.slot, pair.original, pair.stylized = other.slot, originals[other.slot], other.stylized


def read_tiles(folder: Path) -> tuple[Tile, ...]:
    """The tiles of the job in `folder`."""
    from ...backend.protocol import read_job

    job = read_job(folder)
    return job.tiles or (Tile(job.name, job.content, job.mask),)
