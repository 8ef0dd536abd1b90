"""The loop's parts: the plan, the bank of views, the octaves."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from meshes import sphere

from backend import networks, optimize
from backend.parameterizations.pyramid import Pyramid
from backend.rendering.sampling import mipmaps
from backend.rendering.views import ViewMaker

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def network():
    return networks.load("alexnet", CPU, average_pooling=True)


def score_of(network, side: int, octaves: int) -> optimize._Score:
    torch.manual_seed(0)
    return optimize._Score(network, [(torch.rand(3, side, side), 1.0)], "gaussian", 0.0, octaves)


def test_steps_are_shared_out_and_nothing_else_changes():
    whole = optimize.STAGES["final"]
    plan = optimize.stages("final", 72)
    assert sum(stage.steps for stage in plan) == 72
    assert [(s.name, s.scale, s.size, s.rate, s.octaves) for s in plan] == [
        (s.name, s.scale, s.size, s.rate, s.octaves) for s in whole
    ]


def test_a_full_bank_is_renewed_little_by_little(network):
    mesh, random = sphere(2), np.random.default_rng(0)
    texture = Pyramid(torch.zeros(3, 64, 64))
    views = ViewMaker(mesh, "embree", random)
    rows = mipmaps(torch.zeros(3, 64, 64), texture.levels)
    bank = optimize._Bank(views, 0.02, 32, texture, rows, score_of(network, 64, 1), None)
    drawn = [view for _ in range(optimize.BANK) for view in bank.draw(3, random)]
    first = drawn[: optimize.BANK]
    assert len({id(view) for view in first}) == optimize.BANK
    later = len(drawn) - optimize.BANK
    assert len({id(view) for view in drawn}) == optimize.BANK + later // optimize.RENEWED
    assert len(bank.views) == optimize.BANK
    replaced = [view for view in first if all(view is not kept for kept in bank.views)]
    assert [id(view) for view in replaced] == [id(view) for view in first[: len(replaced)]]


def test_octaves_compare_what_is_large(network):
    """Noise and the same noise in blocks of two have the same look to whoever sees only halves of it."""
    score = score_of(network, 128, 2)
    blocks = (
        torch.nn.functional.avg_pool2d(score.styles[0][0], 2).repeat_interleave(2, 1).repeat_interleave(2, 2)
    )
    far, near = (
        sum(
            float(losses[name](features, torch.ones(1, *features.shape[2:])))
            for name, features in network(optimize._halved(blocks[None], octave), score.layers).items()
        )
        for octave, losses in reversed(list(enumerate(score.losses)))
    )
    assert far < 0.01 * near


def test_a_painting_too_small_to_halve_is_compared_as_it_is(network):
    assert len(score_of(network, 96, 2).losses) == 2
    assert len(score_of(network, 40, 2).losses) == 1
