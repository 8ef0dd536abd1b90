"""The soft proof: stylized objects show how their colours may come out in print, until switched back."""

from __future__ import annotations

from collections.abc import Iterator

import bpy
import numpy as np

from ...backend.export.color import soft_proof
from ..scene import material as materials

_ORIGINAL = "patina_unproofed"  # on a node: the image that it shows when there is no proof
_ROWS = 256  # at a time: colour conversion needs several times the image's memory


def unproofed(node: bpy.types.Node) -> bpy.types.Image:
    """The image that an image node stands for, proof or not."""
    return node.get(_ORIGINAL) or node.image


def stylized_nodes(objects: list[bpy.types.Object]) -> Iterator[bpy.types.Node]:
    """The image nodes that colour the stylized materials of `objects`."""
    seen = set()
    for obj in objects:
        for pair in obj.patina.slots:
            if not pair.stylized or pair.stylized in seen:
                continue
            seen.add(pair.stylized)
            node = materials.stylized_node(pair.stylized)
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
    proof = image.copy()
    proof.name = f"{image.name} Proof"
    width, height = image.size
    pixels = np.empty((height, width, image.channels), np.float32)
    image.pixels.foreach_get(pixels.ravel())
    for row in range(0, height, _ROWS):
        pixels[row : row + _ROWS, :, :3] = soft_proof(pixels[row : row + _ROWS, :, :3])
    proof.pixels.foreach_set(pixels.ravel())
    proof.pack()
    return proof
