"""The style images as one value, and that every way to take a style reads and measures them alike."""

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
from backend.pictures import images
from backend.pictures.images import read_image, to_pillow
from backend.pictures.styles import Styles, read_styles
from backend.protocol.events import FINISHED
from backend.protocol.job_file import write_job
from backend.protocol.parts import Style
from backend.rendering.texels import locate
from backend.result import report
from backend.run import do_job

ROADS = {
    "mesh": {"parameterization": "pyramid"},
    "mesh as a canvas": {"parameterization": "fourier"},
    "picture": {"parameterization": "pyramid", "mesh": None, "image_size": 64},
    "picture as a canvas": {"parameterization": "fourier", "mesh": None, "image_size": 64},
}


def run(road: str, folder, **fields) -> dict:
    write_job(folder, replace(JOB, network="alexnet", steps=1, **ROADS[road], **fields))
    assert do_job(folder, lambda event: None, lambda: False) == FINISHED
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
    """A style, with the object's colours, is as far off as that style in these colours to begin with."""
    monkeypatch.setattr(report, "VIEWS", 2)
    ours, theirs = (folder_of(tmp_path / name, mesh=quad()) for name in ("ours", "theirs"))
    content = read_image(ours / "content.png", "content", "content")
    if "mesh" in road:
        content = content[:, torch.from_numpy(locate(quad(), 64).used)]
    moved = read_styles(JOB, ours).recolored(content.flatten(1).T, 1.0).images[0]
    to_pillow(moved).save(theirs / "style.png")
    asked, moved_before = (
        run(road, folder, colors=colors)["style_distance"] for folder, colors in ((ours, 1.0), (theirs, 0.0))
    )
    assert asked == pytest.approx(moved_before, rel=0.1)
