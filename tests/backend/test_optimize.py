"""The loop's parts: the plan, the bank of views, the score."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import trimesh
from meshes import gnomonic, sides_of, sphere
from test_stylize_job import JOB

from backend import networks
from backend.machine.parallel import parallel_map, serial_map
from backend.painting import bank, optimize
from backend.painting.checkpoint import Kept
from backend.painting.pyramid import Pyramid
from backend.painting.score import Score, crop_of
from backend.painting.subject import Subject
from backend.pictures.styles import Styles
from backend.protocol.choices import STYLE_LOSSES
from backend.rendering.mesh import build_mesh
from backend.rendering.sampling import mipmaps
from backend.rendering.texels import locate
from backend.rendering.views import Viewing, ViewMaker
from backend.session import JobSession, lesser

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def network():
    return networks.load("alexnet", CPU, average_pooling=True)


def test_steps_are_shared_out_and_nothing_else_changes():
    whole = optimize.STAGES["final"]
    plan = optimize.stages("final", 72)
    assert sum(stage.steps for stage in plan) == 72
    assert [(s.name, s.scale, s.size, s.rate) for s in plan] == [
        (s.name, s.scale, s.size, s.rate) for s in whole
    ]


def test_a_final_outdoes_a_draft_then_a_standard_and_both_before_it_ends():
    """As many views were looked at as theirs, at least as fine, and those of one step fewer are too few."""
    whole = optimize.STAGES["final"]
    others = {name: optimize.STAGES[name] for name in lesser("final")}
    plan = optimize.Plan(whole)
    found = [
        optimize.reached(whole, optimize.after(plan, whole, Kept(0), step), others)
        for step in range(plan.steps + 1)
    ]
    before = whole[0].steps + whole[1].steps
    first, second = before + others["draft"][-1].steps, before + others["standard"][-1].steps
    assert found == [""] * first + ["draft"] * (second - first) + ["standard"] * (len(found) - second)
    assert second < 0.9 * plan.steps


def test_a_step_of_more_views_counts_for_more_on_the_way_to_a_lesser_quality():
    lesser_one = {"standard": optimize.STAGES["standard"]}
    whole = optimize.with_views(optimize.STAGES["standard"], 3 * optimize.VIEWS_PER_STEP)
    plan = optimize.Plan(whole)
    needed = whole[0].steps + whole[1].steps + -(-whole[2].steps // 3)
    for step, name in ((needed - 1, ""), (needed, "standard")):
        assert optimize.reached(whole, optimize.after(plan, whole, Kept(0), step), lesser_one) == name
    assert optimize.with_views(whole, None) == whole


def test_every_stage_looks_at_its_own_number_of_views(network, monkeypatch):
    texture, looked_at = Pyramid(torch.full((3, 64, 64), 0.5)), []
    draw = bank.Bank.draw

    def counting(self, count, random, each):
        found = draw(self, count, random, each)
        looked_at.append(len(found))
        return found

    monkeypatch.setattr(bank.Bank, "draw", counting)
    mesh = sphere(2)
    subject = Subject(mesh, locate(mesh, 64), texture.texture())
    style = torch.rand(3, 96, 96, generator=torch.Generator().manual_seed(0))
    plan = optimize.Plan(
        (optimize.Stage("one", 2, 32, 3, 0.05, views=3), optimize.Stage("two", 1, 32, 2, 0.05))
    )
    session = JobSession(JOB, Path(), lambda event: None, lambda: False)
    viewing = Viewing(0.02, 2.0, CPU)
    styles = Styles((style,), (1.0,))
    found = list(optimize.paint(subject, texture, subject.content, styles, network, viewing, plan, session))
    assert looked_at == [3, 3, 3, 2, 2]
    assert found[-1].fraction == pytest.approx(1)


def test_a_full_bank_is_renewed_little_by_little(network):
    mesh, random = sphere(2), np.random.default_rng(0)
    texture = Pyramid(torch.zeros(3, 64, 64))
    views = ViewMaker(mesh, "embree", random)
    rows = mipmaps(torch.zeros(3, 64, 64), texture.levels)
    kept = bank.Bank(views, 0.02, 32, texture, rows, None, None)
    filling, later = bank.BANK_SIZE // 2, 3 * bank.RENEWAL_STEPS + 1
    drawn = [kept.draw(2, random, serial_map) for _ in range(filling + later)]
    first = [view for batch in drawn[:filling] for view in batch]
    assert len({id(view) for view in first}) == bank.BANK_SIZE
    new = [batch for batch in drawn[filling:] if not any(view is old for old in first for view in batch)]
    later_on = [*first[6:], *(view for batch in new[:3] for view in batch)]
    assert [id(view) for view in kept.views] == [id(view) for view in later_on]
    assert len({id(view) for batch in drawn for view in batch}) == bank.BANK_SIZE + 3 * 2


def bank_of(mesh, width, size, crop=(8, 8), keep=None):
    texture = Pyramid(torch.rand(3, 128, 128, generator=torch.Generator().manual_seed(2)))
    views = ViewMaker(mesh, "embree", np.random.default_rng(5), crop=crop)
    rows = mipmaps(torch.cat([texture.texture()] * 2), texture.levels)
    return bank.Bank(views, width, size, texture, rows, keep, None)


def test_a_cropped_view_reads_of_the_texture_what_the_whole_one_does():
    """The same rows with the same weights, a ball inside another one too: nothing is seen less of."""
    balls = trimesh.util.concatenate([trimesh.creation.icosphere(2), trimesh.creation.icosphere(2, 0.4)])
    uvs = gnomonic(balls.triangles, np.repeat(sides_of(balls.triangles_center)[:, None], 3, 1))
    mesh, random = build_mesh(balls.vertices, balls.faces, uvs), np.random.default_rng(0)
    part = bank_of(mesh, 0.02, 128).draw(40, random, serial_map)
    whole = bank_of(mesh, 0.02, 128, None).draw(40, random, serial_map)
    for one, other in zip(part, whole, strict=True):
        assert (other.gbuffer.height, other.gbuffer.width) == (128, 128)
        assert one.gbuffer.height * one.gbuffer.width < 128**2
        for name in ("rows", "places", "weights"):
            assert torch.equal(getattr(one.patch, name), getattr(other.patch, name))
    inner = torch.cat([view.gbuffer.faces for view in part]).unique() >= 320
    assert inner.sum() > 0.9 * 320  # what is hidden is aimed at, and what hides it cut away


def test_views_are_cropped_to_what_the_network_does_not_see_past():
    """VGG's relu4_1, of 8 pixels a unit, sees 60: a tenth of that is eroded. AlexNet's relu4: 16, and 131."""
    assert crop_of(networks.load("vgg16", CPU)) == (8, 8)
    assert crop_of(networks.load("alexnet", CPU)) == (16, 16)


def test_a_cropped_view_is_held_as_closely_as_the_whole_one(network):
    style = torch.rand(3, 96, 96, generator=torch.Generator().manual_seed(1))
    score = Score(network, Styles((style,), (1.0,)), "gram", 1.0)
    random, found = np.random.default_rng(0), []
    for crop in ((8, 8), None):
        (view,) = bank_of(sphere(2), 0.02, 160, crop, score.landmarks).draw(1, random, serial_map)
        found.append((view.gbuffer, view.landmarks))
    (part, held), (whole, wholly) = found
    assert (whole.height, whole.width, part.height, part.width) == (160, 160, 72, 80)
    assert float(held.unit) == pytest.approx(float(wholly.unit), rel=0.1)
    assert held.colors.shape[2:] == (13, 14)
    assert wholly.colors.shape[2:] == (28, 28)


@pytest.mark.parametrize(("width", "size"), [(0.02, 160), (0.01, 160), (0.004, 96)])
def test_what_is_left_of_views_is_expected_before_they_are_made(width, size):
    """For the time that is left: of a ball that is smaller than a view, as large, three times as large."""
    views = bank_of(sphere(3), width, size).draw(40, np.random.default_rng(0), serial_map)
    found = np.mean([view.gbuffer.height * view.gbuffer.width for view in views]) / size**2
    assert bank.cropped_share(sphere(3), width, size, 8) == pytest.approx(found, rel=0.15)


@pytest.mark.parametrize("style_loss", STYLE_LOSSES)
def test_views_side_by_side_teach_what_they_teach_in_turn(network, style_loss):
    mesh = sphere(2)
    style = torch.rand(3, 96, 96, generator=torch.Generator().manual_seed(1))
    gradients, values = [], []
    for side_by_side in (1, 2, 2):
        torch.manual_seed(0)
        random = np.random.default_rng(0)
        texture = Pyramid(torch.rand(3, 64, 64, generator=torch.Generator().manual_seed(2)))
        score = Score(network, Styles((style,), (1.0,)), style_loss, 1.0)
        rows = mipmaps(torch.cat([texture.texture()] * 2), texture.levels)
        views = ViewMaker(mesh, "embree", random, crop=(4, 4))
        kept = bank.Bank(views, 0.02, 64, texture, rows, score.landmarks, None)
        with parallel_map(side_by_side) as each:
            batch = kept.draw(2, random, each)
            loss, found = score.gradients(texture, batch, 1.0, random, each)
        assert len({(view.gbuffer.height, view.gbuffer.width) for view in batch}) == 2  # one is cut off
        assert not texture.gradient.any()  # who judges does not paint
        for view, gradient in zip(batch, found, strict=True):
            texture.accumulate(view.patch, gradient)
        values.append(loss.item())
        gradients.append(texture.gradient)
    alone, together, again = gradients
    assert torch.equal(together, again)
    assert values[0] == pytest.approx(values[1], rel=1e-3)
    assert alone.any()
    assert (alone - together).norm() < 0.02 * alone.norm()  # products are rounded on other threads' borders
