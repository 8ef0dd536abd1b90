"""What was painted, rebuilt from pieces of the styles: flat, and through views of a surface."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from meshes import sphere

from backend.painting import stroke_finish
from backend.painting.aim import viewing_of
from backend.painting.stroke_finish import in_strokes, picture_in_strokes, strength_of
from backend.painting.subject import Subject
from backend.pictures.dictionary import dictionary_of, rebuilt
from backend.pictures.styles import Styles
from backend.protocol.job import Job
from backend.protocol.parts import Style
from backend.rendering.mesh import Attributes, build_mesh
from backend.rendering.poses import with_poses
from backend.rendering.texels import locate

STRIPES = (torch.arange(160) // 8 % 2).float().expand(3, 160, -1).contiguous()  # black and white, of 8 pixels
HALVES = 0.2 + 0.6 * (torch.arange(160) // 80).expand(3, 160, -1)
JOB = Job(name="ball", mesh="mesh.npz", styles=(Style("style.png"),), texture_size=128, strength=0.5)


def random() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def noise(shape: tuple[int, ...], deviation: float) -> torch.Tensor:
    return deviation * torch.randn(shape, generator=random())


def everywhere(image: torch.Tensor) -> torch.Tensor:
    return torch.ones(image.shape[1:], dtype=torch.bool)


def test_the_likest_piece_is_hardly_further_than_the_nearest_of_all():
    picture = F.avg_pool2d(noise((3, 128, 128), 1.0), 5, 1)
    dictionary = dictionary_of(Styles((picture,), (1.0,)), 5, random())
    squares = dictionary.pieces[::997] + noise((3, 5, 5), 0.1)
    found = dictionary.pieces[dictionary.likest(squares)]
    apart = (found - squares).flatten(1).norm(dim=1)
    nearest = torch.cdist(squares.flatten(1), dictionary.pieces.flatten(1)).amin(1)
    assert (apart / nearest).mean() < 1.1


def test_what_is_of_the_style_stays_and_grain_goes():
    dictionary = dictionary_of(Styles((STRIPES,), (1.0,)), 8, random())
    part = STRIPES[:, 20:116, 13:109]
    clean = rebuilt(part, everywhere(part), dictionary, 0.0)
    assert (clean - part).abs().mean() < 0.01
    grainy = part + noise(part.shape, 0.2)
    found = rebuilt(grainy, everywhere(part), dictionary, 0.0)
    assert (found - part).square().mean() < 0.1 * (grainy - part).square().mean()


def test_pieces_are_turned():
    """Upright stripes know lying ones."""
    dictionary = dictionary_of(Styles((STRIPES,), (1.0,)), 8, random())
    lying = STRIPES[:, :96, :96].transpose(1, 2)
    assert (rebuilt(lying, everywhere(lying), dictionary, 0.0) - lying).abs().mean() < 0.01


def test_only_what_is_masked_changes_and_its_own_colour_can_stay():
    dictionary = dictionary_of(Styles((STRIPES,), (1.0,)), 8, random())
    grey = torch.full((3, 48, 40), 0.3)
    mask = everywhere(grey) & (torch.arange(40) < 20)
    found = rebuilt(grey, mask, dictionary, 0.0)
    assert torch.equal(found[:, :, 20:], grey[:, :, 20:])
    assert (found[:, :, :20] - grey[:, :, :20]).abs().mean() > 0.1
    own = rebuilt(grey, mask, dictionary, 1.0)
    assert abs(float(own[:, :, :20].mean()) - 0.3) < 0.02


@pytest.mark.parametrize("size", [(1, 1), (3, 200), (7, 5)])
def test_pictures_of_any_size(size: tuple[int, int]):
    styles = Styles((STRIPES[:, :6, :4],), (1.0,))
    found = picture_in_strokes(torch.rand(3, *size, generator=random()), styles, 4, JOB)
    assert found.shape == (3, *size)
    assert torch.isfinite(found).all()


def painted(mesh, grain: float, size: int = 128) -> tuple[Subject, torch.Tensor]:
    """A ball that is dark below and light above, with grain of two texels, which views resolve."""
    texels = locate(mesh, size)
    texture = torch.full((3, size, size), 0.5)
    used = torch.from_numpy(texels.used)
    texture[:, used] = 0.2 + 0.6 * torch.from_numpy(texels.points[:, 2] > 0).float().expand(3, -1)
    texture += F.interpolate(noise((1, 3, size // 2, size // 2), grain), scale_factor=2)[0]
    return Subject(mesh, texels, torch.full((3, size, size), 0.5)), texture.clamp(0, 1)


def finished(subject: Subject, texture: torch.Tensor, job: Job = JOB) -> torch.Tensor:
    styles = Styles((HALVES,), (1.0,))
    viewing = viewing_of(job, subject.mesh, styles, torch.device("cpu"))
    return in_strokes(texture, subject, styles, viewing, job, lambda: None)


def test_a_surface_loses_its_grain_all_over():
    mesh = sphere()
    subject, grainy = painted(mesh, 0.2)
    _, clean = painted(mesh, 0.0)
    found = finished(subject, grainy)
    inside = torch.from_numpy(subject.texels.used & (np.abs(interpolated_height(subject)) > 0.3))
    before, after = (float((one - clean)[:, inside].square().mean()) for one in (grainy, found))
    assert after < 0.5 * before
    moved = (found - grainy)[:, inside].abs().amax(0) > 1e-3
    assert moved.float().mean() > 0.97  # some view saw it
    assert torch.equal(finished(subject, grainy), found)


def interpolated_height(subject: Subject) -> np.ndarray:
    height = np.zeros(subject.texels.used.shape, np.float32)
    height[subject.texels.used] = subject.texels.points[:, 2]
    return height


def test_strength_says_how_far_and_other_maps_stay():
    subject, grainy = painted(sphere(), 0.2)
    maps = torch.cat([grainy, grainy[:1]])
    assert torch.equal(finished(subject, maps)[3:], maps[3:])
    assert torch.equal(finished(subject, grainy, replace(JOB, strength=0.0)), grainy)
    whole, part = (
        float((finished(subject, grainy, replace(JOB, strength=s)) - grainy).abs().mean())
        for s in (0.5, 0.25)
    )
    assert abs(part / whole - strength_of(replace(JOB, strength=0.25))) < 0.05


def test_objects_that_lie_within_each_other_keep_their_own_colours():
    """Two balls in the middle, each looked at alone, a dark and a light one, on halves of the texture."""
    ball = sphere()
    corners = np.arange(3 * len(ball.faces), dtype=np.int32).reshape(-1, 3)
    uvs = ball.uvs.reshape(-1, 3, 2) * [0.5, 1]
    mesh = build_mesh(
        np.tile(ball.corners.reshape(-1, 3), (2, 1)),
        np.concatenate([corners, corners + corners.size]),
        np.concatenate([uvs, uvs + [0.5, 0]]),
        attributes=Attributes(objects=np.repeat([0, 1], len(corners)).astype(np.int32)),
    )
    texels = locate(mesh, 128)
    assert np.allclose(mesh.corners[: len(corners)], mesh.corners[len(corners) :])
    clean = torch.full((3, 128, 128), 0.3)
    clean[:, :, 64:] = 0.7
    grainy = clean + F.interpolate(noise((1, 3, 64, 64), 0.1), scale_factor=2)[0]
    found = finished(Subject(mesh, texels, clean), grainy)
    used = torch.from_numpy(texels.used)
    for half, own in ((slice(0, 64), 0.3), (slice(64, 128), 0.7)):
        inside = used[:, half]
        assert abs(float(found[:, :, half][:, inside].mean()) - own) < 0.01
        before, after = (float((one - clean)[:, :, half][:, inside].std()) for one in (grainy, found))
        assert after < 0.8 * before


def test_what_moves_is_seen_where_it_is_then():
    """In its other pose the ball lies on its side, and far off; views see both."""
    ball = sphere()
    moved = np.stack([ball.vertices[:, [1, 2, 0]] * [1, 1, 2] + 5])
    subject, grainy = painted(with_poses(ball, moved), 0.2)
    _, clean = painted(ball, 0.0)
    found = finished(subject, grainy)
    inside = torch.from_numpy(subject.texels.used & (np.abs(interpolated_height(subject)) > 0.3))
    before, after = (float((one - clean)[:, inside].square().mean()) for one in (grainy, found))
    assert after < 0.5 * before


def test_of_a_texture_finer_than_views_what_they_see_is_changed(monkeypatch):
    monkeypatch.setattr(stroke_finish, "MAX_PIXELS", 1200)
    subject, _ = painted(sphere(), 0.0)
    grain = F.interpolate(noise((1, 3, 16, 16), 0.2), scale_factor=8)[0]
    texture = (painted(sphere(), 0.0)[1] + grain).clamp(0, 1)
    side, _ = stroke_finish._scale(
        subject, viewing_of(JOB, subject.mesh, Styles((HALVES,), (1.0,)), torch.device("cpu"))
    )
    assert side < subject.size
    found = finished(subject, texture)
    assert found.shape == texture.shape
    moved = (found - texture).abs().amax(0)[torch.from_numpy(subject.texels.used)]
    assert (moved > 1e-3).float().mean() > 0.9


def test_what_is_not_painted_is_not_looked_at():
    subject, grainy = painted(sphere(), 0.2)
    nothing = replace(subject, mask=torch.zeros(1, 128, 128))
    assert torch.equal(finished(nothing, grainy), grainy)


def test_it_can_be_ended():
    subject, grainy = painted(sphere(), 0.2)
    styles = Styles((HALVES,), (1.0,))
    viewing = viewing_of(JOB, subject.mesh, styles, torch.device("cpu"))

    def end() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        in_strokes(grainy, subject, styles, viewing, JOB, end)
