"""Any UVs: overlaps and lost faces are told, UVs beyond 0..1 wrap, UDIM tiles go in and come out."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from pathlib import Path

import bpy
import numpy as np
import pytest
from bl_ext.user_default.patina.addon import folders
from bl_ext.user_default.patina.addon.scene import image, job, material, result, textures, uvs
from bl_ext.user_default.patina.backend.errors import PatinaError
from bl_ext.user_default.patina.backend.protocol.job_file import read_job, write_job
from PIL import Image

ROOT = Path(__file__).parents[2]
SQUARE = np.array([[[0, 0], [1, 0], [1, 1]], [[0, 0], [1, 1], [0, 1]]], np.float32)


def quads(places: list[tuple[float, float, float, float]], name: str = "Quads") -> bpy.types.Object:
    """Unit squares in a row, each with the rectangle (u, v, width, height) of the UV map; selected."""
    mesh = bpy.data.meshes.new(name)
    points = [(x + dx, y, 0) for x in range(len(places)) for dx, y in ((0, 0), (1, 0), (1, 1), (0, 1))]
    mesh.from_pydata(points, [], [range(4 * i, 4 * i + 4) for i in range(len(places))])
    layer = mesh.uv_layers.new(name="UVMap")
    corners = [(u + w * x, v + h * y) for u, v, w, h in places for x, y in ((0, 0), (1, 0), (1, 1), (0, 1))]
    layer.uv.foreach_set("vector", np.array(corners, np.float32).ravel())
    obj = bpy.data.objects.new(name, mesh)
    bpy.context.collection.objects.link(obj)
    mat = bpy.data.materials.new("Paint")
    mat.use_nodes = True
    mesh.materials.append(mat)
    bpy.context.view_layer.update()
    return obj


def read(obj: bpy.types.Object) -> textures.Source:
    return textures.read(obj, bpy.context.evaluated_depsgraph_get())


def contents(obj: bpy.types.Object, folder: Path, size: int = 64) -> list[np.ndarray]:
    depsgraph = bpy.context.evaluated_depsgraph_get()
    names = textures.write_contents(obj, textures.read(obj, depsgraph), depsgraph, folder, size)
    pictures = []
    for name in names:
        with Image.open(folder / name) as file:
            pictures.append(np.asarray(file.convert("RGB")).astype(int))
    return pictures


def show_image(obj: bpy.types.Object, shown: bpy.types.Image) -> bpy.types.Node:
    tree = obj.data.materials[0].node_tree
    node = tree.nodes.new("ShaderNodeTexImage")
    node.image = shown
    tree.links.new(node.outputs["Color"], tree.nodes["Principled BSDF"].inputs["Base Color"])
    return node


@pytest.mark.parametrize("count", [1, 2, 3])
def test_layers_are_counted(count):
    """Copies of the unit square, moved by whole numbers, lie over each other where UVs wrap."""
    found = uvs.layers(np.concatenate([SQUARE + (k, -2 * k) for k in range(count)]))
    assert np.mean(found == count) > 0.995  # the diagonal belongs to neither triangle


def test_layers_add_up_to_the_area():
    random = np.random.default_rng(0)
    triangles = random.random((50, 3, 2)).astype(np.float32) * 3 - 1
    area = np.abs(uvs.signed_areas(triangles)).sum()
    assert uvs.layers(triangles).mean() == pytest.approx(area, rel=0.01)
    many = np.tile(SQUARE, (4000, 1, 1))  # too many pairs for the fine grid
    assert uvs.layers(many).mean() == pytest.approx(4000, rel=0.1)


@pytest.mark.parametrize(
    ("places", "said"),
    [
        ([(0, 0, 0.5, 1), (0.5, 0, 0.5, 1)], None),
        ([(0, 0, 0.5, 1), (1, 0, -0.5, 1)], None),  # mirrored, but nowhere twice
        ([(0, 0, 1, 1), (0, 0, 0.5, 1)], "50% of the UV map UVMap of Quads is used several times (repeated"),
        ([(0, 0, 1, 1), (1, 0, -1, 1)], "is used several times (mirrored or repeated parts): those share"),
        ([(0, 0, 0.5, 1), (1, 0, 0.5, 1)], "100% of the UV map"),  # the same after wrapping
        ([(0, 0, 1, 1), (0.5, 0.5, 0, 0)], "2 of the 4 triangles of Quads have no area in the UV map"),
    ],
)
def test_the_artist_is_told(places, said):
    obj = quads(places)
    show_image(obj, bpy.data.images.new("Own", 4, 4))
    notes = read(obj).notes
    assert (said in notes[0]) if said else not notes


def test_what_nodes_colour_is_wrapped_too(tmp_path):
    """A quad over 0.5..1.5 of the map: its left half is seen in the right half of the texture."""
    obj = quads([(0.5, 0, 1, 1)])
    tree = obj.data.materials[0].node_tree
    coordinates = tree.nodes.new("ShaderNodeTexCoord")
    split = tree.nodes.new("ShaderNodeSeparateXYZ")
    tree.links.new(coordinates.outputs["Object"], split.inputs[0])
    above = tree.nodes.new("ShaderNodeMath")
    above.operation = "GREATER_THAN"
    tree.links.new(split.outputs["X"], above.inputs[0])
    tree.links.new(above.outputs[0], tree.nodes["Principled BSDF"].inputs["Base Color"])
    (picture,) = contents(obj, tmp_path)
    assert picture[:, 34:].max() == 0  # x < 0.5 has u in 0.5..1
    assert picture[:, :30].min() == 255
    assert [layer.name for layer in obj.data.uv_layers] == ["UVMap"]


TILES = {1001: (255, 0, 0), 1002: (0, 255, 0), 1011: (0, 0, 255)}
PLACES = [(0, 0, 1, 1), (1, 0, 1, 1), (0, 1, 1, 1)]


@pytest.fixture
def tiled(tmp_path) -> bpy.types.Object:
    """Three quads in three UDIM tiles, each of one colour."""
    for number, color in TILES.items():
        Image.new("RGB", (16, 8), color).save(tmp_path / f"Skin.{number}.png")
    obj = quads(PLACES, "Body")
    own = bpy.data.images.load(str(tmp_path / "Skin.<UDIM>.png"))
    own.source = "TILED"
    show_image(obj, own)
    return obj


@pytest.mark.parametrize("packed", [False, True])
def test_tiles_go_in(tiled, tmp_path, packed):
    if packed:
        bpy.data.images[0].pack()
        for number in TILES:
            (tmp_path / f"Skin.{number}.png").unlink()
    source = read(tiled)
    assert [(t.name, t.udim, t.slots) for t in source.textures] == [
        (f"Body {number}", number, (0,)) for number in TILES
    ]
    assert source.arrays["tiles"].tolist() == [0, 0, 1, 1, 2, 2]
    pictures = contents(tiled, tmp_path)
    assert [picture.shape for picture in pictures] == [(8, 16, 3)] * 3
    assert [tuple(picture[0, 0]) for picture in pictures] == list(TILES.values())
    assert not list(tmp_path.glob("*.tile"))
    assert not source.notes


def test_a_tile_with_unsaved_paint_or_no_file_is_baked(tiled, tmp_path):
    (tmp_path / "Skin.1002.png").unlink()
    bpy.data.images[0].reload()
    pictures = contents(tiled, tmp_path, 32)
    assert [picture.shape for picture in pictures] == [(8, 16, 3), (32, 32, 3), (8, 16, 3)]


def test_tiles_that_the_importer_took_for_one_file_are_told_of_and_read_once_they_are_tiles(tmp_path):
    for number, color in TILES.items():
        Image.new("RGB", (16, 8), color).save(tmp_path / f"skin.{number}.png")
    (tmp_path / "body.mtl").write_text("newmtl skin\nmap_Kd skin.<UDIM>.png\n")
    corners = "v 0 0 0\nv 1 0 0\nv 0 1 0\nvt 1.1 0.1\nvt 1.9 0.1\nvt 1.1 0.9\n"
    (tmp_path / "body.obj").write_text(f"mtllib body.mtl\n{corners}usemtl skin\nf 1/1 2/2 3/3\n")
    bpy.ops.wm.obj_import(filepath=str(tmp_path / "body.obj"))
    (body,) = bpy.context.selected_objects
    with pytest.raises(PatinaError, match=r"skin\.<UDIM>\.png cannot be read") as error:
        contents(body, tmp_path)
    assert "UDIM Tiles" in error.value.cure
    bpy.data.images[0].source = "TILED"
    assert [tuple(picture[0, 0]) for picture in contents(body, tmp_path)] == [TILES[1002]]


def test_a_layout_in_tiles_without_an_image(tmp_path):
    obj = quads(PLACES)
    obj.data.materials[0].node_tree.nodes["Principled BSDF"].inputs["Base Color"].default_value = (1, 0, 0, 1)
    assert [texture.udim for texture in read(obj).textures] == [1001, 1002, 1011]
    assert [texture.udim for texture in read(quads([(-1, 0, 1, 1), (0, 0, 1, 1)])).textures] == [0]
    assert [texture.udim for texture in read(quads([(0, 0, 3, 3)])).textures] == [0]


def test_tiles_come_out(tiled, tmp_path):
    source = read(tiled)
    painted = [(9, 8, 7), (6, 5, 4), (3, 2, 1)]
    files = [tmp_path / f"texture_{index}.png" for index in range(3)]
    for file, color in zip(files, painted, strict=True):
        Image.new("RGB", (32, 32), color).save(file)
    (shown,) = result.show(tiled, source.textures, files)
    for file in tmp_path.glob("*"):
        file.unlink()
    assert material.stylized_node(tiled.material_slots[0].material).image == shown
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "scene.blend"))
    shown = bpy.data.images["Body Stylized"]
    assert (shown.source, [tile.number for tile in shown.tiles]) == ("TILED", list(TILES))
    for number, color in zip(TILES, painted, strict=True):
        image.save_srgb(shown, tmp_path / "tile.png", number)
        with Image.open(tmp_path / "tile.png") as file:
            assert file.size == (32, 32)
            assert (np.asarray(file.convert("RGB")) == color).all()
    bpy.ops.file.unpack_all(method="USE_ORIGINAL")
    assert sorted(file.name for file in (tmp_path / "textures").iterdir()) == [
        f"Body_Stylized.{number}.png" for number in TILES
    ]
    obj = bpy.data.objects["Body"]  # and in again
    obj.patina.slots.clear()
    obj.material_slots[0].material.patina.stylized = False
    assert [tuple(picture[0, 0]) for picture in contents(obj, tmp_path)] == painted


def test_tiles_are_painted_across_their_border(tmp_path):
    """One surface over two tiles, from the object to a tiled image by the real backend."""
    bpy.ops.mesh.primitive_grid_add(x_subdivisions=2, y_subdivisions=1, calc_uvs=True)
    obj = bpy.context.object
    corners = np.empty(2 * len(obj.data.loops), np.float32)
    layer = obj.data.uv_layers[0].uv
    layer.foreach_get("vector", corners)
    layer.foreach_set("vector", (corners.reshape(-1, 2) * (2, 1)).astype(np.float32).ravel())
    settings = bpy.context.scene.patina
    settings.quality, settings.steps = "draft", 12
    scope, depsgraph = bpy.context.scene.patina_scope, bpy.context.evaluated_depsgraph_get()
    written = job.write([obj], settings, scope, depsgraph, tmp_path)
    assert [texture.udim for texture in written.members[0].textures] == [1001, 1002]
    write_job(written.folder, replace(read_job(written.folder), texture_size=64))
    end, start = os.pipe()  # to the backend, the end of its input means that Blender is gone
    command = [folders.backend_python(), "-m", "backend", "run", written.folder]
    done = subprocess.run(command, cwd=ROOT, stdin=end, capture_output=True, timeout=400)
    os.close(start)
    os.close(end)
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    files = [written.folder / f"texture_{index}.png" for index in (0, 1)]
    (shown,) = result.show(obj, written.members[0].textures, files)
    assert [tile.number for tile in shown.tiles] == [1001, 1002]
    left, right = (np.asarray(Image.open(file).convert("RGB")).astype(float) for file in files)
    across = np.abs(left[:, -1] - right[:, 0]).mean()
    within = np.abs(np.diff(np.concatenate((left, right), axis=1), axis=1)).mean()
    assert across < 1.5 * within


@pytest.mark.parametrize("largest", [2, 40, 2**40])
def test_rows_are_told_apart_as_by_sorting_them(largest):
    rows = np.random.default_rng(largest).integers(-largest, largest, (300, 2))
    found, which = uvs.distinct(rows)
    assert (found == np.unique(rows, axis=0)).all()
    assert (found[which] == rows).all()
