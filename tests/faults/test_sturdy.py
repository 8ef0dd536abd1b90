"""Whatever an artist may ask for ends with a picture or a cure: see sturdy.py. Some at every `make test`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))

import sturdy
import torch
from PIL import Image
from test_stylize_job import JOB, folder_of

from backend import networks, run
from backend.protocol.events import FINISHED, Event

SCRIPT = Path(__file__).with_name("sturdy.py")
SHARE = int(os.environ.get("PATINA_FAULTS", "1"))
SEED, COUNT = 24, 12 if SHARE == 1 else 5 * SHARE


def test_what_an_artist_may_ask_for_ends_with_a_picture_or_a_cure():
    command = [sys.executable, "-B", "-W", "ignore", str(SCRIPT), str(SEED + SHARE), str(COUNT)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout.splitlines()[-1])
    print(found)
    assert found["wrong"] == []
    assert found["read"] > COUNT / 3


@pytest.mark.parametrize("name", ["alexnet", "squeezenet", "vgg16"])
@pytest.mark.parametrize("averages", [False, True])
def test_pictures_of_any_size_have_features(name, averages):
    """Of 16 pixels, halved twice, AlexNet's pooling left nothing, and a job stumbled."""
    network = networks.load(name, torch.device("cpu"), averages)
    layers = [*network.style_layers, network.content_layer]
    for height, width in ((1, 1), (2, 40), (4, 16), (63, 5)):
        features = network(torch.rand(2, 3, height, width), layers)
        assert all(each.numel() and each.isfinite().all() for each in features.values())


@pytest.mark.parametrize("surface", [sturdy.face, sturdy.fan])
def test_a_single_face_and_sides_with_corners_on_a_line_are_painted(surface, tmp_path):
    """A face seen from its edge shows nothing; of a fan's first triangles nothing is left but a line."""
    mesh = surface()
    assert len(mesh.faces) == 1 or not mesh.mapped.all()
    job = replace(JOB, views=3, strength=1.0, steps=3, framing="bounding_box", network="alexnet")
    events: list[Event] = []
    folder = folder_of(tmp_path / "job", job, mesh)
    assert run.do_job(folder, events.append, lambda: False) == FINISHED, events
    assert Image.open(folder / "texture.png").size == (64, 64)
