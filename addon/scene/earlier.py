"""Results that a newer one has taken the place of.

They go with the step that shows the newer one, so that an undo brings them back; else each would stay in
memory until Blender ends. What the artist has changed since, or uses elsewhere, stays.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

import bpy

from . import memory
from .material import SUFFIX


def worn(objects: Iterable[bpy.types.Object]) -> list[bpy.types.Material]:
    """Find the stylized materials that `objects` show or remember."""
    return list(dict.fromkeys(found for obj in objects for found in memory.stylized_materials(obj)))


def remember(materials: Iterable[bpy.types.Material]) -> None:
    """Have stylized materials know how they were made."""
    for stylized in materials:
        stylized.patina.made = _state(stylized)


def remove(materials: Iterable[bpy.types.Material], key: str) -> None:
    """Remove those of `materials` that nothing uses and nobody has changed, and the images that only they
    showed; of these, those alone that have the property `key`."""
    for stylized in materials:
        if _is_used(stylized) or stylized.patina.made != _state(stylized):
            continue
        trees = _trees(stylized.node_tree)
        shown = (getattr(node, "image", None) for tree in trees for node in tree.nodes)
        images = [image for image in dict.fromkeys(shown) if image is not None and key in image]
        bpy.data.materials.remove(stylized)
        for group in trees[1:]:
            if not _is_used(group) and group.name.partition(".")[0].endswith(SUFFIX):
                bpy.data.node_groups.remove(group)
        for image in images:
            if not _is_used(image) and not image.is_dirty:
                bpy.data.images.remove(image)


def _is_used(block: bpy.types.ID) -> bool:
    return bool(block.users or block.library)  # a fake user counts


def _trees(tree: bpy.types.NodeTree) -> list[bpy.types.NodeTree]:
    """`tree` and the groups in it, those around others before these."""
    found = [tree]
    for outer in found:
        inner = (node.node_tree for node in outer.nodes if node.type == "GROUP" and node.node_tree)
        found += [group for group in dict.fromkeys(inner) if group not in found]
    return found


def _state(stylized: bpy.types.Material) -> str:
    """What an artist would see of its nodes: kinds, values and links, as a hash."""
    seen: list[Any] = []
    for tree in _trees(stylized.node_tree):
        seen += [
            (node.name, node.bl_idname, node.mute, [_value(each) for each in node.inputs])
            for node in tree.nodes
        ]
        seen += sorted(
            (link.from_node.name, link.from_socket.identifier, link.to_node.name, link.to_socket.identifier)
            for link in tree.links
        )
    return hashlib.sha256(repr(seen).encode()).hexdigest()


def _value(socket: bpy.types.NodeSocket) -> Any:
    value = getattr(socket, "default_value", None)
    if isinstance(value, bpy.types.ID):
        return value.name
    return tuple(value) if hasattr(value, "__len__") and not isinstance(value, str) else value
