"""A surface that moves: what only one of its poses shows is painted, and no file of poses does harm."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from export_models import sphere as ball_model
from export_models import write
from meshes import quad, sphere, write_npz
from PIL import Image
from test_stylize_job import QUICK, do, folder_of

from backend.__main__ import main
from backend.cli.job_folder import Inputs, make_and_do
from backend.errors import PatinaError
from backend.protocol.events import CANCELLED, FAILED
from backend.protocol.job_file import read_job
from backend.protocol.parts import Material, Style
from backend.rendering import views
from backend.rendering.mesh import Attributes, Mesh, build_mesh, read_mesh
from backend.rendering.poses import posed, read_poses, with_poses
from backend.rendering.texels import locate
from backend.rendering.views import ViewMaker
from backend.result import report

JOB = replace(QUICK, poses="poses.npz", steps=8)
SIDE = 8  # of a sheet's squares


@pytest.fixture(autouse=True)
def few_views(monkeypatch):
    monkeypatch.setattr(report, "VIEWS", 2)


def grid(first: float, last: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A sheet from x = `first` to `last`, y from -1 to 1, which shows as much of the texture."""
    x, y = (axis.ravel() for axis in np.meshgrid(np.linspace(first, last, SIDE), np.linspace(-1, 1, SIDE)))
    corner = np.arange(SIDE * (SIDE - 1)).reshape(-1, SIDE)[:, :-1].ravel()
    faces = np.stack([corner, corner + 1, corner + SIDE + 1, corner, corner + SIDE + 1, corner + SIDE], 1)
    points = np.stack([x, y, 0 * x], 1).astype(np.float32)
    return points, faces.reshape(-1, 3).astype(np.int32), (points[:, :2] + 1) / 2


def eyelid() -> tuple[Mesh, np.ndarray]:
    """A sheet whose right half is folded to a line, and its vertices (1, V, 3) where that is unfolded."""
    points, faces, uvs = grid(-1, 1)
    return build_mesh(np.minimum(points, (0, 1, 0)).astype(np.float32), faces, uvs[faces]), points[None]


def lid() -> tuple[Mesh, np.ndarray]:
    """A sheet below another, closely, and the vertices (1, V, 3) where that stands open.

    Neither is isolated: what hides the other is not cut away.
    """
    (below, faces, uvs), (above, _, others) = grid(-1, 0), grid(0, 1)
    closed, opened = above - np.array([1, 0, -0.02], np.float32), above[:, [2, 1, 0]] + np.array([0, 0, 0.02])
    mesh = build_mesh(
        np.concatenate([below, closed]),
        np.concatenate([faces, faces + len(below)]),
        np.concatenate([uvs[faces], others[faces]]),
        isolated=False,
    )
    return mesh, np.concatenate([below, opened.astype(np.float32)])[None]


def seen(mesh: Mesh, count: int) -> np.ndarray:
    """The faces that so many views of `mesh` see."""
    make, found = ViewMaker(mesh, "embree", np.random.default_rng(0)), np.zeros(len(mesh.faces), bool)
    for _ in range(count):
        found[make(0.6, 48).faces.numpy()] = True
    return found


def test_what_has_no_area_as_it_stands_is_painted_where_it_unfolds():
    mesh, poses = eyelid()
    moving = with_poses(mesh, poses)
    folded = ~mesh.mapped
    assert folded.mean() == pytest.approx(3 / 7)  # the column of squares at the fold is half as wide
    assert 0.4 < locate(mesh, 64).used.mean() < 0.6
    texels = locate(moving, 64)
    assert texels.used.all()
    apart = np.ptp(texels.points[folded[texels.faces]], axis=0) * moving.unit
    assert apart == pytest.approx([6 / 7, 2, 0], abs=0.05)
    assert not seen(mesh, 20)[folded].any()
    assert seen(moving, 30).all()
    assert np.isfinite(moving.uv_jacobians).all()
    stretch = moving.stretch / moving.unit  # of a sheet of 2 units, whose whole texture it shows
    assert stretch[folded] == pytest.approx(0.5, rel=1e-4)


def test_what_a_limb_hides_is_seen_where_it_is_lifted():
    mesh, poses = lid()
    below = np.arange(len(mesh.faces)) < len(mesh.faces) // 2
    assert seen(mesh, 40)[below].mean() < 0.5
    assert seen(with_poses(mesh, poses), 60).all()


def test_all_poses_are_looked_at_in_turn(monkeypatch):
    monkeypatch.setattr(views, "KEPT_TRIANGLES", 1)
    ball = sphere(2)
    scales = np.array([1.0, 1.5, 2.0])
    moving = with_poses(ball, scales[:, None, None] * ball.vertices * ball.unit)
    make = ViewMaker(moving, "embree", np.random.default_rng(3))
    sizes = [float(make.shot(0.3, 16).mesh.vertices.max()) for _ in range(12)]
    for turn in np.array(sizes).reshape(3, 4):
        assert sorted(turn / ball.vertices.max()) == pytest.approx([1, 1, 1.5, 2], abs=1e-5)
    assert len(make._stances) == 2  # the mesh as it stands, and a pose
    monkeypatch.undo()
    again = ViewMaker(moving, "embree", np.random.default_rng(3))
    assert [float(again.shot(0.3, 16).mesh.vertices.max()) for _ in range(12)] == sizes
    assert len(again._stances) == 4


def test_directions_go_along_with_the_surface():
    square = quad()
    along = np.broadcast_to(np.float32((1, 0, 0)), (2, 3, 3))
    square = build_mesh(square.vertices, square.faces, square.uvs, attributes=Attributes(directions=along))
    turned = square.vertices[:, [1, 0, 2]] * np.float32((-1, 2, 1)) * square.unit  # a quarter, and stretched
    there = posed(with_poses(square, turned[None]), 1)
    assert there.directions == pytest.approx(np.broadcast_to((0, 2, 0), (2, 3, 3)), abs=1e-5)
    assert there.poses is None


def test_objects_that_wander_apart_are_each_in_the_middle():
    square = quad()
    vertices = np.concatenate([square.vertices, square.vertices + (5, 0, 0)]).astype(np.float32)
    faces, uvs = np.concatenate([square.faces, square.faces + 4]), np.concatenate([square.uvs] * 2)
    objects = Attributes(objects=np.repeat([0, 1], 2))
    mesh = build_mesh(vertices, faces, uvs, attributes=objects)
    wandered = vertices + np.repeat([[0, 9, 0], [0, 0, -3]], 4, 0)
    found = with_poses(mesh, wandered[None])
    assert found.poses[0] == pytest.approx(mesh.vertices, abs=1e-6)
    assert found.digest != mesh.digest


def test_a_pose_that_shows_nothing_is_left_out():
    mesh, poses = eyelid()
    assert len(with_poses(mesh, np.concatenate([poses, 0 * poses])).poses) == 1
    assert with_poses(mesh, 0 * poses).poses is None


@pytest.mark.parametrize("material", [None, Material()])
def test_a_job_paints_what_its_poses_show(material, tmp_path):
    mesh, poses = eyelid()
    job = replace(JOB, content=None, follow_shape=0.0, material=material)
    folder_of(tmp_path, job, mesh)
    (tmp_path / "content.png").unlink()
    np.savez(tmp_path / "poses.npz", vertices=poses / mesh.unit)
    do(tmp_path, job)
    assert json.loads((tmp_path / "report.json").read_text())["coverage"] >= 0.995
    names = ["texture"] if material is None else ["texture", "roughness", "normal", "height"]
    for name in names:
        with Image.open(tmp_path / f"{name}.png") as image:
            unfolded = np.asarray(image).astype(float).reshape(64, 64, -1)[:, 38:, :2]  # normals lean so
        # Strokes, and not what gutters are filled with: a row's one colour.
        assert unfolded.std(axis=1).mean() > (300 if image.mode.startswith("I") else 3), name


HOSTILE = {
    "another mesh": np.zeros((1, 3, 3), np.float32),
    "no pose": np.zeros((0, 42, 3), np.float32),
    "too many": np.zeros((65, 42, 3), np.float32),
    "flat": np.zeros((42, 3), np.float32),
    "of two coordinates": np.zeros((1, 42, 2), np.float32),
    "whole numbers": np.zeros((1, 42, 3), np.int32),
    "no number": np.full((1, 42, 3), np.nan, np.float32),
    "infinite": np.full((1, 42, 3), np.inf),
    "of no end": np.linspace(0, 1e300, 126).reshape(1, 42, 3),
    "grown": np.linspace(0, 1e5, 126, dtype=np.float32).reshape(1, 42, 3),
    "objects": np.full((1, 42, 3), None),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_poses_are_told(name, tmp_path):
    ball = sphere(1)
    np.savez(tmp_path / "poses.npz", vertices=HOSTILE[name])
    with pytest.raises(PatinaError, match="poses") as caught:
        read_poses(tmp_path / "poses.npz", ball)
    assert caught.value.field == "poses"


@pytest.mark.parametrize("data", [b"", b"PK", b"PK\3\4" + b"\0" * 99, None])
def test_a_file_that_holds_no_poses_is_told(data, tmp_path):
    path = tmp_path / "poses.npz"
    if data is not None:
        path.write_bytes(data)
    mesh = read_mesh(write_npz(sphere(1), tmp_path / "mesh.npz"))
    with pytest.raises(PatinaError, match=r"poses\.npz"):
        read_poses(path, mesh)


@pytest.mark.parametrize("other", [{"relief": True}, {"parameterization": "pixel"}, {"poses": 3}])
def test_poses_are_for_the_style_of_a_mesh(other):
    with pytest.raises(PatinaError) as caught:
        replace(JOB, **other)
    assert caught.value.field == "poses"


def test_a_mesh_that_does_not_move_is_looked_at_as_ever():
    """Nothing is drawn at random for poses that are not there."""
    ball, torch_device = sphere(2), torch.device("cpu")
    make = ViewMaker(ball, "embree", np.random.default_rng(5), device=torch_device)
    make.shot(0.3, 16)
    random = np.random.default_rng(5)
    random.choice(len(ball.faces), p=ball.areas / ball.areas.sum())
    random.uniform(size=2)  # the point on the face
    random.uniform(size=2)  # from where
    assert make.random.bit_generator.state == random.bit_generator.state


def test_models_in_other_poses_are_the_poses_of_a_model(tmp_path):
    """Also where vertices lie at one place in the model, and not in a pose."""
    style = tmp_path / "style.png"
    Image.effect_noise((64, 64), 80).convert("RGB").save(style)
    ball, folded = ball_model(1), ball_model(1)
    folded.vertices = np.abs(ball.vertices * (0, 0, 1)) + ball.vertices * (1, 1, 0)
    files = [write(each, tmp_path / name) for each, name in ((folded, "a.glb"), (ball, "b.glb"))]
    inputs, out = Inputs(files[0], styles=[Style(str(style))], poses=files[1:]), tmp_path / "out"
    fields = {"texture_size": 64, "task": "stylize"}
    assert make_and_do(out, inputs, fields, lambda *_: CANCELLED) == CANCELLED
    assert read_job(out).poses == "poses.npz"
    mesh = read_mesh(out / "mesh.npz")
    (there,) = read_poses(out / "poses.npz", mesh).poses * mesh.unit
    assert np.abs(there).max(0) == pytest.approx(np.abs(ball.vertices).max(0), abs=1e-5)
    assert np.abs(there[:, 2]) == pytest.approx(mesh.vertices[:, 2] * mesh.unit + 0.5, abs=1e-5)


def test_a_pose_of_another_model_is_refused_before_anything_is_written(tmp_path, capsys):
    style = tmp_path / "style.png"
    Image.effect_noise((64, 64), 80).convert("RGB").save(style)
    ball, other = write(ball_model(1), tmp_path / "a.glb"), write(ball_model(2), tmp_path / "b.glb")
    words = [
        "stylize",
        str(ball),
        "--style",
        str(style),
        "--poses",
        str(other),
        "--out",
        str(tmp_path / "out"),
    ]
    assert main(words) == FAILED
    assert "b.glb has other triangles than a.glb" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
