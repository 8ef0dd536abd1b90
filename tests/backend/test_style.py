"""Style, content and palette terms against their definitions."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from backend.objectives.content import content_error, content_of
from backend.objectives.palette import moments, palette_error
from backend.objectives.style import DECAY, MovingAverage, gram, layer_mask, relative_error, subsample


@pytest.mark.parametrize("decay", [0.0, 0.5, DECAY, 0.9999])
def test_the_moving_average_is_the_weighted_mean_of_all_so_far(decay):
    values = torch.randn(12, 3, 3)
    average = MovingAverage(decay)
    for n in range(1, 13):
        weights = decay ** np.arange(n)[::-1].astype(float)
        expected = np.average(values[:n].numpy(), axis=0, weights=weights)
        assert np.allclose(average(values[n - 1]).numpy(), expected, atol=1e-4)


def test_without_decay_it_is_the_newest_and_near_one_the_plain_mean():
    values = torch.randn(50, 4)
    newest, mean = MovingAverage(0.0), MovingAverage(1 - 1e-6)
    for value in values:
        last, all_of_them = newest(value), mean(value)
    assert torch.allclose(last, values[-1])
    assert torch.allclose(all_of_them, values.mean(0), atol=1e-3)


def test_its_gradient_is_the_newest_values_alone():
    average = MovingAverage()
    old = torch.randn(4, requires_grad=True)
    average(old * 3)
    new = torch.randn(4, requires_grad=True)
    pull = torch.randn(4)
    (average(new) * pull).sum().backward()
    assert torch.equal(new.grad, pull)  # as if there were no others
    assert old.grad is None


def test_a_gram_is_the_mean_outer_product():
    features = torch.randn(2, 5, 3, 4)
    pixels = features.permute(0, 2, 3, 1).reshape(-1, 5)
    expected = torch.stack([torch.outer(p, p) for p in pixels]).mean(0)
    assert torch.allclose(gram(features), expected, atol=1e-6)
    assert gram(features.bfloat16()).dtype == torch.float32


def test_a_masked_gram_is_that_of_the_pixels_left():
    features = torch.randn(1, 5, 4, 4)
    mask = torch.zeros(1, 4, 4)
    mask[0, 1:3] = 1
    assert torch.allclose(gram(features, mask), gram(features[:, :, 1:3]), atol=1e-6)
    assert torch.allclose(gram(features, 0.5 * mask), gram(features, mask), atol=1e-6)
    assert not gram(features, torch.zeros(1, 4, 4)).any()


@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16])
def test_a_gram_and_its_gradient_are_those_of_plain_sums(kind):
    features = torch.randn(2, 5, 13, 11).to(kind).requires_grad_()
    mask = torch.rand(2, 13, 11)
    flat = features.float().permute(0, 2, 3, 1).reshape(-1, 5)
    share = mask.reshape(-1, 1) / mask.sum()
    found, wanted = gram(features, mask), (share * flat).T @ flat
    tolerance = 1e-5 if kind == torch.float32 else 0.02
    assert torch.allclose(found, wanted, atol=tolerance)
    pull = torch.randn(5, 5)
    slopes = [torch.autograd.grad((value * pull).sum(), features)[0].float() for value in (found, wanted)]
    assert torch.allclose(*slopes, atol=tolerance * slopes[1].abs().max())


@pytest.mark.parametrize("stride", [1, 3])
def test_thinned_features_and_their_gradient_are_those_of_a_slice(stride):
    features = torch.randn(2, 5, 13, 11, requires_grad=True)
    pull = torch.randn_like(features)
    found, wanted = subsample(features, stride, (1, 2)), features[:, :, 1::stride, 2::stride]
    if stride == 1:
        wanted = features
    assert torch.equal(found, wanted)
    gradients = [
        torch.autograd.grad((values * values).sum() + (features * pull).sum(), features)[0]
        for values in (found, wanted)
    ]
    assert torch.allclose(*gradients)


def test_relative_error_is_that():
    a, b = torch.randn(4, 4), torch.randn(4, 4)
    assert relative_error(a, b).item() == pytest.approx(((a - b).norm() / b.norm()).item() ** 2, rel=1e-5)
    assert relative_error(b, b) == 0
    assert relative_error(1.5 * b, b).item() == pytest.approx(0.25, rel=1e-5)
    assert torch.isfinite(relative_error(a, torch.zeros(4, 4)))


def test_a_layers_mask_leaves_out_what_sees_the_silhouette():
    mask = torch.zeros(1, 32, 32)
    mask[0, 8:24, 8:24] = 1
    whole = layer_mask(mask, (32, 32), 0)
    assert torch.equal(whole, mask)
    shrunk = layer_mask(mask, (32, 32), 3)
    expected = torch.zeros(1, 32, 32)
    expected[0, 11:21, 11:21] = 1
    assert torch.equal(shrunk, expected)
    assert torch.allclose(layer_mask(mask, (8, 8), 3), expected.view(1, 8, 4, 8, 4).mean((2, 4)))
    assert torch.equal(layer_mask(torch.ones(1, 32, 32), (4, 4), 5), torch.ones(1, 4, 4))  # no silhouette


@pytest.mark.parametrize("reach", [1, 2, 5, 9, 40])
def test_a_layers_mask_is_shrunk_as_by_the_least_in_a_square(reach):
    mask = torch.rand(2, 30, 41).round(decimals=1)
    wide = torch.nn.functional.pad(mask, [reach] * 4, value=1.0)
    least = wide.unfold(1, 2 * reach + 1, 1).unfold(2, 2 * reach + 1, 1).amin((3, 4))
    assert torch.allclose(layer_mask(mask, (30, 41), reach), least, atol=1e-6)


def test_content_error_is_relative_and_masked():
    features, reference = torch.randn(2, 5, 4, 4), torch.randn(2, 5, 4, 4)
    mask = (torch.rand(2, 4, 4) > 0.5).float()
    here = mask.bool()
    a, b = features.permute(0, 2, 3, 1)[here], reference.permute(0, 2, 3, 1)[here]
    expected = ((a - b).norm() / b.norm()).item() ** 2
    assert content_error(features, content_of(reference, mask)).item() == pytest.approx(expected, rel=1e-5)
    assert content_error(features, content_of(reference, torch.zeros(2, 4, 4))) == 0
    assert content_error(reference, content_of(reference, mask)) == 0


def test_moments_hold_mean_and_covariance():
    colors, weights = torch.rand(50, 3).double(), torch.rand(50).double()
    found = moments(colors, weights)
    mean = np.average(colors.numpy(), axis=0, weights=weights.numpy())
    covariance = np.cov(colors.numpy().T, ddof=0, aweights=weights.numpy())
    assert found[0, 0].item() == pytest.approx(1)
    assert np.allclose(found[0, 1:], mean)
    assert np.allclose(found[1:, 1:] - torch.outer(found[0, 1:], found[0, 1:]), covariance)
    assert torch.allclose(moments(colors), moments(colors, torch.ones(50).double()))


def test_palette_error_adds_spread_and_shift():
    wanted = torch.rand(500, 3).double()
    spread = float(np.trace(np.cov(wanted.numpy().T, ddof=0)))
    shifted = wanted + torch.tensor([0.1, 0, 0])
    stretched = wanted.mean(0) + 1.5 * (wanted - wanted.mean(0))
    assert palette_error(moments(wanted), moments(wanted)) == 0
    assert palette_error(moments(shifted), moments(wanted)).item() == pytest.approx(0.01 / spread, rel=1e-5)
    expected = (1.5**2 - 1) ** 2
    assert palette_error(moments(stretched), moments(wanted)).item() == pytest.approx(expected, rel=1e-5)
