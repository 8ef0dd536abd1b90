"""Light on surfaces against closed forms and finite differences; frames and slopes against known surfaces."""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F
from meshes import quad, sphere
from test_gbuffer import BELOW, look

from backend.rendering import camera
from backend.rendering.frames import carried, corners_of, frame_of, slope, tilted
from backend.rendering.gbuffer import cropped
from backend.rendering.mesh import build_mesh
from backend.rendering.shading import Light, Surface, distribution, shade, sky_reflection, visibility

COUNT = 12


def surface(random: torch.Generator) -> Surface:
    """Random points that face the eye and the light, float64."""

    def draw(*shape: int) -> torch.Tensor:
        return torch.rand(*shape, generator=random, dtype=torch.float64)

    normals = F.normalize(draw(COUNT, 3) - 0.5 + torch.tensor([0, 0, 2.0]), dim=1)
    to_eye = F.normalize(draw(COUNT, 3) - 0.5 + torch.tensor([0, 0, 2.0]), dim=1)
    roughness = 0.1 + 0.85 * draw(COUNT)
    return Surface(draw(COUNT, 3), roughness, draw(COUNT), normals, to_eye, draw(COUNT), draw(COUNT, 3))


def slanted(sky: float = 0.3) -> Light:
    return Light(F.normalize(torch.tensor([0.4, -0.3, 1.0], dtype=torch.float64), dim=0), 2.5, sky)


def test_the_derivatives_of_light_are_those_of_finite_differences():
    """In all that a material is, normals and heights included."""
    random = torch.Generator().manual_seed(1)
    start = surface(random)
    values = start.color, start.roughness, start.metalness, start.normals, start.occlusion, start.emission
    leaves = [value.clone().requires_grad_() for value in values]

    def lit(color, roughness, metalness, normals, occlusion, emission):
        normals = F.normalize(normals, dim=1)
        made = Surface(color, roughness, metalness, normals, start.to_eye, occlusion, emission)
        return shade(made, slanted())

    assert torch.autograd.gradcheck(lit, leaves, eps=1e-6, atol=1e-7, rtol=1e-5)


def test_a_cropped_view_has_the_frames_and_the_slopes_of_the_whole_one():
    mesh = sphere(3)
    eye = camera.look_at(np.array([0.2, 0.0, 0.3]), np.array([0.3, -1.0, 0.4]), 2.0, 40)
    whole = look(mesh, eye)
    part = cropped(whole, 1)
    assert part.height < part.width + 9 < 49
    frames = [frame_of(view, eye, corners_of(mesh)) for view in (whole, part)]
    for name in ("normals", "tangents", "to_eye", "beside", "tilt"):
        assert torch.equal(*(getattr(frame, name) for frame in frames))
    assert frames[0].tilt.any()


def test_the_derivatives_of_a_height_are_those_of_finite_differences():
    """From the heights of a view's pixels through its normals to its light."""
    mesh = sphere(2)
    eye = camera.look_at(np.zeros(3), np.array([0.3, -1.0, 0.4]), 2.0, 12)
    view = look(mesh, eye)
    frame = frame_of(view, eye, corners_of(mesh))
    count = len(view.pixels)
    flat = {name: getattr(frame, name).double() for name in ("normals", "to_eye")}
    frame = type(frame)(
        *(flat["normals"], frame.tangents, frame.bitangents, flat["to_eye"], frame.beside),
        frame.tilt.double(),
    )
    ones = torch.ones(count, dtype=torch.float64)

    def lit(heights):
        normals = tilted(frame.normals, slope(heights, frame))
        made = Surface(
            ones[:, None].expand(-1, 3) * 0.6,
            ones * 0.4,
            ones * 0.2,
            normals,
            frame.to_eye,
            ones,
            ones[:, None] * 0,
        )
        return shade(made, slanted())

    heights = 0.02 * torch.rand(count, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    assert torch.autograd.gradcheck(lit, [heights.requires_grad_()], eps=1e-7, atol=1e-5, rtol=1e-4)


def test_micro_facets_cover_the_surface_once():
    """The projected area of D is 1 at any roughness (Walter 2007, equation 4)."""
    angle = (torch.arange(200_000, dtype=torch.float64) + 0.5) * (math.pi / 2 / 200_000)
    for alpha in (0.05, 0.3, 1.0):
        found = distribution(angle.cos(), torch.full_like(angle, alpha)) * angle.cos() * angle.sin()
        assert abs(float(found.sum()) * math.pi**2 / 200_000 - 1) < 1e-3


def test_a_reflection_is_the_same_both_ways():
    """By Helmholtz's reciprocity; and a rough mirror gives back no more than it gets."""
    random = torch.Generator().manual_seed(0)
    a, b, alpha = torch.rand(3, 100, generator=random, dtype=torch.float64).clamp_min(0.01)
    assert torch.allclose(visibility(a, b, alpha), visibility(b, a, alpha))
    scale, offset = sky_reflection(a, b)
    assert (scale + offset).max() < 1.005
    assert (scale + offset).min() > 0.35


def test_the_sky_gives_what_integration_finds():
    """The table, between its entries, against the integral over all directions, by importance sampling."""
    random = torch.Generator().manual_seed(0)
    u, v = torch.rand(2, 100_000, generator=random, dtype=torch.float64)
    for roughness, facing in ((0.3, 0.9), (0.6, 0.5), (0.9, 0.7)):
        alpha = torch.full_like(u, roughness**2)
        cosine = ((1 - v) / (1 + (alpha.square() - 1) * v)).sqrt()
        sine = (1 - cosine.square()).sqrt()
        half = torch.stack([sine * (2 * math.pi * u).cos(), sine * (2 * math.pi * u).sin(), cosine], 1)
        eye = torch.tensor([math.sqrt(1 - facing**2), 0, facing], dtype=torch.float64)
        between = half @ eye
        lambert = 2 * between * half[:, 2] - facing
        weight = 4 * visibility(lambert.clamp_min(1e-9), torch.full_like(u, facing), alpha) * between / cosine
        weight = torch.where((lambert > 0) & (between > 0), weight * lambert, 0.0)
        bent = (1 - between.clamp(0, 1)) ** 5
        found = sky_reflection(*torch.tensor([[roughness], [facing]], dtype=torch.float64))
        assert abs(float((weight * (1 - bent)).mean() - found[0][0])) < 0.01
        assert abs(float((weight * bent).mean() - found[1][0])) < 0.01


def test_a_white_surface_without_gloss_has_the_brightness_of_the_light():
    """Squarely under an irradiance of π: 1, but for what the coat mirrors."""
    up = torch.tensor([[0.0, 0.0, 1.0]])
    one, none = torch.ones(1), torch.zeros(1, 3)
    white = Surface(torch.ones(1, 3), one, one * 0, up, up, one, none)
    found = shade(white, Light(up[0], math.pi, 0.0))
    assert torch.allclose(found, torch.tensor(0.97), atol=0.02)
    assert torch.allclose(
        shade(white, Light(-up[0], math.pi, 1.0)), torch.tensor(0.99), atol=0.04
    )  # sky alone


def test_tangents_run_along_u_and_bitangents_along_v():
    mesh = sphere(3)
    eye = camera.look_at(np.zeros(3), np.array([0.3, -1.0, 0.4]), 2.0, 64)
    view = look(mesh, eye)
    frame = frame_of(view, eye, corners_of(mesh))
    jacobians = mesh.on("cpu").jacobians[view.faces]
    along_u, along_v = (
        (jacobians[:, k] * part).sum(1) for k, part in enumerate((frame.tangents, frame.bitangents))
    )
    assert (along_u > 0).all()
    assert (along_v > 0).all()
    outward = F.normalize(view.points, dim=1)
    assert ((frame.normals * outward).sum(1) > 0.98).all()  # the sphere's own, flat by face
    assert ((frame.to_eye * torch.from_numpy(mesh.face_normals)[view.faces]).sum(1) > 0).all()


def test_normals_and_tangents_go_along_with_a_surface_that_moves():
    """Turned, smooth normals are those of the turned ball; stretched, flat ones are the faces' there."""
    ball = sphere(2)
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
    turn *= np.linalg.det(turn)
    outward = ball.corners / np.linalg.norm(ball.corners, axis=2, keepdims=True)
    for matrix, normals in ((turn, outward), (np.diag((1.0, 0.5, 2.0)), None)):
        before = build_mesh(ball.vertices, ball.faces, ball.uvs, normals)
        stretched = ball.vertices.astype(np.float64) @ matrix.T
        after = build_mesh(stretched, ball.faces, ball.uvs, None if normals is None else normals @ matrix.T)
        found, wanted = carried(corners_of(before), torch.from_numpy(after.corners)), corners_of(after)
        assert torch.allclose(found.normals, wanted.normals, atol=2e-4)
        assert torch.allclose(found.tangents, wanted.tangents, atol=2e-3)
        assert not torch.allclose(found.normals, corners_of(before).normals, atol=0.1)


def test_a_mirrored_map_turns_the_bitangent_alone():
    plane = quad()
    mirrored = build_mesh(plane.vertices, plane.faces, plane.uvs * (-1, 1) + (1, 0))
    eye = camera.look_at(np.zeros(3), BELOW, 2.5, 16)
    for mesh, along in ((plane, 1.0), (mirrored, -1.0)):
        frame = frame_of(look(mesh, eye), eye, corners_of(mesh))
        assert torch.allclose(frame.tangents, torch.tensor([along, 0, 0]), atol=1e-5)
        assert torch.allclose(frame.bitangents, torch.tensor([0, 1.0, 0]), atol=1e-5)


def test_heights_tilt_by_their_slope():
    """On a plane, and at a slant: a ramp's slope is the ramp's; at the border there is none."""
    eye = camera.look_at(np.zeros(3), BELOW, 2.5, 48)
    view = look(quad(), eye)
    frame = frame_of(view, eye, corners_of(quad()))
    ramp = view.points @ torch.tensor([0.3, -0.2, 0.0])
    found = slope(ramp, frame)
    inside = frame.tilt.abs().sum((0, 2)) > 0
    assert 0.8 < inside.float().mean() < 1
    assert torch.allclose(found[inside], torch.tensor([0.3, -0.2, 0.0]), atol=1e-3)
    assert (found[~inside] == 0).all()
    leaning = tilted(frame.normals, found)[inside]
    assert torch.allclose(leaning, F.normalize(torch.tensor([-0.3, 0.2, 1.0]), dim=0), atol=1e-3)
