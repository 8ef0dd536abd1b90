"""The circle metric on ellipses whose axes are known."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from benchmarks import circles


def disc(long: float, short: float, count: int = 4000) -> np.ndarray:
    """(N, 3): points spread evenly over an ellipse with these axes, in a tilted plane."""
    random = np.random.default_rng(0)
    angle, radius = random.uniform(0, 2 * np.pi, count), np.sqrt(random.uniform(0, 1, count))
    flat = np.stack([long / 2 * radius * np.cos(angle), short / 2 * radius * np.sin(angle)], 1)
    plane = np.linalg.qr(random.normal(size=(3, 3)))[0][:2]
    return flat @ plane + 5


@pytest.mark.parametrize(("long", "short"), [(1, 1), (1.5, 1), (0.3, 0.2)])
def test_an_ellipse_has_its_axes(long, short):
    found = circles.fit(disc(long, short), np.ones(4000))
    assert found.long == pytest.approx(long, rel=0.05)
    assert found.short == pytest.approx(short, rel=0.05)


def test_what_is_no_ellipse_is_left_out():
    two = np.concatenate([disc(1, 1), disc(1, 1) + (3, 0, 0)])
    assert circles.fit(two, np.ones(8000)) is None
    flat = disc(1, 1) - 5
    normal = np.cross(flat[0], flat[1])
    bent = flat + np.outer(0.8 * (flat**2).sum(1), normal / np.linalg.norm(normal))
    assert circles.fit(bent, np.ones(4000)) is None


@pytest.fixture
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.mark.usefixtures("one_thread")
def test_true_circles_on_a_sphere_are_found_as_such():
    ball = circles.subject("sphere")
    found = circles.ellipses(ball.mesh, circles.true_circles(ball, 512, 0.2), 1.5)
    measured = circles.summary(found, 0.2)
    assert measured["ellipses"] > 50
    assert measured["size"] == pytest.approx(1, abs=0.05)
    assert measured["axis_ratio"] < 1.08
