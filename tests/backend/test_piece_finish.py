"""Painting over what is plain with pieces that look like it: what is chosen, what is left alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from meshes import quad
from scipy.spatial import cKDTree

from backend.painting import covering
from backend.painting.covering import cover
from backend.painting.fitting import rarity
from backend.painting.patchwork import around
from backend.painting.piece_finish import in_pieces
from backend.painting.subject import Subject
from backend.pictures.styles import Styles
from backend.protocol.job import Job
from backend.protocol.parts import Style
from backend.rendering.mesh import build_mesh
from backend.rendering.texels import locate
from backend.rendering.views import Viewing

SIDE, SPAN = 64, 2.0
VIEWING = Viewing(0.01, SPAN, torch.device("cpu"))
JOB = Job(mesh="mesh.npz", styles=(Style("style.png"),), texture_size=SIDE, seed=0)


def painting() -> torch.Tensor:
    """(3, 96, 96): noise in red on the left, in blue on the right; green is 0 all over."""
    tone = 0.3 + 0.7 * torch.rand(96, 96, generator=torch.Generator().manual_seed(0))
    left = (torch.arange(96) < 48).float()
    return torch.stack([tone * left, torch.zeros(96, 96), tone * (1 - left)])


def halves(left: tuple[float, ...], right: tuple[float, ...]) -> torch.Tensor:
    picture = torch.tensor(right)[:, None, None].expand(3, SIDE, SIDE).clone()
    picture[..., : SIDE // 2] = torch.tensor(left)[:, None, None]
    return picture


def plain() -> torch.Tensor:
    return torch.full((3, SIDE, SIDE), 0.5)


def covered(beneath: torch.Tensor, original: torch.Tensor) -> torch.Tensor:
    mesh = quad()
    styles, random = [(painting(), 1.0)], np.random.default_rng(0)
    return cover(mesh, locate(mesh, SIDE), styles, SPAN, 0.0, random, lambda *_: None, (beneath, original))


@pytest.mark.parametrize("swapped", [False, True])
def test_pieces_look_like_what_they_lie_on(swapped):
    """Red over what is red, blue over blue, whichever way round the painting has them."""
    red, blue = (0.6, 0.0, 0.0), (0.0, 0.0, 0.6)
    found = covered(halves(blue, red) if swapped else halves(red, blue), plain())
    margin = 14  # about a piece's radius
    left, right = found[..., : SIDE // 2 - margin], found[..., SIDE // 2 + margin :]
    if swapped:
        left, right = right, left
    assert (left[0] > left[2]).float().mean() > 0.95
    assert (right[2] > right[0]).float().mean() > 0.95
    assert left[0].std() > 0.05  # they are the painting's, not plain


def test_landmarks_stay():
    """A green bar across, which the painting has no like of: as it was, and nothing else is green."""
    bar = slice(30, 33)  # narrower than what contrast is looked for in
    picture = plain()
    picture[:, bar] = torch.tensor([0.0, 1.0, 0.0])[:, None, None]
    found = covered(picture, picture)
    assert (found[:, bar] - picture[:, bar]).abs().max() < 0.1  # tones pass softly
    assert found[1, :20].max() < 0.2
    assert found[1, -20:].max() < 0.2


def test_where_all_is_a_landmark_nothing_changes():
    checked = ((torch.arange(SIDE)[:, None] // 2 + torch.arange(SIDE) // 2) % 2).float().expand(3, -1, -1)
    assert torch.equal(covered(plain(), checked), plain())


def test_what_is_around_is_averaged():
    random = np.random.default_rng(0)
    points, values = random.random((300, 3)), random.random((300, 2))
    near = np.linalg.norm(points[:, None] - points[None], axis=2) <= 0.2
    assert np.allclose(around(cKDTree(points), values, 0.2), near @ values / near.sum(1)[:, None])


def finished(subject: Subject, **settings) -> torch.Tensor:
    styles = Styles([painting()], [1.0])
    return in_pieces(plain(), subject, styles, VIEWING, replace(JOB, **settings), lambda: None)


def one() -> Subject:
    """A square without colours, across whose middle its form shows."""
    mesh, form = quad(), plain()
    form[..., 24:40] = ((torch.arange(SIDE)[:, None] // 2 + torch.arange(16) // 2) % 2).float()
    return Subject(mesh, locate(mesh, SIDE), plain(), kept=form)


def test_one_object_is_painted_over_as_far_as_the_strength_says():
    whole, part = (finished(one(), strength=strength) - plain() for strength in (0.5, 0.25))
    assert whole.abs().mean() > 0.1
    assert torch.allclose(part, whole / 4, atol=1e-6)


def test_without_motifs_or_strength_it_is_left_alone():
    assert torch.equal(finished(one(), motifs=False), plain())
    assert torch.equal(finished(one(), strength=0.0), plain())


def test_several_objects_are_left_alone():
    mesh = quad()
    two = build_mesh(mesh.vertices, mesh.faces, mesh.uvs)
    two.objects[1] = 1
    assert torch.equal(finished(Subject(two, locate(two, SIDE), plain())), plain())


def test_what_the_artist_drew_is_left_alone():
    share = torch.zeros(1, SIDE, SIDE)
    share[..., :20] = 1
    change = finished(replace(one(), drawn=(plain(), share))) - plain()
    assert not change[..., :20].any()
    assert change[..., 20:].abs().mean() > 0.1


def test_it_may_be_ended():
    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        in_pieces(plain(), one(), Styles([painting()], [1.0]), VIEWING, JOB, stop)


def test_what_shows_no_form_began_as_pieces_and_is_left_alone():
    assert torch.equal(finished(replace(one(), kept=None)), plain())


def test_what_has_colours_or_tiles_is_left_alone():
    assert torch.equal(finished(replace(one(), colored=True)), plain())
    assert torch.equal(finished(replace(one(), tiled=True)), plain())


def test_what_is_rare_in_a_painting_is_told_from_what_is_common():
    """A red square on stripes: nothing else is like it, while a stripe has its like everywhere."""
    picture = (torch.arange(90) // 3 % 2).float().expand(3, 60, 90).clone()
    picture[:, 20:32, 40:52] = torch.tensor([1.0, 0.0, 0.0])[:, None, None]
    found = rarity(picture, 12)
    assert found.shape == (60, 90)
    assert found[24:28, 44:48].min() > 10 * found[:8].max()


def test_rare_places_are_taken_less(monkeypatch):
    """Of a painting with a figure in it, which fits as well as anything, hardly a piece shows that."""
    picture = 0.5 + 0.1 * torch.rand(3, 96, 96, generator=torch.Generator().manual_seed(0))
    picture[:, 30:66, 30:66] = torch.tensor([0.9, 0.1, 0.1])[:, None, None]
    mesh, random, beneath = quad(), np.random.default_rng, torch.tensor([0.75, 0.3, 0.3])[:, None, None]
    texels, beneath = locate(mesh, SIDE), beneath.expand(3, SIDE, SIDE).clone()
    styles, shown = [(picture, 1.0)], []
    for rare in (0.0, 10.0):
        monkeypatch.setattr(covering, "RARE", rare)
        found = cover(mesh, texels, styles, SPAN, 0.0, random(0), lambda *_: None, (beneath, plain()))
        shown.append((found[0] > 0.75).float().mean())
    assert shown[1] < 0.3 * shown[0]
