"""One asset of a farm: what becomes of it, as its folder and other processes know it. No torch."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from ..export.inputs import files_of
from ..protocol.choices import VERSION
from ..protocol.parts import Style
from ..reading import read_json
from ..writing import write_bytes

OUTCOME_FILE = "asset.json"
LOG_FILE = "log.txt"
FINISHED, FAILED = "finished", "failed"
DISK_FULL = "disk full"  # no asset's fault: it is not kept
MEMORY = "memory_gb"  # among an outcome's numbers: the most that its job held


@dataclass(frozen=True)
class Asset:
    """A file that is to be painted into a folder. All paths are absolute.

    styles: named by their paths; fields: of its job (see `protocol.job.Job`); outputs: by recipe.OUTPUTS;
    size_mm: of prints; blender: what opens and writes .blend files; cpus: threads that its job gets; goes_on:
    from a checkpoint, where its painter was killed.
    """

    name: str
    source: str
    folder: str
    styles: tuple[Style, ...]
    fields: dict[str, Any]
    outputs: tuple[str, ...] = ()
    keep_uvs: bool = False
    size_mm: float = 80.0
    blender: str = ""
    cpus: int = 2
    online: bool = False
    goes_on: bool = False

    @property
    def is_blend(self) -> bool:
        return Path(self.source).suffix.lower() == ".blend"

    def digest(self) -> str:
        """Compute the SHA-256 of all that its result depends on, the contents of its files included.

        Raises OSError.
        """
        about = asdict(self)
        for where in ("name", "folder", "source", "blender", "online", "goes_on"):
            del about[where]
        about["styles"] = [asdict(style) | {"image": _hash(style.image)} for style in self.styles]
        files = [_hash(str(path)) for path in files_of(Path(self.source))]
        text = json.dumps([VERSION, about, files], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True)
class Outcome:
    """What became of an asset, kept in its folder.

    attempts: that failed, in a row; outputs: their SHA-256, by their names in the folder; numbers: measures
    of the result; where: the machine.
    """

    state: str
    digest: str = ""
    attempts: int = 0
    seconds: float = 0.0
    outputs: dict[str, str] = field(default_factory=dict)
    numbers: dict[str, float] = field(default_factory=dict)
    error: str = ""
    cure: str = ""
    where: str = ""


def to_json(asset: Asset) -> str:
    """Write `asset` as one line."""
    return json.dumps(asdict(asset))


def from_json(text: str) -> Asset:
    """Read an asset that `to_json` wrote."""
    known = json.loads(text)
    styles = [
        Style(one["image"], one["weight"], one["crop"] and tuple(one["crop"])) for one in known["styles"]
    ]
    return Asset(**(known | {"styles": tuple(styles), "outputs": tuple(known["outputs"])}))


def outcome_from_json(text: str) -> Outcome:
    """Read an outcome. Raises ValueError or TypeError for what is none."""
    return Outcome(**json.loads(text))


def read_outcome(folder: Path) -> Outcome | None:
    """Read what became of the asset whose folder this is, or None: nothing yet."""
    try:
        return Outcome(**read_json(folder / OUTCOME_FILE))
    except (OSError, ValueError, TypeError):
        return None


def write_outcome(folder: Path, outcome: Outcome) -> None:
    """Keep `outcome` in the asset's folder. Raises OSError."""
    write_bytes(folder / OUTCOME_FILE, (json.dumps(asdict(outcome), indent=2) + "\n").encode())


def hashes(paths: Iterable[Path]) -> dict[str, str]:
    """Compute the SHA-256 of files, by their names. Raises OSError."""
    return {path.name: _hash_now(path) for path in paths}


def is_whole(outcome: Outcome, folder: Path) -> bool:
    """Whether all that the outcome names is there."""
    return outcome.state == FINISHED and all((folder / name).is_file() for name in outcome.outputs)


def _hash_now(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


@cache  # styles are those of thousands
def _hash(path: str) -> str:
    return _hash_now(Path(path))
