"""Textures and members as JSON in jobs' folders, read with care: those files may hold anything."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from .textures import Texture

MOST_SLOTS = 32767  # Blender has no more


def of_texture(texture: Texture) -> dict[str, Any]:
    """What later sessions may know of `texture`: numbers of this one mean others there."""
    known = asdict(texture)
    del known["image_uid"]
    return known


def texture(record: Any) -> Texture:
    """The texture that `record` is. Raises ValueError for what is none."""
    known = {"name": str, "uv_map": str | None, "udim": int, "image": str}
    if not isinstance(record, dict) or not set(record) <= {*known, "slots"}:
        raise ValueError("a texture's record is none")
    if not all(isinstance(record[key], known[key]) for key in known if key in record) or "name" not in record:
        raise ValueError("a texture's record has other types")
    return Texture(**(record | {"slots": whole_numbers(record.get("slots"))}))


def whole_numbers(value: Any) -> tuple[int, ...]:
    """A list of slots or tiles. Raises ValueError for what is none."""
    if not isinstance(value, list) or not all(type(n) is int and 0 <= n <= MOST_SLOTS for n in value):
        raise ValueError("a list of numbers is none")
    return tuple(value)
