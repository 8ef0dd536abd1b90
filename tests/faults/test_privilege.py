"""Least privilege: no shell, no port, no more of the environment, the network and the disk than is needed."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
import tomllib

sys.path.append(str(Path(__file__).parents[1] / "backend"))

from test_stylize_job import INPUTS, JOB, folder_of

from addon.setup.system import backend_environment

ROOT = Path(__file__).parents[2]
SOURCES = [path for room in ("addon", "backend") for path in (ROOT / room).rglob("*.py")]
SHELLS = {"os.system", "os.popen", "subprocess.getoutput", "subprocess.getstatusoutput", "eval", "exec"}
# Who compiles or runs text: plugins that a person names on the command line.
ALLOWED = {("backend/plugins.py", "exec")}


def calls(path: Path) -> list[ast.Call]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return [node for node in ast.walk(tree) if isinstance(node, ast.Call)]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_goes_through_a_shell_and_no_text_is_run(path):
    for call in calls(path):
        name = ast.unparse(call.func)
        assert name not in SHELLS or (path.relative_to(ROOT).as_posix(), name) in ALLOWED, ast.unparse(call)
        shell = next((word.value for word in call.keywords if word.arg == "shell"), None)
        assert shell is None or ast.unparse(shell) == "False", ast.unparse(call)
        assert name.rpartition(".")[2] not in ("listen", "create_server", "serve_forever"), ast.unparse(call)


def test_the_manifest_asks_for_what_is_used_and_no_more():
    asked = set(tomllib.loads((ROOT / "blender_manifest.toml").read_text())["permissions"])
    text = "\n".join(path.read_text(encoding="utf-8") for path in SOURCES)
    signs = {
        "files": r"\.write_bytes\(|replacing\(",
        "network": r"urlopen|online_access",
        "clipboard": r"\.clipboard\b",
        "camera": r"VideoCapture|getUserMedia",
        "microphone": r"\baud\b|sounddevice",
    }
    assert asked == {name for name, sign in signs.items() if re.search(sign, text)}


def test_a_backend_gets_no_more_of_the_environment_than_it_needs():
    given = {
        "PATH": "/bin",
        "CUDA_VISIBLE_DEVICES": "0",
        "https_proxy": "p",
        "LC_ALL": "C",
        "SystemRoot": "C:",
    }
    kept = {"PATINA_WEIGHTS": "/w", "SSL_CERT_FILE": "/c"}
    secret = {
        "AWS_SECRET_ACCESS_KEY": "x",
        "GITHUB_TOKEN": "y",
        "SSH_AUTH_SOCK": "/s",
        "PIP_INDEX_URL": "u:p@i",
    }
    secret |= {
        "PYTHONPATH": "/p",
        "LD_PRELOAD": "/evil.so",
        "OMP_THREAD_LIMIT": "1",
        "BLENDER_USER_CONFIG": "/b",
    }
    assert backend_environment(given | kept | secret) == given | kept | {"PYTHONUTF8": "1"}


@pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace")
def test_a_job_has_no_network_and_writes_into_its_folder_alone(tmp_path):
    """As the system sees it: every call of a whole job, of all its threads.

    Python itself asks ldconfig where a library is, the system's own service who the user is, and tries
    whether the temporary folder can be written.
    """
    folder, trace = folder_of(tmp_path / "job", JOB), tmp_path / "trace"
    files = "open,openat,creat,unlink,unlinkat,rename,renameat,renameat2,mkdir,mkdirat,symlink,link,truncate"
    watched = f"execve,execveat,socket,connect,bind,listen,{files}"
    command = ["strace", "-f", "-qq", "-e", f"trace={watched}", "-o", str(trace)]
    command += [sys.executable, "-E", "-s", "-B", "-m", "backend", "run", str(folder)]
    job = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    said = job.stdout.read()
    job.wait(60)
    job.stdin.close()
    job.stdout.close()
    if "ptrace" in said or not trace.is_file():
        pytest.skip("this system does not let it be watched")
    assert '"finished"' in said
    lines = [line for line in trace.read_text().splitlines() if " = -1 " not in line]
    programs = [line.split('"')[1] for line in lines if "execve(" in line]
    assert [Path(program).name for program in programs[1:]] in ([], ["ldconfig"])
    talks = [line for line in lines if re.search(r"\b(bind|listen|socket|connect)\(", line)]
    assert [line for line in talks if "AF_UNIX" not in line] == []
    changes = r"O_WRONLY|O_RDWR|O_CREAT|\b(unlink|rename|mkdir|creat|symlink|link|truncate)(at2?)?\("
    writes = [line for line in lines if re.search(changes, line)]
    gone = {match[1] for line in lines if (match := re.search(r'unlink\("([^"]+)"', line))}
    tried = {name for name in gone if Path(name).parent == Path(tempfile.gettempdir())}
    own = (str(folder), "/dev/null", "/dev/shm/", "/proc/self/", "/dev/tty", *tried)
    assert writes
    assert [line for line in writes if not any(f'"{place}' in line for place in own)] == []
    read = {match[1] for line in lines if (match := re.search(rf'"{folder}/([^"]+)', line))}
    assert read >= INPUTS
