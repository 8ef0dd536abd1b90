"""Faults around a running job: killed backends and Blenders, long queues, floods of events, many jobs.

A few of each at every `make test`, many by `make test-faults`.
"""

from __future__ import annotations

import gc
import hashlib
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import bpy
import numpy as np
import pytest
from bl_ext.user_default.patina.addon import folders, history, jobs, preview, problems
from bl_ext.user_default.patina.addon.operators import stylize as stylizing
from bl_ext.user_default.patina.addon.process import Process, python_command
from bl_ext.user_default.patina.backend.pictures import png
from PIL import Image

ALL = int(os.environ.get("PATINA_FAULTS", "1")) > 1
ARTIST, NEIGHBOUR = (Path(__file__).with_name(f"{name}.py") for name in ("killed_artist", "neighbour"))
MAX_SECONDS = 120  # of a job on a busy machine
GONE_SECONDS = 5.0  # after which no backend outlives its Blender
MAX_TICK = 0.03  # seconds of Blender's time
SOAK = 200

on_linux = pytest.mark.skipif(not Path("/proc/self/statm").is_file(), reason="reads /proc")


@pytest.fixture(autouse=True)
def panel(_clean_file) -> bpy.types.PropertyGroup:
    """The panel's properties, for the quickest of jobs."""
    panel = bpy.context.scene.patina
    panel.quality, panel.texture_size, panel.steps = "draft", "256", 2
    history.refresh()
    return panel


def submitted() -> jobs.Run:
    (run,) = stylizing.prepare(bpy.context)
    jobs.submit(run)
    return run


def pump(seconds: float = MAX_SECONDS, until=lambda: not jobs.queue) -> None:
    deadline = time.monotonic() + seconds
    while not until() and time.monotonic() < deadline:
        jobs.pump()
        time.sleep(0.01)


def scene() -> dict[str, object]:
    """All that the artist has: what there is, the meshes bit for bit, each material's nodes and links."""
    names = {
        prop.identifier: sorted(block.name for block in getattr(bpy.data, prop.identifier))
        for prop in bpy.data.bl_rna.properties
        if prop.type == "COLLECTION"
    }
    for mesh in bpy.data.meshes:
        places = np.empty(3 * len(mesh.vertices), np.float32)
        mesh.vertices.foreach_get("co", places)
        uvs = np.empty(2 * len(mesh.loops), np.float32)
        mesh.uv_layers[0].uv.foreach_get("vector", uvs)
        names[mesh.name] = hashlib.sha256(places.tobytes() + uvs.tobytes()).hexdigest()
    for material in bpy.data.materials:
        tree = material.node_tree
        links = sorted((link.from_node.name, link.to_node.name) for link in tree.links)
        names[f"nodes of {material.name}"] = [sorted(node.name for node in tree.nodes), links]
    names["slots"] = {
        obj.name: [slot.material.name for slot in obj.material_slots] for obj in bpy.data.objects
    }
    return names


def crowd() -> float:
    """How many processes wait for each core, at least one: how much longer all takes than on a free one."""
    return max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


def is_running(pid: int) -> bool:
    """Whether it is, and not only waits to be told of."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def half_written(folder: Path) -> list[str]:
    found = []
    for path in folder.glob("*.[np][pn]*"):
        try:
            if path.suffix == ".png":
                Image.open(path).load()
            else:
                with np.load(path) as file:
                    dict(file)
        except Exception as error:
            found.append(f"{path.name}: {error}")
    return found


@on_linux
@pytest.mark.parametrize("number", range(25 if ALL else 1))
def test_a_backend_killed_at_any_time_leaves_the_scene_as_it_was(number, cube, panel):
    moment = random.Random(number)
    panel.steps = 30
    before = scene()
    run = submitted()
    pump(moment.uniform(0, 6))
    killed = run in jobs.queue
    if killed:
        os.kill(run.process.pid, signal.SIGKILL)
    pump()
    assert is_running(run.process.pid) != killed
    assert half_written(run.folder) == []
    if run.state == jobs.FINISHED:  # before it was killed
        return
    assert run.state == jobs.FAILED
    assert "SIGKILL" in problems.shown[-1].message
    assert "memory" in problems.shown[-1].cure
    assert scene() == before
    left = [entry for entry in history.entries if entry.folder == run.folder]
    if (run.folder / "checkpoint.npz").is_file():
        assert left[0].goes_on
    if left and number % 5 == 1:
        assert bpy.ops.patina.history_go_on(folder=str(run.folder)) == {"FINISHED"}
        assert jobs.ended[-1].state == jobs.FINISHED


def with_user_folder(user: Path) -> dict[str, str]:
    """Make a user folder that has the extension; gives the environment of a Blender that has that folder."""
    link = user / "extensions" / "user_default" / "patina"
    link.parent.mkdir(parents=True)
    link.symlink_to(Path(__file__).parents[2], target_is_directory=True)
    return os.environ | {"BLENDER_USER_RESOURCES": str(user)}


@on_linux
@pytest.mark.parametrize("number", range(20 if ALL else 1))
def test_a_blender_killed_at_any_time_takes_its_backend_along_and_goes_on_after_a_restart(number, tmp_path):
    """Two Blenders of their own: one that dies while it paints, and the one that is started after it."""
    environment = with_user_folder(tmp_path / "user")
    blend, steps = tmp_path / "scene.blend", "30" if ALL else "12"
    first = subprocess.Popen(
        [sys.executable, "-B", str(ARTIST), "paint", str(blend), steps],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    said = (line.split() for line in first.stdout)
    backend = int(next(words[1] for words in said if words[:1] == ["backend"]))
    next(words for words in said if words[:1] == ["step"])
    saved = blend.read_bytes()
    time.sleep(random.Random(number).uniform(0, 0.8 if ALL else 0.1))
    first.kill()
    first.wait()
    first.stdout.close()
    deadline = time.monotonic() + GONE_SECONDS * crowd()
    while is_running(backend):
        assert time.monotonic() < deadline, "the backend outlived its Blender"
        time.sleep(0.02)
    assert blend.read_bytes() == saved
    (folder,) = (path for path in (tmp_path / "user").rglob("job.json") if path.parent.name != "scene")
    assert half_written(folder.parent) == []
    assert list(folder.parent.glob("*.part")) == []
    again = subprocess.run(
        [sys.executable, "-B", str(ARTIST), "go on", str(blend), steps],
        env=environment,
        capture_output=True,
        text=True,
    )
    assert "went on: finished" in again.stdout, again.stdout + again.stderr[-2000:]


class Neighbour:
    """One of several Blenders that have the same user folder, and so the same folder of results."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.blender = subprocess.Popen(
            [sys.executable, "-B", str(NEIGHBOUR)],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.painter, self.folder = 0, Path()

    def begin(self, steps: int) -> None:
        self.blender.stdin.write(f"{steps}\n")
        self.blender.stdin.flush()
        _, painter, folder = self.hears("began")
        self.painter, self.folder = int(painter), Path(folder)

    def hears(self, word: str) -> list[str]:
        return next(words for words in map(str.split, self.blender.stdout) if words[:1] == [word])

    def close(self) -> None:
        self.blender.kill()
        self.blender.wait()
        self.blender.stdin.close()
        self.blender.stdout.close()


@on_linux
def test_two_blenders_with_one_user_folder_do_not_disturb_each_other(tmp_path):
    """Both paint at once; a painter dies, then a Blender, and the other's painter goes on with its job."""
    environment = with_user_folder(tmp_path / "user")
    left, right = Neighbour(environment), Neighbour(environment)
    try:
        for one in (left, right):
            one.begin(3)
        assert left.painter != right.painter
        assert left.folder != right.folder
        assert left.folder.parent == right.folder.parent
        assert [one.hears("ended")[1] for one in (left, right)] == ["finished", "finished"]
        textures = [(one.folder / "texture.png").read_bytes() for one in (left, right)]
        assert textures[0] == textures[1]

        stays, goes = right.painter, left.painter
        left.begin(100_000)
        right.begin(6)
        assert (left.painter, right.painter) == (goes, stays)
        left.hears("step")
        right.hears("step")
        os.kill(goes, signal.SIGKILL)
        assert left.hears("ended")[1] == "failed"
        assert right.hears("ended")[1] == "finished"

        left.begin(100_000)
        right.begin(6)
        assert left.painter not in (goes, stays)
        assert right.painter == stays
        left.hears("step")
        right.hears("step")
        left.blender.kill()
        assert right.hears("ended")[1] == "finished"
        deadline = time.monotonic() + GONE_SECONDS * crowd()
        while is_running(left.painter):
            assert time.monotonic() < deadline, "the painter outlived its Blender"
            time.sleep(0.02)
        assert is_running(stays)
        folders_of_both = [path for path in right.folder.parent.iterdir() if path.is_dir()]
        assert [half_written(folder) for folder in folders_of_both] == [[]] * 6
    finally:
        left.close()
        right.close()


@on_linux
def test_a_backend_that_is_stopped_goes_on_or_is_cancelled(cube, panel):
    """As by Ctrl-Z, or a laptop that sleeps."""
    panel.steps = 20
    run = submitted()
    pump(until=lambda: run.progress.step > 2)
    os.kill(run.process.pid, signal.SIGSTOP)
    pump(60 if ALL else 1)
    assert run.state == jobs.RUNNING
    os.kill(run.process.pid, signal.SIGCONT)
    step = run.progress.step
    pump(until=lambda: run.progress.step > step or not jobs.queue)
    if run in jobs.queue:
        os.kill(run.process.pid, signal.SIGSTOP)
        assert bpy.ops.patina.cancel() == {"FINISHED"}
        pump(3)
        assert run.state == jobs.CANCELLED
        assert not is_running(run.process.pid)


@on_linux
def test_a_long_queue_with_cancels_at_any_time_ends_empty(cube):
    moment = random.Random(25)
    before = scene()
    runs = [submitted() for _ in range(50 if ALL else 5)]
    pids = set()
    while jobs.queue:
        run = jobs.queue[0]
        pump(moment.uniform(0, 1.5), until=lambda run=run: run not in jobs.queue)
        pids |= {each.process.pid for each in runs if each.process and is_running(each.process.pid)}
        if moment.random() < 0.3 and len(jobs.queue) > 1:
            assert bpy.ops.patina.queue_remove(folder=str(jobs.queue[-1].folder)) == {"FINISHED"}
        else:
            bpy.ops.patina.cancel()
            pump(3, until=lambda run=run: run not in jobs.queue)
    assert {run.state for run in runs} <= {jobs.CANCELLED, jobs.FINISHED}
    assert sum(is_running(pid) for pid in pids) <= 1  # the painter waits for more
    if jobs.FINISHED not in {run.state for run in runs}:
        assert scene() == before


def test_a_flood_of_events_costs_blender_no_more_than_a_moment(cube, tmp_path):
    """Ten thousand a second, through the queue as a timer takes it forward."""
    run = submitted()
    noise = np.random.default_rng(0).integers(0, 256, (512, 512, 3), np.uint8)  # as large as a preview may be
    (run.folder / "preview.png").write_bytes(png.encode(noise, level=0))
    code = """
import time
began = time.monotonic()
for step in range(30_000):
    kind = ("progress", "message", "preview")[step % 3]
    print('{"kind": "%s", "message": "%d", "step": %d, "steps": 9, "path": "a.png"}' % (kind, step, step))
    if step % 1000 == 999:
        time.sleep(max(0, began + step / 10_000 - time.monotonic()))
print('{"kind": "failed", "message": "done", "cure": "none"}')
"""
    run.process = Process(python_command(Path(sys.executable), "-c", code), tmp_path)
    run.state = jobs.RUNNING
    ticks, seen = [], False
    while jobs.queue:
        began = time.thread_time()
        jobs.pump()
        ticks.append(time.thread_time() - began)
        seen |= preview.shown is not None and np.allclose(preview.shown.pictures[0][::-1, :, :3] * 255, noise)
        time.sleep(jobs.TICK_SECONDS)
    print(f"{len(ticks)} ticks, the longest {1000 * max(ticks):.1f} ms")
    assert run.progress.step > 29_000
    assert seen
    assert len(ticks) > 5  # it came in parts, on a busy machine too
    assert max(ticks) < MAX_TICK


def resident(pid: int) -> int:
    """Bytes of memory that a process holds."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def open_files(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


@on_linux
@pytest.mark.skipif(not ALL, reason="takes minutes: make test-faults")
def test_two_hundred_jobs_in_one_blender_leave_nothing_behind(cube, panel):
    """Each is put on the cube, as an artist who tries and tries again would, and the one before it goes.

    One painter does them all: a sketch, every tenth with steps.
    """
    panel.steps = 1
    counts, held = [], []
    for number in range(SOAK):
        panel.seed, panel.quality = number, "draft" if number % 10 == 9 else "sketch"
        try:
            assert bpy.ops.patina.stylize() == {"FINISHED"}
        except RuntimeError:
            print((jobs.ended[-1].folder / jobs.LOG_FILE).read_text())
            raise
        gc.collect()
        blocks = {kind: len(getattr(bpy.data, kind)) for kind in ("images", "materials", "meshes", "objects")}
        both = os.getpid(), jobs.ended[-1].process.pid
        counts.append((both[1], *map(open_files, both), blocks))
        held.append([resident(pid) / 1e6 for pid in both])
        if number % 10 == 9:
            print(number + 1, *counts[-1], *(f"{megabytes:.0f} MB" for megabytes in held[-1]), flush=True)
    assert counts[-1] == counts[9]
    assert max(held[-1][0], held[-10][0]) < 1.02 * held[SOAK // 5][0]
    assert held[-1][1] < 1.02 * held[SOAK // 5 - 1][1]
    assert len(list(folders.jobs().iterdir())) <= SOAK
