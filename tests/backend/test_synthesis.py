"""More of a texture, in pieces of it: what is sewn has what the exemplar has, and nothing else."""

import itertools
import json
import math

import numpy as np
import pytest
import torch
from export_models import sphere
from meshes import sphere as sphere_in_islands
from PIL import Image

from backend.__main__ import main
from backend.painting.aim import viewing_of
from backend.painting.quilting import cheapest_path, quilt
from backend.painting.synthesis import covered
from backend.pictures.styles import Styles
from backend.protocol.events import FAILED, FINISHED
from backend.protocol.job import Job
from backend.protocol.parts import Style
from backend.result.report import seam_ratio


def sewn(*exemplars, height=96, width=128, wraps=False, seed=0):
    shares = [(image, 1 / len(exemplars)) for image in exemplars]
    return quilt(shares, height, width, wraps, torch.Generator().manual_seed(seed), lambda row, rows: None)


def stripes(period: float, side: int = 64) -> torch.Tensor:
    """Soft upright stripes."""
    wave = 0.5 + 0.4 * torch.sin(2 * math.pi * torch.arange(side) / period)
    return wave.expand(3, side, side).clone()


def noise(side: int = 64, seed: int = 1) -> torch.Tensor:
    return torch.rand(3, side, side, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("wraps", [False, True])
def test_stripes_go_on(wraps):
    """The period is a whole number of times in the width, so that they can meet around it, too."""
    found = sewn(stripes(8), wraps=wraps)
    assert (found - found[:, :1]).abs().max() < 1e-4
    assert (found - found.roll(8, 2))[..., 8:].abs().max() < 1e-4
    assert (found[..., 0] - found[..., -8]).abs().max() < 1e-4


def test_what_wraps_has_no_border():
    found = sewn(stripes(13, 80), height=130, width=130, wraps=True)
    inside, across = (found.diff(dim=2).abs().max(), (found[..., 0] - found[..., -1]).abs().max())
    assert across <= inside + 1e-4


def test_colours_are_the_exemplars():
    image = noise() * torch.tensor([0.6, 0.3, 0.1]).view(3, 1, 1) + 0.2
    found = sewn(image)
    for channel in range(3):
        assert found[channel].min() >= image[channel].min() - 0.05
        assert found[channel].max() <= image[channel].max() + 0.05
    assert (found.mean((1, 2)) - image.mean((1, 2))).abs().max() < 0.02
    assert (found.std((1, 2)) / image.std((1, 2))).min() > 0.9


def test_of_an_exemplar_nothing_is_left_out_and_nothing_taken_all_the_time():
    """Each place has its own colour: a picture twice as large shows most of them, and none for long."""
    ramp = torch.linspace(0, 1, 64)
    image = torch.stack([ramp.expand(64, 64), ramp[:, None].expand(64, 64), torch.full((64, 64), 0.5)])
    found = sewn(image, height=128, width=128)
    cells = (found[:2] * 7.999).long()
    counts = torch.bincount((cells[0] * 8 + cells[1]).flatten(), minlength=64)
    assert (counts > 0).float().mean() > 0.9
    assert counts.max() < 6 * counts.float().mean()


def test_several_exemplars_are_all_there():
    red, blue = (torch.zeros(3, 40, 40) for _ in range(2))
    red[0], blue[2] = 0.9, 0.9
    found = sewn(red, blue)
    assert (found[0] > 0.8).float().mean() > 0.2
    assert (found[2] > 0.8).float().mean() > 0.2


@pytest.mark.parametrize("size", [(5, 7), (6, 9), (40, 31)])
def test_any_size_is_filled(size):
    height, width = size
    found = sewn(noise(16), height=height, width=width, wraps=True)
    assert found.shape == (3, height, width)
    assert found.isfinite().all()


def test_the_cut_is_the_cheapest_of_all():
    costs = torch.rand(5, 4, generator=torch.Generator().manual_seed(3))
    ways = (
        way
        for way in itertools.product(range(4), repeat=5)
        if all(abs(a - b) <= 1 for a, b in itertools.pairwise(way))
    )
    best = min(ways, key=lambda way: sum(float(costs[i, j]) for i, j in enumerate(way)))
    assert cheapest_path(costs).tolist() == list(best)


@pytest.fixture
def exemplar(tmp_path):
    Image.effect_noise((80, 60), 60).convert("RGB").save(tmp_path / "gravel.png")
    return tmp_path / "gravel.png"


def test_a_picture_from_the_command_line(exemplar, tmp_path):
    words = ["synthesize", str(exemplar), "--size", "96", "--tileable", "--seed", "4"]
    for name in "ab":
        assert main([*words, "--out", str(tmp_path / name)]) == FINISHED
    assert Image.open(tmp_path / "a" / "image.png").size == (96, 96)
    assert (tmp_path / "a" / "image.png").read_bytes() == (tmp_path / "b" / "image.png").read_bytes()
    report = json.loads((tmp_path / "a" / "report.json").read_text())
    assert 0 < report["style_distance"] < 0.4  # it has the exemplar's statistics, as it is pieces of it
    assert report["job"]["parameterization"] == "pieces"


def test_a_mesh_from_the_command_line(exemplar, tmp_path):
    """In what the exemplar is coloured in."""
    sphere(3).export(tmp_path / "ball.obj")
    words = ["synthesize", str(exemplar), "--mesh", str(tmp_path / "ball.obj"), "--texture-size", "128"]
    assert main([*words, "--out", str(tmp_path / "out")]) == FINISHED
    texture = np.asarray(Image.open(tmp_path / "out" / "texture.png"), int)
    assert texture.shape == (128, 128, 3)
    assert np.ptp(texture, axis=2).max() <= 1  # grey
    assert texture.std() > 15
    assert "style_distance" in json.loads((tmp_path / "out" / "report.json").read_text())


def test_a_surface_is_covered_without_seams():
    mesh = sphere_in_islands(4)
    soft = torch.nn.functional.interpolate(noise(12)[None], size=(96, 96), mode="bicubic")[0].clamp(0, 1)
    exemplars = Styles((soft,), (1.0,))
    job = Job(
        task="synthesize",
        mesh="mesh.npz",
        styles=(Style("x.png"),),
        parameterization="pieces",
        texture_size=128,
    )
    viewing = viewing_of(job, mesh, exemplars, torch.device("cpu"))
    texture = covered(job, mesh, exemplars, viewing, lambda message: None)
    assert texture.std() > 0.03
    assert seam_ratio(mesh, texture) < 1.5


def test_pieces_are_for_syntheses_alone(exemplar, tmp_path, capsys):
    words = ["dream", "--class", "daisy", "--parameterization", "pieces", "--out", str(tmp_path / "out")]
    assert main(words) == FAILED
    assert "of which nothing but a synthesis is made" in capsys.readouterr().err
