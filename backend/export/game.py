"""A GLB as a game engine wants it: textures capped, powers of two, with gutters for every mip level."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import trimesh
from PIL import Image

from ..errors import PatinaError
from ..models import gltf, texture_uses
from ..models.arrays import Floats, Mask
from ..models.parts import check_uvs
from ..pictures.decode import shallow
from ..pictures.door import opened
from . import gutters
from .encode import png
from .model import Model, read_image, read_model

FORMATS = ("png", "jpeg", "webp")
MAX_TEXELS = 2048  # along a side
STRIP = 1 << 20  # texels at a time
_COLOR_SLOTS = ("baseColorTexture", "emissiveTexture", "diffuseTexture")


def game_glb(path: Path, texture: Path | None, most: int, format: str) -> tuple[bytes, list[dict[str, Any]]]:
    """Write the model at `path` as one GLB; gives it, and what was done to each of its textures.

    A glTF keeps everything else it has: skeleton, animations, materials, extensions. `texture` replaces
    the base colour. Colours are written in `format`; normals and other data without loss.
    """
    try:
        return _game_glb(path, texture, most, format)
    except (PatinaError, MemoryError):
        raise
    except Exception as error:  # a file that contradicts itself is stumbled over in many ways
        raise PatinaError(
            f"{path.name} cannot be read: {str(error) or type(error).__name__}.",
            "Export it again from where it came from.",
            "model",
        ) from error


def _game_glb(path: Path, texture: Path | None, most: int, format: str) -> tuple[bytes, list[dict[str, Any]]]:
    if path.suffix.lower() in (".glb", ".gltf"):
        model = gltf.read(path)
    else:
        model = gltf.parse(to_glb(read_model(path, texture)), path.parent)
        texture = None
    uses: dict[int, list[texture_uses.Slot]] = {}
    for slot in texture_uses.slots(model):
        uses.setdefault(slot.image, []).append(slot)
    done = []
    for index, slots in uses.items():
        is_color = any(slot.name in _COLOR_SLOTS for slot in slots)
        is_base = any(slot.name == "baseColorTexture" for slot in slots)
        if texture is not None and is_base:
            image = read_image(texture)
        else:
            named = f"Picture {index} of {path.name}"
            with opened(gltf.picture_bytes(model, index), named, "model") as image:
                image.load()
        transparent = any(
            model.tree["materials"][slot.material].get("alphaMode", "OPAQUE") != "OPAQUE" for slot in slots
        )
        has_alpha = "A" in image.getbands() and (
            transparent or not is_base
        )  # others may mean something by it
        image = shallow(image).convert("RGBA" if has_alpha else "RGB")
        uvs = texture_uses.uvs_of(model, slots) * (1, -1) + (0, 1)
        check_uvs(uvs, path.name)
        image, bleed = prepare(image, uvs, most)
        data, mime = _encode(image, format if is_color else "webp" if format == "webp" else "png", is_color)
        gltf.set_image(model, index, data, mime)
        done.append({"image": index, "size": list(image.size), "format": mime, "bleed": bleed})
    texture_uses.mark_webp(model)
    return gltf.write(model), done


def prepare(image: Image.Image, uvs: Floats, most: int) -> tuple[Image.Image, list[float]]:
    """Give `image` gutters under `uvs` (F, 3, 2), v up, and sides that are powers of two up to `most`.

    Gives its bleed, too: gutters.bleed in steps of 255, mip level by mip level.
    """
    size = gutters.engine_size(*image.size, most)
    image, mask = _coarser(image, gutters.coverage(uvs, *image.size), size)
    image = _filled(image, mask)
    if size != image.size:
        mask = gutters.coverage(uvs, *size)
        image = _filled(image.resize(size, Image.Resampling.LANCZOS), mask)
    return image, [round(b, 2) for b in gutters.bleed(np.asarray(image, np.float32), mask)]


def _coarser(image: Image.Image, mask: Mask, size: tuple[int, int]) -> tuple[Image.Image, Mask]:
    """Average used texels of an image that has more than twice the sides of `size`, which takes memory else.

    Whole blocks of texels become one; what is left has at least twice the sides, for a better filter.
    """
    width, height = image.size
    most = min(width // (2 * size[0]), height // (2 * size[1]))
    times = next((t for t in range(most, 1, -1) if width % t == height % t == 0), 1)
    if times == 1:
        return image, mask
    found = np.empty((height // times, width // times, len(image.getbands())), np.uint8)
    rows = times * max(1, STRIP // (times * width))
    for top in range(0, height, rows):
        below = min(height, top + rows)
        texels = np.asarray(image.crop((0, top, width, below)), np.float32)
        weights = mask[top:below, :, None].astype(np.float32)
        shape = (-1, times, width // times, times)
        share = weights.reshape(*shape, 1).mean((1, 3))
        used = (texels * weights).reshape(*shape, texels.shape[2]).mean((1, 3))
        found[top // times : below // times] = np.round(used / np.maximum(share, 1e-6))
    blocks = mask.reshape(-1, times, width // times, times)
    return Image.fromarray(found, image.mode), np.asarray(blocks.any((1, 3)))


def _filled(image: Image.Image, mask: Mask) -> Image.Image:
    pixels = gutters.fill(np.asarray(image, np.float32), mask)
    return Image.fromarray(np.round(pixels).astype(np.uint8), image.mode)


def _encode(image: Image.Image, format: str, is_color: bool) -> tuple[bytes, str]:
    if format == "png" or (format == "jpeg" and image.mode == "RGBA"):  # JPEG has no alpha
        return png(image), "image/png"
    buffer = io.BytesIO()
    if format == "jpeg":
        image.save(buffer, "JPEG", quality=92, subsampling=0)
    else:
        image.save(buffer, "WEBP", quality=90, lossless=not is_color)
    return buffer.getvalue(), f"image/{format}"


def to_glb(model: Model) -> bytes:
    """Encode a still GLB of a model that was no glTF: Y up, one primitive a texture."""
    scene = trimesh.Scene()
    vertices = model.vertices[:, [0, 2, 1]] * (1, 1, -1)
    for i, picture in enumerate(model.textures):
        here = model.texture_of == i
        if not here.any():
            continue
        corners = np.concatenate((model.faces[here].reshape(-1, 1), model.uvs[here].reshape(-1, 2)), axis=1)
        corners, index = np.unique(corners, axis=0, return_inverse=True)
        material = trimesh.visual.material.PBRMaterial(
            baseColorTexture=picture, metallicFactor=0.0, roughnessFactor=1.0
        )
        mesh = trimesh.Trimesh(
            vertices[corners[:, 0].astype(int)],
            index.reshape(-1, 3),
            visual=trimesh.visual.TextureVisuals(corners[:, 1:], material=material),
            process=False,
        )
        scene.add_geometry(mesh, geom_name=f"{model.name}-{i}")
    return bytes(scene.export(file_type="glb", include_normals=True))
