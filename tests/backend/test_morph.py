"""A formula laid on a picture or a surface a part at a time, against the whole at once."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from meshes import sphere

from backend.canvas import morph
from backend.canvas.build import solid, solid_texture
from backend.canvas.morph import Ground, nearest, painted
from backend.parameterizations.cppn import CPPN, grid
from backend.pictures.images import to_pillow
from backend.rendering import texels as rendering_texels
from backend.rendering.texels import locate


def formula(dimensions: int, channels: int) -> CPPN:
    torch.manual_seed(4)
    network = CPPN(dimensions, channels)
    torch.nn.init.normal_(network.output.weight, 0, 0.5)
    return network


@pytest.mark.parametrize("part", [1000, 1 << 18])
def test_a_surface_in_parts_is_the_whole_one(part, monkeypatch):
    monkeypatch.setattr(morph, "PART", part)
    texels, network = locate(sphere(2), 128), formula(3, 3)
    assert not texels.used.all()
    laid = solid(network, texels)
    with torch.no_grad():
        whole = np.asarray(to_pillow(solid_texture(laid, texels, 128)[0]))
    ground = Ground(torch.from_numpy(texels.points) * laid.scale, (128, 128), nearest(texels.used))
    assert np.abs(painted(network, ground).astype(int) - whole).max() <= 1  # a sum may round otherwise
    assert (painted(network, ground) == whole).mean() > 0.999


def test_a_flat_picture_in_parts_is_the_whole_one(monkeypatch):
    monkeypatch.setattr(morph, "PART", 1000)
    network = formula(2, 4)
    with torch.no_grad():
        whole = (network.image(60, 60)[0] * 255).round().byte().permute(1, 2, 0).numpy()
    in_parts = painted(network, Ground(grid(60, 60).flatten(0, 1), (60, 60)))
    assert in_parts.shape == (60, 60, 4)
    assert np.abs(in_parts.astype(int) - whole).max() <= 1


def test_texels_are_located_alike_in_parts(monkeypatch):
    whole = locate(sphere(2), 128)
    monkeypatch.setattr(rendering_texels, "_CHUNK", 1000)
    parts = locate(sphere(2), 128)
    for name in ("used", "faces", "points", "barycentric"):
        np.testing.assert_array_equal(getattr(parts, name), getattr(whole, name))
