"""The maps of whole materials as engines want them: several in the channels of one picture, beside the model.

Unreal reads occlusion, roughness and metalness from red, green and blue (ORM); Unity metalness from red, and
how smooth a surface is from alpha.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import bpy
import numpy as np

from ..scene import nodes
from .presets import file_stem
from .textures import read_pixels, resized, write_deep, written_to

# From roughness and metalness, both (H, W), to the picture (H, W, 4).
Packing = Callable[[np.ndarray, np.ndarray], np.ndarray]


def _orm(roughness: np.ndarray, metalness: np.ndarray) -> np.ndarray:
    open_sky = np.ones_like(roughness)
    return np.stack([open_sky, roughness, metalness, open_sky], -1)


def _smoothness(roughness: np.ndarray, metalness: np.ndarray) -> np.ndarray:
    return np.stack([metalness, metalness, metalness, 1 - roughness], -1)


PACKINGS: Mapping[str, Packing] = {"ORM": _orm, "MetallicSmoothness": _smoothness}


def write_packed(
    stylized: bpy.types.Material,
    written: Mapping[bpy.types.Image, Path],
    packing: str,
    folder: Path,
) -> Path | None:
    """Write the picture that `packing`, of PACKINGS, makes of a material's maps; None: it has no map of them.

    written: the files that the material's images are exported as. A map that it has not is the shader's
    number. It has 16 bits where one of its maps has more than 8. Raises PatinaError.
    """
    read = {name: _map_of(stylized, name, written) for name in ("Roughness", "Metallic")}
    found = {name: values for name, (values, _) in read.items()}
    sides = [found[name].shape for name in found if found[name].size > 1]
    if not sides:
        return None
    height, width = max(sides)
    roughness, metalness = (
        np.full((height, width), each) if each.size == 1 else resized(each[..., None], width, height)[..., 0]
        for each in found.values()
    )
    path = folder / f"{file_stem(stylized.name).replace(' ', '_')}_{packing}.png"
    pixels = PACKINGS[packing](roughness, metalness)
    if any(is_deep for _, is_deep in read.values()):
        write_deep(pixels, path)
    else:
        _save(pixels, path)
    return path


def _map_of(
    stylized: bpy.types.Material, name: str, written: Mapping[bpy.types.Image, Path]
) -> tuple[np.ndarray, bool]:
    """The map (H, W) that the material's shader reads by an input, or its number (1, 1).

    And whether it has more than 8 bits.
    """
    shaders = [node for node in stylized.node_tree.nodes if node.type == "BSDF_PRINCIPLED"]
    for shader in shaders:
        into = shader.inputs[name]
        (_, output), channel = nodes.origin(nodes.Input(into)), 0
        if output is not None and output.node.type in ("SEPARATE_COLOR", "SEPRGB"):  # one of a packed picture
            channel = list(output.node.outputs).index(output)
            _, output = nodes.origin(nodes.Input(output.node.inputs[0]))
        source = None if output is None else output.node
        path = written.get(source.image) if source is not None and source.type == "TEX_IMAGE" else None
        if path is None:
            return np.array([[into.default_value]], np.float32), False
        image = bpy.data.images.load(str(path), check_existing=False)
        image.colorspace_settings.name = "Non-Color"
        try:
            return read_pixels(image)[..., channel], image.is_float
        finally:
            bpy.data.images.remove(image)
    return np.array([[0.5 if name == "Roughness" else 0.0]], np.float32), False


def _save(pixels: np.ndarray, path: Path) -> None:
    with written_to(path, pixels, alpha=True, is_data=True) as image:
        image.alpha_mode = "CHANNEL_PACKED"  # alpha is a map, too
        image.file_format = "PNG"
        image.save(filepath=str(path))
