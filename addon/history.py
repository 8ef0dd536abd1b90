"""The results so far: jobs whose texture lies in their folder, whoever's object and file it was for.

What the disk says is read by `refresh` and kept, for drawing must not read it.
"""

from __future__ import annotations

import json
import os
import shutil
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import bpy

from ..backend.errors import PatinaError, readable
from ..backend.protocol.files import CHECKPOINT_FILE, JOB_FILE, MESH_FILE, REPORT_FILE, TEXTURE_FILE
from ..backend.protocol.job import Job
from ..backend.protocol.job_file import read_job, write_job
from ..backend.reading import is_file, read_json, within
from ..backend.terminal import clock
from . import folders, settings, styles
from .scene import drawn, maps, memory, records, sets
from .scene.job import is_over, new_folder
from .scene.records import RECORD_FILE, Member, OfJob, Prepared

RESUME_FILE = "resume.npz"
# What an image knows of how it came to be: the job's folder, its JSON, and what the panel was set to.
FOLDER_KEY, JOB_KEY, SETTINGS_KEY = "patina_folder", "patina_job", "patina_settings"
MAX_TEXT = 200  # characters of a line
GONE = "It may have been removed, or be older than what is kept."


@dataclass(frozen=True)
class Entry(OfJob):
    """What a job left: a result, or where an interrupted one can go on."""

    job: Prepared
    ended: float  # seconds since the epoch
    subject: str  # the style, or what was dreamt of; empty if unknown
    about: str  # quality, size, how long it took
    goes_on: bool  # there is a checkpoint
    is_whole: bool  # the texture is there
    lacks_steps: bool  # it was ended before its plan was done, be it with a texture
    settings: dict[str, Any] = field(repr=False)


entries: list[Entry] = []  # the newest first
unreadable: set[str] = set()  # names of folders whose files hold what no job leaves
selected = ""  # the folder of the entry that shows its buttons


def refresh() -> None:
    """Look at the disk."""
    jobs = folders.jobs()
    unreadable.clear()
    try:
        there = list(jobs.iterdir())
    except OSError:  # none yet, or none that may be read
        there = []
    found = (read(folder) for folder in there)
    entries[:] = sorted((entry for entry in found if entry), key=lambda entry: -entry.ended)


def add(folder: Path) -> None:
    """Take in what a job has just left in `folder`, if it left anything."""
    entry = read(folder)
    if entry is not None:
        entries[:] = [entry, *(other for other in entries if other.folder != folder)]


def read(folder: Path) -> Entry | None:
    """What a job has left in its folder, or None: a texture, or a checkpoint to go on from once it has ended.

    What its files hold may be anything; a folder that cannot be read is remembered as such.
    """
    try:
        if readable(folder.name) != folder.name:
            raise ValueError("no job of ours has such a name")
        return _read(folder)
    except (OSError, ValueError, TypeError, AttributeError, KeyError, OverflowError):
        unreadable.add(readable(folder.name))
        return None


def _read(folder: Path) -> Entry | None:
    job, report, known = (_json(folder / name) for name in (JOB_FILE, REPORT_FILE, RECORD_FILE))
    prepared = records.read(folder, known)
    files = maps.shown_first(prepared.files)
    is_whole = all(file.is_file() for file in [*files, *(folder / name for name in _last_frame(folder, job))])
    goes_on = (folder / CHECKPOINT_FILE).is_file()
    if not job or not (is_whole or (goes_on and is_over(folder))):
        return None
    panel = known.get("settings") or {}
    if not isinstance(panel, dict):
        raise ValueError("the settings are none")
    about = [str(job.get("quality", "")).capitalize(), f"{job.get('texture_size')} px"]
    if report.get("steps"):
        about.append(f"{int(report['steps'])} steps")
    if seconds := (report.get("seconds") or {}).get("total"):
        about.append(clock(float(seconds)))
    return Entry(
        replace(prepared, name=_line(prepared.name or job.get("name") or folder.name)),
        (files[0] if is_whole else folder / CHECKPOINT_FILE).stat().st_mtime,
        _line(_subject(panel, bool(prepared.members))),
        _line(", ".join(part for part in about if part)),
        goes_on,
        is_whole,
        goes_on and (not is_whole or report.get("ended_early") is True),
        panel,
    )


def _line(text: object) -> str:
    """As much of `text` as the panel draws, of what Blender can draw."""
    return readable(str(text)[:MAX_TEXT])


def _last_frame(folder: Path, job: dict[str, Any]) -> list[str]:
    """Name the files of the last frame of a job that plays; of another job none. Raises ValueError."""
    if not (job.get("boil") or job.get("keys") or (job.get("task") == "morph" and job.get("mesh"))):
        return []
    try:
        moving = read_job(folder)
    except PatinaError as error:
        raise ValueError from error
    return moving.frame_files(moving.frames - 1)


def _subject(panel: dict[str, Any], is_surface: bool) -> str:
    mode = panel.get("mode" if is_surface else "picture_mode")
    target = panel.get("target") or {}
    if mode in ("dream", "transparent"):
        return target.get("class_name" if target.get("kind") == "class" else "layer", "")
    if mode not in (("style", "texture") if is_surface else ("stylize",)):
        return ""
    style = panel.get("style", "")
    title, _ = styles.PAINTINGS.get(style, (Path(panel.get("style_file", "")).stem, ""))
    return title


def _json(path: Path) -> dict[str, Any]:
    try:
        found = read_json(path)
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def find(folder: str) -> Entry:
    """Find the result in `folder`. Raises PatinaError where it is gone."""
    entry = read(Path(folder)) if folder and _is_among_results(Path(folder)) else None
    if entry is None:
        refresh()
        raise PatinaError(f"There is no result in {folder or 'no folder'} any more.", GONE, "history")
    return entry


def _is_among_results(folder: Path) -> bool:
    """Whether it lies where jobs' folders do, links followed: its name may come from anywhere."""
    try:
        return folder.resolve().parent == folders.jobs().resolve()
    except (OSError, ValueError, RuntimeError):  # too long, a zero in it, links in a circle
        return False


def remove(entry: Entry) -> None:
    """Remove a result and its job's folder from the disk. Objects that wear it keep it."""
    shutil.rmtree(entry.folder, ignore_errors=True)
    refresh()


def stamp(image: bpy.types.Image, folder: Path) -> None:
    """Have `image` remember the job that it comes from."""
    image[FOLDER_KEY] = folder.name
    image[JOB_KEY] = json.dumps(_json(folder / JOB_FILE))
    image[SETTINGS_KEY] = json.dumps(_json(folder / RECORD_FILE).get("settings") or {})


def signed_image(obj: bpy.types.Object | None) -> bpy.types.Image | None:
    """Find the signed image that the stylized material of `obj` shows, or None."""
    for stylized in memory.stylized_materials(obj) if obj else ():
        for node in stylized.node_tree.nodes if stylized.node_tree else ():
            if node.type == "TEX_IMAGE" and node.image and isinstance(node.image.get(FOLDER_KEY), str):
                return node.image
    return None


def signed_with(image: bpy.types.Image) -> tuple[dict[str, Any], Path | None]:
    """Read what the panel was set to for the result that `image` shows, and its job's folder if it is here.

    The image may come with a file that somebody else made: what it says may be anything.
    """
    try:
        known = json.loads(image.get(SETTINGS_KEY, ""))
    except (TypeError, ValueError, RecursionError):
        known = {}
    name = image.get(FOLDER_KEY)
    folder = folders.jobs() / name if isinstance(name, str) else None
    return known if isinstance(known, dict) else {}, folder if folder and _is_among_results(folder) else None


def wearer(folder: Path) -> bpy.types.Object | None:
    """Find the object of this file that wears the result in `folder`."""
    for obj in bpy.data.objects:
        image = signed_image(obj)
        if image is not None and image[FOLDER_KEY] == folder.name:
            return obj
    return None


def use_settings(panel: bpy.types.PropertyGroup, known: dict[str, Any], folder: Path | None) -> list[str]:
    """Set the panel as it was for a result; gives the names of what cannot be set any more.

    A picture of the artist's own that has moved since is taken from the job's folder, which has a copy.
    """
    if not known:
        raise PatinaError("This result does not know its settings.", "Read them in its job.json.", "history")
    known = dict(known)
    path = known.get("style_file")
    if isinstance(path, str) and path and not is_file(Path(bpy.path.abspath(path))) and folder:
        with suppress(PatinaError, IndexError):  # without, the panel says that the picture is not there
            known["style_file"] = str(folder / read_job(folder).styles[0].image)
    return settings.restore(panel, known)


def member_for(obj: bpy.types.Object, entry: Entry) -> Member:
    """Make the member by which `obj` wears the result for one object.

    If that was made for another, it is without that one's images and UV maps.
    """
    (member,) = entry.job.members
    worn = replace(member, name=obj.name, uid=obj.session_uid)
    if wearer(entry.folder) == obj or obj.name == member.name:
        return worn
    own = obj.data.uv_layers.keys()
    textures = tuple(
        replace(texture, image="", uv_map=texture.uv_map if texture.uv_map in own else None)
        for texture in member.textures
    )
    return replace(worn, textures=textures)


def _members_here(entry: Entry) -> tuple[Member, ...]:
    """The entry's members, those of them that wear its result in this file with their numbers."""
    members = entry.job.members
    worn = wearer(entry.folder)
    if len(members) == 1 and worn is not None:
        return (replace(members[0], name=worn.name, uid=worn.session_uid),)
    return tuple(
        replace(member, uid=worn.session_uid) if worn is not None and member.name == worn.name else member
        for member in members
    )


def go_on(entry: Entry, steps: int | None) -> Prepared:
    """Write a job that continues `entry` by `steps` steps, or by those that it lacks, in a folder of its own.

    Raises PatinaError.
    """
    if not (entry.folder / CHECKPOINT_FILE).is_file():
        raise PatinaError(
            f"The checkpoint of this result is gone: {entry.folder / CHECKPOINT_FILE}.",
            "Use its settings again and stylize from the start.",
            "resume",
        )
    earlier = read_job(entry.folder)
    quality = "draft" if earlier.quality == "sketch" else earlier.quality
    plain = earlier.without_drawn()
    mesh = plain.mesh and MESH_FILE  # by which a preview knows it
    job = replace(plain, mesh=mesh, resume=RESUME_FILE, steps=steps, quality=quality)
    with new_folder(entry.object_name, folders.jobs()) as folder:
        for name in plain.files - {plain.resume}:
            source = within(entry.folder, name)
            if source is None or source.parent != entry.folder.resolve():
                raise PatinaError(f"This result's job names a file elsewhere: {name}.", GONE, "history")
            if not is_file(source):
                raise PatinaError(f"This result's folder lacks a file of its job: {name}.", GONE, "history")
            _link(source, folder / (MESH_FILE if name == plain.mesh else name))
        _link(entry.folder / CHECKPOINT_FILE, folder / RESUME_FILE)
        if earlier.moves and not entry.is_whole:  # the frames that it has
            for path in sorted(entry.folder.glob(f"{Path(TEXTURE_FILE).stem}_*.png")):
                _link(path, folder / path.name)
        members = _members_here(entry)
        name = members[0].name if len(members) == 1 else entry.object_name
        shown = next((image for image in bpy.data.images if image.get(FOLDER_KEY) == entry.folder.name), None)
        picture = shown.session_uid if shown is not None and not members else 0
        prepared = replace(entry.job, folder=folder, name=name, members=members, picture=picture)
        records.write(prepared, entry.settings)
        if job.on_pyramid:
            job = _with_drawn(job, _drawn(entry, members, earlier, folder))
        elif job.on_pixels and shown is not None and entry.is_whole:
            mask = earlier.drawn_mask and entry.folder / earlier.drawn_mask
            files = drawn.write_one(shown, entry.job.files[0], mask or None, 0, folder)
            job = _with_drawn(job, {0: files} if files else {})
        write_job(folder, job)
    return prepared


def _drawn(
    entry: Entry, members: tuple[Member, ...], earlier: Job, folder: Path
) -> dict[int, tuple[str, str]]:
    """Write what the artist has drawn on the entry's result since, see `drawn.write`."""
    found: dict[int, tuple[str, str]] = {}
    for member in members if entry.is_whole else ():
        for obj in sets.present([member]) if member.uid else ():
            known = earlier.textures
            found |= drawn.write(obj, member, entry.job, FOLDER_KEY, known, folder)
    return found


def _with_drawn(job: Job, files: dict[int, tuple[str, str]]) -> Job:
    """Name in `job` the `files` of what is drawn, by textures; nothing is, on the others."""
    none = None, None
    tiles = tuple(
        replace(tile, drawn=files.get(place, none)[0], drawn_mask=files.get(place, none)[1])
        for place, tile in enumerate(job.tiles)
    )
    picture, mask = none if job.tiles else files.get(0, none)
    return replace(job, tiles=tiles, drawn=picture, drawn_mask=mask)


def _link(source: Path, target: Path) -> None:
    """A second name for a file that is never written to again; a copy where the disk knows no such thing."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def register() -> None:
    refresh()


def unregister() -> None:
    entries.clear()
    unreadable.clear()
