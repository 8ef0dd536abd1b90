"""An hour of work survives what happens to it: full disks, cancels, kills, and numbers that are none."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

sys.path.append(str(Path(__file__).parents[1] / "backend"))

from test_going_on import JOBS
from test_stylize_job import JOB, Backend, do, folder_of, gone_seconds, pixels, waves

from backend import run, session
from backend.networks import registry
from backend.painting import follower, picture_job
from backend.painting import job as painting_job
from backend.protocol.events import FAILED, FINISHED, Event
from backend.protocol.job import Job
from backend.protocol.parts import Target
from backend.result import report

ALL = int(os.environ.get("PATINA_FAULTS", "1")) > 1
QUICK = replace(JOB, network="alexnet")
BIGGER = replace(QUICK, texture_size=256)
DREAM = Job(
    task="dream",
    targets=(Target("channel", layer="conv2", channel=3),),
    network="alexnet",
    parameterization="fourier",
    image_size=64,
    steps=12,
    device="cpu",
)
SOLID = replace(JOB, network="alexnet", steps=12, parameterization="cppn")
PHOTO = replace(JOBS["photograph"], steps=12)


@pytest.fixture(autouse=True)
def few_views(monkeypatch):
    monkeypatch.setattr(report, "VIEWS", 2)


def said(events: list[Event]) -> str:
    return "\n".join(event.message for event in events if event.kind == "message")


def outcome(folder: Path) -> tuple[int, list[Event]]:
    events: list[Event] = []
    return run.do_job(folder, events.append, lambda: False), events


# The texture comes first


def test_a_damaged_judge_does_not_cost_the_texture(tmp_path, monkeypatch):
    """The file of the network that measures is cut off in its middle."""
    source = next(source for source in registry.entry("alexnet").sources if source.find())
    whole, damaged = source.find(), tmp_path / "alexnet"
    damaged.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    find = type(source).find
    monkeypatch.setattr(type(source), "find", lambda self: damaged if self == source else find(self))
    folder = folder_of(tmp_path / "job")
    code, events = outcome(folder)
    assert code == FINISHED
    assert "The result could not be measured" in said(events)
    assert "style_distance" not in json.loads((folder / "report.json").read_text())
    Image.open(folder / "texture.png").load()


def test_a_report_that_cannot_be_written_is_told_and_the_job_is_done(tmp_path):
    folder = folder_of(tmp_path, QUICK)
    (folder / "report.json").mkdir()
    code, events = outcome(folder)
    assert code == FINISHED
    assert "The report could not be written" in said(events)
    assert (events[-1].kind, events[-1].path, events[-1].report) == ("finished", "texture.png", "")
    Image.open(folder / "texture.png").load()


# Conveniences never end a job


@pytest.mark.parametrize("name", ["preview.png", "checkpoint.npz"])
def test_a_preview_or_checkpoint_that_cannot_be_written_is_told_once(name, tmp_path, monkeypatch):
    monkeypatch.setattr(session, "PREVIEW_SECONDS", 0.0)
    monkeypatch.setattr(session, "PREVIEW_PAUSE", 0.0)
    monkeypatch.setattr(follower, "CHECKPOINT_SECONDS", 0.0)
    folder = folder_of(tmp_path, QUICK)
    (folder / name).mkdir()
    code, events = outcome(folder)
    assert code == FINISHED
    assert said(events).count("could not be written") == 1
    Image.open(folder / "texture.png").load()


@pytest.mark.skipif(sys.platform != "linux", reason="mounts a small disk")
@pytest.mark.parametrize("room", [200, 450, 700, 950, 1200, 1500] if ALL else [200, 1200])
def test_on_a_disk_that_fills_up_conveniences_make_room_for_the_texture(room, tmp_path, monkeypatch):
    """A disk of so many kB beyond what the job's own files take: the texture needs some 150."""
    folder = tmp_path / "job"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("needs the right to mount a small disk")
    try:
        folder_of(folder, BIGGER)
        filler = folder / "filler"
        free = os.statvfs(folder).f_bavail * os.statvfs(folder).f_frsize
        filler.write_bytes(bytes(free - room * 1000))
        monkeypatch.setattr(session, "PREVIEW_SECONDS", 0.0)
        monkeypatch.setattr(session, "PREVIEW_PAUSE", 0.0)
        monkeypatch.setattr(follower, "CHECKPOINT_SECONDS", 0.0)
        code, events = outcome(folder)
        assert code == FINISHED, events[-1]
        Image.open(folder / "texture.png").load()
        assert not list(folder.glob("*.part"))
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.skipif(sys.platform != "linux", reason="mounts a small disk")
def test_on_a_disk_without_room_for_the_texture_it_says_so_and_can_go_on_later(tmp_path):
    folder = tmp_path / "job"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("needs the right to mount a small disk")
    try:
        folder_of(folder, BIGGER)
        free = os.statvfs(folder).f_bavail * os.statvfs(folder).f_frsize
        (folder / "filler").write_bytes(bytes(free - 40_000))
        code, events = outcome(folder)
        assert code == FAILED
        assert os.strerror(errno.ENOSPC) in events[-1].message
        assert events[-1].cure
        assert not list(folder.glob("*.part"))
    finally:
        subprocess.run(["umount", str(folder)], check=True)


LARGER = {"steps": 3, "image_size": 256, "texture_size": 256}
KINDS = list(JOBS) if ALL else ["photograph", "style with relief"]


@pytest.mark.skipif(sys.platform != "linux", reason="mounts a small disk")
@pytest.mark.parametrize("kind", KINDS)
def test_so_they_do_in_every_other_job(kind, tmp_path, monkeypatch):
    """The disk is full once all steps are taken; a relief and a formula may then be lacking."""
    folder = tmp_path / "job"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("needs the right to mount a small disk")
    monkeypatch.setattr(session, "FIRST_PREVIEWS", 0.0)
    monkeypatch.setattr(session, "PREVIEW_PAUSE", 0.0)
    write_result = session.JobSession.write_result
    filled = []

    def on_a_full_disk(self, *arguments):
        free = os.statvfs(folder).f_bavail * os.statvfs(folder).f_frsize
        (folder / "filler").write_bytes(bytes(free))
        filled.append(free)
        return write_result(self, *arguments)

    monkeypatch.setattr(session.JobSession, "write_result", on_a_full_disk)
    try:
        folder_of(folder, replace(JOBS[kind], **LARGER))
        waves(256, (0.5, 0.9, 0.2), 12).save(folder / "content.png")
        code, events = outcome(folder)
        assert code == FINISHED, events[-1]
        assert len(filled) == 1
        Image.open(folder / events[-1].path).load()
        assert not list(folder.glob("*.part"))
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.parametrize("name", ["picture.cppn", "height.png"])
def test_what_comes_beside_a_result_is_told_of_where_it_cannot_be_written(name, tmp_path):
    kind = {"picture.cppn": "transparent dream of a CPPN", "height.png": "style with relief"}[name]
    folder = folder_of(tmp_path, replace(JOBS[kind], steps=1))
    (folder / name).mkdir()
    code, events = outcome(folder)
    assert code == FINISHED, events[-1]
    assert said(events).count("could not be written") == 1
    Image.open(folder / events[-1].path).load()


def test_frames_that_cannot_be_measured_are_there(tmp_path, monkeypatch):
    def too_large(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(report, "frame_distances", too_large)
    code, events = outcome(folder_of(tmp_path, replace(JOBS["frames"], steps=1)))
    assert code == FINISHED, events[-1]
    assert "The frames could not be measured" in said(events)


# Going on


def test_an_interrupted_job_goes_on_with_what_it_lacks_and_ends_as_the_undisturbed_one(tmp_path):
    """In terms of the report: style and content distance within a few hundredths, all steps counted."""
    job = replace(QUICK, steps=40)
    whole = folder_of(tmp_path / "whole", job)
    do(whole, job)
    cut = folder_of(tmp_path / "cut", job)
    seen: list[Event] = []
    assert run.do_job(cut, seen.append, lambda: sum(e.kind == "progress" for e in seen) >= 15) == 3
    with np.load(cut / "checkpoint.npz") as file:
        taken = int(file["steps"])
        assert 10 <= taken < 40
        assert file["stages"].sum(0).tolist() == [40, taken]
    rest = folder_of(tmp_path / "rest", replace(job, resume="earlier.npz", steps=None))
    (cut / "checkpoint.npz").rename(rest / "earlier.npz")
    events = do(rest, replace(job, resume="earlier.npz", steps=None))
    steps = [event for event in events if event.kind == "progress" and event.step]
    assert len(steps) == 40 - taken
    assert steps[0].stage in ("composing", "painting")
    assert steps[-1].stage == "refining"
    reports = [json.loads((folder / "report.json").read_text()) for folder in (whole, rest)]
    assert reports[0]["steps"] == reports[1]["steps"] == 40
    before = reports[0]["style_distance_before"]
    difference = abs(reports[0]["style_distance"] - reports[1]["style_distance"]) / before
    assert difference < 0.01, (difference, reports[0]["style_distance"], reports[1]["style_distance"], before)


def test_a_job_that_was_killed_while_it_finished_goes_on_to_its_end_without_a_step(tmp_path):
    folder = folder_of(tmp_path / "first", QUICK)
    do(folder, QUICK)
    going_on = replace(QUICK, resume="earlier.npz", steps=None)
    rest = folder_of(tmp_path / "rest", going_on)
    (folder / "checkpoint.npz").rename(rest / "earlier.npz")
    events = do(rest, going_on)
    assert not [event for event in events if event.kind == "progress" and event.step]
    assert events[-1].kind == "finished"
    assert np.abs(pixels(rest / "texture.png") - pixels(folder / "texture.png")).mean() < 3


def test_the_checkpoint_of_a_killed_process_is_young(tmp_path):
    """What is kept of a cancel, or the end of stdin: `test_stylize_job`."""
    folder = folder_of(tmp_path, replace(QUICK, steps=100_000))
    backend = Backend(folder)
    began = time.monotonic()
    for line in backend.process.stdout:
        if json.loads(line).get("step", 0) > 5 and (folder / "checkpoint.npz").exists():
            break
    assert time.monotonic() - began < 60
    backend.process.kill()
    backend.process.stdin.close()
    backend.process.stdout.read()
    backend.process.wait(10)
    backend.process.stdout.close()
    backend.process.stderr.close()
    with np.load(folder / "checkpoint.npz") as file:
        assert int(file["steps"]) >= 1
    assert time.time() - (folder / "checkpoint.npz").stat().st_mtime < 11
    assert not list(folder.glob("*.part"))


def test_checkpoints_are_cheap(tmp_path):
    """At 2048²: what the loop waits for one, every eight seconds, is a few hundredths of the time."""
    from backend.painting import checkpoint
    from backend.painting.pyramid import Pyramid
    from backend.rendering.mesh import read_mesh

    folder_of(tmp_path)
    mesh, texture = read_mesh(tmp_path / "mesh.npz"), Pyramid(torch.rand(3, 2048, 2048))
    tries = []
    for _ in range(3):  # the machine may be busy with something else
        began = time.perf_counter()
        checkpoint.write(tmp_path / "checkpoint.npz", texture, mesh, checkpoint.Kept(1))
        tries.append(time.perf_counter() - began)
    seconds = min(tries)
    print(f"{seconds:.2f} s for {(tmp_path / 'checkpoint.npz').stat().st_size / 1e6:.0f} MB")
    crowd = gone_seconds() / 2  # of processes, for each core
    assert seconds < 0.1 * follower.CHECKPOINT_SECONDS * crowd


# Numbers


@pytest.mark.parametrize("steps_of_poison", [2, 100])
def test_numbers_that_are_none_never_reach_the_texture(steps_of_poison, tmp_path, monkeypatch):
    """A bit of the network's own memory turns to NaN at step 5, for so many steps."""
    from backend import networks

    loaded = []
    real = networks.load

    def load(*arguments, **options):
        loaded.append(real(*arguments, **options))
        return loaded[-1]

    monkeypatch.setattr(networks, "load", load)
    events: list[Event] = []
    healthy: list[torch.Tensor] = []

    def listen(event: Event) -> None:
        events.append(event)
        if event.kind != "progress" or not event.step:
            return
        weight = next(loaded[0].parameters()).data
        if event.step == 5:
            healthy.append(weight.clone())
            weight[0, 0, 0, 0] = float("nan")
        if event.step == 5 + steps_of_poison:
            weight.copy_(healthy[0])

    job = replace(QUICK, steps=20, strength=1.0)  # no features of the content are kept from a bad moment
    folder = folder_of(tmp_path, job)
    painting_job.run(session.JobSession(job, folder, listen, lambda: False))
    left_out = said(events).count("left out")
    assert left_out == min(steps_of_poison, 2)
    assert ("in a row" in said(events)) == (steps_of_poison == 100)
    assert all(np.isfinite(event.loss) for event in events if event.loss is not None)
    assert events[-1].kind == "finished"
    with np.load(folder / "checkpoint.npz") as file:
        assert np.isfinite(file["rows"]).all()
    shown = pixels(folder / "texture.png")
    assert shown.std() > 2


@pytest.mark.parametrize(
    ("job", "steps_of_poison"),
    [(DREAM, 1), (DREAM, 100), (SOLID, 100), (PHOTO, 1), (PHOTO, 100)],
    ids=["dream", "dream to the end", "surface to the end", "photograph", "photograph to the end"],
)
def test_numbers_that_are_none_never_reach_a_canvas(job, steps_of_poison, tmp_path, monkeypatch):
    """As above, for what every other job paints on."""
    from backend import networks
    from backend.canvas import job as canvas_job

    loaded = []
    real = networks.load
    monkeypatch.setattr(networks, "load", lambda *a, **o: loaded.append(real(*a, **o)) or loaded[-1])
    events: list[Event] = []
    healthy: list[torch.Tensor] = []

    def listen(event: Event) -> None:
        events.append(event)
        if event.kind != "progress" or not event.step:
            return
        weight = next(loaded[0].parameters()).data
        if event.step == 5:
            healthy.append(weight.clone())
            weight[0, 0, 0, 0] = float("nan")
        if event.step == 5 + steps_of_poison:
            weight.copy_(healthy[0])

    folder = folder_of(tmp_path, job)
    paint = picture_job.run if job.on_pixels else canvas_job.run
    paint(session.JobSession(job, folder, listen, lambda: False))
    assert said(events).count("left out") == min(steps_of_poison, 2)
    assert ("in a row" in said(events)) == (steps_of_poison == 100)
    assert all(np.isfinite(event.loss) for event in events if event.loss is not None)
    assert pixels(folder / events[-1].path).std() > 2
