"""Settings given for one job, by an operator's properties or by a script. The panel keeps its own."""

# No `from __future__ import annotations` here: see `properties`.

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import bpy

from ..backend.errors import PatinaError
from .settings import dump, restore

INSIDE = "__"  # in an operator's `target__layer`, which is the `layer` of the group `target`


def properties_of(*groups: type) -> dict[str, Any]:
    """List the properties of `groups`, as an operator has them: none is kept from one call to the next.

    Operators hold neither groups nor data-blocks: those of the former stand for themselves, by names with
    INSIDE; the latter go by their names.
    """
    found: dict[str, Any] = {}
    for group in groups:
        for cls in reversed(group.__mro__):
            for name, prop in vars(cls).get("__annotations__", {}).items():
                kind = prop.keywords.get("type") if prop.function is bpy.props.PointerProperty else None
                if kind is not None and issubclass(kind, bpy.types.PropertyGroup):
                    found |= {name + INSIDE + inner: one for inner, one in properties_of(kind).items()}
                elif "get" not in prop.keywords:
                    found[name] = _for_operator(prop)
    return found


def _for_operator(prop: Any) -> Any:
    words = {key: prop.keywords[key] for key in prop.keywords if key not in ("update", "override")}
    words["options"] = {"SKIP_SAVE"} | ({"ENUM_FLAG"} & set(words.get("options", ())))
    if prop.function is not bpy.props.PointerProperty:
        return prop.function(**words)
    return bpy.props.StringProperty(name=words.get("name", ""), description=words.get("description", ""))


def of_operator(operator: bpy.types.Operator) -> dict[str, Any]:
    """Read the properties that a call has set, those of a group in a record of its own."""
    record = dump(operator.properties)
    found: dict[str, Any] = {}
    for name, value in record.items():
        if operator.properties.is_property_set(name):
            group, _, inner = name.rpartition(INSIDE)
            if group:
                found.setdefault(group, {})[inner] = value
            else:
                found[name] = value
    return found


@contextmanager
def given(group: bpy.types.PropertyGroup, values: Mapping[str, Any], anew: bool = False) -> Iterator[None]:
    """Set `values` in `group` for a while; `anew`: and all else to what it is at first.

    A group inside takes a record; a data-block may be named. What `group` has no property for is left to
    others. Raises PatinaError for a value that cannot be set.
    """
    blocks = [prop.identifier for prop in group.bl_rna.properties if _is_block(prop)]
    before = dump(group), {name: getattr(group, name) for name in blocks}
    try:
        if anew:
            _unset(group)
        for name in group.bl_rna.properties.keys():  # noqa: SIM118, in their order: some set others
            if name in values:
                _set(group, name, values[name])
        yield
    finally:
        restore(group, before[0])
        for name, block in before[1].items():
            setattr(group, name, block)


def _is_block(prop: Any) -> bool:
    return prop.type == "POINTER" and issubclass(
        getattr(bpy.types, prop.fixed_type.identifier, object), bpy.types.ID
    )


def _unset(group: bpy.types.PropertyGroup) -> None:
    for prop in group.bl_rna.properties:
        if prop.identifier != "rna_type":
            group.property_unset(prop.identifier)


def _set(group: bpy.types.PropertyGroup, name: str, value: Any) -> None:
    prop = group.bl_rna.properties[name]
    if _is_block(prop):
        setattr(group, name, _block(prop, name, value))
        return
    if prop.type == "ENUM" and isinstance(value, int):  # the sizes of textures are words
        value = str(value)
    if restore(group, {name: value}):
        allowed = [item.identifier for item in prop.enum_items] if prop.type == "ENUM" else []
        cure = f"Use one of: {', '.join(allowed)}." if allowed else f"It is: {prop.description}"
        raise PatinaError(f"{name} cannot be {value!r:.100}.", cure, name)


def _block(prop: Any, name: str, value: Any) -> Any:
    """The data-block that `value` is, or names. Raises PatinaError for what is none of that kind."""
    kind = prop.fixed_type.identifier
    if value is None or value == "" or isinstance(value, getattr(bpy.types, kind)):
        return value or None
    if not isinstance(value, str):
        raise PatinaError(f"{name} cannot be {value!r:.100}.", f"Give one of kind {kind}, or its name.", name)
    blocks = bpy.data.images if kind == "Image" else bpy.data.objects
    if value not in blocks:
        raise PatinaError(f"{name} names {value!r}, which is not in this file.", "Name one that is.", name)
    return blocks[value]
