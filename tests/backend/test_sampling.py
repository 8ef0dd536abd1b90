"""Texture look-ups and their gradients against finite differences and direct sums."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from backend.rendering.sampling import Levels, enlarge, gather, mipmaps, patch, read, spread, taps

LEVELS = Levels(64, 8)


def random_places(count: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """UVs (count, 2), beyond the border too; footprints from below a texel to beyond the coarsest level."""
    random = torch.Generator().manual_seed(seed)
    uv = torch.rand(count, 2, generator=random, dtype=torch.double) * 3 - 1
    return uv, 2 ** (torch.rand(count, generator=random, dtype=torch.double) * 7 - 1) / LEVELS.size


def band(rows: torch.Tensor, level: int) -> torch.Tensor:
    """(C, s, s): one level of `rows`."""
    side, offset = LEVELS.sides[level], LEVELS.offsets[level]
    return rows[offset : offset + side * side].T.reshape(-1, side, side)


def test_levels_follow_one_another():
    assert LEVELS.sides == [64, 32, 16, 8]
    assert LEVELS.offsets == [0, 4096, 5120, 5376]
    assert LEVELS.rows == 5440


@pytest.mark.parametrize("laplacian", [True, False])
def test_a_patch_is_read_as_the_rows_are(laplacian):
    where = taps(*random_places(60), LEVELS, laplacian)
    view = patch(where)
    read_at_all = where.rows[where.weights > 0].unique()
    assert torch.equal(view.rows, read_at_all)  # each once, in order, and only those that count
    matrix = torch.randn(LEVELS.rows, 3, dtype=torch.double)
    assert torch.allclose(read(matrix, view), gather(matrix, where))


@pytest.mark.parametrize("laplacian", [True, False])
def test_the_gradient_is_that_of_finite_differences(laplacian):
    view = patch(taps(*random_places(40), LEVELS, laplacian))
    matrix = torch.randn(LEVELS.rows, 3, dtype=torch.double)
    pull = torch.randn(40, 3, dtype=torch.double)

    def loss(matrix: torch.Tensor) -> torch.Tensor:
        return ((read(matrix, view) - 0.3).pow(3) * pull).sum()

    gradient = spread(3 * (read(matrix, view) - 0.3).square() * pull, view)
    step = 1e-5
    for place, row in list(enumerate(view.rows.tolist()))[:: max(1, len(view.rows) // 25)]:
        for channel in range(3):
            there, here = matrix.clone(), matrix.clone()
            there[row, channel] += step
            here[row, channel] -= step
            difference = (loss(there) - loss(here)) / (2 * step)
            assert gradient[place, channel].item() == pytest.approx(difference.item(), rel=1e-6, abs=1e-8)


def test_a_gather_is_the_weighted_sum():
    view = taps(*random_places(30), LEVELS, True)
    rows = torch.randn(LEVELS.rows, 4, dtype=torch.double)
    expected = (rows[view.rows] * view.weights[..., None]).sum(1)
    assert torch.allclose(gather(rows, view), expected)


def test_bands_give_the_trilinear_look_up_of_the_pyramid_they_come_from():
    """The pyramid's level k is the sum of the bands from k on; Williams 1983 mixes two neighbours."""
    rows = torch.randn(LEVELS.rows, 3, dtype=torch.double)
    uv, footprint = random_places(200)
    detail = (footprint * LEVELS.size).log2().clamp(0, 3)
    reads = torch.stack(
        [
            gather(rows, taps(uv, torch.full_like(footprint, 2.0**k / LEVELS.size), LEVELS, laplacian=False))
            for k in range(4)
        ]
    )
    gaussian = reads.flip(0).cumsum(0).flip(0)
    low = detail.floor().long()
    high = (low + 1).clamp_max(3)
    t = (detail - low)[:, None]
    places = torch.arange(200)
    expected = (1 - t) * gaussian[low, places] + t * gaussian[high, places]
    found = gather(rows, taps(uv, footprint, LEVELS, laplacian=True))
    assert torch.allclose(found, expected)


def test_at_texel_centres_a_view_reads_the_texels():
    rows = mipmaps(torch.rand(3, 64, 64, dtype=torch.double), LEVELS)
    for k, side in enumerate(LEVELS.sides):
        y, x = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
        uv = torch.stack([(x.flatten() + 0.5) / side, 1 - (y.flatten() + 0.5) / side], 1).double()
        footprint = torch.full((side * side,), 1 / side, dtype=torch.double)
        found = gather(rows, taps(uv, footprint, LEVELS, laplacian=False))
        assert torch.allclose(found.T.reshape(3, side, side), band(rows, k), atol=1e-9)


@pytest.mark.parametrize("laplacian", [True, False])
def test_textures_repeat(laplacian):
    rows = torch.randn(LEVELS.rows, 3, dtype=torch.double)
    uv, footprint = random_places(50)
    found = gather(rows, taps(uv, footprint, LEVELS, laplacian))
    moved = gather(rows, taps(uv + torch.tensor([2.0, -3.0]), footprint, LEVELS, laplacian))
    assert torch.allclose(found, moved, atol=1e-9)


def test_on_the_border_both_sides_are_mixed():
    texture = torch.rand(3, 64, 64, dtype=torch.double)
    v = 1 - (torch.arange(64).double() + 0.5) / 64
    uv = torch.stack([torch.zeros(64, dtype=torch.double), v], 1)
    found = gather(
        mipmaps(texture, LEVELS), taps(uv, torch.full((64,), 1 / 64, dtype=torch.double), LEVELS, False)
    )
    assert torch.allclose(found.T, (texture[:, :, 0] + texture[:, :, -1]) / 2)


def test_mipmaps_are_means_of_blocks():
    texture = torch.rand(3, 64, 64)
    rows = mipmaps(texture, LEVELS)
    assert rows.shape == (LEVELS.rows, 3)
    for k, side in enumerate(LEVELS.sides):
        blocks = texture.numpy().reshape(3, side, 64 // side, side, 64 // side).mean((2, 4))
        assert np.allclose(band(rows, k).numpy(), blocks, atol=1e-6)


def test_an_enlarged_level_is_what_taps_read_at_the_centres():
    rows = torch.randn(LEVELS.rows, 3, dtype=torch.double)
    y, x = torch.meshgrid(torch.arange(64), torch.arange(64), indexing="ij")
    uv = torch.stack([(x.flatten() + 0.5) / 64, 1 - (y.flatten() + 0.5) / 64], 1).double()
    for k, side in enumerate(LEVELS.sides):
        footprint = torch.full((64 * 64,), 1 / side, dtype=torch.double)
        read = gather(rows, taps(uv, footprint, LEVELS, laplacian=False)).T.reshape(3, 64, 64)
        assert torch.allclose(enlarge(band(rows, k), 64), read, atol=1e-9)


def test_a_view_of_nothing_reads_nothing():
    view = taps(torch.zeros(0, 2), torch.zeros(0), LEVELS, True)
    assert gather(torch.randn(LEVELS.rows, 3), view).shape == (0, 3)
    assert read(torch.randn(LEVELS.rows, 3), patch(view)).shape == (0, 3)
    assert spread(torch.zeros(0, 3), patch(view)).shape == (0, 3)
