"""Style-transfer jobs on a mesh: as a program runs them, what comes out, how they end, what they refuse."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from meshes import quad, sphere, write_npz
from PIL import Image

from backend.__main__ import main
from backend.conversation import GRACE, Wishes
from backend.errors import PatinaError
from backend.machine.shelf import Shelf
from backend.painting import aim, optimize
from backend.painting import job as painting_job
from backend.painting.start import initial_texture
from backend.protocol.events import CANCELLED, FAILED, FINISHED, Event, read_event
from backend.protocol.job import Job
from backend.protocol.job_file import read_job, write_job
from backend.protocol.parts import Style
from backend.rendering.mesh import Mesh, build_mesh
from backend.rendering.texels import locate
from backend.result import report
from backend.session import JobSession

ROOT = Path(__file__).parents[2]
JOB = Job(
    name="ball",
    mesh="mesh.npz",
    content="content.png",
    styles=(Style("style.png"),),
    texture_size=64,
    quality="draft",
    steps=4,
    seed=1,
    device="cpu",
)
QUICK = replace(JOB, network="alexnet", steps=3)
INPUTS = {"job.json", "mesh.npz", "content.png", "style.png"}


def gone_seconds() -> float:
    """Tell what two seconds of a free core are where so many processes wait for each."""
    busy = os.getloadavg()[0] / (os.cpu_count() or 1) if hasattr(os, "getloadavg") else 1.0
    return 2.0 * max(1.0, busy)


def waves(size: int, color: tuple[float, float, float], count: float) -> Image.Image:
    y, x = np.mgrid[:size, :size] / size
    wave = 0.5 + 0.3 * np.sin(count * (x + 0.5 * np.sin(count * y)))
    return Image.fromarray(np.round(255 * wave[..., None] * color).astype(np.uint8))


def folder_of(folder: Path, job: Job = JOB, mesh: Mesh | None = None) -> Path:
    """A whole job folder: a green ball, a blue style."""
    folder.mkdir(exist_ok=True)
    write_npz(mesh or sphere(2), folder / "mesh.npz")
    waves(64, (0.5, 0.9, 0.2), 12).save(folder / "content.png")
    waves(128, (0.2, 0.4, 1.0), 60).save(folder / "style.png")
    write_job(folder, job)
    return folder


@pytest.fixture(autouse=True)
def few_views(monkeypatch):
    """What is done in this process is judged on 2 views; processes of their own judge on all."""
    monkeypatch.setattr(report, "VIEWS", 2)


def do(folder: Path, job: Job = JOB) -> list[Event]:
    events: list[Event] = []
    painting_job.run(JobSession(job, folder, events.append, lambda: False))
    return events


def test_ink_leaves_no_stain_on_a_surface(tmp_path):
    """Of a style with colours on a line, from black to blue, all of the texture is on that line."""
    do(folder_of(tmp_path, replace(JOB, strength=1.0, follow_shape=0.0)))
    texture, axis = pixels(tmp_path / "texture.png") / 255, np.array([0.2, 0.4, 1.0])
    away = texture - (texture @ axis / (axis @ axis))[..., None] * axis
    assert texture.std() > 0.1
    assert np.abs(away).max() < 0.02


def assert_same_texture(one: Path, other: Path) -> None:
    first, second = ((folder / "texture.png").read_bytes() for folder in (one, other))
    assert first == second


def pixels(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path)).astype(float)


class Backend:
    """`python -m backend run FOLDER`, with its pipes."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-B", "-m", "backend", "run", str(folder), *options],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def events(self) -> list[Event]:
        """All that are still to come; then the process has closed its stdout."""
        return [event for event in map(read_event, self.process.stdout) if event]

    def wait_for(self, kind: str) -> Event:
        for line in self.process.stdout:
            event = read_event(line)
            if event and event.kind == kind:
                return event
        raise AssertionError(f"no {kind}: {self.process.stderr.read()}")

    def end(self) -> int:
        self.process.stdout.close()
        self.process.stderr.close()
        return self.process.wait(10)


@pytest.fixture
def start():
    started = []

    def start(folder: Path, *options: str) -> Backend:
        started.append(Backend(folder, *options))
        return started[-1]

    yield start
    for backend in started:
        backend.process.kill()
        backend.process.stdin.close()
        backend.end()


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> tuple[Path, list[Event], int]:
    """A job done by a process of its own: its folder, its events, its exit code."""
    folder = folder_of(tmp_path_factory.mktemp("job") / "job")
    backend = Backend(folder)
    events = backend.events()
    backend.process.stdin.close()
    return folder, events, backend.end()


def test_a_job_is_done_and_told(finished):
    folder, events, code = finished
    assert code == FINISHED
    assert events[0].kind == "started"
    assert "CPU" in events[0].message
    progress = [event for event in events if event.kind == "progress" and event.step]
    assert [event.step for event in progress] == [1, 2, 3, 4]
    assert all(event.steps == 4 and event.loss > 0 for event in progress)
    assert [event.fraction for event in progress] == sorted(event.fraction for event in progress)
    assert events[-1] == Event("finished", path="texture.png", report="report.json")
    made = {path.name for path in folder.iterdir()} - INPUTS
    assert made - {"preview.png"} == {"texture.png", "report.json", "checkpoint.npz"}
    picture = Image.open(folder / "texture.png")
    assert (picture.mode, picture.size) == ("RGB", (64, 64))


def test_the_report_says_how_it_went(finished):
    found = json.loads((finished[0] / "report.json").read_text())
    assert 0 < found["coverage"] <= 1
    assert found["style_distance"] < found["style_distance_before"]
    assert found["content_distance"] > 0
    assert found["seam_ratio"] > 0
    assert found["steps"] == 4
    assert found["seed"] == 1
    assert found["job"]["styles"] == [{"image": "style.png", "weight": 1.0, "crop": None}]
    seconds = found["seconds"]
    parts = sum(value for name, value in seconds.items() if name != "total")
    assert parts == pytest.approx(seconds["total"], abs=0.5)
    assert found["peak_memory_mb"] > 100


def test_the_same_seed_gives_the_same_bytes_and_another_others(finished, tmp_path):
    folder_of(tmp_path)
    do(tmp_path)
    texture = (tmp_path / "texture.png").read_bytes()
    assert texture == (finished[0] / "texture.png").read_bytes()  # even in another process
    do(tmp_path, replace(JOB, seed=2))
    assert (tmp_path / "texture.png").read_bytes() != texture


def test_strength_nought_gives_the_content_back(tmp_path):
    folder_of(tmp_path)
    events = do(tmp_path, replace(JOB, strength=0))
    assert events[-1].kind == "finished"
    used = locate(sphere(2), 64).used
    change = pixels(tmp_path / "texture.png") - pixels(tmp_path / "content.png")
    assert np.abs(change[used]).max() <= 1


def steered(folder: Path, before: Job, after: Job, at: int) -> tuple[list[Event], dict]:
    """Do `before`, whose file says `after` from step `at` on; its events and its report."""
    events, wishes = [], Wishes()

    def listen(event: Event) -> None:
        events.append(event)
        if event.kind == "progress" and event.step == at and not wishes.steered and event.stage != "adapting":
            write_job(folder, after)
            wishes.steered = len([e for e in events if e.stage == "adapting"]) == 0

    folder_of(folder, before)
    painting_job.run(JobSession(before, folder, listen, lambda: False, wishes=wishes))
    return events, json.loads((folder / "report.json").read_text())


def test_changed_settings_are_taken_up_from_the_texture_as_it_is(tmp_path):
    """Afterwards it is where a job with those settings from the start would be."""
    styles, weighed = ((Style("style.png"), Style("other.png", weight=weight)) for weight in (0.2, 2.0))
    # Without pieces laid over it at the end: which ones, a little difference decides.
    before = replace(QUICK, steps=16, strength=0.3, styles=styles, motifs=False)
    after = replace(before, strength=0.5, colors=0.3, style_size=1.6, follow_shape=0.6, styles=weighed)
    for name in ("steered", "undisturbed"):
        (tmp_path / name).mkdir()
        waves(128, (1.0, 0.3, 0.1), 30).save(tmp_path / name / "other.png")
    events, found = steered(tmp_path / "steered", before, after, 6)
    steps = [(e.stage, e.step) for e in events if e.kind == "progress" and e.step]
    assert [step for _, step in steps] == [*range(1, 7), *range(1, 17)]
    assert any(event.stage == "adapting" for event in events)
    assert (found["steps"], found["job"]["strength"]) == (22, 0.5)
    folder_of(tmp_path / "undisturbed", after)
    do(tmp_path / "undisturbed", after)
    wanted = json.loads((tmp_path / "undisturbed" / "report.json").read_text())
    for term in ("style_distance", "content_distance"):
        assert found[term] == pytest.approx(wanted[term], rel=0.1), term


def test_what_cannot_change_under_way_is_told_and_the_job_goes_on(tmp_path):
    events, found = steered(tmp_path, JOB, replace(JOB, texture_size=128, strength=0.9), 2)
    said = [event.message for event in events if event.kind == "message"]
    assert len(said) == 1
    assert "cannot change while the job runs" in said[0]
    assert (events[-1].kind, found["job"]["strength"]) == ("finished", JOB.strength)


@pytest.mark.parametrize("what", ["seed", "painting"])
def test_with_another_seed_or_painting_it_starts_over(what, tmp_path):
    """It is then, to the byte, the job that it would have been from the start."""
    after = (
        replace(QUICK, seed=QUICK.seed + 1)
        if what == "seed"
        else replace(QUICK, styles=(Style("other.png"),))
    )
    for name in ("steered", "fresh"):
        (tmp_path / name).mkdir()
        waves(128, (1.0, 0.3, 0.1), 30).save(tmp_path / name / "other.png")
    events, found = steered(tmp_path / "steered", QUICK, after, 2)
    steps = [event.step for event in events if event.kind == "progress" and event.step]
    assert steps == [1, 2, 1, 2, 3]
    assert found["steps"] == 3
    do(folder_of(tmp_path / "fresh", after), after)
    assert_same_texture(tmp_path / "steered", tmp_path / "fresh")


def test_the_same_object_again_takes_what_a_painter_kept_and_has_the_same_bytes(tmp_path, monkeypatch):
    """So does one with another strength, which a fresh painter would paint alike."""
    shelf, made = Shelf(), []

    def counted(*args, **more):
        made.append(args)
        return initial_texture(*args, **more)

    monkeypatch.setattr(aim, "initial_texture", counted)
    for name, job in (("a", QUICK), ("b", QUICK), ("c", replace(QUICK, strength=0.7))):
        painting_job.run(
            JobSession(job, folder_of(tmp_path / name, job), lambda e: None, lambda: False, shelf)
        )
        shelf.tidy()
    assert len(made) == 1
    assert_same_texture(tmp_path / "a", tmp_path / "b")
    do(folder_of(tmp_path / "fresh"), replace(QUICK, strength=0.7))
    assert_same_texture(tmp_path / "c", tmp_path / "fresh")
    other = folder_of(tmp_path / "other")
    waves(64, (0.5, 0.8, 0.2), 12).save(other / "content.png")
    painting_job.run(JobSession(QUICK, other, lambda e: None, lambda: False, shelf))
    assert len(made) == 3


def test_where_is_painted_can_change_under_way(tmp_path):
    """A mask comes, by the mesh's weights, and goes again; a mesh that is another one is refused."""
    whole = sphere(2)
    upper = np.repeat((whole.corners[..., 2].mean(1) > 0).astype(np.float32)[:, None], 3, 1)
    write_npz(whole, tmp_path / "mesh_1.npz", weights=upper)
    plain = replace(QUICK, looked_from=(1.0, 0.0, 0.0))
    masked = replace(plain, mesh="mesh_1.npz")
    _, found = steered(tmp_path, plain, masked, 2)
    assert found["job"]["mesh"] == "mesh_1.npz"
    texels = locate(whole, 64)
    mask = pixels(tmp_path / "mask.png")[texels.used]
    assert mask[texels.points[:, 2] > 0.2].min() == 255
    assert mask[texels.points[:, 2] < -0.2].max() == 0
    shown, content = (pixels(tmp_path / name)[texels.used] for name in ("preview.png", "content.png"))
    assert np.abs(shown - content)[texels.points[:, 2] < -0.3].max() < 2
    steered(tmp_path, masked, plain, 2)
    assert not (tmp_path / "mask.png").exists()
    write_npz(sphere(3), tmp_path / "mesh_1.npz")
    events, _ = steered(tmp_path, plain, masked, 2)
    assert any("The mesh is another one" in event.message for event in events)


def test_a_sketch_is_the_start_and_can_be_gone_on_from(tmp_path):
    folder = folder_of(tmp_path / "sketch", replace(JOB, quality="sketch", steps=None))
    events = do(folder, replace(JOB, quality="sketch", steps=None))
    assert not [event for event in events if event.kind == "progress" and event.step]
    assert (events[-1].kind, json.loads((folder / "report.json").read_text())["steps"]) == ("finished", 0)
    used = locate(sphere(2), 64).used
    content, style = (pixels(folder / name)[used].mean(0) for name in ("content.png", "texture.png"))
    assert (content.argmax(), style.argmax()) == (1, 2)  # a green ball in blue
    rest = replace(JOB, resume="sketch.npz", steps=3)
    folder_of(tmp_path / "rest", rest)
    (folder / "checkpoint.npz").rename(tmp_path / "rest" / "sketch.npz")
    stages = [event.stage for event in do(tmp_path / "rest", rest) if event.kind == "progress" and event.step]
    assert stages[0] == "composing"
    assert len(stages) == 3


def test_more_strength_takes_it_further_from_the_content(tmp_path):
    folder_of(tmp_path)
    used = locate(sphere(2), 64).used
    changes = []
    for strength in (0.1, 0.9):
        do(tmp_path, replace(JOB, strength=strength))
        change = pixels(tmp_path / "texture.png") - pixels(tmp_path / "content.png")
        changes.append(np.abs(change[used]).mean())
    assert changes[1] > 2 * changes[0]


def test_the_palette_is_the_styles_or_the_objects_or_between(tmp_path):
    """The content is green, the style blue."""
    folder_of(tmp_path)
    used = locate(sphere(2), 64).used
    means = {}
    for colors in (0.0, 0.5, 1.0):
        do(tmp_path, replace(JOB, colors=colors, strength=0.6))
        means[colors] = pixels(tmp_path / "texture.png")[used].mean(0)
    assert means[0.0].argmax() == 2
    assert means[1.0].argmax() == 1
    own = pixels(tmp_path / "content.png")[used].mean(0)
    assert np.abs(means[1.0] - own).max() < 20
    assert np.abs(means[0.5] - (means[0.0] + means[1.0]) / 2).max() < 15


def test_a_part_of_a_style_is_a_style(tmp_path):
    """A picture that is blue above and red below, and only one half of it counts."""
    folder_of(tmp_path)
    two = Image.new("RGB", (128, 256))
    two.paste(waves(128, (0.2, 0.4, 1.0), 60), (0, 0))
    two.paste(waves(128, (1.0, 0.2, 0.2), 60), (0, 128))
    two.save(tmp_path / "style.png")
    used = locate(sphere(2), 64).used
    for y, channel in ((0, 2), (0.5, 0)):
        do(tmp_path, replace(JOB, styles=(Style("style.png", crop=(0, y, 1, 0.5)),), strength=0.8))
        assert pixels(tmp_path / "texture.png")[used].mean(0).argmax() == channel


def test_an_object_without_a_texture_is_painted_too(tmp_path):
    folder_of(tmp_path)
    do(tmp_path, replace(JOB, content=None, steps=2))
    assert pixels(tmp_path / "texture.png").std() > 2
    assert json.loads((tmp_path / "report.json").read_text())["style_distance"] > 0


def bowl() -> Mesh:
    """A flat floor, unwrapped over nearly the whole texture, and a wall around it, on a sliver."""
    corners = np.array([(x, y, z) for z in (0, 1) for x, y in ((-1, -1), (1, -1), (1, 1), (-1, 1))], float)
    sides = [face for k in range(4) for j in [(k + 1) % 4] for face in ((k, k + 4, j), (j, k + 4, j + 4))]
    faces = np.array([[0, 1, 2], [0, 2, 3], *sides])
    uvs = np.full((len(faces), 3, 2), 0.02)
    uvs[:2] = (corners[faces[:2], :2] / 2 + 0.5) * 0.9 + 0.1
    uvs[2:, 1:, 0] += 0.02
    uvs[2:, 2, 1] += 0.02
    return build_mesh(corners, faces, uvs)


@pytest.mark.parametrize("parameterization", ["pyramid", "fourier"])
def test_a_form_without_a_texture_is_drawn_as_far_as_is_asked(parameterization, tmp_path):
    """The floor of a box, which the walls keep the light from: darker at its corners."""
    folder_of(tmp_path, mesh=bowl())
    job = replace(JOB, content=None, strength=0.05, steps=2, parameterization=parameterization)
    darker = []
    for follow in (0.0, None):
        do(tmp_path, replace(job, follow_shape=follow))
        floor = pixels(tmp_path / "texture.png").mean(2)[:57, 7:]
        darker.append(floor[20:-20, 20:-20].mean() - floor[-7:, -7:].mean())
    assert darker[0] < 6
    assert darker[1] > darker[0] + 15


@pytest.mark.parametrize("plain", [True, False])
def test_a_texture_is_shaded_if_asked_to_and_a_single_colour_by_itself(plain, tmp_path):
    folder_of(tmp_path)
    if plain:
        Image.new("RGB", (64, 64), (60, 200, 90)).save(tmp_path / "content.png")
    mesh = sphere(2)
    texels = locate(mesh, 64)
    below = texels.points[:, 2] < -0.4
    before = pixels(tmp_path / "content.png")[texels.used].astype(float)
    light = {}
    for follow in (0.0, 1.0, None):
        do(tmp_path, replace(JOB, strength=0.0, follow_shape=follow))
        after = pixels(tmp_path / "texture.png")[texels.used].astype(float)
        light[follow] = (after[below] / before[below]).mean()
    assert light[0.0] == pytest.approx(1, abs=0.02)
    assert light[1.0] == pytest.approx(0.43, abs=0.05)  # of half a sphere that looks down
    assert light[None] == pytest.approx(light[1.0 if plain else 0.0], abs=0.01)


def test_losses_that_are_no_numbers_leave_the_texture_as_it_was(tmp_path):
    """So weak a strength that the content's weight is beyond float32: three steps are tried."""
    events = do(folder_of(tmp_path), replace(JOB, strength=1e-300, steps=20))
    said = [event.message for event in events if event.kind == "message"]
    assert len(said) == 3
    assert "left out" in said[0]
    assert "3 steps in a row" in said[2]
    assert events[-1].kind == "finished"
    shown, content = pixels(tmp_path / "texture.png"), pixels(tmp_path / "content.png")
    assert np.abs(shown - content)[locate(sphere(2), 64).used].mean() < 3


# How a process ends


LONG = replace(JOB, steps=5000)


@pytest.mark.parametrize("way", ["cancel", "end of stdin"])
def test_asked_to_end_it_does_so_within_two_seconds_and_keeps_its_last_step(way, start, tmp_path):
    backend = start(folder_of(tmp_path, LONG))
    last = 0
    while last < 3:
        last = backend.wait_for("progress").step
    asked = time.monotonic()
    if way == "cancel":
        backend.process.stdin.write("cancel\n")
        backend.process.stdin.flush()
    else:
        backend.process.stdin.close()
    events = backend.events()
    assert backend.process.wait(10) == CANCELLED
    assert time.monotonic() - asked < gone_seconds()
    assert events[-1] == Event("cancelled")
    assert {path.name for path in tmp_path.iterdir()} - {"preview.png"} == INPUTS | {"checkpoint.npz"}
    with np.load(tmp_path / "checkpoint.npz") as file:
        assert int(file["steps"]) >= max([last, *(event.step for event in events)])


def test_a_cancel_is_heard_while_torch_is_imported(start, tmp_path):
    began = time.monotonic()
    backend = start(folder_of(tmp_path, LONG))
    backend.process.stdin.write("cancel\n")
    backend.process.stdin.flush()
    assert backend.events() == [Event("cancelled")]
    assert backend.process.wait(10) == CANCELLED
    assert time.monotonic() - began < gone_seconds()
    assert {path.name for path in tmp_path.iterdir()} == INPUTS


def test_the_end_of_stdin_ends_it_before_its_first_step(start, tmp_path):
    """So does the end of the program that started it."""
    backend = start(folder_of(tmp_path, LONG))
    backend.wait_for("started")
    asked = time.monotonic()
    backend.process.stdin.close()
    assert backend.events()[-1] == Event("cancelled")
    assert backend.process.wait(10) == CANCELLED
    assert time.monotonic() - asked < gone_seconds()
    assert {path.name for path in tmp_path.iterdir()} == INPUTS


def test_a_job_too_busy_to_listen_is_ended_where_it_is(start, tmp_path):
    """Its plugin never comes back."""
    plugin = tmp_path / "busy.py"
    plugin.write_text("import time\ntime.sleep(3600)\n")
    backend = start(folder_of(tmp_path / "job"), "--plugin", str(plugin))
    backend.process.stdin.write("cancel\n")
    backend.process.stdin.flush()
    assert backend.events() == [Event("cancelled")]
    assert backend.process.wait(10) == CANCELLED
    assert GRACE < 2


@pytest.mark.skipif(sys.platform == "win32", reason="needs pipes with names")
def test_a_job_file_without_an_end_is_refused_at_once(tmp_path):
    """A pipe waited for a writer, and a link to a device took all memory."""
    path = tmp_path / "job.json"
    for plant in (os.mkfifo, lambda path: path.symlink_to("/dev/zero"), Path.mkdir):
        plant(path)
        with pytest.raises(PatinaError, match=r"job\.json cannot be read"):
            read_job(tmp_path)
        path.rmdir() if path.is_dir() else path.unlink()


def test_killed_it_leaves_nothing_half_written(start, tmp_path):
    backend = start(folder_of(tmp_path, replace(JOB, texture_size=256)))
    backend.wait_for("progress")
    backend.process.kill()
    assert backend.process.wait(10) < 0
    left = {path.name for path in tmp_path.iterdir() if path.suffix != ".part"} - INPUTS
    assert left <= {"preview.png", "checkpoint.npz", "texture.png"}
    for name in left - {"checkpoint.npz"}:
        Image.open(tmp_path / name).load()
    if "checkpoint.npz" in left:  # on a busy machine it takes so long
        with np.load(tmp_path / "checkpoint.npz") as file:
            assert all(file[name].size for name in file)


# What it refuses


def text(data: str):
    return lambda path: path.write_text(data)


def shorten(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def broken(**arrays):
    """The sphere with some arrays changed in one place."""

    def write(path: Path) -> None:
        mesh = sphere(1)
        changed = {}
        for name, change in arrays.items():
            changed[name] = change(getattr(mesh, name).copy())
        write_npz(mesh, path, **changed)

    return write


def put(place, value):
    def change(array):
        array[place] = value
        return array

    return change


MESHES = {
    "missing": (Path.unlink, "mesh.npz is missing"),
    "empty": (text(""), "mesh.npz is not a mesh"),
    "truncated": (shorten, "mesh.npz is not a mesh"),
    "something else": (text("v 0 0 0\n"), "mesh.npz is not a mesh"),
    "one array": (lambda path: np.save(path.open("wb"), np.zeros(3)), "mesh.npz is not a mesh"),
    "no UVs": (lambda path: np.savez(path, vertices=np.zeros((3, 3))), "mesh.npz is not a mesh"),
    "a NaN coordinate": (broken(vertices=put((3, 1), np.nan)), "ball has a coordinate that is NaN"),
    "an infinite coordinate": (broken(vertices=put((3, 1), np.inf)), "ball has a coordinate that is NaN"),
    "a NaN UV": (broken(uvs=put((3, 1), np.nan)), "ball has a UV that is NaN"),
    "no UV area": (broken(uvs=lambda uvs: uvs * 0), "its UV map covers nothing"),
    "UVs on a line": (broken(uvs=lambda uvs: uvs * (1, 0)), "its UV map covers nothing"),
    "UVs smaller than a texel": (broken(uvs=lambda uvs: uvs * 1e-3 + 1e-5), "smaller than a texel"),
    "no faces": (
        broken(faces=lambda f: f[:0], uvs=lambda uvs: uvs[:0], normals=lambda n: n[:0]),
        "ball has no faces",
    ),
    "a vertex that is not there": (broken(faces=put((0, 0), 10_000)), "vertices it has not"),
    "a negative vertex": (broken(faces=put((0, 0), -1)), "vertices it has not"),
    "all in one point": (broken(vertices=lambda v: v * 0), "no extent"),
    "too few UVs": (broken(uvs=lambda uvs: uvs[1:]), "wrong shape"),
    "quads": (broken(faces=lambda f: np.concatenate([f, f[:, :1]], 1)), "wrong shape"),
    "words": (broken(vertices=lambda v: v.astype("U8")), "it holds"),
    "faces with fractions": (broken(faces=lambda f: f + 0.5), "wrong type"),
    "objects": (broken(vertices=lambda v: v.astype(object)), "mesh.npz is not a mesh"),
}


@pytest.fixture
def run(monkeypatch, capsys):
    """`backend run` in this process, as a program calls it: its stdin stays open while it works."""
    reads, writes = os.pipe()
    stdin = os.fdopen(reads)
    monkeypatch.setattr("sys.stdin", stdin)

    def run(folder: Path) -> tuple[int, list[Event]]:
        code = main(["run", str(folder)])
        return code, [event for event in map(read_event, capsys.readouterr().out.splitlines()) if event]

    yield run
    os.close(writes)


def refused(run, folder: Path, field: str, said: str) -> None:
    before = {path.name for path in folder.iterdir()}
    code, events = run(folder)
    assert code == FAILED
    event = events[-1]
    assert (event.kind, event.field) == ("failed", field)
    assert said in event.message
    assert event.cure
    assert {path.name for path in folder.iterdir()} == before


@pytest.mark.parametrize("what", MESHES)
def test_a_mesh_that_is_none_is_refused_by_name(what, run, tmp_path):
    harm, said = MESHES[what]
    harm(folder_of(tmp_path) / "mesh.npz")
    refused(run, tmp_path, "mesh", said)


STYLES = {
    "missing": (Path.unlink, "style.png does not exist"),
    "empty": (text(""), "style.png is empty"),
    "truncated": (shorten, "style.png cannot be read"),
    "not a picture": (text("Dear Theo,"), "style.png cannot be read"),
    "one pixel": (lambda path: Image.new("RGB", (1, 1)).save(path), "style.png is 1 × 1 pixels"),
}


def test_a_content_of_one_pixel_is_a_plain_colour(run, tmp_path):
    STYLES["one pixel"][0](folder_of(tmp_path) / "content.png")
    assert run(tmp_path)[0] == FINISHED


@pytest.mark.parametrize(
    ("name", "what"),
    [("style.png", what) for what in STYLES]
    + [("content.png", what) for what in STYLES if what != "one pixel"],
)
def test_a_picture_that_is_none_is_refused_by_name(name, what, run, tmp_path):
    harm, said = STYLES[what]
    harm(folder_of(tmp_path) / name)
    field = "styles" if name == "style.png" else "content"
    refused(run, tmp_path, field, said.replace("style.png", name))


def test_layers_and_views_are_those_of_the_job(tmp_path, monkeypatch):
    drawn, seen = [], []
    draw, look = optimize.Bank.draw, optimize.Score.__init__

    def count(self, views, random, each):
        drawn.append(views)
        return draw(self, views, random, each)

    def note(self, *arguments):
        look(self, *arguments)
        seen.append(self.layers)

    monkeypatch.setattr(optimize.Bank, "draw", count)
    monkeypatch.setattr(optimize.Score, "__init__", note)
    do(folder_of(tmp_path), replace(JOB, layers=("relu1_1", "relu3_1"), views=3))
    assert set(drawn) == {3}
    assert {tuple(layers) for layers in seen} == {("relu1_1", "relu3_1")}


JOBS = {
    "a layer that is not there": ({"layers": ["relu9_9"]}, "layer", "relu9_9"),
    "another version": ({"version": 2}, "version", "reads version 1"),
    "an unknown field": ({"colour": "red"}, "colour", "unknown field"),
    "a wrong type": ({"seed": "one"}, "seed", "'one'"),
    "a device that is not there": ({"device": "mps"}, "device", "no mps device"),
    "an unknown network": ({"network": "vgg99"}, "network", "vgg99"),
}


@pytest.mark.parametrize("what", JOBS)
def test_a_job_that_cannot_be_done_is_refused_by_name(what, run, tmp_path):
    values, field, said = JOBS[what]
    path = folder_of(tmp_path) / "job.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))
    refused(run, tmp_path, field, said)


def test_a_job_that_breaks_its_reader_still_ends_with_a_word(run, tmp_path):
    """Lists within lists: no reader of JSON gets to the end of so many."""
    (tmp_path / "job.json").write_text("[" * 200_000)
    code, events = run(tmp_path)
    assert code == FAILED
    assert events[-1].kind == "failed"


def test_a_folder_that_is_not_there_is_refused(run, tmp_path):
    code, events = run(tmp_path / "nowhere")
    assert code == FAILED
    assert events[-1].field == "job"
    assert not list(tmp_path.iterdir())


def test_a_full_disk_is_named_and_leaves_nothing(run, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(disk)]
    if sys.platform != "linux" or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("needs the right to mount a small disk")
    try:
        folder_of(disk, replace(JOB, strength=0), quad())
        free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
        (disk / "ballast").write_bytes(bytes(free))
        refused(run, disk, "out", "texture.png cannot be written: No space left")
    finally:
        subprocess.run(["umount", str(disk)], check=True)
