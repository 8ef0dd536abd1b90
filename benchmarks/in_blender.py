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
SECONDS = 900  # on a slow machine; two minutes on two cores


def first_paint(triangles: tuple[int, ...] = TRIANGLES) -> None:
    """Measure spheres of about so many triangles, each size cold and warm."""
    with tempfile.TemporaryDirectory(prefix="patina-bench-", ignore_cleanup_errors=True) as folder:
        user, out = Path(folder, "user"), Path(folder, "out.json")
        extension = user / "extensions" / "user_default" / "patina"
        extension.parent.mkdir(parents=True)
        extension.symlink_to(ROOT, target_is_directory=True)
        backend = os.environ.get("PATINA_BACKEND", str(ROOT / ".env" / "backend"))
        try:
            subprocess.run(
                [PYTHON, "-B", ROOT / "benchmarks" / "first_paint.py", out, *map(str, triangles)],
                env=os.environ | {"BLENDER_USER_RESOURCES": str(user), "PATINA_BACKEND": backend},
                timeout=SECONDS,
                check=True,
            )
        finally:  # what was measured until then
            if out.exists():
                results.record("first_paint", json.loads(out.read_text(encoding="utf-8")))
