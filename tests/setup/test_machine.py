"""The states of a set-up, with real environments and a real pip, cut off and disturbed everywhere."""

from __future__ import annotations

import http.server
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from small_index import ROOT, Index, digest, make_index, make_plan, start_driver, wheel

from addon.setup import environment, machine, system, variants
from addon.setup.errors import Cancelled, SetupError
from addon.setup.plan import Plan
from addon.setup.progress import Progress

STATES = ["choosing", "downloading", "installing", "fetching weights", "verifying", "ready"]


def set_up(plan: Plan, **options: object) -> list[str]:
    """Set up, and give the states in the order in which they were entered."""
    states: list[str] = []
    machine.set_up(plan, lambda progress: states.append(progress.state), **options)  # type: ignore[arg-type]
    return list(dict.fromkeys(states))


def check(plan: Plan) -> str:
    return machine.verify(plan, lambda progress: None)


def state(plan: Plan) -> environment.Record:
    return environment.inspect(
        plan.folder, {plan.variant.name: variants.fingerprint(plan.variant, plan.sets)}
    )


def site_packages(plan: Plan) -> Path:
    return next(plan.folder.glob("**/site-packages"))


def everything(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*")) if folder.exists() else []


def namespace(*command: str, unshare: str = "--mount") -> list[str]:
    """Run `command` with mounts, or something else, of its own; skips the test where that is not allowed."""
    prefix = ["unshare", unshare] if os.geteuid() == 0 else ["unshare", "--map-root-user", unshare]
    if not shutil.which("unshare") or subprocess.run([*prefix, "true"], capture_output=True).returncode:
        pytest.skip(f"this system does not let a test do: {' '.join(prefix)}")
    return [*prefix, *command]


def test_fresh_then_reused_then_removed(plan: Plan):
    assert state(plan).state == environment.ABSENT
    seen: list[Progress] = []
    machine.set_up(plan, seen.append)
    assert list(dict.fromkeys(progress.state for progress in seen)) == STATES
    fractions = [progress.fraction for progress in seen]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    assert all(progress.done <= progress.total for progress in seen if progress.total)
    for counted in (environment.DOWNLOADING, environment.INSTALLING):
        assert any(progress.done > 1_000_000 for progress in seen if progress.state == counted)
    assert state(plan).state == environment.READY
    assert check(plan).strip() == "works"
    assert not (plan.folder / environment.DOWNLOADS).exists()

    start = time.monotonic()
    assert set_up(plan) == ["ready"]
    assert time.monotonic() - start < 2

    size = system.size_of(plan.folder)
    assert environment.remove(plan.folder) == size > 1_000_000
    assert everything(plan.folder.parent) == []
    with pytest.raises(SetupError, match="no environment"):
        environment.remove(plan.folder)


@pytest.mark.parametrize("cut_at", STATES[:-1])
def test_killed_at_any_state_it_resumes(plan: Plan, cut_at: str):
    slow_check = (*plan.check[:1], "import time; time.sleep(60)")
    driver = start_driver(replace(plan, check=slow_check))
    assert driver.stdout is not None
    for line in driver.stdout:
        if line.strip() == cut_at:
            break
    driver.send_signal(signal.SIGKILL)
    driver.wait()
    driver.stdout.close()

    record = state(plan)
    assert record.state == environment.BROKEN
    assert "interrupted" in record.reason
    assert "goes on" in record.cure
    if cut_at == environment.INSTALLING:  # all that was downloaded is still there
        assert len(list((plan.folder / environment.DOWNLOADS).glob("*.whl"))) == 4
    assert set_up(plan) == STATES
    assert state(plan).state == environment.READY


def test_pip_does_not_outlive_the_set_up(plan: Plan, tmp_path: Path):
    """A killed set-up must not leave a pip behind that goes on writing."""
    code = "import sys, time; print('started', flush=True); time.sleep(60)"
    (tmp_path / "sleeper.py").write_text(code)
    starter = (
        "import subprocess as s, sys, time; p = s.Popen(sys.argv[1:], stdin=s.PIPE, stdout=s.PIPE);"
        "print(p.pid, p.stdout.readline(), flush=True); time.sleep(60)"
    )
    child = ROOT / "addon" / "setup" / "child.py"
    parent = subprocess.Popen(
        [sys.executable, "-c", starter, sys.executable, str(child), "sleeper"],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
    )
    assert parent.stdout is not None
    pid = int(parent.stdout.readline().split()[0])
    parent.kill()
    parent.wait()
    parent.stdout.close()
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline and _runs(pid):
        time.sleep(0.05)
    assert not _runs(pid)


def _runs(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False


def test_cancelled_then_resumed(plan: Plan):
    states: list[str] = []

    def cancelled() -> bool:
        return environment.DOWNLOADING in states

    start = time.monotonic()
    with pytest.raises(Cancelled):
        machine.set_up(plan, lambda progress: states.append(progress.state), cancelled)
    assert time.monotonic() - start < 30
    assert state(plan).state == environment.BROKEN
    assert set_up(plan) == STATES


def test_wrong_hash(plan: Plan, index: Index, tmp_path: Path):
    sets = tmp_path / "sets"
    shutil.copytree(index.sets, sets)
    text = (sets / "torch.txt").read_text()
    (sets / "torch.txt").write_text(text.replace(text.split("sha256:")[1][:64], "0" * 64))
    with pytest.raises(SetupError, match="hash is wrong"):
        set_up(replace(plan, sets=sets))
    record = state(plan)
    assert record.state == environment.BROKEN
    assert "hash is wrong" in record.reason
    assert not list(plan.folder.glob("**/site-packages/packaging"))


def test_check_fails(made: Plan):
    (made.folder / environment.RECORD).write_text(
        (made.folder / environment.RECORD).read_text().replace("ready", "verifying")
    )
    broken = replace(made, check=("-c", "raise SystemExit('no module named colour')"))
    with pytest.raises(SetupError, match="no module named colour"):
        set_up(broken)
    assert state(made).state == environment.BROKEN
    assert set_up(made) == STATES


def test_network_lost(plan: Plan, monkeypatch: pytest.MonkeyPatch):
    """Nothing listens on this port of this machine."""
    monkeypatch.setenv("PIP_RETRIES", "1")
    for name in ("PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    with pytest.raises(SetupError, match="network was lost"):
        set_up(replace(plan, index="http://127.0.0.1:9/simple"))
    assert "connection" in state(plan).cure


def test_disk_too_small_is_told_beforehand(plan: Plan):
    large = replace(plan, variant=replace(plan.variant, disk=10**16))
    with pytest.raises(SetupError, match="too full"):
        set_up(large)
    assert not list(plan.folder.glob("pyvenv.cfg"))


@pytest.mark.parametrize("megabytes", [8, 24])
def test_disk_full(index: Index, tmp_path: Path, megabytes: int):
    """On a small disk of its own, once full while the environment is made, once while packages go in."""
    place = tmp_path / "disk"
    place.mkdir()
    plan = make_plan(index, place / "backend")
    plan = replace(plan, variant=replace(plan.variant, download=0, disk=0))  # it claims to need no room
    mount = f'mount -t tmpfs -o size={megabytes}m tmpfs {place} && exec "$@"'
    driver = start_driver(plan, *namespace("sh", "-c", mount, "sh"))
    said, _ = driver.communicate(timeout=120)
    assert driver.returncode == 1, said
    assert "error: The disk is full." in said, said


def test_folder_that_cannot_be_written(index: Index, tmp_path: Path):
    place = tmp_path / "disk"
    place.mkdir()
    plan = make_plan(index, place / "backend")
    driver = start_driver(
        plan, *namespace("sh", "-c", f'mount -t tmpfs -o ro tmpfs {place} && exec "$@"', "sh")
    )
    said, _ = driver.communicate(timeout=60)
    assert driver.returncode == 1, said
    assert "cannot be" in said
    assert "Read-only file system" in said
    assert "Choose another folder" in said


def test_folder_that_one_may_not_write_to(index: Index, tmp_path: Path):
    """As an ordinary person: the super-user may write anywhere, unless that power is dropped."""
    place = tmp_path / "somebody else's"
    place.mkdir(mode=0o500)
    before: tuple[str, ...] = ()
    if os.geteuid() == 0:
        before = ("setpriv", "--bounding-set=-dac_override,-dac_read_search")
        if not shutil.which("setpriv") or subprocess.run([*before, "true"], capture_output=True).returncode:
            pytest.skip("this system does not let a test be an ordinary person")
    driver = start_driver(make_plan(index, place / "backend"), *before)
    said, _ = driver.communicate(timeout=60)
    assert driver.returncode == 1, said
    assert "cannot be written to: Permission denied." in said
    assert "allow writing" in said
    assert everything(place) == []


def test_the_extensions_folder_may_be_read_only(plan: Plan):
    """A whole set-up, with all of this repository mounted read-only."""
    mount = f'mount --bind {ROOT} {ROOT} && mount -o remount,bind,ro {ROOT} && cd {ROOT} && exec "$@"'
    probe = f'touch {ROOT}/written 2>&1; exec "$@"'
    driver = start_driver(plan, *namespace("sh", "-c", mount, "sh", "sh", "-c", probe, "sh"))
    said, _ = driver.communicate(timeout=120)
    assert "Read-only file system" in said  # it really was
    assert driver.returncode == 0, said
    assert state(plan).state == environment.READY


def test_folder_below_a_file(index: Index, tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(SetupError, match="cannot be made"):
        set_up(make_plan(index, tmp_path / "file" / "patina" / "backend"))


def test_a_folder_with_other_files_is_left_alone(plan: Plan):
    plan.folder.mkdir(parents=True)
    (plan.folder / "thesis.txt").write_text("years of work")
    with pytest.raises(SetupError, match="already holds other files"):
        set_up(plan)
    with pytest.raises(SetupError, match="no environment"):
        environment.remove(plan.folder)
    assert [path.name for path in everything(plan.folder)] == ["thesis.txt"]


def test_two_at_once(made: Plan):
    """Another Blender holds the lock: nothing is done to its environment until that Blender has ended."""
    lock = environment.lock_of(made.folder)
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys, time; from pathlib import Path; from addon.setup import system\n"
            "with system.lock(Path(sys.argv[1])): print('held', flush=True); time.sleep(60)",
            str(lock),
        ],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    for work in (
        set_up,
        check,
        lambda plan: set_up(plan, fresh=True),
        lambda plan: environment.remove(plan.folder),
    ):
        with pytest.raises(SetupError, match=r"Another Blender .* Wait until it has finished"):
            work(made)
    assert state(made).state == environment.READY
    holder.kill()  # the system frees the lock of a process that died
    holder.wait()
    holder.stdout.close()
    assert set_up(made) == ["ready"]
    assert not lock.exists()


def test_removed_while_in_use(made: Plan):
    user = subprocess.Popen(
        [
            str(system.python_in(made.folder)),
            "-c",
            "print('on', flush=True); input(); import pygments.lexers",
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert user.stdout is not None
    assert user.stdout.readline() == "on\n"
    environment.remove(made.folder)
    assert state(made).state == environment.ABSENT
    _, words = user.communicate("\n", timeout=30)
    assert user.returncode == 1
    assert "ModuleNotFoundError" in words


def test_a_removal_that_was_cut_off_is_finished(made: Plan):
    leaving = made.folder.with_name(made.folder.name + ".removing")
    made.folder.rename(leaving)
    size = system.size_of(leaving)
    assert environment.remove(made.folder) == size
    assert everything(made.folder.parent) == []


class _Counting(http.server.SimpleHTTPRequestHandler):
    hits: list[str]

    def do_GET(self) -> None:
        self.hits.append(self.path)
        super().do_GET()

    def log_message(self, format: str, *arguments: object) -> None:
        pass


def test_wheel_folder_makes_no_call_and_pips_own_index_is_used(index: Index, tmp_path: Path, monkeypatch):
    """An index on this machine counts who asks: nobody with a wheel folder, pip by its own configuration."""
    _Counting.hits = []
    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), partial(_Counting, directory=str(index.simple))
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_address[1]}"
    configuration = tmp_path / "pip.conf"
    configuration.write_text(f"[global]\nindex-url = {address}\nfind-links = {address}\n")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(configuration))
    monkeypatch.setenv("PIP_FIND_LINKS", address)
    monkeypatch.setenv("PIP_NO_INDEX", "0")
    monkeypatch.delenv("PIP_EXTRA_INDEX_URL", raising=False)

    offline = replace(make_plan(index, tmp_path / "offline"), index="", wheelhouse=index.wheels)
    assert set_up(offline) == STATES
    assert _Counting.hits == []

    assert set_up(replace(make_plan(index, tmp_path / "online"), index="")) == STATES
    assert any("pygments" in path for path in _Counting.hits)
    server.shutdown()
    server.server_close()


def test_torch_from_an_index_of_its_own(index: Index, plan: Plan, tmp_path: Path):
    """Pinned by version, it takes whichever build that index has, and finds it installed later."""
    build = wheel("packaging", tmp_path, "99.0+cu1")
    listing = tmp_path / "own" / "packaging"
    listing.mkdir(parents=True)
    build.replace(listing / build.name)
    (listing / "index.html").write_text(f'<a href="{build.name}">{build.name}</a>')
    sets = tmp_path / "sets"
    shutil.copytree(index.sets, sets)
    (sets / "torch.txt").write_text("packaging==99.0\n")
    own = replace(
        plan,
        sets=sets,
        variant=replace(plan.variant, shelf="CUDA 1"),
        check=("-c", "import pluggy, packaging"),
    )
    with pytest.raises(SetupError, match=r"packaging==99.0 was not found"):
        set_up(own)
    own = replace(own, torch_index=(tmp_path / "own").as_uri())
    assert set_up(own) == STATES
    assert (site_packages(own) / "packaging-99.0+cu1.dist-info").is_dir()
    assert set_up(own) == ["ready"]


def test_what_is_optional_comes_where_it_is_asked_for(made: Plan, tmp_path: Path):
    """Into an environment that is ready, too; what hinders it does the environment no harm."""
    assert not (site_packages(made) / "mypy_extensions.py").exists()
    broken = replace(made, extras=("farm",), wheelhouse=tmp_path)
    with pytest.raises(SetupError):
        machine.set_up(broken, lambda progress: None)
    assert state(made).state == environment.READY
    assert set_up(replace(made, extras=("farm",))) == ["installing", "ready"]
    assert (site_packages(made) / "mypy_extensions.py").exists()
    assert state(made).state == environment.READY
    assert set_up(replace(made, extras=("farm",))) == ["ready"]


def test_missing_wheel_folder(plan: Plan, tmp_path: Path):
    with pytest.raises(SetupError, match="no wheel folder"):
        set_up(replace(plan, wheelhouse=tmp_path / "nowhere"))


def test_gathered_wheels_suffice(index: Index, plan: Plan, tmp_path: Path):
    wheels = tmp_path / "wheel house"
    machine.gather(
        replace(plan, folder=tmp_path / "pip only", extras=("farm",)), wheels, lambda progress: None
    )
    expected = {path.name for path in index.wheels.glob("*.whl") if not path.name.startswith("pip-")}
    assert {path.name for path in wheels.iterdir()} >= expected
    assert all(path.suffix == ".whl" for path in wheels.iterdir())


def test_update_brings_only_what_changed(made: Plan, tmp_path: Path):
    kept = site_packages(made) / "pluggy" / "__init__.py"
    before = kept.stat()

    later = make_index(tmp_path / "later index")
    for old in later.wheels.glob("packaging-*.whl"):
        old.unlink()
    new = wheel("packaging", later.wheels, "99.0", "\nLATER = True\n")
    (later.sets / "torch.txt").write_text(later.pin("packaging") + later.pin("pygments"))
    listing = later.simple / "packaging"
    (listing / new.name).write_bytes(new.read_bytes())
    (listing / "index.html").write_text(f'<a href="{new.name}#sha256={digest(new)}">{new.name}</a>')

    updated = replace(made, sets=later.sets, index=later.address)
    assert "another version" in state(updated).reason
    assert "Update" in state(updated).cure
    assert set_up(updated) == STATES
    assert "LATER" in (site_packages(made) / "packaging" / "__init__.py").read_text()
    assert kept.stat().st_mtime_ns == before.st_mtime_ns
    assert kept.stat().st_ino == before.st_ino


def test_blenders_python_went_away(made: Plan, tmp_path: Path):
    """The packages stay: any Python of the same version will do, without a download."""
    for link in system.python_in(made.folder).parent.glob("python*"):
        link.unlink()
        link.symlink_to(tmp_path / "blender that was uninstalled" / "python")
    assert "Python is gone" in state(made).reason
    empty = tmp_path / "no wheels"
    empty.mkdir()
    assert set_up(replace(made, wheelhouse=empty)) == STATES
    assert check(made).strip() == "works"


def test_repair_builds_anew(made: Plan):
    (site_packages(made) / "pluggy" / "__init__.py").write_text("raise ImportError('damaged')")
    with pytest.raises(SetupError, match="damaged"):
        check(made)
    fetched = made.folder / environment.WEIGHTS / "vgg19-dcbb9e9d.pth"
    fetched.parent.mkdir()
    fetched.write_bytes(b"half a gigabyte")
    assert set_up(made, fresh=True) == STATES
    assert check(made).strip() == "works"
    assert fetched.read_bytes() == b"half a gigabyte"


@pytest.mark.parametrize(
    "text",
    ["", "{ half a li", "[" * 100_000, '{"state": "ready"}', "null", "[1]", '"ready"']
    + [json.dumps(environment._MARK | {"state": state}) for state in ("no such", 3, None, ["ready"])],
)
def test_a_record_that_is_not_one_makes_no_folder_ours(made: Plan, text: str):
    (made.folder / environment.RECORD).write_text(text)
    before = everything(made.folder)
    assert state(made).state in (environment.BROKEN, environment.ABSENT)
    assert not environment.read(made.folder).whole
    for work in (set_up, lambda plan: set_up(plan, fresh=True), lambda plan: environment.remove(plan.folder)):
        with pytest.raises(SetupError):
            work(made)
    assert everything(made.folder) == before


# What an artist's folder may hold that looks like a set-up's record, and the folder like an environment.
LOOKALIKES = {
    "somebody's record": ("setup.json", '{"state": "ready"}'),
    "unreadable": ("setup.json", "{ half a li"),
    "name alone": (environment.RECORD, '{"state": "ready"}'),
    "name, unreadable": (environment.RECORD, "{"),
    "marked": (environment.RECORD, json.dumps(environment._MARK | {"state": "ready"})),
    "marked, cut off": (environment.RECORD, json.dumps(environment._MARK | {"state": "choosing"})),
}


@pytest.mark.parametrize("lookalike", LOOKALIKES)
@pytest.mark.parametrize("with_environment", [False, True])
def test_an_artists_folder_is_left_as_it_is(plan: Plan, lookalike: str, with_environment: bool):
    """Set Up, Repair and Remove, on a folder of work, also by its name while it waits for removal."""
    name, text = LOOKALIKES[lookalike]
    for folder in (plan.folder, plan.folder.with_name(plan.folder.name + ".removing")):
        (folder / "lib").mkdir(parents=True)
        (folder / ".git").mkdir()
        (folder / name).write_text(text)
        for mine in ("scene.blend", "lib/wood.png", ".git/HEAD"):
            (folder / mine).write_text("years of work")
        if with_environment:
            (folder / "pyvenv.cfg").write_text("home = /usr/bin")
    before = {path: path.read_bytes() for path in everything(plan.folder.parent) if path.is_file()}
    for work in (
        set_up,
        lambda plan: set_up(plan, fresh=True),
        check,
        lambda plan: environment.remove(plan.folder),
    ):
        with pytest.raises(SetupError) as caught:
            work(plan)
        assert str(plan.folder) in str(caught.value)
    now = {path: path.read_bytes() for path in everything(plan.folder.parent) if path.is_file()}
    if "marked" in lookalike and with_environment:  # it has all that ours has: its record may say what broke
        before.pop(plan.folder / name), now.pop(plan.folder / name)
    assert now == before


def test_what_lies_beside_an_environment_stops_its_removal(made: Plan):
    (made.folder / "scene.blend").write_text("years of work")
    before = everything(made.folder)
    for work in (lambda plan: set_up(plan, fresh=True), lambda plan: environment.remove(plan.folder)):
        with pytest.raises(SetupError, match=r"also holds what Patina did not put there: scene\.blend"):
            work(made)
    assert everything(made.folder) == before
    (made.folder / "scene.blend").unlink()
    environment.remove(made.folder)
    assert everything(made.folder.parent) == []


@pytest.mark.parametrize("kept", range(5))
def test_a_removal_goes_on_wherever_it_was_cut_off(made: Plan, tmp_path: Path, kept: int):
    """What it is known by goes last: the environment's mark, then the record."""
    shutil.copytree(made.folder, tmp_path / "copy", symlinks=True)
    leaving = made.folder.with_name(made.folder.name + ".removing")
    made.folder.rename(leaving)
    last = (environment.RECORD, "pyvenv.cfg", "lib", "bin", "include")[:kept]
    for entry in leaving.iterdir():
        if entry.name not in last:
            shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()
    if not kept:  # an empty folder of that name is in nobody's way
        (tmp_path / "copy").rename(made.folder)
    environment.remove(made.folder)
    assert everything(made.folder.parent) == []


def test_links_at_the_top_lead_nowhere(made: Plan, tmp_path: Path):
    """A link in the place of our own is removed, what it leads to stays; a planted record is not written."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "scene.blend").write_text("years of work")
    (made.folder / "share").symlink_to(tmp_path / "mine") if not (made.folder / "share").exists() else None
    (made.folder / environment.DOWNLOADS).symlink_to(tmp_path / "mine")
    environment.remove(made.folder)
    assert (tmp_path / "mine" / "scene.blend").read_text() == "years of work"


def test_a_lock_of_somebody_elses_keeps_its_words(made: Plan, tmp_path: Path):
    lock = environment.lock_of(made.folder)
    lock.write_text("versions of my packages")
    assert set_up(made) == ["ready"]
    assert lock.read_text() == "versions of my packages"
    lock.unlink()
    lock.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(SetupError):
        set_up(made)
    assert not (tmp_path / "elsewhere").exists()


def test_events_are_the_backends(plan: Plan):
    """What the add-on reads: one JSON object a line; the last says how it ended."""
    plan.folder.mkdir(parents=True)
    (plan.folder / "thesis.txt").write_text("")
    command = [sys.executable, "-m", "addon.setup", "install", "--events", "--folder", str(plan.folder)]
    run = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    events = [json.loads(line) for line in run.stdout.splitlines()]
    assert run.returncode == 1
    assert events[-1]["kind"] == "failed"
    assert "already holds other files" in events[-1]["message"]
    assert "Choose an empty folder" in events[-1]["cure"]
