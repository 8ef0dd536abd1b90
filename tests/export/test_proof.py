"""What `export_all.py` left in out/export, judged by software that others wrote.

Khronos's validator, three.js in Chromium, trimesh with Embree, lib3mf, OpenUSD and Godot, each against
Blender's own picture of the same object. Run by `make test-export`.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import time
from pathlib import Path

import lib3mf
import numpy as np
import pytest
import trimesh
from PIL import Image

ROOT = Path(__file__).parents[2]
OUT = ROOT / "out" / "export"
MODULES = Path(os.environ["PATINA_NODE_MODULES"])
SIZE, OVERSAMPLE = 256, 4
# As in export_all.py.
DIRECTION, FRAME, GREY = (1.0, -1.3, 0.7), 0.9, 0.5
CLOSE = 2.0  # of 255, on average over the object's own pixels
SUN = {"direction": (0.4, -1.0, 0.9), "strength": 3.0}

# What is shown by three.js: the file, its reader, its upward axis, Blender's picture of the same pose.
MODELS = {
    "godot": ("fox.glb", "glb", "y", "rest"),
    "web": ("fox.glb", "glb", "y", "rest"),
    "unity": ("fox.fbx", "fbx", "y", "stride"),
    "unreal": ("fox.fbx", "fbx", "y", "stride"),
    "obj": ("fox.obj", "obj", "y", "stride"),
    "usdz": ("fox.usdz", "usdz", "y", "start"),
    "print_3mf": ("fox.3mf", "3mf", "z", "stride"),
    "print_obj": ("model.obj", "obj", "z", "stride"),
    "print_vrml": ("model.wrl", "wrl", "z", "stride"),
    "print_ply": ("fox.ply", "ply", "z", "stride"),
    "whole": ("ball.glb", "glb", "y", "whole"),
}


def to_linear(pixels: np.ndarray) -> np.ndarray:
    s = np.asarray(pixels, float) / 255
    return np.where(s <= 0.04045, s / 12.92, ((s + 0.055) / 1.055) ** 2.4)


def to_srgb(linear: np.ndarray) -> np.ndarray:
    s = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return 255 * s


def shrunk(pixels: np.ndarray) -> np.ndarray:
    """Averaged over OVERSAMPLE squares in linear light, as a renderer's samples are."""
    linear = to_linear(pixels).reshape(SIZE, OVERSAMPLE, SIZE, OVERSAMPLE, 3)
    return to_srgb(linear.mean(axis=(1, 3)))


def difference(picture: np.ndarray, pose: str) -> float:
    """Mean difference from Blender's picture over the pixels where either shows the object."""
    blender = np.asarray(Image.open(OUT / f"blender_{pose}.png").convert("RGB"), float)
    background = to_srgb(np.array(GREY))
    shown = (np.abs(blender - background).max(-1) > 2) | (np.abs(picture - background).max(-1) > 2)
    assert shown.mean() > 0.05
    return float(np.abs(picture - blender)[shown].mean())


# Khronos's validator


def validate(*files: Path) -> list[dict]:
    command = ["node", str(Path(__file__).with_name("validate.mjs")), str(MODULES), *map(str, files)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def test_the_validator_knows_a_broken_file(tmp_path):
    data = (OUT / "godot" / "fox.glb").read_bytes()
    (tmp_path / "bad.glb").write_bytes(data.replace(b'"VEC2"', b'"VEC9"'))
    assert validate(tmp_path / "bad.glb")[0]["errors"] > 0


def test_khronos_validator_finds_nothing_that_blender_does_not_give(tmp_path):
    files = [OUT / name / "fox.glb" for name in ("godot", "web")]
    before, *after = validate(OUT / "before.glb", *files)
    assert before["errors"] == 0
    for file, report in zip(files, after, strict=True):
        assert report["errors"] == 0, (file, report["messages"])
        assert set(report["warnings"]) <= set(before["warnings"]), (file, report["messages"])
    (whole,) = validate(OUT / "whole" / "ball.glb")
    assert whole["errors"] == 0, whole["messages"]


def test_khronos_validator_passes_what_the_backend_writes():
    """The fox's own file has errors (byteStride on animations), which are not handed on."""
    source, *files = [ROOT / "tests" / "assets" / "fox.gltf", *sorted((OUT / "backend").glob("*.glb"))]
    before, *after = validate(source, *files)
    assert len(after) == 3
    for file, report in zip(files, after, strict=True):
        assert report["errors"] == 0, (file, report["messages"])
        assert set(report["warnings"]) <= set(before["warnings"]), (file, report["messages"])


# three.js in Chromium


@pytest.fixture(scope="module")
def seen(tmp_path_factory) -> dict[str, dict]:
    folder = tmp_path_factory.mktemp("view")
    models = [
        {"url": f"/{name}/{file}", "kind": kind, "up": up, "picture": str(OUT / f"three_{name}.png")}
        | ({"sun": SUN} if name == "whole" else {})
        for name, (file, kind, up, _) in MODELS.items()
    ]
    options = {"size": SIZE * OVERSAMPLE, "direction": DIRECTION, "frame": FRAME, "grey": GREY}
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
    job = {"root": str(OUT), "browser": browser, "options": options, "models": models}
    (folder / "jobs.json").write_text(json.dumps(job))
    command = ["node", str(Path(__file__).with_name("view.mjs")), str(MODULES), str(folder / "jobs.json")]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=200)
    assert ran.returncode == 0, ran.stderr
    return dict(zip(MODELS, json.loads(ran.stdout), strict=True))


@pytest.mark.parametrize("name", MODELS)
def test_three_js_shows_what_blender_shows(seen, name):
    assert "error" not in seen[name], seen[name]
    assert not seen[name]["said"]
    if name != "print_ply":
        assert seen[name]["textures"] == [[256, 256] if name == "whole" else [1024, 1024]]
    picture = np.asarray(Image.open(OUT / f"three_{name}.png").convert("RGB"))
    off = difference(shrunk(picture), MODELS[name][3])
    print(f"{name}: {off:.2f} of 255")
    assert off < CLOSE


def test_prints_have_the_size_that_was_asked_for(seen):
    for name in ("print_3mf", "print_obj", "print_vrml", "print_ply"):
        assert max(seen[name]["sides"]) == pytest.approx(80.0, abs=1e-3), name


# trimesh, rendered by Embree


@pytest.mark.parametrize("name", ["obj", "godot", "print_obj", "print_ply"])
def test_trimesh_shows_what_blender_shows(name):
    file, _, up, pose = MODELS[name]
    mesh = trimesh.load_scene(OUT / name / file, process=False).to_mesh()
    if up == "y":
        mesh.vertices = mesh.vertices[:, [0, 2, 1]] * (1, -1, 1)
    off = difference(shrunk(ray_cast(mesh)), pose)
    print(f"{name}: {off:.2f} of 255")
    assert off < CLOSE


def ray_cast(mesh: trimesh.Trimesh) -> np.ndarray:
    back = np.array(DIRECTION) / np.linalg.norm(DIRECTION)
    right = np.cross((0, 0, 1), back)
    right /= np.linalg.norm(right)
    up = np.cross(back, right)
    middle, longest = mesh.bounds.mean(axis=0), np.ptp(mesh.bounds, axis=0).max()
    count = SIZE * OVERSAMPLE
    steps = ((np.arange(count) + 0.5) / count - 0.5) * FRAME * longest
    x, y = np.meshgrid(steps, -steps)
    origins = middle + 2 * longest * back + x[..., None] * right + y[..., None] * up
    origins = origins.reshape(-1, 3)
    rays = np.tile(-back, (len(origins), 1))
    faces, hit, places = mesh.ray.intersects_id(origins, rays, multiple_hits=False, return_locations=True)
    weights = trimesh.triangles.points_to_barycentric(mesh.triangles[faces], places)
    if mesh.visual.kind == "texture":
        uv = np.einsum("nk,nkd->nd", weights, mesh.visual.uv[mesh.faces[faces]])
        image = getattr(mesh.visual.material, "baseColorTexture", None) or mesh.visual.material.image
        colors = trimesh.visual.color.uv_to_interpolated_color(uv, image.convert("RGB"))
    else:
        colors = np.einsum("nk,nkd->nd", weights, mesh.visual.vertex_colors[mesh.faces[faces]].astype(float))
    picture = np.full((count * count, 3), to_srgb(np.array(GREY)))
    picture[hit] = np.asarray(colors, float)[:, :3]
    return picture.reshape(count, count, 3)


# lib3mf


def test_lib3mf_reads_the_3mf_in_strict_mode():
    package = lib3mf.Wrapper().CreateModel()
    reader = package.QueryReader("3mf")
    reader.SetStrictModeActive(True)
    reader.ReadFromFile(str(OUT / "print_3mf" / "fox.3mf"))
    assert reader.GetWarningCount() == 0
    objects = package.GetMeshObjects()
    objects.MoveNext()
    assert objects.GetCurrentMeshObject().IsManifoldAndOriented()
    textures = package.GetTexture2Ds()
    textures.MoveNext()
    data = bytes(textures.GetCurrentTexture2D().GetAttachment().WriteToBuffer())
    with Image.open(OUT / "print_obj" / "texture0.png") as other:
        assert (np.asarray(Image.open(io.BytesIO(data))) == np.asarray(other)).all()


# OpenUSD


@pytest.mark.parametrize("file", ["usd/fox.usdc", "usdz/fox.usdz"])
def test_openusd_finds_no_error(file):
    from pxr import Usd, UsdGeom, UsdShade, UsdSkel, UsdValidation

    stage = Usd.Stage.Open(str(OUT / file))
    validators = UsdValidation.ValidationRegistry().GetOrLoadAllValidators()
    assert len(validators) > 20
    errors = UsdValidation.ValidationContext(validators).Validate(stage)
    serious = [e for e in errors if e.GetType() == UsdValidation.ValidationErrorType.Error]
    assert [(e.GetName(), e.GetMessage()) for e in serious] == []
    assert UsdGeom.GetStageUpAxis(stage) == UsdGeom.Tokens.y
    kinds = [prim.GetTypeName() for prim in stage.Traverse()]
    assert "Mesh" in kinds
    assert "Skeleton" in kinds
    assert any(UsdSkel.Animation(prim) for prim in stage.Traverse())
    textures = [
        UsdShade.Shader(prim).GetInput("file").Get()
        for prim in stage.Traverse()
        if prim.GetTypeName() == "Shader" and UsdShade.Shader(prim).GetIdAttr().Get() == "UsdUVTexture"
    ]
    assert len(textures) == 1
    assert textures[0].resolvedPath


# Godot


def in_godot(model: Path, folder: Path) -> dict:
    """What Godot's editor makes of a GLB, as its engine then finds it."""
    (folder / "project.godot").write_text('config_version=4\n[application]\nconfig/name="proof"\n')
    shutil.copy(model, folder / "model.glb")
    shutil.copy(Path(__file__).with_name("inspect.gd"), folder)
    environment = os.environ | {"HOME": str(folder), "LC_ALL": "en_US.UTF-8"}
    command = ["godot3-server", "--path", str(folder)]
    # Godot 3's editor imports, and then does not always quit when it is told to.
    with subprocess.Popen(
        [*command, "--editor"], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as editor:
        until = time.monotonic() + 60
        while not list(folder.glob(".import/*.md5")) and time.monotonic() < until:
            time.sleep(0.2)
        editor.kill()
    ran = subprocess.run(
        [*command, "--script", "inspect.gd"], env=environment, capture_output=True, text=True, timeout=60
    )
    line = next((line for line in ran.stdout.splitlines() if line.startswith("FOUND ")), None)
    assert line, ran.stdout + ran.stderr
    return json.loads(line.removeprefix("FOUND "))


needs_godot = pytest.mark.skipif(
    shutil.which("godot3-server") is None, reason="Debian's godot3-server is not installed"
)


@needs_godot
def test_godot_imports_the_glb(tmp_path):
    found = in_godot(OUT / "godot" / "fox.glb", tmp_path)
    assert found["meshes"] == 1
    assert found["skeletons"] == 1
    assert found["bones"] > 20
    assert sorted(found["animations"]) == ["Run", "Survey", "Walk"]
    assert found["textures"] == [[1024, 1024]]


@needs_godot
def test_godot_plays_a_figure_that_had_its_colours_from_a_palette(tmp_path):
    found = in_godot(OUT / "figure" / "figure.glb", tmp_path)
    assert found["meshes"] == 6
    assert found["animations"]
    assert found["moved"] >= 2  # both legs
    assert found["textures"] == [[256, 256]] * 6
    colors = np.array([found["colors"][name] for name in ("torso", "head", "arm-left", "leg-left")])
    assert np.ptp(colors, axis=0).max() > 0.1  # parts of other colours are painted in other colours
