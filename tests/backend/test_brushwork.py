"""Strokes laid on colours that are kept: their detail, their mean, and what has landmarks."""

from __future__ import annotations

import numpy as np
import torch
from meshes import quad

from backend.painting import collage
from backend.painting.brushwork import LEAST, brushwork
from backend.rendering.texels import locate
from backend.rendering.views import Viewing

SIDE = 128
SPAN = 2.0
VIEWING = Viewing(0.01, SPAN, torch.device("cpu"))


def painting() -> torch.Tensor:
    """Red strokes on the left, blue ones on the right, each light or dark: (3, 256, 256)."""
    random = torch.Generator().manual_seed(0)
    tone = (
        torch.randint(2, (32, 32), generator=random).float().repeat_interleave(8, 0).repeat_interleave(8, 1)
    )
    red = torch.arange(256).expand(256, 256) < 128
    return torch.stack([red * 0.5, torch.zeros(256, 256), ~red * 0.5]) + 0.2 + 0.3 * tone


def laid(colors: torch.Tensor) -> torch.Tensor:
    mesh = quad()
    parts = np.array([0])
    styles = [(painting(), 1.0)]
    return brushwork(mesh, locate(mesh, SIDE), parts, styles, VIEWING, colors, np.random.default_rng(0))


def test_strokes_leave_a_plain_colour_about_as_it_is_in_the_mean():
    colors = torch.tensor([0.6, 0.3, 0.5])[:, None, None].expand(3, SIDE, SIDE).clone()
    change = laid(colors) - colors
    assert change.mean((1, 2)).abs().max() < 0.05
    assert change.std() > 0.05


def test_strokes_spare_landmarks():
    """A bar of black and white stripes, finer than pieces, on a plain colour."""
    colors = torch.full((3, SIDE, SIDE), 0.5)
    colors[:, 40:88] = (torch.arange(SIDE) // 2 % 2).float()
    change = (laid(colors) - colors).abs()
    assert change[:, 58:70].max() == 0
    assert change[:, :20].mean() > 0.03


def test_pieces_are_chosen_by_the_colours_that_are_wanted(monkeypatch):
    """Red where red is wanted, blue where blue: the painting lies the other way round."""
    mesh = quad()
    texels = locate(mesh, SIDE)
    blue = torch.arange(SIDE).expand(SIDE, SIDE) < SIDE // 2
    wanted = torch.stack([~blue * 0.5 + 0.35, torch.full((SIDE, SIDE), 0.35), blue * 0.5 + 0.35])
    match = collage._match
    monkeypatch.setattr(collage, "_match", lambda *given: match(*given) * 0)  # with their own means
    random = np.random.default_rng(0)
    found = collage.collage(mesh, texels, [(painting(), 1.0)], SPAN, 0.0, random, LEAST, wanted)
    away = int(LEAST * SPAN / mesh.texel * SIDE) + 1
    left, right = found[..., : SIDE // 2 - away], found[..., SIDE // 2 + away :]
    assert (left[2] > left[0]).float().mean() > 0.95
    assert (right[0] > right[2]).float().mean() > 0.95
