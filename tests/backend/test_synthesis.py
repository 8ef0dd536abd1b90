"""More of a texture, in pieces of it: what is sewn has what the exemplar has, and nothing else."""

import itertools
import json
import math

import numpy as np
import pytest
import torch
from export_models import sphere
from meshes import quad
from meshes import sphere as sphere_in_islands
from PIL import Image

from backend.__main__ import main
from backend.painting.aim import viewing_of
from backend.painting.covering import axes_at, cover, sew
from backend.painting.cuts import expansion
from backend.painting.fitting import misfits, searched
from backend.painting.synthesis import covered
from backend.pictures.styles import Styles
from backend.protocol.events import FAILED, FINISHED
from backend.protocol.job import Job
from backend.protocol.parts import Style
from backend.rendering.mesh import build_mesh
from backend.rendering.texels import locate
from backend.result.report import seam_ratio


def sewn(*exemplars, height=96, width=128, wraps=False, seed=0, steps=None):
    steps = torch.zeros(2, 2) if steps is None else steps
    shares = [(image, 1 / len(exemplars), steps) for image in exemplars]
    return sew(shares, height, width, wraps, np.random.default_rng(seed), lambda piece, pieces: None)


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


def test_a_piece_is_pixels_of_the_exemplar():
    """As they are there: neither turned nor resampled."""
    image = noise()
    found = sewn(image, height=8, width=8)
    windows = image.unfold(1, 8, 1).unfold(2, 8, 1)
    assert (windows - found[:, None, None]).abs().amax((0, 3, 4)).min() < 1e-4


def test_pieces_of_a_regular_exemplar_are_in_step():
    """Soft stripes under noise, which hides from any one piece whether it is."""
    image = (0.1 * (stripes(8) - 0.5) + noise()).clamp(0, 1)
    wave = torch.exp(-2j * math.pi * torch.arange(128) / 8)

    def shown(picture):
        return float((picture.mean((0, 1)) * wave[: picture.shape[2]]).mean().abs())

    steps = torch.tensor([[8.0, 0], [0, 0]])
    kept, not_kept = (shown(sewn(image, height=128, steps=some)) for some in (steps, torch.zeros(2, 2)))
    assert kept > 0.8 * shown(image)
    assert not_kept < 0.7 * shown(image)


def test_the_fit_is_that_of_every_place():
    random = np.random.default_rng(0)
    image = noise(20)[:, :, :17]
    at = random.integers(-6, 7, (30, 2))
    colors, known = random.random((30, 3)), random.random(30) < 0.6
    found, outside = misfits(searched(image, 6), at, colors, known)
    for y, x in ((0, 0), (10, 8), (19, 16), (3, 12)):
        right, down = x + at[:, 0], y + at[:, 1]
        within = (right >= 0) & (right < 17) & (down >= 0) & (down < 20)
        some = within & known
        away = image.numpy()[:, down[some], right[some]].T - colors[some]
        assert found[y, x] == pytest.approx(np.square(away).sum(1).mean(), abs=1e-4)
        assert outside[y, x] == pytest.approx(1 - within.mean(), abs=1e-4)


def test_a_surface_wears_the_exemplar_upright_at_its_scale():
    """A square that stands, and less than a piece: red grows to the right, green down, by 1 over the span."""
    flat, span = quad(), 20.0
    standing = build_mesh(flat.vertices[:, [0, 2, 1]] * np.float32([1, -1, 1]), flat.faces, flat.uvs)
    ramp = (torch.arange(64) + 0.5) / 64
    image = torch.stack([ramp.expand(64, 64), ramp[:, None].expand(64, 64), torch.full((64, 64), 0.5)])
    texels = locate(standing, 64)
    found = cover(
        standing, texels, [(image, 1.0)], span, 0.0, np.random.default_rng(0), lambda piece, pieces: None
    )
    colors, points = found[:, torch.from_numpy(texels.used)].T.numpy(), texels.points - texels.points.mean(0)
    red, green, _ = np.linalg.lstsq(points, colors - colors.mean(0), rcond=None)[0].T
    assert np.allclose(red, [1 / span, 0, 0], atol=1e-3)
    assert np.allclose(green, [0, 0, -1 / span], atol=1e-3)


def test_what_lies_flat_goes_on_as_it_does_beside():
    beside = np.array([0.6, 0.8, 0.0])  # where down is there
    lying = axes_at(np.array([0.0, 0, 1]), None, 0.0, beside)
    assert np.allclose(lying[1], beside)
    steep = axes_at(np.array([0.0, -1, 0]), None, 0.0, beside)
    assert np.allclose(steep, [[1, 0, 0], [0, 0, -1]])


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
    """Of all ways to let a new piece have some of ten places: by trying them; with a metric's costs."""
    random = np.random.default_rng(3)
    colors = random.random((3, 10))  # two pieces that are there, and the new one
    label = np.array([0, 0, 0, 1, 1] * 2)
    pairs = np.array([(p, q) for p in range(10) for q in range(p) if random.random() < 0.4])
    p, q = pairs.T

    def cost(one, other):
        return sum(np.abs(colors[one, at] - colors[other, at]) for at in (p, q))

    new = np.full(len(p), 2)
    costs = cost(label[p], label[q]), cost(new, label[q]), cost(label[p], new)
    found = expansion(10, pairs, *costs, np.array([0]), np.array([7]))

    def total(taken):
        now = np.where(taken, 2, label)
        return cost(now[p], now[q]).sum()

    ways = (np.array(way) for way in itertools.product([False, True], repeat=10))
    assert total(found) == pytest.approx(min(total(way) for way in ways if way[7] and not way[0]), abs=0.01)
    assert found[7]
    assert not found[0]


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
    texture = covered(job, mesh, exemplars, viewing, lambda message: None, lambda piece, pieces: None)
    assert texture.std() > 0.03
    assert seam_ratio(mesh, texture) < 1.5


def test_pieces_are_for_syntheses_alone(exemplar, tmp_path, capsys):
    words = ["dream", "--class", "daisy", "--parameterization", "pieces", "--out", str(tmp_path / "out")]
    assert main(words) == FAILED
    assert "of which nothing but a synthesis is made" in capsys.readouterr().err
