"""A style in several frames: what stays and what moves, what lies between keys, what a cancel leaves."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from meshes import quad, sphere, write_npz
from PIL import Image
from test_stylize_job import QUICK, folder_of, pixels, waves
from test_tiles import joined

from backend import networks
from backend.__main__ import main
from backend.between import between, eased, shares
from backend.canvas.on_surface import UVTexture
from backend.conversation import Cancelled
from backend.errors import PatinaError
from backend.networks import LOGITS, classes
from backend.painting import motion
from backend.painting.subject import Subject
from backend.parameterizations.pixel import Pixel
from backend.protocol.events import Event
from backend.protocol.job import Job
from backend.protocol.job_file import read_job, write_job
from backend.protocol.parts import Key, Style, Target, Tile
from backend.rendering.mesh import read_mesh
from backend.rendering.texels import fill_gutters, locate
from backend.rendering.views import Viewing, ViewMaker
from backend.result import report
from backend.session import JobSession
from backend.suited import CLASSIFIER

BOIL = replace(QUICK, texture_size=128, boil=0.6, frames=3)
TWO = (Style("style.png"), Style("other.png"))
KEYS = replace(QUICK, styles=TWO, frames=4, keys=(Key(0, (1.0, 0.0)), Key(3, (0.0, 1.0))))


@pytest.fixture(autouse=True)
def few_views(monkeypatch):
    monkeypatch.setattr(report, "VIEWS", 2)
    monkeypatch.setattr(motion, "JUDGED_VIEWS", 2)


def do(
    folder: Path, job: Job, until: int | None = None, make: Callable[[Path, Job], Path] = folder_of
) -> list[Event]:
    """Paint a ball, or what `make` does, in frames; it is cancelled once the frame `until` is there."""
    make(folder, job)
    waves(128, (1.0, 0.3, 0.1), 60).save(folder / "other.png")
    events: list[Event] = []
    last = folder / job.frame_files(until)[0] if until is not None else None
    motion.run(JobSession(job, folder, events.append, lambda: bool(last and last.is_file())))
    return events


def frames_in(folder: Path, job: Job) -> list[np.ndarray]:
    return [pixels(folder / job.frame_files(frame)[0]) for frame in range(job.frames)]


def test_strokes_move_and_what_is_larger_stays():
    mesh = sphere(3)
    texels = locate(mesh, 128)
    viewing = Viewing(0.01, 1.6, torch.device("cpu"))
    around = np.zeros((128, 128), np.float32)
    around[texels.used] = 0.5 + 0.2 * texels.points[:, 2]  # from pole to pole
    grain = np.random.default_rng(0).normal(0, 0.1, (64, 64)).astype(np.float32).repeat(2, 0).repeat(2, 1)
    texture = fill_gutters(torch.from_numpy(around + grain)[None].expand(3, 128, 128), texels.used)
    strokes = motion.Strokes(Subject(mesh, texels, torch.full((3, 128, 128), 0.5)), viewing)
    one, other = (strokes.moved(texture, 1.0, 0, frame) for frame in (0, 1))
    inside = torch.from_numpy(texels.used)

    def apart(a: torch.Tensor, b: torch.Tensor, side: int) -> float:
        a, b = (F.adaptive_avg_pool2d(fill_gutters(x, texels.used), side) for x in (a, b))
        return float((a - b).square().mean().sqrt())

    assert apart(one, other, 128) > 0.06  # of a grain of 0.1
    assert apart(one, texture, 8) < 0.3 * apart(one, texture, 128)  # the means of 64 grains are others
    assert 0.7 < float(one[0, inside].std() / texture[0, inside].std()) < 1.1
    assert torch.equal(one, strokes.moved(texture, 1.0, 0, 0))
    assert apart(strokes.moved(texture, 0.1, 0, 0), texture, 128) < 0.7 * apart(one, texture, 128)


def test_landmarks_do_not_move():
    mesh = sphere(3)
    texels = locate(mesh, 128)
    content = torch.full((3, 128, 128), 0.5)
    content[:, 20:28, 20:28], content[:, 20:28, 24:28] = 1.0, 0.0
    strokes = motion.Strokes(Subject(mesh, texels, content), Viewing(0.01, 1.6, torch.device("cpu")))
    moved = (strokes.moved(content, 1.0, 0, 0) - content).abs().amax(0)
    assert texels.used[20:28, 20:28].all()
    assert float(moved[20:28, 23:25].max()) < 0.1


@pytest.mark.parametrize(
    ("loop", "expected"),
    [
        (False, [(0, 0, 0), (0, 1, 0), (0, 1, 0.5), (1, 1, 0), (1, 1, 0), (1, 1, 0)]),
        (True, [(1, 0, 0.75), (0, 1, 0), (0, 1, 0.5), (1, 0, 0), (1, 0, 0.25), (1, 0, 0.5)]),
    ],
)
def test_frames_lie_between_their_keys_and_a_loop_goes_back(loop, expected):
    job = Job(
        **{name: getattr(KEYS, name) for name in ("mesh", "content", "styles")},
        frames=6,
        keys=(Key(1), Key(3)),
        loop=loop,
    )
    assert [between(job, frame) for frame in range(6)] == expected


def test_easing_starts_and_ends_slowly():
    assert [eased(t, "smooth") for t in (0, 0.5, 1)] == [0, 0.5, 1]
    assert eased(0.1, "smooth") < 0.03
    assert eased(0.1, "linear") == 0.1


def test_stroke_sizes_go_from_key_to_key_by_ratios():
    one, other = (Viewing(pixel, width, torch.device("cpu")) for pixel, width in ((0.01, 0.5), (0.02, 2.0)))
    half = motion.between_viewings(one, other, 0.5)
    assert (half.pixel, half.style_width) == (pytest.approx(0.0002**0.5), pytest.approx(1.0))
    assert motion.between_viewings(one, other, 0.0) == one
    assert motion.at_key(replace(KEYS, style_size=3.0), Key(0, (1.0, 0.0), None, 0.5)).style_size == 0.5


def test_a_painting_boils(tmp_path):
    events = do(tmp_path, BOIL)
    frames = frames_in(tmp_path, BOIL)
    told = [event.path for event in events if event.kind == "preview"]
    assert told[-3:] == ["preview_0.png", "preview_1.png", "preview_2.png"]  # each as soon as it is done
    assert np.abs(pixels(tmp_path / told[-1]) - frames[2]).max() <= 1
    for one, other in zip(frames, [*frames[1:], frames[0]], strict=True):
        assert np.abs(one - other).mean() > 3
        coarse = [F.adaptive_avg_pool2d(torch.tensor(f).permute(2, 0, 1), 8) for f in (one, other)]
        assert float((coarse[0] - coarse[1]).abs().mean()) < 0.35 * np.abs(one - other).mean()
    found = json.loads((tmp_path / "report.json").read_text())
    assert [len(found[name]) for name in ("style_distance", "frame_change")] == [3, 2]
    assert max(found["style_distance"]) < 1.25 * min(found["style_distance"])
    assert events[-1].path == "texture_0.png"
    fractions = [event.fraction for event in events if event.kind == "progress" and event.step]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1


def test_between_keys_each_frame_is_nearer_to_the_next_key(tmp_path):
    do(tmp_path, KEYS)
    frames = frames_in(tmp_path, KEYS)
    redness = [frame[..., 0].mean() - frame[..., 2].mean() for frame in frames]
    steps = np.diff(redness)
    assert (steps > 0).all()
    assert steps.max() < 1.5 * steps.mean()
    change = np.abs(np.diff(frames, axis=0)).mean((1, 2, 3))
    assert change == pytest.approx(np.full(3, change.mean()), rel=0.2)  # as even as eyes see


def test_a_key_without_strength_is_the_object_as_it_was(tmp_path):
    keys = (Key(0, (1.0, 0.0), 0.0), Key(2, (0.0, 1.0), 0.9), Key(3, (0.0, 1.0), 0.0))
    job = replace(KEYS, frames=4, keys=keys, content="content.png", boil=0.3, texture_size=64)
    do(tmp_path, job)
    content, used = pixels(tmp_path / "content.png"), locate(sphere(2), 64).used
    away = [np.abs(frame - content)[used].mean() for frame in frames_in(tmp_path, job)]
    assert max(away[0], away[3]) < 0.5
    assert 4 < away[1] < away[2]


def two_objects(folder: Path, job: Job) -> Path:
    """A ball, and a square of which the upper half is painted, with a texture each."""
    mesh = joined([sphere(2), quad()], np.array([[0, 0, 0], [3, 0, 0]]))
    folder_of(folder, job, mesh)
    write_npz(mesh, folder / "mesh.npz", tiles=mesh.tiles, objects=mesh.objects)
    upper = np.arange(64)[:, None].repeat(64, 1) < 32
    Image.fromarray(np.uint8(255 * upper)).save(folder / "upper.png")
    return folder


def test_a_cancelled_job_leaves_its_frames_and_another_goes_on_from_them(tmp_path):
    """Also of several objects, and where a mask says what is painted."""
    tiles = (Tile("ball", "content.png"), Tile("square", None, "upper.png"))
    job, folder = replace(BOIL, texture_size=64, content=None, tiles=tiles), tmp_path / "job"
    with pytest.raises(Cancelled):
        do(folder, job, until=0, make=two_objects)
    assert not (folder / "texture_0_1.png").exists()
    first = (folder / "texture_0_0.png").stat().st_mtime_ns
    job = replace(job, resume="checkpoint.npz")
    write_job(folder, job)
    motion.run(JobSession(job, folder, lambda event: None, lambda: False))
    assert (folder / "texture_0_0.png").stat().st_mtime_ns == first
    assert len(list(folder.glob("texture_*.png"))) == 6
    painted = pixels(folder / "mask_1.png") > 0
    assert painted[:31].all()
    assert not painted[33:].any()
    for tile, inside in ((0, locate(sphere(2), 64).used), (1, painted)):
        one, other = (pixels(folder / f"texture_{tile}_{frame}.png") for frame in (1, 2))
        assert np.abs(one - other)[inside].mean() > 2


def test_a_job_with_keys_is_read_as_it_was_written(tmp_path):
    write_job(tmp_path, KEYS)
    assert read_job(tmp_path) == KEYS


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"boil": 1.5}, "boil"),
        ({"boil": 0.5, "frames": 1}, "frames"),
        ({"boil": 0.5, "relief": True}, "frames"),
        ({"keys": (Key(0),)}, "keys"),
        ({"keys": (Key(2), Key(1))}, "keys"),
        ({"keys": (Key(0), Key(9))}, "keys"),
        ({"keys": (Key(0, (1.0, 1.0)), Key(1))}, "keys"),
        ({"keys": (Key(0, (0.0,)), Key(1))}, "keys"),
        ({"keys": (Key(0), Key(1, strength=2.0))}, "keys"),
        ({"keys": (Key(0), Key(1, style_size=0.0))}, "keys"),
        ({"loop": True}, "keys"),
        ({"easing": "soon"}, "easing"),
    ],
)
def test_what_cannot_move_is_refused(changed, field):
    with pytest.raises(PatinaError) as caught:
        replace(QUICK, **changed)
    assert caught.value.field == field


def test_the_command_line_says_what_moves(tmp_path, capsys):
    fox = str(Path(__file__).parents[1] / "assets" / "fox.gltf")
    waves(64, (0.2, 0.4, 1.0), 60).save(tmp_path / "a.png")
    waves(64, (1.0, 0.4, 0.2), 60).save(tmp_path / "b.png")
    common = [fox, "--quality", "sketch", "--texture-size", "64", "--device", "cpu", "--network", "alexnet"]
    keys = ["--key", "2", f"{tmp_path / 'b.png'}:0.9:200", "--key", "0", str(tmp_path / "a.png")]
    assert main(["animate", *common, *keys, "--loop", "--frames", "4", "--out", str(tmp_path / "out")]) == 0
    job = read_job(tmp_path / "out")
    assert (job.keys, job.frames, job.loop) == ((Key(0, (0.0, 1.0)), Key(2, (1.0, 0.0), 0.9, 200.0)), 4, True)
    assert len(list((tmp_path / "out").glob("texture_*.png"))) == 4
    assert capsys.readouterr().out.strip().endswith("texture_0.png")
    assert main(["animate", *common, "--boil", "4", "--out", str(tmp_path / "none")]) != 0
    assert "--style" in capsys.readouterr().err


def test_the_command_line_says_which_dreams_move(tmp_path, capsys):
    fox, out = str(Path(__file__).parents[1] / "assets" / "fox.gltf"), tmp_path / "out"
    common = [fox, "--texture-size", "64", "--steps", "2", "--device", "cpu", "--network", "alexnet"]
    keys = ["--key", "3", "channel:relu2:7", "--key", "0", "channel:relu3:1", "--loop"]
    assert main(["animate", *common, *keys, "--frames", "5", "--out", str(out)]) == 0
    job = read_job(out)
    assert [(target.layer, target.channel) for target in job.targets] == [("relu3", 1), ("relu2", 7)]
    assert job.keys == (Key(0, (1.0, 0.0)), Key(3, (0.0, 1.0)))
    assert (job.frames, job.loop, job.aligned) == (5, True, True)
    assert len(list(out.glob("texture_*.png"))) == 5
    assert len(json.loads((out / "report.json").read_text())["frame_distance"]) == 4
    capsys.readouterr()
    for wrong in (["1", "a.png"], ["1", "channel:relu2"], ["1", "class:"]):
        assert main(["animate", *common, *keys, "--key", *wrong, "--out", str(tmp_path / "none")]) != 0
        assert "nothing to dream of" in capsys.readouterr().err


def test_targets_count_as_much_as_their_keys_say():
    targets = tuple(Target("channel", layer="relu2", channel=n) for n in range(3))
    common = {"task": "interpolate", "targets": targets, "parameterization": "shared", "frames": 6}
    job = Job(**common, keys=(Key(1, (1.0, 0.0, 0.0)), Key(3, (0.0, 1.0, 0.0)), Key(5)), loop=True)
    assert np.allclose(
        shares(job),
        [[1, 0.5, 0.5], [1, 0, 0], [0.5, 0.5, 0], [0, 1, 0], [0.5, 1, 0.5], [1, 1, 1]],
    )


def test_a_class_at_a_key_is_painted_there(tmp_path):
    """By the classifier, which is chosen where a key has a class; and seen by it on views of its own."""
    fox, out = str(Path(__file__).parents[1] / "assets" / "fox.gltf"), tmp_path / "out"
    keys = ["--key", "0", "class:daisy", "--key", "2", "channel:block9:20"]
    words = ["--texture-size", "64", "--steps", "30", "--device", "cpu", "--seed", "0", "--out", str(out)]
    assert main(["animate", fox, *keys, *words]) == 0
    assert read_job(out).network == CLASSIFIER
    network, mesh = networks.load(CLASSIFIER, torch.device("cpu")), read_mesh(out / "mesh.npz")
    make = ViewMaker(mesh, "embree", np.random.default_rng(1))
    views = [make.taken(1.2, 128) for _ in range(6)]
    sure = []
    for frame in range(3):
        shown = torch.from_numpy(pixels(out / f"texture_{frame}.png") / 255).permute(2, 0, 1)[None].float()
        texture = UVTexture(Pixel(1, 3, 64, 64, shown))
        grey = torch.full((3, 128, 128), 0.5)
        with torch.no_grad():
            pictures = torch.stack(
                [view.image(texture.sample(texture.prepare(view, eye)), grey) for view, eye in views]
            )
            sure.append(float(network(pictures, [LOGITS])[LOGITS][:, classes.index("daisy")].mean()))
    assert sure[0] > sure[2] + 0.5
