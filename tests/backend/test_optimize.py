"""The loop's parts: the plan, the bank of views, the score."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from meshes import sphere

from backend import networks
from backend.machine.parallel import parallel_map, serial_map
from backend.painting import bank, optimize
from backend.painting.checkpoint import Kept
from backend.painting.pyramid import Pyramid
from backend.painting.score import Score
from backend.pictures.styles import Styles
from backend.protocol.choices import STYLE_LOSSES
from backend.rendering.sampling import mipmaps
from backend.rendering.views import ViewMaker
from backend.session import lesser

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
    """As many steps have been taken as theirs with views at least as fine, and one fewer is too few."""
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
        kept = bank.Bank(ViewMaker(mesh, "embree", random), 0.02, 64, texture, rows, score.landmarks, None)
        with parallel_map(side_by_side) as each:
            batch = kept.draw(2, random, each)
            loss, found = score.gradients(texture, batch, 1.0, random, each)
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
