"""nvdiffrast: its camera against ours anywhere; on an NVIDIA card, everything against Embree and torch."""

from __future__ import annotations

import importlib.util
import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from meshes import sphere
from test_stylize_job import JOB, folder_of

from backend.__main__ import main
from backend.errors import PatinaError
from backend.protocol.events import FINISHED
from backend.rendering import camera, rasterizer
from backend.rendering.gbuffer import GBuffer, render
from backend.rendering.rasterizer.nvdiffrast import projection
from backend.rendering.sampling import Levels, gather, mipmaps, taps

on_a_card = pytest.mark.skipif(
    not torch.cuda.is_available() or importlib.util.find_spec("nvdiffrast") is None,
    reason="needs an NVIDIA card, and nvdiffrast in the backend's environment",
)


@pytest.mark.parametrize(("size", "side"), [(64, 64), (50, 56)])
def test_the_projection_puts_every_rays_points_on_its_pixel(size: int, side: int):
    eye = camera.look_at(np.array([0.3, -0.2, 0.1]), np.array([0.5, -0.7, 0.4]), 0.8, size)
    near, far = 1.0, 9.0
    depth = np.random.default_rng(0).uniform(near, far, (size * size, 1))
    points = np.concatenate([eye.position + depth * eye.directions, np.ones((size * size, 1))], 1)
    clip = points @ projection(eye, side, near, far).T
    assert np.allclose(clip[:, 3], depth[:, 0])
    ndc = clip[:, :3] / clip[:, 3:]
    row, column = np.divmod(np.arange(size * size), size)
    assert np.allclose((ndc[:, 0] + 1) / 2 * side - 0.5, column, atol=1e-6)
    assert np.allclose((1 - ndc[:, 1]) / 2 * side - 0.5, row, atol=1e-6)
    assert (np.abs(ndc[:, 2]) <= 1).all()
    order = np.argsort(depth[:, 0])
    assert (np.diff(ndc[order, 2]) > 0).all()  # what is farther is behind


@pytest.mark.skipif(torch.cuda.is_available() and not torch.version.hip, reason="there is an NVIDIA card")
def test_without_a_card_it_is_refused_by_name():
    with pytest.raises(PatinaError, match="NVIDIA") as caught:
        rasterizer.create("nvdiffrast", sphere(2))
    assert caught.value.field == "rasterizer"


def looks(size: int, near: float = 0.0) -> tuple[GBuffer, GBuffer, np.ndarray]:
    """The sphere through either rasterizer, and which pixels (H*W,) both see with the same triangle."""
    mesh = sphere(4)
    eye = camera.look_at(np.zeros(3), np.array([0.6, -0.9, 0.5]), 1.5, size)
    eye = camera.Camera(eye.position, eye.axes, size, near)
    views, faces = [], np.full((2, size * size), -1)
    for k, name in enumerate(("embree", "nvdiffrast")):
        views.append(render(mesh, rasterizer.create(name, mesh), eye, "cuda"))
        faces[k, views[k].pixels.cpu()] = views[k].faces.cpu()
    return views[0], views[1], faces[0] == faces[1]


@on_a_card
@pytest.mark.parametrize(("size", "near"), [(512, 0.0), (250, 8.0)])
def test_both_rasterizers_see_the_same(size: int, near: float):
    embree, nvdiffrast, same = looks(size, near)
    assert len(embree.pixels) > size
    assert same.mean() >= 0.999
    uv = torch.full((2, size * size, 2), torch.nan, device="cuda")
    footprint = torch.full((2, size * size), torch.nan, device="cuda")
    for k, view in enumerate((embree, nvdiffrast)):
        uv[k, view.pixels], footprint[k, view.pixels] = view.uv, view.footprint
    both = torch.from_numpy(same).cuda() & ~uv.isnan().any(2).any(0)
    assert (uv[0] - uv[1])[both].abs().max() < 1e-3
    assert torch.allclose(footprint[0][both], footprint[1][both], rtol=1e-2)


@on_a_card
def test_its_derivatives_are_our_footprint():
    import nvdiffrast.torch as dr

    mesh = sphere(4)
    eye = camera.look_at(np.zeros(3), np.array([0.6, -0.9, 0.5]), 1.5, 256)
    view = render(mesh, rasterizer.create("nvdiffrast", mesh), eye, "cuda")
    corners = np.concatenate([mesh.corners.reshape(-1, 3), np.ones((mesh.corners.size // 3, 1))], 1)
    matrix = projection(eye, 256, 1.0, 20.0)
    clip = torch.from_numpy((corners @ matrix.T).astype(np.float32)).cuda()[None]
    faces = torch.arange(len(corners), dtype=torch.int32, device="cuda").view(-1, 3)
    found, derivatives = dr.rasterize(dr.RasterizeCudaContext(), clip, faces, (256, 256))
    attributes = torch.from_numpy(mesh.uvs.reshape(1, -1, 2)).cuda()
    _, steps = dr.interpolate(attributes, found, faces, rast_db=derivatives, diff_attrs="all")
    steps = steps[0].flip(0).reshape(-1, 2, 2)[view.pixels]  # (P, uv, xy)
    longest = torch.linalg.matrix_norm(steps, 2)
    assert torch.allclose(longest, view.footprint, rtol=2e-2)


@on_a_card
def test_its_texture_look_up_is_our_sampler():
    import nvdiffrast.torch as dr

    random = torch.Generator().manual_seed(0)
    texture = torch.rand(3, 256, 256, generator=random).cuda()
    uv = (torch.rand(4096, 2, generator=random) * 3 - 1).cuda()  # it repeats, too
    levels = Levels(256)
    footprint = 2 ** (torch.rand(4096, generator=random).cuda() * 6 - 1) / 256
    ours = gather(mipmaps(texture, levels), taps(uv, footprint, levels, laplacian=False))
    steps = torch.zeros(4096, 4, device="cuda")
    steps[:, 0] = steps[:, 3] = footprint
    theirs = dr.texture(
        texture.flip(1).permute(1, 2, 0)[None].contiguous(),  # its v goes with the rows
        uv[None, None].contiguous(),
        steps[None, None].contiguous(),
        filter_mode="linear-mipmap-linear",
        boundary_mode="wrap",
        max_mip_level=len(levels.sides) - 1,
    )
    assert (ours - theirs[0, 0]).abs().max() < 1e-3


@on_a_card
def test_a_whole_job_is_the_same_through_either(tmp_path):
    distances = []
    for name in ("embree", "nvdiffrast"):
        job = replace(JOB, device="cuda", rasterizer=name, steps=60)
        folder = folder_of(tmp_path / name, job, sphere(4))
        assert main(["run", str(folder)]) == FINISHED
        distances.append(json.loads((folder / "report.json").read_text())["style_distance"])
    assert distances[1] == pytest.approx(distances[0], rel=0.05)
