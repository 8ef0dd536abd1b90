"""The style images as one value, and that both ways to take a style read and measure them alike."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace

import pytest
import torch
from meshes import quad
from PIL import Image
from test_stylize_job import JOB, folder_of
from torch import nn

from backend import networks
from backend.canvas import job as canvas_job
from backend.painting import job as painting_job
from backend.pictures import images
from backend.pictures.images import read_image
from backend.pictures.styles import Styles, read_styles
from backend.protocol import Style
from backend.rendering.texels import locate
from backend.result import report
from backend.session import JobSession

ROADS = {"pyramid": painting_job, "fourier": canvas_job}


def run(road: str, folder, **fields) -> dict:
    job = replace(JOB, parameterization=road, network="alexnet", steps=1, **fields)
    ROADS[road].run(JobSession(job, folder, lambda event: None, lambda: False))
    return json.loads((folder / "report.json").read_text())


def test_shares_sum_to_one_and_weigh_the_mean_colour(tmp_path):
    for name, color in (("red.png", (255, 0, 0)), ("blue.png", (0, 0, 255))):
        Image.new("RGB", (40, 30), color).save(tmp_path / name)
    styles = read_styles(replace(JOB, styles=(Style("red.png", 3), Style("blue.png", 1))), tmp_path)
    assert styles.shares == (0.75, 0.25)
    assert torch.allclose(styles.mean_color, torch.tensor([0.75, 0.0, 0.25]))
    drawn = styles.palette(4000, torch.Generator().manual_seed(0))
    assert drawn[:, 0].mean() == pytest.approx(0.75, abs=0.03)


def test_styles_are_scaled_by_their_shorter_sides():
    styles = Styles((torch.rand(3, 40, 80), torch.rand(3, 90, 60)), (0.5, 0.5))
    assert styles.shorter == 60
    assert [tuple(image.shape[1:]) for image in styles.at(50).images] == [(50, 100), (75, 50)]
    assert [tuple(image.shape[1:]) for image in styles.within(50).images] == [(40, 80), (75, 50)]


@pytest.mark.parametrize("road", ROADS)
def test_a_style_is_decoded_once(road, tmp_path, monkeypatch):
    monkeypatch.setattr(report, "VIEWS", 2)
    folder, opened, through = folder_of(tmp_path / "job", mesh=quad()), Counter(), images.opened

    def counted(path, *arguments):
        opened[path.name] += 1
        return through(path, *arguments)

    monkeypatch.setattr(images, "opened", counted)
    run(road, folder)
    assert opened["style.png"] == 1


@pytest.mark.parametrize("road", ROADS)
def test_the_same_task_looks_through_the_same_network(road, tmp_path, monkeypatch):
    monkeypatch.setattr(report, "VIEWS", 2)
    load, loaded = networks.load, []

    def noted(*arguments, **options):
        loaded.append(load(*arguments, **options))
        return loaded[-1]

    monkeypatch.setattr(networks, "load", noted)
    run(road, folder_of(tmp_path / "job", mesh=quad()))
    kinds = {type(part) for part in loaded[0].modules()}
    assert nn.AvgPool2d in kinds
    assert nn.MaxPool2d not in kinds


@pytest.mark.parametrize("road", ROADS)
def test_who_keeps_its_colours_is_measured_in_its_colours(road, tmp_path, monkeypatch):
    """The report's style distance is that to the styles as they were asked for, recoloured, on both roads."""
    monkeypatch.setattr(report, "VIEWS", 2)
    folder, made = folder_of(tmp_path / "job", mesh=quad()), []
    look = report.Judge.__init__

    def noted(self, mesh, styles, *arguments, **options):
        look(self, mesh, styles, *arguments, **options)
        made.append(styles)

    monkeypatch.setattr(report.Judge, "__init__", noted)
    run(road, folder, colors=1.0)
    used = torch.from_numpy(locate(quad(), 64).used)
    own = read_image(folder / "content.png", "content", "content")[:, used].mean(1)
    (styles,) = made
    assert torch.allclose(styles.mean_color, own, atol=0.03)
    assert not torch.allclose(read_styles(JOB, folder).mean_color, own, atol=0.2)
