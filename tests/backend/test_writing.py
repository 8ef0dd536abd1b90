"""Files that are whole or not there, whoever else is at work, and whatever lies in wait."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

import pytest
import torch
from PIL import Image

from backend import run
from backend.errors import PatinaError
from backend.export.files import write_file
from backend.farm.page import write_model_script
from backend.locking import holding
from backend.networks import weights
from backend.parameterizations import cppn
from backend.pictures.images import save, write_image
from backend.protocol.events import FAILED
from backend.protocol.job import Job
from backend.protocol.job_file import write_job
from backend.protocol.parts import Style
from backend.session import write_report
from backend.writing import make_way, remove_parts, replacing, write_bytes

ROOT = Path(__file__).parents[2]
GREY = Image.new("L", (8, 8))
WRITERS = {
    "texture.png": lambda path: write_image(torch.zeros(3, 8, 8), path),
    "mask.png": lambda path: save(GREY, path),
    "report.json": lambda path: write_report({"steps": 3}, path),
    "picture.cppn": lambda path: cppn.write(path, cppn.CPPN()),
    "job.json": lambda path: write_job(path.parent, Job(content="a.png", styles=(Style("b.png"),))),
    "model.glb": lambda path: write_file(path, b"glTF"),
    "other": lambda path: write_bytes(path, b"other"),
    "model.js": lambda path: write_model_script(path.parent, "a", path.parent.parent / "mine"),
    "a library's": lambda path: (make_way(path), path.write_bytes(b"other")),
}
linux = pytest.mark.skipif(sys.platform == "win32", reason="needs links that anybody may make")


@linux
@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("kind", ["symbolic", "hard"])
def test_a_link_that_lies_in_wait_leads_no_writer_astray(name, kind, tmp_path):
    """Under the name itself, and under all that writers have used for what is not whole yet."""
    mine, folder = tmp_path / "mine", tmp_path / "job"
    mine.write_bytes(b"years of work")
    folder.mkdir()
    for planted in (name, f"{name}.part", f"{name}.new", f"{name}.copy", f".patina-{os.getpid()}.part"):
        place = folder / planted
        place.symlink_to(mine) if kind == "symbolic" else os.link(mine, place)
    WRITERS[name](folder / name)
    assert mine.read_bytes() == b"years of work"
    assert not (folder / name).is_symlink()
    assert (folder / name).read_bytes() != b"years of work"


@linux
@pytest.mark.parametrize("kind", ["symbolic", "hard"])
def test_a_download_follows_no_link_that_lies_in_wait(kind, tmp_path, monkeypatch):
    monkeypatch.setenv(weights.FOLDER_VARIABLE, str(tmp_path / "weights"))
    (tmp_path / "weights").mkdir()
    mine = tmp_path / "mine"
    mine.write_bytes(b"years of work")
    part = tmp_path / "weights" / "w.pth.part"
    part.symlink_to(mine) if kind == "symbolic" else os.link(mine, part)
    with pytest.raises(PatinaError):
        weights.fetch("http://127.0.0.1:9/w.pth", "w.pth", "00")
    assert mine.read_bytes() == b"years of work"
    assert not part.is_symlink()
    assert not part.exists()


def test_readers_never_see_half_a_file_however_many_write(tmp_path):
    """Two processes write two different files to one name, two thousand times; every read is one of them."""
    code = (
        "import sys; from pathlib import Path; from backend.writing import write_bytes\n"
        "for _ in range(1000): write_bytes(Path(sys.argv[1]), sys.argv[2].encode() * 200_000, lasting=False)"
    )
    path = tmp_path / "texture.png"
    write_bytes(path, b"a" * 200_000)
    writers = [
        subprocess.Popen([sys.executable, "-B", "-c", code, str(path), letter], cwd=ROOT) for letter in "ab"
    ]
    reads = 0
    while any(writer.poll() is None for writer in writers):
        data = path.read_bytes()
        assert len(data) == 200_000
        assert len(set(data)) == 1
        reads += 1
    assert [writer.returncode for writer in writers] == [0, 0]
    assert reads > 100
    assert [file.name for file in tmp_path.iterdir()] == ["texture.png"]


def test_what_fails_midway_leaves_the_old_file_and_nothing_else(tmp_path):
    (tmp_path / "file").write_text("old")
    with suppress(RuntimeError), replacing(tmp_path / "file") as stream:
        stream.write(b"new")
        raise RuntimeError
    assert (tmp_path / "file").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_parts_of_killed_writers_go_and_others_files_stay(tmp_path):
    for name in (".patina-0123456789abcdef.part", "mine.part", "texture.png"):
        (tmp_path / name).write_text("")
    remove_parts(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine.part", "texture.png"]


@pytest.mark.skipif(sys.platform != "linux", reason="strace is Linux's")
def test_what_must_last_is_on_the_disk_before_it_has_its_name(tmp_path):
    """The system's own account: the file is synced, then renamed, then the folder is synced."""
    code = (
        "from pathlib import Path; from backend.writing import write_bytes;"
        f"write_bytes(Path({str(tmp_path)!r}) / 'texture.png', b'x' * 1000)"
    )
    log = tmp_path / "log"
    trace = ["strace", "-f", "-e", "trace=fsync,fdatasync,rename,renameat,renameat2", "-o", str(log)]
    try:
        done = subprocess.run([*trace, sys.executable, "-B", "-c", code], cwd=ROOT, capture_output=True)
    except FileNotFoundError:
        pytest.skip("strace is not here")
    if done.returncode:
        pytest.skip("this system does not let a test trace")
    calls = [line.split("(")[0].split()[-1] for line in log.read_text().splitlines() if "(" in line]
    order = [call[:6] for call in calls]
    assert order == ["fsync", "rename", "fsync"]


# One job in a folder


def hold(folder: Path) -> subprocess.Popen[str]:
    code = (
        "import sys; from pathlib import Path; from backend.locking import holding\n"
        "with holding(Path(sys.argv[1])) as alone: print(alone, flush=True); sys.stdin.read()"
    )
    return subprocess.Popen(
        [sys.executable, "-B", "-c", code, str(folder)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_a_folder_is_its_jobs_until_that_ends_however_it_ends(tmp_path):
    write_job(tmp_path, Job(content="a.png", styles=(Style("b.png"),)))
    other = hold(tmp_path)
    assert other.stdout is not None
    assert other.stdout.readline() == "True\n"
    said = []
    assert run.do_job(tmp_path, said.append, lambda: False) == FAILED
    assert "Another job is at work in" in said[-1].message
    assert said[-1].cure
    with holding(tmp_path) as alone:
        assert not alone
    other.kill()
    other.communicate()
    with holding(tmp_path) as alone:
        assert alone
    assert [path.name for path in tmp_path.iterdir()] == ["job.json"]


def test_two_threads_of_one_process_do_not_share_a_folder_either(tmp_path):
    found = []
    with holding(tmp_path) as first:

        def second() -> None:
            with holding(tmp_path) as alone:
                found.append(alone)

        thread = threading.Thread(target=second)
        thread.start()
        thread.join()
        assert (first, found) == (True, [False])
