"""Several objects as one job, and a job's results on several objects."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import bpy
import numpy as np

from ...backend.protocol import (
    MASK_FILE,
    TEXTURE_FILE,
    Job,
    PatinaError,
    Tile,
    numbered,
    read_job,
    write_job,
)
from ..properties import PatinaSettings
from ..scope import PatinaScope
from . import directions, image, masks, material, memory, records, result, task, textures
from .job import new_folder

MEMBERS_FILE = "members.json"  # beside job.json, where a job is for several objects or for parts of one


@dataclass(frozen=True)
class Member:
    """One object of a job: its name, its number in this session (0: go by the name), and its textures, with
    their places in the job."""

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


def wanted(objects: Sequence[bpy.types.Object], settings: PatinaSettings, scope: PatinaScope) -> bool:
    """Whether `objects` are for `write`, not for a job each. Raises PatinaError where that cannot be done."""
    if settings.mode != "style":
        return False
    several = task.paints_several(task.fields(settings, settings.mode))
    limited = scope.mask != "NONE" or scope.direction != "NONE"
    if limited and not several:
        raise PatinaError(
            "Relief, and what is not painted as Scales, takes no mask and no direction.",
            "Switch Relief off (Advanced), or paint all, along anything (Selection).",
            "stylize",
        )
    return several and (limited or (scope.together and len(objects) > 1))


def write(
    objects: Sequence[bpy.types.Object],
    settings: PatinaSettings,
    scope: PatinaScope,
    depsgraph: bpy.types.Depsgraph,
    jobs: Path,
) -> tuple[Path, Set]:
    """Write a job for all of `objects` into a new folder under `jobs`.

    Those that cannot be painted are left out. Raises PatinaError if all are, and then leaves no folder.
    """
    fields = task.fields(settings, settings.mode)
    files = task.style_files(settings, settings.mode)
    with new_folder(objects[0].name, jobs) as folder:
        found = gather(objects, scope, depsgraph, folder, fields["texture_size"])
        np.savez(folder / "mesh.npz", **found.arrays)
        alone = found.tiles[0] if len(found.tiles) == 1 else Tile("")
        job = Job(
            name=label(found.members),
            mesh="mesh.npz",
            content=alone.content,
            mask=alone.mask,
            tiles=() if len(found.tiles) == 1 else found.tiles,
            occlusion=scope.occlusion,
            styles=task.copy_styles(files, folder),
            **fields,
        )
        record = json.dumps([_record(member) for member in found.members], indent=2)
        (folder / MEMBERS_FILE).write_text(record + "\n", encoding="utf-8")
        write_job(folder, job)
    return folder, found


def _record(member: Member) -> dict[str, object]:
    known = [records.of_texture(texture) for texture in member.textures]
    return {"name": member.name, "textures": known, "tiles": member.tiles}


def read_members(folder: Path) -> tuple[Member, ...]:
    """The objects of the job in `folder`, to be found by name; none where it is for one whole object."""
    try:
        found = json.loads((folder / MEMBERS_FILE).read_text(encoding="utf-8"))
        return tuple(
            Member(
                str(one["name"]),
                0,
                tuple(records.texture(texture) for texture in one["textures"]),
                records.whole_numbers(one["tiles"]),
            )
            for one in found
        )
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return ()


def label(members: Sequence[Member]) -> str:
    """The members in a few words."""
    return members[0].name + (f" and {len(members) - 1} more" if len(members) > 1 else "")


def gather(
    objects: Sequence[bpy.types.Object],
    scope: PatinaScope,
    depsgraph: bpy.types.Depsgraph,
    folder: Path,
    size: int,
) -> Set:
    """Read `objects`, and write what they show now into `folder`, for textures of `size`².

    Those that cannot be painted are left out. Raises PatinaError if all are, OSError if files cannot be
    written.
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
            with tempfile.TemporaryDirectory(dir=folder) as apart:
                contents = [
                    None if name is None else _moved(Path(apart) / name, folder)
                    for name in _write_contents(obj, source, scope, depsgraph, Path(apart), size)
                ]
            mask = masks.write_picture(scope, folder / "paint_only.png")
        except PatinaError as error:
            failed.append((obj.name, error))
            continue
        places = []
        for texture, content in zip(source.textures, contents, strict=True):
            key = _key(obj, texture) if scope.share and scope.mask == "NONE" else None
            if key not in shared or key is None:
                shared[key] = len(tiles)
                tiles.append(Tile(texture.name, content, mask))
            places.append(shared[key])
        local = source.arrays.pop("tiles", np.zeros(len(source.arrays["faces"]), np.int32))
        arrays.append(source.arrays | {"tiles": np.array(places, np.int32)[local]})
        members.append(Member(obj.name, obj.session_uid, source.textures, tuple(places)))
        notes += source.notes
    if not members:
        raise failed[0][1]
    return Set(joined(arrays), tuple(tiles), tuple(members), notes, failed)


def _moved(picture: Path, folder: Path) -> str:
    """Give the content `picture` the next free number in `folder`; its name there."""
    name = f"content_{len(list(folder.glob('content_*.png')))}.png"
    picture.rename(folder / name)
    return name


def _key(obj: bpy.types.Object, texture: textures.Texture) -> object:
    """What objects have in common that may share a texture; None for one that shows no image."""
    if not texture.image:
        return None
    worn = tuple(memory.original_material(obj, slot) for slot in texture.slots)
    return worn, texture.image_uid, texture.uv_map, texture.udim


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
    """As `textures.write_contents`; where a mask leaves a part, always a picture, of the result's size."""
    names = textures.write_contents(obj, source, depsgraph, folder, size)
    if scope.mask == "NONE":
        return names
    for index, color in enumerate(source.colors):
        if not color.image and not color.baked:
            names[index] = numbered("content.png", index, len(names))
            image.save_color(color.color, folder / names[index], size)
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


def show(
    members: Sequence[Member], folder: Path, count: int
) -> tuple[list[bpy.types.Image], list[tuple[str, PatinaError]]]:
    """Put the `count` textures of the job in `folder` on its members: the new images, and those members
    that cannot show theirs, with why. Raises PatinaError if none can.

    Members whose textures are the same ones share the images and the copies of the materials.
    """
    images: list[bpy.types.Image] = []
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
                images += result.show(obj, member.textures, files, kept)
            elif first and _same_materials(obj, first):
                _wear_alike(obj, first)
            else:
                images += result.show(obj, member.textures, files)
            shown.setdefault(member.tiles, obj)
        except PatinaError as error:
            failed.append((member.name, error))
    if len(failed) == len(members):
        raise failed[0][1]
    return images, failed


def _find(member: Member, folder: Path) -> bpy.types.Object:
    if not member.uid and member.name in bpy.data.objects:
        return bpy.data.objects[member.name]
    for obj in bpy.data.objects:
        if obj.session_uid == member.uid:
            return obj
    raise PatinaError(
        f"{member.name} is no longer in this file.",
        f"Its texture is kept in History: {folder}.",
        member.name,
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
        if image.find(texture.image, texture.image_uid):
            kept[index] = mask
            continue
        content = contents.get(texture.name)
        if content is None:
            raise PatinaError(
                f"{member.name}: the image {texture.image or 'of its job'} is gone.",
                "Stylize again.",
                member.name,
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
        memory.original_material(obj, slot) == memory.original_material(first, slot) for slot in slots
    )


def _wear_alike(obj: bpy.types.Object, first: bpy.types.Object) -> None:
    """Put on `obj` the stylized materials of `first`, whose own ones are the same."""
    material.check_paintable(obj)
    memory.update(first)
    originals = [memory.original_material(obj, slot) for slot in range(len(obj.material_slots))]
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
    job = read_job(folder)
    return job.tiles or (Tile(job.name, job.content, job.mask),)
