"""A style as an asset: what the panel is set to, by which an object is painted that it is dragged onto.

Blender lets node groups for geometry be dragged onto objects, as a modifier. Ours changes no geometry, holds
the settings as JSON and the artist's own picture, and is taken off again by what it starts.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import bpy
import numpy as np

from ..backend.errors import PatinaError, readable
from ..backend.writing import write_bytes
from . import asset_browser, folders, settings, styles

SETTINGS_KEY, PICTURE_KEY = "patina_style", "patina_picture"  # of the node group
SIDE = 256  # pixels of a preview, at most
MAX_SETTINGS = 100_000  # characters


def mark(group: bpy.types.PropertyGroup) -> bpy.types.NodeTree:
    """Make an asset of the panel's settings `group`. Raises PatinaError for a picture that is not there."""
    path = Path(bpy.path.abspath(group.style_file))
    if group.style != styles.OWN_IMAGE:
        path = styles.path(group.style)
    try:
        picture = bpy.data.images.load(str(path))
    except RuntimeError:
        raise PatinaError(f"The picture {path} cannot be read.", "Choose another.", "style") from None
    record = settings.dump(group)
    tags = asset_browser.tags_of(record)
    tree = _empty(f"Style {tags[0] if tags else readable(path.stem)}")
    tree[SETTINGS_KEY] = json.dumps(record)
    tree.asset_mark()
    asset_browser.describe(tree.asset_data, record)
    shown = picture.copy()
    width, height = shown.size
    scale = min(1.0, SIDE / max(width, height))
    shown.scale(max(1, round(width * scale)), max(1, round(height * scale)))
    preview = tree.preview_ensure()
    preview.image_size = shown.size
    pixels = np.empty(4 * shown.size[0] * shown.size[1], np.float32)
    shown.pixels.foreach_get(pixels)
    preview.image_pixels_float.foreach_set(pixels)
    bpy.data.images.remove(shown)
    if group.style == styles.OWN_IMAGE:
        picture.pack()
        tree[PICTURE_KEY] = picture
    else:
        bpy.data.images.remove(picture)
    return tree


def _empty(name: str) -> bpy.types.NodeTree:
    """A modifier that gives the geometry as it comes."""
    tree = bpy.data.node_groups.new(name, "GeometryNodeTree")
    for way in ("INPUT", "OUTPUT"):
        tree.interface.new_socket("Geometry", in_out=way, socket_type="NodeSocketGeometry")
    ends = tree.nodes.new("NodeGroupInput"), tree.nodes.new("NodeGroupOutput")
    tree.links.new(ends[0].outputs[0], ends[1].inputs[0])
    tree.is_modifier = True
    return tree


def settings_of(tree: bpy.types.NodeTree) -> dict[str, object]:
    """Read what a style asset says; its picture is written to the user's folder. Raises PatinaError."""
    try:
        record = json.loads(str(tree[SETTINGS_KEY])[:MAX_SETTINGS])
        if not isinstance(record, dict):
            raise ValueError
        known = set(bpy.context.scene.patina.bl_rna.properties.keys()) - {"name", "rna_type"}
        values = {name: value for name, value in record.items() if name in known}
        picture = tree.get(PICTURE_KEY)
        if isinstance(picture, bpy.types.Image) and picture.packed_file:
            data = bytes(picture.packed_file.data)
            name = hashlib.sha256(data).hexdigest()[:16] + Path(picture.filepath).suffix.lower()[:6]
            path = folders.user_file("style_pictures") / name
            path.parent.mkdir(parents=True, exist_ok=True)
            write_bytes(path, data)
            values["style_file"] = str(path)
    except (ValueError, OSError, RecursionError) as error:
        raise PatinaError(f"The style asset {tree.name} cannot be read: {error}.", "Make it again.") from None
    return values


def dropped(obj: bpy.types.Object) -> list[bpy.types.Modifier]:
    """List the modifiers of `obj` that are styles dragged onto it."""
    return [
        modifier
        for modifier in obj.modifiers
        if modifier.type == "NODES" and modifier.node_group and SETTINGS_KEY in modifier.node_group
    ]
