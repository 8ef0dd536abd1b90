"""Seams: found where the texture is cut, erased where they are faults, left where they are landmarks."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from backend.rendering.mesh import Mesh, build_mesh
from backend.rendering.seams import points_along, shared_edges
from backend.rendering.texels import locate
from backend.result.report import lookup
from backend.result.seam_erasure import MARGIN, erase_seams

SIZE = 64


@pytest.fixture
def strip() -> Mesh:
    """Two unit squares side by side, (0..2, 0..1), whose islands lie apart and one of them turned."""
    vertices = np.array([[0, 0, 0], [1, 0, 0], [2, 0, 0], [0, 1, 0], [1, 1, 0], [2, 1, 0]], float)
    faces = np.array([[0, 1, 4], [0, 4, 3], [1, 2, 5], [1, 5, 4]])
    flat = vertices[faces][..., :2]
    left = flat[:2] * 0.4 + 0.05
    right = (flat[2:, :, ::-1] - (0, 1)) * 0.4 + 0.55
    return build_mesh(vertices, faces, np.concatenate([left, right]))


def difference(mesh: Mesh, texture: torch.Tensor) -> float:
    """The largest difference of colour between the sides of the seams."""
    sides = [lookup(texture, uv) for uv in points_along(mesh, shared_edges(mesh)[0], 0.3 / SIZE)]
    return float((sides[0] - sides[1]).abs().max())


def test_one_seam_is_found(strip: Mesh) -> None:
    seams, others = shared_edges(strip)
    assert len(seams.faces) == 1
    assert len(others.faces) == 2
    first, second = points_along(strip, seams, 0.1)
    # The seam is x = 1: there u of the left island is .45, and v of the turned right island is .55.
    np.testing.assert_allclose(first.uv[:, 0], 0.45, atol=1e-6)
    np.testing.assert_allclose(second.uv[:, 1], 0.55, atol=1e-6)


def test_both_sides_agree_and_the_rest_stays(strip: Mesh) -> None:
    smooth = torch.rand(3, 8, 8, generator=torch.Generator().manual_seed(1)) * 0.2 + 0.4
    texture = torch.nn.functional.interpolate(smooth[None], size=SIZE, mode="bicubic")[0].clamp(0, 1)
    used = locate(strip, SIZE).used
    assert difference(strip, texture) > 0.05
    erased = erase_seams(texture, torch.full_like(texture, 0.5), strip, used)
    assert difference(strip, erased) < 0.2 * difference(strip, texture)
    # The left island's columns farther than the reach from u = .45 have not moved at all.
    column = int(0.45 * SIZE) - MARGIN - 3
    assert torch.equal(erased[:, SIZE // 2 :, :column], texture[:, SIZE // 2 :, :column])


def test_a_landmark_on_a_seam_is_kept(strip: Mesh) -> None:
    start = torch.full((3, SIZE, SIZE), 0.2)
    start[:, : SIZE // 2] = 0.8  # the right island, in the upper half, is another colour
    erased = erase_seams(start, start, strip, locate(strip, SIZE).used)
    assert torch.equal(erased, start)


def test_a_mesh_without_seams_is_left_alone() -> None:
    vertices = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], float)
    faces = np.array([[0, 1, 2], [0, 2, 3]])
    mesh = build_mesh(vertices, faces, vertices[faces][..., :2] * 0.8 + 0.1)
    texture = torch.rand(3, SIZE, SIZE)
    assert erase_seams(texture, texture, mesh, locate(mesh, SIZE).used) is texture
