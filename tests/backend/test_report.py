"""The measures of a result, on textures whose measure is known."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from meshes import quad, sphere

from backend import networks
from backend.machine.devices import versions
from backend.machine.memory import peak_memory
from backend.pictures.styles import Styles
from backend.rendering.seams import Places
from backend.rendering.texels import fill_gutters, locate
from backend.rendering.views import Viewing
from backend.result import report

SIZE = 256


def on_sphere(color) -> torch.Tensor:
    """(3, SIZE, SIZE): `color` of each texel's point (U, 3), with gutters."""
    texels = locate(sphere(), SIZE)
    texture = torch.zeros(3, SIZE, SIZE)
    texture[:, torch.from_numpy(texels.used)] = torch.from_numpy(color(texels.points)).float().T
    return fill_gutters(texture, texels.used)


def blobs(across: int) -> torch.Tensor:
    """(3, SIZE, SIZE): smooth random colours, `across` of them along a side."""
    random = torch.rand(1, 3, across, across, generator=torch.Generator().manual_seed(0))
    return F.interpolate(random, size=(SIZE, SIZE), mode="bicubic")[0].clamp(0, 1)


def test_a_colour_of_the_place_has_no_seams():
    waves = on_sphere(lambda p: 0.5 + 0.4 * np.sin(6 * p @ np.array([[1, 0, 2], [0, 2, 1], [1, 1, 0.0]])))
    assert report.seam_ratio(sphere(), waves) == pytest.approx(1.0, abs=0.3)


def test_frames_are_as_far_apart_as_they_look():
    network = networks.load("alexnet", torch.device("cpu"))
    one, other = torch.rand(2, 3, 48, 64, generator=torch.Generator().manual_seed(0))
    same, apart, back = report.frame_distances(network, torch.stack([one, one, other, one]))
    assert same == 0
    assert apart == pytest.approx(back)
    assert apart > 0.1


def test_unrelated_islands_have_seams():
    assert report.seam_ratio(sphere(), blobs(16)) > 1.5


def test_without_seams_there_is_no_ratio():
    assert report.seam_ratio(quad(), torch.rand(3, 32, 32)) is None


def test_a_look_up_is_bilinear_and_repeats():
    ramp = ((torch.arange(64) + 0.5) / 64).expand(3, 64, 64)
    uv, first = np.random.default_rng(0).uniform(0.05, 0.95, (100, 2)), np.zeros(100, np.int32)
    here, there = (report.lookup(ramp, Places(at, first)) for at in (uv, uv + (1, -1)))
    assert np.allclose(here[:, 0], uv[:, 0], atol=1e-6)
    assert torch.allclose(here, there, atol=1e-5)


def test_held_out_views_depend_on_the_mesh_alone():
    one, again = (
        report.held_out_views(sphere(2), Viewing(0.5 / report.SIZE, 1.0, torch.device("cpu")))
        for _ in range(2)
    )
    assert len(one) == report.VIEWS
    assert all(torch.equal(a.uv, b.uv) for a, b in zip(one, again, strict=True))
    assert not torch.equal(one[0].pixels, one[1].pixels)


def test_the_judge_prefers_the_style_to_noise_and_the_content_to_anything(monkeypatch):
    monkeypatch.setattr(report, "VIEWS", 3)
    style, mesh = blobs(40), quad()
    pixel = mesh.texel / 256
    judge = report.Judge(mesh, Styles((style,), (1.0,)), Viewing(pixel, mesh.texel, torch.device("cpu")))
    noise = torch.rand(3, 256, 256, generator=torch.Generator().manual_seed(0))
    worn, other = judge.activations(style), judge.activations(noise)
    assert judge.style_distance(worn) < 0.3
    assert judge.style_distance(other) > 3 * judge.style_distance(worn)
    assert judge.content_distance(worn, worn) == 0
    assert judge.content_distance(other, worn) > 0.3


def test_memory_and_versions_are_real():
    assert 50e6 < peak_memory() < 1e12
    assert versions()["torch"] == str(torch.__version__)
    json.dumps(versions())
