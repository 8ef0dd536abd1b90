"""The soft proof: stylized objects show how their colours may come out in print, until switched back."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import bpy

from ...backend.export.color import soft_proof
from ..scene import colorspace, memory, result
from ..scene import image as images
from ..scene import material as materials

_ORIGINAL = "patina_unproofed"  # on a node: the image that it shows when there is no proof
_ROWS = 256  # at a time: colour conversion needs several times the image's memory


def unproofed(node: bpy.types.Node) -> bpy.types.Image:
    """Find the image that an image node stands for, proof or not."""
    return node.get(_ORIGINAL) or node.image


def stylized_nodes(objects: list[bpy.types.Object]) -> Iterator[bpy.types.Node]:
    """List the image nodes that colour the stylized materials of `objects`."""
    worn = [stylized for obj in objects for stylized in memory.stylized_materials(obj)]
    for stylized in dict.fromkeys(worn):
        node = materials.stylized_node(stylized)
        if node:
            yield node


def is_on(objects: list[bpy.types.Object]) -> bool:
    """Whether any of `objects` shows a proof."""
    return any(_ORIGINAL in node for node in stylized_nodes(objects))


def switch(objects: list[bpy.types.Object], on: bool) -> None:
    """Show proofs on `objects`, or their own images again."""
    for node in stylized_nodes(objects):
        if on and _ORIGINAL not in node:
            original = node.image
            node.image = _proofed(original)
            node[_ORIGINAL] = original
        elif not on and _ORIGINAL in node:
            proof, node.image = node.image, node[_ORIGINAL]
            del node[_ORIGINAL]
            if not bpy.data.user_map(subset={proof})[proof]:  # `users` lags behind in Blender 4.2
                bpy.data.images.remove(proof)


def _proofed(image: bpy.types.Image) -> bpy.types.Image:
    """A packed copy of a colour `image` as it may look in print."""
    name = f"{image.name} Proof"
    with tempfile.TemporaryDirectory(prefix="patina-proof-", ignore_cleanup_errors=True) as folder:
        if image.source != "TILED":
            file = Path(folder, "proof.png")
            _write_proof(image, file)
            return result.load_packed(file, name)
        if image.is_dirty:
            image.pack()  # what was painted on tiles can be read from files alone
        files = {}
        for number in [tile.number for tile in image.tiles]:
            files[number] = Path(folder, f"proof_{number}.png")
            with images.tile(image, number, files[number].with_suffix(".tile")) as alone:
                _write_proof(alone, files[number])
        return result.load_tiles(files, name)


def _write_proof(image: bpy.types.Image, file: Path) -> None:
    pixels = images.read_pixels(image)
    if pixels.shape[2] < 3:
        pixels = pixels[..., :1].repeat(3, axis=2)
    if image.is_float:
        pixels[..., :3] = images.linear_to_srgb(colorspace.to_rec709(pixels[..., :3]))
    for row in range(0, len(pixels), _ROWS):
        pixels[row : row + _ROWS, :, :3] = soft_proof(pixels[row : row + _ROWS, :, :3])
    images.write_png(pixels, file)
