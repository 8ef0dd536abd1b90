"""The objects of a job, be it one: what they show as the job's input, and its results on them."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import bpy
import numpy as np

from ...backend.errors import PatinaError
from ...backend.protocol.files import CONTENT_FILE, MASK_FILE, OWN_FILE, numbered
from ...backend.protocol.job_file import read_job
from ...backend.protocol.parts import Maps, Tile
from .. import job_fields, keying
from ..scope import PatinaScope
from . import directions, image, maps, masks, material, memory, result, sequence, textures, whole
from .records import Member, Prepared


@dataclass(frozen=True)
class JobObjects:
    """What a job holds of its objects: the arrays of mesh.npz, the tiles, and whose they are."""

    arrays: dict[str, np.ndarray]
    tiles: tuple[Tile, ...]
    members: tuple[Member, ...]
    notes: list[str]
    failed: list[tuple[str, PatinaError]]  # by the names of the objects that cannot be painted


def groups(
    objects: Sequence[bpy.types.Object], fields: Mapping[str, Any], scope: PatinaScope
) -> list[list[bpy.types.Object]]:
    """Group `objects` by the jobs that paint them, which have `fields`.

    All in one where that is asked for and can be, else each alone. Raises PatinaError for a mask or a
    direction where there can be none.
    """
    several = job_fields.paints_several(fields)
    limited = scope.mask != "NONE" or scope.direction != "NONE"
    if fields["task"] == "stylize" and limited and not several:
        raise PatinaError(
            "Relief, and what is not painted as Scales, takes no mask and no direction.",
            "Switch Relief off (Advanced), or paint all, along anything (Selection).",
            "stylize",
        )
    return [list(objects)] if several and scope.together else [[obj] for obj in objects]


def gather(
    objects: Sequence[bpy.types.Object],
    fields: Mapping[str, Any],
    scope: PatinaScope,
    depsgraph: bpy.types.Depsgraph,
    folder: Path,
) -> JobObjects:
    """Read `objects` for a job with `fields`, and write what they show now into `folder`.

    Those that cannot be painted are left out. Raises PatinaError if all are, OSError if files cannot be
    written.
    """
    arrays: list[dict[str, np.ndarray]] = []
    tiles: list[Tile] = []
    members: list[Member] = []
    notes: list[str] = []
    failed: list[tuple[str, PatinaError]] = []
    shared: dict[object, int] = {}
    limits = scope if job_fields.paints_several(fields) else None
    for obj in objects:
        try:
            source = _read(obj, fields, limits, depsgraph)
            if fields.get("boil") or fields.get("keys"):
                check_can_move(obj.name, source.textures)
            contents = _contents(obj, source, fields, limits, depsgraph, folder)
            mask = masks.write_picture(limits, folder / "paint_only.png") if limits else None
            owned = _maps(obj, source, fields, depsgraph, folder)
        except PatinaError as error:
            failed.append((obj.name, error))
            continue
        places = []
        for texture, content, own in zip(source.textures, contents, owned, strict=True):
            key = _key(obj, texture) if limits and limits.share and limits.mask == "NONE" else None
            if key not in shared or key is None:
                shared[key] = len(tiles)
                tiles.append(Tile(texture.name, content, mask, maps=own))
            places.append(shared[key])
        local = source.arrays.pop("tiles", np.zeros(len(source.arrays["faces"]), np.int32))
        arrays.append(source.arrays | {"tiles": np.array(places, np.int32)[local]})
        world = obj.matrix_world.copy()
        members.append(Member(obj.name, obj.session_uid, source.textures, tuple(places), world))
        notes += source.notes
    if not members:
        raise failed[0][1]
    return JobObjects(joined(arrays), tuple(tiles), tuple(members), notes, failed)


def _read(
    obj: bpy.types.Object,
    fields: Mapping[str, Any],
    limits: PatinaScope | None,
    depsgraph: bpy.types.Depsgraph,
) -> textures.Source:
    """What `obj` is, with what limits and directs the painting; in one texture, where a job takes no more."""
    if limits is None:
        return one_texture(obj, textures.read(obj, depsgraph), job_fields.begins_with_texture(fields))
    source = textures.read(obj, depsgraph, present=limits.mask != "NONE")
    found = {
        "weights": masks.weights(obj, depsgraph, source.arrays["faces"], limits),
        "directions": directions.read(source.arrays, limits, depsgraph),
    }
    source.arrays.update({name: array for name, array in found.items() if array is not None})
    return source


def _contents(
    obj: bpy.types.Object,
    source: textures.Source,
    fields: Mapping[str, Any],
    limits: PatinaScope | None,
    depsgraph: bpy.types.Depsgraph,
    folder: Path,
) -> list[str | None]:
    """Write what `source` shows now into `folder`, if the job needs it; the names of the files, or None."""
    if not job_fields.begins_with_texture(fields):
        return [None] * len(source.textures)
    with tempfile.TemporaryDirectory(dir=folder) as apart:
        names = textures.write_contents(obj, source, depsgraph, Path(apart), fields["texture_size"])
        if fields.get("strength") == 0 or (limits is not None and limits.mask != "NONE"):
            _write_plain(source, names, Path(apart), fields["texture_size"])
        contents = [None if name is None else _moved(Path(apart) / name, folder) for name in names]
    if fields["task"] == "dream" and contents == [None]:
        raise PatinaError(
            f"{obj.name} has no texture to dream from.",
            "Give its material an image or a colour, or switch off From the Present Texture.",
            obj.name,
        )
    return contents


def _maps(
    obj: bpy.types.Object,
    source: textures.Source,
    fields: Mapping[str, Any],
    depsgraph: bpy.types.Depsgraph,
    folder: Path,
) -> list[Maps]:
    """Write what the materials of `source` are beside their colours into `folder`, if the job paints that."""
    if fields.get("material") is None:
        return [Maps()] * len(source.textures)
    first, size = len(list(folder.glob(OWN_FILE.format("roughness_*")))), fields["texture_size"]
    return [
        whole.write(obj, source, index, depsgraph, folder, size, first + index)
        for index in range(len(source.textures))
    ]


def one_texture(obj: bpy.types.Object, source: textures.Source, content: bool) -> textures.Source:
    """Lay `source` into one texture, for tasks that know no more.

    Raises PatinaError if `content`, what it shows now, is asked for and is in several; or if its UVs lie in
    several tiles.
    """
    if len(source.textures) > 1 and (content or any(texture.udim for texture in source.textures)):
        raise PatinaError(
            f"{obj.name} shows several textures, or tiles of one; this paints one only.",
            "Choose the mode Style, without Relief and painted as Scales or Automatic (Advanced).",
            obj.name,
        )
    slots = tuple(range(max(1, len(obj.material_slots))))
    arrays = {name: array for name, array in source.arrays.items() if name != "tiles"}
    first = source.textures[0]
    kept = (first.image, first.image_uid) if content else ("", 0)
    whole = textures.Texture(obj.name, slots, first.uv_map, 0, *kept)
    return replace(source, arrays=arrays, textures=(whole,), colors=source.colors[:1], cells=source.cells[:1])


def _moved(picture: Path, folder: Path) -> str:
    """Give the content `picture` the next free name in `folder`, which it gives back."""
    count = len(list(folder.glob("content*.png")))
    name = numbered(CONTENT_FILE, count, count + 1)
    picture.rename(folder / name)
    return name


def _key(obj: bpy.types.Object, texture: textures.Texture) -> object:
    """What objects have in common that may share a texture; None for one that shows no image."""
    if not texture.image:
        return None
    worn = tuple(memory.original_material(obj, slot) for slot in texture.slots)
    return worn, texture.image_uid, texture.uv_map, texture.udim


def _write_plain(source: textures.Source, names: list[str | None], folder: Path, size: int) -> None:
    """Write pictures, of the result's size, of plain colours too, also of those that nobody has chosen."""
    for index, color in enumerate(source.colors):
        if not color.image and not color.baked:
            name = names[index] = numbered(CONTENT_FILE, index, len(names))
            image.save_color(color.color, folder / name, size)


def joined(arrays: Sequence[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Join the arrays of several objects into those of one mesh.npz, which tells them apart by `objects`."""
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
    job: Prepared, members: Sequence[Member]
) -> tuple[list[bpy.types.Image], list[tuple[str, PatinaError]]]:
    """Put the result of `job` on `members` of it: the new images, and those members that cannot show theirs,
    with why. Raises PatinaError if none can.

    Members whose textures are the same ones share the images and the copies of the materials.
    """
    images: list[bpy.types.Image] = []
    failed: list[tuple[str, PatinaError]] = []
    shown: dict[tuple[int, ...], bpy.types.Object] = {}
    for member in members:
        try:
            obj = find(member, job)
            first = shown.get(member.tiles)
            if first and not _masks(member, job) and _same_materials(obj, first):
                _wear_alike(obj, first)
            else:
                images += _put_on(obj, member, job)
            shown.setdefault(member.tiles, obj)
        except PatinaError as error:
            failed.append((member.name, error))
    if len(failed) == len(members):
        raise failed[0][1]
    return images, failed


def _put_on(obj: bpy.types.Object, member: Member, job: Prepared) -> list[bpy.types.Image]:
    """Show the textures of `member` on `obj`, in copies of its materials, with all that was made beside."""
    files, kept = maps.shown_first([job.files[tile] for tile in member.tiles]), None
    frames = _frames(member, job)
    if left := _masks(member, job):
        files, kept = _composed(member, job.folder, files, left)
    beside = maps.load(job.folder, obj.name + material.SUFFIX)
    try:
        images = result.show(obj, member.textures, files, kept)
    except BaseException:
        beside.discard()
        raise
    maps.add(obj, beside)
    wanted = read_job(job.folder).painted_maps
    if wanted is not None:
        images += whole.show(obj, member.textures, member.tiles, wanted, job.folder, job.count, left)
    if frames:
        for image_shown, of_texture in zip(images, zip(*frames, strict=True), strict=True):
            sequence.turn(image_shown, of_texture, job.folder / "frames")
        timing = job.timing
        if timing is None or len(timing.starts) != len(frames):  # nobody said
            scene = maps.scene_of(obj)
            timing = keying.evenly(scene.frame_start, len(frames), scene.patina.hold)
        for stylized in {pair.stylized for pair in obj.patina.slots if pair.stylized}:
            sequence.play(stylized, timing)
    return images + beside.images


def check_can_move(name: str, painted: Sequence[textures.Texture]) -> None:
    """Raise PatinaError for tiles of a UDIM image, whose files can be no sequence."""
    if any(texture.udim for texture in painted):
        raise PatinaError(
            f"{name} shows tiles of a UDIM image, which cannot move.",
            "Choose the mode Style, or lay its UVs into one tile.",
            name,
        )


def _frames(member: Member, job: Prepared) -> list[list[Path]]:
    """Write what each frame of a job that plays shows of the textures of `member`; none of another job.

    Raises PatinaError for tiles of a UDIM image, whose files can be no sequence.
    """
    written = read_job(job.folder)
    if not written.plays:
        return []
    check_can_move(member.name, member.textures)
    left, found = _masks(member, job), []
    for frame in range(written.frames):
        every = written.frame_files(frame)
        files, masks_left = [job.folder / every[tile] for tile in member.tiles], dict[int, np.ndarray]()
        if left:
            files, masks_left = _composed(member, job.folder, files, left)
        for index, texture in enumerate(member.textures):
            if original := image.find(texture.image, texture.image_uid):
                files[index], _ = result.composed(original, files[index], masks_left.get(index))
        found.append(files)
    return found


def _masks(member: Member, job: Prepared) -> list[Path]:
    """The files that say which part of each of its textures was painted; none where all was."""
    files = [job.folder / numbered(MASK_FILE, tile, job.count) for tile in member.tiles]
    return files if all(path.is_file() for path in files) else []


def present(members: Sequence[Member]) -> list[bpy.types.Object]:
    """Find the objects that are `members`, without those that are gone."""
    by_number = {obj.session_uid: obj for obj in bpy.data.objects}
    found = (by_number.get(m.uid) if m.uid else bpy.data.objects.get(m.name) for m in members)
    return [obj for obj in found if obj is not None]


def find(member: Member, job: Prepared) -> bpy.types.Object:
    """Find the object that is `member` of `job`. Raises PatinaError if it is gone."""
    for obj in present([member]):
        return obj
    raise PatinaError(
        f"{member.name} is no longer in this file.",
        f"Its texture is kept in History: {job.files[member.tiles[0]]}.",
        member.name,
    )


def _composed(
    member: Member, folder: Path, files: list[Path], left: list[Path]
) -> tuple[list[Path], dict[int, np.ndarray]]:
    """The painted files, composed where nothing but the job has the original; and the masks of the others."""
    kept = {}
    files = list(files)
    contents = {tile.name: tile.content for tile in read_job(folder).textures}
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
