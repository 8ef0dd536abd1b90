"""The farm's page, index.html: each asset before and after, its numbers, and its log where it failed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..web.page import data_uri, script_of, write
from ..writing import write_bytes
from .asset import FAILED, LOG_FILE, Asset, Outcome

PAGE_FILE, MODEL_SCRIPT = "index.html", "model.js"
BEFORE_FILE, AFTER_FILE = "before.webp", "after.webp"
MAX_LOG = 20_000  # characters, the last ones


def write_page(out: Path, assets: Sequence[Asset], outcomes: Mapping[str, Outcome]) -> None:
    """Write the page of the farm in `out`. Raises OSError."""
    write("library.html", [_entry(out, asset, outcomes.get(asset.name)) for asset in assets], out / PAGE_FILE)


def write_model_script(folder: Path, name: str, model: Path) -> None:
    """Write the script by which the page shows the asset's model. Raises OSError."""
    write_bytes(folder / MODEL_SCRIPT, script_of(name, model.read_bytes()).encode("ascii"))


def _entry(out: Path, asset: Asset, outcome: Outcome | None) -> dict[str, Any]:
    entry: dict[str, Any] = {"name": asset.name, "state": "waiting"}
    if outcome is None:
        return entry
    folder = Path(asset.folder)
    entry |= {"state": outcome.state, "seconds": outcome.seconds} | outcome.numbers
    if outcome.state == FAILED:
        return entry | {"error": outcome.error, "cure": outcome.cure, "log": _log(folder)}
    for key, file in (("before", BEFORE_FILE), ("after", AFTER_FILE)):
        if (folder / file).is_file():
            entry[key] = data_uri((folder / file).read_bytes(), "image/webp")
    if (folder / MODEL_SCRIPT).is_file():
        entry["model"] = (folder / MODEL_SCRIPT).relative_to(out).as_posix()
    return entry


def _log(folder: Path) -> str:
    try:
        return (folder / LOG_FILE).read_text(encoding="utf-8", errors="replace")[-MAX_LOG:]
    except OSError:
        return ""
