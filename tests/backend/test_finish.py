"""Unseen texels, gutters and coverage on textures whose right answer is known."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from meshes import quad, sphere
from scipy.ndimage import distance_transform_edt

from backend.rendering.texels import Texels, fill_gutters, locate
from backend.result.finish import fill_unseen, mean_texel, painted_texels

SIZE = 192


@pytest.fixture(scope="module")
def texels() -> Texels:
    return locate(sphere(), SIZE)


def by_position(texels: Texels) -> torch.Tensor:
    """(3, SIZE, SIZE): every used texel has the colour of its point, all others are black."""
    texture = torch.zeros(3, SIZE, SIZE)
    texture[:, torch.from_numpy(texels.used)] = torch.from_numpy(texels.points.T / 2 + 0.5)
    return texture


def test_gutters_continue_the_nearest_border(texels):
    texture = by_position(texels)
    filled = fill_gutters(texture, texels.used)
    assert torch.equal(filled[:, texels.used], texture[:, texels.used])
    distance, (row, column) = distance_transform_edt(~texels.used, return_indices=True)
    assert distance.max() >= 16  # the islands lie so far apart that it shows
    near = (distance > 0) & (distance <= 16)
    assert torch.equal(filled[:, near], texture[:, row[near], column[near]])
    assert filled[:, near].amax(0).min() > 0  # nothing is left black


def test_a_texture_without_gutters_is_left_alone():
    texture = torch.rand(3, 32, 32)
    assert fill_gutters(texture, np.ones((32, 32), bool)) is texture


def test_unseen_texels_take_after_their_neighbours_on_the_surface(texels):
    """A strip across three islands is unseen: what comes back is the colour of the place, by position."""
    texture = by_position(texels)
    hidden = np.zeros((SIZE, SIZE), bool)
    hidden[texels.used] = np.abs(texels.points[:, 2] - 0.2) < 0.03
    broken = texture.clone()
    broken[:, hidden] = 0
    filled = fill_unseen(broken, ~hidden, texels)
    assert hidden.sum() > 100
    assert torch.equal(filled[:, ~hidden], broken[:, ~hidden])
    error = (filled - texture)[:, hidden].abs()
    assert error.max() < 0.05
    assert error.mean() < 0.015


def test_neighbours_are_those_in_space_not_in_the_texture(texels):
    """An island that no view saw takes the colour of those around it on the surface."""
    island = np.zeros((SIZE, SIZE), bool)
    island[: SIZE // 2, : SIZE // 3] = True
    island &= texels.used
    texture = torch.zeros(3, SIZE, SIZE)
    texture[0, texels.used & ~island] = 1.0
    texture[1, island] = 1.0
    filled = fill_unseen(texture, ~island, texels)
    assert torch.allclose(filled[0, island], torch.tensor(1.0))
    assert not filled[1].any()


@pytest.mark.parametrize("seen", [False, True])
def test_when_all_or_nothing_was_seen_nothing_is_filled(texels, seen):
    texture = by_position(texels)
    assert fill_unseen(texture, np.full((SIZE, SIZE), seen), texels) is texture


def test_painted_are_the_used_texels_and_slivers_that_a_view_read():
    used = np.zeros((16, 16), bool)
    used[4:8, 4:8] = True
    seen = np.zeros((16, 16), bool)
    seen[4:9, 4:9] = True  # runs over the border by one, as bilinear reads do
    seen[12, 12] = True  # an island thinner than a texel
    found = painted_texels(Texels(used, *(np.zeros((16, n), np.float32) for n in (1, 3, 2))), seen)
    expected = used.copy()
    expected[12, 12] = True
    assert (found == expected).all()


def test_a_texels_size_is_in_scene_units():
    mesh = quad()  # a side of 2 in the scene
    assert mean_texel(mesh, 64) == pytest.approx(2 / 64)
