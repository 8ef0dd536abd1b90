"""A child process with events, tried on small real children."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from bl_ext.user_default.patina.addon.process import Process, python_command
from bl_ext.user_default.patina.backend.protocol.events import Event

Start = Callable[[str], Process]


@pytest.fixture
def start(tmp_path: Path):
    """Starts a child that runs a piece of Python; none is left afterwards."""
    children = []

    def start(code: str) -> Process:
        command = python_command(Path(sys.executable), "-c", textwrap.dedent(code))
        children.append(Process(command, tmp_path, tmp_path / "log.txt"))
        return children[-1]

    yield start
    for child in children:
        child.kill()


def gone_seconds() -> float:
    """Tell what two seconds of a free core are where so many processes wait for each."""
    busy = os.getloadavg()[0] / (os.cpu_count() or 1) if hasattr(os, "getloadavg") else 1.0
    return 2.0 * max(1.0, busy)


def wait(child: Process, seconds: float = 10) -> list[Event]:
    """All events up to the ending."""
    events, deadline = [], time.monotonic() + seconds
    while not child.ended:
        assert time.monotonic() < deadline, f"no ending, only {events}"
        events += child.poll()
        time.sleep(0.01)
    assert child.poll() == []
    return events


def first_event(child: Process) -> Event:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        for event in child.poll():
            return event
        time.sleep(0.01)
    raise AssertionError("the child said nothing")


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_events_arrive_in_order_and_chatter_is_kept_apart(start: Start, tmp_path: Path):
    child = start(
        """
        import sys
        print('{"kind": "started", "message": "CPU"}')
        print('a library says hello')
        print('{"kind": "progress", "stage": "128", "step": 1, "steps": 2, "fraction": 0.5}')
        print("a warning", file=sys.stderr)
        print('{"kind": "finished", "path": "texture.png"}')
        """
    )
    events = wait(child)
    assert [event.kind for event in events] == ["started", "progress", "finished"]
    assert events[1] == Event("progress", stage="128", step=1, steps=2, fraction=0.5)
    assert events[2].path == "texture.png"
    assert not is_running(child.pid)
    assert (tmp_path / "log.txt").read_text() == "a warning\n"


def test_an_unclean_environment_does_not_reach_the_child(start: Start, monkeypatch, tmp_path):
    (tmp_path / "evil").mkdir()
    (tmp_path / "evil" / "json.py").write_text("raise SystemExit('imported the wrong json')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "evil"))
    monkeypatch.setenv("PYTHONHOME", str(tmp_path))
    child = start(
        """
        import json, os, sys
        seen = [name for name in os.environ if name.startswith("PYTHON") and name != "PYTHONUTF8"]
        flags = [sys.flags.no_user_site, sys.dont_write_bytecode, sys.flags.utf8_mode]
        print(json.dumps({"kind": "finished", "message": f"{seen} {flags}"}))
        """
    )
    assert wait(child)[-1].message == "[] [1, True, 1]"


def test_words_of_any_script_arrive(start: Start):
    child = start("""print('{"kind": "failed", "message": "Füchse 狐 🦊"}')""")
    assert wait(child)[-1].message == "Füchse 狐 🦊"


@pytest.mark.parametrize(
    ("code", "words", "cure"),
    [
        ("import sys; sys.exit(7)", "exit code 7", "report it"),
        ("import no_such_module", "No module named 'no_such_module'", "set up the backend again"),
        ("raise RuntimeError('CUDA out of memory')", "CUDA out of memory", "smaller texture"),
        ("raise RuntimeError('could not create a primitive')", "a primitive", "ran out of memory"),
        ("raise ImportError('failed to map segment from shared object')", "map segment", "ran out of memory"),
        ("import os; os.kill(os.getpid(), 11)", "SIGSEGV", "too little memory"),
        ("import os; print('half a line', end=''); os._exit(0)", "exit code 0", "report it"),
    ],
)
def test_a_death_is_told_with_its_last_words(start: Start, code: str, words: str, cure: str):
    (event,) = wait(start(code))
    assert event.kind == "failed"
    assert words in event.message
    assert cure in event.cure


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_killed_from_outside(start: Start):
    child = start('import time; print(\'{"kind": "started"}\'); time.sleep(60)')
    first_event(child)
    os.kill(child.pid, signal.SIGKILL)
    (event,) = wait(child, 2)
    assert event.kind == "failed"
    assert "killed by signal 9, SIGKILL" in event.message
    assert "out of memory" in event.cure


def test_killed_while_a_grandchild_holds_its_pipes(start: Start):
    child = start(
        """
        import subprocess, sys, time
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(6)"])
        print('{"kind": "started"}')
        time.sleep(60)
        """
    )
    first_event(child)
    os.kill(child.pid, signal.SIGTERM)
    assert wait(child, 4)[-1].kind == "failed"


def test_a_polite_child_ends_by_itself_on_cancel(start: Start, tmp_path: Path):
    child = start(
        """
        import sys
        print('{"kind": "started"}')
        assert sys.stdin.readline() == "cancel\\n"
        open("tidied", "w").close()
        print('{"kind": "cancelled"}')
        sys.exit(3)
        """
    )
    first_event(child)
    child.cancel()
    child.cancel()  # twice is once
    assert [event.kind for event in wait(child, gone_seconds())] == ["cancelled"]
    assert (tmp_path / "tidied").exists()


@pytest.mark.parametrize("ignore", ["", "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN);"])
def test_a_deaf_child_is_gone_within_two_seconds(start: Start, ignore: str):
    child = start(ignore + 'import time; print(\'{"kind": "started"}\'); time.sleep(60)')
    first_event(child)
    child.cancel()
    assert [event.kind for event in wait(child, gone_seconds())] == ["cancelled"]
    assert not is_running(child.pid)


def test_the_child_learns_that_its_caller_was_killed(tmp_path: Path):
    """Its stdin ends. The caller here is a plain Python: there is no bpy below `process`."""
    (tmp_path / "patina").symlink_to(Path(__file__).parents[2], target_is_directory=True)
    child = "import sys; sys.stdin.read(); open('seen', 'w').close()"
    caller = f"""
        import sys, time
        from pathlib import Path
        sys.path.insert(0, {str(tmp_path)!r})
        from patina.addon.process import Process
        process = Process([sys.executable, "-c", {child!r}], Path({str(tmp_path)!r}))
        assert "bpy" not in sys.modules
        print("up", flush=True)
        time.sleep(60)
    """
    process = subprocess.Popen([sys.executable, "-B", "-c", textwrap.dedent(caller)], stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"up\n"
    process.kill()
    process.wait()
    process.stdout.close()
    deadline = time.monotonic() + 5
    while not (tmp_path / "seen").exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_program_that_is_not_there(tmp_path: Path):
    with pytest.raises(OSError, match="nowhere"):
        Process([str(tmp_path / "nowhere")], tmp_path)


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="counts open files in /proc")
def test_ended_children_leave_no_open_file(start: Start):
    """While what knows of them is still kept, as the panel keeps the runs that ended."""
    kept = [start("import sys; print('words', file=sys.stderr)")]
    wait(kept[0])
    time.sleep(0.2)
    before = open_files()
    for _ in range(10):
        kept.append(start("""print('{"kind": "finished", "path": "texture.png"}')"""))
        wait(kept[-1])
    deadline = time.monotonic() + 5
    while open_files() > before and time.monotonic() < deadline:
        time.sleep(0.05)
    assert open_files() <= before


def test_a_line_without_end_and_a_nested_one_cost_themselves_alone(start: Start):
    child = start(
        """
        import sys
        for _ in range(300):
            sys.stdout.write("x" * 1_000_000)
        print()
        print('{"kind": "message", "message": ' + "[" * 200_000 + "]" * 200_000 + "}")
        print('{"kind": "message", "message": "' + "y" * 210_000 + '"}')
        print('{"kind": "progress", "step": "three", "fraction": NaN}')
        print('{"kind": "progress", "step": 3, "fraction": 1e999}')
        print('{"kind": "message", "message": "' + "z" * 40_000 + '"}')
        print('{"kind": "finished", "path": "texture.png"}')
        """
    )
    events = wait(child, 30)
    assert [event.kind for event in events] == ["message", "finished"]
    assert len(events[0].message) < 3000
    assert max(map(len, child._last_lines)) < 3000


def test_a_flood_of_events_is_taken_in_without_a_hitch(start: Start):
    """A hundred thousand, as fast as the child can: the latest of each kind counts, and memory stays."""
    child = start(
        """
        for step in range(100_000):
            kind = ("progress", "preview", "message")[step % 3]
            print('{"kind": "%s", "message": "%d", "step": %d}' % (kind, step, step))
        print('{"kind": "finished", "path": "texture.png"}')
        """
    )
    longest, count = 0.0, 0
    while not child.ended:
        began = time.thread_time()
        count += len(child.poll())
        longest = max(longest, time.thread_time() - began)
        time.sleep(0.1)
    assert longest < 0.01
    assert count < 100_000
