"""Regular textures: set straight, their periods, and these in whole."""

import math

import pytest
import torch

from backend.pictures.regular import in_whole, periods, straight


def bricks(height: int, width: int, right: float, down: float, lean: float = 0.0, slant: float = 0.0):
    """(3, height, width): a bright joint at every `right` and `down` pixels; leaning, seen at a slant."""
    y, x = (torch.arange(n) + 0.5 - n / 2 for n in (height, width))
    y, x = y[:, None], x[None]
    away = 1 - slant * y / (height / 2)  # as far as what is seen there
    x, y = x / away, y / away
    x = x - lean * y
    joint = torch.cos(2 * math.pi * x / right)
    if math.isfinite(down):
        joint = torch.maximum(joint, torch.cos(2 * math.pi * y / down))
    return (0.3 + 0.5 * ((joint - 0.7) / 0.3).clamp(0, 1)).expand(3, height, width).clone()


def noise(side: int = 160) -> torch.Tensor:
    return torch.rand(3, side, side, generator=torch.Generator().manual_seed(0))


def test_a_slant_is_undone():
    """Joints are as far apart above as below; at a slant they are not."""
    seen = bricks(192, 192, 18, 40, slant=0.16)
    found = straight(seen)

    def apart(image, rows):
        return float(periods(image[:, rows])[0, 0])

    height = found.shape[1]
    above, below = slice(0, height // 3), slice(2 * height // 3, height)
    assert apart(found, above) == pytest.approx(apart(found, below), rel=0.04)
    assert abs(apart(seen, above) / apart(seen, slice(128, 192)) - 1) > 0.15
    assert apart(found, slice(None)) == pytest.approx(18, rel=0.05)


@pytest.mark.parametrize("image", [bricks(192, 192, 18, 40), noise()], ids=["straight", "irregular"])
def test_what_is_not_at_a_slant_is_left_alone(image):
    assert straight(image) is image


def test_periods_of_what_is_regular():
    found = periods(bricks(160, 200, 17.5, 31, lean=0.02))
    assert torch.allclose(found[0], torch.tensor([17.5, 0]), atol=0.15)
    assert torch.allclose(found[1], torch.tensor([0.62, 31]), atol=0.4)
    assert not periods(noise()).any()


def test_stripes_have_one_period():
    found = periods(bricks(160, 200, 14, math.inf))
    assert found[0, 0] == pytest.approx(14, abs=0.1)
    assert not found[1].any()


def test_whole_periods_go_into_the_size():
    """21 of 17.5 and 12 of 31 nearly do in 370; nothing leans any more."""
    image, steps = in_whole(bricks(160, 200, 17.5, 31, lean=0.02), 370)
    assert torch.allclose(steps, torch.diag(torch.tensor([370 / 21, 370 / 12])))
    assert torch.allclose(periods(image), steps, atol=0.4)


def test_what_has_no_period_is_not_stretched():
    image = noise()
    found, steps = in_whole(image, 300)
    assert found is image
    assert not steps.any()
