"""Objectives, blending and views against what they are defined to be."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from backend import networks
from backend.canvas import transforms
from backend.canvas.background import random_background, smooth_noise
from backend.canvas.flat import Flat
from backend.canvas.loop import imagine
from backend.errors import PatinaError
from backend.networks import Network
from backend.networks.octaves import features_of, reduce
from backend.objectives import alignment, feature_visualization
from backend.objectives.deepdream import deepdream
from backend.objectives.objective import Features, Objective
from backend.objectives.texture import likeness, octaves, statistics, texture
from backend.objectives.transparency import transparent
from backend.parameterizations.alpha import Alpha
from backend.parameterizations.fourier import Fourier
from backend.pictures.color_space import over, to_linear, to_srgb


@cache
def load(name: str) -> Network:
    return networks.load(name, torch.device("cpu"))


def value(objective: Objective, **activations: torch.Tensor) -> torch.Tensor:
    return objective(Features(activations))


def test_channel_neuron_and_direction_read_what_they_say():
    network = load("vgg16")
    a = torch.randn(2, 512, 5, 7)
    channel = feature_visualization.channel(network, "conv4_3", 10)
    assert torch.allclose(value(channel, conv4_3=a), -a[:, 10].mean((1, 2)))
    neuron = feature_visualization.neuron(network, "conv4_3", 10)
    assert torch.allclose(value(neuron, conv4_3=a), -a[:, 10, 2, 3])
    direction = feature_visualization.direction(network, "conv4_3", {3: 3.0, 5: -4.0})
    expected = -(0.6 * a[:, 3] - 0.8 * a[:, 5]).mean((1, 2))
    assert torch.allclose(value(direction, conv4_3=a), expected, atol=1e-6)


def test_a_relu_is_read_before_it():
    assert feature_visualization.channel(load("vgg16"), "relu4_3", 1).layers == ("conv4_3",)


def test_a_class_is_its_logit_and_the_log_of_its_share():
    objective = feature_visualization.class_(load("efficientnet_lite0"), "daisy")
    logits = torch.randn(3, 1000)
    share = logits.exp()[:, 985] / logits.exp().sum(1)
    assert torch.allclose(value(objective, logits=logits), -logits[:, 985] - share.log(), atol=1e-4)


def test_only_what_the_mask_shows_counts():
    objective = feature_visualization.channel(load("vgg16"), "conv1_1", 0)
    a, mask = torch.randn(1, 64, 8, 8), torch.zeros(1, 8, 8)
    mask[0, :4] = 1
    found = objective(Features({"conv1_1": a}, mask))
    assert torch.allclose(found, -a[:, 0, :4].mean((1, 2)), atol=1e-6)


def test_objectives_add_up_and_scale():
    network = load("vgg16")
    one, other = (feature_visualization.channel(network, "conv1_1", i) for i in (0, 1))
    a = torch.randn(2, 64, 4, 4)
    total = value(one * 2 + 0.5 * other, conv1_1=a)
    assert torch.allclose(total, 2 * value(one, conv1_1=a) + 0.5 * value(other, conv1_1=a))
    assert (one + other).layers == ("conv1_1",)


def test_deepdream_is_the_mean_square():
    a = torch.randn(2, 512, 3, 3)
    assert torch.allclose(value(deepdream(load("vgg16"), "relu4_3"), relu4_3=a), -a.square().mean((1, 2, 3)))


def test_what_a_network_has_not_is_refused():
    network = load("vgg16")
    for make, field in (
        (lambda: feature_visualization.channel(network, "conv4_3", 512), "channel"),
        (lambda: feature_visualization.neuron(network, "conv4_3", -1), "channel"),
        (lambda: feature_visualization.direction(network, "conv4_3", {0: 0.0}), "direction"),
        (lambda: feature_visualization.channel(network, "conv9_9", 0), "layer"),
        (lambda: feature_visualization.class_(network, "daisy"), "layer"),
        (lambda: feature_visualization.class_(load("squeezenet"), "daisie"), "class"),
        (lambda: deepdream(network, "relu9"), "layer"),
    ):
        with pytest.raises(PatinaError) as caught:
            make()
        assert caught.value.field == field
        assert caught.value.cure


def test_interpolation_goes_from_one_to_the_other():
    network = load("vgg16")
    one, other = (feature_visualization.channel(network, "conv1_1", i) for i in (0, 1))
    a = torch.randn(5, 64, 4, 4)
    shares = [(1 - i / 4, i / 4) for i in range(5)]
    found = value(alignment.interpolation((one, other), shares), conv1_1=a)
    first, second = value(one, conv1_1=a), value(other, conv1_1=a)
    for i in range(5):
        assert found[i] == pytest.approx(((1 - i / 4) * first[i] + i / 4 * second[i]).item(), abs=1e-6)
    twice = value(alignment.interpolation((one, other), shares), conv1_1=torch.cat([a, 2 * a]))
    assert torch.allclose(twice, torch.cat([found, 2 * found]), atol=1e-6)  # of two views


def test_alignment_is_the_articles_sum():
    frames = torch.randn(6, 4, 3, 3)
    found = value(alignment.alignment(["a"], 6), a=frames)
    expected = sum((frames[d:] - frames[:-d]).square().mean() / 5**d for d in range(1, 5))
    assert torch.allclose(found, (expected / frames.square().mean()).expand(6))
    assert value(alignment.alignment(["a"], 6), a=frames[:1].expand(6, -1, -1, -1)).abs().max() == 0
    assert torch.allclose(value(alignment.alignment(["a"], 6), a=torch.cat([frames, frames])), found[:1])
    turned = value(alignment.alignment(["a"], 6, loop=True), a=frames.roll(2, 0))
    assert torch.allclose(turned, value(alignment.alignment(["a"], 6, loop=True), a=frames))


def test_weighted_exemplars_make_a_weighted_gram():
    one, other = {"a": torch.randn(1, 4, 5, 5)}, {"a": torch.randn(1, 4, 3, 3)}
    found = statistics([(one, 3.0), (other, 1.0)])["a"]
    grams = [
        torch.einsum("cn,dn->cd", f.flatten(1), f.flatten(1)) / f[0].numel()
        for f in (one["a"][0], other["a"][0])
    ]
    assert torch.allclose(found, 0.75 * grams[0] + 0.25 * grams[1], atol=1e-5)
    assert value(texture(statistics([(one, 1.0)])), **one).item() == pytest.approx(0, abs=1e-6)


def test_likeness_is_relative_to_what_was_there():
    a, b = torch.randn(2, 4, 5, 5), torch.randn(2, 4, 5, 5)
    found = likeness("x")(Features({"x": a}, None, {"x": b}))
    assert found[1].item() == pytest.approx(((a[1] - b[1]).norm() / b[1].norm()).item() ** 2, rel=1e-4)


def test_a_pyramid_of_scales_is_snelgroves():
    kernel = np.array([0.05, 0.25, 0.4, 0.25, 0.05])
    image = torch.rand(1, 1, 16, 16)
    padded = np.pad(image[0, 0].numpy(), 2, mode="reflect")
    expected = np.array(
        [[kernel @ padded[2 * i : 2 * i + 5, 2 * j : 2 * j + 5] @ kernel for j in range(8)] for i in range(8)]
    )
    assert np.allclose(reduce(image)[0, 0].numpy(), expected, atol=1e-6)
    network = load("alexnet")
    assert octaves(("relu1", "relu2"), 2) == ("relu1", "relu2", "relu1@1", "relu2@1")
    images = torch.rand(1, 3, 96, 96)
    found = features_of(network, images, ("relu1", "relu2@1"))
    assert torch.allclose(found["relu2@1"], network(reduce(images), ["relu2"])["relu2"])


def test_colours_are_blended_in_linear_light():
    # Half of white over black is half the light, which sRGB writes as 188/255.
    half = over(torch.ones(3), torch.tensor(0.5), torch.zeros(3))
    assert half.mul(255).round().tolist() == [188, 188, 188]
    ramp = torch.linspace(0, 1, 256)
    assert torch.allclose(to_srgb(to_linear(ramp)), ramp, atol=1e-5)
    assert to_linear(torch.tensor(0.5)).item() == pytest.approx(0.21404, abs=1e-5)
    color = torch.rand(3, 5, requires_grad=True)
    over(color, torch.zeros(1, 5), torch.zeros(3, 5)).sum().backward()
    assert torch.isfinite(color.grad).all()


def test_backgrounds_change_and_are_smooth():
    random = torch.Generator().manual_seed(0)
    one, other = (smooth_noise(1, 64, 64, random) for _ in range(2))
    assert one.min() >= 0
    assert one.max() <= 1
    assert (one - other).abs().mean() > 0.02
    power = torch.fft.rfft2(one - one.mean()).abs().square().sum((0, 1))
    low, high = power[1:5, 1:5].mean(), power[24:32, 24:32].mean()
    assert low > 100 * high


def test_half_of_the_grounds_are_of_one_colour():
    random = torch.Generator().manual_seed(0)
    flat = [bool((g := random_background(24, 32, random)).flatten(1).std(1).max() < 1e-6) for _ in range(100)]
    assert g.shape == (3, 24, 32)
    assert 30 < sum(flat) < 70


def test_opacity_scales_the_objective_as_in_the_article():
    losses, seen, whole = torch.tensor([-4.0]), torch.tensor([0.25]), torch.tensor([0.5])
    assert transparent(losses, seen, whole).item() == pytest.approx(-4 * 0.75 - 0.5 * 4 * 0.5)


@pytest.mark.parametrize("name", ["robust", "zoomed", "octave", "shifted", "rolled"])
def test_transforms_treat_a_batch_alike_and_follow_their_seed(name):
    transform = getattr(transforms, name)
    images = torch.rand(1, 3, 64, 64).expand(3, -1, -1, -1)
    one, again = (transform(images, 0.5, torch.Generator().manual_seed(7)) for _ in range(2))
    assert torch.equal(one, again)
    assert torch.allclose(one[0], one[2])
    others = [transform(images, 0.5, torch.Generator().manual_seed(s)) for s in range(4)]
    assert any(o.shape != one.shape or not torch.equal(o, one) for o in others)


def test_rolled_views_have_no_border():
    ramp = torch.arange(64.0).view(1, 1, 1, 64).expand(1, 3, 64, 64)
    view = transforms.rolled(ramp, 0, torch.Generator().manual_seed(1))
    steps = (view[0, 0, 0, 1:] - view[0, 0, 0, :-1]) % 64
    assert torch.equal(steps, torch.ones_like(steps))


def test_the_loop_makes_a_network_see_its_class():
    network = load("efficientnet_lite0")
    torch.manual_seed(0)
    canvas = Flat(Fourier(1, 3, 96, 96), transforms.robust)
    objective = feature_visualization.class_(network, "daisy")
    losses = imagine(canvas, network, objective, 25, 0.05, torch.Generator().manual_seed(0))
    assert losses[-1] < losses[0] - 5
    logits = network(F.interpolate(canvas.picture(), (96, 96)), ["logits"])["logits"]
    assert logits[0].argmax() == 985


def test_rgba_is_seen_over_backgrounds_and_learns_where_to_be_opaque():
    torch.manual_seed(0)
    picture = Alpha(Fourier(1, 3, 64, 64), Fourier(1, 1, 64, 64))
    canvas = Flat(picture, transforms.robust)
    view = canvas.draw(0.0, torch.Generator().manual_seed(0), 1)
    assert view.images.shape == (1, 3, 76, 76)
    assert view.opacity[1].item() == pytest.approx(picture()[:, 3].mean().item())
    view.images.sum().backward()
    assert picture.opacity.spectrum.grad.abs().max() > 0
