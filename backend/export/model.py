"""A model read for export: one welded mesh, its UVs per corner, its base-colour textures."""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast
from urllib.parse import unquote

import numpy as np
import trimesh
from PIL import Image

from .. import npz
from ..pictures.door import check_size, opened
from ..protocol import PatinaError
from ..reading import read_bytes, read_within
from . import gltf
from .arrays import Floats, Ints
from .color import from_linear, to_linear

# Suffixes and the axis that points up in them: glTF by its specification, OBJ by habit, PLY and a job's
# mesh.npz as Blender writes them.
UP = {".glb": "y", ".gltf": "y", ".obj": "y", ".ply": "z", ".npz": "z"}
MOST_UV = 1000.0  # how far from the texture UVs may lie


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

    A skinned mesh is read as it was modelled, without its skeleton's pose.
    Raises PatinaError naming the file.
    """
    path = Path(path)
    if path.suffix.lower() not in UP:
        raise PatinaError(
            f"{path.name} is not a model that can be read.", f"Use one of: {', '.join(UP)}.", "model"
        )
    if not path.is_file():
        raise PatinaError(f"There is no file {path}.", "Check the path.", "model")
    picture = read_image(texture) if texture else None
    try:
        if path.suffix.lower() in (".glb", ".gltf"):
            _check_gltf(path)
        parts = _npz_parts(path) if path.suffix.lower() == ".npz" else _scene_parts(path)
        return _weld(path, parts, picture)
    except (PatinaError, MemoryError):
        raise
    except Exception as error:  # readers of broken files raise whatever they stumbled over
        why = str(error) or type(error).__name__
        raise PatinaError(
            f"{path.name} cannot be read: {why}.", "Export it again from where it came from.", "model"
        ) from error


def read_image(path: Path) -> Image.Image:
    """A picture of any format that `door` has, loaded whole. Raises PatinaError naming the file."""
    with opened(path, f"The picture {path}", "texture") as image:
        image.load()
        return image


def flat(image: Image.Image) -> Image.Image:
    """RGB without alpha, which no printer has: what is transparent becomes white, as paper."""
    if "A" in image.getbands() or "transparency" in image.info:
        image = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    return image.convert("RGB")


def _check_gltf(path: Path) -> None:
    """Refuse a base colour that trimesh would lay on the wrong way: it knows the first UV map only."""
    for slot in gltf.slots(gltf.read(path)):
        if slot.name == "baseColorTexture" and slot.uv_map != 0:
            raise PatinaError(
                f"{path.name} has its texture on a second UV map.",
                "Export it with that UV map alone, or as the first.",
                "model",
            )


_Part = tuple[Floats, Ints, Floats | None, Image.Image | None]  # vertices, faces, uvs per corner, texture


def _npz_parts(path: Path) -> list[_Part]:
    arrays = npz.read(path, ("vertices", "faces", "uvs"))
    vertices, faces, uvs = arrays["vertices"], arrays["faces"], arrays["uvs"]
    fits = vertices.shape[1:] == (3,) and faces.shape[1:] == (3,) and uvs.shape == (len(faces), 3, 2)
    if not fits or faces.dtype.kind not in "iu":
        raise ValueError("its arrays do not fit together")
    return [(vertices.astype(float), faces, uvs.astype(float), None)]


def _scene(path: Path) -> trimesh.Scene:
    """What trimesh reads. It drops the UVs of glTF primitives without a material: those get a plain one."""
    kind, data = path.suffix.lower()[1:], read_bytes(path)
    if kind in ("glb", "gltf"):
        model = gltf.parse(data, path.parent)
        primitives = [p for mesh in model.tree.get("meshes", []) for p in mesh["primitives"]]
        bare = [primitive for primitive in primitives if "material" not in primitive]
        if bare:
            materials = model.tree.setdefault("materials", [])
            for primitive in bare:
                primitive["material"] = len(materials)
            materials.append({"name": "plain"})
        kind, data = "glb", gltf.write(model)
    beside = _Beside(path.parent, kind == "glb")
    scene = trimesh.load_scene(io.BytesIO(data), file_type=kind, resolver=beside, process=False)
    if beside.refused:
        raise beside.refused
    return scene


class _Beside(trimesh.resolvers.Resolver):
    """How trimesh comes by the files that a model names: those in its folder or below, and no others.

    In a glTF the names are `quoted` as addresses are. Trimesh goes on without what it does not get; so what
    was `refused` is kept, to be told.
    """

    def __init__(self, folder: Path, quoted: bool) -> None:
        self.folder, self.quoted = folder, quoted
        self.refused: PatinaError | None = None

    def get(self, key: str) -> bytes:
        try:
            return read_within(self.folder, unquote(key) if self.quoted else key.strip(), "model")
        except PatinaError as error:
            self.refused = error
            raise

    def keys(self) -> tuple[()]:
        return ()

    def write(self, name: str, data: object) -> None:
        raise NotImplementedError

    def namespaced(self, namespace: str) -> _Beside:
        raise NotImplementedError


def _scene_parts(path: Path) -> list[_Part]:
    scene = _scene(path)
    parts: list[_Part] = []
    for node in scene.graph.nodes_geometry:
        matrix, name = scene.graph[node]
        mesh = scene.geometry[name]
        if not isinstance(mesh, trimesh.Trimesh) or not len(mesh.faces):
            continue  # points and lines have no surface to print
        faces = mesh.faces[:, ::-1] if np.linalg.det(matrix[:3, :3]) < 0 else mesh.faces
        uv = getattr(mesh.visual, "uv", None)
        parts.append(
            (
                trimesh.transform_points(mesh.vertices, matrix),
                faces,
                None if uv is None or not len(uv) else np.asarray(uv, float)[faces],
                _texture(mesh),
            )
        )
    return parts


def _texture(mesh: trimesh.Trimesh) -> Image.Image | None:
    """The base colour as a picture: the texture times its factor, or one texel of the plain colour."""
    material = getattr(mesh.visual, "material", None)
    if material is None:
        return None
    image = getattr(material, "baseColorTexture", None) or getattr(material, "image", None)
    factor = getattr(material, "baseColorFactor", None)  # linear light, by glTF's specification
    factor = np.ones(3) if factor is None else np.asarray(factor, float)[:3] / 255
    if image is None:
        color = from_linear(factor) if hasattr(material, "baseColorFactor") else material.main_color[:3] / 255
        return Image.new("RGB", (1, 1), tuple(int(c) for c in np.round(color * 255)))
    check_size(image, "A picture in the model", "model")
    image = flat(image)
    if np.allclose(factor, 1):
        return image
    pixels = from_linear(to_linear(np.asarray(image) / 255) * factor)
    return Image.fromarray(np.round(pixels * 255).astype(np.uint8))


def _weld(path: Path, parts: list[_Part], picture: Image.Image | None) -> Model:
    """One mesh of all parts, corners at the same place (as 32-bit numbers) made one vertex."""
    if not parts:
        raise PatinaError(f"{path.name} has no faces.", "Export a mesh.", "model")
    for vertices, faces, uvs, _ in parts:
        if len(faces) and not 0 <= faces.min() <= faces.max() < len(vertices):
            raise ValueError("it has faces that name vertices it has not")
        if uvs is not None and uvs.shape != (len(faces), 3, 2):
            raise ValueError("it has not a UV for every corner")
    offsets = np.cumsum([0] + [len(vertices) for vertices, *_ in parts])
    vertices = np.concatenate([part[0] for part in parts]) + 0.0  # +0.0: -0 and 0 are one place
    if not np.isfinite(vertices).all():
        raise PatinaError(
            f"{path.name} has a coordinate that is not a number.",
            "Clean the mesh up and export again.",
            "model",
        )
    faces = np.concatenate([part[1] + offset for part, offset in zip(parts, offsets, strict=False)])
    uvs = np.concatenate([np.zeros((len(f), 3, 2)) if uv is None else uv for _, f, uv, _ in parts])
    textures: list[Image.Image] = []
    texture_of = []
    for _, part_faces, uv, image in parts:
        image = picture if picture is not None and uv is not None else image
        image = Image.new("RGB", (1, 1), "white") if image is None or uv is None else flat(image)
        if not any(image is known for known in textures):
            textures.append(image)
        texture_of.append(np.full(len(part_faces), next(i for i, t in enumerate(textures) if t is image)))
    check_uvs(uvs, path.name)
    places, index = np.unique(vertices.astype(np.float32), axis=0, return_inverse=True)
    faces = index.reshape(-1)[faces]
    whole = (faces != np.roll(faces, 1, axis=1)).all(axis=1)  # a triangle with one place twice has no area
    if not whole.any() or not np.ptp(places, axis=0).any():
        raise PatinaError(
            f"{path.name} has no surface: all its faces are points or lines.",
            "Export a mesh with faces.",
            "model",
        )
    places = places.astype(float)
    if UP[path.suffix.lower()] == "y":
        places = places[:, [0, 2, 1]] * (1, -1, 1)
    return Model(
        path.stem, places, faces[whole], uvs[whole], np.concatenate(texture_of)[whole], tuple(textures)
    )


def check_uvs(uvs: Floats, named: str) -> None:
    """Raise PatinaError, beginning with `named`, for UVs that are no places in or near a texture."""
    if not np.isfinite(uvs).all():
        raise PatinaError(f"{named} has a UV that is not a number.", "Unwrap it again.", "model")
    if np.abs(uvs).max(initial=0) > MOST_UV:
        raise PatinaError(
            f"{named} has a UV {np.abs(uvs).max():.3g} textures away.",
            f"Move it to within {MOST_UV:.0f}, or unwrap it again.",
            "model",
        )


def to_size(model: Model, size_mm: float) -> Model:
    """Scaled so that its longest side is `size_mm`, standing at the origin with no negative coordinate."""
    low = model.vertices.min(axis=0)
    scale = size_mm / np.ptp(model.vertices, axis=0).max()
    return replace(model, vertices=(model.vertices - low) * scale)


def uv_areas(model: Model) -> Floats:
    """(F,) the faces' areas in the UV square."""
    a, b = (model.uvs[:, i] - model.uvs[:, 0] for i in (1, 2))
    return np.asarray(np.abs(a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]) / 2)


def sample(image: Floats, uvs: Floats) -> Floats:
    """`image` (H, W, C), row 0 at v = 1, looked up at `uvs` (..., 2): bilinear, repeating. Gives (..., C)."""
    height, width = image.shape[:2]
    x, y = uvs[..., 0] * width - 0.5, (1 - uvs[..., 1]) * height - 0.5
    left, top = np.floor(x).astype(int), np.floor(y).astype(int)
    fx, fy = (x - left)[..., None], (y - top)[..., None]

    def at(row: Ints, column: Ints) -> Floats:
        return cast(Floats, image[row % height, column % width])

    upper = at(top, left) * (1 - fx) + at(top, left + 1) * fx
    lower = at(top + 1, left) * (1 - fx) + at(top + 1, left + 1) * fx
    return np.asarray(upper * (1 - fy) + lower * fy)


def sample_model(model: Model, texture_of: Ints, uvs: Floats) -> Floats:
    """sRGB in 0..1 at `uvs` (N, ..., 2) of the textures that `texture_of` (N,) names. Gives (N, ..., 3)."""
    colors = np.empty((*uvs.shape[:-1], 3))
    for i, texture in enumerate(model.textures):
        here = texture_of == i
        if here.any():
            colors[here] = sample(np.asarray(texture, np.float32) / 255, uvs[here])
    return colors
