"""What a Blender that the recipe names does: .blend files, painted by the add-on through `patina stylize`.

And models of other kinds as .blend and .fbx.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import PatinaError
from ..models import through_blender
from ..protocol.files import REPORT_FILE
from ..writing import write_bytes
from .asset import Asset
from .page import write_model_script
from .portrait import write_portraits

MAX_SECONDS = 600  # for what takes seconds
BLEND_FILE, FBX_FILE, MODEL_FILE = "painted.blend", "painted.fbx", "model.glb"
FROM_GLB = Path(__file__).parents[2] / "addon" / "from_glb.py"
# What the panel calls fields of a job otherwise.
NAMES = {"colors": "palette"}
IN_PYTHON = """
import os, sys
import bpy
import addon_utils  # which bpy brings
addon_utils.enable("bl_ext.user_default.patina")
from bl_ext.user_default.patina.addon import command
code = command.main(sys.argv[1:])
sys.stdout.flush()
os._exit(code)  # some versions of bpy hang as they end
"""


def command(blender: str, *words: str) -> list[str]:
    """Make the command line of `patina` in a Blender, or in a Python with bpy."""
    if Path(blender).name.lower().startswith("python"):
        return [blender, "-B", "-c", IN_PYTHON, *words]
    return [blender, "--command", "patina", *words]


def check(blender: str) -> None:
    """Raise PatinaError where `blender` has no Patina."""
    run = _tried(command(blender, "--help"))
    if run.returncode or "stylize" not in run.stdout:
        raise PatinaError(
            f"{blender} does not know `--command patina`.{_last(run)}", "Install Patina there.", "blender"
        )


def check_converts(blender: str) -> None:
    """Raise PatinaError where `blender` is no Blender that could write models as other files."""
    run = _tried(through_blender.command(blender, FROM_GLB))
    if run.returncode:
        raise PatinaError(
            f"{blender} does not run Blender's scripts.{_last(run)}",
            "Name a Blender, or a Python with bpy.",
            "blender",
        )


def _tried(words: list[str]) -> subprocess.CompletedProcess[str]:
    """Run a command that is soon done. Raises PatinaError where it cannot be started."""
    try:
        return subprocess.run(
            words, capture_output=True, text=True, timeout=MAX_SECONDS, check=False, errors="replace"
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise PatinaError(f"{words[0]} cannot be started: {error}.", "Name another.", "blender") from None


def _last(run: subprocess.CompletedProcess[str]) -> str:
    words = (run.stderr or run.stdout).strip().splitlines()
    return f" It says: {words[-1]}" if words else ""


def converted(asset: Asset, model: Path) -> list[Path]:
    """Write a painted model as the .blend and .fbx that were asked for. Raises PatinaError."""
    kinds = {"blend": BLEND_FILE, "fbx": FBX_FILE}
    targets = [model.with_name(name) for kind, name in kinds.items() if kind in asset.outputs]
    if not targets:
        return []
    for target in targets:
        target.unlink(missing_ok=True)  # what was made before does not stand for this
    run = _tried(through_blender.command(asset.blender, FROM_GLB, str(model), *map(str, targets)))
    print(run.stdout, run.stderr, flush=True)
    lacking = [target.name for target in targets if not target.is_file()]
    if run.returncode or lacking:
        names = ", ".join(lacking or [target.name for target in targets])
        raise PatinaError(f"Blender did not write {names}.{_last(run)}", "See its log.", "blender")
    return targets


def settings_of(fields: Mapping[str, Any]) -> list[str]:
    """Make the words by which `patina stylize` sets the fields of a job, as the panel has them."""
    words = []
    for name, value in fields.items():
        if name in ("parameterization", "device", "rasterizer", "framing"):
            continue
        if name == "follow_shape":
            words += ["--set", "use_follow_shape=true"]
        words += ["--set", f"{NAMES.get(name, name)}={json.dumps(value)}"]
    return words


def paint(asset: Asset) -> list[Path]:
    """Paint every object of a .blend file, and give the files that were asked for. Raises PatinaError."""
    folder = Path(asset.folder)
    painted = folder / BLEND_FILE
    styles = [word for style in asset.styles for word in ("--style", style.image)]
    record = _run(
        asset,
        *("stylize", asset.source, *styles, *settings_of(asset.fields)),
        *("--out", str(painted), "--overwrite"),
    )
    job = Path(record["results"][0]["folder"])
    write_portraits(job, folder)
    write_bytes(folder / REPORT_FILE, (job / REPORT_FILE).read_bytes())
    files = [painted]
    if "glb" in asset.outputs:
        files.append(_exported(asset, painted, "godot", folder / MODEL_FILE))
        write_model_script(folder, asset.name, folder / MODEL_FILE)
    if "fbx" in asset.outputs:
        files.append(_exported(asset, painted, "unity", folder / FBX_FILE))
    return files


def _exported(asset: Asset, painted: Path, preset: str, out: Path) -> Path:
    _run(asset, "export", str(painted), "--for", preset, "--out", str(out), "--overwrite")
    return out


def _run(asset: Asset, *words: str) -> dict[str, Any]:
    """Run a verb of `patina`, and give what it says. Raises PatinaError."""
    run = subprocess.run(
        command(asset.blender, *words, "--json"),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        errors="replace",
        check=False,
    )
    print(run.stdout, flush=True)
    for line in reversed(run.stdout.splitlines()):
        if line.startswith("{"):
            record: dict[str, Any] = json.loads(line)
            break
    else:
        raise PatinaError(f"Blender ended with exit code {run.returncode}.", "See its log.", "blender")
    errors = [one for one in (record, *record.get("results", ())) if one.get("error")]
    if errors:
        raise PatinaError(str(errors[0]["error"]), str(errors[0].get("cure", "")))
    return record
