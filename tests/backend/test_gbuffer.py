"""What views see of a quad and of a sphere, against closed forms; texels and seams."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
import trimesh
from meshes import RADIUS, gnomonic, quad, sides_of, sphere

from backend.errors import PatinaError
from backend.rendering import camera, rasterizer
from backend.rendering.camera import FOV_Y, Camera
from backend.rendering.gbuffer import GBuffer, cropped, render, side_by_side
from backend.rendering.mesh import Mesh, build_mesh
from backend.rendering.seams import lengths, shared_edges
from backend.rendering.texels import _joined, locate
from backend.rendering.views import ViewMaker

BELOW = np.array([0.3, -0.5, 1.0])  # a slanted look at the quad


def look(mesh: Mesh, eye: Camera) -> GBuffer:
    return render(mesh, rasterizer.create("embree", mesh), eye)


def grid(view: GBuffer, values: torch.Tensor) -> np.ndarray:
    """(H, W, C) float64, NaN where nothing is seen."""
    out = np.full((view.height * view.width, values.shape[1]), np.nan)
    out[view.pixels.numpy()] = values.numpy()
    return out.reshape(view.height, view.width, -1)


def test_a_quad_is_a_plane_under_every_ray():
    eye = camera.look_at(np.array([0.1, -0.2, 0.0]), BELOW, 2.5, 64)
    view = look(quad(), eye)
    rays = eye.directions
    points = eye.position + rays * (-eye.position[2] / rays[:, 2])[:, None]
    half = math.sqrt(0.5)
    inside = (np.abs(points[:, :2]) < half).all(1)
    clear = np.abs(np.abs(points[:, :2]) - half).min(1) > 1e-4  # not on the very border
    assert (view.mask.flatten().numpy() == inside)[clear].all()
    seen = points[view.pixels.numpy()]
    assert np.allclose(view.points, seen, atol=1e-5)
    assert np.allclose(view.uv, seen[:, :2] / math.sqrt(2) + 0.5, atol=1e-5)
    cosine = -rays[view.pixels.numpy(), 2] / np.linalg.norm(rays[view.pixels.numpy()], axis=1)
    assert np.allclose(view.facing, cosine, atol=1e-6)


def test_a_camera_sees_as_much_as_its_window():
    """Square on, a pixel's footprint is the window over the pixels, in units of UV."""
    view = look(quad(), camera.look_at(np.zeros(3), np.array([0, 1e-9, 1.0]), 1.0, 50))
    assert len(view.pixels) == 50 * 50
    uv = grid(view, view.uv)
    step = 1 / 50 / math.sqrt(2)
    assert np.allclose(uv[:, 1:, 0] - uv[:, :-1, 0], step, rtol=1e-3)
    assert np.allclose(uv[:-1, :, 1] - uv[1:, :, 1], step, rtol=1e-3)  # row 0 is the top
    assert np.allclose(view.footprint, step, rtol=1e-5)


def test_a_sphere_is_a_disc_of_round_points():
    distance = 1.2 / (2 * math.tan(FOV_Y / 2))
    eye = camera.look_at(np.zeros(3), np.array([0.4, -0.7, 0.5]), 1.2, 96)
    view = look(sphere(), eye)
    rays = eye.directions / np.linalg.norm(eye.directions, axis=1, keepdims=True)
    along = -(rays @ eye.position)
    miss = np.sqrt(np.maximum(distance**2 - along**2, 0))  # how far each ray passes the centre
    clear = np.abs(miss - RADIUS) > 0.01
    assert (view.mask.flatten().numpy() == (miss < RADIUS))[clear].all()

    pixels = view.pixels.numpy()
    t = along[pixels] - np.sqrt(np.maximum(RADIUS**2 - miss[pixels] ** 2, 0))
    points = eye.position + t[:, None] * rays[pixels]
    normals = points / RADIUS
    facing = -np.einsum("nc,nc->n", normals, rays[pixels])
    inner = facing > 0.2
    assert np.abs(view.points.numpy() - points)[inner].max() < 0.005
    assert np.abs(view.facing.numpy() - facing)[inner].max() < 0.06  # the triangles are flat
    assert np.abs(view.facing.numpy() - facing)[inner].mean() < 0.02
    side = sides_of(sphere().corners.mean(1))[view.faces.numpy()]
    expected = gnomonic(view.points.numpy().astype(float), side)
    assert np.abs(view.uv.numpy() - expected).max() < 1e-3  # linear within a triangle


@pytest.mark.parametrize("surface", ["quad", "sphere"])
def test_a_footprint_is_the_way_to_the_next_pixels_uv(surface):
    """The larger singular value of d uv / d pixel, by central differences within a triangle."""
    mesh = quad() if surface == "quad" else sphere(2)
    view = look(mesh, camera.look_at(mesh.corners[0].mean(0) * 1.0, BELOW, 0.5, 128))
    uv, face = grid(view, view.uv), grid(view, view.faces[:, None])[..., 0]
    across = (uv[1:-1, 2:] - uv[1:-1, :-2]) / 2
    down = (uv[2:, 1:-1] - uv[:-2, 1:-1]) / 2
    here = face[1:-1, 1:-1]
    around = (face[1:-1, 2:], face[1:-1, :-2], face[2:, 1:-1], face[:-2, 1:-1])
    same = np.all([here == other for other in around], axis=0)
    assert same.sum() > 1000
    expected = np.linalg.svd(np.stack([across, down], -1)[same], compute_uv=False)[:, 0]
    found = grid(view, view.footprint[:, None])[1:-1, 1:-1, 0][same]
    assert np.allclose(found, expected, rtol=5e-3)


def test_back_faces_and_faces_without_uvs_are_background():
    assert not look(quad(), camera.look_at(np.zeros(3), -BELOW, 2.0, 32)).mask.any()
    whole = quad()
    uvs = whole.uvs.copy()
    uvs[1] = 0.5
    half = build_mesh(whole.vertices, whole.faces, uvs)
    view = look(half, camera.look_at(np.zeros(3), BELOW, 2.0, 32))
    assert set(view.faces.tolist()) == {0}


def two_floors() -> Mesh:
    """The lower quad at z = -.5, the upper, which hides it, at z = .5; both half the texture."""
    q = quad()
    vertices = np.concatenate([q.vertices - (0, 0, 0.5), q.vertices + (0, 0, 0.5)])
    half = q.uvs * (0.5, 1)
    return build_mesh(
        vertices, np.concatenate([q.faces, q.faces + 4]), np.concatenate([half, half + (0.5, 0)])
    )


def test_what_is_nearer_than_near_is_cut_away():
    mesh = two_floors()
    gap = float(np.ptp(mesh.vertices[:, 2]))
    eye = camera.look_at(np.zeros(3), np.array([0, 1e-9, 1.0]), 0.5, 16)
    top = float(eye.position[2]) - gap / 2
    for near, faces in ((0.0, {2, 3}), (top - 0.01, {2, 3}), (top + 0.01, {0, 1}), (top + gap + 0.01, set())):
        view = look(mesh, Camera(eye.position, eye.axes, eye.size, near))
        assert set(view.faces.tolist()) == faces
        assert np.allclose(np.abs(view.points[:, 2].numpy()), gap / 2, atol=1e-4)


def test_views_see_all_of_a_surface_and_what_others_hide():
    """A small ball inside a large one: no camera outside sees it unless it cuts the large one away."""
    large = trimesh.creation.icosphere(2)
    small = trimesh.creation.icosphere(2, 0.4)
    both = trimesh.util.concatenate([large, small])
    uvs = gnomonic(both.triangles, np.repeat(sides_of(both.triangles_center)[:, None], 3, 1))
    mesh = build_mesh(both.vertices, both.faces, uvs)
    views = ViewMaker(mesh, "embree", np.random.default_rng(0))
    seen = torch.cat([views(0.6, 64).faces for _ in range(60)]).unique()
    assert len(seen) > 0.95 * len(mesh.faces)
    assert (seen >= len(large.faces)).sum() > 0.95 * len(small.faces)


def test_views_beside_each_other_are_one():
    """Four views of a ball in a view of odd size: each in its quarter, the rest is empty."""
    views = ViewMaker(sphere(2), "embree", np.random.default_rng(0))
    four = [views(0.6, 16) for _ in range(4)]
    found = side_by_side(four, 33)
    background = torch.zeros(3, 16, 16)
    rows = [torch.cat([view.image(view.points, background) for view in four[k : k + 2]], 2) for k in (0, 2)]
    image = found.image(found.points, torch.zeros(3, 33, 33))
    assert torch.equal(image[:, :32, :32], torch.cat(rows, 1))
    assert not found.mask[32].any()
    assert not found.mask[:, 32].any()


def test_a_cropped_view_is_as_large_as_a_ball_s_outline_and_its_margin():
    """Of a ball of radius r, seen from the distance d, the outline has the radius r / √(1 − (r/d)²)."""
    window, size, margin = 2.6, 96, 5
    eye = camera.look_at(np.array([0.3, 0.0, 0.2]), BELOW, window, size)
    whole = look(sphere(4), eye)
    distance = window / 2 / math.tan(FOV_Y / 2)
    outline = 2 * RADIUS / math.sqrt(1 - (RADIUS / distance) ** 2) / window * size
    view = cropped(whole, margin)
    for side in (view.height, view.width):
        assert outline + 2 * margin - 2 <= side <= outline + 2 * margin + 1.5
    everywhere = torch.zeros(3, view.height, view.width)
    rows, columns = (whole.mask.any(axis).nonzero()[0].item() - margin for axis in (1, 0))
    part = whole.image(whole.points, torch.zeros(3, size, size))[:, rows:, columns:]
    assert torch.equal(view.image(view.points, everywhere), part[:, : view.height, : view.width])
    assert int(view.mask.sum()) == len(whole.pixels)  # nothing of the ball is lost
    even = cropped(whole, margin, 16)
    assert (even.height % 16, even.width % 16) == (0, 0)
    assert 0 <= even.height - view.height < 16
    assert torch.equal(
        even.mask.nonzero() - even.mask.nonzero()[0], whole.mask.nonzero() - whole.mask.nonzero()[0]
    )


def test_a_view_is_cropped_to_what_is_left_of_it():
    """Nothing is added at its border; where nothing is seen, a margin around nothing is left."""
    full = look(quad(), camera.look_at(np.zeros(3), BELOW, 0.2, 24))
    assert (cropped(full, 8, 16).height, cropped(full, 8, 16).width) == (24, 24)
    aside = look(quad(), camera.look_at(np.array([0.7, 0.7, 0.0]), BELOW, 0.6, 60))  # at a corner
    view = cropped(aside, 4)
    assert view.height < 60
    assert view.width < 60
    assert torch.equal(view.mask.sum(), aside.mask.sum())
    empty = cropped(look(quad(), camera.look_at(np.full(3, 9.0), BELOW, 0.5, 40)), 4, 16)
    assert (empty.height, empty.width, len(empty.pixels)) == (16, 16, 0)


def test_the_articles_views_hold_the_whole_bounding_box():
    mesh = sphere(2)
    views = ViewMaker(mesh, "embree", np.random.default_rng(0), "bounding_box")
    for _ in range(4):
        mask = views(0.1, 48).mask
        assert mask.any()
        assert not torch.cat([mask[0], mask[-1], mask[:, 0], mask[:, -1]]).any()


def test_texels_know_their_points():
    found = locate(quad(), 32)
    assert found.used.all()
    row, column = np.divmod(np.arange(32 * 32), 32)
    x, y = (column + 0.5) / 32, 1 - (row + 0.5) / 32
    points = np.stack([x - 0.5, y - 0.5, np.zeros_like(x)], -1) * math.sqrt(2)
    assert np.allclose(found.points, points, atol=1e-5)


@pytest.mark.parametrize("shift", [(1, 0), (-2, 3), (0.25, 0.25)])
def test_uvs_beyond_the_border_wrap_round(shift):
    whole = quad()
    moved = locate(build_mesh(whole.vertices, whole.faces, whole.uvs + np.float32(shift)), 32)
    expected = locate(whole, 32).points.reshape(32, 32, 3)
    steps = (-round(shift[1] * 32), round(shift[0] * 32))
    assert moved.used.all()
    assert np.allclose(moved.points.reshape(32, 32, 3), np.roll(expected, steps, (0, 1)), atol=1e-4)


def test_seams_are_where_uvs_part():
    mesh = sphere(3)
    seams, others = shared_edges(mesh)
    assert len(seams.faces) + len(others.faces) == len(mesh.faces) * 3 // 2  # it is closed
    side = sides_of(mesh.corners.mean(1))
    assert (side[seams.faces[:, 0]] != side[seams.faces[:, 1]]).all()
    assert (side[others.faces[:, 0]] == side[others.faces[:, 1]]).all()
    cube_edges = 12 * RADIUS * math.acos(1 / 3)  # great arcs between neighbouring corners
    assert 1 < lengths(mesh, seams).sum() / cube_edges < 1.6  # in zigzag


def test_a_mesh_is_made_ready_to_be_looked_at_once_for_all_who_look(monkeypatch):
    ball, made = sphere(2), []
    create = rasterizer.create
    monkeypatch.setattr(rasterizer, "create", lambda name, mesh: made.append(mesh) or create(name, mesh))
    half = replace(ball, weights=np.full((len(ball.faces), 3), 0.5, np.float32))
    views = [ViewMaker(mesh, "embree", np.random.default_rng(0))(2.2, 32) for mesh in (ball, ball, half)]
    assert len(made) == 1
    assert all((view.faces == views[0].faces).all() for view in views)
    ViewMaker(ball.only(np.arange(9)), "embree", np.random.default_rng(0))(2.2, 32)
    assert len(made) == 2


def test_an_unknown_rasterizer_is_refused():
    with pytest.raises(PatinaError) as caught:
        rasterizer.create("pencil", quad())
    assert caught.value.field == "rasterizer"


def test_corners_on_a_line_leave_slivers_that_are_no_surface():
    """What an n-gon with collinear corners is cut into: once a singular matrix, or nearly one."""
    random = np.random.default_rng(0)
    for _ in range(50):
        a, b = random.standard_normal((2, 3))
        t = random.random(3)[:, None]
        line = a + t * (b - a)  # on a line, but for rounding
        triangle = random.standard_normal((3, 3))
        vertices = np.concatenate([line, triangle]).astype(np.float32)
        mesh = build_mesh(vertices, np.array([(0, 1, 2), (3, 4, 5)]), random.random((2, 3, 2)))
        assert mesh.mapped.tolist() == [False, True]
        assert np.isfinite(mesh.uv_jacobians).all()
        assert np.isfinite(mesh.stretch).all()


def test_triangles_share_the_points_of_their_uv_map_but_at_seams():
    ball = sphere(3)
    index, points = _joined(ball.faces, ball.uvs, len(ball.vertices))
    assert np.array_equal(points[index], ball.uvs)
    assert len(ball.vertices) < len(points) < 1.5 * len(ball.vertices)
