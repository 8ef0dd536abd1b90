"""The Laplacian pyramid on a surface: its start, its steps, and a known texture found again."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from meshes import quad, sphere

from backend.machine.parallel import parallel_map
from backend.painting.pyramid import Pyramid
from backend.rendering.sampling import gather, mipmaps, patch, taps
from backend.rendering.texels import locate
from backend.rendering.views import ViewMaker


def smooth(size: int) -> torch.Tensor:
    """(3, size, size): a few waves that repeat, between .1 and .9."""
    y, x = np.mgrid[:size, :size] * (2 * np.pi / size)
    waves = np.stack([np.sin(3 * x + y), np.cos(2 * y - x), np.sin(2 * x) * np.cos(3 * y)])
    return torch.from_numpy(0.5 + 0.4 * waves).float()


def test_a_start_is_what_one_sees_first():
    start = torch.rand(3, 128, 128, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(Pyramid(start).texture(), start, atol=1e-5)


def test_bands_are_separate_scales():
    """A plain colour lies in the coarsest level alone, a checkerboard in the finest alone."""
    pyramid = Pyramid(torch.full((3, 64, 64), 0.7))
    coarsest = pyramid.levels.offsets[-1]
    assert pyramid.rows[:coarsest].abs().max() < 1e-6
    board = ((torch.arange(64)[:, None] + torch.arange(64)) % 2).float()
    pyramid = Pyramid(board.expand(3, -1, -1))
    assert pyramid.rows[64 * 64 :].abs().max() < 1e-6
    assert torch.allclose((pyramid.rows[: 64 * 64] @ pyramid.colors.T).abs(), torch.tensor(0.5), atol=1e-5)


def test_a_step_touches_only_what_was_read():
    mesh = quad()
    pyramid = Pyramid(smooth(64))
    seen = ViewMaker(mesh, "embree", np.random.default_rng(1))(0.3, 24)
    view = pyramid.patch(seen)
    before = pyramid.rows.clone()
    pyramid.accumulate(view, pyramid.backward(view, 2 * (pyramid.sample(view) - 0.2)))
    assert pyramid.gradient.any()
    pyramid.step([view], 0.05, 0)
    read = torch.zeros(len(before), dtype=torch.bool)
    looked = taps(seen.uv, seen.footprint, pyramid.levels, laplacian=True)
    read[looked.rows[looked.weights > 0]] = True
    assert torch.equal(pyramid.rows[~read], before[~read])
    assert not torch.equal(pyramid.rows[read], before[read])
    assert (pyramid.touched > 0).equal(read)
    assert not pyramid.moments[~read].any()
    assert not pyramid.gradient.any()  # ready for the next


def test_the_first_step_is_adams():
    """Against one gradient g Adam goes by rate · g / |g|, less by what is added to |g|; away by halves."""
    pyramid = Pyramid(torch.full((3, 32, 32), 0.5))
    looked = taps(torch.tensor([[0.5 + 1 / 64, 0.5 + 1 / 64]]), torch.tensor([1e-3]), pyramid.levels, True)
    weights = torch.zeros(pyramid.levels.rows)
    weights.index_add_(0, looked.rows.flatten(), looked.weights.flatten())
    before = pyramid.rows.clone()
    view = patch(looked)
    pyramid.accumulate(view, pyramid.backward(view, torch.ones(1, 3)))
    pulled = torch.outer(weights, pyramid.colors.sum(0))
    assert torch.allclose(pyramid.gradient, pulled, atol=1e-6)
    pyramid.step([view], 0.1, 0)
    moved = (before - pyramid.rows)[weights > 1e-6]
    level = torch.bucketize(torch.nonzero(weights > 1e-6)[:, 0], torch.tensor([32 * 32]), right=True)
    assert (moved.sign() == pulled[weights > 1e-6].sign()).all()
    assert (moved.abs() <= 0.1 * 0.5 ** level.float()[:, None] + 1e-6).all()
    assert moved.abs().max() > 0.08


def test_a_level_steps_by_what_is_resolved_where_it_is():
    """Left: texels as on average; right: half as dense, so that views resolve level 0 there."""
    density = torch.zeros(1, 32, 32)
    density[..., 16:] = -1
    pyramid = Pyramid(torch.full((3, 32, 32), 0.5), density=density)
    uv = torch.tensor([[0.25 + 1 / 64, 0.5 + 1 / 64], [0.75 + 1 / 64, 0.5 + 1 / 64]])
    view = patch(taps(uv, torch.tensor([1e-3, 1e-3]), pyramid.levels, True))
    before = pyramid.rows.clone()
    pyramid.accumulate(view, pyramid.backward(view, torch.ones(2, 3)))
    pyramid.step([view], 0.1, 1)
    finest = (before - pyramid.rows)[: 32 * 32].view(32, 32, 3).abs()
    assert torch.allclose(finest[:, 16:].max(), 2 * finest[:, :16].max(), rtol=1e-3)


def test_views_that_share_rows_step_as_one():
    """Two halves of a view, in turn or side by side, and all of it: the same step, however it is cut."""
    seen = ViewMaker(sphere(2), "embree", np.random.default_rng(1))(0.5, 48)
    half = len(seen.uv) // 2
    parts = [(seen.uv[k], seen.footprint[k]) for k in (slice(None), slice(half), slice(half, None))]
    whole, *halves = (patch(taps(*part, Pyramid(smooth(64)).levels, True)) for part in parts)
    assert len(whole.rows) < len(halves[0].rows) + len(halves[1].rows)
    found = []
    for views, side_by_side in (([whole], 1), (halves, 1), *[(halves, 2)] * 8):
        pyramid = Pyramid(smooth(64))
        with parallel_map(side_by_side) as each:
            for _ in range(5):
                for view in views:
                    pyramid.accumulate(view, pyramid.backward(view, pyramid.sample(view) ** 3))
                pyramid.step(views, 0.05, 0, each)
        assert not pyramid.gradient.any()
        found.append((pyramid.rows, pyramid.touched))
    for rows, touched in found[1:]:
        assert torch.allclose(rows, found[0][0], atol=1e-4)
        assert torch.equal(touched, found[0][1])
    for rows, _ in found[3:]:
        assert torch.equal(rows, found[2][0])  # whichever lane is first


@pytest.fixture
def one_thread():
    """What is this small is slower on several, far slower where others use them too."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.mark.usefixtures("one_thread")
def test_a_known_texture_is_found_again_from_its_renders():
    mesh, known = sphere(3), smooth(64)
    pyramid = Pyramid(torch.full((3, 64, 64), 0.5))
    wanted = mipmaps(known, pyramid.levels)
    make = ViewMaker(mesh, "embree", np.random.default_rng(0))
    bank = []
    for _ in range(32):
        view = make(1.2, 48)
        where = taps(view.uv, view.footprint, pyramid.levels, laplacian=False)
        bank.append((pyramid.patch(view), gather(wanted, where)))
    steps = 60
    for level in (2, 1, 0):  # coarse to fine
        for k in range(steps):
            batch = [bank[(8 * k + i) % len(bank)] for i in range(8)]
            for view, colors in batch:
                pyramid.accumulate(view, pyramid.backward(view, 2 * (pyramid.sample(view) - colors)))
            rate = 0.05 * (0.02 + 0.5 * (1 + math.cos(math.pi * k / steps)))
            pyramid.step([view for view, _ in batch], rate, level)
    texels = locate(mesh, 64)
    seen = torch.from_numpy(texels.used) & pyramid.seen()
    assert seen.sum() > 0.97 * texels.used.sum()
    error = (pyramid.texture() - known)[:, seen].square().mean()
    assert -10 * math.log10(error) > 35
