"""Model files as other programs write them, each with what it must look like. Written without our own code.

`make(folder)` writes them all. NumPy and Pillow alone, so that Blender's Python makes them too.
"""

from __future__ import annotations

import base64
import io
import json
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

# The cube's sides: which way they look, and what is right and up in them, seen from outside.
SIDES = (
    ((1, 0, 0), (0, 0, -1), (0, 1, 0)),
    ((-1, 0, 0), (0, 0, 1), (0, 1, 0)),
    ((0, 1, 0), (1, 0, 0), (0, 0, -1)),
    ((0, -1, 0), (1, 0, 0), (0, 0, 1)),
    ((0, 0, 1), (1, 0, 0), (0, 1, 0)),
    ((0, 0, -1), (-1, 0, 0), (0, 1, 0)),
)
SQUARE = np.array(((0, 0), (1, 0), (1, 1), (0, 1)), float)


@dataclass(frozen=True)
class Cube:
    """24 corners: places, normals (24, 3); uvs (24, 2), v up; quads (6, 4), counterclockwise."""

    places: np.ndarray
    normals: np.ndarray
    uvs: np.ndarray
    quads: np.ndarray

    @property
    def triangles(self) -> np.ndarray:
        return np.concatenate([self.quads[:, [0, 1, 2]], self.quads[:, [0, 2, 3]]])


def cube(at: tuple[float, float, float] = (0, 0, 0)) -> Cube:
    """A cube of side 2, y up, unwrapped in six squares that do not touch."""
    places, normals, uvs = [], [], []
    for index, (out, right, up) in enumerate(np.array(SIDES, float)):
        cell = np.array((index % 3, index // 3))
        for square in SQUARE:
            across, along = 2 * square - 1
            places.append(out + right * across + up * along + np.array(at))
            normals.append(out)
            uvs.append((cell + 0.05 + 0.9 * square) / (3, 2))
    return Cube(np.array(places), np.array(normals), np.array(uvs), np.arange(24).reshape(6, 4))


def picture(width: int = 96, height: int = 64, seed: int = 0) -> Image.Image:
    """Colours that change everywhere, softly: a flip, a turn or a shift shows."""
    y, x = np.mgrid[:height, :width].astype(float)
    x, y = (x + 0.5) / width, (y + 0.5) / height
    turn = 2 * np.pi * (x + seed / 7)
    channels = (0.5 + 0.4 * np.sin(turn), 0.2 + 0.6 * y, 0.5 + 0.4 * np.cos(turn + 3 * y))
    return Image.fromarray(np.round(np.stack(channels, -1) * 255).astype(np.uint8))


def opacity(image: Image.Image) -> Image.Image:
    """`image` with round holes."""
    width, height = image.size
    y, x = np.mgrid[:height, :width].astype(float)
    holes = (np.sin(x / width * 12 * np.pi) * np.sin(y / height * 8 * np.pi)) < 0.5
    image = image.convert("RGBA")
    image.putalpha(Image.fromarray((holes * 255).astype(np.uint8)))
    return image


def encoded(image: Image.Image, kind: str = "PNG") -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **({"lossless": True} if kind == "WEBP" else {}))
    return stream.getvalue()


class Writer:
    """A glTF that grows: each method adds a thing and gives its index."""

    def __init__(self) -> None:
        self.tree: dict[str, Any] = {"asset": {"version": "2.0"}, "scene": 0, "scenes": [{"nodes": []}]}
        self.data = bytearray()

    def add(self, kind: str, thing: dict[str, Any]) -> int:
        self.tree.setdefault(kind, []).append(thing)
        return len(self.tree[kind]) - 1

    def view(self, data: bytes) -> int:
        self.data += bytes(-len(self.data) % 4)
        start = len(self.data)
        self.data += data
        return self.add("bufferViews", {"buffer": 0, "byteOffset": start, "byteLength": len(data)})

    def numbers(self, values: np.ndarray, kind: str, code: int = 5126, **more: Any) -> int:
        dtype = {5121: "<u1", 5123: "<u2", 5125: "<u4", 5126: "<f4"}[code]
        values = np.ascontiguousarray(values, dtype)
        about = {"componentType": code, "count": len(values), "type": kind}
        about["bufferView"] = self.view(values.tobytes())
        if kind == "VEC3" and code == 5126:
            about |= {"min": values.min(0).tolist(), "max": values.max(0).tolist()}
        return self.add("accessors", about | more)

    def texture(self, data: bytes, mime: str = "image/png", **sampler: int) -> int:
        source = self.add("images", {"bufferView": self.view(data), "mimeType": mime})
        texture: dict[str, Any] = {"source": source}
        if mime == "image/webp":
            texture = {"extensions": {"EXT_texture_webp": {"source": source}}}
            self.use("EXT_texture_webp")
        if sampler:
            texture["sampler"] = self.add("samplers", sampler)
        return self.add("textures", texture)

    def use(self, extension: str) -> None:
        self.tree.setdefault("extensionsUsed", []).append(extension)

    def material(self, texture: int | None = None, **more: Any) -> int:
        base: dict[str, Any] = {"metallicFactor": 0.0}
        if texture is not None:
            base["baseColorTexture"] = {"index": texture} | more.pop("info", {})
        if "factor" in more:
            base["baseColorFactor"] = more.pop("factor")
        return self.add("materials", {"pbrMetallicRoughness": base} | more)

    def primitive(
        self, shape: Cube, material: int | None = None, uvs: str = "TEXCOORD_0", **more: int
    ) -> dict[str, Any]:
        attributes = {
            "POSITION": self.numbers(shape.places, "VEC3"),
            "NORMAL": self.numbers(shape.normals, "VEC3"),
        }
        if uvs:
            attributes[uvs] = self.numbers(shape.uvs * (1, -1) + (0, 1), "VEC2")
        record: dict[str, Any] = {"attributes": attributes | more}
        record["indices"] = self.numbers(shape.triangles.reshape(-1, 1), "SCALAR", 5123)
        return record if material is None else record | {"material": material}

    def mesh(self, *primitives: dict) -> int:
        return self.add("meshes", {"primitives": list(primitives)})

    def node(self, mesh: int, **place: Any) -> int:
        index = self.add("nodes", {"mesh": mesh} | place)
        self.tree["scenes"][0]["nodes"].append(index)
        return index

    def glb(self) -> bytes:
        tree = self.tree | {"buffers": [{"byteLength": len(self.data)}]}
        text = json.dumps(tree).encode()
        text += b" " * (-len(text) % 4)
        data = bytes(self.data) + bytes(-len(self.data) % 4)
        head = struct.pack("<4sII", b"glTF", 2, 28 + len(text) + len(data))
        chunk = struct.pack("<I4s", len(text), b"JSON") + text
        return head + chunk + struct.pack("<I4s", len(data), b"BIN\0") + data

    def gltf(self, before: bytes = b"") -> bytes:
        uri = "data:application/octet-stream;base64," + base64.b64encode(self.data).decode()
        tree = self.tree | {"buffers": [{"byteLength": len(self.data), "uri": uri}]}
        return before + json.dumps(tree).encode()


def one(material: Any = None, uvs: str = "TEXCOORD_0", shape: Cube | None = None, **node: Any) -> Writer:
    """A file of one cube. material: what makes it, of the writer; None: a picture and no more."""
    writer = Writer()
    made = material(writer) if material else writer.material(writer.texture(encoded(picture())))
    writer.node(writer.mesh(writer.primitive(shape or cube(), made, uvs)), **node)
    return writer


def pictured(image: Image.Image | None = None, **more: Any) -> Any:
    """What makes a material with `image`."""
    sampler = more.pop("sampler", {})
    return lambda writer: writer.material(writer.texture(encoded(image or picture()), **sampler), **more)


def moved(scale: float, shift: tuple[float, float] = (0, 0)) -> Cube:
    shape = cube()
    return Cube(shape.places, shape.normals, shape.uvs * scale + np.array(shift), shape.quads)


def transformed(**how: Any) -> Any:
    def make(writer: Writer) -> int:
        writer.use("KHR_texture_transform")
        return pictured(info={"extensions": {"KHR_texture_transform": how}})(writer)

    return make


def _specular_glossiness(writer: Writer) -> int:
    writer.use("KHR_materials_pbrSpecularGlossiness")
    record = {"diffuseTexture": {"index": writer.texture(encoded(picture()))}, "glossinessFactor": 0}
    return writer.add("materials", {"extensions": {"KHR_materials_pbrSpecularGlossiness": record}})


def _other_map_moved(writer: Writer) -> int:
    writer.use("KHR_texture_transform")
    normal = writer.texture(encoded(Image.new("RGB", (16, 16), (128, 128, 255))))
    info = {"index": normal, "extensions": {"KHR_texture_transform": {"scale": [8, 8]}}}
    return pictured(normalTexture=info)(writer)


def _no_base_map(writer: Writer) -> int:
    normal = writer.texture(encoded(Image.new("RGB", (16, 16), (128, 128, 255))))
    return writer.material(factor=[0.8, 0.2, 0.1, 1], normalTexture={"index": normal})


def _webp(writer: Writer) -> int:
    return writer.material(writer.texture(encoded(picture(), "WEBP"), "image/webp"))


def _two_materials() -> Writer:
    writer = Writer()
    for seed, place in ((0, -1.5), (3, 1.5)):
        material = pictured(picture(seed=seed))(writer)
        writer.node(writer.mesh(writer.primitive(cube(), material)), translation=[place, 0, 0])
    return writer


def _textured_beside_plain() -> Writer:
    writer = one(translation=[-1.5, 0, 0])
    plain = writer.material(factor=[0.1, 0.6, 0.1, 1])
    writer.node(writer.mesh(writer.primitive(cube(), plain)), translation=[1.5, 0, 0])
    return writer


def _three_plain() -> Writer:
    writer = Writer()
    factors = ([0.8, 0.1, 0.1, 1], [0.1, 0.1, 0.8, 1], [0.7, 0.7, 0.1, 1])
    primitives = [
        writer.primitive(cube((3 * k, 0, 0)), writer.material(factor=factor), uvs="")
        for k, factor in enumerate(factors)
    ]
    writer.node(writer.mesh(*primitives))
    return writer


def _vertex_colors(textured: bool, code: int, kind: str) -> Writer:
    writer = Writer()
    shape = cube()
    width = int(kind[-1])
    colors = np.column_stack((shape.places / 4 + 0.5, np.ones(24)))[:, :width]
    if code != 5126:
        colors = np.round(colors * np.iinfo({5121: "u1", 5123: "u2"}[code]).max)
        if width == 3:
            colors = np.column_stack((colors, np.zeros(24)))[:, :4]
    accessor = writer.numbers(colors, kind, code, **({} if code == 5126 else {"normalized": True}))
    if code != 5126 and width == 3:  # three of them, and a gap
        size = colors.itemsize and {5121: 1, 5123: 2}[code] * 4
        writer.tree["bufferViews"][writer.tree["accessors"][accessor]["bufferView"]]["byteStride"] = size
    material = pictured()(writer) if textured else writer.material()
    writer.node(writer.mesh(writer.primitive(shape, material, COLOR_0=accessor)))
    return writer


def _palette() -> Writer:
    """Each side shows one colour of a palette, picked by a point."""
    shape = cube()
    points = np.repeat((np.array([(k % 3, k // 3) for k in range(6)]) + 0.5) / (3, 2), 4, axis=0)
    shape = Cube(shape.places, shape.normals, points, shape.quads)
    reds, blues = (
        ((200, 30, 30), (30, 200, 30), (30, 30, 200)),
        ((200, 200, 30), (30, 200, 200), (90, 90, 90)),
    )
    swatches = np.array((*reds, *blues))
    image = Image.fromarray(swatches.reshape(2, 3, 3).repeat(16, 0).repeat(16, 1)[::-1].astype(np.uint8))
    return one(pictured(image), shape=shape)


def _instances() -> Writer:
    writer = Writer()
    mesh = writer.mesh(writer.primitive(cube(), writer.material(factor=[0.6, 0.3, 0.1, 1]), uvs=""))
    writer.node(mesh, translation=[-2, 0, 0], rotation=[0, 0.3826834, 0, 0.9238795])
    writer.node(mesh, translation=[2, 0, 0], scale=[-1, 0.5, 1])
    other = writer.mesh(writer.primitive(cube(), pictured()(writer)))
    above = writer.node(other, translation=[0, 3, 0], scale=[1, 1, -1])
    writer.tree["nodes"][above]["children"] = [writer.add("nodes", {"mesh": mesh, "translation": [0, 3, 0]})]
    return writer


def _drawn_often() -> Writer:
    """Five cubes by EXT_mesh_gpu_instancing, with nothing at the node's own place, beside a textured one."""
    writer = Writer()
    writer.node(writer.mesh(writer.primitive(cube(), pictured()(writer))))
    mesh = writer.mesh(writer.primitive(cube(), writer.material(factor=[0.6, 0.3, 0.1, 1]), uvs=""))
    places = [[3 + 3 * k, k, 0] for k in range(5)]
    attributes = {
        "TRANSLATION": writer.numbers(np.array(places), "VEC3"),
        "ROTATION": writer.numbers(np.tile((0, 0.3826834, 0, 0.9238795), (5, 1)), "VEC4"),
        "SCALE": writer.numbers(np.tile((1, 0.5, 1), (5, 1)), "VEC3"),
    }
    writer.use("EXT_mesh_gpu_instancing")
    writer.node(mesh, extensions={"EXT_mesh_gpu_instancing": {"attributes": attributes}})
    return writer


def _small_beside_large() -> Writer:
    """A plain floor, and a plain button on it, which is a hundred times smaller."""
    writer = Writer()
    for scale, factor in ((200.0, [0.15, 0.1, 0.09, 1]), (1.0, [0.2, 0.7, 0.3, 1])):
        mesh = writer.mesh(writer.primitive(cube(), writer.material(factor=factor), uvs=""))
        writer.node(mesh, scale=[scale, 1, scale], translation=[0, 1.0 if scale == 1 else 0.0, 0])
    return writer


def _one_without_a_material() -> Writer:
    """Two plain cubes, and one of no material."""
    writer = Writer()
    for k in range(3):
        material = writer.material(factor=[0.5, 0.1, 0.1, 1]) if k else None
        writer.node(writer.mesh(writer.primitive(cube((3 * k, 0, 0)), material, uvs="")))
    return writer


def _sparse() -> Writer:
    """The UVs are zeros, but for all of them."""
    writer = one()
    attributes = writer.tree["meshes"][0]["primitives"][0]["attributes"]
    values = writer.tree["accessors"][attributes["TEXCOORD_0"]]
    places = writer.view(np.arange(24, dtype="<u2").tobytes())
    sparse = {
        "count": 24,
        "indices": {"bufferView": places, "componentType": 5123},
        "values": {"bufferView": values.pop("bufferView")},
    }
    values["sparse"] = sparse
    return writer


def _quantized() -> Writer:
    writer = one(uvs="")
    writer.use("KHR_mesh_quantization")
    attributes = writer.tree["meshes"][0]["primitives"][0]["attributes"]
    down = cube().uvs * (1, -1) + (0, 1)
    attributes["TEXCOORD_0"] = writer.numbers(np.round(down * 65535), "VEC2", 5123, normalized=True)
    return writer


def _strip() -> Writer:
    """Each side is a strip of two triangles, without an index."""
    writer, shape = Writer(), cube()
    material = pictured()(writer)
    primitives = []
    for quad in shape.quads:
        order = quad[[0, 1, 3, 2]]
        side = Cube(shape.places[order], shape.normals[order], shape.uvs[order], np.zeros((0, 4), int))
        primitive = writer.primitive(side, material)
        del primitive["indices"]
        primitives.append(primitive | {"mode": 5})
    writer.node(writer.mesh(*primitives))
    return writer


def _shared_material() -> Writer:
    """One material on a cube with UVs and on one with vertex colours."""
    writer = Writer()
    material = pictured()(writer)
    colors = writer.numbers(np.clip(cube().places / 4 + 0.5, 0, 1), "VEC3")
    writer.node(
        writer.mesh(
            writer.primitive(cube((-1.5, 0, 0)), material),
            writer.primitive(cube((1.5, 0, 0)), material, COLOR_0=colors),
        )
    )
    return writer


MIRROR, CLAMP = {"wrapS": 33648, "wrapT": 33648}, {"wrapS": 33071, "wrapT": 33071}
SQUARES = {"magFilter": 9728, "minFilter": 9728}
RAMP = Image.fromarray((np.arange(96 * 64) * 10).reshape(64, 96).astype(np.uint16))
GLTF = {
    "plain": one,
    "two_materials": _two_materials,
    "textured_beside_plain": _textured_beside_plain,
    "three_plain": _three_plain,
    "factor": lambda: one(pictured(factor=[1, 0.3, 0.3, 1])),
    "cutout": lambda: one(pictured(opacity(picture()), alphaMode="MASK", doubleSided=True)),
    "glass": lambda: one(pictured(factor=[1, 0.8, 0.8, 0.4], alphaMode="BLEND", doubleSided=True)),
    "opaque_with_alpha": lambda: one(pictured(opacity(picture()))),
    "no_base_map": lambda: one(_no_base_map),
    "specular_glossiness": lambda: one(_specular_glossiness),
    "second_uv_map": lambda: one(pictured(info={"texCoord": 1}), uvs="TEXCOORD_1"),
    "transform_identity": lambda: one(transformed(scale=[1, 1], offset=[0, 0])),
    "transform_empty": lambda: one(transformed()),
    "transform": lambda: one(transformed(scale=[0.5, 0.7], offset=[0.2, 0.1])),
    "transform_turned": lambda: one(transformed(rotation=0.5, offset=[0.1, 0.3], scale=[0.6, 0.6])),
    "transform_of_another_map": lambda: one(_other_map_moved),
    "repeat": lambda: one(shape=moved(2)),
    "mirror": lambda: one(pictured(sampler=MIRROR), shape=moved(1, (1, 2))),
    "mirror_crossed": lambda: one(pictured(sampler=MIRROR), shape=moved(2.3, (-0.6, 0.2))),
    "clamp": lambda: one(pictured(sampler=CLAMP), shape=moved(1.5, (-0.25, -0.25))),
    "clamp_within": lambda: one(pictured(sampler=CLAMP)),
    "small_picture": lambda: one(pictured(picture(6, 4))),
    "hard_pixels": lambda: one(pictured(picture(6, 4), sampler=SQUARES)),
    "grey_of_16_bits": lambda: one(pictured(RAMP)),
    "webp": lambda: one(_webp),
    "vertex_colors": lambda: _vertex_colors(True, 5126, "VEC3"),
    "vertex_colors_bytes": lambda: _vertex_colors(False, 5121, "VEC4"),
    "vertex_colors_shorts": lambda: _vertex_colors(False, 5123, "VEC3"),
    "no_uvs": lambda: one(lambda writer: writer.material(factor=[0.2, 0.5, 0.7, 1]), uvs=""),
    "uvs_on_a_point": lambda: one(lambda writer: writer.material(factor=[0.2, 0.5, 0.7, 1]), shape=moved(0)),
    "palette": _palette,
    "instances": _instances,
    "drawn_often": _drawn_often,
    "small_beside_large": _small_beside_large,
    "one_without_a_material": _one_without_a_material,
    "sparse": _sparse,
    "quantized": _quantized,
    "strip": _strip,
    "shared_material": _shared_material,
}


def obj_lines(shape: Cube, polygons: Any = None, uvs: bool = True, normals: bool = True) -> str:
    lines = [f"v {x:.6f} {y:.6f} {z:.6f}" for x, y, z in shape.places]
    lines += [f"vt {u:.6f} {v:.6f}" for u, v in shape.uvs] if uvs else []
    lines += [f"vn {x:.3f} {y:.3f} {z:.3f}" for x, y, z in shape.normals] if normals else []
    for polygon in shape.quads if polygons is None else polygons:
        words = [f"{k + 1}/{k + 1 if uvs else ''}/{k + 1 if normals else ''}".rstrip("/") for k in polygon]
        lines.append("f " + " ".join(words))
    return "\n".join(lines) + "\n"


MTL = "newmtl paint\nKd 1 1 1\nmap_Kd {}\n"


def _obj(
    folder: Path,
    head: str = "mtllib paint.mtl\n",
    mtl: str = MTL.format("tex.png"),
    body: str | None = None,
    pictures: tuple[tuple[str, int], ...] = (("tex.png", 0),),
) -> None:
    folder.mkdir(parents=True)
    for name, seed in pictures:
        (folder / name).parent.mkdir(exist_ok=True)
        picture(seed=seed).save(folder / name)
    if mtl:
        (folder / "paint.mtl").write_text(mtl, encoding="latin-1")
    text = head + (body if body is not None else "usemtl paint\n" + obj_lines(cube()))
    (folder / "model.obj").write_text(text, encoding="latin-1")


def _negative() -> str:
    shape, lines = cube(), ["usemtl paint"]
    for quad in shape.quads:
        lines += ["v {:.6f} {:.6f} {:.6f}".format(*shape.places[k]) for k in quad]
        lines += ["vt {:.6f} {:.6f}".format(*shape.uvs[k]) for k in quad]
        lines.append("f -4/-4 -3/-3 -2/-2 -1/-1")
    return "\n".join(lines) + "\n"


def _concave() -> str:
    corners = ((1, 0.3), (0.3, 0.3), (0.3, 0.7), (1, 0.7), (1, 1), (0, 1), (0, 0), (1, 0))
    lines = ["usemtl paint", *(f"v {x} {y} 0" for x, y in corners), *(f"vt {x} {y}" for x, y in corners)]
    return "\n".join([*lines, "f " + " ".join(f"{k}/{k}" for k in range(1, 9))]) + "\n"


def _tiles() -> str:
    shapes = [cube((3 * k - 1.5, 0, 0)) for k in range(2)]
    both = Cube(
        np.concatenate([shape.places for shape in shapes]),
        np.concatenate([shape.normals for shape in shapes]),
        np.concatenate([shape.uvs + (k, 0) for k, shape in enumerate(shapes)]),
        np.concatenate([shapes[0].quads, shapes[1].quads + 24]),
    )
    return "usemtl paint\n" + obj_lines(both)


def _two_obj(*names: str) -> str:
    lines = ""
    for k, name in enumerate(names):
        shape = cube((3 * k - 1.5, 0, 0))
        faces = [f"f {' '.join(f'{n + 1 + 24 * k}/{n + 1 + 24 * k}' for n in quad)}" for quad in shape.quads]
        body = obj_lines(shape, (), normals=False)
        lines += f"{body}usemtl {name}\n" + "\n".join(faces) + "\n"
    return lines


def _partly_mapped() -> str:
    shape = cube()
    text = "usemtl paint\n" + obj_lines(shape, shape.quads[:4])
    return (
        text
        + "\n".join("f " + " ".join(f"{k + 1}//{k + 1}" for k in quad) for quad in shape.quads[4:])
        + "\n"
    )


def _colored() -> str:
    shape = cube()
    rows = [f"v {x} {y} {z} {x / 2 + 0.5} {y / 2 + 0.5} {z / 2 + 0.5}" for x, y, z in shape.places]
    return "\n".join([*rows, *("f " + " ".join(str(k + 1) for k in quad) for quad in shape.quads)]) + "\n"


def _numbers_alone() -> str:
    """Faces that name UVs and normals of which the file has none."""
    lines = obj_lines(cube()).splitlines(keepends=True)
    return "".join(line for line in lines if not line.startswith(("vt", "vn")))


def _far() -> str:
    return "usemtl paint\n" + obj_lines(cube((500_000, 200, 4_649_776)))


# OBJ files: what makes them, and which other one Blender must be shown, as it cannot read them or reads less.
OBJ: dict[str, tuple[dict[str, Any], str]] = {
    "obj_plain": ({}, ""),
    "obj_no_library": ({"mtl": ""}, ""),
    "obj_no_materials": ({"head": "", "mtl": "", "body": obj_lines(cube())}, ""),
    "obj_no_uvs": ({"head": "", "mtl": "", "body": obj_lines(cube(), uvs=False)}, ""),
    "obj_numbers_alone": ({"head": "", "mtl": "", "body": _numbers_alone()}, ""),
    "obj_plain_color": ({"mtl": "newmtl paint\nKd 0.2 0.5 0.1\n"}, ""),
    "obj_backslash": ({"mtl": MTL.format("sub\\tex.png"), "pictures": (("sub/tex.png", 0),)}, "obj_plain"),
    "obj_somebodys_disk": ({"mtl": MTL.format("C:\\Users\\me\\tex.png")}, "obj_plain"),
    "obj_quotes": ({"mtl": MTL.format('"tex.png"')}, ""),
    "obj_other_case": ({"mtl": MTL.format("TEX.PNG")}, "obj_plain"),
    "obj_options": ({"mtl": MTL.format("-clamp on -bm 1.0 tex.png")}, ""),
    "obj_scaled": ({"mtl": MTL.format("-s 0.5 0.5 1 -o 0.25 0.1 0 tex.png")}, ""),
    "obj_spaces": ({"mtl": MTL.format("my tex.png"), "pictures": (("my tex.png", 0),)}, ""),
    "obj_negative": ({"body": _negative()}, ""),
    "obj_concave": ({"body": _concave()}, ""),
    "obj_partly_mapped": ({"body": _partly_mapped()}, ""),
    "obj_latin1": ({"head": "# gr\xf6\xdfe\no W\xfcrfel\nmtllib paint.mtl\n"}, ""),
    "obj_two": (
        {
            "mtl": "newmtl a\nmap_Kd a.png\nnewmtl b\nmap_Kd b.png\n",
            "body": _two_obj("a", "b"),
            "pictures": (("a.png", 0), ("b.png", 3)),
        },
        "",
    ),
    "obj_tiles": (
        {
            "mtl": MTL.format("t.<UDIM>.png"),
            "body": _tiles(),
            "pictures": (("t.1001.png", 0), ("t.1002.png", 3)),
        },
        "obj_two",
    ),
    "obj_far": ({"body": _far()}, "obj_plain"),
    "obj_vertex_colors": ({"head": "", "mtl": "", "body": _colored()}, ""),
}


def _ply(colors: bool, texture: str) -> str:
    """z up, from the cube's y up."""
    shape = cube()
    head = ["ply", "format ascii 1.0", *([f"comment TextureFile {texture}"] if texture else [])]
    head.append("element vertex 24")
    head += [f"property float {name}" for name in ("x", "y", "z", "nx", "ny", "nz", "s", "t")]
    head += [f"property uchar {name}" for name in ("red", "green", "blue", "alpha")] if colors else []
    head += ["element face 6", "property list uchar uint vertex_indices", "end_header"]
    rows = []
    for place, normal, uv in zip(shape.places, shape.normals, shape.uvs, strict=True):
        values = [*place[[0, 2, 1]] * (1, -1, 1), *normal[[0, 2, 1]] * (1, -1, 1), *uv]
        color = [*(round(float(value / 2 + 0.5) * 255) for value in place), 255] if colors else []
        rows.append(" ".join([*(f"{value:.6f}" for value in values), *map(str, color)]))
    return "\n".join([*head, *rows, *("4 " + " ".join(map(str, quad)) for quad in shape.quads)]) + "\n"


def make(folder: Path) -> dict[str, tuple[Path, Path]]:
    """Write all into `folder`: the file to paint, and what Blender is shown for what it must look like."""
    found = {}
    for name, maker in GLTF.items():
        path = folder / f"{name}.glb"
        path.write_bytes(maker().glb())
        found[name] = path, path
    (folder / "bom.gltf").write_bytes(one().gltf(b"\xef\xbb\xbf"))
    found["bom"] = folder / "bom.gltf", folder / "plain.glb"
    (folder / "quoted").mkdir()
    picture().save(folder / "quoted" / "my tex \xfc.png")
    writer = one()
    writer.tree["images"] = [{"uri": "my%20tex%20%C3%BC.png"}]
    (folder / "quoted" / "model.gltf").write_bytes(writer.gltf())
    found["quoted"] = (folder / "quoted" / "model.gltf",) * 2
    for name, (how, like) in OBJ.items():
        _obj(folder / name, **how)
        found[name] = folder / name / "model.obj", folder / (like or name) / "model.obj"
    found["obj_vertex_colors"] = folder / "obj_vertex_colors" / "model.obj", folder / "ply" / "ply_colors.ply"
    (folder / "ply").mkdir()
    picture().save(folder / "ply" / "tex.png")
    for name, colors, texture in (("ply_colors", True, ""), ("ply_picture", False, "tex.png")):
        path = folder / "ply" / f"{name}.ply"
        path.write_text(_ply(colors, texture))
        found[name] = path, path
    found["ply_picture"] = folder / "ply" / "ply_picture.ply", folder / "plain.glb"
    return found
