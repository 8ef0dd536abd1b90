"""What of a change of colour a palette allows; maps by quantiles."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from backend.pictures.palette import _shifts, gamut, within_gamut


def test_colours_of_all_kinds_allow_every_change():
    assert gamut(torch.diag(torch.tensor([0.02, 0.01, 0.001]))) is None


def test_colours_on_a_line_allow_changes_along_it():
    axis = torch.tensor([0.6, 0.0, 0.8])
    allowed = gamut(0.04 * torch.outer(axis, axis))
    assert allowed is not None
    assert torch.allclose(allowed, torch.outer(axis, axis), atol=1e-5)
    mean = torch.tensor([0.5, 0.4, 0.3])
    image = torch.rand(3, 5, 4, generator=torch.Generator().manual_seed(0)) * 0.2 + 0.2
    away = within_gamut(image, mean, allowed) - mean[:, None, None]
    assert torch.allclose(torch.einsum("i,ihw->hw", axis, away)[None] * axis[:, None, None], away, atol=1e-5)
    assert within_gamut(image, mean, None) is image


def test_a_slight_tint_stays_slight():
    allowed = gamut(torch.diag(torch.tensor([0.04, 0.006**2, 0.006**2])))
    assert allowed is not None
    assert torch.allclose(allowed, torch.diag(torch.tensor([1.0, 0.25, 0.25])), atol=1e-4)


@pytest.mark.parametrize("kind", ["all", "few", "one"])
def test_a_map_by_quantiles_is_the_one_between_its_nodes(kind):
    """Of more values than are looked up at a time, many of which may be the same."""
    random = np.random.default_rng(0)
    values = {
        "all": random.normal(size=40_000),
        "few": random.integers(-3, 4, 40_000),
        "one": np.full(40_000, 0.25),
    }[kind].astype(np.float32)
    shares = np.linspace(0, 1, 256)
    now = np.quantile(values[::7], shares) + np.arange(256) * 1e-7
    then = np.sort(random.uniform(size=256))
    expected = np.interp(values, now, then) - values.clip(now[0], now[-1])
    assert np.array_equal(_shifts(values, now, then), expected.astype(np.float32))
