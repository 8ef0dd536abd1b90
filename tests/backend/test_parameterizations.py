"""Parameterizations of flat pictures against closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from backend.errors import PatinaError
from backend.parameterizations import cppn
from backend.parameterizations.alpha import Alpha
from backend.parameterizations.cppn import CPPN
from backend.parameterizations.fourier import Fourier, frequency_scale
from backend.parameterizations.laplacian import Laplacian
from backend.parameterizations.pixel import Pixel
from backend.parameterizations.shared import Aligned, spread
from backend.pictures.color_space import decolor, recolor

PLAIN = (Pixel, Fourier, Laplacian)


def test_frequency_scale_is_the_articles():
    scale = frequency_scale(6, 8)
    assert scale.shape == (6, 5)
    assert scale[0, 0] == pytest.approx(math.sqrt(48) * 8)  # 1 / max(w, h) stands for zero
    assert scale[0, 4] == pytest.approx(math.sqrt(48) / 0.5)  # Nyquist
    assert scale[5, 1] == pytest.approx(math.sqrt(48) / math.hypot(1 / 6, 1 / 8))


def test_beyond_the_knee_waves_fall_with_the_cube():
    plain, soft = Fourier(1, 1, 64, 64).scale, Fourier(1, 1, 64, 64, knee=0.05).scale
    frequency = 64 / plain
    assert torch.allclose(soft, 64 / (frequency * (1 + (frequency / 0.05) ** 2)))
    assert soft[0, 32] / soft[0, 16] == pytest.approx(1 / 8, rel=0.05)


def test_one_coefficient_is_one_wave():
    height, width, row, column = 12, 16, 2, 3
    picture = Fourier(1, 1, height, width)
    with torch.no_grad():
        picture.spectrum.zero_()
        picture.spectrum[0, 0, row, column, 0] = 1
    y, x = np.mgrid[:height, :width]
    frequency = math.hypot(row / height, column / width)
    amplitude = math.sqrt(height * width) / frequency * 2 / (height * width) / 4  # with its mirror image
    wave = amplitude * np.cos(2 * np.pi * (row * y / height + column * x / width))
    assert np.allclose(picture.raw()[0, 0].detach().numpy(), wave, atol=1e-5)


def test_colours_are_decorrelated_by_the_articles_matrix():
    unit = torch.zeros(3, 3, 1, 1)
    unit[range(3), range(3)] = 1
    matrix = recolor(unit)[:, :, 0, 0].T
    expected = torch.tensor([[0.26, 0.09, 0.02], [0.27, 0.0, -0.05], [0.27, -0.09, 0.03]])
    expected /= expected.norm(dim=0).max()
    assert torch.allclose(matrix, expected, atol=1e-4)
    image = torch.rand(2, 3, 4, 5)
    assert torch.allclose(decolor(recolor(image)), image, atol=1e-4)


@pytest.mark.parametrize("kind", PLAIN)
@pytest.mark.parametrize("size", [(32, 32), (33, 47)])
def test_a_start_is_what_one_sees_first(kind, size):
    start = 0.1 + 0.8 * torch.rand(2, 3, *size)
    assert torch.allclose(kind(2, 3, *size, start)(), start, atol=1e-3)


@pytest.mark.parametrize("kind", PLAIN)
@pytest.mark.parametrize("channels", [1, 3])
def test_the_default_start_is_near_grey_and_every_parameter_moves(kind, channels):
    picture = kind(2, channels, 32, 40)
    values = picture()
    assert values.shape == (2, channels, 32, 40)
    assert values.mean().item() == pytest.approx(0.5, abs=0.1)
    (values * torch.randn(values.shape)).sum().backward()
    for parameter in picture.parameters():
        assert torch.isfinite(parameter.grad).all()
        assert parameter.grad.abs().max() > 0


def test_the_cppn_has_the_articles_parameters_and_starts_grey():
    network = CPPN()
    assert sum(parameter.numel() for parameter in network.parameters()) == 8451
    assert torch.equal(network.image(8, 8), torch.full((1, 3, 8, 8), 0.5))


def trained_looking(seed: int, dimensions: int = 2) -> CPPN:
    torch.manual_seed(seed)
    network = CPPN(dimensions)
    with torch.no_grad():
        network.output.weight.normal_(0, 0.3)
    return network


def test_a_cppn_has_no_resolution():
    network = trained_looking(1)
    with torch.no_grad():
        small, large = network.image(32, 32), network.image(256, 256)
    assert (torch.nn.functional.avg_pool2d(large, 8) - small).abs().mean() < 0.02
    # The same places have exactly the same colours: odd multiples share pixel centres.
    with torch.no_grad():
        assert torch.allclose(network.image(96, 96)[..., 1::3, 1::3], network.image(32, 32), atol=1e-5)


def test_a_morph_starts_and_ends_at_its_ends_and_swells_between():
    a, b = trained_looking(1), trained_looking(2)
    with torch.no_grad():
        assert torch.equal(cppn.morph(a, b, 0).image(8, 8), a.image(8, 8))
        assert torch.equal(cppn.morph(a, b, 1).image(8, 8), b.image(8, 8))
        frames = torch.cat([cppn.morph(a, b, i / 32).image(32, 32) for i in range(33)])
    middle = cppn.morph(a, b, 0.5).output.weight
    assert torch.allclose(middle, (a.output.weight + b.output.weight) / 2 * 1.25)
    steps = (frames[1:] - frames[:-1]).abs().mean((1, 2, 3))
    assert steps.max() < 0.5 * (frames[-1] - frames[0]).abs().mean()


def test_a_cppn_survives_its_file(tmp_path):
    network = trained_looking(3, dimensions=3)
    cppn.write(tmp_path / "a.cppn", network)
    places = torch.rand(10, 3)
    assert torch.equal(cppn.read(tmp_path / "a.cppn")(places), network(places))
    assert [path.name for path in tmp_path.iterdir()] == ["a.cppn"]
    with pytest.raises(PatinaError, match="different kinds"):
        cppn.morph(network, trained_looking(1), 0.5)


@pytest.mark.parametrize("content", [None, b"", b"not a cppn", b"PK\x03\x04"])
def test_what_is_no_cppn_is_refused(content, tmp_path):
    path = tmp_path / "x.cppn"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(PatinaError) as caught:
        cppn.read(path)
    assert caught.value.field == "cppn"


def test_shared_tensors_are_shared():
    frames = Aligned(6, 32, 32)
    with torch.no_grad():
        frames.unique.spectrum.zero_()
        frames.shared[0].fill_(1.0)
    values = frames()
    assert values.shape == (6, 3, 32, 32)
    with torch.no_grad():
        for tensor in frames.shared[1:]:
            tensor.zero_()
    same = frames()
    assert torch.allclose(same, same[:1].expand_as(same), atol=1e-6)


def test_spread_blends_along_the_frames():
    ends = torch.zeros(2, 1, 1, 1)
    ends[1] = 1.0
    values = spread(ends, 4, 3, 3)
    assert values.shape == (4, 1, 3, 3)
    assert torch.allclose(values[:, 0, 0, 0], torch.tensor([0.0, 0.25, 0.75, 1.0]))


def test_alpha_wants_three_channels_and_one():
    both = Alpha(Fourier(1, 3, 8, 8), Pixel(1, 1, 8, 8))
    assert both().shape == (1, 4, 8, 8)
    with pytest.raises(PatinaError, match="alpha has 3 channels"):
        Alpha(Fourier(1, 3, 8, 8), Fourier(1, 3, 8, 8))
    with pytest.raises(PatinaError, match="colour has 1 channels"):
        Alpha(Fourier(1, 1, 8, 8), Fourier(1, 1, 8, 8))


def test_what_is_shared_in_a_loop_goes_on_from_its_end():
    three = torch.randn(3, 2, 4, 4)
    way = spread(three, 6, 4, 4, loop=True)
    assert torch.allclose(way[::2], three)
    assert torch.allclose(way[1::2], (three + three.roll(-1, 0)) / 2)
    assert spread(three[:1], 5, 8, 8, loop=True).shape == (5, 2, 8, 8)
