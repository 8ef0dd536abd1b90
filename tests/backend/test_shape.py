"""What a bare form looks like: ambient occlusion against closed forms, the light, seams, hard edges."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
import trimesh
from meshes import quad, sphere

from backend.rendering.form import kept_of
from backend.rendering.mesh import Attributes, Mesh, build_mesh
from backend.rendering.shape import SHADOW, lightness, occlusion, shading
from backend.rendering.texels import locate


def corner(angle: float = np.pi / 2) -> Mesh:
    """A floor that ends at x = 0 in a wall, which stands at `angle`; both as good as endless."""
    up = np.array([np.cos(angle), 0, np.sin(angle)])
    ends = np.array([[0, -1, 0], [0, 1, 0]], float)
    points = np.concatenate([ends, ends + [1, 0, 0], ends + up])
    faces = np.array([[0, 2, 1], [1, 2, 3], [0, 1, 4], [4, 1, 5]])
    uvs = np.tile([[0, 0], [1, 0], [0, 1]], (4, 1, 1)).astype(float)
    return build_mesh(points, faces, uvs)


def on_floor(mesh: Mesh, distance: float, reach: float) -> float:
    """Occlusion of a point of the floor of `corner`, `distance` away from the wall."""
    edge, inward = (mesh.vertices[0] + mesh.vertices[1]) / 2, mesh.vertices[2] - mesh.vertices[0]
    point = edge + distance * inward / np.linalg.norm(inward)
    normal = np.array([[0, 0, 1]], np.float32)
    return float(occlusion(mesh, np.array([0]), point[None].astype(np.float32), normal, reach)[0])


@pytest.mark.parametrize("part", [0.2, 0.4, 0.8])
def test_the_inside_of_a_right_angle_is_hidden_as_the_integral_over_the_disc_says(part: float) -> None:
    # In Nusselt's disc, where rays by the cosine are even, those through a > part hit at part / a of reach.
    side = np.sqrt(1 - part**2)
    hit = (np.arccos(part) - part * side) / np.pi
    weight = 2 * part**2 / np.pi * (side / part - np.arccos(part))
    assert on_floor(corner(), part * 0.3, 0.3) == pytest.approx(hit - weight, abs=0.015)


@pytest.mark.parametrize("angle", [np.pi / 4, np.pi / 2, 3 * np.pi / 4])
def test_in_a_corner_what_is_hidden_is_the_walls_share_of_the_sky(angle: float) -> None:
    # Malley and Lambert: a wall that begins here and rises by `angle` from the floor hides (1 + cos) / 2.
    assert on_floor(corner(angle), 0.004, 0.4) == pytest.approx((1 + np.cos(angle)) / 2, abs=0.03)


def test_nothing_hides_a_sphere_or_a_plane() -> None:
    for mesh in (sphere(), quad()):
        texels = locate(mesh, 64)
        normals = mesh.smooth_normals[texels.faces].mean(1)
        assert occlusion(mesh, texels.faces, texels.points, normals).max() < 0.01


def test_the_inside_of_a_closed_box_sees_no_light() -> None:
    box = trimesh.creation.box()
    inside = build_mesh(box.vertices, box.faces[:, ::-1], np.tile([[0, 0], [1, 0], [0, 1]], (12, 1, 1)) * 1.0)
    centres = inside.corners.mean(1)
    found = occlusion(inside, np.arange(12), centres, inside.face_normals, radius=100.0)
    assert found.min() > 0.999


def test_objects_hide_each_other_only_where_they_stand_together() -> None:
    floor, lid = quad(), quad()
    points = np.concatenate([floor.vertices, lid.vertices + [0, 0, 0.1]])
    faces = np.concatenate([floor.faces, lid.faces + 4])
    owner = np.repeat([0, 1], 2)
    found = {}
    for apart in (True, False):
        mesh = build_mesh(
            points,
            faces,
            np.concatenate([floor.uvs, lid.uvs]),
            attributes=Attributes(objects=owner),
            isolated=apart,
        )
        centre = mesh.corners[0].mean(0, keepdims=True)
        found[apart] = float(occlusion(mesh, np.array([0]), centre, mesh.face_normals[:1])[0])
    assert found[True] == 0
    assert found[False] > 0.7


def test_a_sphere_is_lit_from_above_and_no_seam_shows() -> None:
    mesh = sphere(5)
    texels = locate(mesh, 1024)
    light = shading(mesh, texels)
    wanted = SHADOW + (1 - SHADOW) * (1 + texels.points[:, 2] / np.linalg.norm(texels.points, axis=1)) / 2
    assert light.shape == (1024, 1024)
    assert np.abs(light[torch.from_numpy(texels.used)].numpy() - wanted).max() < 0.01
    assert not light[torch.from_numpy(~texels.used)].any()
    assert torch.equal(light, shading(mesh, texels))


def test_an_island_between_the_coarse_texels_is_lit_too() -> None:
    plane = quad()
    uvs = (plane.uvs + 600) / 1024  # one texel of 1024, and no centre of one of 512
    mesh = build_mesh(plane.vertices, plane.faces, uvs)
    texels = locate(mesh, 1024)
    assert texels.used.sum() == 1
    assert shading(mesh, texels).sum() == pytest.approx(1, abs=0.01)


def test_several_textures_are_lit_each_in_its_place() -> None:
    plane = quad()
    points = np.concatenate([plane.vertices, plane.vertices * [1, 1, -1]])
    faces = np.concatenate([plane.faces, plane.faces[:, ::-1] + 4])  # the second looks down
    uvs = np.concatenate([plane.uvs, plane.uvs[:, ::-1]])
    owner = np.repeat([0, 1], 2)
    mesh = build_mesh(points, faces, uvs, attributes=Attributes(tiles=owner, objects=owner))
    light = shading(mesh, locate(mesh, 64, 2))
    assert light[:64].mean() == pytest.approx(1, abs=0.01)
    assert light[64:].mean() == pytest.approx(SHADOW, abs=0.01)


def test_normals_are_round_where_a_file_splits_a_round_form_and_flat_at_the_edges_of_a_box() -> None:
    ball = sphere(3)
    split = build_mesh(ball.corners.reshape(-1, 3), np.arange(3 * len(ball.faces)).reshape(-1, 3), ball.uvs)
    radial = split.corners / np.linalg.norm(split.corners, axis=2, keepdims=True)
    assert np.abs(split.smooth_normals - radial).max() < 0.05
    box = trimesh.creation.box()
    cube = build_mesh(box.vertices, box.faces, np.tile([[0, 0], [1, 0], [0, 1]], (12, 1, 1)) * 1.0)
    assert np.allclose(cube.smooth_normals, cube.face_normals[:, None])


def test_corners_meet_where_they_are_written_as_0_and_as_minus_0() -> None:
    ball = sphere()
    flat = np.abs(ball.vertices) < 0.1
    halves = [replace(ball, vertices=np.where(flat, zero, ball.vertices)) for zero in (0.0, -0.0)]
    first = len(ball.faces) // 2
    both = replace(
        ball,
        vertices=np.concatenate([half.vertices for half in halves]).astype(np.float32),
        faces=np.concatenate([ball.faces[:first], ball.faces[first:] + len(ball.vertices)]),
        _made={},
    )
    assert np.array_equal(both.smooth_normals, replace(halves[0], _made={}).smooth_normals)


def test_a_step_in_a_surface_is_drawn_by_a_dark_line() -> None:
    bend = corner()
    texels = locate(bend, 64)
    light = lightness(bend, texels, bend.smooth_normals)
    floor = np.isin(texels.faces, [0, 1])
    away = np.abs((texels.points - bend.vertices[0]) @ (bend.vertices[2] - bend.vertices[0]))
    near, far = floor & (away < 0.05), floor & (away > 0.6)
    assert near.any()
    assert far.any()
    assert light[near].mean() < 0.65 * light[far].mean()


def test_of_several_textures_the_bare_ones_follow_the_form_and_a_picture_stays() -> None:
    plane = quad()
    points = np.concatenate([plane.vertices * [1, 1, -1]] * 3)
    faces = np.concatenate([plane.faces[:, ::-1] + 4 * tile for tile in range(3)])  # all look down
    owner = np.repeat([0, 1, 2], 2)
    mesh = build_mesh(
        points,
        faces,
        np.concatenate([plane.uvs[:, ::-1]] * 3),
        attributes=Attributes(tiles=owner, objects=owner),
    )
    texels = locate(mesh, 32, 3)
    picture, plain = torch.rand(3, 32, 32), torch.full((3, 32, 32), 0.8)
    base = torch.cat([picture, plain, torch.zeros(3, 32, 32)], 1)
    kept = kept_of([picture, plain, None], base, mesh, texels, None)
    assert kept is not None
    assert torch.equal(kept[:, :32], picture)
    assert torch.allclose(kept[:, 32:64], torch.tensor(0.8 * SHADOW), atol=0.01)
    assert torch.allclose(kept[:, 64:], torch.tensor(SHADOW), atol=0.01)
    half = kept_of([picture, plain, None], base, mesh, texels, 0.5)
    assert half is not None
    assert torch.allclose(half[:, :32], picture * (1 + SHADOW) / 2, atol=0.01)
    assert kept_of([None] * 3, base, mesh, texels, 0.0) is None
