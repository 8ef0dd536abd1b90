"""One run of pip, or of another module, in the environment: cancel, and errors in plain words.

Pip is run as it is, so a studio's own settings of it (index, proxy, certificates) hold here too.
"""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from . import system
from .errors import Cancelled, SetupError

_CHILD = Path(__file__).with_name("child.py")
_TICK = 0.1  # seconds between looks at a running pip
_KEPT_LINES = 60

# What pip says, what it means, and what to do. The first that matches counts.
_MEANINGS = (
    (
        r"No space left|Errno 28|WinError 112|Disk quota|Errno 122",
        "The disk is full.",
        "Free some space, or choose a folder on another disk; then press Set up: it goes on from there.",
    ),
    (
        r"DO NOT MATCH THE HASHES|HashMismatch",
        "A package is not the one that was asked for: its hash is wrong.",
        "Try again; if it happens again, the index or the wheel folder holds altered files: use another.",
    ),
    (
        r"Permission denied|Errno 13|WinError (5|32)\b|Read-only file system|Errno 30",
        "A file cannot be written.",
        "Stop the running job, close other Blenders, and check that the folder may be written to.",
    ),
    (
        r"ProxyError|Tunnel connection failed|407 Proxy",
        "The proxy refused the connection.",
        "Check the proxy in pip's settings (`pip config list`).",
    ),
    (
        r"CERTIFICATE_VERIFY_FAILED|SSLError",
        "The index's certificate is not trusted.",
        "Behind a studio's proxy, name its certificate to pip (`pip config set global.cert FILE`).",
    ),
    (
        r"Failed to establish a new connection|NewConnectionError|NameResolutionError|Max retries exceeded"
        r"|Connection(Reset|Aborted|Refused)|Network is unreachable"
        r"|ReadTimeout|ConnectTimeout|IncompleteRead|IncompleteDownload",
        "The network was lost, or the package index cannot be reached.",
        "Check the connection, then press Set up: it goes on from there. Or set up from a wheel folder.",
    ),
    (
        r"requirement (?P<what>\S+).*\(from versions: none\)",
        "{what} was not found: the index cannot be reached, or there is none for this Python and system.",
        "Check the connection and the index address; a wheel folder must be for this very version of Python.",
    ),
    (
        r"No matching distribution found for (?P<what>\S+)",
        "{what} was not found: there are other versions of it, not this one.",
        "Check the index address or the wheel folder, or choose another torch or another Python.",
    ),
)


def explain(output: str) -> SetupError:
    """Find the error that pip's `output` amounts to."""
    for pattern, message, cure in _MEANINGS:
        match = re.search(pattern, output, re.IGNORECASE)
        if match:
            return SetupError(message.format(**match.groupdict()), cure)
    errors = [line for line in output.splitlines() if line.startswith("ERROR")] or output.splitlines()[-1:]
    return SetupError(
        f"pip failed: {errors[0] if errors else 'it said nothing.'}",
        "Try again; if it happens again, report it.",
    )


def run(
    python: Path,
    arguments: Sequence[str],
    folder: Path,
    environment: Mapping[str, str],
    tick: Callable[[], None],
) -> None:
    """Run a module, `pip` for one, by its name and ARGUMENTS, with its temporary files in `folder`.

    `tick` is called ten times a second, and ends the run by raising. Raises SetupError when pip fails.
    """
    folder.mkdir(parents=True, exist_ok=True)
    temporary = {name: str(folder) for name in ("TMPDIR", "TEMP", "TMP")}
    command = [str(python), "-I", str(_CHILD), *arguments]
    process = system.start(command, {**environment, **temporary}, folder)
    output = run_to_end(process, tick)
    if process.returncode:
        raise explain(output)


def run_to_end(process: subprocess.Popen[str], tick: Callable[[], None]) -> str:
    """Wait for `process`, calling `tick`, and give its last lines. If `tick` raises, the process is ended."""
    lines: deque[str] = deque(maxlen=_KEPT_LINES)
    assert process.stdout is not None
    assert process.stdin is not None
    reader = threading.Thread(target=lines.extend, args=(process.stdout,), daemon=True)
    reader.start()
    try:
        while True:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_TICK)
                break
            tick()
    except (Cancelled, SetupError, OSError, KeyboardInterrupt):
        system.end(process)
        raise
    finally:
        reader.join(5)
        process.stdin.close()
        process.stdout.close()
    return "".join(lines)


def source(wheelhouse: Path | None, index: str) -> tuple[list[str], dict[str, str]]:
    """Tell where pip gets packages from: its options, and the environment variables to run it with."""
    if wheelhouse is not None:
        return ["--no-index", "--find-links", str(wheelhouse)], system.offline_environment(os.environ)
    return (["--index-url", index] if index else []), system.clean_environment(os.environ)
