"""Objectives, parameterizations and presets from files of others: the documented example, and mistakes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from meshes import quad
from PIL import Image

from backend import plugins
from backend.__main__ import main
from backend.protocol.events import FAILED, FINISHED
from backend.protocol.job import Job
from backend.protocol.job_file import write_job
from backend.protocol.parts import Target
from backend.run import do_job

DOCS = Path(__file__).parents[2] / "docs"
EXAMPLE = str(DOCS / "plugin_example.py")
TINY = ["--network", "alexnet", "--layer", "relu3", "--size", "64", "--steps", "6"]


# What an artist-programmer may get wrong.
HALF = """
import torch
from backend.objectives.objective import Objective
from backend.plugins import objective, parameterization

objective("half")(lambda network, target: 3)
objective("no key")(lambda network, target: {}["key"])
objective("no loss")(lambda network, target: Objective((network.content_layer,), lambda seen: 1 / 0))
parameterization("few")(lambda batch: torch.nn.Identity())


@parameterization("small")
class Small(torch.nn.Module):
    def __init__(self, *size):
        super().__init__()
        self.texels = torch.nn.Parameter(torch.zeros(1, 3, 4, 4))

    def forward(self):
        return self.texels.sigmoid()
"""


@pytest.fixture(autouse=True)
def nothing_loaded(monkeypatch):
    for kind in ("OBJECTIVES", "PARAMETERIZATIONS", "PRESETS"):
        monkeypatch.setattr(plugins, kind, {})


def pixels(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path).convert("RGB")).astype(int)


def test_a_parameterization_of_ones_own_paints_a_picture(tmp_path):
    words = ["dream", "--plugin", EXAMPLE, "--channel", "3", "--parameterization", "own:mosaic", *TINY]
    assert main([*words, "--out", str(tmp_path)]) == FINISHED
    stones = pixels(tmp_path / "image.png").reshape(8, 8, 8, 8, 3)
    assert not np.ptp(stones, axis=(1, 3)).any()  # each stone of one colour
    assert np.ptp(stones)


def test_an_objective_of_ones_own_is_made_small(tmp_path):
    words = ["dream", "--plugin", EXAMPLE, "--objective", "mirror:3", "--parameterization", "pixel", *TINY]
    assert main([*words, "--steps", "80", "--out", str(tmp_path)]) == FINISHED
    loss = json.loads((tmp_path / "report.json").read_text())["loss"]
    assert loss["last"] < 0.7 * loss["first"]


def test_a_preset_is_options_and_what_is_written_counts_more(tmp_path):
    words = ["dream", "--plugin", EXAMPLE, "--preset", "mirrored daisy", "--network", "efficientnet_lite0"]
    small = ["--size", "64", "--steps", "2", "--parameterization", "pixel"]
    assert main([*words, *small, "--out", str(tmp_path)]) == FINISHED
    job = json.loads((tmp_path / "job.json").read_text())
    assert [(target["kind"], target["name"]) for target in job["targets"]] == [
        ("class", "daisy"),
        ("own", "mirror"),
    ]
    assert job["parameterization"] == "pixel"


def test_a_job_on_a_mesh_takes_them_too(tmp_path):
    mesh = quad()
    arrays = {name: getattr(mesh, name) for name in ("vertices", "faces", "uvs", "normals")}
    np.savez(tmp_path / "mesh.npz", **arrays)
    targets = (Target("own", name="mirror", layer="relu3"), Target("channel", layer="relu3", channel=1))
    job = Job(
        task="dream",
        mesh="mesh.npz",
        targets=targets,
        parameterization="own:mosaic",
        network="alexnet",
        texture_size=64,
        steps=2,
    )
    write_job(tmp_path, job)
    assert do_job(tmp_path, lambda event: None, lambda: False, plugin_files=[Path(EXAMPLE)]) == FINISHED
    assert (tmp_path / "texture.png").is_file()


@pytest.mark.parametrize(
    ("source", "words", "said"),
    [
        (None, ["--channel", "1"], "There is no plugin"),
        ("1 / 0", ["--channel", "1"], "ZeroDivisionError"),
        ("", ["--objective", "mirror"], "No plugin offers the objective 'mirror'"),
        ("", ["--channel", "1", "--parameterization", "own:mosaic"], "No plugin offers the parameterization"),
        ("", ["--preset", "mine"], "No plugin offers the preset 'mine'"),
        (HALF, ["--objective", "half"], "The objective 'half' of a plugin gave 3"),
        (HALF, ["--objective", "no key"], "The objective 'no key' stumbled: KeyError"),
        (HALF, ["--objective", "no loss"], "The objective 'no loss' stumbled: ZeroDivisionError"),
        (HALF, ["--channel", "1", "--parameterization", "own:few"], "'few' stumbled: TypeError"),
        (
            HALF,
            ["--channel", "1", "--parameterization", "own:small"],
            "pictures of the size (1, 3, 64, 64)",
        ),
    ],
)
def test_what_is_not_there_is_refused_by_name(source, words, said, tmp_path, capsys):
    file = tmp_path / "plugin.py"
    if source is not None:
        file.write_text(source)
    assert main(["dream", "--plugin", str(file), *words, *TINY, "--out", str(tmp_path / "out")]) == FAILED
    assert said in capsys.readouterr().err


def test_without_a_word_nothing_is_loaded(tmp_path, monkeypatch):
    (tmp_path / "plugin.py").write_text("raise SystemExit")
    monkeypatch.chdir(tmp_path)
    assert main(["dream", "--channel", "1", *TINY, "--out", str(tmp_path / "out")]) == FINISHED
    assert not plugins.OBJECTIVES
