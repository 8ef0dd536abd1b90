"""The frames of a material that moves as a flip-book: one picture with all of them, played by moving UVs.

Engines know no image sequences, and files for them no animated textures; they know such pictures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import bpy

from ...backend.errors import PatinaError
from ...backend.reading import is_file
from ..keying import Timing, evenly
from . import colorspace, maps, material, sequence

NAME = "Patina Flip-Book"  # of the node that moves the UVs


@dataclass(frozen=True)
class Grid:
    """How frames lie in an atlas: row by row from the top left."""

    frames: int
    columns: int
    rows: int

    def place(self, frame: int) -> tuple[float, float, float]:
        """Where the lower left corner of `frame` is, in UVs of the atlas."""
        row, column = divmod(frame, self.columns)
        return column / self.columns, (self.rows - 1 - row) / self.rows, 0.0


def moving(obj: bpy.types.Object) -> list[bpy.types.Material]:
    """List the stylized materials of `obj` that show one frame after another."""
    worn = dict.fromkeys(pair.stylized for pair in obj.patina.slots if pair.stylized)
    return [each for each in worn if _moves(each)]


def _moves(stylized: bpy.types.Material) -> bool:
    node = material.stylized_node(stylized)
    return node is not None and (node.image.source == "SEQUENCE" or maps.FRAME in stylized.node_tree.nodes)


def timing_of(stylized: bpy.types.Material, scene: bpy.types.Scene) -> tuple[Timing, list[int]]:
    """Read from its keys when which frame of `stylized` shows, also where the artist has moved them."""
    if maps.FRAME in stylized.node_tree.nodes:
        count = len(_blended(stylized))
        length = max(count, scene.frame_end - scene.frame_start + 1)
        starts = [scene.frame_start + k * (length - 1) // (count - 1) for k in range(count)]
        return Timing(tuple(starts)), list(range(count))
    node = maps.patina_node(stylized)
    count = len(sequence.files_of(node.image))
    curves = maps.curves_of(node.image_user, "frame_offset")
    points = sorted((round(at.co[0]), round(at.co[1])) for curve in curves for at in curve.keyframe_points)
    if len(points) < 2:
        return evenly(scene.frame_start, count, 1), list(range(count))
    again = any(modifier.type == "CYCLES" for curve in curves for modifier in curve.modifiers)
    shown = [(offset + 1 - sequence.FIRST) % count for _, offset in points]
    period = points[-1][0] - points[0][0] if again else 0
    kept = points[:-1] if again else points
    return Timing(tuple(frame for frame, _ in kept), period), shown[: len(kept)]


def frames_per_second(timing: Timing, scene: bpy.types.Scene) -> float:
    """How fast frames follow each other, on average."""
    count = len(timing.starts) - (not timing.period)
    return (
        count
        * scene.render.fps
        / scene.render.fps_base
        / (timing.period or timing.starts[-1] - timing.starts[0])
    )


def frames_of(stylized: bpy.types.Material, apart: Path) -> list[Path]:
    """Give the files of the frames that `stylized` shows; packed ones are written into `apart`.

    Raises PatinaError where they are not there.
    """
    files = sequence.files_of(maps.patina_node(stylized).image)
    if maps.FRAME in stylized.node_tree.nodes:
        images = _blended(stylized)
        files = [apart / f"frame_{k:04}.png" for k in range(len(images))]
        for image, file in zip(images, files, strict=True):
            if image.packed_file is not None:
                file.write_bytes(image.packed_file.data)
    missing = next((file for file in files if not is_file(file)), None)
    if not files or missing:
        raise PatinaError(
            f"A frame of {stylized.name} is not there: {missing}.", "Stylize again.", stylized.name
        )
    return files


def _blended(stylized: bpy.types.Material) -> list[bpy.types.Image]:
    """The images that the node FRAME blends, in their order."""
    first, tree = maps.patina_node(stylized), stylized.node_tree
    found, number = [first.image], 2
    labels = {node.label: node for node in tree.nodes if material.is_image(node)}
    while node := labels.get(f"{material.LABEL} {number}"):
        found.append(node.image)
        number += 1
    return found


def play(stylized: bpy.types.Material, file: Path, grid: Grid, timing: Timing, shown: Sequence[int]) -> None:
    """Have `stylized` show the atlas `file` through a Mapping node, whose location is keyed by `timing`.

    UVs wrap within a frame, as they do within a texture.
    """
    image = bpy.data.images.load(str(file), check_existing=True)
    colorspace.assign(image, colorspace.SRGB)
    if bpy.data.filepath:
        image.filepath = bpy.path.relpath(str(file))
    node, tree = maps.patina_node(stylized), stylized.node_tree
    blended = tree.nodes.get(maps.FRAME)
    if blended is not None:
        _unblend(tree, blended, node)
    place = node.inputs["Vector"]
    mapping, within = tree.nodes.new("ShaderNodeMapping"), tree.nodes.new("ShaderNodeVectorMath")
    mapping.name = mapping.label = NAME
    within.operation = "FRACTION"
    if place.is_linked:
        source = place.links[0].from_socket
    else:
        uvs = tree.nodes.new("ShaderNodeUVMap")  # the map that is active for rendering
        uvs.location = (node.location.x - 600, node.location.y - 100)
        source = uvs.outputs["UV"]
    within.location = (node.location.x - 400, node.location.y - 100)
    mapping.location = (node.location.x - 200, node.location.y - 100)
    tree.links.new(source, within.inputs[0])
    tree.links.new(within.outputs["Vector"], mapping.inputs["Vector"])
    tree.links.new(mapping.outputs["Vector"], place)
    mapping.inputs["Scale"].default_value = (1 / grid.columns, 1 / grid.rows, 1)
    node.image = image
    turns = [(start, grid.place(frame)) for start, frame in zip(timing.starts, shown, strict=True)]
    if timing.period:
        turns.append((timing.starts[0] + timing.period, turns[0][1]))
    maps.key(mapping.inputs["Location"], "default_value", turns, turns=True, again=bool(timing.period))


def _unblend(tree: bpy.types.NodeTree, dial: bpy.types.Node, node: bpy.types.Node) -> None:
    """Have the colour of `node` go where the blend of all frames went, and remove what blended them."""
    shares = [link.to_node for link in dial.outputs[0].links]
    mixes = [link.to_node for share in shares for link in share.outputs[0].links]
    last = next(mix for mix in mixes if not any(link.to_node in mixes for link in mix.outputs[2].links))
    others = [mix.inputs[7].links[0].from_node for mix in mixes]
    for link in list(last.outputs[2].links):
        tree.links.new(node.outputs["Color"], link.to_socket)
    for each in (*others, *mixes, *shares, dial):
        tree.nodes.remove(each)
