"""Pieces of the painting on the surface: where each lies, how large, how it runs into the next."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from meshes import quad, sphere

from backend.painting import collage as module
from backend.painting.collage import BLEND_WIDTH, collage
from backend.rendering.mesh import Attributes, Mesh, build_mesh
from backend.rendering.texels import Texels, locate
from backend.result.report import seam_ratio

SIDE = 128
SIZE = 96  # pixels of the painting's shorter side
RADIUS = 0.3  # of a piece, in that side


def ramp(width: int = SIZE, height: int = SIZE) -> torch.Tensor:
    """(3, height, width): red is how far right, green how far down, in shorter sides; blue is 0."""
    shorter = min(width, height)
    x, y = (torch.arange(side) + 0.5 for side in (width, height))
    size = (height, width)
    return torch.stack([(x / shorter).expand(size), (y / shorter)[:, None].expand(size), torch.zeros(size)])


@pytest.fixture(autouse=True)
def _with_their_own_means(monkeypatch):
    """Have pieces show their colours as they are."""
    match = module._match
    monkeypatch.setattr(module, "_match", lambda *given: match(*given) * 0)


def laid(mesh: Mesh, styles, span: float, grain: float = 0.0, radius: float = RADIUS):
    """(U, 3) colours of the used texels, and the texels."""
    texels = locate(mesh, SIDE, int(mesh.tiles.max()) + 1)
    wanted = torch.rand(3, *texels.used.shape, generator=torch.Generator().manual_seed(0))
    found = collage(mesh, texels, styles, span, grain, np.random.default_rng(0), radius, wanted)
    return found[:, torch.from_numpy(texels.used)].T.numpy(), texels


def slopes(colors: np.ndarray, texels: Texels) -> np.ndarray:
    """(3, 3): the change of each colour along x, y, z that fits a flat surface best."""
    points = texels.points - texels.points.mean(0)
    return np.linalg.lstsq(points, colors - colors.mean(0), rcond=None)[0].T


@pytest.mark.parametrize("grain", [0.0, math.pi / 2, 0.4])
def test_a_piece_is_upright_at_the_paintings_scale(grain):
    """One piece on a square: red grows to the right and green down, by 1 over what the painting spans."""
    span = 8.0
    flat = quad()
    along = np.broadcast_to(np.array([1, 0, 0], np.float32), (2, 3, 3))
    mesh = build_mesh(flat.vertices, flat.faces, flat.uvs, attributes=Attributes(directions=along))
    colors, texels = laid(mesh, [(ramp(), 1.0)], span, grain, 0.9)
    red, green, blue = slopes(colors, texels)
    # The x axis lies at `grain`, counterclockwise from the painting's right.
    right = np.array([math.cos(grain), -math.sin(grain), 0]) / span
    down = np.array([-math.sin(grain), -math.cos(grain), 0]) / span
    assert np.allclose(red, right, atol=1e-4)
    assert np.allclose(green, down, atol=1e-4)
    assert not blue.any()


def test_without_directions_up_is_up():
    """A square that stands in the plane y = 0, seen from in front (−y)."""
    flat = quad()
    standing = flat.vertices[:, [0, 2, 1]] * np.float32([1, -1, 1])
    mesh = build_mesh(standing, flat.faces, flat.uvs)
    colors, texels = laid(mesh, [(ramp(), 1.0)], 40.0)
    red, green, _ = slopes(colors, texels)
    assert np.allclose(red, [1 / 40, 0, 0], atol=1e-4)
    assert np.allclose(green, [0, 0, -1 / 40], atol=1e-4)


def test_pieces_are_hardly_stretched_on_a_sphere():
    """Neighbouring texels differ by what they lie apart, over the painting's span."""
    span = 1.0
    mesh = sphere()
    colors, texels = laid(mesh, [(ramp(), 1.0)], span)
    found, points = np.zeros((2, 3, *texels.used.shape))
    found[:, texels.used], points[:, texels.used] = colors.T, texels.points.T
    both = texels.used[:, 1:] & texels.used[:, :-1]
    steps = np.linalg.norm(np.diff(found, axis=2), axis=0)[both]
    apart = np.linalg.norm(np.diff(points, axis=2), axis=0)[both] / span
    stretch = steps / apart
    assert np.median(stretch) == pytest.approx(1, abs=0.1)
    assert np.mean(np.abs(stretch - 1) < 0.25) > 0.6


def test_islands_do_not_show():
    """Pieces lie on the surface, not in the texture: colours change across seams no more than elsewhere."""
    random = torch.Generator().manual_seed(0)
    picture = torch.nn.functional.interpolate(
        torch.rand(1, 3, 12, 12, generator=random), size=SIZE, mode="bilinear"
    )[0]
    mesh = sphere()
    texels, wanted = locate(mesh, SIDE), torch.full((3, SIDE, SIDE), 0.5)
    found = collage(mesh, texels, [(picture, 1.0)], 1.0, 0.0, np.random.default_rng(0), RADIUS, wanted)
    assert seam_ratio(mesh, found) < 1.1
    noise = torch.rand(3, SIDE, SIDE, generator=random)
    smooth = torch.nn.functional.avg_pool2d(noise[None], 9, 1, 4, count_include_pad=False)[0]
    assert seam_ratio(mesh, smooth) > 1.5  # what lies in the texture does show


def test_styles_share_the_surface():
    red, blue = (torch.eye(3)[k][:, None, None].expand(3, SIZE, 2 * SIZE) for k in (0, 2))
    colors, _ = laid(sphere(), [(red, 0.75), (blue, 0.25)], 0.2)
    assert np.allclose(colors.sum(1), 1, atol=1e-5)  # where two meet, they share it
    assert colors[:, 0].mean() == pytest.approx(0.75, abs=0.15)
    mixed = np.mean((colors > 0.01).all(1, where=[True, False, True]))
    assert 0 < mixed < 2 * BLEND_WIDTH


def test_no_piece_is_of_two_objects():
    """Two balls in one place, each with a texture of its own, in which nothing of the other appears."""
    one = sphere(3)
    objects = np.repeat([0, 1], len(one.faces)).astype(np.int32)
    mesh = build_mesh(
        np.concatenate([one.vertices, one.vertices]),
        np.concatenate([one.faces, one.faces + len(one.vertices)]),
        np.concatenate([one.uvs, one.uvs]),
        attributes=Attributes(tiles=objects, objects=objects),
    )
    texels = locate(mesh, SIDE, 2)
    places = module.embedding(mesh, texels, 5.0)
    owner = mesh.objects[texels.faces]
    middles = module.farthest_points(places, np.arange(len(places)))
    nearest, second, rest = module._two_nearest(places, places[middles])
    assert np.array_equal(owner[middles][nearest], owner)
    assert np.array_equal(owner[middles][second][rest > 0], owner[rest > 0])


def test_middles_are_apart_and_near_to_all():
    places = np.random.default_rng(0).uniform(-3, 3, (2000, 7)).astype(np.float32)
    places[:, 3:] = 0
    middles = places[module.farthest_points(places, np.arange(2000))]
    between = np.linalg.norm(middles[:, None] - middles[None], axis=2)
    assert between[~np.eye(len(middles), dtype=bool)].min() > 1
    assert np.linalg.norm(places[:, None] - middles[None], axis=2).min(1).max() <= 1


def test_two_pieces_run_into_each_other():
    """On the line between two middles that are 1 apart: evenly from one to the other within BLEND_WIDTH."""
    middles = np.zeros((3, 7), np.float32)
    middles[1, 0], middles[2, 1] = 1, 50
    places = np.zeros((101, 7), np.float32)
    places[:, 0] = np.linspace(0, 1, 101)
    nearest, second, rest = module._two_nearest(places, middles)
    of_left = np.where(nearest == 0, 1 - rest, rest)
    assert np.allclose(of_left, np.clip(0.5 - (places[:, 0] - 0.5) / BLEND_WIDTH, 0, 1), atol=1e-4)
    assert set(nearest) == {0, 1}
    assert set(second[rest > 0]) == {0, 1}


def test_one_middle_has_all():
    nearest, second, _ = module._two_nearest(np.ones((5, 7), np.float32), np.zeros((1, 7), np.float32))
    assert not nearest.any()
    assert not second.any()


def test_a_piece_lies_well_inside_the_painting():
    """Of a painting of 2 : 1, the middles keep RADIUS from each edge."""
    shifts = np.random.default_rng(0).random((500, 2))
    read = module._sample(ramp(2 * SIZE), np.zeros((500, 2)), shifts, RADIUS)[:2].numpy()
    assert np.allclose(read.T, RADIUS + shifts * (np.array([2, 1]) - 2 * RADIUS), atol=0.01)
