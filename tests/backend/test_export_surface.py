"""Colour, gutters, subdivision, relief, check and repair against closed forms."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from export_models import slab, sphere, torus, write
from PIL import Image

from backend.errors import PatinaError
from backend.export import color, game, gutters, prints, relief, subdivide
from backend.export.model import Model, read_model, sample_model, to_size
from backend.export.print_check import check
from backend.export.repair import repair
from backend.export.vertex_colors import ply
from backend.models.looks import sample


@pytest.fixture
def model(tmp_path):
    return to_size(read_model(write(torus(), tmp_path / "torus.glb")), 54.0)  # 10 mm a unit


def open_edges(model: Model) -> int:
    edges, sides = subdivide.edges_of(model.faces)
    return int((np.bincount(sides.reshape(-1), minlength=len(edges)) != 2).sum())


def finding(model: Model, name: str, **options):
    return next(f for f in check(model, **options) if f.check == name)


# Colour


def test_lab_of_known_colors():
    # Values of the sRGB primaries under D65, as published by Lindbloom's calculator.
    known = {
        (1, 1, 1): (100, 0, 0),
        (0, 0, 0): (0, 0, 0),
        (1, 0, 0): (53.2408, 80.0925, 67.2032),
        (0, 0, 1): (32.2970, 79.1875, -107.8602),
    }
    for rgb, lab in known.items():
        assert color.to_lab(np.array(rgb, float)) == pytest.approx(lab, abs=2e-3)


def test_lab_round_trip_and_difference():
    rgb = np.random.default_rng(0).random((500, 3))
    assert np.abs(color.from_lab(color.to_lab(rgb)) - rgb).max() < 1e-9
    assert color.delta_e(np.zeros(3), np.ones(3)) == pytest.approx(100)


def test_soft_proof_stays_in_its_gamut_and_keeps_hue():
    rgb = np.random.default_rng(0).random((2000, 3))
    before, after = color.to_lab(rgb), color.to_lab(color.soft_proof(rgb))
    assert after[:, 0].min() >= color.BLACK - 0.01
    assert after[:, 0].max() <= color.WHITE + 0.01
    colored = np.hypot(after[:, 1], after[:, 2]) > 5
    turn = np.angle(
        np.exp(1j * (np.arctan2(before[:, 2], before[:, 1]) - np.arctan2(after[:, 2], after[:, 1])))
    )
    assert np.abs(turn[colored]).max() < 0.35  # only sRGB's own clipping turns a hue
    assert np.median(np.abs(turn[colored])) < 1e-6
    assert color.delta_e(color.soft_proof(np.zeros(3)), np.zeros(3)) == pytest.approx(color.BLACK, abs=0.01)
    assert color.out_of_gamut(np.array([[0.0, 0.0, 0.4], [0.5, 0.5, 0.5]])).tolist() == [True, False]


# Gutters


def test_coverage_of_a_square():
    quad = np.array([[[0.25, 0.5], [0.75, 0.5], [0.75, 1.0]], [[0.25, 0.5], [0.75, 1.0], [0.25, 1.0]]])
    quad = quad * 0.999 + 0.0005  # off the texels' borders
    mask = gutters.coverage(quad, 32, 16)
    expected = np.zeros((16, 32), bool)
    expected[0:8, 8:24] = True  # v = 1 is the first row
    assert (mask == expected).all()


def test_coverage_misses_no_sliver():
    rng = np.random.default_rng(1)
    triangles = rng.random((200, 3, 2))
    triangles[:, 2] = triangles[:, 0] * 0.6 + triangles[:, 1] * 0.4 + 1e-3
    mask = gutters.coverage(triangles, 128, 128)
    weights = rng.dirichlet((1, 1, 1), (200, 500))
    points = np.einsum("nsk,nkd->nsd", weights, triangles).reshape(-1, 2) * 128
    hit = mask[127 - points[:, 1].astype(int), points[:, 0].astype(int)]
    assert hit.mean() > 0.995  # only texels that a triangle's corner barely clips may be missed


def apart(*shapes: np.ndarray) -> bool:
    """Whether a side of one of two convex shapes (N, 2) has the other beyond it (separating axis theorem)."""
    for shape in shapes:
        for side in shape - np.roll(shape, 1, axis=0):
            first, second = (each @ (-side[1], side[0]) for each in shapes)
            if first.max() < second.min() or second.max() < first.min():
                return True
    return False


def test_coverage_is_what_a_triangle_touches():
    triangles = np.random.default_rng(2).random((10, 3, 2)) * 2.5 - 1
    for triangle in triangles:
        mask, expected = gutters.coverage(triangle[None], 24, 16), np.zeros((16, 24), bool)
        for row, column in np.ndindex(64, 96):
            square = np.array([[0, 0], [1, 0], [1, 1], [0, 1]]) + (column - 32, row - 24)
            if not apart(triangle * (24, 16), square):
                expected[(15 - (row - 24)) % 16, (column - 32) % 24] = True
        assert (mask == expected).all()


def test_coverage_of_a_floor_that_repeats_its_texture_takes_no_more_memory():
    floor = np.array([[[0, 0], [1, 0], [1, 1]], [[0, 0], [1, 1], [0, 1]]]) * 0.999 + 0.0001
    path = np.array([[[0, 0], [0.25, 0], [0.25, 40]], [[0, 0], [0.25, 40], [0, 40]]]) + (0.126, 0.01)
    used = np.zeros((512, 512), bool)
    used[:, 64:193] = True
    for uvs, expected in ((floor * 40, np.ones((512, 512), bool)), (path, used)):
        tracemalloc.start()
        mask = gutters.coverage(uvs, 512, 512)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert (mask == expected).all()
        assert peak < 60e6
    assert gutters.coverage(floor * 1e30, 512, 512).all()  # takes no time either


def test_bleed_of_a_black_surround_by_hand():
    pixels, mask = np.zeros((64, 64, 3)), np.zeros((64, 64), bool)
    mask[0, 0] = True
    pixels[0, 0] = 255
    # Level k averages the one white texel with 4^k - 1 black ones.
    assert gutters.bleed(pixels, mask) == pytest.approx([255 * (1 - 4.0**-k) for k in range(1, 7)])


def test_filled_gutters_do_not_bleed():
    rng = np.random.default_rng(2)
    mask = np.zeros((256, 256), bool)
    mask[20:90, 30:111] = mask[150:201, 170:250] = True
    pixels = np.zeros((256, 256, 3))
    pixels[20:90, 30:111], pixels[150:201, 170:250] = (200, 40, 10), (10, 60, 220)
    assert max(gutters.bleed(pixels, mask)) > 60
    assert max(gutters.bleed(gutters.fill(pixels, mask), mask)) < 1e-9
    noisy = np.where(mask[..., None], np.clip(pixels + rng.normal(0, 30, pixels.shape), 0, 255), 0)
    filled = gutters.fill(noisy, mask)
    assert (filled[mask] == noisy[mask]).all()
    assert max(gutters.bleed(filled, mask)) < 2


def test_mips_of_filled_gutters_are_made_of_used_colors_alone():
    rng = np.random.default_rng(4)
    mask = rng.random((64, 64)) < 0.02
    pixels = np.where(mask[..., None], rng.uniform(100, 200, (64, 64, 3)), 0)
    filled = gutters.fill(pixels, mask)
    for level in range(1, 7):
        side = 2**level
        for row in range(0, 64, side):
            for column in range(0, 64, side):
                block = slice(row, row + side), slice(column, column + side)
                # Texels are continued by one, so a neighbour may lie just outside the block.
                wide = slice(max(row - 1, 0), row + side + 1), slice(max(column - 1, 0), column + side + 1)
                used = filled[wide][mask[wide]]
                if mask[block].any():
                    mip = filled[block].mean(axis=(0, 1))
                    assert (mip >= used.min(axis=0) - 1e-9).all()
                    assert (mip <= used.max(axis=0) + 1e-9).all()


def test_texels_beside_an_island_continue_it():
    mask = np.zeros((16, 16), bool)
    mask[4:9, 5:11] = True
    pixels = np.where(mask[..., None], np.arange(16.0)[:, None, None], 99)
    filled = gutters.fill(pixels, mask)[..., 0]
    assert filled[5:8, 4].tolist() == [5, 6, 7]
    assert filled[3, 6:10].tolist() == [4, 4, 4, 4]


def test_a_large_texture_is_made_smaller_without_much_memory_and_without_what_is_unused():
    """4096² are 400 MB in floats of 64 bits. What is unused, right beside what is used, does not come in."""
    pixels = np.zeros((4096, 4096, 3), np.uint8)
    pixels[:, :, 1] = 255
    pixels[1000:3000, 401:1999] = (200, 40, 90)
    square = np.array([(402.5, 1002.5), (1997.5, 1002.5), (1997.5, 2997.5), (402.5, 2997.5)]) / 4096
    uvs = (square * (1, -1) + (0, 1))[np.array([[0, 1, 2], [0, 2, 3]])]
    picture = Image.fromarray(pixels)
    tracemalloc.start()
    try:
        image, bleed = game.prepare(picture, uvs, 512)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 300e6
    assert image.size == (512, 512)
    assert max(bleed) < 1
    assert np.abs(np.asarray(image, int) - (200, 40, 90)).max() <= 1


def test_proofs_and_colours_that_are_looked_up_take_little_memory_beside_the_picture():
    """1024² are 3 MB, and 25 MB in floats of 64 bits, of which a colour takes several."""
    pixels = np.random.default_rng(0).integers(0, 256, (1024, 1024, 3), np.uint8)
    corners = np.array([(0, 0, 0), (1, 0, 0), (0, 1, 0)], float)
    triangle = np.array([[0, 1, 2]]), corners[None, :, :2], np.zeros(1, int)
    shape = Model("it", corners, *triangle, (Image.fromarray(pixels),))
    uvs = (np.array([[3, 5], [700, 900]]) + 0.5) / 1024 * (1, -1) + (0, 1)
    tracemalloc.start()
    try:
        colors = sample_model(shape, np.zeros(2, int), uvs)
        _, looked_up = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        proof = prints._proofed(shape)
        _, proofed = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert np.allclose(colors, pixels[[5, 900], [3, 700]] / 255)
    assert looked_up < 10e6
    assert proofed < 40e6
    some = slice(500, 700)  # across pieces that it is made in
    expected = np.round(color.soft_proof(pixels[some] / 255) * 255)
    assert np.array_equal(np.asarray(proof)[some], expected)


@pytest.mark.parametrize(
    ("size", "most", "expected"),
    [((1000, 500), 2048, (1024, 512)), ((4096, 1024), 2048, (2048, 512)), ((1, 64), 16, (1, 16))],
)
def test_engine_sizes_are_powers_of_two(size, most, expected):
    assert gutters.engine_size(*size, most) == expected


# Reading and sampling


def test_reads_a_textured_torus(model):
    assert len(model.vertices) == 48 * 24  # the seam's doubles are welded
    assert open_edges(model) == 0
    assert np.ptp(model.vertices, axis=0) == pytest.approx((54, 54, 14), rel=1e-5)
    assert model.vertices.min() == pytest.approx(0, abs=1e-6)


def test_sampling_meets_texel_centres_and_wraps():
    image = np.random.default_rng(0).random((4, 8, 3))
    for row, column in ((0, 0), (3, 7), (2, 5)):
        uv = np.array([(column + 0.5) / 8, 1 - (row + 0.5) / 4])
        assert sample(image, uv) == pytest.approx(image[row, column])
        assert sample(image, uv + np.array([2, -3])) == pytest.approx(image[row, column])


# Subdivision and relief


def test_splitting_any_edges_keeps_surface_and_picture(model):
    rng = np.random.default_rng(3)
    area = model.mesh.area
    for _ in range(3):
        edges, sides = subdivide.edges_of(model.faces)
        model = subdivide.split(model, edges, sides, rng.random(len(edges)) < 0.4)
    assert open_edges(model) == 0
    assert model.mesh.is_winding_consistent
    assert model.mesh.area == pytest.approx(area)
    # u and v still say where on the torus a corner is, up to the flatness of the first triangles.
    corners = model.vertices[model.faces] - (27, 27, 7)
    angle = np.arctan2(corners[..., 1], corners[..., 0]) / (2 * np.pi)
    off = (angle - model.uvs[..., 0] + 0.5) % 1 - 0.5
    assert np.abs(off).max() < 1e-3


def test_edges_get_short_enough(model):
    fine = subdivide.to_edge_length(model, 0.8, 1_000_000)
    assert (
        np.linalg.norm(np.diff(fine.vertices[subdivide.edges_of(fine.faces)[0]], axis=1), axis=-1).max()
        <= 0.8
    )
    assert open_edges(fine) == 0


def test_full_relief_on_a_sphere_has_its_volume(tmp_path):
    model = to_size(read_model(write(sphere(), tmp_path / "sphere.glb")), 20.0)
    raised = relief.raise_relief(model, np.ones((64, 64, 1)), 0.6)
    assert open_edges(raised) == 0
    assert raised.mesh.is_volume
    assert raised.mesh.volume == pytest.approx(4 / 3 * np.pi * 10.6**3, rel=2e-3)


def test_relief_of_a_wave_on_a_torus_has_its_volume(tmp_path):
    """Height h(v) on a torus: the tube's cross-section is known, so Pappus gives the volume."""
    mesh = torus(20.0, 6.0, 96, 96)
    model = to_size(read_model(write(mesh, tmp_path / "torus.glb")), 52.0)
    v = 1 - (np.arange(80) + 0.5) / 80
    height = np.repeat((0.5 + 0.5 * np.cos(8 * np.pi * v))[:, None, None], 80, axis=1)
    raised = relief.raise_relief(model, height, 1.0)
    b = np.linspace(0, 2 * np.pi, 20_001)
    r = 6 + 0.5 + 0.5 * np.cos(4 * b)
    area = np.trapezoid(r**2 / 2, b)
    centroid = 20 + np.trapezoid(r**3 / 3 * np.cos(b), b) / area
    assert open_edges(raised) == 0
    assert raised.mesh.volume == pytest.approx(2 * np.pi * centroid * area, rel=5e-3)
    assert raised.mesh.volume > model.mesh.volume * 1.1


def test_relief_needs_a_depth_and_uvs(model):
    with pytest.raises(PatinaError, match=r"relief is 0 mm.*positive"):
        relief.raise_relief(model, np.ones((8, 8, 1)), 0.0)
    with pytest.raises(PatinaError, match="no UVs"):
        relief.raise_relief(replace(model, uvs=model.uvs * 0), np.ones((8, 8, 1)), 1.0)


# Print check and repair


def test_a_good_torus_passes(model):
    assert {f.check: f.level for f in check(model) if f.check not in ("texels", "gamut")} == dict.fromkeys(
        ("watertight", "manifold", "duplicates", "winding", "inverted", "walls"), "ok"
    )
    assert model.mesh.volume == pytest.approx(2 * np.pi**2 * 20 * 7**2, rel=0.02)


def test_check_finds_a_hole_and_repair_closes_it(model):
    kept = (model.faces != 100).all(axis=1)  # without the six faces around one vertex
    holed = replace(model, faces=model.faces[kept], uvs=model.uvs[kept], texture_of=model.texture_of[kept])
    found = finding(holed, "watertight")
    assert (found.level, found.repairable) == ("problem", True)
    assert found.cure
    mended = repair(holed)
    assert open_edges(mended) == 0
    assert mended.mesh.is_winding_consistent
    assert mended.mesh.volume == pytest.approx(model.mesh.volume, rel=1e-3)
    added = sample_model(mended, mended.texture_of[-6:], mended.uvs[-6:])
    assert (added[:, 0] == added[:, 1]).all()  # one colour a triangle, the one beside it


def test_repair_leaves_a_large_opening(model):
    half = model.vertices[model.faces][:, :, 2].mean(axis=1) < 7
    bowl = replace(model, faces=model.faces[half], uvs=model.uvs[half], texture_of=model.texture_of[half])
    assert finding(repair(bowl), "watertight").level == "problem"


def test_check_finds_turned_faces_and_repair_turns_them_with_their_uvs(model):
    faces, uvs = model.faces.copy(), model.uvs.copy()
    faces[100:130], uvs[100:130] = faces[100:130, ::-1], uvs[100:130, ::-1]
    turned = replace(model, faces=faces, uvs=uvs)
    assert finding(turned, "winding").level == "problem"
    mended = repair(turned)
    assert finding(mended, "winding").level == "ok"
    assert (mended.faces == model.faces).all()
    assert (mended.uvs == model.uvs).all()


def test_check_finds_an_inside_out_model_and_repair_turns_it(model):
    inside_out = replace(model, faces=model.faces[:, ::-1], uvs=model.uvs[:, ::-1])
    assert finding(inside_out, "inverted").level == "problem"
    assert repair(inside_out).mesh.volume == pytest.approx(model.mesh.volume)


def test_check_finds_doubled_and_shared_faces(model):
    doubled = replace(
        model,
        faces=np.concatenate((model.faces, model.faces[:5])),
        uvs=np.concatenate((model.uvs, model.uvs[:5])),
        texture_of=np.concatenate((model.texture_of, model.texture_of[:5])),
    )
    assert finding(doubled, "duplicates").share == 5
    assert len(repair(doubled).faces) == len(model.faces)
    fin = replace(
        model,
        vertices=np.concatenate((model.vertices, [[0, 0, 99]])),
        faces=np.concatenate((model.faces, [[*model.faces[0, :2], len(model.vertices)]])),
        uvs=np.concatenate((model.uvs, model.uvs[:1])),
        texture_of=np.concatenate((model.texture_of, model.texture_of[:1])),
    )
    assert finding(fin, "manifold").share == 1


def test_walls_of_a_slab(tmp_path):
    model = to_size(read_model(write(slab(40, 40, 0.8), tmp_path / "slab.glb")), 40.0)
    thin = finding(model, "walls", min_wall_mm=1.0)
    assert thin.level == "warning"
    assert thin.share == pytest.approx(2 * 1600 / (2 * 1600 + 4 * 32), abs=0.01)
    assert "0.80 mm" in thin.message
    assert finding(model, "walls", min_wall_mm=0.79).level == "ok"


def test_texels_per_millimetre(tmp_path):
    model = to_size(read_model(write(slab(40, 40, 8), tmp_path / "slab.glb")), 40.0)
    found = finding(model, "texels")  # 64 texels on 40 mm
    assert found.level == "warning"
    assert "1.6" in found.message
    # Five times smaller it has 8 on top and below; the sides have no UV area at all.
    assert finding(to_size(model, 8.0), "texels").share == pytest.approx(1280 / 4480, abs=1e-6)


# Vertex colours


def test_vertex_colors_follow_the_picture(model):
    rng = np.random.default_rng(5)
    data, fine, reached = ply(model, 2.0)
    assert reached <= 2.0
    assert data.startswith(b"ply\nformat binary_little_endian")
    assert open_edges(fine) == 0
    # The same by points that the refinement never looked at.
    faces = rng.choice(len(fine.faces), 5000, p=fine.mesh.area_faces / fine.mesh.area)
    weights = rng.dirichlet((1, 1, 1), 5000)
    shown = sample_model(fine, fine.texture_of[faces], np.einsum("nk,nkd->nd", weights, fine.uvs[faces]))
    corners = sample_model(fine, fine.texture_of, fine.uvs)
    blend = np.einsum("nk,nkd->nd", weights, corners[faces])
    assert color.delta_e(shown, blend).mean() < 2.5
    assert ply(model, 1.0, max_faces=3000)[2] > 1.0  # says so where it may not go on
