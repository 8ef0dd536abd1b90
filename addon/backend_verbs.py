"""Verbs of the backend that are over in seconds, and waited for."""

from __future__ import annotations

import os
import subprocess

from ..backend.protocol import PatinaError
from . import folders
from .process import python_command
from .setup.system import backend_environment

SECONDS = 600  # that one may take


def run(verb: str, *words: str) -> None:
    """Run `python -m backend VERB WORDS`, which makes what it is called after. Raises PatinaError."""
    try:
        done = subprocess.run(
            python_command(folders.backend_python(), "-m", "backend", verb, *words),
            cwd=folders.EXTENSION,
            env=backend_environment(os.environ),
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise PatinaError(f"The {verb} was not written: {error}.", "", verb) from None
    if done.returncode:
        raise PatinaError(f"The {verb} was not written. {done.stderr.strip()[-500:]}", "", verb)
