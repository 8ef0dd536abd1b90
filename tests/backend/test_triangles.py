"""What is computed of triangles column by column, against what their definitions say."""

from __future__ import annotations

import numpy as np
import pytest

from backend.rendering import triangles

COUNT = 20_000  # more than are looked at in one piece


@pytest.fixture(scope="module")
def corners() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(COUNT, 3, 3)).astype(np.float32)


@pytest.fixture(scope="module")
def uvs() -> np.ndarray:
    return np.random.default_rng(1).normal(size=(COUNT, 3, 2)).astype(np.float32)


def edges(corners: np.ndarray) -> np.ndarray:
    """(F, 2, K): from the first corner to the others."""
    return (corners[:, 1:] - corners[:, :1].astype(np.float64)).astype(np.float64)


def test_areas_are_those_of_the_cross_product(corners):
    crosses = triangles.crosses(corners)
    assert np.allclose(crosses, np.cross(*edges(corners).transpose(1, 0, 2)))
    assert np.allclose(triangles.lengths(crosses), np.linalg.norm(crosses, axis=1))


def test_a_jacobian_turns_edges_into_those_of_the_uv_map(corners, uvs):
    jacobians = triangles.jacobians(corners, uvs)
    found = edges(corners) @ jacobians.transpose(0, 2, 1)
    broad = triangles.are_broad(corners, 100 * triangles.lengths(triangles.crosses(corners)))
    assert broad.all()
    assert np.allclose(found, edges(uvs), atol=2e-3)
    across = triangles.crosses(corners)
    across /= triangles.lengths(across)[:, None]
    assert np.abs((jacobians @ across[..., None])[..., 0]).max() < 1e-5 * np.abs(jacobians).max()
    largest = np.linalg.svd(jacobians.astype(np.float64), compute_uv=False)[:, 0]
    assert np.allclose(triangles.stretches(jacobians), largest)


def test_areas_and_bounds_in_the_uv_map(uvs):
    assert np.allclose(triangles.uv_areas(uvs), np.abs(np.linalg.det(edges(uvs))) / 2)
    least, most = triangles.bounds(uvs)
    assert (least == uvs.min(1)).all()
    assert (most == uvs.max(1)).all()


def test_angles_are_those_between_edges_and_none_in_what_has_no_area(corners):
    found = triangles.angles(corners)
    sides = [corners[:, (k + 1) % 3] - corners[:, k].astype(np.float64) for k in range(3)]
    for k in range(3):
        ahead, back = sides[k], -sides[k - 1]
        cosine = (ahead * back).sum(1) / np.linalg.norm(ahead, axis=1) / np.linalg.norm(back, axis=1)
        assert np.allclose(found[k], np.arccos(cosine), atol=1e-6)
    assert not triangles.angles(np.repeat(corners[:2, :1], 3, 1)).any()


def test_a_line_is_no_broad_triangle(corners):
    ends = corners[:100, :2].astype(np.float64)
    lines = np.stack([ends[:, 0], ends[:, 1], (ends[:, 0] + ends[:, 1]) / 2], 1)
    areas = triangles.lengths(triangles.crosses(lines)) / 2
    assert not triangles.are_broad(lines, areas).any()
