"""Model files read whole, and given back in other colours: tests/models shows them to Blender."""

from __future__ import annotations

import io
import json
import time
from pathlib import Path

import numpy as np
import pytest
import trimesh
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from random_models import Soup, rows_of, write_gltf, write_obj, write_ply
from world_models import GLTF, Writer, cube, encoded, make, one, picture

from backend.cli.mesh import contents, fields_of, painted_model
from backend.errors import PatinaError
from backend.export.wear import wear
from backend.models import charts, files, gltf, layout, texture_uses, textures
from backend.models.looks import Look, sample
from backend.models.parts import read_parts
from backend.models.textures import Painted, Pictures, plan
from backend.protocol.job import Job
from backend.protocol.parts import Style

STYLE = Style("style.jpg")
SIZE = 64


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """(name → the file, a file that looks the same) of every kind of model."""
    return make(tmp_path_factory.mktemp("world"))


def planned(path: Path, **how: object) -> Painted:
    model = files.read(path)
    return plan(model, read_parts(model), SIZE, **how)


# How many textures a model has, and how many of them in pictures of its own; the rest share a new one.
TEXTURES = {
    **dict.fromkeys(
        ("plain", "factor", "cutout", "second_uv_map", "transform", "repeat", "clamp_within"), (1, 1)
    ),
    **dict.fromkeys(("mirror", "sparse", "quantized", "strip", "webp", "bom", "quoted", "obj_far"), (1, 1)),
    **dict.fromkeys(("two_materials", "obj_two", "obj_tiles"), (2, 2)),
    **dict.fromkeys(("textured_beside_plain", "obj_partly_mapped", "shared_material", "instances"), (2, 1)),
    **dict.fromkeys(("three_plain", "no_base_map", "no_uvs", "uvs_on_a_point", "palette", "clamp"), (1, 0)),
    **dict.fromkeys(
        ("mirror_crossed", "vertex_colors", "obj_vertex_colors", "ply_colors", "obj_no_uvs"), (1, 0)
    ),
    **dict.fromkeys(("obj_numbers_alone",), (1, 0)),
}


@pytest.mark.parametrize("name", TEXTURES)
def test_what_is_painted_where(name, world):
    painted = planned(world[name][0])
    own = [texture for texture in painted.textures if texture.own]
    assert (len(painted.textures), len(own)) == TEXTURES[name]
    assert set(painted.texture_of) == set(range(len(painted.textures)))
    assert len(painted.corners) == sum(len(part.faces) for part in read_parts(painted.model))


def colors_of(painted: Painted, faces: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(N, 4) in 0..1: what the textures show at points on faces (N,), of corners (N, 3)."""
    uvs = np.einsum("nk,nkc->nc", weights, painted.uvs[faces])
    found = np.zeros((len(faces), 4))
    for index, texture in enumerate(painted.textures):
        here = painted.texture_of[faces] == index
        found[here] = sample(np.asarray(texture.picture, float) / 255, uvs[here])
    return found


@pytest.mark.parametrize(("name", "color"), [("three_plain", (0.8, 0.1, 0.1)), ("no_uvs", (0.2, 0.5, 0.7))])
def test_plain_colours_are_baked_into_the_new_texture(name, color, world):
    painted = planned(world[name][0])
    shown = colors_of(painted, np.arange(12), np.full((12, 3), 1 / 3))
    np.testing.assert_allclose(to_linear(255 * shown[:, :3]), np.broadcast_to(color, (12, 3)), atol=0.01)


def test_a_palette_s_colours_are_baked_side_by_side(world):
    painted = planned(world["palette"][0])
    shown = colors_of(painted, np.arange(12), np.full((12, 3), 1 / 3))
    sides = np.round(shown[:6, :3] * 255)
    assert len(np.unique(sides, axis=0)) == 6
    assert layout.overlap(painted.corners, painted.uvs) < 0.02


def test_the_smallest_part_has_room_for_its_colour(world):
    painted = planned(world["small_beside_large"][0])
    shown = colors_of(painted, np.arange(12, 24), np.full((12, 3), 1 / 3))
    np.testing.assert_allclose(
        to_linear(255 * shown[:, :3]), np.broadcast_to((0.2, 0.7, 0.3), (12, 3)), atol=0.02
    )


def test_a_part_without_a_material_is_as_light_as_blender_shows_it_beside_others(world):
    painted = planned(world["one_without_a_material"][0])
    shown = to_linear(255 * colors_of(painted, np.arange(36), np.full((36, 3), 1 / 3))[:, :3])
    np.testing.assert_allclose(shown[:12], 0.8, atol=0.01)
    np.testing.assert_allclose(shown[12:], np.broadcast_to((0.5, 0.1, 0.1), (24, 3)), atol=0.01)


def test_the_first_instance_stands_for_all_and_all_come_back(world):
    path = world["drawn_often"][0]
    model = files.read(path)
    corners = read_parts(model)[1].vertices
    np.testing.assert_allclose((corners.min(0) + corners.max(0)) / 2, (3, 0, 0), atol=1e-5)
    np.testing.assert_allclose(np.ptp(corners, axis=0), np.ptp(cube().places, axis=0) * (2**0.5, 0.5, 2**0.5))
    painted = planned(path)
    paintings = [picture.picture.convert("RGB") for picture in painted.textures]
    worn = gltf.parse(wear(painted.model, painted.textures, paintings), path.parent)
    before, after = model.tree["nodes"][1], worn.tree["nodes"][1]
    assert before == after
    for name, index in before["extensions"]["EXT_mesh_gpu_instancing"]["attributes"].items():
        np.testing.assert_array_equal(gltf.rows(model, index), gltf.rows(worn, index), name)


def test_what_nobody_gave_a_colour_is_as_light_as_blender_shows_it(world, tmp_path):
    """A glTF's material is white where it says nothing; where there is none, all is grey."""
    for name, writer in (("white", one(Writer.material)), ("grey", one())):
        if name == "grey":
            del writer.tree["meshes"][0]["primitives"][0]["material"]
        (tmp_path / f"{name}.glb").write_bytes(writer.glb())
    paths = tmp_path / "white.glb", tmp_path / "grey.glb", world["obj_no_materials"][0]
    for path, level in zip(paths, (255, 231, 231), strict=True):
        painted = planned(path)
        assert contents(painted) == {}
        (shown,) = contents(painted, bare=False).values()
        assert shown.getextrema() == ((level, level),) * 3


def test_keeping_the_uvs_is_refused_where_there_are_none_and_obeyed_where_there_are(world):
    with pytest.raises(PatinaError, match="has no UV map"):
        planned(world["no_uvs"][0], unwrap=False)
    (texture,) = planned(world["shared_material"][0], unwrap=False, one=True).textures
    assert not texture.uvs


def test_a_job_that_has_one_texture_has_all_of_a_model_in_it(world):
    painted = planned(world["two_materials"][0], one=True)
    assert len(painted.textures) == 1
    assert layout.overlap(painted.corners, painted.uvs) < 0.02


# Given back


def changed(before: object, after: object, where: str = "") -> set[str]:
    """Where two JSON trees differ."""
    if isinstance(before, dict) and isinstance(after, dict):
        names = before.keys() | after.keys()
        return {
            place for name in names for place in changed(before.get(name), after.get(name), f"{where}.{name}")
        }
    if isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        pairs = enumerate(zip(before, after, strict=True))
        return {place for k, (a, b) in pairs for place in changed(a, b, f"{where}[{k}]")}
    return set() if before == after else {where}


def rich() -> Writer:
    """A file with all that must stay: other maps, rig, animation, morphs, camera, light, names, extras."""
    writer = one()
    normal = writer.texture(encoded(Image.new("RGB", (30, 30), (128, 128, 255))), wrapS=33071)
    specular = Image.new("RGBA", (20, 20), (10, 20, 30, 40))
    shine = writer.texture(encoded(specular))
    material = writer.tree["materials"][0]
    material |= {
        "name": "Paint",
        "normalTexture": {"index": normal, "scale": 0.5},
        "extras": {"mine": [1, 2]},
    }
    material["extensions"] = {"KHR_materials_specular": {"specularTexture": {"index": shine}}}
    writer.use("KHR_materials_specular")
    primitive = writer.tree["meshes"][0]["primitives"][0]
    primitive["targets"] = [{"POSITION": writer.numbers(cube().normals * 0.1, "VEC3")}]
    weights = np.zeros((24, 4))
    weights[:, 0] = 1
    primitive["attributes"]["JOINTS_0"] = writer.numbers(np.zeros((24, 4)), "VEC4", 5121)
    primitive["attributes"]["WEIGHTS_0"] = writer.numbers(weights, "VEC4")
    bone = writer.add("nodes", {"name": "Bone"})
    camera = writer.add("cameras", {"type": "perspective", "perspective": {"yfov": 1.0, "znear": 0.1}})
    writer.tree["extensions"] = {"KHR_lights_punctual": {"lights": [{"type": "point", "name": "Lamp"}]}}
    writer.use("KHR_lights_punctual")
    eye = writer.add("nodes", {"camera": camera, "extensions": {"KHR_lights_punctual": {"light": 0}}})
    writer.tree["scenes"][0]["nodes"] += [bone, eye]
    writer.tree["nodes"][0] |= {"skin": writer.add("skins", {"joints": [bone]}), "name": "Box"}
    times = writer.numbers(np.array([[0.0], [1.0]]), "SCALAR")
    steps = writer.numbers(np.array([[0.0, 0, 0], [0, 1, 0]]), "VEC3")
    channel = {"sampler": 0, "target": {"node": bone, "path": "translation"}}
    writer.add("animations", {"samplers": [{"input": times, "output": steps}], "channels": [channel]})
    return writer


def worn(path: Path, **how: object) -> tuple[gltf.Gltf, gltf.Gltf]:
    """The file, and the same with every texture painted red."""
    painted = planned(path, **how)
    red = [Image.new("RGB", (SIZE, SIZE), "red")] * len(painted.textures)
    data = wear(painted.model, painted.textures, red)
    return gltf.read(path), gltf.parse(data, path.parent)


def test_all_but_the_base_colour_stays_as_it_was(tmp_path):
    path = tmp_path / "rich.glb"
    path.write_bytes(rich().glb())
    before, after = worn(path)
    places = changed(before.tree, after.tree)
    kinds = {place.split("[")[0] for place in places}
    assert kinds <= {".buffers", ".bufferViews", ".images", ".textures", ".materials"}
    assert {place for place in places if place.startswith(".materials")} <= {
        f".materials[0]{place}"
        for place in (
            ".pbrMetallicRoughness.baseColorTexture.index",
            ".normalTexture.index",  # textures are numbered anew, but are the same
            ".extensions.KHR_materials_specular.specularTexture.index",
        )
    }
    for index in range(len(before.tree["accessors"])):
        assert (gltf.rows(before, index) == gltf.rows(after, index)).all()
    maps = [
        [slot.name, gltf.image_bytes(model, slot.image), model.tree["textures"]]
        for model in (before, after)
        for slot in texture_uses.slots(model)
        if slot.name != "baseColorTexture"
    ]
    assert [row[:2] for row in maps[:2]] == [row[:2] for row in maps[2:]]
    (base,) = (slot.image for slot in texture_uses.slots(after) if slot.name == "baseColorTexture")
    assert Image.open(io.BytesIO(gltf.image_bytes(after, base))).getpixel((5, 5)) == (255, 0, 0)
    normal = after.tree["materials"][0]["normalTexture"]["index"]
    assert after.tree["samplers"][after.tree["textures"][normal]["sampler"]] == {"wrapS": 33071}


def test_maps_that_lie_beside_a_gltf_come_along(tmp_path):
    """The result lies in another folder: what it names by a path would be lost."""
    writer = one()
    maps = {"bumps and dents.png": "PNG", "light.jpg": "JPEG", "shine.webp": "WEBP"}
    images = [writer.add("images", {"uri": name.replace(" ", "%20")}) for name in maps]
    normal, light, shine = (writer.add("textures", {"source": image}) for image in images)
    writer.tree["materials"][0] |= {"normalTexture": {"index": normal}, "emissiveTexture": {"index": light}}
    writer.tree["materials"][0]["occlusionTexture"] = {"index": shine}
    for name, kind in maps.items():
        (tmp_path / name).write_bytes(encoded(picture(30, 20), kind))
    (tmp_path / "box.gltf").write_bytes(writer.gltf())
    job = Job(mesh="mesh.npz", styles=(STYLE,), texture_size=SIZE)
    painted = painted_model(tmp_path / "box.gltf", job)
    data = wear(painted.model, painted.textures, [Image.new("RGB", (SIZE, SIZE), "red")])
    after = gltf.parse(data, tmp_path / "elsewhere")
    assert not any("uri" in image for image in after.tree["images"])
    found = {slot.name: slot.image for slot in texture_uses.slots(after)}
    for slot, name in zip(("normalTexture", "emissiveTexture", "occlusionTexture"), maps, strict=True):
        assert gltf.image_bytes(after, found[slot]) == (tmp_path / name).read_bytes()
        image = after.tree["images"][found[slot]]
        assert (image["name"], image["mimeType"]) == (name.partition(".")[0], f"image/{maps[name].lower()}")
    (tmp_path / "light.jpg").unlink()
    with pytest.raises(PatinaError, match=r"light.jpg"):
        painted_model(tmp_path / "box.gltf", job)


def for_the_gpu(writer: Writer, fallback: bool = False) -> int:
    """A texture in KTX2, beside which there may be the same as a PNG."""
    data = writer.view(b"\xabKTX 20\xbb\r\n\x1a\n" + bytes(100))
    image = writer.add("images", {"bufferView": data, "mimeType": "image/ktx2"})
    texture: dict = {"extensions": {"KHR_texture_basisu": {"source": image}}}
    if fallback:
        texture["source"] = writer.add("images", {"bufferView": writer.view(encoded(picture()))})
    writer.use("KHR_texture_basisu")
    return writer.add("textures", texture)


def test_what_is_compressed_for_the_gpu_stays_where_it_need_not_be_read(tmp_path):
    writer = one()
    writer.tree["materials"][0]["normalTexture"] = {"index": for_the_gpu(writer)}
    (tmp_path / "normal.glb").write_bytes(writer.glb())
    _, after = worn(tmp_path / "normal.glb")
    (image,) = (slot.image for slot in texture_uses.slots(after) if slot.name == "normalTexture")
    assert gltf.image_bytes(after, image).startswith(b"\xabKTX 20")
    assert after.tree["images"][image]["mimeType"] == "image/ktx2"
    texture = after.tree["textures"][after.tree["materials"][0]["normalTexture"]["index"]]
    assert texture == {"extensions": {"KHR_texture_basisu": {"source": image}}}


@pytest.mark.parametrize("fallback", [True, False])
def test_a_colour_that_is_compressed_for_the_gpu_is_read_by_its_png_or_refused_by_name(fallback, tmp_path):
    path = tmp_path / "packed.glb"
    path.write_bytes(one(lambda writer: writer.material(for_the_gpu(writer, fallback))).glb())
    if fallback:
        (texture,) = planned(path).textures
        assert texture.picture.size == picture().size
        return
    with pytest.raises(PatinaError, match=r"packed.glb: its picture 0 is compressed for the GPU"):
        planned(path)


def test_a_gltf_of_very_many_buffers_and_nodes_is_read_at_once(tmp_path):
    """Their sizes were summed up anew for each: a hundred thousand took minutes."""
    tree = {"asset": {"version": "2.0"}, "buffers": [{"byteLength": 0, "uri": "data:,"}] * 100_000}
    tree |= {"scenes": [{"nodes": [0]}], "nodes": [{"children": [0] * 1_000_000}]}
    (tmp_path / "many.gltf").write_text(json.dumps(tree))
    began = time.process_time()
    with pytest.raises(PatinaError, match="no faces"):
        read_parts(gltf.read(tmp_path / "many.gltf"))
    assert time.process_time() - began < 5


def test_rigs_and_morphs_follow_the_vertices_that_a_new_uv_map_cuts(tmp_path):
    writer = rich()
    attributes = writer.tree["meshes"][0]["primitives"][0]["attributes"]
    del attributes["TEXCOORD_0"]
    del writer.tree["materials"][0]["pbrMetallicRoughness"]["baseColorTexture"]
    path = tmp_path / "bare.glb"
    path.write_bytes(writer.glb())
    before, after = worn(path)
    (old,), (new,) = (model.tree["meshes"][0]["primitives"] for model in (before, after))
    faces = [gltf.triangles(model, primitive) for model, primitive in ((before, old), (after, new))]
    for name in ("POSITION", "NORMAL", "JOINTS_0", "WEIGHTS_0"):
        values = [gltf.rows(m, p["attributes"][name]) for m, p in ((before, old), (after, new))]
        np.testing.assert_array_equal(values[0][faces[0]], values[1][faces[1]])
    morphs = [gltf.rows(m, p["targets"][0]["POSITION"]) for m, p in ((before, old), (after, new))]
    np.testing.assert_array_equal(morphs[0][faces[0]], morphs[1][faces[1]])
    assert "TEXCOORD_0" in new["attributes"]
    for key in ("nodes", "skins", "animations", "cameras", "extensions"):
        assert after.tree[key] == before.tree[key]


@pytest.mark.parametrize("name", sorted(GLTF))
def test_every_material_on_the_surface_wears_paint(name, world):
    _, after = worn(world[name][0])
    base = {
        slot.material
        for slot in texture_uses.slots(after)
        if slot.name in ("baseColorTexture", "diffuseTexture")
    }
    for mesh in after.tree["meshes"]:
        for primitive in mesh["primitives"]:
            assert primitive["material"] in base
    reread = planned_again(after)
    for texture in reread.textures:
        assert np.asarray(texture.picture)[..., :3].reshape(-1, 3).tolist().count([255, 0, 0]) == SIZE**2


def planned_again(model: gltf.Gltf) -> Painted:
    return plan(model, read_parts(model), SIZE)


@pytest.mark.parametrize(("name", "kept"), [("cutout", True), ("opaque_with_alpha", False), ("plain", False)])
def test_holes_stay_holes(name, kept, world):
    _, after = worn(world[name][0])
    image = Image.open(io.BytesIO(gltf.image_bytes(after, texture_uses.slots(after)[0].image)))
    assert (image.mode == "RGBA") == kept
    if kept:
        assert 0.05 < (np.asarray(image)[..., 3] < 10).mean() < 0.6


def test_glass_keeps_its_factor_of_opacity(world):
    _, after = worn(world["glass"][0])
    assert after.tree["materials"][0]["pbrMetallicRoughness"]["baseColorFactor"] == [1, 1, 1, 0.4]


def test_a_picture_in_place_of_a_models_own_is_on_all_of_it(world, tmp_path):
    picture(seed=5).save(tmp_path / "other.png")
    job = Job(mesh="mesh.npz", styles=(STYLE,), texture_size=SIZE)
    painted = painted_model(world["two_materials"][0], job, tmp_path / "other.png")
    shown = contents(painted)
    assert fields_of(painted, shown) == {"content": "content.png"}
    small = np.asarray(picture(seed=5).resize((16, 16)), float)
    assert np.abs(np.asarray(shown["content.png"].resize((16, 16)), float) - small).mean() < 2


# By themselves


def test_a_map_is_looked_up_as_it_wraps():
    ramp = np.arange(4.0)[None, :, None]
    at = np.stack((np.array([-0.125, 0.125, 0.875, 1.125]), np.full(4, 0.5)), -1)
    for wrap, wanted in {"repeat": [3, 0, 3, 0], "clamp": [0, 0, 3, 3], "mirror": [0, 0, 3, 3]}.items():
        assert sample(ramp, at, (wrap, "repeat"))[:, 0].tolist() == wanted
    assert sample(ramp, np.array([[1.375, 0.5]]), ("mirror", "repeat"))[0, 0] == 2


def test_mirrored_copies_are_folded_back_and_what_crosses_has_no_place():
    triangle = np.array([[[1.1, 0.2], [1.9, 0.2], [1.1, 0.8]]])
    assert layout.folded(triangle, ("mirror", "mirror"))[0, :, 0] == pytest.approx([0.9, 0.1, 0.9])
    assert layout.folded(triangle - (0.5, 0), ("mirror", "repeat")) is None
    assert layout.folded(triangle, ("clamp", "repeat")) is None
    assert (layout.folded(triangle, ("repeat", "repeat")) == triangle).all()


@pytest.mark.parametrize("subdivisions", [1, 5])
def test_a_new_map_has_no_overlaps_and_room_for_all(subdivisions):
    """The finer one, of 20480 triangles, is unwrapped in pieces."""
    ball = trimesh.creation.icosphere(subdivisions)
    uvs = layout.unwrap(np.asarray(ball.triangles), 512)
    assert uvs.min() >= 0
    assert uvs.max() <= 1
    assert layout.overlap(np.asarray(ball.triangles), uvs) < 0.01
    assert layout.starved(np.asarray(ball.triangles), uvs) == 0
    assert layout.areas(uvs).sum() > 0.3
    pieces = charts.pieces(ball.vertices, ball.faces)
    assert sorted(np.concatenate(pieces)) == list(range(len(ball.faces)))


def test_a_mesh_that_the_library_crashes_on_is_told(monkeypatch):
    monkeypatch.setattr(layout, "unwrapped", crash)
    with pytest.raises(PatinaError, match="could not be unwrapped"):
        layout.unwrap(np.asarray(trimesh.creation.box().triangles), 64)


def crash(*_: object) -> None:
    import os

    os.abort()


# Random files, by an independent writer

COORDINATES = st.floats(-100, 100, width=32)
UNITS = st.floats(0, 1, width=32)


@st.composite
def soups(draw: st.DrawFn) -> Soup:
    count = draw(st.integers(3, 12))
    rows = st.lists(st.tuples(*[COORDINATES] * 3), min_size=count, max_size=count, unique=True)
    places = np.array(draw(rows))
    uvs = np.array(draw(st.lists(st.tuples(UNITS, UNITS), min_size=count, max_size=count)))
    colors = np.array(draw(st.lists(st.tuples(*[st.integers(0, 255)] * 3), min_size=count, max_size=count)))
    corner = st.lists(st.integers(0, count - 1), min_size=3, max_size=3, unique=True)
    return places, uvs, colors, np.array(draw(st.lists(corner, min_size=1, max_size=10)))


def to_linear(colors: np.ndarray) -> np.ndarray:
    values = colors / 255
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


RANDOM = settings(
    deadline=None,
    max_examples=30,
    derandomize=True,  # the same ones every time, and nothing is left in a folder
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def read(path: Path) -> np.ndarray:
    """What we read, as `rows_of`."""
    (part,) = read_parts(files.read(path))
    return rows_of(part.vertices[part.faces], part.uvs, part.colors)


def read_by_trimesh(path: Path) -> np.ndarray:
    """The same by trimesh, which leaves the colours out of an OBJ that has UVs."""
    (mesh,) = trimesh.load_scene(path, process=False).geometry.values()
    colors = mesh.visual.vertex_attributes.get("color")
    if colors is not None:
        colors = trimesh.visual.color.to_float(colors)[mesh.faces]
    return rows_of(mesh.triangles, mesh.visual.uv[mesh.faces], colors)


def shown(colors: np.ndarray, linear: bool = False) -> np.ndarray:
    """(V, 3), linear: what is read of colours; where all are white, they say nothing."""
    if (colors == 255).all():
        return np.zeros(colors.shape)
    return colors / 255 if linear else to_linear(colors)


@RANDOM
@given(soup=soups())
def test_any_gltf_is_read_as_it_was_written(soup, tmp_path):
    places, uvs, colors, faces = soup
    path = tmp_path / "any.glb"
    write_gltf(path, soup)
    found = read(path)
    wanted = rows_of(places[faces], uvs[faces], shown(colors, linear=True)[faces])
    np.testing.assert_allclose(found, wanted, atol=2e-3)
    if not (colors == 255).all():
        np.testing.assert_allclose(found, read_by_trimesh(path), atol=2e-3)


@RANDOM
@given(soup=soups(), relative=st.booleans(), colored=st.booleans())
def test_any_obj_is_read_as_it_was_written(soup, relative, colored, tmp_path):
    places, uvs, colors, faces = soup
    path = tmp_path / "any.obj"
    write_obj(path, soup, relative, colored)
    found = read(path)
    wanted = rows_of(places[faces], uvs[faces], shown(colors)[faces] if colored else None)
    np.testing.assert_allclose(found, wanted, atol=2e-3)
    if not colored:
        np.testing.assert_allclose(found, read_by_trimesh(path), atol=2e-3)


@RANDOM
@given(soup=soups(), mapped=st.booleans())
def test_any_ply_is_read_as_it_was_written(soup, mapped, tmp_path):
    places, uvs, colors, faces = soup
    path = tmp_path / "any.ply"
    write_ply(path, soup, mapped)
    up = places[:, [0, 2, 1]] * (1, 1, -1)
    wanted = rows_of(up[faces], uvs[faces] if mapped else None, shown(colors)[faces])
    np.testing.assert_allclose(read(path), wanted, atol=2e-3)


@RANDOM
@given(corners=st.lists(st.tuples(UNITS, UNITS), min_size=4, max_size=9, unique=True))
def test_polygons_become_triangles_of_the_same_area(corners, tmp_path):
    """Star-shaped around their middle, so that they do not cross themselves."""
    points = np.array(corners) - np.mean(corners, axis=0)
    points = points[np.argsort(np.arctan2(points[:, 1], points[:, 0]))]
    ahead = np.roll(points, -1, axis=0)
    turns = points[:, 0] * ahead[:, 1] - points[:, 1] * ahead[:, 0]
    if turns.min() < 1e-4:
        return
    lines = [f"v {float(x)!r} {float(y)!r} 0" for x, y in points]
    lines.append("f " + " ".join(str(k + 1) for k in range(len(points))))
    (tmp_path / "any.obj").write_text("\n".join(lines))
    (part,) = read_parts(files.read(tmp_path / "any.obj"))
    found = part.vertices[part.faces]
    across = np.cross(found[:, 1] - found[:, 0], found[:, 2] - found[:, 0])[:, 2]
    assert len(found) == len(points) - 2
    assert across.min() > -1e-6  # none is turned over
    assert across.sum() == pytest.approx(turns.sum(), abs=1e-4)


@pytest.mark.parametrize("factor", [1.0, 0.4])
@pytest.mark.parametrize("has_alpha", [True, False])
def test_a_picture_is_enlarged_in_parts_as_the_whole_is(factor, has_alpha, monkeypatch):
    pixels = np.random.default_rng(0).integers(1, 256, (16, 24, 4)).astype(np.uint8)
    look = Look("", -1, np.full(4, factor), 0, np.eye(2, 3), ("repeat", "clamp"), has_alpha, False, True)
    model = gltf.Gltf({}, [], Path())
    shown = []
    for rows in (1000, 7):
        monkeypatch.setattr(textures, "ROWS", rows)
        shown.append(np.asarray(Pictures(model, Image.fromarray(pixels)).shown(look, 60)))
    assert shown[0].shape == (60, 60, 4)
    assert shown[0][..., :3].std() > 10
    np.testing.assert_array_equal(*shown)
