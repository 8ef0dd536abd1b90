"""Roughness and metalness as something that is dreamt: seen, learnt from what is seen, and written."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
import trimesh
from meshes import quad, sphere, write_npz
from PIL import Image
from test_surface import BASE, CHANNEL, above, from_above
from torch import Tensor

from backend.__main__ import main
from backend.canvas import build
from backend.canvas import job as canvas_job
from backend.canvas.reflectance import CALM, START, LitTaps, ReflectanceTexture, Together, lit
from backend.errors import PatinaError
from backend.parameterizations.pixel import Pixel
from backend.pictures.color_space import to_linear, to_srgb
from backend.protocol.events import FINISHED, Event
from backend.protocol.job import Job
from backend.protocol.parts import Target
from backend.rendering import shading
from backend.rendering.mesh import Mesh
from backend.rendering.sampling import Taps
from backend.rendering.texels import locate
from backend.rendering.views import ViewMaker
from backend.session import JobSession

DREAM = {"task": "dream", "mesh": "mesh.npz", "targets": (CHANNEL,), "reflectance": True}


def even(mesh: Mesh, roughness: float, metalness: float, size: int = 32) -> ReflectanceTexture:
    """A grey surface that reflects everywhere alike."""
    colors = torch.full((1, 3, size, size), 0.5)
    begun, wanted = torch.tensor(START).logit(), torch.tensor([roughness, metalness]).logit()
    reflections = Pixel(1, 2, size, size)
    with torch.no_grad():
        reflections.raw.copy_((begun + (wanted - begun) / CALM).view(1, 2, 1, 1).expand(1, 2, size, size))
    both = Together(Pixel(1, 3, size, size, colors), reflections)
    return ReflectanceTexture(both, mesh, np.random.default_rng(0))


def test_every_other_view_is_lit_and_the_others_show_the_colours_alone():
    mesh = sphere(2)
    texture, make = even(mesh, 0.3, 0.2), ViewMaker(mesh, "embree", np.random.default_rng(0))
    views = [texture.prepare(*make.taken(1.5, 32)) for _ in range(4)]
    assert [view.light is not None for view in views] == [True, False, True, False]
    directions = [view.light.direction for view in views if view.light is not None]
    assert not torch.allclose(*directions)
    with torch.no_grad():
        shown = [texture.sample(view) for view in views]
    assert all(torch.allclose(shown[k], torch.full_like(shown[k], 0.5), atol=1e-5) for k in (1, 3))
    for k in (0, 2):
        assert shown[k].std() > 0.05  # the light has a side
        bright = [to_linear(values).mean().item() for values in (shown[k], shown[1])]
        assert bright[0] == pytest.approx(bright[1], rel=0.05)  # what shines beyond white is cut off


def test_what_it_is_lit_by_reaches_roughness_and_metalness_as_finite_differences_say():
    """At the exposure that a view has; in float64."""
    random = torch.Generator().manual_seed(3)
    count = 6

    def draw(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=random, dtype=torch.float64)

    up = torch.tensor([0.0, 0.0, 2.0], dtype=torch.float64)
    normals, to_eye = (torch.nn.functional.normalize(draw(count, 3) - 0.5 + up, dim=1) for _ in range(2))
    values = 0.2 + 0.4 * draw(count, 5)
    light = shading.draw_light(to_eye, np.random.default_rng(1))
    nowhere = Taps(*(torch.zeros(0, dtype=torch.long),) * 2)
    look = LitTaps(nowhere, normals, to_eye, light)
    leaf = values.clone().requires_grad_()
    (found,) = torch.autograd.grad(lit(leaf, look, light).sum(), leaf)

    def light_of(values: Tensor) -> Tensor:
        color = to_linear(values[:, :3])
        ones = torch.ones(count, dtype=torch.float64)
        seen = shading.Surface(color, values[:, 3], values[:, 4], normals, to_eye, ones, 0 * color)
        return shading.shade(seen, light)

    exposure = to_linear(values[:, :3]).sum() / light_of(values).sum()
    step = 1e-6
    for place in range(count):
        for channel in range(5):
            moved = torch.zeros_like(values)
            moved[place, channel] = step
            ends = [to_srgb((light_of(values + side * moved) * exposure).clamp(0, 1)) for side in (1, -1)]
            expected = (ends[0] - ends[1]).sum().item() / (2 * step)
            assert found[place, channel].item() == pytest.approx(expected, rel=1e-4, abs=1e-6)
    assert (found[:, 3:].abs() > 1e-3).all()


def test_the_gloss_of_a_surface_is_learnt_from_views_of_it():
    """From START to what the pictures are of; the colours, which suit already, stay."""
    mesh, truth = sphere(3), (0.5, 0.5)
    wanted, texture = even(mesh, *truth), even(mesh, *START)
    make = ViewMaker(mesh, "embree", np.random.default_rng(0))
    views = [make.taken(1.5, 48) for _ in range(12)]
    prepared = [texture.prepare(*view) for view in views]
    with torch.no_grad():
        goals = [wanted.sample(view) for view in prepared]
    used = torch.from_numpy(locate(mesh, 32).used)

    def errors() -> Tensor:
        """Of roughness, of metalness, of the colours."""
        apart = texture.current()[0, :, used] - torch.tensor([0.5, 0.5, 0.5, *truth])[:, None]
        each = apart.abs().mean(1)
        return torch.stack([each[3], each[4], each[:3].mean()])

    before = errors()
    for step in range(160):
        loss = sum(
            (texture.sample(view) - goal).square().mean() for view, goal in zip(prepared, goals, strict=True)
        )
        loss.backward()
        assert texture.step(0.4 * (1 - step / 160))
    after = errors()
    assert (after[:2] < 0.5 * before[:2]).all(), (before, after)
    assert after[2] < 0.08


def test_what_is_seen_from_above_lies_towards_the_eye():
    texture = even(quad(), 0.5, 0.0)
    look = texture.prepare(from_above(quad()), above())
    assert torch.allclose(look.normals, torch.tensor([0.0, 0.0, 1.0]).expand_as(look.normals), atol=1e-5)
    assert (look.to_eye[:, 2] > 0.8).all()


@pytest.mark.parametrize("parameterization", ["pyramid", "fourier", "pixel"])
def test_a_dream_begins_as_even_as_it_is_said(parameterization):
    job = Job(**DREAM, texture_size=64, parameterization=parameterization)
    mesh = sphere(2)
    texture = build.surface(job, mesh, locate(mesh, 64), None, None, torch.device("cpu")).texture
    used = torch.from_numpy(locate(mesh, 64).used)
    begun = texture.current()[0, 3:, used]
    assert torch.allclose(begun.mean(1), torch.tensor(START), atol=0.03)
    assert begun.std(1).max() < 0.05


def test_a_dream_leaves_maps_that_differ_from_its_start_and_its_loss_falls(tmp_path):
    write_npz(sphere(2), tmp_path / "mesh.npz")
    job = Job(**BASE | DREAM | {"steps": 12, "views": 4})
    events: list[Event] = []
    canvas_job.run(JobSession(job, tmp_path, events.append, lambda: False))
    assert events[-1].kind == "finished"
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["loss"]["last"] < report["loss"]["first"]
    used = locate(sphere(2), 64).used
    for name, start in zip(("roughness", "metalness"), START, strict=True):
        found = np.asarray(Image.open(tmp_path / f"{name}.png"))[used] / 255
        assert found.std() > 0.005
        assert found.mean() == pytest.approx(report[f"mean_{name}"], abs=0.01)
        assert np.abs(found - start).max() > 0.01  # 8 bits alone are off by 0.002


def test_a_model_wears_what_was_dreamt_as_gltf_packs_it(tmp_path):
    """Occlusion, which nobody dreams of, is white where the model has none."""
    ball = tmp_path / "ball.glb"
    mesh = sphere(2)
    visual = trimesh.visual.TextureVisuals(uv=mesh.uvs.reshape(-1, 2))
    faces = np.arange(3 * len(mesh.faces)).reshape(-1, 3)
    trimesh.Trimesh(mesh.corners.reshape(-1, 3), faces, visual=visual, process=False).export(ball)
    out = tmp_path / "out"
    asked = [
        "dream",
        str(ball),
        "--network",
        "alexnet",
        "--layer",
        "relu2",
        "--channel",
        "1",
        "--reflectance",
    ]
    assert main([*asked, "--texture-size", "64", "--steps", "2", "--out", str(out)]) == FINISHED
    (worn,) = trimesh.load_scene(out / "model.glb", process=False).geometry.values()
    packed = np.asarray(worn.visual.material.metallicRoughnessTexture.convert("RGB"))
    used = locate(mesh, 64).used
    for channel, name in ((1, "roughness"), (2, "metalness")):
        assert (packed[used, channel] == np.asarray(Image.open(out / f"{name}.png"))[used]).all()
    assert (packed[used, 0] == 255).all()


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"mesh": None}, "reflectance"),
        ({"task": "interpolate", "targets": (CHANNEL, CHANNEL), "parameterization": "shared"}, "reflectance"),
        ({"targets": (Target("deepdream"),), "content": "content.png"}, "reflectance"),
        ({"transparent": True}, "reflectance"),
        ({"parameterization": "cppn"}, "parameterization"),
    ],
)
def test_where_nothing_can_shine_it_is_refused_and_the_cure_named(changed, field):
    with pytest.raises(PatinaError) as caught:
        Job(**DREAM | changed)
    assert caught.value.field == field
    assert caught.value.cure
