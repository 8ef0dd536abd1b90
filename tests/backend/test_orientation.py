"""Which way strokes run: measured on stripes, asked of a camera, and painted along a field."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from meshes import quad, sphere, write_npz
from PIL import Image
from test_stylize_job import JOB, do, folder_of

from backend.painting import optimize
from backend.pictures.images import read_image
from backend.pictures.orientation import main_angle, stroke_angle, structure_tensor
from backend.rendering.camera import UP, look_at, upwards
from backend.rendering.mesh import Attributes, build_mesh
from backend.rendering.views import ViewMaker
from backend.result import report

WAY = np.ones((2, 3, 3), np.float32)


def stripes(angle: float, size: int = 128, count: float = 12) -> torch.Tensor:
    """(3, size, size): soft stripes that run at `angle`, counterclockwise from the right."""
    y, x = torch.meshgrid(*(torch.arange(size) / size,) * 2, indexing="ij")
    across = x * math.sin(angle) + y * math.cos(angle)
    wave = 0.5 + 0.4 * torch.sin(2 * math.pi * count * across)
    return torch.stack([wave, 0.3 + 0.4 * wave, 1 - wave])


def difference(a: float, b: float) -> float:
    """Between two directions of lines: 0..π/2."""
    return abs((a - b + math.pi / 2) % math.pi - math.pi / 2)


@pytest.mark.parametrize("degrees", [-80, -30, 0, 20, 45, 90])
def test_the_stroke_angle_stripes_is_their_angle(degrees):
    angle = math.radians(degrees)
    inner = structure_tensor(stripes(angle))[8:-8, 8:-8].mean((0, 1))
    assert difference(main_angle(inner), angle) < math.radians(1)
    assert difference(stroke_angle([(stripes(angle), 0.7), (stripes(angle + 0.1), 0.3)]), angle) < 0.1


@pytest.mark.parametrize("angle", [0.0, 0.4, math.pi / 2, -1.2])
def test_a_camera_shows_the_direction_at_the_angle(angle):
    random = np.random.default_rng(0)
    for _ in range(10):
        backward, direction = random.normal(size=(2, 3))
        backward /= np.linalg.norm(backward)
        view = look_at(np.zeros(3), backward, 1.0, 8, upwards(direction, backward, angle))
        assert math.atan2(*(view.axes[:2] @ direction)[::-1]) == pytest.approx(angle, abs=1e-6)


@pytest.mark.parametrize("direction", [np.zeros(3), np.array([0.0, 0.0, 2.0])])
def test_without_a_direction_up_is_up(direction):
    assert np.array_equal(upwards(direction, np.array([0.0, 0.0, 1.0]), 0.3), UP)


def test_views_of_a_field_are_rolled_along_it():
    """On a sphere with a field around the z axis, the middle of each view sees it at the angle."""
    ball = sphere(3)
    around = np.cross([0, 0, 1], ball.corners).astype(np.float32)
    mesh = build_mesh(ball.vertices, ball.faces, ball.uvs, attributes=Attributes(directions=around))
    views = ViewMaker(mesh, "embree", np.random.default_rng(0), stroke_angle=0.3)
    for _ in range(8):
        eye = views.shot(0.2, 16).camera
        target = eye.position - eye.axes[2] * 0.2 / (2 * math.tan(eye.fov / 2))
        field = np.cross([0, 0, 1], target)
        assert difference(math.atan2(*(eye.axes[:2] @ field)[::-1]), 0.3) < 0.05


def test_strokes_follow_the_field(tmp_path, monkeypatch):
    """A striped style on a square, its strokes asked to run at 0 and at 60 degrees in the texture."""
    monkeypatch.setattr(report, "VIEWS", 2)
    job = replace(JOB, texture_size=128, content=None, strength=1.0, steps=16)
    for degrees in (0, 60):
        angle = math.radians(degrees)
        folder = folder_of(tmp_path / str(degrees), job, quad())
        way = np.array([math.cos(angle), math.sin(angle), 0], np.float32)
        write_npz(quad(), folder / "mesh.npz", directions=np.broadcast_to(way, (2, 3, 3)))
        wave = (stripes(0.5, 160).permute(1, 2, 0).numpy() * 255).astype(np.uint8)
        Image.fromarray(wave).save(folder / "style.png")
        do(folder, job)
        painted = read_image(folder / "texture.png", "texture", "texture")
        found = main_angle(structure_tensor(painted).mean((0, 1)))
        assert difference(found, angle) < math.radians(12), math.degrees(found)
        assert json.loads((folder / "report.json").read_text())["coverage"] > 0.9


def test_where_directions_turn_views_are_close(tmp_path, monkeypatch):
    """In one that shows most of an object a field turns, and a view can have but one way upright."""
    monkeypatch.setattr(report, "VIEWS", 2)
    sizes, shot = [], ViewMaker.shot
    monkeypatch.setattr(
        ViewMaker, "shot", lambda self, window, size, aim: sizes.append(size) or shot(self, window, size, aim)
    )
    job = replace(JOB, texture_size=128, content=None, strength=1.0, steps=1)
    (stage,) = optimize.stages(job.quality, job.steps)
    close = stage.size // optimize.CLOSER
    for more, many, none in (({}, stage.size, close), ({"directions": WAY}, close, stage.size)):
        folder = folder_of(tmp_path / str(many), job, quad())
        write_npz(quad(), folder / "mesh.npz", **more)
        del sizes[:]
        do(folder, job)
        assert sizes.count(many) >= optimize.VIEWS_PER_STEP * (optimize.CLOSE_VIEWS if more else 1)
        assert none not in sizes
