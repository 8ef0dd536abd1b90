"""A job hit at a chosen moment: `python tests/faults/injected.py WAY SEED COUNT`.

Each case is a process of its own that does a job in a folder of its own, and is hit as it opens or renames
its Nth file (COUNT 0: each of them in turn), or, "kill at any time" and "stop", after a random time. WAY is
one of WAYS. Whatever hits it: no file is half written under its name, what the job was given is as it was,
it ends with a word and a cure unless it was killed, and the next job in the folder goes on to a whole
picture. Prints a line of JSON: how they ended, and what went wrong.

The processes are forked from one that has imported everything, so that a case takes a second.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "backend")]

from test_stylize_job import INPUTS, JOB, folder_of  # noqa: E402

from backend import run, session  # noqa: E402
from backend.canvas import job as canvas_job  # noqa: E402, F401 - imported here, once
from backend.painting import color_finish, follower, one_pass  # noqa: E402
from backend.protocol.events import FAILED, FINISHED, Event, write_event  # noqa: E402
from backend.protocol.files import CHECKPOINT_FILE  # noqa: E402
from backend.protocol.job_file import write_job  # noqa: E402
from backend.result import report  # noqa: E402

WAYS = ("kill", "kill at any time", "full", "read-only", "vanish", "descriptors", "stop")
LONGEST = 60  # seconds that a job of one may take before it counts as hung
STOPPED = float(os.environ.get("PATINA_STOPPED", "2"))  # seconds
DISK = 4 << 20  # bytes
JOB = replace(JOB, network="alexnet", steps=8, views=1)

# Many writes: a preview and a checkpoint after every step.
session.PREVIEW_SECONDS = session.PREVIEW_PAUSE = 0.0
follower.CHECKPOINT_SECONDS = 0.0
# And little of what lies between them.
one_pass.VIEWS = one_pass.MIN_VIEWS = report.VIEWS = 2
color_finish.COLORS = 2000


class Moments:
    """Counts the files that this process opens to write, or renames, in `folder`; calls `hit` at the Nth."""

    def __init__(self, folder: Path, nth: int, hit: Callable[[], None]) -> None:
        self.count, self.folder, self.nth, self.hit = 0, str(folder), nth, hit
        sys.addaudithook(self._see)

    def _see(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "os.rename":
            path, writes = os.fsdecode(arguments[0]), True
        elif event == "open" and isinstance(arguments[0], str | bytes):
            path, writes = os.fsdecode(arguments[0]), bool(arguments[2] & (os.O_WRONLY | os.O_RDWR))
        else:
            return
        if writes and path.startswith(self.folder):
            self.count += 1
            if self.count == self.nth:
                self.hit()


def forked(work: Callable[[], int]) -> int:
    """The process id of a child that does `work` and exits with what it gives."""
    if child := os.fork():
        return child
    try:
        code = work()
    except BaseException:
        import traceback

        traceback.print_exc()
        code = 99
    os._exit(code)


def do(folder: Path, said: Path, nth: int = 0, hit: Callable[[], None] = lambda: None) -> int:
    """Do the job in `folder`, its events written to the file `said`; the last line is the moments' count."""
    with said.open("w") as stream:

        def emit(event: Event) -> None:
            stream.write(write_event(event) + "\n")
            stream.flush()

        moments = Moments(folder, nth, hit)
        code = run.do_job(folder, emit, lambda: False)
        stream.write(json.dumps(moments.count) + "\n")
    return code


def ended(child: int) -> int:
    """The exit code of a child, negative for a signal; -99 if it hung."""
    deadline = time.monotonic() + LONGEST
    while time.monotonic() < deadline:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.005)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return -99


def half_written(folder: Path) -> list[str]:
    """The files that are not whole."""
    found = []
    for path in folder.iterdir():
        try:
            if path.suffix == ".png":
                Image.open(path).load()
            elif path.suffix == ".npz":
                with np.load(path) as file:
                    dict(file)
            elif path.suffix == ".json":
                json.loads(path.read_bytes())
        except Exception as error:
            found.append(f"{path.name}: {error}")
    return found


def parts(folder: Path) -> list[str]:
    return [path.name for path in folder.glob("*.part")]


def hit_by(way: str, folder: Path) -> Callable[[], None]:
    """What happens at the moment."""
    if way == "kill":
        return lambda: os.kill(os.getpid(), signal.SIGKILL)
    if way == "vanish":
        return lambda: shutil.rmtree(folder)
    if way == "read-only":
        return lambda: _mount("remount,ro", folder)
    if way == "full":
        return lambda: _fill(folder)
    if way == "descriptors":
        return _no_more_files
    return lambda: None


def _mount(options: str, folder: Path) -> None:
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], check=True)


def _fill(folder: Path) -> None:
    free = os.statvfs(folder).f_bavail * os.statvfs(folder).f_frsize
    filler = os.open(folder.parent / "disk" / "filler", os.O_CREAT | os.O_RDWR)
    os.posix_fallocate(filler, 0, free)
    os.close(filler)


def _no_more_files() -> None:
    highest = max(int(path.name) for path in Path("/proc/self/fd").iterdir())
    held = [os.open(os.devnull, os.O_RDONLY) for _ in range(highest)]  # none is left below the limit, either
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(held) + 1, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))


def case(way: str, place: Path, nth: int, seconds: float, whole: bytes) -> tuple[str, str]:
    """How one job ended, and what is wrong about it. `whole`: the texture of an undisturbed one."""
    disk = place / "disk"
    disk.mkdir()
    mounted = way in ("full", "read-only")
    if mounted:
        _mount(f"size={DISK}", disk)
    folder, said = disk / "job", place / "said"
    try:
        folder_of(folder, JOB)
        given = {name: (folder / name).read_bytes() for name in INPUTS}
        hit = hit_by(way, disk if way == "read-only" else folder)
        child = forked(lambda: do(folder, said, nth, hit))
        if way in ("kill at any time", "stop"):
            time.sleep(seconds)
            os.kill(child, signal.SIGKILL if way != "stop" else signal.SIGSTOP)
        if way == "stop":
            time.sleep(STOPPED)
            os.kill(child, signal.SIGCONT)
        code = ended(child)
        wrong = judged(way, code, said)
        if way == "vanish":
            return _name(code), wrong
        wrong = wrong or ", ".join(half_written(folder))
        if not way.startswith("kill") and way != "read-only":
            wrong = wrong or ", ".join(parts(folder))
        if any((folder / name).read_bytes() != data for name, data in given.items()):
            wrong = wrong or "what it was given has changed"
        if way == "stop" and (folder / "texture.png").read_bytes() != whole:
            wrong = wrong or "another texture"
        if mounted:
            subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)
            (disk / "filler").unlink(missing_ok=True)
        return _name(code), wrong or gone_on(folder, said)
    finally:
        if mounted:
            subprocess.run(["umount", str(disk)], check=True)


def judged(way: str, code: int, said: Path) -> str:
    """What is wrong about how it ended."""
    if way.startswith("kill"):
        return "" if code in (-signal.SIGKILL, FINISHED) else f"exit code {code}"
    lines = [json.loads(line) for line in said.read_text().splitlines()]
    last = [line for line in lines if isinstance(line, dict)][-1:]
    kind = last[0]["kind"] if last else "nothing"
    if code == FINISHED and kind == "finished":
        return ""
    if code == FAILED and kind == "failed" and last[0].get("cure") and "stumbled" not in last[0]["message"]:
        return ""
    return f"exit code {code}, {last}"


def _name(code: int) -> str:
    return {FINISHED: "finished", FAILED: "failed", -signal.SIGKILL: "killed"}.get(code, str(code))


def gone_on(folder: Path, said: Path) -> str:
    """What is wrong about the next job there, which goes on from the checkpoint if there is one."""
    if (folder / CHECKPOINT_FILE).exists():
        (folder / CHECKPOINT_FILE).rename(folder / "earlier.npz")
        write_job(folder, replace(JOB, resume="earlier.npz", steps=None))
    code = ended(forked(lambda: do(folder, said)))
    if code != FINISHED:
        return f"going on: exit code {code}: {said.read_text()[-500:]}"
    left = parts(folder) or half_written(folder)
    return f"going on left {left}" if left else ""


def main(way: str, seed: int, count: int) -> dict[str, Any]:
    """Try `count` cases, or, with 0, each moment; what came of them."""
    random = np.random.default_rng(seed)
    endings: dict[str, int] = {}
    wrong = []
    with tempfile.TemporaryDirectory() as name:
        undisturbed, said = folder_of(Path(name).resolve() / "job", JOB), Path(name) / "said"
        began = time.monotonic()
        code = ended(forked(lambda: do(undisturbed, said)))
        assert code == FINISHED, said.read_text()
        lasted = time.monotonic() - began
        moments = int(said.read_text().splitlines()[-1])
        whole = (undisturbed / "texture.png").read_bytes()
    each = list(range(1, moments + 1))
    chosen = each if not count else [each[i] for i in np.linspace(0, moments - 1, count).round().astype(int)]
    for nth in chosen:
        seconds = random.uniform(0, lasted)
        at = 0 if way in ("kill at any time", "stop") else nth
        with tempfile.TemporaryDirectory() as name:
            end, what = case(way, Path(name).resolve(), at, seconds, whole)
        endings[end] = endings.get(end, 0) + 1
        if what:
            wrong.append({"moment": at, "seconds": round(seconds, 3), "what": what[-1500:]})
    found = {"way": way, "seed": seed, "cases": len(chosen), "moments": moments, "ended": endings}
    return found | {"lasted": round(lasted, 2), "wrong": wrong}


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))))
