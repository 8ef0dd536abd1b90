"""A model read for export: one welded mesh, its UVs per corner, its base-colour textures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import trimesh
from PIL import Image

from ..errors import PatinaError
from ..models import files, gltf
from ..models.arrays import Floats, Ints
from ..models.looks import sample
from ..models.parts import Part, read_parts, z_up
from ..models.srgb import from_linear
from ..models.textures import Pictures, baked, places_for, repeating
from ..pictures.decode import shallow
from ..pictures.door import opened

MAX_OFFSET = 100  # times its size: a model so far from the origin is moved there
BAKED_SIDE = 2048  # texels along the side of a picture that colours are baked into


@dataclass(frozen=True)
class Model:
    """vertices (V, 3), no two alike; faces (F, 3) into them; uvs (F, 3, 2), v up;
    texture_of (F,) into textures, RGB images whose row 0 is v = 1. Z points up."""

    name: str
    vertices: Floats
    faces: Ints
    uvs: Floats
    texture_of: Ints
    textures: tuple[Image.Image, ...]

    @property
    def mesh(self) -> trimesh.Trimesh:
        """The bare surface, for trimesh's own tools."""
        return trimesh.Trimesh(self.vertices, self.faces, process=False)

    @property
    def colored(self) -> bool:
        """Whether there is a picture on it, not just one colour a part."""
        return any(max(texture.size) > 1 for texture in self.textures)


def read_model(path: Path, texture: Path | None = None) -> Model:
    """Read a GLB, glTF, OBJ, PLY or a job's mesh.npz; `texture` replaces whatever picture the file has.

    Colours of vertices, and pictures whose ends are seen, are baked. A skinned mesh is read as it was
    modelled, without its skeleton's pose. Raises PatinaError naming the file.
    """
    path = Path(path)
    picture = read_image(texture) if texture else None
    model = files.read(path)
    try:
        return _welded(path, model, read_parts(model), picture)
    except (PatinaError, MemoryError):
        raise
    except Exception as error:  # a file that contradicts itself is stumbled over in many ways
        why = str(error) or type(error).__name__
        raise PatinaError(
            f"{path.name} cannot be read: {why}.", "Export it again from where it came from.", "model"
        ) from error


def read_image(path: Path) -> Image.Image:
    """Load a picture of any format that `door` has, whole. Raises PatinaError naming the file."""
    with opened(path, f"The picture {path}", "texture") as image:
        image.load()
        return image


def flat(image: Image.Image) -> Image.Image:
    """Drop alpha, which no printer has: what is transparent becomes white, as paper."""
    image = shallow(image)
    if "A" in image.getbands() or "transparency" in image.info:
        image = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    return image.convert("RGB")


def _welded(path: Path, model: gltf.Gltf, parts: Sequence[Part], picture: Image.Image | None) -> Model:
    """One mesh of all parts, corners at the same place (as 32-bit numbers) made one vertex."""
    uvs, texture_of, shown = _textures(model, parts, picture)
    corners = z_up(np.concatenate([part.vertices[part.faces] for part in parts]))
    low, high = corners.reshape(-1, 3).min(0), corners.reshape(-1, 3).max(0)
    if np.abs(corners).max() > MAX_OFFSET * (high - low).max():  # where 32 bits do not tell places apart
        corners = corners - (low + high) / 2
    places, index = np.unique(corners.reshape(-1, 3).astype(np.float32), axis=0, return_inverse=True)
    faces = index.reshape(-1, 3)
    whole = (faces != np.roll(faces, 1, axis=1)).all(axis=1)  # a triangle with one place twice has no area
    if not whole.any() or not np.ptp(places, axis=0).any():
        raise PatinaError(
            f"{path.name} has no surface: all its faces are points or lines.",
            "Export a mesh with faces.",
            "model",
        )
    return Model(path.stem, places.astype(float), faces[whole], uvs[whole], texture_of[whole], shown)


def _textures(
    model: gltf.Gltf, parts: Sequence[Part], picture: Image.Image | None
) -> tuple[Floats, Ints, tuple[Image.Image, ...]]:
    """UVs (F, 3, 2) of all parts, textures by face (F,), and these. `picture`: for whatever has UVs."""
    pictures = Pictures(model, None)
    uvs: list[Floats] = [np.zeros((len(part.faces), 3, 2)) for part in parts]
    chosen: dict[object, Image.Image] = {}
    keys: list[object] = []
    to_bake = []
    for index, part in enumerate(parts):
        laid = repeating(part)
        if picture is not None and part.uvs is not None:
            uvs[index] = part.uvs
            keys.append("picture")
            chosen["picture"] = flat(picture)
        elif part.colors is None and part.look.image is None:
            color = tuple(np.round(from_linear(part.look.factor[:3]) * 255).astype(int))
            uvs[index] = part.uvs if part.uvs is not None else uvs[index]
            keys.append(color)
            chosen[color] = Image.new("RGB", (1, 1), color)
        elif part.colors is None and laid is not None:
            uvs[index] = laid
            keys.append((part.look.image, *part.look.factor))
            if keys[-1] not in chosen:
                chosen[keys[-1]] = flat(pictures.shown(part.look))
        else:
            keys.append("baked")
            to_bake.append(index)
    if to_bake:
        rest = [parts[index] for index in to_bake]
        new, _ = places_for(rest, BAKED_SIDE, True, model.name)
        for index, part in zip(to_bake, rest, strict=True):
            uvs[index] = part.own_order(new[part.key])
        chosen["baked"] = flat(baked(rest, new, pictures, BAKED_SIDE))
    order = list(dict.fromkeys(keys))
    texture_of = np.concatenate(
        [np.full(len(part.faces), order.index(key)) for part, key in zip(parts, keys, strict=True)]
    )
    return np.concatenate(uvs), texture_of, tuple(chosen[key] for key in order)


def to_size(model: Model, size_mm: float) -> Model:
    """Scale `model` so that its longest side is `size_mm`, and stand it at the origin.

    No coordinate is negative then.
    """
    low = model.vertices.min(axis=0)
    scale = size_mm / np.ptp(model.vertices, axis=0).max()
    return replace(model, vertices=(model.vertices - low) * scale)


def uv_areas(model: Model) -> Floats:
    """Compute the faces' areas in the UV square: (F,)."""
    a, b = (model.uvs[:, i] - model.uvs[:, 0] for i in (1, 2))
    return np.asarray(np.abs(a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]) / 2)


def sample_model(model: Model, texture_of: Ints, uvs: Floats) -> Floats:
    """Read the textures that `texture_of` (N,) names at `uvs` (N, ..., 2): (N, ..., 3), sRGB in 0..1."""
    colors = np.empty((*uvs.shape[:-1], 3))
    for i, texture in enumerate(model.textures):
        here = texture_of == i
        if here.any():
            colors[here] = sample(np.asarray(texture), uvs[here]) / 255
    return colors
