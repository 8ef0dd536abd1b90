"""What a job starts from: broken colours, views painted in one pass, pieces for what has no landmarks."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from meshes import quad, sphere

from backend.networks import feedforward
from backend.painting import start as module
from backend.painting.laying import _within_rims
from backend.painting.one_pass import paint_in_one_pass, plain_objects
from backend.painting.start import broken_colors, initial_texture
from backend.painting.subject import Subject
from backend.pictures.images import blurred_within
from backend.pictures.styles import Styles
from backend.protocol.job import Job
from backend.protocol.parts import Style
from backend.rendering.mesh import Attributes, Mesh, build_mesh
from backend.rendering.texels import fill_gutters, locate
from backend.rendering.views import Viewing

SIDE = 128
NONE = np.array([], np.int32)
VIEWING = Viewing(0.01, 1.5, torch.device("cpu"), "embree", "surface", 0.0)


def job(strength: float = 0.5, **changes) -> Job:
    return Job(mesh="mesh.npz", styles=(Style("style.png"),), strength=strength, **changes)


def styles(blocks: int = 16) -> Styles:
    """So many blocks a side, of four colours."""
    colors = torch.tensor([[0.9, 0.2, 0.1], [0.1, 0.2, 0.7], [0.9, 0.8, 0.2], [0.1, 0.5, 0.3]])
    which = torch.randint(4, (blocks, blocks), generator=torch.Generator().manual_seed(0))
    image = colors[which].permute(2, 0, 1)
    times = 256 // blocks
    return Styles((image.repeat_interleave(times, 1).repeat_interleave(times, 2),), (1.0,))


def two_balls() -> Mesh:
    """Two spheres beside each other, each in its half of the texture."""
    ball = sphere(3)
    vertices = np.concatenate([ball.vertices, ball.vertices + [3, 0, 0]])
    faces = np.concatenate([ball.faces, ball.faces + len(ball.vertices)])
    uvs = np.concatenate([ball.uvs * (0.5, 1), ball.uvs * (0.5, 1) + (0.5, 0)])
    objects = np.repeat(np.array([0, 1], np.int32), len(ball.faces))
    return build_mesh(vertices, faces, uvs, attributes=Attributes(objects=objects), isolated=True)


def subject_of(mesh: Mesh, colors) -> Subject:
    """`colors` maps points (N, 3) of the surface to (N, 3)."""
    texels = locate(mesh, SIDE)
    content = torch.full((3, SIDE, SIDE), 0.5)
    found = np.asarray(colors(texels.points), np.float32)
    content[:, torch.from_numpy(texels.used)] = torch.from_numpy(found).T
    return Subject(mesh, texels, fill_gutters(content, texels.used), colored=True)


def plain(points):
    return np.full_like(points, 0.6)


def smooth(points):
    return 0.5 + 0.4 * points / np.abs(points).max()


def checked(points):
    """Black and white cubes of 0.15."""
    return np.repeat((np.floor(points / 0.15).sum(1) % 2)[:, None], 3, 1)


def test_views_laid_back_show_what_they_showed(monkeypatch):
    """With a network that changes nothing, a texture comes back as it was."""
    monkeypatch.setattr(feedforward, "paint", lambda network, images, vector: images)
    subject = subject_of(sphere(), smooth)
    found, seen = paint_in_one_pass(subject, subject.content, subject.texels, styles(), VIEWING, NONE)
    used = subject.texels.used
    assert seen[used].all()
    assert not seen[~used].any()
    difference = (found - subject.content)[:, torch.from_numpy(used)].abs()
    assert difference.max() < 0.03
    assert difference.mean() < 0.005


def test_who_watches_sees_more_after_each_view_and_at_last_all():
    subject = subject_of(sphere(), checked)
    size, shares, last = subject.size, [], []

    def watch(so_far):
        whole, seen = so_far(size)
        half, half_seen = so_far(size // 2)
        assert torch.equal(half, whole[:, ::2, ::2])
        assert np.array_equal(half_seen, seen[::2, ::2])
        shares.append(seen[subject.texels.used].mean())
        last[:] = [whole]

    found, seen = paint_in_one_pass(subject, subject.content, subject.texels, styles(), VIEWING, NONE, watch)
    assert 0.2 < shares[0] < 0.6
    assert shares == sorted(shares)
    assert shares[-1] == seen[subject.texels.used].mean() == 1
    assert torch.equal(last[0], found)


def test_a_view_is_blurred_within_its_object():
    """A plain object stays plain up to its border; of a fine grating a hundredth is left."""
    mask = torch.zeros(96, 96)
    mask[20:70, 30:80] = 1
    plain = torch.where(mask > 0, 0.3, 0.9).expand(3, -1, -1)
    assert torch.allclose(blurred_within(plain, mask, 3)[:, mask > 0], torch.tensor(0.3), atol=1e-5)
    grating = (0.5 + 0.5 * (torch.arange(96) % 2)).expand(3, 96, 96)
    inner = blurred_within(grating, torch.ones(96, 96), 3)[:, 20:-20, 20:-20]
    assert (inner - 0.75).abs().max() < 0.01


def test_a_view_counts_less_near_what_hides_the_surface():
    """A square in front of a slanted plane: the plane counts less beside it, and is no rim of its own."""
    pixel = 0.01
    plane = 5 + torch.arange(96) * pixel * 5 * 4  # so steep that depth changes by four pixels each
    depth = plane.expand(96, 96).clone()
    depth[40:60, 40:60] = 3
    depth[:8] = torch.inf
    counts = _within_rims(depth[None], pixel)[0]
    assert not counts[:8].any()
    assert torch.equal(counts[50, [60, 61, 65, 69, 70]], torch.tensor([0, 0.1, 0.5, 0.9, 1.0]))
    assert torch.equal(counts[[8, 12, 17], 20], torch.tensor([0.1, 0.5, 1.0]))
    assert (counts[80:] == 1).all()


def test_one_pass_paints_in_the_styles_colours():
    subject = subject_of(sphere(), checked)
    found, seen = paint_in_one_pass(subject, subject.content, subject.texels, styles(), VIEWING, NONE)
    red, green, blue = found[:, torch.from_numpy(seen)]
    assert (red - blue).std() > 0.1  # black and white have none of these
    assert (red - green).std() > 0.1


def test_what_is_left_out_keeps_its_colours():
    subject = subject_of(two_balls(), checked)
    left_out = np.array([1], subject.mesh.objects.dtype)
    found, seen = paint_in_one_pass(subject, subject.content, subject.texels, styles(), VIEWING, left_out)
    other = np.zeros_like(seen)
    other[subject.texels.used] = subject.mesh.objects[subject.texels.faces] == 1
    assert not seen[other].any()
    assert torch.equal(found[:, torch.from_numpy(other)], subject.content[:, torch.from_numpy(other)])
    assert seen[subject.texels.used & ~other].all()


def test_only_objects_without_landmarks_are_plain():
    mesh = two_balls()
    first = mesh.objects[locate(mesh, SIDE).faces] == 0
    subject = subject_of(mesh, lambda points: np.where(first[:, None], smooth(points), checked(points)))
    assert plain_objects(subject, subject.content, VIEWING).tolist() == [0]


@pytest.mark.parametrize("motifs", [True, False])
def test_plain_objects_start_from_pieces_of_the_styles_if_they_may(motifs):
    """The colours of blocks stay what they are where pieces are laid down as they are, and there alone."""
    subject, look = subject_of(sphere(), plain), styles(4)
    start = initial_texture(subject, look, VIEWING, job(motifs=motifs))
    found = start[:, torch.from_numpy(subject.texels.used)].T
    palette = look.palette(512, torch.Generator().manual_seed(0))
    distance = (found[:, None] - palette).norm(dim=2).min(1).values
    assert ((distance < 0.02).float().mean() > 0.6) == motifs
    assert found.std(0).min() > 0.05


def test_beside_others_a_plain_object_keeps_its_own_tone():
    """A light ball and a dark one: with pieces of the styles alone both would look alike."""
    mesh = two_balls()
    first = mesh.objects[locate(mesh, SIDE).faces] == 0
    subject = subject_of(mesh, lambda points: np.repeat(np.where(first, 0.8, 0.2)[:, None], 3, 1))
    start = initial_texture(subject, styles(), VIEWING, job())[:, torch.from_numpy(subject.texels.used)]
    light, dark = start[:, torch.from_numpy(first)], start[:, torch.from_numpy(~first)]
    assert light.mean() - dark.mean() > 0.15
    assert min(light.std(1).max(), dark.std(1).max()) > 0.05  # both have strokes


def test_without_the_network_colours_must_do(monkeypatch):
    monkeypatch.setattr(feedforward, "available", lambda: False)
    subject = subject_of(sphere(), checked)
    found = initial_texture(subject, styles(), VIEWING, job())[:, torch.from_numpy(subject.texels.used)]
    black = torch.from_numpy(checked(subject.texels.points)[:, 0] == 0)
    assert found[:, black].mean() < found[:, ~black].mean() - 0.1
    assert (found.mean(1) - styles().mean_color).norm() < 0.1


@pytest.mark.parametrize("strength", [0.0, 0.125, 0.25])
def test_below_half_strength_only_part_of_the_way(strength):
    subject = subject_of(sphere(), checked)
    whole = initial_texture(subject, styles(), VIEWING, job())
    part = initial_texture(subject, styles(), VIEWING, job(strength))
    assert torch.allclose(part, subject.content.lerp(whole, 2 * strength), atol=1e-5)


def test_plain_areas_break_up_and_rare_colours_stay_whole():
    mesh = quad()
    texels = locate(mesh, SIDE)
    eye = (texels.points[:, 0] ** 2 + texels.points[:, 1] ** 2) < 0.1**2
    content = torch.from_numpy(np.where(eye, 0.05, 0.7)).float().repeat(3, 1)
    palette = styles().palette(4096, torch.Generator().manual_seed(0)).T
    found = content + broken_colors(content, content, texels.points, palette, 0)
    inside = torch.from_numpy(eye)
    assert found[:, ~inside].std(1).mean() > 0.5 * palette.std(1).mean()
    assert found[:, inside].std(1).max() < 0.3 * found[:, ~inside].std(1).mean()
    assert found[:, inside].mean() < found[:, ~inside].mean() - 0.2


def test_broken_colours_go_on_across_a_cut():
    """They are waves in space: on both sides of a seam they are alike."""
    mesh = sphere()
    texels = locate(mesh, SIDE)
    points = torch.from_numpy(texels.points)
    waves = torch.from_numpy(module._waves(texels.points, np.random.default_rng(0)))
    some = torch.randperm(len(points), generator=torch.Generator().manual_seed(0))[:400]
    apart = torch.cdist(points[some], points)
    apart[torch.arange(400), some] = torch.inf
    near = apart.argmin(1)
    close = apart[torch.arange(400), near] < 0.02
    assert close.sum() > 100
    assert (waves[:, some] - waves[:, near])[:, close].abs().max() < 0.3
    assert waves.mean(1).abs().max() < 1e-4
