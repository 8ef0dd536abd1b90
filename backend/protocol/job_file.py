"""A job as a file, job.json: written whole, and read from whoever wrote it."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, TypeVar

from ..errors import PatinaError
from ..writing import write_bytes
from .choices import COLORS, VERSION
from .files import JOB_FILE
from .job import Job
from .parts import Key, Maps, Material, Style, Target, Tile

Part = TypeVar("Part")

MAX_JOB_BYTES = 1 << 24


def write_job(folder: Path, job: Job) -> Path:
    """Write `job.json` in `folder`, whole or not at all, and give its path. Raises OSError."""
    path = Path(folder) / JOB_FILE
    text = json.dumps(asdict(job), indent=2, ensure_ascii=False) + "\n"
    write_bytes(path, text.encode("utf-8", "backslashreplace"))  # names that are no text: JSON's own escape
    return path


def read_job(folder: Path) -> Job:
    """Read and check `folder/job.json`. Raises PatinaError naming the field that is wrong."""
    path = Path(folder) / JOB_FILE
    try:
        about = path.stat()
        if not stat.S_ISREG(about.st_mode) or about.st_size > MAX_JOB_BYTES:
            raise ValueError("it is no ordinary file, or far too long")  # a pipe would wait for its writer
        raw = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        raise PatinaError(f"There is no {JOB_FILE} in {folder}.", "Name a job folder.", "job") from None
    except (OSError, ValueError, RecursionError) as error:
        raise PatinaError(f"{path} cannot be read: {error}.", "Write the job again.", "job") from None
    if not isinstance(raw, dict):
        raise PatinaError(f"{path} is not a job.", "Write the job again.", "job")
    if raw.get("version") != VERSION:  # before anything else: another version may have other fields
        Job(version=raw.get("version", 0))
    unknown = sorted(set(raw) - {f.name for f in fields(Job)})
    if unknown:
        raise PatinaError(f"job.json: unknown field {unknown[0]}.", "Remove it.", unknown[0])
    styles = _records(raw, "styles", _style, '[{"image": …, "weight": …}]')
    targets = _records(raw, "targets", _target, '[{"kind": "class", …}]')
    tiles = _records(raw, "tiles", _tile, '[{"name": …, "content": …}]')
    for name, kind in (("maps", Maps), ("material", Material)):
        if isinstance(raw.get(name), dict):
            raw[name] = _record(raw[name], name, kind)
    keys = _records(raw, "keys", _key, '[{"frame": …, "weights": …}]')
    for name in ("cppns", "layers"):
        value = raw.get(name, ())
        if not isinstance(value, list | tuple):
            raise PatinaError(f"job.json: {name} is {value!r}.", "Write it as a list of texts.", name)
        raw[name] = tuple(value)
    if isinstance(raw.get("looked_from"), list):
        raw["looked_from"] = tuple(raw["looked_from"])
    if isinstance(raw.get("colors"), str):
        raw["colors"] = COLORS.get(raw["colors"], raw["colors"])
    return Job(styles=styles, targets=targets, tiles=tiles, keys=keys, **raw)


def _records(
    raw: dict[str, Any], name: str, read: Callable[[dict[str, Any]], Part], like: str
) -> tuple[Part, ...]:
    """Take the list `name` out of `raw` and `read` each of its records."""
    try:
        return tuple(read(record) for record in raw.pop(name, ()))
    except (TypeError, AttributeError) as error:
        raise PatinaError(f"job.json: {name} is malformed ({error}).", f"Write it as {like}.", name) from None


def _record(record: dict[str, Any], name: str, kind: Callable[..., Part]) -> Part:
    try:
        return kind(**record)
    except TypeError as error:
        raise PatinaError(f"job.json: {name} is malformed ({error}).", "Leave it out.", name) from None


def _tile(record: dict[str, Any]) -> Tile:
    maps = record.get("maps")
    return Tile(**(record | ({"maps": Maps(**maps)} if isinstance(maps, dict) else {})))


def _key(record: dict[str, Any]) -> Key:
    return Key(**(record | {"weights": tuple(record.get("weights", ()))}))


def _target(record: dict[str, Any]) -> Target:
    return Target(**(record | {"direction": tuple(tuple(pair) for pair in record.get("direction", ()))}))


def _style(record: dict[str, Any]) -> Style:
    crop = record.get("crop")
    return Style(**(record | {"crop": tuple(crop) if isinstance(crop, list) else crop}))
