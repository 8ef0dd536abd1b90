"""The style losses against closed forms: two Gaussians, two constants, a subset."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm

from backend.objectives import gaussian, style_losses
from backend.objectives.style import gram, scaled_error
from backend.protocol.choices import STYLE_LOSSES


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def weights(features: torch.Tensor) -> torch.Tensor:
    return torch.ones(features.shape[0], *features.shape[2:])


def loss_of(kind: str, style: list[tuple[torch.Tensor, float]]):
    """Of a single layer."""
    loss = style_losses.make(kind, [style])
    return lambda features, shares: loss([features], [shares])


def test_the_jobs_names_are_the_losses():
    assert set(STYLE_LOSSES) == set(style_losses.MAKERS)


def test_gram_is_the_scaled_error_relative_to_the_mixed_targets():
    a, b, seen = (torch.randn(1, 4, 6, 5) for _ in range(3))
    loss = loss_of("gram", [(a, 0.25), (b, 0.75)])
    target = 0.25 * gram(a) + 0.75 * gram(b)
    difference = gram(seen) - target
    expected = (
        difference.square().sum() / difference.abs().sum() / (target.square().sum() / target.abs().sum())
    )
    assert scaled_error(3 * difference).item() == pytest.approx(3 * scaled_error(difference).item())
    assert loss(seen, weights(seen)).item() == pytest.approx(expected.item(), rel=1e-4)


def test_gaussian_is_the_bures_distance():
    style = torch.randn(1, 5, 40, 40) * torch.rand(5, 1, 1) + torch.rand(5, 1, 1)
    seen = torch.einsum("ij,bjhw->bihw", torch.randn(5, 5), torch.randn(1, 5, 40, 40)) + 0.3
    found = loss_of("gaussian", [(style, 1.0)])(seen, weights(seen)).item()
    (m, s), (n, t) = (
        (f[0].flatten(1).mean(1).numpy(), np.cov(f[0].flatten(1).numpy(), ddof=0)) for f in (seen, style)
    )
    root = sqrtm(t)
    bures = np.trace(s + t - 2 * np.real(sqrtm(root @ s @ root)))
    expected = (np.sum((m - n) ** 2) + bures) / (np.sum(n**2) + np.trace(t))
    assert found == pytest.approx(gaussian.DISTANCE_SCALE * expected, rel=0.02)


def test_gaussian_has_the_gradient_of_finite_differences():
    style = torch.randn(1, 3, 8, 8).double()
    seen = (2 * torch.randn(1, 3, 6, 6)).double()
    factor = torch.tensor(1.3, requires_grad=True)
    loss_of("gaussian", [(style.float(), 1.0)])(seen.float() * factor, weights(seen)).backward()
    values = [
        loss_of("gaussian", [(style.float(), 1.0)])(seen.float() * f, weights(seen)).item()
        for f in (1.28, 1.32)
    ]
    assert factor.grad.item() == pytest.approx((values[1] - values[0]) / 0.04, rel=0.02)


def test_sliced_between_constants_is_their_squared_distance():
    a, b = torch.rand(8), torch.rand(8)
    style, seen = (c.view(1, 8, 1, 1).expand(1, 8, 16, 16).contiguous() for c in (a, b))
    loss = loss_of("sliced", [(style, 1.0)])
    found = np.mean([loss(seen, weights(seen)).item() for _ in range(40)])
    assert found == pytest.approx(((a - b).square().sum() / a.square().sum()).item(), rel=0.1)


def test_sliced_tells_distributions_with_one_gram_apart():
    """Signs and a normal distribution have the same second moments."""
    normal, signs = torch.randn(1, 4, 64, 64), torch.randn(1, 4, 64, 64).sign()
    assert loss_of("gram", [(normal, 1.0)])(signs, weights(signs)) < 0.02
    sliced = loss_of("sliced", [(normal, 1.0)])
    assert sliced(signs, weights(signs)) > 5 * sliced(torch.randn(1, 4, 64, 64), weights(signs))


def test_nearest_is_zero_for_what_the_style_has():
    style = torch.eye(6).view(6, 6, 1).permute(1, 0, 2)[None].contiguous()  # six orthogonal features
    loss = loss_of("nearest", [(style, 1.0)])
    subset = style[:, :, :2]
    assert loss(subset, weights(subset)).item() == pytest.approx(0, abs=1e-5)
    assert loss(-subset + 2 / 6, weights(subset)).item() > 0.5  # the opposite, about the centre


@pytest.mark.parametrize("kind", STYLE_LOSSES)
def test_every_loss_pulls_towards_the_style_and_leaves_out_what_has_no_weight(kind):
    style = 2 + torch.randn(1, 6, 24, 24)
    loss = loss_of(kind, [(style, 1.0)])
    seen = torch.randn(2, 6, 16, 16, requires_grad=True)
    mask = torch.ones(2, 16, 16)
    mask[:, :8] = 0
    first = loss(seen, mask)
    first.backward()
    assert torch.isfinite(seen.grad).all()
    assert not seen.grad[:, :, :8].any()
    assert seen.grad[:, :, 8:].any()
    moved = seen.detach() - 0.02 * seen.grad / seen.grad.abs().max() * 10
    assert loss_of(kind, [(style, 1.0)])(moved, mask) < first
    assert torch.isfinite(loss(seen, torch.zeros(2, 16, 16)))


def test_the_rest_counts_by_its_variance_alone(monkeypatch):
    """With the style's weak directions all alike, and those of what is seen, nothing is lost."""
    strong, weak = torch.randn(1, 2, 30, 30) * 3, torch.randn(1, 6, 30, 30) * 0.2
    style = whitened(torch.cat([strong, weak], 1))
    seen = whitened(torch.cat([torch.randn(1, 2, 30, 30) * 2, torch.randn(1, 6, 30, 30) * 0.5], 1))
    scale = (
        torch.tensor([3, 2.5] + [0.2] * 6).view(1, 8, 1, 1),
        torch.tensor([2, 1.5] + [0.5] * 6).view(1, 8, 1, 1),
    )
    style, seen = style * scale[0], seen * scale[1]
    whole = loss_of("gaussian", [(style, 1.0)])(seen, weights(seen)).item()
    monkeypatch.setattr(gaussian, "RANK", 2)
    few = loss_of("gaussian", [(style, 1.0)])(seen, weights(seen)).item()
    assert few == pytest.approx(whole, rel=1e-3)
    assert loss_of("gaussian", [(style, 1.0)])(style, weights(style)).item() == pytest.approx(0, abs=1e-3)


def test_dead_channels_and_fewer_places_than_channels_do_no_harm():
    style, seen = (torch.relu(torch.randn(1, 256, 6, 6)) for _ in range(2))
    style[:, 10:200] = seen[:, 40:180] = 0
    seen.requires_grad_()
    found = loss_of("gaussian", [(style, 1.0)])(seen, weights(seen))
    found.backward()
    assert found.isfinite()
    assert seen.grad.isfinite().all()
    assert loss_of("gaussian", [(style, 1.0)])(style, weights(style)).item() < 0.01


def whitened(features: torch.Tensor) -> torch.Tensor:
    """`features` (1, C, H, W) with mean 0 and covariance 1, exactly."""
    flat = features[0].flatten(1).double()
    flat = flat - flat.mean(1, keepdim=True)
    root = torch.linalg.cholesky(flat @ flat.T / flat.shape[1])
    return torch.linalg.solve(root, flat).float().view_as(features)


@pytest.mark.parametrize("kind", STYLE_LOSSES)
def test_views_that_show_nothing_leave_no_trace(kind):
    style, seen = torch.rand(1, 4, 40, 40), torch.rand(1, 4, 40, 40, requires_grad=True)
    torch.manual_seed(1)
    loss = loss_of(kind, [(style, 1.0)])
    first, second = (loss(seen, weights(seen)).item() for _ in range(2))
    expected = second if kind in ("sliced", "nearest") else first  # those draw, and nothing is drawn for too
    torch.manual_seed(1)
    loss = loss_of(kind, [(style, 1.0)])
    nothing = loss(seen, torch.zeros(1, 40, 40))
    nothing.backward()
    assert nothing.item() == 0
    assert not seen.grad.any()
    assert loss(seen, weights(seen)).item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("rank", [3, 8])
def test_gaussian_has_the_gradient_of_finite_differences_of_each_feature(monkeypatch, rank):
    monkeypatch.setattr(gaussian, "RANK", rank)
    style = torch.relu(torch.randn(1, 8, 30, 30) + 0.3)
    seen = (2 * torch.rand(2, 8, 10, 10)).requires_grad_()

    def value(features):
        return loss_of("gaussian", [(style, 1.0)])(features, weights(features))

    value(seen).backward()
    for sign in torch.ones(2, 8, 10, 10), torch.randn(2, 8, 10, 10).sign():
        towards = seen.grad.abs() * sign  # all of them, and about half against the others
        towards = towards / towards.norm()
        with torch.no_grad():
            difference = (value(seen + 0.2 * towards) - value(seen - 0.2 * towards)).item() / 0.4
        assert (seen.grad * towards).sum().item() == pytest.approx(difference, rel=0.01, abs=1e-4)


def test_gaussian_of_rounded_features_is_near_that_of_exact_ones():
    style, seen = (torch.relu(torch.randn(2, 32, 30, 30) + shift) for shift in (0.5, 0.2))
    shown = torch.rand(2, 30, 30)
    values, gradients = [], []
    for kind in (torch.float32, torch.bfloat16):
        leaf = seen.to(kind).requires_grad_()
        value = loss_of("gaussian", [(style.to(kind), 1.0)])(leaf, shown)
        (gradient,) = torch.autograd.grad(value, leaf)
        values.append(value.item())
        gradients.append(gradient.float())
    assert values[1] == pytest.approx(values[0], rel=0.02)
    assert (gradients[1] - gradients[0]).norm() < 0.03 * gradients[0].norm()


@pytest.mark.parametrize("kind", STYLE_LOSSES)
def test_layers_of_any_width_count_each_for_itself(kind, monkeypatch):
    """Filled up to a common size and weighted, they are what they are alone; so are their gradients."""
    monkeypatch.setattr(gaussian, "RANK", 6)
    monkeypatch.setattr(style_losses, "SAMPLED_PIXELS", 4096)  # for those that draw
    shapes = ((3, 64), (6, 40), (12, 20))
    styles = [torch.relu(torch.randn(1, channels, side, side)) for channels, side in shapes]
    seen = [torch.rand(2, channels, side, side, requires_grad=True) for channels, side in shapes]
    shown = [torch.rand(2, side, side) for _, side in shapes]
    shown[1] *= 0  # one of them may show nothing
    shares = 1.5, 1.0, 0.25
    together = style_losses.make(kind, [[(style, 1.0)] for style in styles], weights=shares)(seen, shown)
    alone = sum(
        share * loss_of(kind, [(style, 1.0)])(features, weight)
        for share, style, features, weight in zip(shares, styles, seen, shown, strict=True)
    )
    drawn = kind in ("sliced", "nearest")
    assert together.item() == pytest.approx(alone.item(), rel=0.1 if drawn else 1e-4)
    if not drawn:
        for one, other in zip(
            torch.autograd.grad(together, seen), torch.autograd.grad(alone, seen), strict=True
        ):
            assert torch.allclose(one, other, rtol=1e-3, atol=1e-6)
