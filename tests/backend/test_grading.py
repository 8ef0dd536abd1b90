"""Grading: a map of colours onto a palette, and what of a painted surface it is read off."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from meshes import sphere

from backend.painting.color_finish import grade_to, graded_by, in_palette
from backend.painting.subject import Subject
from backend.pictures.grading import grade_of, graded
from backend.pictures.styles import Styles
from backend.protocol.job import Job
from backend.protocol.parts import Style
from backend.rendering.mesh import build_mesh
from backend.rendering.texels import locate


def colors(seed: int, low: float, high: float) -> torch.Tensor:
    random = np.random.default_rng(seed)
    return torch.from_numpy(random.uniform(low, high, (3, 20_000))).float()


def subject_of(mesh, size: int = 64) -> Subject:
    return Subject(mesh, locate(mesh, size), torch.full((3, size, size), 0.5))


def test_a_grade_gives_the_palettes_quantiles():
    dull, strong = colors(0, 0.35, 0.65), colors(1, 0.1, 0.9)
    found = graded(dull[:, :, None], grade_of(dull, strong, np.random.default_rng(2)))[:, :, 0]
    for share in (0.1, 0.25, 0.5, 0.75, 0.9):
        assert np.allclose(np.quantile(found, share, 1), np.quantile(strong, share, 1), atol=0.03)


def test_a_grade_onto_itself_moves_nothing():
    own = colors(0, 0.2, 0.8)
    grade = grade_of(own, own, np.random.default_rng(1))
    assert (graded(own[:, :, None], grade)[:, :, 0] - own).abs().max() < 0.02


def test_like_colours_stay_alike():
    """Between neighbours of 256 steps come no more than a few steps, be a colour ever so common."""
    crowded = torch.cat([colors(0, 0.49, 0.51), colors(1, 0, 1)[:, :200]], 1)
    grade = grade_of(crowded, colors(2, 0, 1), np.random.default_rng(3))
    ramp = torch.arange(256)[None, :, None].expand(3, -1, -1) / 255
    steps = graded(ramp, grade).diff(dim=1)
    assert steps.abs().max() < 12 / 255
    assert steps.min() > -4 / 255  # and what is lighter stays so


def test_colours_are_drawn_as_they_are_spread_over_the_surface_where_it_is_seen():
    """Two squares, each on a half of the texture, of which one has nine times the other's area."""
    square = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], np.float32)
    uvs = np.array([[0, 0], [0.5, 0], [0.5, 1], [0, 1]], np.float32)
    faces = np.array([[0, 1, 2], [0, 2, 3]], np.int32)
    mesh = build_mesh(
        np.concatenate([square, 3 * square + [2, 0, 0]]),
        np.concatenate([faces, faces + 4]),
        np.concatenate([uvs[faces], uvs[faces] + [0.5, 0]]),
    )
    subject, random = subject_of(mesh), np.random.default_rng(0)
    texture, everything = torch.zeros(3, 64, 64), np.ones((64, 64), bool)
    texture[:, :, :32] = 1
    assert abs(float(subject.surface_colors(texture, everything, 20_000, random).mean()) - 0.1) < 0.01
    left = everything & (np.arange(64) < 32)
    assert (subject.surface_colors(texture, left, 100, random) == 1).all()
    assert subject.surface_colors(texture, ~everything, 100, random).shape == (3, 0)


def test_what_is_painted_gets_the_styles_palette_by_the_strength_and_several_objects_keep_theirs():
    mesh = sphere()
    subject = subject_of(mesh)
    style = torch.from_numpy(np.random.default_rng(1).uniform(0.1, 0.9, (3, 256, 256))).float()
    dull, seen = colors(0, 0.3, 0.7)[:, : 64 * 64].view(3, 64, 64), np.ones((64, 64), bool)
    job, styles = Job(name="ball", mesh="mesh.npz", styles=(Style("style.png"),)), Styles((style,), (1.0,))
    deviation = [
        float(subject.colors_of(in_palette(dull, seen, subject, styles, replace(job, strength=s))).std())
        for s in (0.0, 0.25, 0.5, 1.0)
    ]
    assert deviation[0] < deviation[1] < deviation[2] == deviation[3]
    assert abs(deviation[2] / float(style.std()) - 1) < 0.1
    two = replace(mesh, objects=(np.arange(len(mesh.faces)) % 2).astype(np.int32))
    assert in_palette(dull, seen, replace(subject, mesh=two), styles, job) is dull
    small = torch.nn.functional.adaptive_avg_pool2d(dull, 32)  # as a preview is
    grade = grade_to(small, seen, subject, styles, job, preview=True)
    preview = graded_by(grade, small, subject, styles, job)
    assert preview.shape == small.shape
    assert (
        abs(float(preview[:, torch.from_numpy(subject.texels.used[::2, ::2])].std() / style.std()) - 1) < 0.1
    )
    maps = torch.cat([dull, dull[:1]])
    assert torch.equal(in_palette(maps, seen, subject, styles, job)[3:], maps[3:])
