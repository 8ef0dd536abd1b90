"""A painter, which stays and does job after job: as a program uses it, and whatever happens to it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from test_stylize_job import JOB, ROOT, folder_of, gone_seconds

from backend import run
from backend.locking import holding
from backend.machine import memory
from backend.protocol.events import CANCELLED, ENDINGS, Event, read_event
from backend.protocol.job import Job
from backend.protocol.parts import Target
from backend.protocol.requests import Request, read_request, write_request

LONG = replace(JOB, steps=5000)
QUICK = replace(JOB, steps=1, strength=0.0)
DREAM = Job(
    task="dream",
    targets=(Target("channel", layer="conv2", channel=3),),
    network="alexnet",
    parameterization="fourier",
    image_size=32,
    steps=1,
    device="cpu",
)

ENDLESS = replace(DREAM, steps=100_000)  # of steps that take no time


class Painter:
    """`python -m backend serve`, with its pipes."""

    first: Path
    events_of_first: list[Event]

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-B", "-m", "backend", "serve"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def ask(self, do: str, folder: Path) -> None:
        self.process.stdin.write(write_request(Request(do, str(folder))) + "\n")
        self.process.stdin.flush()

    def events(self) -> Iterator[Event]:
        return (event for event in map(read_event, self.process.stdout) if event)

    def until(self, *kinds: str) -> list[Event]:
        """The events up to the first of these kinds."""
        found = []
        for event in self.events():
            found.append(event)
            if event.kind in kinds:
                return found
        raise AssertionError(f"it ended without {kinds}: {found}")

    def paint(self, folder: Path) -> list[Event]:
        self.ask("paint", folder)
        return self.until(*ENDINGS)

    def end(self) -> int:
        """Close its stdin; its exit code."""
        self.process.stdin.close()
        code = self.process.wait(10)
        self.process.stdout.close()
        return code


@pytest.fixture
def start() -> Iterator[Callable[[], Painter]]:
    started = []

    def start() -> Painter:
        started.append(Painter())
        return started[-1]

    yield start
    for painter in started:
        painter.process.kill()
        painter.end()


@pytest.fixture(scope="module")
def warm(tmp_path_factory) -> Iterator[Painter]:
    """One for several tests, as it is for several jobs."""
    painter = Painter()
    painter.first = folder_of(tmp_path_factory.mktemp("painter") / "first")
    painter.events_of_first = painter.paint(painter.first)
    painter.until("ready")
    yield painter
    asked = time.monotonic()
    painter.end()  # nothing is under way
    assert time.monotonic() - asked < gone_seconds()


def test_a_job_is_told_of_by_its_folder(warm):
    kinds = {event.kind for event in warm.events_of_first}
    assert {"started", "progress", "finished"} <= kinds
    of_jobs = [event for event in warm.events_of_first if event.kind != "ready"]
    assert {event.job for event in of_jobs} == {str(warm.first)}
    assert of_jobs[-1].path == "texture.png"
    assert (warm.first / "report.json").is_file()


def test_a_job_that_comes_while_one_runs_waits_and_can_be_cancelled_there(warm, tmp_path):
    running, second, third = (
        folder_of(tmp_path / name, job) for name, job in (("a", ENDLESS), ("b", DREAM), ("c", DREAM))
    )
    for folder in (running, second, third):
        warm.ask("paint", folder)
    warm.until("progress")
    warm.ask("cancel", second)
    assert warm.until(*ENDINGS)[-1] == Event("cancelled", job=str(second))
    asked = time.monotonic()
    warm.ask("cancel", running)
    assert warm.until(*ENDINGS)[-1] == Event("cancelled", job=str(running))
    assert time.monotonic() - asked < gone_seconds()
    assert warm.until(*ENDINGS)[-1].kind == "finished"
    assert (third / "image.png").is_file()
    assert not (second / "image.png").exists()


def test_a_job_of_another_version_and_lines_that_are_no_requests_cost_themselves_alone(warm, tmp_path):
    folder = folder_of(tmp_path / "other")
    text = (folder / "job.json").read_text()
    (folder / "job.json").write_text(text.replace('"version": 1', '"version": 999'))
    warm.process.stdin.write('{"do": "paint"}\nhello\n' + "x" * 200_000 + '\n{"do": "burn", "folder": "/"}\n')
    ending = warm.paint(folder)[-1]
    assert (ending.kind, ending.field) == ("failed", "version")
    assert "Update the extension" in ending.cure
    warm.ask("cancel", folder)  # which is over, and so is nothing
    assert warm.paint(folder_of(tmp_path / "next", QUICK))[-1].kind == "finished"


def test_the_twentieth_job_of_a_warm_painter_has_the_bytes_of_the_first_of_a_fresh_one(warm, tmp_path):
    """Between them jobs of other sorts: flat ones, of another network, and a damaged one."""
    held = []
    for number in range(18):
        job = QUICK if number == 6 else replace(DREAM, image_size=32 + number)
        folder = folder_of(tmp_path / str(number), job)
        if number == 3:
            (folder / "job.json").write_text("no job")
        assert warm.paint(folder)[-1].kind == ("failed" if number == 3 else "finished")
        held.append(warm.until("ready")[-1].memory)
    assert warm.paint(folder_of(tmp_path / "last"))[-1].kind == "finished"
    first, last = ((folder / "texture.png").read_bytes() for folder in (warm.first, tmp_path / "last"))
    assert first == last
    assert 1e8 < held[-1] < 1.1 * held[8]  # what it holds does not grow


@pytest.mark.parametrize("state", ["starting", "painting"])
def test_the_end_of_stdin_ends_it_in_every_state(state, start, tmp_path):
    """So does the end of the program that started it."""
    painter = start()
    if state == "painting":
        painter.ask("paint", folder_of(tmp_path, LONG))
        painter.until("progress")
    asked = time.monotonic()
    code = painter.end()
    if state == "painting":  # else it is Python's own start that counts
        assert time.monotonic() - asked < gone_seconds()
        assert (tmp_path / "checkpoint.npz").is_file() or code == CANCELLED  # a step took too long
    assert not list(tmp_path.glob("*.part"))


def test_a_cancel_while_torch_is_imported_leaves_the_painter(start, tmp_path):
    painter = start()
    folder = folder_of(tmp_path, LONG)
    painter.ask("paint", folder)
    painter.ask("cancel", folder)
    assert painter.until(*ENDINGS) == [Event("cancelled", job=str(folder))]
    assert painter.until("ready")[-1].kind == "ready"


def test_a_folder_is_free_as_soon_as_its_ending_is_told_and_nobody_elses_is_taken(warm, tmp_path):
    """As of another Blender: this process holds the folder."""
    folder = folder_of(tmp_path, DREAM)
    with holding(folder):
        refused = warm.paint(folder)[-1]
    assert (refused.kind, refused.message) == ("failed", f"Another job is at work in {folder}.")
    assert warm.paint(folder)[-1].kind == "finished"
    with holding(folder) as alone:
        assert alone


@pytest.mark.skipif(sys.platform != "linux", reason="limits a process's addresses")
def test_after_what_nobody_foresaw_it_asks_to_be_let_go(start, tmp_path):
    """Too little memory."""
    import resource

    painter = start()
    folder = folder_of(tmp_path, replace(LONG, texture_size=2048))
    painter.until("ready")
    mapped = int(Path(f"/proc/{painter.process.pid}/statm").read_text().split()[0])
    most = mapped * resource.getpagesize() + 300_000_000
    resource.prlimit(painter.process.pid, resource.RLIMIT_AS, (most, -1))
    events = painter.paint(folder)
    assert [event.kind for event in events[-2:]] == ["spent", "failed"]
    assert events[-1].message == memory.NO_MEMORY


def test_a_request_comes_out_as_it_went_in():
    request = Request("paint", "/some/where/ä", True)
    assert read_request(write_request(request)) == request
    for line in ("", "null", "[1]", '{"do": "paint"}', '{"do": "paint", "folder": 3}', '{"folder": "a"}'):
        assert read_request(line) is None


def test_enough_takes_the_texture_as_it_is(warm, tmp_path):
    """Asked of another job it is nothing; the rest of the plan can be done later."""
    folder = folder_of(tmp_path / "cut", LONG)
    warm.ask("paint", folder)
    warm.until("progress")
    warm.ask("enough", tmp_path)
    taken = warm.until("progress")[-1].step
    warm.ask("enough", folder)
    assert warm.until(*ENDINGS)[-1].kind == "finished"
    report = json.loads((folder / "report.json").read_text())
    assert taken <= report["steps"] < LONG.steps
    assert report["ended_early"]
    rest = folder_of(tmp_path / "rest", replace(LONG, resume="earlier.npz", steps=None))
    (folder / "checkpoint.npz").rename(rest / "earlier.npz")
    warm.ask("paint", rest)
    assert warm.until("progress")[-1].steps == LONG.steps - report["steps"]
    warm.ask("enough", rest)
    assert warm.until(*ENDINGS)[-1].kind == "finished"


def test_enough_of_a_dream(warm, tmp_path):
    folder = folder_of(tmp_path, ENDLESS)
    warm.ask("paint", folder)
    warm.until("progress")
    warm.ask("enough", folder)
    assert warm.until(*ENDINGS)[-1].path == "image.png"
    assert json.loads((folder / "report.json").read_text())["steps"] < ENDLESS.steps


def test_an_error_without_words_is_told_by_its_place(monkeypatch, tmp_path):
    def stumble(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(run, "_do", stumble)
    message = run.outcome_of(folder_of(tmp_path, LONG), print, lambda: False).ending.message
    assert re.fullmatch(r"The backend stumbled: AssertionError: line \d+ of test_serve.py.", message), message
