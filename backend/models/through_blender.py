"""Models of formats that Blender alone reads, as a GLB: made by a Blender of the user's, in its process."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path

from ..errors import PatinaError
from ..reading import read_bytes

SUFFIXES = (".fbx", ".usd", ".usda", ".usdc", ".usdz", ".stl", ".abc", ".dae")
USD = (".usd", ".usda", ".usdc", ".usdz")
PACKED = (".usd", ".usdc", ".usdz")  # the names of files are compressed in them
# What such a model may name beside it; one in USD may also name others.
PICTURES = (
    *(".png", ".jpg", ".jpeg", ".tga", ".tif", ".tiff", ".bmp", ".webp", ".exr", ".hdr", ".dds", ".psd"),
    *(".jp2", ".j2c", ".gif", ".sgi", ".rgb", ".bw", ".cin", ".dpx"),
)
VARIABLE = "PATINA_BLENDER"  # names Blender, or a Python that has it as a library
SCRIPT = Path(__file__).parents[2] / "addon" / "as_glb.py"
MAX_SECONDS = 600


def glb(path: Path) -> bytes:
    """Read the model at `path` through Blender and give it as a GLB.

    Raises PatinaError naming the file where no Blender is named, or it cannot read it.
    """
    blender = os.environ.get(VARIABLE)
    if not blender:
        raise PatinaError(
            f"{path.name} is of a kind that only Blender reads.",
            "Import it there, and paint it with the add-on, or export it as .glb; "
            f"or name Blender's program in the variable {VARIABLE}.",
            "model",
        )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        done = _run(command(blender, SCRIPT, str(path.resolve()), name), name)
        if (folder / "problem.txt").is_file():
            message, cure = (folder / "problem.txt").read_text(encoding="utf-8").split("\n", 1)
            raise PatinaError(message, cure, "model")
        if not (folder / "model.glb").is_file():
            last = (done.strip().splitlines() or ["it said nothing"])[-1]
            raise PatinaError(
                f"{path.name} could not be read through {blender}: {last[:200]}",
                f"Let {VARIABLE} name Blender 4.2 or later, or a Python with its library, bpy.",
                "model",
            )
        return read_bytes(folder / "model.glb")


def command(blender: str, script: Path, *words: str) -> list[str]:
    """Make the command line by which a Blender, or a Python with bpy, runs `script` with `words`."""
    if Path(blender).name.lower().startswith("python"):
        return [blender, "-B", str(script), *words]
    options = ("--background", "--factory-startup", "--disable-autoexec", "--python-exit-code", "1")
    return [blender, *options, "--python", str(script), "--", *words]


def _run(command: list[str], folder: str) -> str:
    """Run it, with the user's settings of Blender left out, and give what it said. Raises PatinaError."""
    environment = os.environ | {"BLENDER_USER_RESOURCES": folder}
    try:
        done = subprocess.run(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            timeout=MAX_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        why = error.strerror if isinstance(error, OSError) else f"it took longer than {MAX_SECONDS} s"
        raise PatinaError(
            f"Blender cannot be run as {command[0]}: {why}.", f"Look at the variable {VARIABLE}.", "model"
        ) from None
    return done.stdout
