"""Several textures at once: each is read, filled and mended as if it were alone, and objects stay apart."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from meshes import quad, sphere

from backend.errors import PatinaError
from backend.painting import tiles
from backend.painting.optimize import VIEWS_PER_STEP, stages
from backend.painting.pyramid import Pyramid
from backend.rendering.mesh import Attributes, Mesh, build_mesh
from backend.rendering.sampling import Levels, enlarge, gather, levels_of, mipmaps, taps
from backend.rendering.seams import points_along, shared_edges
from backend.rendering.texels import Texels, fill_gutters, locate
from backend.rendering.views import MARGIN, ViewMaker, corners_of, framed
from backend.result.finish import fill_unseen, grown
from backend.result.report import lookup
from backend.result.seam_erasure import erase_seams

SIZE, COUNT = 32, 3


def joined(meshes: list[Mesh], moves: np.ndarray, **more: object) -> Mesh:
    """The meshes, each moved by one of `moves` (N, 3), as the objects and the tiles of one mesh."""
    counts = np.cumsum([0, *(len(mesh.vertices) for mesh in meshes)])
    index = np.concatenate([np.full(len(mesh.faces), k, np.int32) for k, mesh in enumerate(meshes)])
    return build_mesh(
        np.concatenate([mesh.vertices + move for mesh, move in zip(meshes, moves, strict=True)]),
        np.concatenate([mesh.faces + first for mesh, first in zip(meshes, counts[:-1], strict=True)]),
        np.concatenate([mesh.uvs for mesh in meshes]),
        attributes=Attributes(tiles=index, objects=index),
        **more,
    )


@pytest.fixture
def textures() -> torch.Tensor:
    """(3, COUNT · SIZE, SIZE)"""
    return torch.rand(3, COUNT * SIZE, SIZE, generator=torch.Generator().manual_seed(3))


@pytest.mark.parametrize("footprint", [0.5 / SIZE, 3 / SIZE, 1.0])
def test_each_texture_is_read_as_if_alone_and_repeats_by_itself(textures, footprint):
    random = torch.Generator().manual_seed(0)
    uv, wide = torch.rand(60, 2, generator=random) * 3 - 1, torch.full((60,), footprint)
    tile = torch.arange(60) % COUNT
    together = gather(
        mipmaps(textures, levels_of(textures, 4)), taps(uv, wide, levels_of(textures, 4), False, tile)
    )
    for k, one in enumerate(textures.split(SIZE, 1)):
        alone = gather(mipmaps(one, Levels(SIZE, 4)), taps(uv, wide, Levels(SIZE, 4), False))
        assert torch.allclose(together[tile == k], alone[tile == k], atol=1e-6)


def test_a_pyramid_of_several_textures_is_that_of_each(textures):
    pyramid = Pyramid(textures)
    assert torch.allclose(pyramid.texture(), textures, atol=1e-5)
    for k, one in enumerate(textures.split(SIZE, 1)):
        alone = Pyramid(one)
        for level, side in enumerate(pyramid.levels.sides):
            start = pyramid.levels.offsets[level] + k * side * side
            rows = alone.rows[alone.levels.offsets[level] :][: side * side]
            assert torch.allclose(pyramid.rows[start : start + side * side], rows, atol=1e-6)


def test_enlarging_does_not_mix_neighbours(textures):
    grown_up = enlarge(textures, 4 * SIZE)
    each = torch.cat([enlarge(one, 4 * SIZE) for one in textures.split(SIZE, 1)], 1)
    assert torch.equal(grown_up, each)


def test_texels_and_gutters_stay_in_their_tile(textures):
    mesh = joined([sphere(2)] * COUNT, np.zeros((COUNT, 3)))
    alone, found = locate(sphere(2), SIZE), locate(mesh, SIZE, COUNT)
    assert np.array_equal(found.used, np.tile(alone.used, (COUNT, 1)))
    assert np.allclose(found.points, np.tile(alone.points, (COUNT, 1)), atol=1e-6)
    assert np.array_equal(grown(found.used), np.tile(grown(alone.used), (COUNT, 1)))
    filled = fill_gutters(textures, found.used)
    assert torch.equal(filled, torch.cat([fill_gutters(t, alone.used) for t in textures.split(SIZE, 1)], 1))


def test_an_object_that_no_view_saw_is_not_filled_from_another():
    mesh = joined([sphere(2)] * 2, np.zeros((2, 3)))
    texels = locate(mesh, SIZE, 2)
    texture = torch.cat([torch.full((3, SIZE, SIZE), value) for value in (0.25, 0.75)], 1)
    seen = np.zeros_like(texels.used)
    seen[:4] = texels.used[:4]  # a little of the first
    texture[:, 4:SIZE] = 0
    filled = fill_unseen(texture, seen, texels, mesh.objects[texels.faces])
    used = torch.from_numpy(texels.used)
    assert torch.allclose(filled[:, :SIZE][:, used[:SIZE]], torch.tensor(0.25))
    assert torch.equal(filled[:, SIZE:], texture[:, SIZE:])


def udim() -> Mesh:
    """Two unit squares side by side, with UVs 0..1 and 1..2, the second in a tile of its own."""
    vertices = np.array([[0, 0, 0], [1, 0, 0], [2, 0, 0], [0, 1, 0], [1, 1, 0], [2, 1, 0]], float)
    faces = np.array([[0, 1, 4], [0, 4, 3], [1, 2, 5], [1, 5, 4]])
    tiles = Attributes(tiles=np.array([0, 0, 1, 1], np.int32))
    return build_mesh(vertices, faces, vertices[faces][..., :2], attributes=tiles)


def test_the_border_of_two_tiles_is_a_seam_and_is_erased():
    mesh = udim()
    seams, others = shared_edges(mesh)
    assert len(seams.faces) == 1
    assert len(others.faces) == 2
    texture = torch.cat([torch.full((3, SIZE, SIZE), value) for value in (0.4, 0.5)], 1)
    erased = erase_seams(texture, torch.full_like(texture, 0.5), mesh, locate(mesh, SIZE, 2).used)
    first, second = (lookup(erased, places) for places in points_along(mesh, seams, 0.3 / SIZE))
    assert (first - second).abs().max() < 0.02
    assert torch.equal(erased[:, :, 12:20], texture[:, :, 12:20])  # far from the border, u = 0 or 1


def test_objects_that_touch_have_no_seam_between_them():
    both = joined([quad()] * 2, np.array([[0, 0, 0], [np.sqrt(2), 0, 0]]))
    assert len(shared_edges(both)[0].faces) == 0


def test_objects_apart_have_one_scale_and_each_its_own_middle():
    both = joined([quad(), quad()], np.array([[0, 0, 0], [1e4, 0, 0]]))
    assert both.unit == pytest.approx(1, rel=1e-3)
    assert np.allclose(both.corners[:2], both.corners[2:], atol=1e-3)
    together = joined([quad(), quad()], np.array([[0, 0, 0], [1e4, 0, 0]]), isolated=False)
    assert together.unit == pytest.approx(5e3, rel=1e-3)


def test_a_vertex_of_two_objects_is_refused():
    one = quad()
    with pytest.raises(PatinaError, match="two objects share"):
        build_mesh(one.vertices, one.faces, one.uvs, attributes=Attributes(objects=np.array([0, 1])))


def test_views_of_objects_apart_show_one_each_and_begin_with_every_object():
    balls = joined([sphere(2)] * 4, np.zeros((4, 3)))  # all in one place
    views = ViewMaker(balls, "embree", np.random.default_rng(0))
    shown = [views(0.8, 32) for _ in range(12)]
    found = [set(balls.objects[view.faces.numpy()]) for view in shown]
    assert all(len(objects) == 1 for objects in found)
    assert set.union(*found[:4]) == {0, 1, 2, 3}
    assert all((view.tiles.numpy() == balls.tiles[view.faces.numpy()]).all() for view in shown)


def test_small_objects_share_a_view_and_large_ones_do_not():
    """A large ball and nine small ones: these come sixteen to a view, all ten in the first two."""
    small = replace(sphere(2), vertices=sphere(2).vertices / 8)
    balls = joined([sphere(2), *[small] * 9], np.zeros((10, 3)))
    views = ViewMaker(balls, "embree", np.random.default_rng(0))
    window = 4.5 * framed(corners_of(balls, 1))[1]
    chosen = [views.shots(window, 96) for _ in range(8)]
    assert {len(shots) for shots in chosen} == {1, 16}
    first = [views.render_all(shots, 96) for shots in chosen[:2]]
    assert set(balls.objects[torch.cat([view.faces for view in first]).numpy()]) == set(range(10))
    # A whole ball in each place, none of it beyond: as many pixels as its disc has.
    shared = next(view for view, shots in zip(first, chosen, strict=False) if len(shots) == 16)
    cells = shared.mask.view(4, 24, 4, 24).transpose(1, 2).flatten(2).sum(2)
    disc = np.pi / 4 * (24 / 4.5 * 4 / MARGIN) ** 2
    assert (cells / disc - 1).abs().max() < 0.15
    assert len(views.shots(window, 96, (0, np.full(3, 1 / 3)))) == 1  # what is aimed at is alone


def test_denser_textures_are_read_more_coarsely():
    """Two squares in a texture each, the second a quarter as wide: its texels are four times as dense."""
    assert np.allclose(quad().stretch, 1 / np.sqrt(2))
    both = joined([quad(), replace(quad(), vertices=quad().vertices / 4)], np.zeros((2, 3)))
    # The mean texel is √(17/32) times as wide as the first's: 4 · √(17/32) lies between 2¹ and 2².
    assert both.coarser(np.arange(4)).tolist() == [0, 0, 2, 2]


def test_texels_seen_coarsely_count_where_views_resolve_no_more():
    pyramid = Pyramid(torch.rand(3, 2 * SIZE, SIZE))
    row = pyramid.levels.offsets[1] + (SIZE // 2) ** 2  # the second texture's first, one level up
    pyramid.touched[row] = 1
    place = torch.tensor([SIZE * SIZE, 0])
    assert pyramid.seen_at(place, torch.tensor([1, 1])).tolist() == [True, False]
    assert not pyramid.seen_at(place, torch.tensor([0, 0])).any()


def test_every_stage_has_steps_enough_to_look_at_each_object():
    assert stages("draft", None, 16) == stages("draft", None)
    many = stages("draft", None, 256)
    assert all(stage.steps * VIEWS_PER_STEP >= 256 for stage in many)
    assert sum(stage.steps for stage in stages("draft", 30, 256)) == 30


def test_neighbours_hide_each_other_when_asked():
    """Two squares face each other at a hair's breadth: nothing sees what lies between them."""
    down = quad()
    up = build_mesh(down.vertices, down.faces[:, ::-1], down.uvs[:, ::-1])
    moves = np.array([[0, 0, -1e-3], [0, 0, 1e-3]])
    for apart, sides in ((True, {0, 1}), (False, set())):
        squares = joined([down, up], moves, isolated=apart)
        views = ViewMaker(squares, "embree", np.random.default_rng(0))
        shown = [views(0.3, 24) for _ in range(10)]
        middle = [view.faces.numpy()[(view.points.norm(dim=1) < 0.3).numpy()] for view in shown]
        assert set(squares.objects[np.concatenate(middle)]) == sides


def half() -> Mesh:
    """A square, painted in its left half: weights 1 at x < 0, 0 at x > 0."""
    x, y = (a.ravel() for a in np.meshgrid([-1.0, -1e-6, 1e-6, 1.0], [-1.0, 1.0]))
    corners = np.stack([x, y, np.zeros(8)], 1)
    faces = np.array([[k, k + 1, k + 5] for k in range(3)] + [[k, k + 5, k + 4] for k in range(3)])
    weights = Attributes(weights=(corners[faces][..., 0] < 0).astype(np.float32))
    return build_mesh(corners, faces, (corners[:, :2] / 2 + 0.5)[faces], attributes=weights)


def test_a_mask_is_the_weights_times_the_picture():
    mesh = half()
    ramp = torch.linspace(0, 1, SIZE)[:, None].expand(1, SIZE, SIZE).clone()
    found = tiles.masked(mesh, locate(mesh, SIZE), [ramp])
    assert (found[:, SIZE // 2 :] == 0).all()
    assert np.allclose(found[:, : SIZE // 2], ramp[0, :, : SIZE // 2], atol=1e-6)


def test_soft_weights_are_interpolated():
    one = quad()
    weights = one.uvs[..., 0]  # 0 at the left, 1 at the right
    mesh = build_mesh(one.vertices, one.faces, one.uvs, attributes=Attributes(weights=weights))
    found = tiles.masked(mesh, locate(mesh, SIZE), [None])
    assert np.allclose(found, (np.arange(SIZE) + 0.5) / SIZE, atol=1e-5)


def test_beside_islands_the_mask_goes_on_for_a_few_texels():
    used = np.zeros((64, 64), bool)
    used[20:24, 20:24] = True
    found = tiles.mask_of(quad(), Texels(used, *(np.zeros((16, n), np.float32) for n in (1, 3, 2))), None)
    reach = tiles.GUTTER
    assert found[20, 24 + reach - 1] == 1
    assert found[20, 24 + reach + 1] == 0


def test_a_mask_that_leaves_nothing_is_refused():
    one = quad()
    mesh = build_mesh(one.vertices, one.faces, one.uvs, attributes=Attributes(weights=np.zeros((2, 3))))
    with pytest.raises(PatinaError, match="nothing to paint"):
        tiles.masked(mesh, locate(mesh, SIZE), [None])


def test_views_aim_at_what_is_painted():
    mesh = half()
    views = ViewMaker(mesh, "embree", np.random.default_rng(0))
    centres = [float(views(0.05, 16).points[:, 0].mean()) for _ in range(12)]
    assert max(centres) < 0.05
