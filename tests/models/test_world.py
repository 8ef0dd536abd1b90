"""Models as the world writes them, painted by the command line and looked at by Blender: see paint_all.py."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from itertools import combinations
from pathlib import Path

import bpy
import numpy as np
import pytest
from unlit import ROOT, difference, import_model, is_far, materials_seen, unlit

sys.path.append(str(ROOT / "tests" / "backend"))

from random_models import Soup, rows_of, write_gltf, write_obj, write_ply
from world_models import make

OUT = Path(os.environ.get("PATINA_ASSETS", "out/assets"))
PAINTED = json.loads((OUT / "painted.json").read_text()) if (OUT / "painted.json").is_file() else []
MOST = 2.0  # of 255, on average over the object
MIN_SEEN = 16  # pixels of a material; of less, a render tells little


def test_there_is_something_to_look_at():
    assert len(PAINTED) > 50


@pytest.mark.parametrize(
    ("name", "path", "like", "kept", "painted"), PAINTED, ids=[row[0] for row in PAINTED]
)
def test_without_strength_it_looks_as_before_and_with_it_all_wears_paint(name, path, like, kept, painted):
    if not kept.endswith("model.glb"):
        assert kept == painted
        assert len(kept.strip().splitlines()) == 2
        assert Path(path).name in kept
        assert not is_ours(name), kept
        return
    try:
        before = unlit(Path(like))
    except RuntimeError as error:
        pytest.skip(f"Blender cannot read it: {error}")
    if is_far() and not is_ours(name):
        pytest.skip("Blender cannot show it: its vertices are too far from the origin for 32 bits")
    if is_ours(name) or not _pink(before):
        assert difference(before, unlit(Path(kept))) < MOST
    after = unlit(Path(painted))
    check_that_all_wear_paint(before, after)


EXPORTERS = {
    ".fbx": lambda path: bpy.ops.export_scene.fbx(filepath=path, path_mode="RELATIVE"),
    ".usdc": lambda path: bpy.ops.wm.usd_export(filepath=path),
    ".usdz": lambda path: bpy.ops.wm.usd_export(filepath=path),
    ".dae": lambda path: bpy.ops.wm.collada_export(filepath=path),
    ".abc": lambda path: bpy.ops.wm.alembic_export(filepath=path, as_background_job=False),
    ".stl": lambda path: bpy.ops.wm.stl_export(filepath=path),
}


@pytest.mark.parametrize("kind", EXPORTERS)
def test_what_blender_alone_reads_is_painted_through_it(kind, tmp_path):
    """Two cubes, each with a picture, as far as the format has any."""
    if kind == ".dae" and bpy.app.version >= (5, 0):
        pytest.skip("Blender 5 has no Collada")
    source = make(tmp_path)["obj_two"][0]
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.ops.wm.obj_import(filepath=str(source))
    path = source.with_name(f"exported{kind}")
    EXPORTERS[kind](str(path))
    before = unlit(path)
    for strength in (0, 0.5):
        command = [str(ROOT / ".env" / "backend" / "bin" / "python"), "-m", "backend", "stylize", str(path)]
        style = ROOT / "addon" / "styles" / "starry_night.jpg"
        command += ["--style", str(style), "--strength", str(strength), "--texture-size", "256"]
        command += ["--quality", "draft", "--steps", "6", "--device", "cpu", "--out", str(tmp_path / "out")]
        environment = os.environ | {"PATINA_BLENDER": sys.executable}
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        shown = unlit(tmp_path / "out" / "model.glb")
        if strength:
            check_that_all_wear_paint(before, shown)
        else:
            assert difference(before, shown) < MOST


WRITERS = {".glb": write_gltf, ".obj": write_obj, ".ply": write_ply}


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("kind", WRITERS)
def test_blender_reads_of_any_triangles_what_the_command_line_is_tested_to_read(kind, seed, tmp_path):
    soup = places, uvs, colors, faces = any_soup(np.random.default_rng(seed))
    WRITERS[kind](tmp_path / f"any{kind}", soup)
    bpy.ops.wm.read_factory_settings(use_empty=True)
    import_model(tmp_path / f"any{kind}")
    (obj,) = (obj for obj in bpy.context.scene.objects if obj.type == "MESH")
    mesh = obj.data
    corners = np.array([obj.matrix_world @ mesh.vertices[loop.vertex_index].co for loop in mesh.loops])
    if kind != ".ply":  # which are z up as they are
        corners = corners[:, [0, 2, 1]] * (1, 1, -1)
    shown = mesh.color_attributes[0]
    at = range(len(mesh.loops)) if shown.domain == "CORNER" else [loop.vertex_index for loop in mesh.loops]
    seen = np.array([shown.data[k].color[:3] for k in at])
    read = [loop.uv for loop in mesh.uv_layers[0].data]
    found = rows_of(corners.reshape(-1, 3, 3), np.array(read).reshape(-1, 3, 2), seen.reshape(-1, 3, 3))
    linear = colors / 255 if kind == ".glb" else to_linear(colors / 255)
    np.testing.assert_allclose(found, rows_of(places[faces], uvs[faces], linear[faces]), atol=4e-3)


def any_soup(random: np.random.Generator) -> Soup:
    """Triangles anywhere, none of them twice: Blender would leave one out."""
    count = random.integers(3, 13)
    places = random.uniform(-100, 100, (count, 3)).round(2)
    triples = np.array(list(combinations(range(count), 3)))
    faces = random.choice(triples, min(len(triples), 10), replace=False)
    return places, random.random((count, 2)), random.integers(0, 256, (count, 3)), faces


def to_linear(values: np.ndarray) -> np.ndarray:
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def check_that_all_wear_paint(before: np.ndarray, after: np.ndarray) -> None:
    """Fail if a material is seen as it was. after: what `unlit` showed last."""
    changes, masks = np.abs(before - after).mean(-1), materials_seen()
    assert any(seen.any() for seen in masks.values())
    for material, seen in masks.items():
        if seen.sum() >= MIN_SEEN:
            assert changes[seen].mean() > 4 * MOST, material


def is_ours(name: str) -> bool:
    """Whether the model is one that we wrote, of which we know that it can be read."""
    return "/" not in name


def _pink(render: np.ndarray) -> bool:
    """Whether Blender did not find the picture."""
    return bool((np.abs(render - (255, 0, 255)).max(-1) < 3).mean() > 0.05)
