"""Canvases on a mesh: textures, relief, and jobs from file to file."""

from __future__ import annotations

import json
import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from meshes import quad, sphere
from PIL import Image

from backend import session
from backend.canvas import build
from backend.canvas import job as canvas_job
from backend.canvas.aim import start_of
from backend.canvas.on_surface import SolidTexture, UVTexture
from backend.canvas.relief import DEPTH, ReliefTexture, normal_map, shade
from backend.canvas.surface import Sight, Surface
from backend.errors import PatinaError
from backend.parameterizations.alpha import Alpha
from backend.parameterizations.cppn import CPPN, EXTENT
from backend.parameterizations.pixel import Pixel
from backend.pictures.styles import read_styles
from backend.protocol.events import Event
from backend.protocol.job import Job
from backend.protocol.parts import Key, Style, Target
from backend.rendering import camera, rasterizer
from backend.rendering.camera import Camera
from backend.rendering.gbuffer import GBuffer, render
from backend.rendering.mesh import Mesh
from backend.rendering.texels import locate
from backend.rendering.views import ViewMaker
from backend.session import JobSession


def above(window: float = 1.0, size: int = 32) -> Camera:
    return camera.look_at(np.zeros(3), np.array([0, 1e-9, 1.0]), window, size)


def from_above(mesh: Mesh, window: float = 1.0, size: int = 32) -> GBuffer:
    return render(mesh, rasterizer.create("embree", mesh), above(window, size))


def ramp(size: int) -> torch.Tensor:
    """(1, 1, size, size): rises from .2 to .8 along u."""
    return (0.2 + 0.6 * (torch.arange(size) + 0.5) / size).expand(1, 1, size, size)


def test_a_texture_skin_shows_its_textures_side_by_side():
    mesh = quad()
    textures = torch.cat([ramp(64).expand(1, 3, -1, -1), 1 - ramp(64).expand(1, 3, -1, -1)])
    texture = UVTexture(Pixel(2, 3, 64, 64, textures))
    view = from_above(mesh)
    values = texture.sample(texture.prepare(view, above()))
    assert values.shape == (len(view.pixels), 6)
    expected = 0.2 + 0.6 * view.uv[:, :1]
    inside = ((view.uv > 0.1) & (view.uv < 0.9)).all(1)
    assert torch.allclose(values[inside, :3], expected.expand(-1, 3)[inside], atol=0.01)
    assert torch.allclose(values[inside, 3:], 1 - expected.expand(-1, 3)[inside], atol=0.01)


def test_a_space_skin_is_a_function_of_the_point_alone():
    torch.manual_seed(0)
    network = CPPN(3)
    with torch.no_grad():
        network.output.weight.normal_(0, 0.3)
    texture, view = SolidTexture(network), from_above(quad())
    with torch.no_grad():
        assert torch.equal(texture.sample(texture.prepare(view, above())), network(view.points))
        twice = SolidTexture(network, 2.0)
        assert torch.equal(twice.sample(twice.prepare(view, above())), network(2 * view.points))
        assert torch.equal(twice.values(view.points), network(2 * view.points))


def test_a_baked_cppn_goes_on_around_islands():
    """Nothing of what lies around them, black before, may come in at a seam."""
    job = Job(task="dream", mesh="mesh.npz", targets=(CHANNEL,), texture_size=64, parameterization="cppn")
    mesh = sphere()
    texels = locate(mesh, 64)
    painted = build.surface(job, mesh, texels, None, None, torch.device("cpu"))
    assert not texels.used.all()
    assert torch.allclose(painted.pictures(texels, 64), torch.tensor(0.5))  # what an untrained one gives
    spread = (texels.points * painted.texture.scale * EXTENT).std()
    assert spread == pytest.approx(1, abs=0.1)


def test_a_step_reaches_every_parameter_of_what_is_seen():
    random = torch.Generator().manual_seed(0)
    torch.manual_seed(0)
    for texture in (
        UVTexture(Pixel(1, 3, 16, 16)),
        UVTexture(Alpha(Pixel(1, 3, 16, 16), Pixel(1, 1, 16, 16))),
        SolidTexture(CPPN(3)),
    ):
        make = ViewMaker(quad(), "embree", np.random.default_rng(0))
        canvas = Surface(texture, make, Sight(48, 2, (0.5, 1.2), 64), np.random.default_rng(1))
        view = canvas.draw(0.0, random, 2)
        assert view.images.shape == (2, 3, 48, 48)
        assert view.mask.shape == (2, 48, 48)
        assert (view.opacity is not None) == (texture.channels == 4)
        module = getattr(texture, "textures", getattr(texture, "network", None))
        before = [p.clone() for p in module.parameters()]
        (view.images * torch.randn(view.images.shape)).sum().backward()
        canvas.step(0.1)
        after = module.parameters()
        assert any(not torch.equal(a, b) for a, b in zip(before, after, strict=True))


def test_views_span_every_factor_of_the_range_alike():
    """Half of them are nearer than the geometric mean; after `bank` views, none is new."""
    widths = []

    class Maker(ViewMaker):
        def taken(self, window, size, aim=None):
            widths.append(window)
            return super().taken(window, size, aim)

    canvas = Surface(
        UVTexture(Pixel(1, 3, 16, 16)),
        Maker(quad(), "embree", np.random.default_rng(0)),
        Sight(16, 4, (0.5, 2.0), 200),
        np.random.default_rng(1),
    )
    random = torch.Generator().manual_seed(0)
    for _ in range(60):
        canvas.draw(0.0, random, 4)
    assert len(canvas.shown()) == 200
    assert len(widths) >= 200
    assert 0.5 <= min(widths) < 0.52
    assert 1.9 < max(widths) <= 2.0
    assert np.mean(np.array(widths) < 1) == pytest.approx(0.5, abs=0.1)


def test_a_texture_on_a_mesh_starts_without_seams(tmp_path):
    """Clouds would be cut where the texture is; one colour, the exemplars' mean, is not."""
    Image.new("RGB", (40, 30), (200, 100, 50)).save(tmp_path / "style.png")
    job = Job(task="synthesize", mesh="mesh.npz", styles=(Style("style.png"),), texture_size=64)
    start = start_of(read_styles(job, tmp_path), None, 0.0, job)
    assert start.shape == (1, 3, 64, 64)
    mean = torch.tensor([200, 100, 50]) / 255
    assert torch.allclose(start, mean.view(1, 3, 1, 1), atol=1e-3)


def test_what_views_saw_is_known():
    job = Job(task="dream", mesh="mesh.npz", targets=(CHANNEL,), texture_size=64, parameterization="pixel")
    mesh = quad()
    painted = build.surface(job, mesh, locate(mesh, 64), None, None, torch.device("cpu"))
    assert not painted.seen(64).any()
    painted.canvas._bank.append((from_above(mesh, window=0.5), None, None))
    side = 64 * 0.5 / math.sqrt(2)  # texels that the window spans
    seen = painted.seen(64)
    assert seen[32, 32]
    assert not seen[0].any()
    assert seen.sum() == pytest.approx(side**2, rel=0.2)


def test_relief_is_lit_by_its_slope():
    """A plane that rises evenly along x is brighter by its slope times the light's way along x."""
    mesh = quad()
    random = np.random.default_rng(5)
    texture = ReliefTexture(
        Pixel(1, 3, 64, 64, torch.full((1, 3, 64, 64), 0.5)), Pixel(1, 1, 64, 64, ramp(64)), mesh, random
    )
    view = from_above(mesh)
    prepared = texture.prepare(view, above())
    twin = np.random.default_rng(5)
    light = twin.normal(size=3)
    tilt = twin.uniform(0.5, 0.9)
    way = light[:2] / np.linalg.norm(light[:2]) * tilt
    side = math.sqrt(2)  # of the quad, in the mesh's units
    rise = DEPTH * 0.6 / side * way[0]
    expected = shade(torch.full((1, 3), 0.5), torch.tensor([rise], dtype=torch.float32))[0, 0].item()
    inside = ((view.uv > 0.15) & (view.uv < 0.85)).all(1)
    values = texture.sample(prepared)[inside]
    assert values.mean().item() == pytest.approx(expected, abs=1e-4)
    assert values.std() < 1e-3
    values.sum().backward()
    assert texture.textures[1].raw.grad.abs().max() > 0


def test_flat_relief_changes_nothing_and_normals_lean_away_from_the_rise():
    colors = torch.rand(5, 3)
    assert torch.allclose(shade(colors, torch.zeros(5)), colors, atol=1e-5)
    texel = 0.01
    normals = normal_map(ramp(64)[0, 0], texel) * 2 - 1
    slope = 0.6 / 64 * DEPTH / texel
    expected = np.array([-slope, 0, 1]) / math.hypot(slope, 1)
    assert np.allclose(normals[:, 20, 30].numpy(), expected, atol=1e-3)


@pytest.fixture
def folder(tmp_path):
    mesh = quad()
    np.savez(
        tmp_path / "mesh.npz", vertices=mesh.vertices, faces=mesh.faces, uvs=mesh.uvs, normals=mesh.normals
    )
    Image.effect_noise((96, 96), 80).convert("RGB").save(tmp_path / "style.png")
    Image.effect_noise((64, 64), 80).convert("RGB").save(tmp_path / "content.png")
    return tmp_path


BASE = {"mesh": "mesh.npz", "network": "alexnet", "texture_size": 64, "steps": 2, "device": "cpu"}
CHANNEL = Target("channel", layer="relu2", channel=1)
TASKS = {
    "dream on a pyramid": ({"task": "dream", "targets": (CHANNEL,)}, {"texture.png": "RGB"}),
    "dream in space": (
        {"task": "dream", "targets": (CHANNEL,), "parameterization": "cppn"},
        {"texture.png": "RGB"},
    ),
    "transparent": (
        {"task": "dream", "targets": (CHANNEL,), "transparent": True, "parameterization": "fourier"},
        {"texture.png": "RGBA"},
    ),
    "deepdream": (
        {"task": "dream", "targets": (Target("deepdream"),), "content": "content.png"},
        {"texture.png": "RGB"},
    ),
    "reflectance": (
        {"task": "dream", "targets": (CHANNEL,), "reflectance": True},
        {"texture.png": "RGB", "roughness.png": "L", "metalness.png": "L"},
    ),
    "texture": ({"task": "synthesize", "styles": (Style("style.png"),), "scales": 2}, {"texture.png": "RGB"}),
    "frames": (
        {
            "task": "interpolate",
            "targets": (CHANNEL, Target("channel", layer="relu2", channel=2)),
            "frames": 3,
            "parameterization": "shared",
        },
        {"texture_0.png": "RGB", "texture_2.png": "RGB"},
    ),
    "keys": (
        {
            "task": "interpolate",
            "targets": (CHANNEL, Target("channel", layer="relu2", channel=2)),
            "frames": 4,
            "keys": (Key(0, (1.0, 0.0)), Key(2, (0.0, 1.0))),
            "loop": True,
            "aligned": True,
            "views": 2,
            "parameterization": "shared",
        },
        {"texture_0.png": "RGB", "texture_3.png": "RGB"},
    ),
    "style on a spectrum": (
        {"styles": (Style("style.png"),), "content": "content.png", "parameterization": "fourier"},
        {"texture.png": "RGB"},
    ),
    "style in relief": (
        {"styles": (Style("style.png"),), "content": "content.png", "relief": True},
        {"texture.png": "RGB", "height.png": "I;16", "normal.png": "RGB"},
    ),
}


@pytest.mark.parametrize("what", TASKS)
def test_every_task_paints_a_mesh(what, folder):
    fields, files = TASKS[what]
    events: list[Event] = []
    canvas_job.run(JobSession(Job(**BASE | fields), folder, events.append, lambda: False))
    assert events[-1].kind == "finished"
    for name, mode in files.items():
        picture = Image.open(folder / name)
        assert (picture.mode, picture.size) == (mode, (64, 64))
    report = json.loads((folder / "report.json").read_text())
    assert math.isfinite(report["loss"]["last"])
    assert 0 < report["coverage"] <= 1
    assert ("style_distance" in report) == bool(fields.get("styles"))
    assert ("relief_depth" in report) == bool(fields.get("relief"))
    assert ("mean_roughness" in report) == bool(fields.get("reflectance"))
    assert not list(folder.glob("*.part"))


@pytest.mark.parametrize(("what", "names"), [("keys", 4), ("frames", 1)])
def test_of_dreams_at_keys_every_frame_is_seen_meanwhile(what, names, folder, monkeypatch):
    monkeypatch.setattr(session, "PREVIEW_SECONDS", 0.0)
    fields, _ = TASKS[what]
    events: list[Event] = []
    canvas_job.run(JobSession(Job(**BASE | fields), folder, events.append, lambda: False))
    first = next(event.path for event in events if event.kind == "preview")
    assert first == ("preview_0.png" if names > 1 else "preview.png")
    pictures = [np.asarray(Image.open(path)).astype(int) for path in sorted(folder.glob("preview*.png"))]
    assert len(pictures) == names
    assert all(np.abs(one - other).max() > 0 for one, other in pairwise(pictures))


@pytest.mark.parametrize(
    "fields",
    [
        {"mesh": None, "content": "content.png"},
        {"task": "dream", "styles": (), "targets": (CHANNEL,)},
        {"parameterization": "cppn"},
    ],
)
def test_relief_without_a_surface_or_a_height_is_refused(fields):
    with pytest.raises(PatinaError) as caught:
        Job(**{"mesh": "mesh.npz", "styles": (Style("style.png"),), "relief": True} | fields)
    assert caught.value.field in ("relief", "parameterization")
