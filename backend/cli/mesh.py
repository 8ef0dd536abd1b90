"""A model on its way into a job's folder, and its results back onto it."""

from __future__ import annotations

import io
import sys
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..errors import PatinaError
from ..export.files import write_file
from ..export.wear import FACTORS, NewMaps, wear
from ..models import files, gltf, textures
from ..models.arrays import Floats
from ..models.looks import lightness
from ..models.maps import MAPS, Pixels, kept, shown_maps
from ..models.parts import Part, read_parts, z_up
from ..models.textures import Painted
from ..pictures.decode import numbers, shallow
from ..pictures.door import opened
from ..pictures.images import MIN_SIDE
from ..protocol.files import (
    CONTENT_FILE,
    METALNESS_FILE,
    NORMAL_FILE,
    OWN_FILE,
    POSES_FILE,
    ROUGHNESS_FILE,
    TEXTURE_FILE,
    numbered,
)
from ..protocol.job import Job
from ..protocol.parts import Maps, Material, Tile
from ..rendering.mesh import build_mesh


def painted_model(path: Path, job: Job, content: Path | None = None, keep_uvs: bool = False) -> Painted:
    """Read the model that `job` is to paint and sort out its textures (see `textures.plan`).

    What is to be known is told. content: a picture that everything shows instead of what it has. Raises
    PatinaError for what cannot be painted.
    """
    model = files.read(path)
    gltf.bring_pictures(model)  # the result lies in another folder
    picture = None
    if content is not None:
        with opened(content, f"The content texture {content.name}", "content") as image:
            picture = shallow(image).convert("RGBA")
    painted = textures.plan(
        model,
        read_parts(model),
        job.texture_size,
        picture=picture,
        unwrap=not keep_uvs,
        one=not job.on_pyramid,  # which alone has several
    )
    corners = painted.corners.reshape(-1, 3)
    build_mesh(corners, np.arange(len(corners)).reshape(-1, 3), painted.uvs, name=path.name)
    for note in model.notes:
        print(note, file=sys.stderr)
    return painted


def posed_corners(path: Path, painted: Painted) -> Floats:
    """Read the model at `path`, `painted` in another pose: its corners (F, 3, 3), y up, in the same order.

    Raises PatinaError where it is another model.
    """
    before, after = read_parts(painted.model), read_parts(files.read(path))

    def shape(parts: Sequence[Part]) -> list[tuple[object, ...]]:
        return [(part.key, len(part.faces), part.flipped) for part in parts]

    if shape(before) != shape(after):
        raise PatinaError(
            f"{path.name} has other triangles than {painted.model.name}.",
            "Export both from one model, with the same settings.",
            "poses",
        )
    return np.concatenate([part.vertices[part.faces] for part in after])[painted.order]


def write_mesh(painted: Painted, path: Path, poses: Sequence[Floats] = ()) -> None:
    """Write a job's mesh.npz (see protocol), z up; and beside it a poses.npz, where there are `poses`.

    Raises PatinaError where they cannot be written.
    """
    corners, normals = (z_up(values).astype(np.float32) for values in (painted.corners, painted.normals))
    every = np.concatenate([corners, *(z_up(pose).astype(np.float32) for pose in poses)], axis=2)
    places, index = np.unique(every.reshape(-1, every.shape[2]), axis=0, return_inverse=True)
    if poses:
        there = places[:, 3:].reshape(len(places), -1, 3).swapaxes(0, 1)
        _write_npz(path.with_name(POSES_FILE), {"vertices": there})
    arrays: dict[str, Any] = {
        "vertices": places[:, :3],
        "faces": index.reshape(-1, 3).astype(np.int32),
        "uvs": painted.uvs.astype(np.float32),
        "normals": normals,
    }
    if len(painted.textures) > 1:
        arrays["tiles"] = painted.texture_of.astype(np.int32)
    _write_npz(path, arrays)


def _write_npz(path: Path, arrays: dict[str, Any]) -> None:
    data = io.BytesIO()
    np.savez(data, **arrays)
    write_file(path, data.getvalue())


def contents(painted: Painted, bare: bool = True) -> dict[str, Image.Image]:
    """List the pictures that the textures show, by the names that they get in a job's folder.

    bare: what nobody gave a colour has none; else it is as light as Blender shows it.
    """
    shown = {}
    for index, texture in enumerate(painted.textures):
        picture = texture.picture
        if picture is None and not bare:
            picture = Image.new("RGB", (MIN_SIDE, MIN_SIDE), (_lightness(painted, texture.primitives),) * 3)
        if picture is not None:
            shown[numbered(CONTENT_FILE, index, len(painted.textures))] = picture.convert("RGB")
    return shown


def _lightness(painted: Painted, keys: Sequence[tuple[int, int]]) -> int:
    """How light, of 255, primitives are to which nobody gave a colour."""
    meshes = painted.model.tree["meshes"]
    primitives = [meshes[mesh]["primitives"][number] for mesh, number in keys]
    return min(lightness(painted.model, primitive) for primitive in primitives)


def own_maps(painted: Painted, size: int) -> dict[str, Pixels]:
    """List the maps of the textures' materials, by the names that they get in a job's folder."""
    parts, count = read_parts(painted.model), len(painted.textures)
    return {
        numbered(OWN_FILE.format(name), index, count): pixels
        for index, texture in enumerate(painted.textures)
        for name, pixels in shown_maps(painted.model, parts, texture, size).items()
    }


def fields_of(painted: Painted, shown: Collection[str]) -> dict[str, Any]:
    """Make the fields of a job that name the files `shown`, each of the texture whose number it has."""
    count = len(painted.textures)
    tiles = []
    for index, texture in enumerate(painted.textures):
        name = numbered(CONTENT_FILE, index, count)
        files = {each: numbered(OWN_FILE.format(each), index, count) for each in MAPS}
        maps = Maps(**{each: file for each, file in files.items() if file in shown})
        tiles.append(Tile(texture.name, name if name in shown else None, maps=maps))
    if count == 1:
        maps = tiles[0].maps
        return {"content": tiles[0].content} | ({} if maps == Maps() else {"maps": maps})
    return {"tiles": tuple(tiles)}


def write_model(painted: Painted, out: Path, name: str, material: Material | None = None) -> None:
    """Write the model `name`: the source as it was, wearing what a job left in `out`.

    That is its textures and, where it painted a whole `material`, its maps.
    """
    count = len(painted.textures)
    paintings = [_read(out / numbered(TEXTURE_FILE, index, count)) for index in range(count)]
    maps = [NewMaps() if material is None else painted_maps(painted, out, k, material) for k in range(count)]
    write_file(out / name, wear(painted.model, painted.textures, paintings, maps))


def _read(path: Path) -> Image.Image:
    with opened(path, f"The picture {path}", "texture") as image:
        image.load()
    return image


def painted_maps(painted: Painted, out: Path, index: int, material: Material) -> NewMaps:
    """Read what a job made of a texture's maps, as glTF has them: roughness and metalness are in one picture.

    There, occlusion is red, roughness green, metalness blue. What was not painted is the object's own: where
    its picture is laid as the texture is, and is no smaller, in that size and as it is there, bit for bit.
    """
    count, pictures, factors = len(painted.textures), dict[str, Pixels](), dict[str, float]()
    if material.normal:
        pictures["normalTexture"] = _read_map(out / numbered(NORMAL_FILE, index, count))
    if not (material.roughness or material.metalness):
        return NewMaps(pictures)
    files = {"occlusion": OWN_FILE.format("occlusion")}
    for name, file in (("roughness", ROUGHNESS_FILE), ("metalness", METALNESS_FILE)):
        files[name] = file if getattr(material, name) else OWN_FILE.format(name)
    bands = {name: _read_map(out / numbered(file, index, count))[..., 0] for name, file in files.items()}
    shape = max(band.shape for band in bands.values())
    parts, texture = read_parts(painted.model), painted.textures[index]
    for name, factor in FACTORS.items():
        own = None if getattr(material, name) else kept(painted.model, parts, texture, name)
        if own is not None and own[0].size >= shape[0] * shape[1]:
            bands[name], factors[factor] = own
            shape = own[0].shape
    kind = np.result_type(*bands.values())
    packed = np.stack([_resized(band, shape, kind) for band in bands.values()], -1)
    return NewMaps(pictures | {"metallicRoughnessTexture": packed}, factors)


def _read_map(path: Path) -> Pixels:
    with opened(path, f"The map {path}", "maps") as image:
        return numbers(image)


def _resized(values: NDArray[Any], shape: tuple[int, ...], kind: np.dtype[Any]) -> NDArray[Any]:
    """`values` (H, W) in another size, with the bits of `kind`."""
    values = values.astype(kind) * (np.iinfo(kind).max // np.iinfo(values.dtype).max)
    if values.shape == shape:
        return values
    image = Image.fromarray(values.astype(np.float32))
    found = np.asarray(image.resize((shape[1], shape[0]), Image.Resampling.BILINEAR))
    return np.round(found).astype(kind)
