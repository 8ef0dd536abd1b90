"""Which textures an object is painted into: one, or several where it shows several, or has UDIM tiles."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import bpy
import numpy as np

from ...backend.protocol.files import numbered
from . import bake, colorspace, image, material, memory, mesh, room, uvs

SLOW_SECONDS = 3.0  # seconds of baking that are worth a word


@dataclass(frozen=True)
class Texture:
    """One texture of an object: that of the faces with one of `slots`, in one UDIM tile if `udim` is not 0.

    `name` is for messages; `uv_map` the map that its node names, if it does; `image` is the artist's
    own image, by name, where it is one; in this session `image_uid` knows it whatever it is called.
    """

    name: str
    slots: tuple[int, ...]
    uv_map: str | None = None
    udim: int = 0
    image: str = ""
    image_uid: int = 0


@dataclass(frozen=True)
class Source:
    """An object as a job takes it: the arrays of mesh.npz, its textures and what the artist should know.

    `colors` and `cells` belong to the textures: what they show now (baked nodes, where `baked`), and
    the whole-number squares of the UV map that lie in each.
    """

    arrays: dict[str, np.ndarray]
    textures: tuple[Texture, ...]
    colors: tuple[material.BaseColor, ...]
    cells: tuple[tuple[tuple[int, int], ...], ...]
    notes: list[str]


def read(obj: bpy.types.Object, depsgraph: bpy.types.Depsgraph, present: bool = False) -> Source:
    """Read the triangles of `obj`, and plan its textures: of the artist's own, or those that are `present`.

    Raises PatinaError where it cannot be painted.
    """
    material.check_paintable(obj)
    worn_now = [
        place.material if present else memory.original_material(obj, slot)
        for slot, place in enumerate(obj.material_slots)
    ]
    colors = [material.base_color(worn) for worn in worn_now] or [material.BaseColor()]
    colors = room.with_room(obj, depsgraph, colors)
    arrays = mesh.read(obj, depsgraph, [color.uv_map for color in colors])
    slots = arrays.pop("slots")
    textures: list[Texture] = []
    shown: list[material.BaseColor] = []
    cells: list[tuple[tuple[int, int], ...]] = []
    tiles = np.zeros(len(slots), np.int32)
    groups = _groups(colors, slots, arrays["uvs"])
    for group in groups:
        own = np.isin(slots, group)
        of_group = {colors[slot] for slot in group}
        color = colors[group[0]]
        if len(of_group) > 1:
            color = material.BaseColor(uv_map=color.uv_map, baked=True)
        name = obj.name
        if len(groups) > 1:
            worn = memory.original_material(obj, group[0]) if obj.material_slots else None
            name += f", {worn.name}" if worn else ", no material"
        for number, faces in _tiles(arrays["uvs"], own, color):
            tiles[faces] = len(textures)
            cells.append(_cells(arrays["uvs"] if faces.all() else arrays["uvs"][faces], number))
            shown.append(color)
            textures.append(
                Texture(
                    f"{name} {number}" if number else name,
                    tuple(group),
                    color.uv_map,
                    number,
                    color.image.name if color.image else "",
                    color.image.session_uid if color.image else 0,
                )
            )
    if len(textures) > 1:
        arrays["tiles"] = tiles
    notes = uvs.notes(arrays, tiles, obj.name, uv_name(obj, textures[0].uv_map))
    return Source(arrays, tuple(textures), tuple(shown), tuple(cells), notes)


def uv_name(obj: bpy.types.Object, uv_map: str | None) -> str:
    """Name the UV map that `uv_map` (None: the one active for rendering) stands for."""
    return uv_map or next((layer.name for layer in obj.data.uv_layers if layer.active_render), "UVMap")


def _groups(colors: Sequence[material.BaseColor], slots: np.ndarray, corners: np.ndarray) -> list[list[int]]:
    """The slots that share a texture: those of one image; of the others, those that do not overlap."""
    images: dict[object, list[int]] = {}
    others: list[tuple[list[int], np.ndarray]] = []
    used = np.flatnonzero(np.bincount(slots)).tolist()
    plain = [slot for slot in used if not colors[slot].image]
    for slot in used:
        color = colors[slot]
        if color.image:
            images.setdefault((color.image, color.uv_map), []).append(slot)
        elif len(plain) == 1:
            others.append(([slot], np.zeros(0)))
        else:
            covered = uvs.layers(corners[slots == slot]) > 0
            for group, taken in others:
                overlapping = (covered & taken).sum() > uvs.MIN_SHARED_AREA * covered.sum()
                if not overlapping and colors[group[0]].uv_map == color.uv_map:
                    group.append(slot)
                    taken |= covered
                    break
            else:
                others.append(([slot], covered))
    return [*images.values(), *(group for group, _ in others)]


def _tiles(corners: np.ndarray, own: np.ndarray, color: material.BaseColor) -> list[tuple[int, np.ndarray]]:
    """The UDIM tiles of the faces `own` (F,): their numbers, ascending, and faces (F,); else 0 and all."""
    if color.image and color.image.source != "TILED":
        return [(0, own)]
    cells = uvs.cells(corners[own])
    squares, square = uvs.distinct(cells)
    numbers = np.array([uvs.udim(cell) for cell in squares.tolist()])
    if color.image:
        tiled = True
    else:  # without an image, a layout that keeps within several squares can only mean tiles
        least, most = uvs.bounds(corners[own])
        inside = (np.floor(least + 1e-4) == cells).all() and (np.ceil(most - 1e-4) == cells + 1).all()
        tiled = len(numbers) > 1 and bool(numbers.all()) and bool(inside)
    if not tiled:
        return [(0, own)]
    # What lies outside all tiles goes with the first: there is no number for it.
    of_face = np.where(numbers, numbers, 1001)[square]
    found = []
    for number in np.unique(of_face):
        faces = own.copy()
        faces[own] = of_face == number
        found.append((int(number), faces))
    return found


def _cells(corners: np.ndarray, number: int) -> tuple[tuple[int, int], ...]:
    if number:
        return (((number - 1001) % 10, (number - 1001) // 10),)
    return tuple(sorted(uvs.touched(corners)))


def write_contents(
    obj: bpy.types.Object, source: Source, depsgraph: bpy.types.Depsgraph, folder: Path, size: int
) -> list[str | None]:
    """Write what the textures of `source` show now into `folder`; their files' names.

    None for the colour that nobody has chosen. Images keep their size, but small ones whose pixels are shown
    as squares; what is baked gets (size, size).
    Raises PatinaError.
    """
    names: list[str | None] = []
    started = time.perf_counter()
    for index, (texture, color) in enumerate(zip(source.textures, source.colors, strict=True)):
        name = numbered("content.png", index, len(source.textures))
        names.append(name)
        if color.image and (not texture.udim or image.has_tile(color.image, texture.udim)):
            image.save_srgb(color.image, folder / name, texture.udim, size if color.squares else 0)
        elif color.baked or color.image:
            uv_map = uv_name(obj, texture.uv_map)
            colors = bake.bake(obj, depsgraph, uv_map, texture.slots, source.cells[index], size)
            image.write_png(image.linear_to_srgb(colorspace.to_rec709(colors)), folder / name)
        elif np.allclose(color.color, material.DEFAULT_COLOR, atol=1e-4):
            names[-1] = None
        else:
            image.save_color(color.color, folder / name)
    seconds = time.perf_counter() - started
    if seconds > SLOW_SECONDS and any(color.baked for color in source.colors):
        source.notes.append(
            f"Baking the colours of {obj.name} took {seconds:.0f} s, in which Blender stood still: "
            "nodes make them. A smaller texture is quicker."
        )
    return names
