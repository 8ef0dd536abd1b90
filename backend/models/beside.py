"""Files that a model names, as its format's programs write them: found where the model lies, or below."""

from __future__ import annotations

from pathlib import Path

from ..errors import PatinaError
from ..reading import read_bytes, read_within, within


def named_file(model: Path, name: str) -> Path | None:
    """Find the file in the model's folder, or below, that it calls `name`; None if there is none.

    Backslashes part folders too, case does not matter, and a path from somebody else's disk is looked for by
    its last part beside the model.
    """
    name = name.strip().strip("\"'").replace("\\", "/")
    for wanted in (name, name.rpartition("/")[2]):
        place = within(model.parent, wanted)
        if place is not None and place.is_file():
            return place
        found = _ignoring_case(model.parent, wanted)
        if found is not None:
            return found
    return None


def _ignoring_case(folder: Path, name: str) -> Path | None:
    if name.startswith("/"):
        return None
    for part in name.split("/"):
        if part in ("", "."):
            continue
        try:
            same = [entry for entry in folder.iterdir() if entry.name.casefold() == part.casefold()]
        except OSError:
            return None
        if len(same) != 1 or same[0].is_symlink():
            return None
        folder = same[0]
    return folder if folder.is_file() else None


def beside(model: Path, name: str) -> bytes:
    """Read the bytes of the picture that the model calls `name`. Raises PatinaError naming it."""
    place = named_file(model, name)
    if place is not None:
        return read_bytes(place)
    wanted = name.strip().strip("\"'").replace("\\", "/")
    try:
        return read_within(model.parent, wanted, "model")
    except OSError:
        raise PatinaError(
            f"{model.name} names the picture {wanted}, which is not there.",
            "Put it where the model is, or take it out of the material.",
            "model",
        ) from None
