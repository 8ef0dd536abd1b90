"""Paths and processes: all that differs between Linux, macOS and Windows is here.

Functions that differ take the name of the system (as `platform.system()` gives it), so that each branch
can be tested on any machine.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import secrets
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .errors import SetupError

SYSTEM = platform.system()
WINDOWS = "Windows"

OLDEST_PYTHON, NEWEST_PYTHON = (3, 10), (3, 13)

# Windows refuses paths longer than this unless the machine was told otherwise; torch's deepest file lies
# this far below the environment.
LONGEST_WINDOWS_PATH = 259
DEEPEST_FILE = 150

NO_WINDOW = getattr(subprocess, "CREATE_NO_WINDOW", 0)
_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)  # Windows has none
_SHORT_SECONDS = 120
LOCK_SECONDS = 3.0  # seconds that a lock is waited for


def python_in(folder: Path, system: str = SYSTEM) -> Path:
    """Find the interpreter of the virtual environment in `folder`."""
    return folder / "Scripts" / "python.exe" if system == WINDOWS else folder / "bin" / "python"


def blenders_python(executable: Path, prefix: Path, version: tuple[int, int], system: str = SYSTEM) -> Path:
    """Find the interpreter that Blender brings: `executable` (sys.executable) where that is one.

    Where Blender was built with the system's Python it may be Blender itself; then it is looked for in
    `prefix` (sys.base_prefix).
    """
    if executable.stem.startswith("python"):
        return executable
    names = ("bin/python.exe", "python.exe") if system == WINDOWS else ("bin/python{}.{}".format(*version),)
    return next((path for name in names if (path := prefix / name).exists()), executable)


def other_python(system: str = SYSTEM) -> str:
    """Tell how to get a Python that makes environments, where Blender's own cannot."""
    least, most = (".".join(map(str, version)) for version in (OLDEST_PYTHON, NEWEST_PYTHON))
    name = f"name another 64-bit Python, from {least} to {most}, in the preferences"
    if system == "Linux":
        return f"Install python3-venv (on Debian and Ubuntu), or {name}."
    return f"Install Python from python.org, and {name}."


def forget_interpreter(folder: Path, system: str = SYSTEM) -> None:
    """Take the interpreter out of a virtual environment, so that `venv` puts in another."""
    for link in python_in(folder, system).parent.glob("python*"):
        link.unlink()


def check_path(folder: Path, system: str = SYSTEM) -> None:
    """Refuse a folder whose files would get paths that the system cannot open."""
    if not folder.is_absolute():
        raise SetupError(f"{folder} is not an absolute path.", "Choose a folder with its whole path.")
    if system == WINDOWS and len(str(folder)) + DEEPEST_FILE > LONGEST_WINDOWS_PATH:
        raise SetupError(
            f"The path {folder} is too long for Windows once torch is in it.",
            f"Choose a folder whose path has at most {LONGEST_WINDOWS_PATH - DEEPEST_FILE} characters,"
            r" such as C:\Patina.",
        )


_REMOVED = ("__PYVENV_LAUNCHER__", "VIRTUAL_ENV", "PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "OMP_THREAD_LIMIT")


def clean_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Take out of `environment` what would steer another Python, and add what pip must not do.

    A limit of OpenMP's threads goes too: with fewer of them than it counts on, torch computes rubbish.
    Everything else of pip's configuration is left to apply: its files, its index, proxy, certificates.
    """
    kept = {
        name: value
        for name, value in environment.items()
        if not name.upper().startswith("PYTHON") and name.upper() not in _REMOVED
    }
    return kept | {
        "PIP_USER": "0",
        "PIP_NO_INPUT": "1",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_NO_COLOR": "1",
        "PYTHONUTF8": "1",  # pip's words arrive as UTF-8, whatever the system's code page
    }


# What a backend may know of its surroundings: where things are, the language, what steers its libraries and
# its cards, and the way to the network, for weights. Not the keys and tokens that some keep there.
_BACKENDS_NAMES = (
    *(
        "PATH",
        "HOME",
        "USER",
        "LOGNAME",
        "LANG",
        "LANGUAGE",
        "TZ",
        "TMPDIR",
        "TEMP",
        "TMP",
        "LD_LIBRARY_PATH",
    ),
    *("SYSTEMROOT", "SYSTEMDRIVE", "WINDIR", "COMSPEC", "PATHEXT", "USERPROFILE", "HOMEDRIVE", "HOMEPATH"),
    *("APPDATA", "LOCALAPPDATA", "PROGRAMDATA", "NUMBER_OF_PROCESSORS", "PYTHONUTF8"),
    *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"),
)
_BACKENDS_PREFIXES = (
    *("PATINA_", "LC_", "XDG_", "SSL_CERT_", "DYLD_", "PROGRAMFILES", "PROCESSOR_", "MALLOC_"),
    *("CUDA", "NVIDIA_", "CUBLAS", "CUDNN", "HIP_", "HSA_", "ROC", "TORCH", "PYTORCH_"),
    *("OMP_", "KMP_", "GOMP_", "MKL_", "OPENBLAS_", "ONEDNN_", "DNNL_"),
)


def backend_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Take what of `environment` the backend needs for its work, and nothing else."""
    return {
        name: value
        for name, value in clean_environment(environment).items()
        if name.upper() in _BACKENDS_NAMES or name.upper().startswith(_BACKENDS_PREFIXES)
    }


def offline_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Leave pip in `environment` no address to go to: no configuration, no index, no links."""
    kept = {name: value for name, value in environment.items() if not name.upper().startswith("PIP_")}
    own = {name: value for name, value in clean_environment({}).items() if name.startswith("PIP_")}
    return kept | own | {"PIP_CONFIG_FILE": os.devnull, "PIP_NO_INDEX": "1"}


def run(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Run a short command to its end, without a window."""
    return subprocess.run(
        command,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        timeout=_SHORT_SECONDS,
        env=clean_environment(os.environ),
        creationflags=NO_WINDOW,
    )


def start(command: Sequence[str], environment: Mapping[str, str], folder: Path) -> subprocess.Popen[str]:
    """Start `command` with pipes for all three streams, in a group of its own and without a window."""
    try:
        return subprocess.Popen(
            command,
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,  # without effect on Windows
            creationflags=NO_WINDOW,
        )
    except OSError as error:
        raise SetupError(
            f"{command[0]} cannot be started: {error.strerror}.", "Name another Python in the preferences."
        ) from error


def end(process: subprocess.Popen[str], system: str = SYSTEM) -> None:
    """End a process that `start` began, and all that it began in turn; wait until it is gone."""
    if system == WINDOWS:
        run(["taskkill", "/F", "/T", "/PID", str(process.pid)])
    else:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@dataclass(frozen=True)
class Python:
    """A Python that may carry the environment."""

    path: Path
    version: tuple[int, int, int]


_QUESTION = """
import importlib.util, json, struct, sys
missing = [name for name in ("venv", "ensurepip") if importlib.util.find_spec(name) is None]
print(json.dumps({"version": sys.version_info[:3], "bits": struct.calcsize("P") * 8, "missing": missing}))
"""


def ask_python(path: Path) -> Python:
    """Ask the interpreter at `path` what it is. Raises SetupError if it cannot carry the environment."""
    cure = "Name a 64-bit Python from {}.{} to {}.{} in the preferences.".format(
        *OLDEST_PYTHON, *NEWEST_PYTHON
    )
    try:
        answer = json.loads(run([str(path), "-I", "-c", _QUESTION]).stdout)
    except (OSError, ValueError, subprocess.TimeoutExpired):
        raise SetupError(f"{path} is not a Python that runs.", cure) from None
    version = tuple(answer["version"])
    if not OLDEST_PYTHON <= version[:2] <= NEWEST_PYTHON:
        age = "old" if version[:2] < OLDEST_PYTHON else "new"
        raise SetupError(f"{path} is Python {'.'.join(map(str, version))}, too {age} for torch.", cure)
    if answer["bits"] != 64:
        raise SetupError(f"{path} is a 32-bit Python.", cure)
    if answer["missing"]:
        raise SetupError(
            f"{path} lacks the module {answer['missing'][0]}.",
            other_python(),
        )
    return Python(path, version)


def machine(system: str = SYSTEM) -> str:
    """Name the processor's family: x86_64 or arm64."""
    name = platform.machine().lower()
    return {"amd64": "x86_64", "aarch64": "arm64"}.get(name, name)


def has_nvidia(system: str = SYSTEM) -> bool:
    """Whether an NVIDIA driver is installed."""
    if system == WINDOWS:
        return (Path(os.environ.get("SYSTEMROOT", r"C:\Windows")) / "System32" / "nvcuda.dll").exists()
    return Path("/proc/driver/nvidia/version").exists() or shutil.which("nvidia-smi") is not None


def has_amd(system: str = SYSTEM) -> bool:
    """Whether Linux's driver for computing on AMD cards is there."""
    return system == "Linux" and Path("/dev/kfd").exists()


def size_of(folder: Path) -> int:
    """Count the bytes of all files under `folder`; files that vanish meanwhile do not count."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                total += os.lstat(os.path.join(place, name)).st_size  # noqa: PTH118 - twenty thousand files
    return total


def free_bytes(folder: Path) -> int:
    """Count the bytes that are free where `folder` is or will be."""
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free


def settle() -> None:
    """Have the disk hold what was written: a power cut then finds files whole. Windows has no such call."""
    if hasattr(os, "sync"):
        os.sync()


def replace_text(path: Path, text: str) -> None:
    """Write `path` anew, whole or not at all, also if the power goes. Raises OSError.

    A file or link that lies in wait under the name that is written first is never followed.
    """
    beside = path.with_name(f"{path.name}.{secrets.token_hex(4)}.part")
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NO_FOLLOW, 0o666)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        beside.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            beside.unlink()
        raise


def remove_tree(folder: Path) -> None:
    """Remove `folder` and all in it, read-only files too (Windows refuses those at first)."""

    def try_again(function: Callable[..., object], path: str, _: object) -> None:
        os.chmod(path, stat.S_IWRITE)  # noqa: PTH101
        function(path)

    if folder.exists():
        # `onerror` became `onexc` in Python 3.12; the old name works in all the versions served here.
        shutil.rmtree(folder, onerror=try_again)


@contextlib.contextmanager
def lock(path: Path) -> Iterator[None]:
    """Hold the lock file `path`; raise SetupError if another process still does after LOCK_SECONDS.

    The system frees it when the holder ends, however it ends; but a program that the holder was just
    starting as it was killed has it too, until it runs: on a busy machine for most of a second.
    """
    until = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            handle = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | _NO_FOLLOW, 0o666), "a")
        except OSError as error:
            raise SetupError(
                f"{path.parent} cannot be written to: {error.strerror}.",
                "Choose another folder in the preferences, or allow writing to this one.",
            ) from error
        try:
            _take(handle.fileno())
        except OSError:
            handle.close()
            if time.monotonic() < until:
                time.sleep(0.05)
                continue
            raise SetupError(
                "Another Blender or terminal is setting up this environment.",
                "Wait until it has finished, then try again.",
            ) from None
        # Whoever held it before may have removed the file: then this is a lock on nothing.
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(handle.fileno()), path.stat()):
                break
        handle.close()
    try:
        yield
    finally:
        with contextlib.suppress(OSError):  # Windows does not remove an open file; it has no bytes
            if not os.fstat(handle.fileno()).st_size:  # and one with bytes is somebody's own
                path.unlink()
        handle.close()


if sys.platform == "win32":
    import msvcrt

    def _take(descriptor: int) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _take(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
