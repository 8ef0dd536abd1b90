"""A farm's recipe: a TOML file that says which assets are painted, how, and into what.

All of it is checked before anything starts.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NoReturn

from ..cli.job_folder import MODELS
from ..cli.options import weighted_path
from ..errors import PatinaError
from ..networks import registry
from ..pictures.styles import read_style
from ..protocol.files import JOB_FILE, MESH_FILE
from ..protocol.job import Job
from ..protocol.parts import Style
from ..reading import read_bytes
from ..suited import parameterization
from .asset import Asset, read_outcome

ASSETS = "assets"  # in `out`: a folder of each
MAX_BYTES = 10_000_000  # of a recipe
MOST = 1_000_000  # threads, gigabytes, millimetres: of anything that a recipe counts
OUTPUTS = ("texture", "glb", "3mf", "fbx", "blend")
OF_BLENDER = ("fbx", "blend")  # which only Blender writes
# Fields of a job that a recipe may set.
FIELDS = (
    *("quality", "texture_size", "seed", "strength", "colors", "follow_shape", "style_size", "style_loss"),
    *("network", "steps", "framing", "device", "rasterizer", "relief", "views", "layers"),
)
SETTINGS = (*FIELDS, "style", "keep_uvs", "outputs", "size_mm")
TABLES = (
    *("assets", "settings", "for", "out", "blender", "cpus", "gpus", "memory_gb", "attempts", "online"),
    "go_on",
)


@dataclass(frozen=True)
class Recipe:
    """What a farm is to do: its assets, in the folder `out`, and what each job needs.

    gpus: a part of one is possible; memory_gb: of each job, None: as `needs` says; attempts:
    before an asset is set aside.
    """

    path: Path
    out: Path
    assets: tuple[Asset, ...]
    cpus: int = 2
    gpus: float = 0.0
    memory_gb: float | None = None
    attempts: int = 2
    blender: str = ""


def read(path: Path, out: Path | None = None) -> Recipe:
    """Read and check the recipe in the file `path`; `out`: in place of its own. Raises PatinaError."""
    try:
        import tomllib
    except ImportError:
        cure = "Set up the backend with a newer Python."
        raise PatinaError("A farm needs Python 3.11 or later.", cure, "python") from None
    try:
        known = tomllib.loads(read_bytes(path, MAX_BYTES).decode())
    except OSError as error:
        raise PatinaError(f"{path} cannot be read: {error.strerror}.", "Name a recipe.", "recipe") from None
    except (ValueError, RecursionError) as error:  # no UTF-8, no TOML
        raise PatinaError(
            f"{path} is no TOML: {error}.", "docs/farm.md shows how it looks.", "recipe"
        ) from None
    place = path.absolute().parent
    _check_keys(known, TABLES, "the recipe")
    target = (out or place / _of_type(known, "out", str, "painted")).absolute()
    if "\0" in str(target):
        _refuse("out", str(target), "Name a folder.")
    blender = _blender(_of_type(known, "blender", str, ""), place)
    needs = {
        "cpus": _number(known, "cpus", 2, 1),
        "gpus": _number(known, "gpus", 0.0, 0),
        "memory_gb": _number(known, "memory_gb", 3.0, 0.1) if "memory_gb" in known else None,
        "attempts": _number(known, "attempts", 2, 1),
    }
    found = _found(known.get("assets"), place)
    rules = _rules(known, place)
    styles: dict[str, tuple[Style, ...]] = {}
    every = [
        _asset(source, name, rules, place, styles)
        | {"folder": str(target / ASSETS / name), "blender": blender, "cpus": needs["cpus"]}
        for name, source in found.items()
    ]
    online, goes_on = (_of_type(known, key, bool, False) for key in ("online", "go_on"))
    assets = tuple(Asset(**about, online=online, goes_on=goes_on) for about in every)
    if not blender and (blends := [asset for asset in assets if asset.is_blend]):
        raise PatinaError(
            f"{blends[0].source} is opened by Blender, and the recipe names none.",
            'Add blender = "PATH", a Blender with Patina installed, or a Python with bpy.',
            "blender",
        )
    for asset in assets:
        if not blender and (lacking := sorted({*OF_BLENDER} & {*asset.outputs})):
            raise PatinaError(
                f"{asset.source} shall become {lacking[0]}, which Blender writes, and the recipe names none.",
                'Add blender = "PATH", a Blender or a Python with bpy, or leave it out.',
                "blender",
            )
    return Recipe(path, target, assets, blender=blender, **needs)


def _check_keys(table: Mapping[str, Any], allowed: tuple[str, ...], where: str) -> None:
    for key in table:
        if key not in allowed:
            near = get_close_matches(key, allowed, 1)
            cure = f"Did you mean {near[0]}?" if near else f"There are: {', '.join(allowed)}."
            raise PatinaError(f"{where} has a key {key!r}, which there is not.", cure, key)


def _refuse(key: str, value: object, cure: str) -> NoReturn:
    raise PatinaError(f"The recipe's {key} is {value!r:.100}.", cure, key)


def _of_type(table: Mapping[str, Any], key: str, kind: type, default: Any) -> Any:
    value = table.get(key, default)
    if not isinstance(value, kind):
        _refuse(key, value, f"Use a {'text' if kind is str else kind.__name__}.")
    return value


def _number(table: Mapping[str, Any], key: str, default: float, least: float) -> Any:
    value = table.get(key, default)
    allowed = int if isinstance(default, int) else int | float
    if not isinstance(value, allowed) or isinstance(value, bool) or not least <= value <= MOST:
        whole = "whole " if allowed is int else ""
        _refuse(key, value, f"Use a {whole}number from {least} to {MOST}.")
    return type(default)(value)


def _blender(named: str, place: Path) -> str:
    """Find the program: on the path by its name, else from the recipe's folder."""
    if not named:
        return ""
    found = shutil.which(named) or shutil.which(str(place / named))
    if found is None:
        raise PatinaError(f"There is no program {named}.", "Name a Blender, or a Python with bpy.", "blender")
    return str(Path(found).absolute())


def _found(patterns: object, place: Path) -> dict[str, Path]:
    """The files that the patterns name, by the names of their folders. Raises PatinaError."""
    several = [patterns] if isinstance(patterns, str) else patterns
    if not isinstance(several, list) or not several or not all(isinstance(one, str) for one in several):
        _refuse("assets", patterns, "Name files, or patterns such as props/**/*.glb.")
    found: dict[str, Path] = {}
    for pattern in several:
        try:
            matching = sorted(_matching(pattern, place))
        except (ValueError, OSError) as error:  # no pattern at all, a name too long
            _refuse("assets", pattern, f"Name files, or patterns such as props/**/*.glb ({error}).")
        if not matching:
            what = "matches nothing" if re.search(r"[*?\[]", pattern) else "is not there"
            raise PatinaError(f"The asset {pattern} {what}.", "Paths go from the recipe's folder.", "assets")
        for source in matching:
            name = _folder_name(source, place)
            if found.setdefault(name, source) != source:
                cure = "Rename one of them."
                raise PatinaError(f"{found[name]} and {source} would share a folder.", cure, "assets")
    return found


def _matching(pattern: str, place: Path) -> Iterator[Path]:
    """The models that a pattern matches, or the one that it is, but not what a farm has made."""
    is_plain = (place / pattern).is_file()
    for path in (
        [place / pattern] if is_plain else place.glob(pattern) if not Path(pattern).is_absolute() else ()
    ):
        suffix = path.suffix.lower()
        if not is_plain and _is_result(path):
            continue
        if path.is_file() and (suffix in MODELS or suffix == ".blend"):
            yield Path(os.path.normpath(path.absolute()))
        elif is_plain:
            cure = f"Patina reads {', '.join(MODELS)} and .blend."
            raise PatinaError(f"The asset {path} is no model.", cure, "assets")


def _is_result(path: Path) -> bool:
    """Whether a file lies in the folder of an asset that a farm has painted, or begun to."""
    folders = [folder for folder in path.absolute().parents if folder.parent.name == ASSETS]
    return any(read_outcome(folder) is not None or (folder / JOB_FILE).is_file() for folder in folders)


def _folder_name(source: Path, place: Path) -> str:
    """Name the folder of an asset: by its path, so that it stays the same whatever else there is."""
    try:
        inside = source.relative_to(place)
    except ValueError:
        inside = Path(*source.parts[1:])
    return re.sub(r"[^\w.-]+", "_", "_".join(inside.parts))[-150:]


def _rules(known: Mapping[str, Any], place: Path) -> list[tuple[str, dict[str, Any]]]:
    """The settings by pattern, the later ones before the earlier: those of all, then each `for`."""
    rules = [("*", _of_type(known, "settings", dict, {}))]
    for entry in _of_type(known, "for", list, []):
        if not isinstance(entry, dict) or not isinstance(entry.get("assets"), str):
            raise PatinaError("A [[for]] of the recipe names no assets.", 'Add assets = "PATTERN".', "for")
        rules.append((entry["assets"], {key: value for key, value in entry.items() if key != "assets"}))
    for pattern, settings in rules:
        where = "[settings]" if pattern == "*" else f"[[for]] of {pattern}"
        _check_keys(settings, SETTINGS, where)
    return rules


def _asset(
    source: Path,
    name: str,
    rules: list[tuple[str, dict[str, Any]]],
    place: Path,
    known: dict[str, tuple[Style, ...]],
) -> dict[str, Any]:
    """What the recipe says of one asset. Raises PatinaError, which names it."""
    inside = source.relative_to(place).as_posix() if source.is_relative_to(place) else source.as_posix()
    settings: dict[str, Any] = {}
    for pattern, values in rules:
        if pattern == "*" or fnmatchcase(inside, pattern):
            settings |= values
    if "style" not in settings:
        raise PatinaError(f"{inside} has no style.", 'Add style = "IMAGE" to [settings].', "style")
    key = repr(settings["style"])
    if key not in known:
        known[key] = _styles(settings["style"], place)
    outputs = tuple(_of_type(settings, "outputs", list, ["texture", "glb"]))
    for output in outputs:
        if output not in OUTPUTS:
            _refuse("outputs", output, f"There are: {', '.join(OUTPUTS)}.")
        if output == "3mf" and source.suffix.lower() == ".blend":
            raise PatinaError(f"{inside} cannot become 3mf here.", "Use glb, and `export` that.", "outputs")
    fields = {name: value for name, value in settings.items() if name in FIELDS}
    fields = {name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()}
    fields["parameterization"] = parameterization("stylize", True, False)
    try:
        Job(name=inside, mesh=MESH_FILE, styles=known[key], **fields)
        registry.entry(fields.get("network", Job.network))
    except PatinaError as error:
        message = f"{inside}: {error.message.removeprefix('job.json: ')}"
        raise PatinaError(message, error.cure, error.field) from None
    return {
        "name": name,
        "source": str(source),
        "styles": known[key],
        "fields": fields,
        "outputs": outputs,
        "keep_uvs": _of_type(settings, "keep_uvs", bool, False),
        "size_mm": _number(settings, "size_mm", 80.0, 1),
    }


def _styles(value: object, place: Path) -> tuple[Style, ...]:
    """The styles that a recipe names: IMAGE, IMAGE:WEIGHT, or several. Raises PatinaError."""
    several = value if isinstance(value, list) else [value]
    if not several or not all(isinstance(one, str) for one in several):
        _refuse("style", value, "Name a picture, as IMAGE or IMAGE:WEIGHT, or several in a list.")
    named = [weighted_path(str(one)) for one in several]
    styles = tuple(Style(str((place / path).absolute()), weight) for path, weight in named)
    for style in styles:
        read_style(style, Path())
    return styles
