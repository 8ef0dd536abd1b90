"""The files that export writes, read back by others' readers, and the errors that it gives."""

from __future__ import annotations

import argparse
import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import lib3mf
import numpy as np
import pytest
import trimesh
from export_models import picture, slab, textured, torus, write
from PIL import Image

from backend import export
from backend.errors import PatinaError
from backend.export import prints
from backend.export.files import write_file
from backend.export.model import read_model, to_size
from backend.models import gltf
from backend.protocol.events import read_event

ROOT = Path(__file__).parents[2]
FOX = ROOT / "tests" / "assets" / "fox.gltf"


@pytest.fixture
def donut(tmp_path):
    return write(torus(), tmp_path / "donut.glb")


def pixels(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)))


# Each format


def test_3mf_reads_back_in_strict_mode(donut, tmp_path):
    report = export.export(donut, "print-3mf", tmp_path / "donut.3mf", export.Options(80))
    assert report["size_mm"] == pytest.approx([80, 80, 80 * 1.4 / 5.4], abs=1e-3)
    package = lib3mf.Wrapper().CreateModel()
    reader = package.QueryReader("3mf")
    reader.SetStrictModeActive(True)
    reader.ReadFromFile(str(tmp_path / "donut.3mf"))
    assert reader.GetWarningCount() == 0
    assert package.GetUnit() == lib3mf.ModelUnit.MilliMeter
    objects = package.GetMeshObjects()
    assert objects.MoveNext()
    mesh = objects.GetCurrentMeshObject()
    assert mesh.IsValid()
    assert mesh.IsManifoldAndOriented()
    textures = package.GetTexture2Ds()
    assert textures.MoveNext()
    data = bytes(textures.GetCurrentTexture2D().GetAttachment().WriteToBuffer())
    assert b"sRGB" in data[:100]
    assert (pixels(data) == np.asarray(picture())).all()
    # Vertices, triangles and UVs are those of the model.
    model = to_size(read_model(donut), 80)
    vertices = np.array([list(v.Coordinates) for v in mesh.GetVertices()])
    assert np.abs(vertices - model.vertices).max() < 1e-4
    groups = package.GetTexture2DGroups()
    assert groups.MoveNext()
    group = groups.GetCurrentTexture2DGroup()
    for face in range(0, mesh.GetTriangleCount(), 97):
        assert list(mesh.GetTriangle(face).Indices) == model.faces[face].tolist()
        property_ids = mesh.GetTriangleProperties(face).PropertyIDs
        uv = [(group.GetTex2Coord(i).U, group.GetTex2Coord(i).V) for i in property_ids]
        assert np.abs(np.array(uv) - model.uvs[face]).max() < 1e-5


def test_3mf_of_two_materials_keeps_both(tmp_path):
    left, right = slab(10, 10, 10), slab(10, 10, 10)
    right.apply_translation((10.5, 0, 0))
    right = textured(right.vertices, right.faces, right.visual.uv, Image.new("RGB", (32, 32), (9, 99, 199)))
    scene = trimesh.Scene([left, right])
    (tmp_path / "two.glb").write_bytes(scene.export(file_type="glb"))
    export.export(tmp_path / "two.glb", "print-3mf", tmp_path / "two.3mf", export.Options(20.5))
    with zipfile.ZipFile(tmp_path / "two.3mf") as archive:
        found = {pixels(archive.read(name)).shape for name in archive.namelist() if name.endswith(".png")}
    assert found == {(64, 64, 3), (32, 32, 3)}


@pytest.mark.parametrize("preset", ["print-obj", "print-vrml"])
def test_zip_holds_model_and_picture(donut, tmp_path, preset):
    export.export(donut, preset, tmp_path / "donut.zip", export.Options(80))
    with zipfile.ZipFile(tmp_path / "donut.zip") as archive:
        names = set(archive.namelist())
        archive.extractall(tmp_path / "out")
    assert (pixels((tmp_path / "out" / "texture0.png").read_bytes()) == np.asarray(picture())).all()
    if preset == "print-vrml":
        assert names == {"model.wrl", "texture0.png"}
        assert (tmp_path / "out" / "model.wrl").read_text().startswith("#VRML V2.0 utf8\n")
        return
    assert names == {"model.obj", "model.mtl", "texture0.png"}
    mesh = trimesh.load_mesh(tmp_path / "out" / "model.obj", process=False)
    model = to_size(read_model(donut), 80)
    assert np.abs(mesh.triangles - model.vertices[model.faces]).max() < 1e-5
    assert np.abs(mesh.visual.uv[mesh.faces] - model.uvs).max() < 1e-6
    assert (np.asarray(mesh.visual.material.image.convert("RGB")) == np.asarray(picture())).all()


def test_ply_has_colors_and_stl_the_shape(donut, tmp_path):
    report = export.export(donut, "print-ply", tmp_path / "donut.ply", export.Options(80, delta_e=3.0))
    assert report["delta_e"] <= 3.0
    colored = trimesh.load_mesh(tmp_path / "donut.ply", process=False)
    assert colored.is_watertight
    assert np.ptp(colored.visual.vertex_colors[:, :3], axis=0).min() > 150
    export.export(donut, "print-stl", tmp_path / "donut.stl", export.Options(80))
    shape = trimesh.load_mesh(tmp_path / "donut.stl")
    assert shape.is_watertight
    assert shape.volume / 1000 == pytest.approx(report["volume_cm3"], rel=1e-4)


def test_stl_with_a_relief_from_a_16_bit_height_map(tmp_path):
    donut = write(torus(rings=96, sides=64), tmp_path / "donut.glb")
    Image.fromarray(np.full((32, 32), 32768, np.uint16)).save(tmp_path / "height.png")
    report = export.export(
        donut,
        "print-stl",
        tmp_path / "d.stl",
        export.Options(80, height=tmp_path / "height.png", relief_mm=2.0),
    )
    raised = trimesh.load_mesh(tmp_path / "d.stl")
    scale = 80 / 5.4
    tube = 0.7 * scale + 2.0 * 32768 / 65535
    assert raised.is_volume
    assert raised.volume == pytest.approx(2 * np.pi**2 * (2 * scale) * tube**2, rel=0.01)
    assert report["volume_cm3"] == pytest.approx(raised.volume / 1000, rel=1e-4)
    assert raised.bounds[0] == pytest.approx([0, 0, 0], abs=1e-5)


def test_check_alone_and_proof(donut, tmp_path):
    report = export.export(
        donut, "print-check", tmp_path / "check.json", export.Options(80, proof=tmp_path / "proof.png")
    )
    written = json.loads((tmp_path / "check.json").read_text())
    assert written["findings"] == report["findings"]
    assert {f["check"] for f in written["findings"]} >= {
        "watertight",
        "manifold",
        "inverted",
        "walls",
        "texels",
    }
    assert all(f["cure"] for f in written["findings"] if f["level"] != "ok")
    proof, original = pixels((tmp_path / "proof.png").read_bytes()), np.asarray(picture())
    assert proof.shape == original.shape
    assert int(proof.min()) > int(original.min())  # print has no black


# For game engines


def test_game_glb_keeps_rig_and_animations(tmp_path):
    report = export.export(
        FOX, "game-glb", tmp_path / "fox.glb", export.Options(texture_size=256, texture_format="jpeg")
    )
    before, after = gltf.read(FOX), gltf.read(tmp_path / "fox.glb")
    for key in ("animations", "skins", "nodes", "meshes", "materials", "accessors"):
        assert after.tree[key] == before.tree[key]
    for i in range(len(before.tree["accessors"])):
        assert (gltf.accessor(after, i) == gltf.accessor(before, i)).all() if _plain(before, i) else True
    assert pixels(gltf.image_bytes(after, 0)).shape == (256, 256, 3)
    assert report["textures"][0]["format"] == "image/jpeg"


def test_game_glb_has_gutters_for_every_mip_level(tmp_path):
    report = export.export(FOX, "game-glb", tmp_path / "fox.glb")
    assert report["textures"][0]["size"] == [1024, 1024]
    assert len(report["textures"][0]["bleed"]) == 6
    assert max(report["textures"][0]["bleed"]) < 2.0
    assert max(_bleed_without_gutters()) > 20.0


def _plain(model: gltf.Gltf, index: int) -> bool:
    return model.tree["accessors"][index]["type"] != "MAT4"


def _bleed_without_gutters() -> list[float]:
    from backend.export import gutters

    model = read_model(FOX)
    image = np.asarray(model.textures[0], float)
    return gutters.bleed(image, gutters.coverage(model.uvs, *image.shape[1::-1]))


def test_game_glb_in_webp_and_back(donut, tmp_path):
    export.export(donut, "game-glb", tmp_path / "web.glb", export.Options(texture_format="webp"))
    tree = gltf.read(tmp_path / "web.glb").tree
    assert tree["extensionsRequired"] == ["EXT_texture_webp"]
    assert "source" not in tree["textures"][0]
    assert (
        np.abs(
            np.asarray(read_model(tmp_path / "web.glb").textures[0], float) - np.asarray(picture(), float)
        ).mean()
        < 6
    )
    export.export(tmp_path / "web.glb", "game-glb", tmp_path / "png.glb")
    tree = gltf.read(tmp_path / "png.glb").tree
    assert "extensionsUsed" not in tree
    assert tree["textures"][0]["source"] == 0


def test_game_glb_of_an_obj_and_another_picture(donut, tmp_path):
    export.export(donut, "print-obj", tmp_path / "donut.zip", export.Options(54))
    with zipfile.ZipFile(tmp_path / "donut.zip") as archive:
        archive.extractall(tmp_path)
    Image.new("RGB", (100, 60), (10, 200, 30)).save(tmp_path / "green.png")
    export.export(
        tmp_path / "model.obj", "game-glb", tmp_path / "g.glb", export.Options(texture=tmp_path / "green.png")
    )
    model = read_model(tmp_path / "g.glb")
    assert model.textures[0].size == (128, 64)
    assert np.abs(np.asarray(model.textures[0]) - (10, 200, 30)).max() <= 1
    assert model.mesh.is_volume


def test_reads_a_jobs_mesh(tmp_path):
    model = to_size(read_model(write(torus(), tmp_path / "t.glb")), 54)
    np.savez(
        tmp_path / "mesh.npz",
        vertices=model.vertices.astype(np.float32),
        faces=model.faces.astype(np.int32),
        uvs=model.uvs.astype(np.float32),
        normals=np.zeros((len(model.faces), 3, 3), np.float32),
    )
    picture().save(tmp_path / "texture.png")
    report = export.export(
        tmp_path / "mesh.npz",
        "print-3mf",
        tmp_path / "t.3mf",
        export.Options(54, texture=tmp_path / "texture.png"),
    )
    assert report["size_mm"] == pytest.approx([54, 54, 14], abs=1e-3)


# Bad input


def broken(tmp_path: Path, name: str, data: bytes) -> Path:
    (tmp_path / name).write_bytes(data)
    return tmp_path / name


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"preset": "print-4mf"}, "no preset print-4mf.*print-3mf"),
        ({"out": "a.stl"}, r"print-3mf writes .3mf files, not a.stl.*a.3mf"),
        ({"size_mm": None}, "needs a size.*millimetres"),
        ({"size_mm": -3.0}, "size is -3 mm"),
        ({"size_mm": float("nan")}, "size is nan mm"),
        ({"out": "nowhere/a.3mf"}, "no folder .*nowhere"),
        ({"out": "x" * 300 + ".3mf"}, r"name x+… is too long"),
        ({"relief_mm": 0.5}, "relief needs a height map"),
        ({"texture": "none.png"}, "none.png does not exist"),
        ({"preset": "game-glb", "out": "a.glb"}, "for prints"),
        ({"preset": "game-glb", "out": "a.glb", "size_mm": None, "texture_format": "tga"}, "format tga"),
        (
            {"preset": "game-glb", "out": "a.glb", "size_mm": None, "texture_size": 1000},
            "texture size is 1000",
        ),
    ],
)
def test_bad_options_are_refused_by_name(donut, tmp_path, options, message):
    options = {"preset": "print-3mf", "out": "a.3mf", "size_mm": 80.0} | options
    for name in ("out", "texture"):
        if name in options:
            options[name] = tmp_path / options[name]
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(PatinaError, match=message) as caught:
        export.export(donut, options.pop("preset"), options.pop("out"), export.Options(**options))
    assert caught.value.field
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("none.glb", None, "no file"),
        ("a.fbx", b"x", r"a.fbx is of a kind that only Blender reads.*\.glb"),
        ("a.max", b"x", r"a.max is not a model.*\.glb"),
        ("empty.glb", b"", "empty.glb cannot be read"),
        ("text.obj", b"hello\n", "text.obj (has no faces|cannot be read)"),
        ("short.ply", b"ply\nformat ascii 1.0\nelement vertex 3\n", "short.ply cannot be read"),
        ("m.npz", b"not a zip", "m.npz cannot be read"),
        ("nan.obj", b"v 0 0 0\nv nan 1 0\nv 0 1 1\nf 1 2 3\n", "not a number"),
        ("line.obj", b"v 0 0 0\nv 1 1 0\nf 1 2 2\n", "no surface|no faces"),
        ("plain.obj", b"v 0 0 0\nv 1 1 0\nv 0 1 1\nf 1 2 3\n", "no texture: nothing was stylized yet"),
    ],
)
def test_bad_models_are_refused_by_name(tmp_path, name, data, message):
    path = tmp_path / name if data is None else broken(tmp_path, name, data)
    with pytest.raises(PatinaError, match=message):
        export.export(path, "print-3mf", tmp_path / "out.3mf", export.Options(80))
    assert not (tmp_path / "out.3mf").exists()


def test_a_cut_off_glb_is_refused(donut, tmp_path):
    cut = broken(tmp_path, "cut.glb", donut.read_bytes()[:-2000])
    for preset, out, size in (("print-3mf", "o.3mf", 80.0), ("game-glb", "o.glb", None)):
        with pytest.raises(PatinaError, match=r"cut.glb cannot be read"):
            export.export(cut, preset, tmp_path / out, export.Options(size))


def test_a_broken_picture_is_refused(donut, tmp_path):
    cut = broken(tmp_path, "cut.png", b"\x89PNG\r\n\x1a\n" + b"\0" * 50)
    with pytest.raises(PatinaError, match=r"cut\.png cannot be read as a picture"):
        export.export(donut, "print-3mf", tmp_path / "o.3mf", export.Options(80, texture=cut))


def test_a_texture_is_read_by_its_own_uv_map_moved_as_the_file_says(donut, tmp_path):
    plain, model = read_model(donut), gltf.read(donut)
    base = model.tree["materials"][0]["pbrMetallicRoughness"]["baseColorTexture"]
    attributes = model.tree["meshes"][0]["primitives"][0]["attributes"]
    attributes["TEXCOORD_1"] = attributes.pop("TEXCOORD_0")
    base |= {"texCoord": 1, "extensions": {"KHR_texture_transform": {"scale": [2, 3], "offset": [0.5, 0]}}}
    (tmp_path / "moved.glb").write_bytes(gltf.write(model))
    moved = read_model(tmp_path / "moved.glb")
    down, moved_down = plain.uvs * (1, -1) + (0, 1), moved.uvs * (1, -1) + (0, 1)
    np.testing.assert_allclose(moved_down, down * (2, 3) + (0.5, 0), atol=1e-6)
    export.export(tmp_path / "moved.glb", "print-3mf", tmp_path / "o.3mf", export.Options(80))
    assert export.export(tmp_path / "moved.glb", "game-glb", tmp_path / "o.glb")["textures"]


def test_an_existing_file_is_kept_until_asked(donut, tmp_path):
    out = tmp_path / "donut.3mf"
    out.write_bytes(b"precious")
    with pytest.raises(PatinaError, match=r"exists already.*--overwrite"):
        export.export(donut, "print-3mf", out, export.Options(80))
    assert out.read_bytes() == b"precious"
    export.export(donut, "print-3mf", out, export.Options(80, overwrite=True))
    assert out.read_bytes()[:2] == b"PK"


FULL = """
import resource, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from backend.export.files import write_file
from backend.errors import PatinaError
from backend.protocol.events import read_event
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, 30_000))
try:
    write_file(Path(sys.argv[2]), bytes(100_000))
except PatinaError as error:
    print(error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit on file sizes, which Windows has not")
def test_a_disk_that_fills_half_way_leaves_what_was_there(tmp_path):
    out = tmp_path / "model.3mf"
    out.write_bytes(b"the old one")
    run = subprocess.run(
        [sys.executable, "-c", FULL, str(ROOT), str(out)], capture_output=True, text=True, check=True
    )
    assert "could not be written: File too large (0.1 MB)" in run.stdout
    assert out.read_bytes() == b"the old one"
    assert [path.name for path in tmp_path.iterdir()] == ["model.3mf"]


def test_a_full_disk_leaves_what_was_there(tmp_path):
    """A real full file system, where one may be mounted."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)]
    if sys.platform != "linux" or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("needs the right to mount a small disk")
    try:
        (disk / "model.3mf").write_bytes(b"the old one")
        with pytest.raises(PatinaError, match="No space left on device"):
            write_file(disk / "model.3mf", bytes(100_000))
        assert (disk / "model.3mf").read_bytes() == b"the old one"
        assert [path.name for path in disk.iterdir()] == ["model.3mf"]
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_a_read_only_folder_is_named(donut, tmp_path):
    """Root may write anywhere, so a read-only file system is used where one may be mounted."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "ro,size=64k", "tmpfs", str(disk)]
    mounted = sys.platform == "linux" and not subprocess.run(mount, capture_output=True).returncode
    if not mounted:
        disk.chmod(0o500)
    try:
        with pytest.raises(PatinaError, match=r"disk cannot be written to"):
            export.export(donut, "print-3mf", disk / "o.3mf", export.Options(80))
    finally:
        if mounted:
            subprocess.run(["umount", str(disk)], check=True)


def test_the_command_line(donut, tmp_path, capsys):
    parser = argparse.ArgumentParser()
    export.add_arguments(parser)
    line = [str(donut), "--preset", "print-3mf", "--size-mm", "80", "--out", str(tmp_path / "a.3mf")]
    assert export.run(parser.parse_args(line)) == 0
    said = capsys.readouterr().out
    assert "80.0 × 80.0 × 20.7 mm" in said
    assert "warning: 100% of the surface has fewer than 4 texels a millimetre" in said
    assert export.run(parser.parse_args([*line, "--overwrite", "--json", "--repair"])) == 0
    assert json.loads(capsys.readouterr().out)["preset"] == "print-3mf"


def test_a_program_hears_of_each_stage_and_gets_the_report(donut, tmp_path, capsys):
    parser = argparse.ArgumentParser()
    export.add_arguments(parser)
    out, report = tmp_path / "a.stl", tmp_path / "report.json"
    line = [str(donut), "--preset", "print-stl", "--size-mm", "80", "--out", str(out)]
    ran = subprocess.Popen(
        [sys.executable, "-m", "backend", "export", *line, "--repair", "--events", str(report)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    events = [read_event(said.decode()) for said in ran.stdout]
    ran.stdin.close()
    assert ran.wait() == 0
    assert [event.stage for event in events[:-1]] == ["reading", "repairing", "checking", "writing"]
    assert (events[-1].kind, events[-1].path, events[-1].report) == ("finished", str(out), str(report))
    assert json.loads(report.read_text())["bytes"] == out.stat().st_size


def test_every_print_preset_is_written():
    assert {name for name in export.PRESETS if name.startswith("print-")} == {
        *prints.COLORED,
        "print-ply",
        "print-stl",
        "print-check",
    }


def test_the_command_line_tells_errors_to_a_program(donut, tmp_path, capsys):
    parser = argparse.ArgumentParser()
    export.add_arguments(parser)
    line = [str(donut), "--preset", "print-3mf", "--out", str(tmp_path / "a.3mf")]
    assert export.run(parser.parse_args([*line, "--json"])) == 1
    event = read_event(capsys.readouterr().out)
    assert (event.kind, event.field) == ("failed", "size_mm")
    with pytest.raises(PatinaError, match="needs a size"):
        export.run(parser.parse_args(line))


def test_a_gltf_without_a_material_keeps_its_uvs(tmp_path: Path) -> None:
    tree = gltf.read(FOX)
    for mesh in tree.tree["meshes"]:
        for primitive in mesh["primitives"]:
            del primitive["material"]
    bare = tmp_path / "bare.glb"
    bare.write_bytes(gltf.write(tree))
    model, whole = read_model(bare), read_model(FOX)
    assert not model.colored
    np.testing.assert_array_equal(model.uvs, whole.uvs)


def test_an_export_never_replaces_what_it_is_made_from(tmp_path):
    source = write(torus(), tmp_path / "torus.glb")
    (tmp_path / "other.glb").symlink_to(source)
    Image.new("L", (8, 8)).save(tmp_path / "height.png")
    before = source.read_bytes()
    for out in (source, tmp_path / "other.glb"):
        with pytest.raises(PatinaError, match=f"{out.name} would be written over"):
            export.export(source, "game-glb", out, export.Options(overwrite=True))
    with pytest.raises(PatinaError, match=r"height\.png would be written over"):
        export.export(
            source,
            "print-3mf",
            tmp_path / "new.3mf",
            export.Options(
                40.0,
                height=tmp_path / "height.png",
                relief_mm=1.0,
                proof=tmp_path / "height.png",
                overwrite=True,
            ),
        )
    assert source.read_bytes() == before
    assert not (tmp_path / "new.3mf").exists()
