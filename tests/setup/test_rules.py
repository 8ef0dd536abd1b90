"""What is decided without touching the disk: variants, paths of every system, sets, pip's words."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path, PurePosixPath
from types import SimpleNamespace

import pytest

from addon.setup import pip, system, variants
from addon.setup.errors import SetupError
from addon.setup.plan import Plan, address_in

SYSTEMS = ("Linux", "Windows", "Darwin")


def pins(name: str) -> dict[str, str]:
    """{"numpy ; marker": "2.2.6"}: every requirement of a set."""
    text = (variants.SETS / name).read_text()
    found = re.findall(r"^([\w.-]+)==([\w.+]+)( ; [^\\\n]*)?", text, re.MULTILINE)
    return {package + marker.rstrip(): version for package, version, marker in found}


def test_interpreter_of_each_system():
    folder = Path("backend")
    assert system.python_in(folder, "Linux") == folder / "bin" / "python"
    assert system.python_in(folder, "Darwin") == folder / "bin" / "python"
    assert system.python_in(folder, "Windows") == folder / "Scripts" / "python.exe"


def test_windows_paths_have_an_end():
    long = Path("/") / ("x" * 120)
    system.check_path(long, "Linux")
    with pytest.raises(SetupError, match="too long for Windows") as caught:
        system.check_path(long, "Windows")
    assert "109 characters" in caught.value.cure
    system.check_path(Path("/") / ("x" * 100), "Windows")
    with pytest.raises(SetupError, match="not an absolute path"):
        system.check_path(Path("here"), "Linux")


def test_deepest_file_is_as_deep_as_said():
    """Torch's own files, below the environment's folder, as the backend here has them."""
    backend = Path(__file__).parents[2] / ".env" / "backend"
    if not backend.is_dir():
        pytest.skip("the backend is not set up here")
    inside = next(backend.glob("lib/python*/site-packages"))
    # Windows has Lib/site-packages in place of lib/python3.N/site-packages.
    deepest = max(len(str(PurePosixPath(path.relative_to(inside)))) for path in inside.rglob("*"))
    assert len("/Lib/site-packages/") + deepest <= system.DEEPEST_FILE


def test_forgetting_an_interpreter_leaves_the_rest(tmp_path: Path):
    for folder in ("bin", "Scripts"):
        (tmp_path / folder).mkdir()
        for name in ("python", "python.exe", "python3", "pip"):
            (tmp_path / folder / name).write_text("")
    system.forget_interpreter(tmp_path, "Windows")
    system.forget_interpreter(tmp_path, "Linux")
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == ["pip", "pip"]


def test_blenders_own_interpreter(tmp_path: Path):
    """sys.executable, unless that is Blender itself; then what lies where each system's Blender has it."""
    python = Path("C:/Blender/4.5/python/bin/python.exe")
    assert system.blenders_python(python, tmp_path, (3, 11), "Windows") == python
    blender = tmp_path / "blender"
    assert (
        system.blenders_python(blender, tmp_path, (3, 11), "Linux") == blender
    )  # asked, it says what is wrong
    (tmp_path / "bin").mkdir()
    for name in ("python.exe", "python3.11", "python3.13"):
        (tmp_path / "bin" / name).write_text("")
    expected = {"Windows": "python.exe", "Linux": "python3.11", "Darwin": "python3.11"}
    for on, name in expected.items():
        assert system.blenders_python(blender, tmp_path, (3, 11), on) == tmp_path / "bin" / name


def test_how_to_get_another_python():
    assert "python3-venv" in system.other_python("Linux")
    for on in ("Windows", "Darwin"):
        assert "python.org" in system.other_python(on)
        assert "python3-venv" not in system.other_python(on)


def test_ending_a_process_on_windows_takes_its_children_along(monkeypatch):
    commands: list[list[str]] = []
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, text=True)

    def run(command: list[str]) -> None:
        commands.append(command)
        child.kill()

    monkeypatch.setattr(system, "run", run)
    system.end(child, "Windows")
    assert commands == [["taskkill", "/F", "/T", "/PID", str(child.pid)]]
    assert child.returncode is not None
    child.stdin.close()


def test_lock_on_windows(tmp_path: Path, monkeypatch):
    """The module as Windows would load it: the first byte is locked without waiting, a refusal is told."""
    calls: list[tuple[int, int]] = []

    def locking(descriptor: int, mode: int, count: int) -> None:
        os.fstat(descriptor)
        calls.append((mode, count))
        if len(calls) > 1:
            raise PermissionError(13, "Permission denied")

    monkeypatch.setitem(sys.modules, "msvcrt", SimpleNamespace(LK_NBLCK=2, locking=locking))
    monkeypatch.setattr(sys, "platform", "win32")
    spec = importlib.util.spec_from_file_location("addon.setup.windows", system.__file__)
    windows = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, windows)
    spec.loader.exec_module(windows)
    monkeypatch.setattr(windows, "LOCK_SECONDS", 0.0)
    with windows.lock(tmp_path / "backend.lock"):
        with pytest.raises(SetupError, match="Another Blender"), windows.lock(tmp_path / "backend.lock"):
            pass
        assert calls == [(2, 1), (2, 1)]
    assert list(tmp_path.iterdir()) == []


def test_nvidia_on_windows(tmp_path: Path, monkeypatch):
    monkeypatch.setenv("SYSTEMROOT", str(tmp_path))
    assert not system.has_nvidia("Windows")
    (tmp_path / "System32").mkdir()
    (tmp_path / "System32" / "nvcuda.dll").write_text("")
    assert system.has_nvidia("Windows")
    assert not system.has_amd("Windows")


def test_read_only_files_are_removed_too(tmp_path: Path):
    """Windows refuses those at first; here a folder that may not be written to stands for them."""
    inside = tmp_path / "environment" / "Lib"
    inside.mkdir(parents=True)
    (inside / "module.py").write_text("")
    (inside / "module.py").chmod(0o400)
    system.remove_tree(tmp_path / "environment")
    assert list(tmp_path.iterdir()) == []


def test_only_what_steers_pip_elsewhere_is_taken_away():
    given = {
        "PATH": "/bin",
        "PYTHONHOME": "/blender",
        "PYTHONPATH": "/other add-on",
        "VIRTUAL_ENV": "/x",
        "OMP_THREAD_LIMIT": "1",
        "PIP_TARGET": "/y",
        "PIP_INDEX_URL": "https://studio/simple",
        "HTTPS_PROXY": "http://proxy",
    }
    clean = system.clean_environment(given)
    assert {name: clean.get(name) for name in given} == {
        **dict.fromkeys(given),
        "PATH": "/bin",
        "PIP_INDEX_URL": "https://studio/simple",
        "HTTPS_PROXY": "http://proxy",
    }
    offline = system.offline_environment(given)
    assert "PIP_INDEX_URL" not in offline
    assert offline["PIP_NO_INDEX"] == "1"


def test_python_too_old_or_too_new(monkeypatch: pytest.MonkeyPatch):
    assert system.ask_python(Path(sys.executable)).version == sys.version_info[:3]
    monkeypatch.setattr(system, "OLDEST_PYTHON", (3, 98))
    monkeypatch.setattr(system, "NEWEST_PYTHON", (3, 99))
    with pytest.raises(SetupError, match="too old for torch") as caught:
        system.ask_python(Path(sys.executable))
    assert "from 3.98 to 3.99" in caught.value.cure
    monkeypatch.setattr(system, "OLDEST_PYTHON", (3, 1))
    monkeypatch.setattr(system, "NEWEST_PYTHON", (3, 2))
    with pytest.raises(SetupError, match="too new for torch"):
        system.ask_python(Path(sys.executable))


@pytest.mark.parametrize("path", ["/bin/true", "/nowhere/python", "/"])
def test_not_a_python(path: str):
    with pytest.raises(SetupError, match="not a Python that runs"):
        system.ask_python(Path(path))


def machine_with(monkeypatch: pytest.MonkeyPatch, processor: str, nvidia: bool = False, amd: bool = False):
    monkeypatch.setattr(system, "machine", lambda: processor)
    monkeypatch.setattr(system, "has_nvidia", lambda on: nvidia)
    monkeypatch.setattr(system, "has_amd", lambda on: amd and on == "Linux")


def test_variants_of_each_system():
    names = {name: [variant.name for variant in variants.available(name)] for name in SYSTEMS}
    assert names == {"Linux": ["cuda", "rocm", "cpu"], "Windows": ["cuda", "cpu"], "Darwin": ["mps", "cpu"]}
    with pytest.raises(SetupError, match="no torch called rocm for Windows"):
        variants.find("rocm", "Windows")


@pytest.mark.parametrize(
    ("on", "nvidia", "amd", "from_the_default_index", "best"),
    [
        ("Linux", True, True, "cuda", "cuda"),
        ("Linux", False, True, "cuda", "rocm"),
        ("Linux", False, False, "cuda", "cuda"),
        ("Windows", True, False, "cpu", "cuda"),
        ("Windows", False, False, "cpu", "cpu"),
        ("Darwin", False, False, "mps", "mps"),
    ],
)
def test_automatic_choice(monkeypatch, on: str, nvidia: bool, amd: bool, from_the_default_index: str, best):
    """What needs one of PyTorch's own indexes is chosen only where its address is set."""
    machine_with(monkeypatch, "arm64" if on == "Darwin" else "x86_64", nvidia, amd)
    chosen = variants.choose(on)
    assert (chosen.name, chosen.shelf) == (from_the_default_index, "")
    assert variants.best_for(on).name == best
    assert variants.choose(on, "https://studio.example/cu130").name == best


@pytest.mark.parametrize(
    ("on", "processor", "meant"),
    [("Darwin", "x86_64", "Intel"), ("Linux", "arm64", "Embree"), ("Windows", "arm64", "Embree")],
)
def test_processors_that_nothing_is_made_for(monkeypatch, on: str, processor: str, meant: str):
    machine_with(monkeypatch, processor)
    with pytest.raises(SetupError, match=meant):
        variants.choose(on)


def test_torch_index_is_for_torch_alone():
    windows = variants.find("cuda", "Windows")
    plan = Plan(Path("/x"), windows, Path(sys.executable), torch_index="https://a", index="https://b")
    assert [plan.index_of(name) for name in (windows.torch, variants.COMMON, variants.WEIGHTS)] == [
        "https://a",
        "https://b",
        "https://b",
    ]
    assert replace(plan, torch_index="").index_of(windows.torch) == "https://b"  # a studio's has everything
    assert replace(plan, variant=variants.find("cuda", "Linux")).index_of("cuda-linux.txt") == "https://b"


def test_torch_that_only_pytorchs_index_has_needs_its_address():
    plan = Plan(Path("/x"), variants.find("cuda", "Windows"), Path(sys.executable))
    with pytest.raises(SetupError, match="address is not set") as caught:
        plan.check_index()
    assert "pytorch.org" in caught.value.cure
    assert "CUDA 13.0" in caught.value.cure
    for where in ({"torch_index": "https://a"}, {"index": "https://b"}, {"wheelhouse": Path("/wheels")}):
        replace(plan, **where).check_index()
    replace(plan, variant=variants.find("cpu", "Windows")).check_index()


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("", ""),
        ("  ", ""),
        ("https://studio.example/whl/cu130", "https://studio.example/whl/cu130"),
        (
            "pip3 install torch torchvision --index-url https://studio.example/whl/cu130 ",
            "https://studio.example/whl/cu130",
        ),
        ("file:///srv/simple", "file:///srv/simple"),
    ],
)
def test_the_whole_command_may_be_pasted(text: str, address: str):
    assert address_in(text) == address


def test_text_without_an_address():
    with pytest.raises(SetupError, match="pip install torch"):
        address_in("pip install torch")


@pytest.mark.parametrize("variant", variants.VARIANTS, ids=lambda variant: f"{variant.name}-{variant.system}")
def test_sets_are_pinned_and_agree(variant: variants.Variant):
    torch = pins(variant.torch)
    assert torch["torch"] == "2.12.0"
    assert torch["torchvision"] == "0.27.0"
    for name in (variants.PIP, variants.COMMON, variant.torch, variants.WEIGHTS):
        text = (variants.SETS / name).read_text()
        requirements = [line for line in text.splitlines() if re.match(r"\w", line)]
        assert requirements
        assert all(re.match(r"[\w.-]+==[\w.+]+", line) for line in requirements)
        if not (name == variant.torch and variant.shelf):
            blocks = re.findall(r"^\w.*?(?=^\S|\Z)", text, re.MULTILINE | re.DOTALL)
            assert all(re.search(r"--hash=sha256:[0-9a-f]{64}\b", block) for block in blocks)
    assert str(variant.download // 10**8 / 10) in variant.summary


def test_fingerprint_is_of_what_the_sets_say(tmp_path: Path):
    variant = variants.find("cuda", "Linux")
    for name in variants.SETS.iterdir():
        (tmp_path / name.name).write_text("# another comment\n\n" + name.read_text())
    assert variants.fingerprint(variant, tmp_path) == variants.fingerprint(variant)
    common = tmp_path / variants.COMMON
    common.write_text(common.read_text().replace("embreex==", "embreex==9"))
    assert variants.fingerprint(variant, tmp_path) != variants.fingerprint(variant)


# What pip (and Python's own errors) really wrote, cut to the line that matters.
SAID = [
    (
        "OSError: [Errno 28] No space left on device",
        "disk is full",
    ),
    ("OSError: [WinError 112] There is not enough space on the disk", "disk is full"),
    (
        "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE. If you have updated the "
        "package versions, please update the hashes.",
        "hash is wrong",
    ),
    (
        "PermissionError: [WinError 32] The process cannot access the file",
        "cannot be written",
    ),
    (
        "OSError: [Errno 13] Permission denied: '/x'",
        "cannot be written",
    ),
    (
        "WARNING: Retrying (Retry(total=0)) broken by 'ProxyError('Cannot connect to proxy.')'",
        "proxy",
    ),
    (
        "SSLError(1, '[SSL: CERTIFICATE_VERIFY_FAILED] verify failed",
        "certificate",
    ),
    (
        "WARNING: Retrying (Retry(total=4)) after connection broken by 'NewConnectionError('<pip._vendor."
        "urllib3.connection.HTTPSConnection>: Failed to establish a new connection: [Errno -3]')",
        "network was lost",
    ),
    (
        "urllib3.exceptions.ReadTimeoutError: Read timed out.",
        "network was lost",
    ),
    (
        "ERROR: Could not find a version that satisfies the requirement torch==2.12.0 (from versions: none)",
        "torch==2.12.0 was not found: the index",
    ),
    (
        "ERROR: No matching distribution found for torch==2.12.0",
        "torch==2.12.0 was not found: there are other",
    ),
    ("ERROR: something new", "pip failed: ERROR: something new"),
    ("", "said nothing"),
]


@pytest.mark.parametrize(("said", "meant"), SAID)
def test_pips_words(said: str, meant: str):
    error = pip.explain(f"Looking in indexes\n{said}\n" if said else "")
    assert meant in error.message
    assert error.cure
