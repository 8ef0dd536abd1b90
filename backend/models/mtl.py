"""MTL: the materials of an OBJ, as programs write them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from ..reading import read_bytes
from . import mtl_maps
from .beside import beside, named_file
from .build import Material, Others

# How many words may follow an option of a map.
_OPTIONS = {"-mm": 2, "-o": 3, "-s": 3, "-t": 3}
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?$")
UDIM = "<UDIM>"


def text(data: bytes) -> str:
    """Decode text as UTF-8, or as the Latin-1 of older programs."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


@dataclass(frozen=True)
class Map:
    """A picture that a material names, with what is done to the UVs; strength: of a relief."""

    file: str = ""
    scale: tuple[float, float] = (1.0, 1.0)
    offset: tuple[float, float] = (0.0, 0.0)
    clamps: bool = False
    strength: float = 1.0

    @property
    def place(self) -> tuple[float, ...]:
        return *self.scale, *self.offset, float(self.clamps)


# Statements whose picture is kept, and what it is of.
_KINDS = {
    "map_kd": "color",
    "map_d": "opacity",
    "norm": "normal",
    "map_bump": "normal",
    "bump": "normal",
    "map_ke": "emission",
    "map_pr": "roughness",
    "map_pm": "metallic",
}
# Those that do not begin with map_, and have none.
_WITHOUT_A_PLACE = ("disp", "decal", "refl")


@dataclass
class Written:
    """A material as an MTL has it: its colour, linear; its pictures by their kind; notes for a person.

    left_out: the pictures that glTF has no place for, by their statements.
    """

    name: str
    notes: list[str] = field(default_factory=list)
    color: tuple[float, float, float] | None = None
    emission: tuple[float, float, float] | None = None
    opacity: float = 1.0
    roughness: float = 1.0
    metallic: float = 0.0
    maps: dict[str, Map] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    _made: dict[int, Material] = field(default_factory=dict)

    @property
    def base(self) -> Map:
        """Its picture of colours; without a file where there is none."""
        return self.maps.get("color", Map())

    def material(self, path: Path, tile: int = 0) -> Material:
        """Make it for the model at `path`; of a UDIM picture, that of the `tile`. Raises PatinaError."""
        if tile not in self._made:
            color = None if self.color is None else (*self.color, self.opacity)
            picture = None
            if self.base.file:
                color = (1.0, 1.0, 1.0, self.opacity)  # a picture takes the colour's place
                picture = beside(path, self.base.file.replace(UDIM, str(tile)))
            name = f"{self.name} {tile}" if tile else self.name
            kept = {kind: self._kept(path, kind, tile) for kind in self.maps if kind != "color"}
            made = Material(name, color, picture, self.base.clamps, others=self._others(kept))
            self._made[tile] = mtl_maps.with_opacity(made, kept.get("opacity"))
            self.notes += [
                f"The picture {file} of {self.name} ({statement}) has no place in glTF, and is left out."
                for statement, file in self.left_out.items()
                if len(self._made) == 1 and file != self.base.file
            ]
        return self._made[tile]

    def _others(self, kept: dict[str, bytes | None]) -> Others:
        normal = kept.get("normal")
        if normal is not None and mtl_maps.is_grey(normal):
            self.notes.append(f"The height map of {self.name} is left out; a normal map would be kept.")
            normal = None
        return Others(
            normal=normal,
            normal_scale=self.maps.get("normal", Map()).strength,
            emission_picture=kept.get("emission"),
            emission=self.emission or ((1.0, 1.0, 1.0) if kept.get("emission") else (0.0, 0.0, 0.0)),
            surface=mtl_maps.surface(kept.get("roughness"), kept.get("metallic")),
            roughness=1.0 if kept.get("roughness") else self.roughness,
            metallic=1.0 if kept.get("metallic") else self.metallic,
        )

    def _kept(self, path: Path, kind: str, tile: int) -> bytes | None:
        """Read a picture that is kept, as PNG or JPEG; what cannot be is noted."""
        named = self.maps[kind].file.replace(UDIM, str(tile))
        place, why = named_file(path, named), ""
        if place is None:
            why = "is not there"
        elif self.maps[kind].place != self.base.place:
            why = "is laid otherwise than its colours"
        if place is None or why:
            self.notes.append(f"The picture {named} of {self.name} ({kind}) {why}, and is left out.")
            return None
        return mtl_maps.as_gltf_has_it(read_bytes(place), place.name)

    def take(self, words: list[str], rest: str) -> None:
        """Take in a line of the MTL: its words, and what follows the first."""
        match words[0].lower():
            case "kd" if len(words) >= 4 and words[1] not in ("spectral", "xyz"):
                self.color = _color(words)
            case "ke" if len(words) >= 4 and words[1] not in ("spectral", "xyz"):
                self.emission = _color(words)
            case "d" if words[1] != "-halo":
                self.opacity = _share(words[1])
            case "tr":  # 1 is what old programs write of what is opaque: nobody means to see nothing
                self.opacity = 1 - _share(words[1]) or 1.0
            case "pr":
                self.roughness = _share(words[1])
            case "pm":
                self.metallic = _share(words[1])
            case statement if statement in _KINDS:
                found = _map(rest)
                if found.file:
                    self.maps[_KINDS[statement]] = found
            case "map_aat":  # no picture
                pass
            case statement if statement.startswith("map_") or statement in _WITHOUT_A_PLACE:
                found = _map(rest)
                if found.file:
                    self.left_out[words[0]] = found.file


def _share(word: str) -> float:
    return min(max(float(word), 0.0), 1.0)


def _color(words: list[str]) -> tuple[float, float, float]:
    return _share(words[1]), _share(words[2]), _share(words[3])


def _map(rest: str) -> Map:
    """Read what follows a map's statement: options and a file's name."""
    found = Map()
    while rest.startswith("-"):
        option, _, after = rest.partition(" ")
        values: list[str] = []
        most = _OPTIONS.get(option.lower(), 1)
        while len(values) < most and after:
            word, _, left = after.lstrip().partition(" ")
            if most > 1 and not _NUMBER.match(word):
                break
            values.append(word)
            after = left
        if not after.strip():
            break  # no option then, but a name that begins so
        rest = after.strip()
        found = _obeying(found, option.lower(), values)
    return replace(found, file=rest.strip().strip("\"'"))


def _obeying(found: Map, option: str, values: list[str]) -> Map:
    numbers = [float(value) for value in values if _NUMBER.match(value)]
    if option == "-s" and numbers:
        return replace(found, scale=(numbers[0], numbers[1] if len(numbers) > 1 else 1.0))
    if option == "-o" and numbers:
        return replace(found, offset=(numbers[0], numbers[1] if len(numbers) > 1 else 0.0))
    if option == "-clamp":
        return replace(found, clamps=values == ["on"])
    if option == "-bm" and numbers:
        return replace(found, strength=numbers[0])
    return found


def library(path: Path, names: Sequence[str]) -> tuple[dict[str, Written], list[str]]:
    """Read the materials of the MTLs that the OBJ at `path` names, and notes on those that are not there."""
    found: dict[str, Written] = {}
    notes: list[str] = []
    for name in names:
        whole = [name] if named_file(path, name) else name.split()  # a name with spaces, or several
        for each in whole:
            place = named_file(path, each)
            if place is None:
                notes.append(f"{path.name} names {each}, which is not there: its materials have no colours.")
                continue
            current = None
            for line in text(read_bytes(place)).splitlines():
                words = line.split()
                if not words or words[0].startswith("#"):
                    continue
                rest = line.strip()[len(words[0]) :].strip()
                if words[0] == "newmtl":
                    current = found.setdefault(rest, Written(rest, notes))
                elif current is not None and len(words) > 1:
                    current.take(words, rest)
    return found, notes
