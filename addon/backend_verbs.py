"""Verbs of the backend that are over in seconds, and waited for."""

from __future__ import annotations

import os
import subprocess

from ..backend.errors import PatinaError
from . import folders
from .process import python_command
from .setup.system import NO_WINDOW, backend_environment

SECONDS = 600  # that one may take


def run(verb: str, *words: str) -> None:
    """Run `python -m backend VERB WORDS`, which makes what it is called after. Raises PatinaError."""
    finish(verb, start(verb, *words))


def start(verb: str, *words: str) -> subprocess.Popen[str]:
    """Start a verb, for `finish`. Raises PatinaError."""
    try:
        return subprocess.Popen(
            python_command(folders.backend_python(), "-m", "backend", verb, *words),
            cwd=folders.EXTENSION,
            env=backend_environment(os.environ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            creationflags=NO_WINDOW,
        )
    except OSError as error:
        raise PatinaError(f"The {verb} was not written: {error}.", "", verb) from None


def finish(verb: str, process: subprocess.Popen[str]) -> None:
    """Wait until a verb is over. Raises PatinaError where it failed."""
    try:
        _, words = process.communicate(timeout=SECONDS)
    except subprocess.TimeoutExpired as error:
        process.kill()
        raise PatinaError(f"The {verb} was not written: {error}.", "", verb) from None
    if process.returncode:
        raise PatinaError(f"The {verb} was not written. {words.strip()[-500:]}", "", verb)
