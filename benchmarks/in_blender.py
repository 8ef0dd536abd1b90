"""What is measured in a Python with bpy: how soon after the button paint shows, by `first_paint.py`."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from pathlib import Path

from . import results
from .subjects import ROOT

TRIANGLES = (600, 100_000, 2_000_000)
PYTHON = ROOT / ".env" / "blender" / "bin" / "python"  # as `make blender` makes it
SECONDS = 1800  # for the largest object on a slow machine


def first_paint(triangles: tuple[int, ...] = TRIANGLES) -> None:
    """Measure spheres of about so many triangles, each size cold and warm."""
    with tempfile.TemporaryDirectory(prefix="patina-bench-", ignore_cleanup_errors=True) as folder:
        user, out = Path(folder, "user"), Path(folder, "out.json")
        extension = user / "extensions" / "user_default" / "patina"
        extension.parent.mkdir(parents=True)
        extension.symlink_to(ROOT, target_is_directory=True)
        backend = os.environ.get("PATINA_BACKEND", str(ROOT / ".env" / "backend"))
        subprocess.run(
            [PYTHON, "-B", ROOT / "benchmarks" / "first_paint.py", out, *map(str, triangles)],
            env=os.environ | {"BLENDER_USER_RESOURCES": str(user), "PATINA_BACKEND": backend},
            timeout=SECONDS,
            check=True,
        )
        found = json.loads(out.read_text(encoding="utf-8"))
    results.record("first_paint", {"blender": found["blender"], "seconds": found["seconds"]})
