"""Every kind of job can be ended and gone on with, and steered: it comes to where it would have come."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from test_stylize_job import folder_of, pixels

from backend.canvas import checkpoint
from backend.canvas import job as canvas_job
from backend.conversation import Cancelled, Wishes
from backend.errors import PatinaError
from backend.painting import brush, optimize, picture, picture_job, stroke_finish
from backend.painting import job as painting_job
from backend.protocol.events import Event
from backend.protocol.job import Job
from backend.protocol.job_file import write_job
from backend.protocol.parts import Style, Target
from backend.result import report
from backend.session import JobSession

STYLE = (Style("style.png"),)
CHANNEL = (Target("channel", layer="conv2", channel=3),)
COMMON = {"network": "alexnet", "device": "cpu", "image_size": 64, "texture_size": 64, "seed": 3, "steps": 10}
PHOTO = Job(**COMMON, content="content.png", styles=STYLE, parameterization="pixel")
JOBS = {
    "photograph": PHOTO,
    "photograph as a pyramid": replace(PHOTO, parameterization="pyramid"),
    "dream": Job(**COMMON, task="dream", targets=CHANNEL, parameterization="fourier"),
    "transparent dream of a CPPN": Job(
        **COMMON, task="dream", targets=CHANNEL, parameterization="cppn", transparent=True
    ),
    "texture": Job(**COMMON, task="synthesize", styles=STYLE, parameterization="fourier", scales=1),
    "frames": Job(**COMMON, task="interpolate", targets=CHANNEL * 2, parameterization="shared", frames=3),
    "texture of a mesh": Job(**COMMON, mesh="mesh.npz", task="synthesize", styles=STYLE, scales=1, views=1),
    "style with relief": Job(
        **COMMON, mesh="mesh.npz", content="content.png", styles=STYLE, relief=True, views=1
    ),
}


@pytest.fixture(autouse=True)
def few_views(monkeypatch):
    monkeypatch.setattr(report, "VIEWS", 2)


def do(folder: Path, job: Job, at: Callable[[int, Wishes], None] = lambda step, wishes: None) -> list[Event]:
    """Do a job in `folder`; `at` is called after each step."""
    events, wishes = list[Event](), Wishes()

    def listen(event: Event) -> None:
        events.append(event)
        if event.kind == "progress" and event.step:
            at(event.step, wishes)

    write_job(folder, job)
    is_painted = job.mesh is not None and job.task == "stylize" and not job.relief
    run = picture_job.run if job.on_pixels else painting_job.run if is_painted else canvas_job.run
    run(JobSession(job, folder, listen, lambda: False, wishes=wishes))
    return events


def result(folder: Path) -> np.ndarray:
    names = ("image.png", "texture.png", "image_1.png")
    return pixels(next(path for path in (folder / name for name in names) if path.is_file()))


def told(folder: Path) -> dict:
    return json.loads((folder / "report.json").read_text())


def ended(folder: Path, job: Job, step: int) -> Path:
    """A job that was told after `step` that this is enough; its folder."""

    def enough(now: int, wishes: Wishes) -> None:
        wishes.enough = now >= step

    do(folder_of(folder, job), job, enough)
    assert told(folder)["ended_early"]
    assert told(folder)["steps"] == step
    return folder


def rest(earlier: Path, folder: Path, job: Job) -> Path:
    """The folder of a job that goes on with an earlier one, after that has been done."""
    (earlier / "checkpoint.npz").rename(folder_of(folder, job) / "earlier.npz")
    do(folder, replace(job, resume="earlier.npz", steps=None))
    return folder


@pytest.mark.parametrize("kind", JOBS)
def test_what_was_ended_goes_on_to_where_it_would_have_come(kind, tmp_path):
    job = JOBS[kind]
    do(folder_of(tmp_path / "whole", job), job)
    found = rest(ended(tmp_path / "cut", job, 4), tmp_path / "rest", job)
    wanted = told(tmp_path / "whole")
    assert told(found)["steps"] == wanted["steps"] == 10
    for term in {"style_distance", "mean_alpha"} & set(wanted):
        assert told(found)[term] == pytest.approx(wanted[term], rel=0.01)
    if "loss" in wanted:
        assert told(found)["loss"]["last"] == pytest.approx(wanted["loss"]["last"], rel=0.01)
    assert told(found).get("coverage") == wanted.get("coverage")
    assert np.abs(result(found) - result(tmp_path / "whole")).mean() < 1


@pytest.mark.parametrize("kind", ["photograph", "dream"])
def test_what_was_cancelled_goes_on_and_what_was_finished_does_more(kind, tmp_path):
    job = JOBS[kind]

    def cancel(step: int, wishes: Wishes) -> None:
        if step == 4:
            raise Cancelled

    with pytest.raises(Cancelled):
        do(folder_of(tmp_path / "cut", job), job, cancel)
    found = rest(tmp_path / "cut", tmp_path / "rest", job)
    assert told(found)["steps"] == 10
    (found / "checkpoint.npz").rename(folder_of(tmp_path / "more", job) / "earlier.npz")
    do(tmp_path / "more", replace(job, resume="earlier.npz", steps=3))
    assert told(tmp_path / "more")["steps"] == 13


def test_a_sketch_of_a_photograph_is_its_start_and_goes_on_as_a_draft(tmp_path):
    sketch = replace(PHOTO, quality="sketch", steps=None)
    events = do(folder_of(tmp_path / "sketch", sketch), sketch)
    assert not [event for event in events if event.kind == "progress" and event.step]
    assert told(tmp_path / "sketch")["ended_early"]
    (tmp_path / "sketch" / "checkpoint.npz").rename(folder_of(tmp_path / "rest", PHOTO) / "earlier.npz")
    draft = replace(PHOTO, quality="draft", steps=2, resume="earlier.npz")
    do(tmp_path / "rest", draft)
    assert told(tmp_path / "rest")["steps"] == 2


@pytest.mark.parametrize("kind", ["photograph", "dream"])
def test_what_does_not_fit_is_refused(kind, tmp_path):
    job = replace(JOBS[kind], resume="earlier.npz")
    folder = folder_of(tmp_path / "job", job)
    with pytest.raises(PatinaError, match=r"There is no checkpoint earlier\.npz"):
        do(folder, job)
    (folder / "earlier.npz").write_bytes(b"nothing")
    with pytest.raises(PatinaError, match="cannot be read") as caught:
        do(folder, job)
    assert caught.value.field == "resume"
    assert caught.value.cure == (brush if job.on_pixels else checkpoint).CURE


def steered(folder: Path, before: Job, after: Job, at: int) -> list[Event]:
    """Do `before`, whose file says `after` from step `at` on."""
    asked = False

    def steer(step: int, wishes: Wishes) -> None:
        nonlocal asked
        if step == at and not asked:
            asked = True
            write_job(folder, after)
            wishes.steered = True

    return do(folder_of(folder, before), before, steer)


@pytest.mark.parametrize(("kind", "near"), [("photograph", 0.1), ("photograph as a pyramid", 0.2)])
def test_a_strength_that_changes_is_taken_up_from_the_picture_as_it_is(kind, near, tmp_path, monkeypatch):
    """The style is as near as it would have become; a pyramid's first steps, taken twice, cost more.

    Of pictures as the steps leave them: with so few pixels, what is put together of pieces differs by more.
    """
    monkeypatch.setattr(stroke_finish, "PICTURE_SHARE", 0.0)
    before = replace(JOBS[kind], strength=0.3, steps=100)
    after = replace(before, strength=0.7)
    events = steered(tmp_path / "steered", before, after, 6)
    assert any(event.stage == "adapting" for event in events)
    assert not [event.message for event in events if event.kind == "message"]
    steps = [event.step for event in events if event.kind == "progress" and event.step]
    assert steps == [*range(1, 7), *range(1, 101)]
    assert told(tmp_path / "steered")["job"]["strength"] == 0.7
    do(folder_of(tmp_path / "undisturbed", after), after)
    wanted = told(tmp_path / "undisturbed")["style_distance"]
    assert told(tmp_path / "steered")["style_distance"] == pytest.approx(wanted, rel=near)


@pytest.mark.parametrize("kind", ["photograph", "dream"])
def test_with_another_seed_it_starts_over(kind, tmp_path):
    before = JOBS[kind]
    after = replace(before, seed=before.seed + 1)
    steered(tmp_path / "steered", before, after, 3)
    do(folder_of(tmp_path / "fresh", after), after)
    assert np.array_equal(result(tmp_path / "steered"), result(tmp_path / "fresh"))
    assert told(tmp_path / "steered")["steps"] == 10


def test_a_dream_of_something_else_starts_over(tmp_path):
    before = JOBS["dream"]
    after = replace(before, targets=(replace(CHANNEL[0], channel=5),))
    steered(tmp_path / "steered", before, after, 3)
    do(folder_of(tmp_path / "fresh", after), after)
    assert np.array_equal(result(tmp_path / "steered"), result(tmp_path / "fresh"))


def test_what_cannot_change_under_way_is_told_and_the_job_goes_on(tmp_path):
    events = steered(tmp_path, PHOTO, replace(PHOTO, image_size=48, strength=0.9), 3)
    (said,) = [event.message for event in events if event.kind == "message"]
    assert "cannot change while the job runs" in said
    assert told(tmp_path)["job"]["strength"] == PHOTO.strength
    assert told(tmp_path)["job"]["image_size"] == 64


@pytest.fixture
def short_qualities(monkeypatch):
    """Drafts of two steps, and Standards of five or six."""
    monkeypatch.setitem(picture.QUALITIES, "draft", (1.9 * (64 / 512) ** 0.5, (0.03, 0.02)))
    monkeypatch.setitem(picture.QUALITIES, "standard", (4.9 * (64 / 512) ** 0.5, (0.03, 0.02)))
    monkeypatch.setitem(canvas_job.STEPS, "dream", 5)
    stages = (("composing", 2.8, 2), ("refining", 1.3, 4)), (("composing", 3.2, 1), ("refining", 1.5, 1))
    for quality, of_quality in zip(("standard", "draft"), stages, strict=True):
        planned = (optimize.Stage(name, scale, 48, steps, 0.03) for name, scale, steps in of_quality)
        monkeypatch.setitem(optimize.STAGES, quality, tuple(planned))


SURFACE = Job(**COMMON, mesh="mesh.npz", content="content.png", styles=STYLE)


@pytest.mark.parametrize(
    ("job", "first"), [(PHOTO, 2), (JOBS["dream"], 2), (SURFACE, 3)], ids=("photograph", "dream", "surface")
)
def test_a_standard_tells_when_it_has_outdone_a_draft_and_goes_on_knowing_it(
    job, first, short_qualities, tmp_path
):
    standard = replace(job, quality="standard", steps=None)

    def reached(job: Job, most: int) -> list[str]:
        def stop(step: int, wishes: Wishes) -> None:
            wishes.enough = step >= most

        return [event.reached for event in do(tmp_path, job, stop) if event.kind == "progress" and event.step]

    folder_of(tmp_path, standard)
    assert reached(standard, first + 1) == [""] * (first - 1) + ["draft"] * 2
    (tmp_path / "checkpoint.npz").rename(tmp_path / "earlier.npz")
    assert reached(replace(standard, resume="earlier.npz"), 1) == ["draft"]


@pytest.mark.parametrize("mask", [None, "half.png"])
def test_what_is_drawn_on_a_photograph_is_kept_and_its_surroundings_join_up(mask, tmp_path):
    """Also where it lies outside of what is painted."""
    job = replace(PHOTO, mask=mask, steps=3)
    folders = []
    for name in ("first", "drawn", "plain"):
        folders.append(folder_of(tmp_path / name, job))
        half = np.repeat(np.uint8([0, 255]), 32)[None].repeat(64, 0)
        Image.fromarray(half).save(folders[-1] / "half.png")
    first, drawn, plain = folders
    do(first, job)
    scar = np.zeros((64, 64), bool)
    scar[28:34, 10:54] = True
    picture = result(first).astype(np.uint8)
    picture[scar] = (230, 20, 10)
    Image.fromarray(picture).save(drawn / "drawn.png")
    Image.fromarray(np.where(scar, 255, 0).astype(np.uint8)).save(drawn / "where.png")
    on = replace(job, resume="earlier.npz", steps=6)
    for folder in (drawn, plain):
        shutil.copyfile(first / "checkpoint.npz", folder / "earlier.npz")
    do(drawn, replace(on, drawn="drawn.png", drawn_mask="where.png"))
    do(plain, on)
    kept, other = result(drawn), result(plain)
    assert np.abs(kept - (230, 20, 10))[scar].mean() < 15
    assert np.abs(other - (230, 20, 10))[scar].mean() > 60
    around = np.zeros_like(scar)
    around[36:42, 36:54] = True
    assert np.abs(kept - other)[around].mean() > 1  # not as it would have become without
    if mask:
        assert np.abs(kept - result(first))[40:, :30].max() <= 1
