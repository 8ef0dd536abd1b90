"""A group of properties ↔ a record that JSON can hold, so that a result remembers what the artist set."""

from __future__ import annotations

from typing import Any

import bpy

MAX_ITEMS = 64  # of a list in a record
_IGNORED = ("rna_type", "bl_rna")


def dump(group: bpy.types.PropertyGroup) -> dict[str, Any]:
    """Record all that `group` and the groups inside it hold; data-blocks are left out."""
    record: dict[str, Any] = {}
    for prop in group.bl_rna.properties:
        name = prop.identifier
        value = getattr(group, name)
        if name in _IGNORED:
            continue
        if prop.type == "COLLECTION":
            record[name] = [dump(item) for item in value]
        elif prop.type == "POINTER":
            if isinstance(value, bpy.types.PropertyGroup):
                record[name] = dump(value)
        elif prop.is_readonly or prop.is_hidden:
            continue
        elif prop.type == "ENUM" and prop.is_enum_flag:
            record[name] = sorted(value)
        elif getattr(prop, "is_array", False):
            record[name] = list(value)
        else:
            record[name] = value
    return record


def _check_size(value: Any) -> None:
    """Raise OverflowError for numbers that Blender has no room for: of those in lists it tells too late."""
    for number in value if isinstance(value, list) else [value]:
        if isinstance(number, int):
            float(number)


def restore(group: bpy.types.PropertyGroup, record: dict[str, Any]) -> list[str]:
    """Set in `group` what `record` knows of; gives the names of what cannot be set any more.

    The record may come from a file that somebody else made: what is in it may be anything.
    """
    lost = []
    # Blender itself stumbles over a name with half a character in it.
    known = {prop.identifier: prop for prop in group.bl_rna.properties}
    for name, value in record.items():
        prop = known.get(name)
        try:
            if prop is None or name in _IGNORED:
                raise ValueError(name)
            if prop.type == "COLLECTION":
                if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
                    raise TypeError(name)
                items = getattr(group, name)
                items.clear()
                for item in value[:MAX_ITEMS]:
                    lost += restore(items.add(), item)
            elif prop.type == "POINTER":
                inner = getattr(group, name)
                if not isinstance(inner, bpy.types.PropertyGroup) or not isinstance(value, dict):
                    raise TypeError(name)  # data-blocks are nobody's settings
                lost += restore(inner, value)
            else:
                _check_size(value)
                setattr(group, name, set(value) if prop.type == "ENUM" and prop.is_enum_flag else value)
        except (TypeError, ValueError, AttributeError, OverflowError):
            lost.append(name)
    return lost
