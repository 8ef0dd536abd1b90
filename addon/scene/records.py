"""What a job is for: its objects and their textures, kept beside it as JSON.

It is read with care: those files may hold anything.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from mathutils import Matrix

from ...backend.errors import PatinaError, readable
from ...backend.protocol.files import IMAGE_FILE, TEXTURE_FILE, numbered
from ...backend.writing import write_bytes
from ..keying import Timing
from .textures import Texture

RECORD_FILE = "panel.json"  # beside job.json: what the add-on must know of the job later
MAX_SLOTS = 32767  # Blender has no more
MAX_FRAME = 2**24  # more than Blender's scenes have, either way from 0


@dataclass(frozen=True)
class Member:
    """One object of a job: its name, its number in this session (0: go by the name), its textures, with their
    places in the job, and where it was when its mesh was written."""

    name: str
    uid: int
    textures: tuple[Texture, ...]
    tiles: tuple[int, ...]
    world: Matrix = field(default_factory=Matrix)


@dataclass(frozen=True)
class Prepared:
    """A job on disk, and what is not in its files but needed when its result comes back.

    name: whom it is for, in messages. members: none for a flat picture. picture: the session's number of the
    image that a flat picture is made from. failed: by name, the objects that cannot be painted. timing: when
    the textures of a style that moves show.
    """

    folder: Path
    name: str
    members: tuple[Member, ...] = ()
    picture: int = 0
    notes: tuple[str, ...] = ()
    failed: tuple[tuple[str, PatinaError], ...] = ()
    timing: Timing | None = None

    @property
    def count(self) -> int:
        """How many textures it paints."""
        return 1 + max((tile for member in self.members for tile in member.tiles), default=-1)

    @property
    def files(self) -> list[Path]:
        """Where it leaves its textures, or, where there are none, its picture."""
        if not self.count:
            return [self.folder / IMAGE_FILE]
        return [self.folder / numbered(TEXTURE_FILE, index, self.count) for index in range(self.count)]


class OfJob:
    """What has a job, queued or done: where it lies, and whom it is for, in messages."""

    job: Prepared

    @property
    def folder(self) -> Path:
        return self.job.folder

    @property
    def object_name(self) -> str:
        return self.job.name


def label(members: Sequence[Member]) -> str:
    """Name the members in a few words."""
    return members[0].name + (f" and {len(members) - 1} more" if len(members) > 1 else "")


def write(job: Prepared, panel: Mapping[str, Any]) -> None:
    """Write beside a job what is needed to show its result later, and to set the panel like that again.

    Raises OSError.
    """
    known = {
        "name": job.name,
        "members": [
            {
                "name": member.name,
                "textures": [of_texture(texture) for texture in member.textures],
                "tiles": member.tiles,
                "world": [list(row) for row in member.world],
            }
            for member in job.members
        ],
        "settings": panel,
    }
    if job.timing is not None:
        known["timing"] = asdict(job.timing)
    write_bytes(job.folder / RECORD_FILE, (json.dumps(known, indent=2) + "\n").encode())


def read(folder: Path, known: Mapping[str, Any]) -> Prepared:
    """Read what `known`, the record of the job in `folder`, says of it; its objects go by their names.

    Raises ValueError, TypeError, KeyError or OverflowError for what is no such record.
    """
    members = tuple(member(one) for one in known.get("members", ()))
    name = readable(str(known.get("name") or ""))
    return Prepared(folder, name, members, timing=timing(known.get("timing")))


def timing(record: Any) -> Timing | None:
    """Read the timing that `record` is, if it is one. Raises ValueError for something else."""
    if record is None:
        return None
    known = set(record) == {"starts", "period"} if isinstance(record, dict) else False
    starts = record["starts"] if known else None
    if not isinstance(starts, list) or not starts or not all(map(_is_frame, [*starts, record["period"]])):
        raise ValueError("a timing is none")
    if any(a >= b for a, b in pairwise(starts)):
        raise ValueError("textures do not follow each other")
    if record["period"] and record["period"] <= starts[-1] - starts[0]:
        raise ValueError("a period is shorter than what it repeats")
    return Timing(tuple(starts), record["period"])


def _is_frame(value: Any) -> bool:
    return type(value) is int and abs(value) <= MAX_FRAME


def member(record: Any) -> Member:
    """Read the member that `record` is. Raises ValueError, TypeError or KeyError for what is none."""
    textures = tuple(texture(one) for one in record["textures"])
    tiles = whole_numbers(record["tiles"])
    if not textures or len(textures) != len(tiles):
        raise ValueError("a member's textures have no places")
    world = np.array(record["world"], np.float64)
    if world.shape != (4, 4) or not np.isfinite(world).all():
        raise ValueError("a member's world is no matrix")
    return Member(readable(str(record["name"])), 0, textures, tiles, Matrix(world.tolist()))


def of_texture(texture: Texture) -> dict[str, Any]:
    """Record what later sessions may know of `texture`: numbers of this one mean others there."""
    known = asdict(texture)
    del known["image_uid"]
    return known


def texture(record: Any) -> Texture:
    """Read the texture that `record` is. Raises ValueError for what is none."""
    known = {"name": str, "uv_map": str | None, "udim": int, "image": str}
    if not isinstance(record, dict) or not set(record) <= {*known, "slots"}:
        raise ValueError("a texture's record is none")
    if not all(isinstance(record[key], known[key]) for key in known if key in record) or "name" not in record:
        raise ValueError("a texture's record has other types")
    # Blender itself ends where it is asked for a name with half a character in it.
    named = {key: readable(value) for key, value in record.items() if isinstance(value, str)}
    return Texture(**(record | named | {"slots": whole_numbers(record.get("slots"))}))


def whole_numbers(value: Any) -> tuple[int, ...]:
    """Read a list of slots or tiles. Raises ValueError for what is none."""
    if not isinstance(value, list) or not all(type(n) is int and 0 <= n <= MAX_SLOTS for n in value):
        raise ValueError("a list of numbers is none")
    return tuple(value)
