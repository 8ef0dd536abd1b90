"""Files for printers: the shape as it is seen goes to the backend as a GLB, and comes back as asked."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import bpy

from ...backend.protocol import PatinaError, read_event
from .. import folders
from ..process import death, python_command
from ..setup.system import backend_environment
from .copies import copies
from .textures import grey16_png, read_pixels

_PATIENCE_SECONDS = 600


def export(
    context: bpy.types.Context,
    objects: list[bpy.types.Object],
    preset: str,
    path: Path,
    settings: bpy.types.PropertyGroup,
    overwrite: bool,
) -> dict[str, Any]:
    """Write `objects` to `path` by the backend's `preset`; gives its report. Raises PatinaError."""
    python = folders.backend_python()
    with tempfile.TemporaryDirectory(prefix="patina-print-", ignore_cleanup_errors=True) as folder:
        model = Path(folder, "model.glb")
        with copies(context, objects):
            bpy.ops.export_scene.gltf(
                filepath=str(model),
                export_format="GLB",
                use_selection=True,
                export_apply=True,
                export_animations=False,
                export_skins=False,  # the pose is then in the vertices
                export_current_frame=True,
                export_morph=False,
                export_yup=True,
            )
        arguments = ["--preset", preset, "--out", str(path), "--size-mm", str(settings.size_mm)]
        arguments += ["--min-wall-mm", str(settings.min_wall_mm), "--json"]
        arguments += ["--repair"] * settings.repair + ["--overwrite"] * overwrite
        if settings.height is not None and preset != "print-check":
            height = Path(folder, "height.png")
            height.write_bytes(grey16_png(read_pixels(settings.height)[..., :3].mean(axis=-1)))
            arguments += ["--height", str(height), "--relief-mm", str(settings.relief_mm)]
        return _ask_backend(python, "export", str(model), *arguments)


def check(
    context: bpy.types.Context, objects: list[bpy.types.Object], settings: bpy.types.PropertyGroup
) -> dict[str, Any]:
    """The print check's report on `objects` at the size that is set. Raises PatinaError."""
    with tempfile.TemporaryDirectory(prefix="patina-check-", ignore_cleanup_errors=True) as folder:
        return export(context, objects, "print-check", Path(folder, "check.json"), settings, False)


def _ask_backend(python: Path, *arguments: str) -> dict[str, Any]:
    try:
        ran = subprocess.run(
            python_command(python, "-m", "backend", *arguments),
            cwd=folders.EXTENSION,
            env=backend_environment(os.environ),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=_PATIENCE_SECONDS,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
    except subprocess.TimeoutExpired:
        raise PatinaError(
            f"The backend took more than {_PATIENCE_SECONDS // 60} minutes.", "Simplify the mesh.", "backend"
        ) from None
    except OSError as error:
        raise PatinaError(
            f"The backend's Python, {python}, cannot be started: {error.strerror}.",
            "Set up the backend in Preferences > Add-ons > Patina.",
            "backend",
        ) from None
    line = ran.stdout.strip().rpartition("\n")[2]
    event = read_event(line) or (death(ran.returncode, ran.stderr.splitlines()) if ran.returncode else None)
    if event:
        raise PatinaError(event.message, event.cure, event.field)
    return json.loads(line)
